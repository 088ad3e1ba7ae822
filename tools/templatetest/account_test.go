package templatetest

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"pricing/samkit/samconfig"
	"pricing/samkit/verify/lint"
)

// TestAccount: cfn-lint finds nothing wrong with the account's template, and would find what is.
func TestAccount(t *testing.T) {
	t.Parallel()
	text := readFile(t, accountFile)
	faults := []struct{ old, broken, want string }{
		{
			"BlockPublicPolicy:", "BlockPublicPolicies:",
			"Resources.ArtifactBucket.Properties.PublicAccessBlockConfiguration.BlockPublicPolicies: Additional properties are not allowed",
		},
		{
			"Bucket: !Ref ArtifactBucket", "Bucket: !Ref Artefacts",
			"Resources.ArtifactBucketPolicy.Properties.Bucket.Ref: 'Artefacts' is not one of",
		},
		{"RoleName: !Sub pricing-${Env}-pipeline", "RoleName: pricing-package", "should have unique values across the resources"},
	}
	for _, f := range faults {
		require.Contains(t, text, f.old)
		text = strings.Replace(text, f.old, f.broken, 1)
	}
	broken := filepath.Join(t.TempDir(), "account.yaml")
	require.NoError(t, os.WriteFile(broken, []byte(text), 0o600))
	reports, err := python(t).Check(t.Context(), lint.Job{File: accountFile}, lint.Job{File: broken})
	require.NoError(t, err)
	assert.Empty(t, reports[0].Mistakes)
	var told string
	for _, m := range reports[1].Mistakes {
		told += strings.Join(m.Path, ".") + ": " + m.What + "\n"
	}
	for _, f := range faults {
		assert.Contains(t, told, f.want)
	}
}

// accountRole is what these tests read of a role. Intrinsic functions are read as their argument.
type accountRole struct {
	Type       string `yaml:"Type"`
	Properties struct {
		Path                     string    `yaml:"Path"`
		AssumeRolePolicyDocument yaml.Node `yaml:"AssumeRolePolicyDocument"`
		Policies                 []struct {
			PolicyDocument struct {
				Statement []accountStatement `yaml:"Statement"`
			} `yaml:"PolicyDocument"`
		} `yaml:"Policies"`
	} `yaml:"Properties"`
}

type accountStatement struct {
	Effect    string                          `yaml:"Effect"`
	Action    texts                           `yaml:"Action"`
	Resource  yaml.Node                       `yaml:"Resource"`
	Condition map[string]map[string]yaml.Node `yaml:"Condition"`
}

// UnmarshalYAML reads a statement that only a parameter brings ([condition, statement, nothing]) as if it were there.
func (s *accountStatement) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.SequenceNode {
		n = n.Content[1]
	}
	type plain accountStatement
	return n.Decode((*plain)(s))
}

// texts is a text or a list of them.
type texts []string

func (l *texts) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*l = texts{n.Value}
		return nil
	}
	return n.Decode((*[]string)(l))
}

