package rules

import (
	"regexp"
	"slices"
	"strings"
)

// refusedStatus is the status when the gateway may not call a function. A template that shapes this answer usually has another than 500.
const refusedStatus = "the statusCode of the gateway response INTEGRATION_FAILURE (500 if the template does not shape it)"

// accessRules are about who may call whom: the gateway a function, a function other services.
func accessRules() []Rule {
	return []Rule{
		{
			Name: "method-permission", Doc: "Each method that calls a function has a permission that lets the gateway call it.",
			Consequence: "every call is answered with " + refusedStatus,
			Fix:         "add an AWS::Lambda::Permission with the SourceArn " + apiARN + "/*/METHOD/path; write path parameters as *",
			stack: func(s *Stack, report report) {
				s.each(func(a *api, o operation) {
					id, _, ok := s.called(o.integration["uri"])
					if !ok || !o.lambda() || o.integration["credentials"] != nil {
						return
					}
					if !s.permitted(id, a, o.source()) {
						report(o.under("uri"), "no permission lets %s call %s", o.name(), id)
					}
				})
			},
		},
		{
			Name: "authorizer-permission", Doc: "Each authorizer has a permission that lets the gateway call it.",
			Consequence: "every call that needs the authorizer is answered with 500",
			Fix:         "add an AWS::Lambda::Permission with the SourceArn " + apiARN + "/authorizers/*",
			stack: func(s *Stack, report report) {
				for _, a := range s.apis {
					for _, au := range a.authorizers() {
						id, _, ok := s.called(au.fields["authorizerUri"])
						if !ok || au.fields["authorizerCredentials"] != nil {
							continue
						}
						if !s.permitted(id, a, anAuthorizer) {
							report(below(au.at, "authorizerUri"), "no permission lets %s call %s", au.name, id)
						}
					}
				}
			},
		},
		{
			Name: "permission-alias", Doc: "A permission for the gateway is for the same alias that the API calls.",
			Consequence: "a permission for another qualifier does not count: every call is answered with " + refusedStatus,
			Fix:         "write FunctionName: !Ref Function.Alias, or ${Function.Arn}:live",
			stack: func(s *Stack, report report) {
				called := map[string][]string{} // by function, the qualifiers it is called with
				use := func(uri any) {
					if id, alias, ok := s.called(uri); ok && slices.Contains(s.aliases(id), alias) { // else integration-alias reports it
						called[id] = append(called[id], alias)
					}
				}
				for _, a := range s.apis {
					for _, o := range a.operations {
						use(o.integration["uri"])
					}
					for _, au := range a.authorizers() {
						use(au.fields["authorizerUri"])
					}
				}
				for _, r := range s.of("AWS::Lambda::Permission") {
					id, alias, ok := s.function(r.properties["FunctionName"])
					if ok && r.properties["Principal"] == gatewayPrincipal && len(called[id]) > 0 && !slices.Contains(called[id], alias) {
						report(r.property("FunctionName"), "it is for %s of %s, but the API calls %s", qualifier(alias), id, qualifier(called[id][0]))
					}
				}
			},
		},
		{
			Name: "permission-principal", Doc: "A permission with an API's SourceArn lets apigateway.amazonaws.com invoke the function.",
			Consequence: "the gateway may not call the function: every call is answered with " + refusedStatus,
			Fix:         "write Principal: apigateway.amazonaws.com and Action: lambda:InvokeFunction",
			stack: func(s *Stack, report report) {
				for _, r := range s.of("AWS::Lambda::Permission") {
					if !strings.Contains(text(r.properties["SourceArn"]), ":execute-api:") {
						continue
					}
					if principal := text(r.properties["Principal"]); principal != gatewayPrincipal {
						report(r.property("Principal"), "the principal is %s", principal)
					}
					if action := text(r.properties["Action"]); action != "lambda:InvokeFunction" {
						report(r.property("Action"), "the action is %s", action)
					}
				}
			},
		},
		{
			Name: "permission-source", Doc: "A permission for the gateway has a SourceArn.",
			Consequence: "any API in any account may call the function",
			Fix:         "add a SourceArn with the API, the method and the path",
			stack: func(s *Stack, report report) {
				for _, r := range s.of("AWS::Lambda::Permission") {
					if r.properties["Principal"] == gatewayPrincipal && text(r.properties["SourceArn"]) == "" {
						report(r.property("SourceArn"), "the permission names no API")
					}
				}
			},
		},
		{
			Name: "permission-route", Doc: "A permission for the gateway is for a route or authorizer that calls the function.",
			Consequence: "a route that nobody looks after may call the function, and the route that was meant is answered with " + refusedStatus,
			Fix:         "correct the SourceArn (write path parameters as *), or remove the permission",
			stack: func(s *Stack, report report) {
				for _, r := range s.of("AWS::Lambda::Permission") {
					id, _, ok := s.function(r.properties["FunctionName"])
					if !ok || r.properties["SourceArn"] == nil || r.properties["Principal"] != gatewayPrincipal ||
						object(s.project.source, "Resources", r.id) == nil { // SAM made it of an event: event-route looks at it
						continue
					}
					used := !slices.ContainsFunc(s.apis, func(a *api) bool { return strings.Contains(text(r.properties["SourceArn"]), "<"+a.id+">") })
					call := func(a *api, uri any, source string) {
						if target, _, ok := s.called(uri); ok && target == id {
							// A route without permission may be the one that was meant. It is reported itself.
							used = used || s.permits(r, a, source) || !s.permitted(id, a, source)
						}
					}
					for _, a := range s.apis {
						for _, o := range a.operations {
							call(a, o.integration["uri"], o.source())
						}
						for _, au := range a.authorizers() {
							call(a, au.fields["authorizerUri"], anAuthorizer)
						}
					}
					if !used && !s.mayCallUnseen() {
						report(r.property("SourceArn"), "it matches no route that calls %s", id)
					}
				}
			},
		},
		{
			Name: "iam-resource", Doc: "A policy names its resources; only X-Ray has none to name.",
			Consequence: "whoever takes over the function can reach every such resource in the account",
			Fix:         "name the resource with !GetAtt, and a log group with its own name and :*",
			stack: func(s *Stack, report report) {
				s.eachStatement(func(at []string, statement map[string]any) {
					if statement["Effect"] != "Allow" || statement["Resource"] == nil {
						return
					}
					free := true
					for _, action := range list(statement["Action"]) {
						free = free && slices.Contains(withoutResources, text(action))
					}
					for _, v := range list(statement["Resource"]) {
						if arn := text(v); !free && wideResource(arn) {
							report(below(at, "Resource"), "%s is allowed on %s", joined(statement["Action"]), arn)
						}
					}
				})
			},
		},
		{
			Name: "iam-action", Doc: "A policy names its actions one by one.",
			Consequence: "the function may do more than its code does, and still more with every action that AWS adds",
			Fix:         "list the actions that the code calls",
			stack: func(s *Stack, report report) {
				s.eachStatement(func(at []string, statement map[string]any) {
					for _, action := range list(statement["Action"]) {
						if statement["Effect"] == "Allow" && strings.Contains(text(action), "*") {
							report(below(at, "Action"), "the action is %s", text(action))
						}
					}
					if statement["Effect"] == "Allow" && statement["NotAction"] != nil {
						report(below(at, "NotAction"), "everything but %s is allowed", joined(statement["NotAction"]))
					}
				})
			},
		},
		{
			Name: "leading-keys", Doc: "A condition on dynamodb:LeadingKeys is ForAllValues, and its statement has only actions that name keys.",
			Consequence: "requests reach items that the condition does not list: ForAllValues holds where there are no keys, as in a Scan, " +
				"and any other operator where one key of several is listed",
			Fix: "write ForAllValues:StringLike, and give Scan and other actions without keys a statement of their own, or none",
			stack: func(s *Stack, report report) {
				s.eachStatement(func(at []string, statement map[string]any) {
					conditions := object(statement["Condition"])
					limited := false
					for _, operator := range sorted(conditions) {
						if _, ok := object(conditions[operator])[leadingKeys]; !ok || operator == "Null" {
							continue
						}
						limited = true
						if !strings.HasPrefix(operator, "ForAllValues:") {
							report(below(at, "Condition", operator), "%s is compared by %s", leadingKeys, operator)
						}
					}
					needed := text(object(conditions["Null"])[leadingKeys]) == "false" // a request without keys is refused
					for _, v := range list(statement["Action"]) {
						action := text(v)
						if statement["Effect"] == "Allow" && limited && !needed && !slices.Contains(withKeys, strings.TrimPrefix(action, "dynamodb:")) {
							report(below(at, "Action"), "%s is allowed by a condition on %s", action, leadingKeys)
						}
					}
				})
			},
		},
		{
			Name: "managed-policy", Doc: "A function's role has no managed policies except those that Lambda itself needs.",
			Consequence: "the function may do whatever AWS puts into the policy, no matter what its code calls",
			Fix:         "list the actions that the code calls in a policy of this template",
			stack: func(s *Stack, report report) {
				for _, f := range s.functions() {
					role := s.resources[s.role(f.properties["Role"])]
					for i, arn := range list(role.properties["ManagedPolicyArns"]) {
						if name := text(arn); strings.HasPrefix(name, "arn:") && !lambdasOwn.MatchString(name) {
							report(role.property("ManagedPolicyArns", text(i)), "%s may do what %s allows", f.id, name)
						}
					}
				}
			},
		},
		{
			Name: "shared-role", Doc: "Every function has its own role.",
			Consequence: "each function may do what only the other one needs",
			Fix:         "give each function its own role with its own actions",
			stack: func(s *Stack, report report) {
				owner := map[string]string{}
				for _, f := range s.functions() {
					role := text(f.properties["Role"])
					if other, ok := owner[role]; ok {
						report(f.property("Role"), "%s and %s share %s", other, f.id, role)
						continue
					}
					owner[role] = f.id
				}
			},
		},
		{
			Name: "role-boundary", Doc: "Where one role has a permissions boundary, every role of the stack has one, those that SAM makes too.",
			Consequence: "whoever may make roles only within the boundary cannot deploy it, or must be allowed what the boundary was to prevent",
			Fix:         "write PermissionsBoundary at the role, or at the function that SAM makes it for; name a role in DeploymentPreference.Role",
			stack: func(s *Stack, report report) {
				var bare []resource
				roles := s.of("AWS::IAM::Role")
				for _, r := range roles {
					if r.properties["PermissionsBoundary"] == nil {
						bare = append(bare, r)
					}
				}
				if len(bare) == len(roles) {
					return
				}
				for _, r := range bare {
					report(s.rolePath(r), "%s has no boundary, but other roles have one", r.id)
				}
			},
		},
	}
}

