package main

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// set is a change set with one change.
func set(action, kind, replacement string) string {
	return fmt.Sprintf(`{"ChangeSetName":"c1","StackName":"shop-dev","Status":"CREATE_COMPLETE","Changes":[{"Type":"Resource",
		"ResourceChange":{"Action":%q,"LogicalResourceId":"It","ResourceType":%q,"Replacement":%q}}]}`, action, kind, replacement)
}

// page is what describe-change-set prints of a change set that has no change, with more members.
func page(status, more string) string {
	return fmt.Sprintf(`{"ChangeSetName":"c1","StackName":"shop-dev","Status":%q%s,"Changes":[]}`, status, more)
}

const nothing = `,"StatusReason":"The submitted information didn't contain changes. Submit different information to create a change set."`

const (
	table = "AWS::DynamoDB::Table"
	stack = "AWS::CloudFormation::Stack"

	role, permission = "AWS::IAM::Role", "AWS::Lambda::Permission"
)

// detailed is a change set with the parameter Protection=true and Kept=false, in which a property of a resource changes in place.
func detailed(kind, property, evaluation, cause string) string {
	return fmt.Sprintf(`{"ChangeSetName":"c1","Status":"CREATE_COMPLETE","Parameters":[{"ParameterKey":"Kept","ParameterValue":"false"},
		{"ParameterKey":"Protection","ParameterValue":"true"}],"Changes":[{"Type":"Resource","ResourceChange":{"Action":"Modify",
		"LogicalResourceId":"It","ResourceType":%q,"Replacement":"False","Details":[{"Target":{"Attribute":"Properties","Name":%q},
		"Evaluation":%q,"CausingEntity":%q}]}}]}`, kind, property, evaluation, cause)
}

// valued is a change set in which a table's properties change, as AWS shows them with --include-property-values: the property that differs
// is named in the details, whole resources are in the contexts.
func valued(before, after string) string {
	return fmt.Sprintf(`{"ChangeSetName":"c1","Status":"CREATE_COMPLETE","Changes":[{"Type":"Resource","ResourceChange":{"Action":"Modify",
		"LogicalResourceId":"It","ResourceType":"AWS::DynamoDB::Table","Replacement":"False","BeforeContext":%q,"AfterContext":%q,
		"Details":[{"Target":{"Attribute":"Properties","Name":"DeletionProtectionEnabled"},"Evaluation":"Static"}]}}]}`,
		`{"Properties":`+before+`}`, `{"Properties":`+after+`}`)
}