// accountRoles returns the roles of ops/account.yaml by logical id. Those of an environment have &{Env} in it.
func accountRoles(t *testing.T) map[string]accountRole {
	t.Helper()
	text := readFile(t, accountFile)
	var template struct {
		Resources map[string]yaml.Node `yaml:"Resources"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(text), &template))
	nodes := template.Resources
	loop := nodes["Fn::ForEach::Environment"]
	require.Len(t, loop.Content, 3, "variable, list and resources")
	var each map[string]yaml.Node
	require.NoError(t, loop.Content[2].Decode(&each))
	for id, node := range each {
		nodes[id] = node
	}
	roles := map[string]accountRole{}
	for id, node := range nodes {
		if !strings.Contains(id, "Role") {
			continue
		}
		var role accountRole
		require.NoError(t, node.Decode(&role), id)
		if role.Type == "AWS::IAM::Role" { // not one that belongs to a service
			roles[id] = role
		}
	}
	return roles
}

// TestAccount_Trust: a role that GitLab's jobs assume demands exactly this project's one branch, and its environment if it has
// one. Whoever writes roles cannot reach these.
func TestAccount_Trust(t *testing.T) {
	t.Parallel()
	roles := accountRoles(t)
	for _, id := range []string{"PackageRole", "PipelineRole&{Env}"} {
		require.Contains(t, roles, id)
		var sub struct {
			Text []yaml.Node `yaml:"Fn::Sub"`
		}
		node := roles[id].Properties.AssumeRolePolicyDocument
		require.NoError(t, node.Decode(&sub), id)
		var document struct {
			Statement []struct {
				Effect, Action string
				Condition      map[string]map[string]string
			}
		}
		require.NoError(t, json.Unmarshal([]byte(sub.Text[0].Value), &document), id)
		require.Len(t, document.Statement, 1, id)
		assert.Equal(t, "sts:AssumeRoleWithWebIdentity", document.Statement[0].Action, id)
		assert.Equal(t, map[string]map[string]string{"StringEquals": {
			"${Host}:aud": "${GitLabUrl}",
			"${Host}:sub": "project_path:${ProjectPath}:ref_type:branch:ref:${Branch}${Environment}",
		}}, document.Statement[0].Condition, id)
		var values struct {
			Environment []yaml.Node `yaml:"Environment"`
		}
		require.NoError(t, sub.Text[1].Decode(&values), id)
		require.Len(t, values.Environment, 3, id)
		assert.Equal(t, "TellsEnvironment", values.Environment[0].Value, id)
		if id == "PackageRole" {
			assert.Equal(t, ":environment_protected:false", values.Environment[1].Value)
		}
	}
	for id, role := range roles {
		assert.Equal(t, "/owner/", role.Properties.Path, "%s could be rewritten by an execution role", id)
	}
}

// inScript is a call of the AWS CLI. One in backquotes is in a text for people.
var inScript = regexp.MustCompile("(?m)^[^#\n`]*\\baws (cloudformation|cloudwatch|lambda|sns) ([a-z-]+)")

// TestAccount_Pipeline: the pipeline's role may do what its scripts ask the AWS CLI for. S3 is left out, whose commands are no actions;
// the emulator of the rehearsal enforces these.
func TestAccount_Pipeline(t *testing.T) {
	t.Parallel()
	var allowed []string
	for _, policy := range accountRoles(t)["PipelineRole&{Env}"].Properties.Policies {
		for _, s := range policy.PolicyDocument.Statement {
			allowed = append(allowed, s.Action...)
		}
	}
	scripts, err := filepath.Glob("../../ops/pipeline/*.sh")
	require.NoError(t, err)
	asked := map[string]bool{}
	for _, script := range scripts {
		for _, m := range inScript.FindAllStringSubmatch(readFile(t, script), -1) {
			if m[2] == "wait" { // asks for what other commands ask for, too
				continue
			}
			action := m[1] + ":"
			for word := range strings.SplitSeq(m[2], "-") {
				action += strings.ToUpper(word[:1]) + word[1:]
			}
			asked[action] = true
			assert.Contains(t, allowed, action, script)
		}
	}
	assert.True(t, asked["sns:ListSubscriptionsByTopic"] && asked["cloudformation:CreateChangeSet"], "%v", asked)
}

// unused are the actions, and whole services, that handlers ask for to do things that template.yaml does not use.
var unused = []string{
	"ec2", "elasticfilesystem", "s3files", // networks and file systems of functions
	"kms:ListAliases", // the table's key is given by its ARN
	"kinesis", "dynamodb:DisableKinesisStreamingDestination", "dynamodb:EnableKinesisStreamingDestination",
	"dynamodb:UpdateKinesisStreamingDestination",
	"firehose", "logs:CreateLogDelivery", "logs:AssociateKmsKey", "logs:DisassociateKmsKey", "logs:PutBearerTokenAuthentication",
	"logs:PutLogGroupDeletionProtection", "logs:DeleteDataProtectionPolicy", "logs:PutDataProtectionPolicy",
	"logs:DeleteIndexPolicy", "logs:PutIndexPolicy", "logs:DeleteResourcePolicy", "logs:PutResourcePolicy",
	// global tables and imports
	"iam:CreateServiceLinkedRole", "dynamodb:AssociateTableReplica", "dynamodb:CreateTableReplica", "dynamodb:ImportTable",
	"dynamodb:ListTables", "dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem",
	"dynamodb:Query", "dynamodb:Scan", "dynamodb:UpdateItem",
	"dynamodb:DeleteResourcePolicy", "dynamodb:PutResourcePolicy", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents",
	"s3:GetObjectMetadata", "s3:ListBucket", "s3:REST.PUT.OBJECT",
	"iam:DeleteRolePermissionsBoundary", "iam:ListRoles",
	// what else may have a web ACL, and web ACLs that use what others own or sell
	"amplify", "apprunner", "appsync", "bedrock-agentcore", "cognito-idp", "elasticloadbalancing", "payments",
	"wafv2:GetPermissionPolicy", "wafv2:PutPermissionPolicy",
	"iam:DeleteGroupPolicy", "iam:DeleteUserPolicy", "iam:GetGroupPolicy", "iam:GetUserPolicy", "iam:PutGroupPolicy", "iam:PutUserPolicy",
	"lambda:AssociateRuntimeAlias", "lambda:PassCapacityProvider", "lambda:PutFunctionScalingConfig",
	"lambda:DeleteFunctionCodeSigningConfig", "lambda:PutFunctionCodeSigningConfig",
}

// ofItsEnvironment are the functions of an environment.
const ofItsEnvironment = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:pricing-${Env}-*"

// TestAccount_Execution: CloudFormation's role may do what CloudFormation itself says that it needs for every type in the
// template, in every environment, and may not write outside the environment's names.
func TestAccount_Execution(t *testing.T) {
	t.Parallel()
	tools := python(t)
	environments, err := samconfig.Verified(configFile)
	require.NoError(t, err)
	var parameters []map[string]string
	for _, e := range environments {
		parameters = append(parameters, e.Parameters)
	}
	transformed := transform(t, readFile(t, templateFile), parameters...)

	role, ok := accountRoles(t)["ExecutionRole&{Env}"]
	require.True(t, ok)
	var allowed, everywhere, tagged []string
	for _, policy := range role.Properties.Policies {
		for _, s := range policy.PolicyDocument.Statement {
			require.Equal(t, "Allow", s.Effect)
			allowed = append(allowed, s.Action...)
			if slices.Contains(s.Action, "lambda:TagResource") && s.Condition == nil {
				tagged = append(tagged, s.Resource.Value)
			}
			if s.Resource.Kind == yaml.ScalarNode && s.Resource.Value == "*" {
				for _, action := range s.Action {
					_, verb, _ := strings.Cut(action, ":")
					onlyThere := action == "cloudwatch:PutCompositeAlarm"      // a narrower permission is as good as none, says its API reference
					ofFunction := s.Condition["ArnLike"]["lambda:FunctionArn"] // of a mapping, which has no name
					onlyThere = onlyThere || ofFunction.Value == ofItsEnvironment
					assert.True(t, strings.HasPrefix(verb, "List") || strings.HasPrefix(verb, "Describe") || onlyThere, "%s on everything", action)
					everywhere = append(everywhere, action)
				}
			}
		}
	}
	onEverything := []string{"cloudwatch:DescribeAlarms", "cloudwatch:PutCompositeAlarm"}
	assert.Subset(t, everywhere, onEverything, "for composite alarms they count only on everything")
	const mappings = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:event-source-mapping:*"
	assert.Subset(t, tagged, []string{ofItsEnvironment, mappings}, "both get the stack's tags by the same action")
	may := func(action string) bool {
		return slices.ContainsFunc(allowed, func(a string) bool {
			start, wild := strings.CutSuffix(a, "*")
			return strings.EqualFold(a, action) || wild && strings.HasPrefix(action, start) // IAM knows no case: wafv2:listWebACLs
		})
	}
	types := map[string]bool{}
	for _, text := range transformed {
		var template struct {
			Resources map[string]struct{ Type string }
		}
		require.NoError(t, json.Unmarshal(text, &template))
		for _, r := range template.Resources {
			types[r.Type] = true
		}
	}
	for _, name := range []string{"AWS::ApiGateway::RestApi", "AWS::DynamoDB::Table", "AWS::IAM::Role", "AWS::Lambda::Alias"} {
		require.Contains(t, types, name)
	}
	asked := map[string]bool{}
	for name := range types {
		permissions := handlerPermissions(t, tools, name)
		require.NotEmpty(t, permissions, name)
		for _, action := range permissions {
			service, _, _ := strings.Cut(action, ":")
			asked[action], asked[service] = true, true
			if slices.Contains(unused, action) || slices.Contains(unused, service) {
				continue
			}
			assert.True(t, may(action), "%s asks for %s, which the execution role lacks", name, action)
		}
	}
	for _, name := range unused {
		assert.Contains(t, asked, name, "no longer asked for")
	}
}

// boundary is the ARN of the policy that bounds an environment's roles.
const boundary = "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/owner/pricing-"

// TestAccount_CodeDeploy: CodeDeploy's role moves aliases of its own environment, and the execution role may give it to CodeDeploy alone.
// The template's gradual deployments have that role, so SAM makes none.
func TestAccount_CodeDeploy(t *testing.T) {
	t.Parallel()
	roles := accountRoles(t)
	require.Contains(t, roles, "CodeDeployRole&{Env}")
	var may []string
	for _, policy := range roles["CodeDeployRole&{Env}"].Properties.Policies {
		for _, s := range policy.PolicyDocument.Statement {
			for _, action := range s.Action {
				may = append(may, action+" "+s.Resource.Value)
			}
		}
	}
	const functions = " " + ofItsEnvironment
	assert.ElementsMatch(t, []string{
		"lambda:GetAlias" + functions, "lambda:UpdateAlias" + functions, "lambda:GetProvisionedConcurrencyConfig" + functions,
		"cloudwatch:DescribeAlarms *",
	}, may)
	passes := map[string]string{} // by whom it is passed to
	for _, policy := range roles["ExecutionRole&{Env}"].Properties.Policies {
		for _, s := range policy.PolicyDocument.Statement {
			if slices.Contains(s.Action, "iam:PassRole") {
				to := s.Condition["StringEquals"]["iam:PassedToService"]
				passes[to.Value] = s.Resource.Value
			}
		}
	}
	const role = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/"
	assert.Equal(t, map[string]string{
		"lambda.amazonaws.com": role + "pricing-${Env}-*", "codedeploy.amazonaws.com": role + "owner/pricing-${Env}-codedeploy",
	}, passes)

	groups := 0
	var template struct {
		Resources map[string]struct {
			Type       string
			Properties map[string]any
		}
	}
	environment := map[string]string{"DeployEnv": "prod", "BoundedRoles": "true", "GradualDeployments": "true"}
	require.NoError(t, json.Unmarshal(transform(t, readFile(t, templateFile), environment)[0], &template))
	for id, r := range template.Resources {
		switch r.Type {
		case "AWS::CodeDeploy::DeploymentGroup":
			groups++
			assert.Equal(t, map[string]any{"Fn::Sub": role + "owner/pricing-${DeployEnv}-codedeploy"}, r.Properties["ServiceRoleArn"], id)
		case "AWS::IAM::Role":
			assert.Contains(t, r.Properties, "PermissionsBoundary", id)
		}
	}
	assert.Positive(t, groups)
}

// TestAccount_ExecutionTrust: what AWS does not document that CloudFormation sends is asked for only where somebody has seen that it does.
func TestAccount_ExecutionTrust(t *testing.T) {
	t.Parallel()
	var document struct {
		Statement []struct {
			Condition []yaml.Node `yaml:"Condition"`
		} `yaml:"Statement"`
	}
	role := accountRoles(t)["ExecutionRole&{Env}"]
	require.NoError(t, role.Properties.AssumeRolePolicyDocument.Decode(&document))
	require.Len(t, document.Statement, 1)
	condition := document.Statement[0].Condition
	require.Len(t, condition, 3)
	assert.Equal(t, "NamesStack", condition[0].Value)
	assert.Equal(t, "AWS::NoValue", condition[2].Value)
	assert.Regexp(t, `\n  ExecutionTrustNamesStack:\n    Type: String\n    Default: "false"\n`, readFile(t, accountFile))
}

// TestAccount_Boundary: whoever can deploy a template cannot gain permissions through a role in it. The execution role writes
// roles only within the boundary. The boundary lets the template's roles do what they ask for, and nothing that grants permissions.
func TestAccount_Boundary(t *testing.T) {
	t.Parallel()
	bounded := 0
	for _, policy := range accountRoles(t)["ExecutionRole&{Env}"].Properties.Policies {
		for _, s := range policy.PolicyDocument.Statement {
			within := s.Condition["StringEquals"]["iam:PermissionsBoundary"]
			for _, action := range s.Action {
				assert.NotContains(t, []string{"iam:*", "iam:DeleteRolePermissionsBoundary"}, action)
				switch action {
				case "iam:AttachRolePolicy", "iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy":
					bounded++
					assert.Equal(t, boundary+"${Env}-boundary", within.Value, action)
				}
			}
		}
	}
	assert.Equal(t, 4, bounded, "each in one statement")

	_, after, found := strings.Cut(readFile(t, accountFile), "\n      Boundary&{Env}:\n")
	require.True(t, found)
	limits, _, found := strings.Cut(after, "\n\n")
	require.True(t, found)
	assert.NotRegexp(t, `iam:|sts:|lambda:|NotAction|\*\]|Action: "?\*`, limits)

	var template struct {
		Resources map[string]yaml.Node `yaml:"Resources"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(readFile(t, templateFile)), &template))
	var table, allRoles []string
	roles, indexes := 0, 0
	for id, node := range template.Resources {
		var resource struct {
			Type       string    `yaml:"Type"`
			Properties yaml.Node `yaml:"Properties"`
		}
		require.NoError(t, node.Decode(&resource), id)
		if id == "TableKeyPolicy" {
			var policy struct {
				Roles          []string `yaml:"Roles"`
				PolicyDocument struct {
					Statement []accountStatement `yaml:"Statement"`
				} `yaml:"PolicyDocument"`
			}
			require.NoError(t, resource.Properties.Decode(&policy), id)
			table = policy.Roles
			for _, s := range policy.PolicyDocument.Statement {
				assert.Equal(t, texts{"kms:Decrypt"}, s.Action)
				assert.Contains(t, limits, "kms:Decrypt")
			}
		}
		if resource.Type != "AWS::IAM::Role" {
			continue
		}
		roles++
		if !slices.Contains(withoutTable, strings.TrimSuffix(id, "Role")) {
			allRoles = append(allRoles, id)
		}
		var role struct {
			PermissionsBoundary []string `yaml:"PermissionsBoundary"`
			Policies            []struct {
				PolicyDocument struct {
					Statement []struct {
						Action   texts `yaml:"Action"`
						Resource texts `yaml:"Resource"`
					} `yaml:"Statement"`
				} `yaml:"PolicyDocument"`
			} `yaml:"Policies"`
		}
		require.NoError(t, resource.Properties.Decode(&role), id)
		assert.Equal(t, []string{"HasBoundary", boundary + "${DeployEnv}-boundary", "AWS::NoValue"}, role.PermissionsBoundary, id)
		for _, policy := range role.Policies {
			for _, s := range policy.PolicyDocument.Statement {
				for _, action := range s.Action {
					assert.Contains(t, limits, action, "%s is not within the boundary", id)
				}
				for _, on := range s.Resource {
					if index, ok := strings.CutPrefix(on, "${Table.Arn}/"); ok {
						indexes++
						assert.Contains(t, limits, "table/pricing-${Env}/"+index+"\n", "%s is not within the boundary", id)
					}
				}
			}
		}
	}
	assert.Len(t, functionFolders(t), roles)
	assert.Equal(t, 1, indexes)
	assert.ElementsMatch(t, allRoles, table, "with a key of our own every function that reads the table needs it")
	for _, name := range []string{"", "-*"} { // what ExistingTable may name
		assert.Contains(t, limits, "table/pricing-${Env}"+name+"\n")
	}
}

// handlerPermissions returns what CloudFormation's handlers of a type ask for. cfn-lint has the registry's schemas.
func handlerPermissions(t *testing.T, tools lint.Python, name string) (actions []string) {
	t.Helper()
	schemas, err := tools.Schemas()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(schemas, "providers", "eu-west-1.json"))
	require.NoError(t, err)
	var files map[string]string
	require.NoError(t, json.Unmarshal(text, &files))
	require.Contains(t, files, name)
	text, err = os.ReadFile(filepath.Join(schemas, "resources", files[name]+".json"))
	require.NoError(t, err)
	var schema struct {
		Handlers map[string]struct {
			Permissions []string `json:"permissions"`
		} `json:"handlers"`
	}
	require.NoError(t, json.Unmarshal(text, &schema))
	for _, h := range schema.Handlers {
		actions = append(actions, h.Permissions...)
	}
	slices.Sort(actions)
	return slices.Compact(actions)
}