const gatewayPrincipal = "apigateway.amazonaws.com"

// apiARN is how a template writes the ARN by which the gateway calls functions.
const apiARN = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}"

// withoutResources are the actions that IAM allows only on "*".
var withoutResources = []string{"xray:PutTelemetryRecords", "xray:PutTraceSegments"}

const leadingKeys = "dynamodb:LeadingKeys"

// withKeys are DynamoDB's actions whose requests always name the partition keys that they touch.
var withKeys = []string{
	"BatchGetItem", "BatchWriteItem", "ConditionCheckItem", "DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem",
	"PartiQLDelete", "PartiQLInsert", "PartiQLUpdate",
}

// lambdasOwn matches the managed policies with which Lambda writes logs and traces, polls an event source or joins a network.
var lambdasOwn = regexp.MustCompile(`:policy/(` + strings.Join([]string{
	`service-role/AWSLambda\w+ExecutionRole`, `AWSX[Rr]ay(WriteOnly|DaemonWrite)Access`, `CloudWatchLambdaInsightsExecutionRolePolicy`,
}, "|") + `)$`)

// anything matches the resource part of an ARN that names nothing: *, table/*, log-group:*.
var anything = regexp.MustCompile(`^[a-z-]*[/:]?\*`)

func wideResource(arn string) bool {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return arn == "*"
	}
	if parts[2] == "s3" { // a bucket's name looks like a type
		return strings.HasPrefix(parts[5], "*")
	}
	return anything.MatchString(parts[5])
}