func TestRun(t *testing.T) {
	t.Parallel()
	const wantFailed = "the change set is FAILED: Template error"
	hook := `{"ChangeSetName":"c1","Status":"CREATE_COMPLETE","Changes":[{"Type":"Hook"}]}`
	tests := map[string]struct {
		input, allow string
		status       int
		stdout       string
		stderr       string
	}{
		"a function changes":                {set("Modify", "AWS::Lambda::Function", "False"), "", 0, "Modify   It", ""},
		"a function is replaced":            {set("Modify", "AWS::Lambda::Function", "True"), "", 0, "replacement: True", ""},
		"a table is added":                  {set("Add", table, ""), "", 0, "Add      It", ""},
		"a table changes in place":          {set("Modify", table, "False"), "", 0, "AWS::DynamoDB::Table\n", ""},
		"a table is replaced":               {set("Modify", table, "True"), "", 1, "REFUSED: a new, empty table", "1 of 1 changes refused"},
		"a table may be replaced":           {set("Modify", table, "Conditional"), "", 1, "Conditional  <- REFUSED", "ALLOW_CHANGES"},
		"a table's replacement is left out": {set("Modify", table, ""), "", 1, "REFUSED", "refused"},
		"a table is removed":                {set("Remove", table, ""), "", 1, "REFUSED: the table and its data", "refused"},
		"a table is removed, meant":         {set("Remove", table, ""), "Other, It", 0, "allowed: the table and its data", ""},
		"a table is removed, another meant": {set("Remove", table, ""), "Other,ItAll", 1, "REFUSED", "refused"},
		"a global table is replaced":        {set("Modify", "AWS::DynamoDB::GlobalTable", "True"), "", 1, "REFUSED", "refused"},
		"a table by a macro":                {set("Dynamic", table, ""), "", 1, "REFUSED: what Dynamic does", "refused"},
		"a role is added":                   {set("Add", role, ""), "", 1, "REFUSED: a new permission", "refused"},
		"a role is added, meant":            {set("Add", role, ""), "It", 0, "allowed: a new permission", ""},
		"a permission is added":             {set("Add", permission, ""), "", 1, "REFUSED: a new permission", "refused"},
		"a queue's policy is added":         {set("Add", "AWS::SQS::QueuePolicy", ""), "", 1, "REFUSED: a new permission", "refused"},
		"a permission may change":           {set("Modify", permission, "Conditional"), "", 0, "Conditional\n", ""},
		"a permission changes":              {detailed(permission, "Principal", "Static", ""), "", 1, "REFUSED: an existing", "refused"},
		"a permission may come to change":   {detailed(permission, "SourceArn", "Dynamic", "Api"), "", 0, "Modify   It", ""},
		"a permission goes":                 {set("Remove", permission, ""), "", 1, "REFUSED: an existing", "refused"},
		"a role changes":                    {set("Modify", role, "False"), "", 1, "REFUSED: an existing permission", "refused"},
		"a policy goes":                     {set("Remove", "AWS::IAM::ManagedPolicy", ""), "", 1, "REFUSED", "refused"},
		"a nested stack is added":           {set("Add", stack, ""), "", 1, "REFUSED: what changes inside", "refused"},
		"a nested stack changes":            {set("Modify", stack, "False"), "", 1, "REFUSED: what changes inside", "refused"},
		"nothing changes":                   {page("FAILED", nothing), "", 0, "0 changes", ""},
		"it failed":                         {page("FAILED", `,"StatusReason":"Template error"`), "", 2, "", wantFailed},
		"it is not ready":                   {page("CREATE_IN_PROGRESS", ""), "", 2, "", "is CREATE_IN_PROGRESS"},
		"a page of it":                      {page("CREATE_COMPLETE", `,"NextToken":"x"`), "", 2, "", "has more pages"},
		"something else":                    {`{"Stacks":[]}`, "", 2, "", "this is no change set"},
		"a change of a form not known":      {hook, "", 2, "", "change 0 is of an unknown form"},
		"no JSON":                           {`An error occurred`, "", 2, "", "read the change set"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			status := run(nil, strings.NewReader(tt.input), &stdout, &stderr, func(string) string { return tt.allow })
			assert.Equal(t, tt.status, status)
			assert.Contains(t, stdout.String(), tt.stdout)
			assert.Contains(t, stderr.String(), tt.stderr)
		})
	}
}

// TestRun_Protections: what keeps a table's data is not turned off in passing. Turning it on is no danger.
func TestRun_Protections(t *testing.T) {
	t.Parallel()
	const (
		deletion = `"DeletionProtectionEnabled":"true",`
		recovery = `Enabled":"true"},"Time`
		all      = `{` + deletion + `"PointInTimeRecoverySpecification":{"PointInTimeRecoveryEnabled":"true"},` +
			`"TimeToLiveSpecification":{"AttributeName":"expires","Enabled":"true"},"BillingMode":"PAY_PER_REQUEST"}`
		unknown = "changes, and the change set does not say that it is on afterwards"
	)
	without := func(old, new string) string {
		assert.Contains(t, all, old)
		return strings.Replace(all, old, new, 1)
	}
	for name, tt := range map[string]struct{ input, refused string }{ // refused is why, or empty
		"nothing of it changes":                {valued(all, without("PAY_PER_REQUEST", "PROVISIONED")), ""},
		"deletion protection is turned off":    {valued(all, without(deletion, `"DeletionProtectionEnabled":false,`)), "would be turned off"},
		"deletion protection is left out":      {valued(all, without(deletion, "")), "deletion protection would be turned off"},
		"recovery is turned off":               {valued(all, without(recovery, `Enabled":"false"},"Time`)), "recovery would be turned off"},
		"recovery is turned off, as a boolean": {valued(all, without(recovery, `Enabled":false},"Time`)), "recovery would be turned off"},
		"TTL is turned off":                    {valued(all, without(`"Enabled":"true"},"B`, `"Enabled":false},"B`)), "TTL would be turned off"},
		"TTL looks elsewhere":                  {valued(all, without("expires", "expired")), "TTL would look at another attribute"},
		"everything is left out":               {valued(all, "{}"), "deletion protection would be turned off"},
		"everything is turned on":              {valued("{}", all), ""},
		"what was never on stays off":          {valued("{}", "{}"), ""},
		"values not told, turned on":           {detailed(table, "DeletionProtectionEnabled", "Static", "Protection"), ""},
		"values not told, turned off":          {detailed(table, "DeletionProtectionEnabled", "Static", "Kept"), "protection " + unknown},
		"values not told at all":               {detailed(table, "PointInTimeRecoverySpecification", "Static", ""), "recovery " + unknown},
		"values not told of TTL":               {detailed(table, "TimeToLiveSpecification", "Static", ""), "TTL " + unknown},
		"values not told of something else":    {detailed(table, "BillingMode", "Static", ""), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, args := range [][]string{nil, {"-rollback"}, {"-new"}} { // in none of them is it to be turned off
				var stdout, stderr bytes.Buffer
				status := run(args, strings.NewReader(tt.input), &stdout, &stderr, func(string) string { return "" })
				assert.Equal(t, tt.refused != "", status == 1, "%v %s%s", args, stdout.String(), stderr.String())
				assert.Contains(t, stdout.String(), tt.refused)
			}
			status := run(nil, strings.NewReader(tt.input), io.Discard, io.Discard, func(string) string { return "It" })
			assert.Zero(t, status, "it was named")
		})
	}
}

