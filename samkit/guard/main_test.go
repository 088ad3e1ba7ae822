package main

import (
	"bytes"
	"fmt"
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
)

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
		"a role is added":                   {set("Add", "AWS::IAM::Role", ""), "", 0, "Add      It", ""},
		"a role changes":                    {set("Modify", "AWS::IAM::Role", "False"), "", 1, "REFUSED: an existing permission", "refused"},
		"a policy goes":                     {set("Remove", "AWS::IAM::ManagedPolicy", ""), "", 1, "REFUSED", "refused"},
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
		refused []string
	}{
		"create": {101, nil},
		"code":   {17, nil},
		"empty":  {0, nil},
		"role":   {13, []string{"ListOrdersRole"}},
		"table":  {33, append(roles, "Table")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join("testdata", name+".json")
			allowed := ""
			guard := func(args ...string) (int, []string) {
				var stdout, stderr bytes.Buffer
				status := run(append(args, file), nil, &stdout, &stderr, func(string) string { return allowed })
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

// TestRun_Rollback: permissions may return to what they were, data may not go.
func TestRun_Rollback(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]int{"AWS::IAM::Role": 0, table: 1, stack: 1} {
		var stdout, stderr bytes.Buffer
		status := run([]string{"-rollback"}, strings.NewReader(set("Remove", kind, "")), &stdout, &stderr, func(string) string { return "" })
		assert.Equal(t, want, status, stdout.String())
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