func joined(v any) string {
	var parts []string
	for _, item := range list(v) {
		parts = append(parts, text(item))
	}
	return strings.Join(parts, " and ")
}

func qualifier(alias string) string {
	if alias == "" {
		return "no alias"
	}
	return "the alias " + alias
}

// permitted reports whether a permission for a function, whatever it is qualified with, matches a call.
func (s *Stack) permitted(function string, a *api, call string) bool {
	return slices.ContainsFunc(s.of("AWS::Lambda::Permission"), func(r resource) bool {
		id, _, ok := s.function(r.properties["FunctionName"])
		return ok && id == function && s.permits(r, a, call)
	})
}

// anAuthorizer is the end of the ARN by which the gateway calls an authorizer.
const anAuthorizer = "authorizers/id"

// source is the end of the ARN by which the gateway calls a method's function, with STAGE for the stage.
func (o operation) source() string {
	segments := strings.Split(o.path, "/")
	for i, segment := range segments {
		if variable(segment) {
			segments[i] = "*"
		}
	}
	method := strings.ToUpper(o.method)
	if o.method == "any" {
		method = "*"
	}
	return "STAGE/" + method + strings.Join(segments, "/")
}

// permits reports whether a permission's SourceArn matches a call: an operation's source, or anAuthorizer.
func (s *Stack) permits(permission resource, a *api, call string) bool {
	arn := text(permission.properties["SourceArn"])
	if arn == "" {
		return true // for any API: permission-source reports that
	}
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[2] != "execute-api" {
		return false
	}
	stages := []string{"STAGE"} // only * matches it
	for _, stage := range a.stages() {
		stages = append(stages, "<"+stage.id+">", text(stage.properties["StageName"]))
	}
	pattern := glob(parts[5])
	return slices.ContainsFunc(stages, func(stage string) bool {
		return pattern.MatchString("<" + a.id + ">/" + strings.Replace(call, "STAGE", stage, 1))
	})
}