// TestRun_Captured reads change sets that the AWS CLI printed, with other names: of a new stack, of a changed handler, of a role
// that lost an action, of a table with another key, and of nothing.
func TestRun_Captured(t *testing.T) {
	t.Parallel()
	roles := []string{
		"AuthorizeRequestRole", "GetHealthRole", "ListCustomersRole", "ListItemsRole", "ListOrdersRole", "PutCustomerRole",
		"PlaceOrderRole", "PlaceOrdersRole",
	}
	tests := map[string]struct {
		changes int
		args    []string
		refused []string
	}{
		"create": {101, []string{"-new"}, nil},
		"code":   {17, nil, nil},
		"empty":  {0, nil, nil},
		"role":   {13, nil, []string{"ListOrdersRole"}},
		"table":  {33, nil, append(roles, "Table")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join("testdata", name+".json")
			allowed := ""
			guard := func(args ...string) (int, []string) {
				var stdout, stderr bytes.Buffer
				status := run(slices.Concat(tt.args, args, []string{file}), nil, &stdout, &stderr, func(string) string { return allowed })
				assert.Contains(t, stdout.String(), fmt.Sprintf(": %d changes\n", tt.changes), stderr.String())
				var refused []string
				for line := range strings.Lines(stdout.String()) {
					if strings.Contains(line, "REFUSED") {
						refused = append(refused, strings.Fields(line)[1])
					}
				}
				assert.Equal(t, len(refused) > 0, status == 1)
				return status, refused
			}
			status, refused := guard()
			assert.Equal(t, tt.refused, refused)
			assert.Equal(t, len(tt.refused) > 0, status != 0)
			_, refused = guard("-rollback")
			assert.Equal(t, slices.Contains(tt.refused, "Table"), len(refused) == 1, "data only: %v", refused)
			allowed = strings.Join(tt.refused, " ")
			status, _ = guard()
			assert.Zero(t, status)
		})
	}
}

// TestRun_New: of a stack that is there already, the same would be refused for each role and each permission to call a function.
func TestRun_New(t *testing.T) {
	t.Parallel()
	var stdout bytes.Buffer
	status := run([]string{filepath.Join("testdata", "create.json")}, nil, &stdout, io.Discard, func(string) string { return "" })
	assert.Equal(t, 1, status)
	assert.Equal(t, 16, strings.Count(stdout.String(), "REFUSED: a new permission"), stdout.String())
	status = run([]string{"-new"}, strings.NewReader(set("Remove", table, "")), io.Discard, io.Discard, func(string) string { return "" })
	assert.Equal(t, 1, status, "it is not new after all")
}

// TestRun_Rollback: permissions may return to what they were, data may not go.
func TestRun_Rollback(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]int{role: 0, permission: 0, table: 1, stack: 1} {
		var stdout, stderr bytes.Buffer
		status := run([]string{"-rollback"}, strings.NewReader(set("Remove", kind, "")), &stdout, &stderr, func(string) string { return "" })
		assert.Equal(t, want, status, stdout.String())
	}
}

// TestRun_Same: where the template stays, permissions are listed for the resources that they name. That they come or go is no such thing.
func TestRun_Same(t *testing.T) {
	t.Parallel()
	for input, want := range map[string]int{
		set("Modify", role, "False"): 0, set("Modify", permission, "True"): 0, set("Add", role, ""): 1, set("Remove", role, ""): 1,
		set("Modify", table, "True"): 1, detailed(table, "DeletionProtectionEnabled", "Static", "Kept"): 1,
	} {
		assert.Equal(t, want, run([]string{"-same"}, strings.NewReader(input), io.Discard, io.Discard, func(string) string { return "" }), input)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(set("Modify", table, "True"))
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := read(strings.NewReader(text)); err == nil {
			assert.NotEmpty(t, s.Status)
		}
	})
}