// glob is IAM's ArnLike: * is any text.
func glob(pattern string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$")
}

// eachStatement calls f for every statement of every policy that grants something to a role, user or group.
func (s *Stack) eachStatement(f func(at []string, statement map[string]any)) {
	document := func(at []string, v any) {
		for i, statement := range list(object(v)["Statement"]) {
			f(below(at, "Statement", text(i)), object(statement))
		}
	}
	for _, r := range s.of("AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::Group") {
		for i, policy := range list(r.properties["Policies"]) {
			document(r.property("Policies", text(i), "PolicyDocument"), object(policy)["PolicyDocument"])
		}
	}
	for _, r := range s.of("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy") {
		document(r.property("PolicyDocument"), r.properties["PolicyDocument"])
	}
}

// rolePath is where the source can give a role a boundary. SAM makes roles of functions that name none, and one for CodeDeploy.
func (s *Stack) rolePath(role resource) []string {
	if object(s.project.source, "Resources", role.id) != nil {
		return role.property("PermissionsBoundary")
	}
	if f := s.resources[strings.TrimSuffix(role.id, "Role")]; f.kind == "AWS::Lambda::Function" {
		return f.property("PermissionsBoundary")
	}
	for _, group := range s.of("AWS::CodeDeploy::DeploymentGroup") {
		if role.is(group.properties["ServiceRoleArn"], "Arn") {
			return s.deploymentPath(group, "Role")
		}
	}
	return role.at()
}
