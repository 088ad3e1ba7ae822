// Command guard reads a CloudFormation change set and refuses changes that nobody should make by accident.
//
//	aws cloudformation describe-change-set --change-set-name ARN --include-property-values --output json | guard [FLAG]...
//	guard [-new] [-same] [-rollback] FILE
//
// It prints every change, and ends with status 1 when one replaces or removes a table, turns off its point-in-time recovery, TTL or
// deletion protection, or adds or touches a permission: a change set shows neither the data that would be lost nor what a policy
// allows. A replacement that is only possible (Conditional) counts as one, and so does a protection of which it is not told what
// becomes of it. ALLOW_CHANGES names the logical ids that are not refused, separated by commas or spaces.
//
// With -new the stack is made by this change set, so that what it adds is no more than what was asked for. With -same the template is
// the one that the stack has: permissions are listed only because a resource that they name changes. With -rollback permissions may
// change: they return to what they were before, and a rollback at night must not wait for somebody to allow that. Data is guarded
// all the same. Status 2 means that the change set could not be read whole.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv)) }

func run(args []string, stdin io.Reader, stdout, stderr io.Writer, getenv func(string) string) int {
	flags := flag.NewFlagSet("guard", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		_, _ = fmt.Fprintln(stderr, "usage: guard [-new] [-same] [-rollback] [FILE]     without FILE the change set is read from standard input")
	}
	isNew := flags.Bool("new", false, "")
	same := flags.Bool("same", false, "")
	rollback := flags.Bool("rollback", false, "")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	input := stdin
	switch {
	case flags.NArg() > 1:
		flags.Usage()
		return 2
	case flags.NArg() == 1:
		file, err := os.Open(flags.Arg(0))
		if err != nil {
			_, _ = fmt.Fprintln(stderr, "guard:", err)
			return 2
		}
		defer file.Close() //nolint:errcheck // only read
		input = file
	}
	set, err := read(input)
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "guard:", err)
		return 2
	}
	allowed := strings.FieldsFunc(getenv("ALLOW_CHANGES"), func(r rune) bool { return r == ',' || r == ' ' || r == '\n' })
	refused := 0
	_, _ = fmt.Fprintf(stdout, "%s %s: %d changes\n", set.StackName, set.ChangeSetName, len(set.Changes))
	for _, c := range set.Changes {
		r := c.ResourceChange
		line := fmt.Sprintf("  %-8s %-42s %s", r.Action, r.LogicalResourceID, r.ResourceType)
		if r.Replacement != "" && r.Replacement != "False" {
			line += ", replacement: " + r.Replacement
		}
		if why := judge(set, r); why != "" && (!*isNew || r.Action != "Add") {
			switch {
			case slices.Contains(allowed, r.LogicalResourceID):
				line += "  <- allowed: " + why
			case *rollback && permits(r.ResourceType):
				line += "  <- rolled back: " + why
			case *same && permits(r.ResourceType) && r.Action == "Modify":
			default:
				line += "  <- REFUSED: " + why
				refused++
			}
		}
		_, _ = fmt.Fprintln(stdout, line)
	}
	if refused > 0 {
		_, _ = fmt.Fprintf(stderr, "guard: %d of %d changes refused. Name those that you mean: ALLOW_CHANGES=LogicalId,...\n",
			refused, len(set.Changes))
		return 1
	}
	return 0
}

// changeSet is the part of describe-change-set's output that guard looks at.
type changeSet struct {
	StackName     string
	ChangeSetName string
	Status        string
	StatusReason  string
	NextToken     string
	Parameters    []struct{ ParameterKey, ParameterValue string }
	Changes       []struct {
		Type           string
		ResourceChange resourceChange
	}
}

type resourceChange struct {
	Action            string // Add, Modify, Remove, Import, Dynamic
	LogicalResourceID string `json:"LogicalResourceId"`
	ResourceType      string
	Replacement       string // True, False, Conditional; only with Modify
	BeforeContext     string // JSON with the resource's Properties; only where property values were asked for
	AfterContext      string
	Details           []detail
}

// detail is a reason why a resource changes. A property has several of them if it does for several reasons.
type detail struct {
	Target        struct{ Attribute, Name string }
	Evaluation    string // Static: it changes. Dynamic: it may, once another resource has
	CausingEntity string // such as the parameter that gives the property its value
}

// read takes a change set that is complete, or one that is empty because nothing changes.
func read(r io.Reader) (changeSet, error) {
	var set changeSet
	if err := json.NewDecoder(r).Decode(&set); err != nil {
		return set, fmt.Errorf("read the change set: %w", err)
	}
	if set.ChangeSetName == "" || set.Status == "" {
		return set, errors.New("this is no change set: ChangeSetName and Status are missing")
	}
	if set.NextToken != "" {
		return set, errors.New("the change set has more pages; let the AWS CLI read them all (no --max-items, no --no-paginate)")
	}
	if set.Status != "CREATE_COMPLETE" && !empty(set) {
		return set, fmt.Errorf("the change set is %s: %s", set.Status, set.StatusReason)
	}
	for i, c := range set.Changes {
		r := c.ResourceChange
		if c.Type != "Resource" || r.LogicalResourceID == "" || r.ResourceType == "" || r.Action == "" {
			return set, fmt.Errorf("change %d is of an unknown form (Type %q)", i, c.Type)
		}
	}
	return set, nil
}

// empty reports whether a change set failed only because nothing changes.
func empty(set changeSet) bool {
	nothing := strings.Contains(set.StatusReason, "didn't contain changes") ||
		strings.Contains(set.StatusReason, "No updates are to be performed")
	return set.Status == "FAILED" && len(set.Changes) == 0 && nothing
}

// permits reports whether a type of resource gives permissions: roles and their policies, and the policies of resources.
func permits(kind string) bool {
	return strings.HasPrefix(kind, "AWS::IAM::") || strings.HasSuffix(kind, "Permission") || strings.HasSuffix(kind, "Policy")
}

// judge says why a change is refused; "" when it is not.
func judge(set changeSet, r resourceChange) string {
	switch {
	case strings.HasPrefix(r.ResourceType, "AWS::DynamoDB::"):
		switch {
		case r.Action == "Add":
		case r.Action == "Remove":
			return "the table and its data would be deleted"
		case r.Action != "Modify":
			return "what " + r.Action + " does to the table is not known in advance"
		case r.Replacement != "False":
			return "a new, empty table would take its place"
		default:
			return unprotected(set, r)
		}
	case permits(r.ResourceType):
		switch {
		case r.Action == "Add":
			return "a new permission; a change set does not show what it allows"
		// Functions change in nearly every deployment, and with them, for all that is known in advance, the permissions to call them.
		case r.Action == "Modify" && !strings.HasPrefix(r.ResourceType, "AWS::IAM::") && !slices.ContainsFunc(r.Details, detail.certain):
		default:
			return "an existing permission changes; a change set does not show whether it widens"
		}
	case r.ResourceType == "AWS::CloudFormation::Stack":
		return "what changes inside a nested stack is not shown here"
	}
	return ""
}

// certain reports whether a property changes in any case, and not only if another resource is replaced.
func (d detail) certain() bool { return d.Evaluation == "Static" }

// protection is a setting that keeps a table's data.
type protection struct {
	property, what string
	on             func(properties tableProperties) bool
}

type tableProperties struct {
	DeletionProtectionEnabled        any // booleans, or the text of one, as CloudFormation writes them
	PointInTimeRecoverySpecification struct{ PointInTimeRecoveryEnabled any }
	TimeToLiveSpecification          struct {
		Enabled       any
		AttributeName string
	}
}

func isTrue(v any) bool { return v == true || v == "true" }

var protections = []protection{
	{"DeletionProtectionEnabled", "deletion protection", func(p tableProperties) bool { return isTrue(p.DeletionProtectionEnabled) }},
	{"PointInTimeRecoverySpecification", "point-in-time recovery", func(p tableProperties) bool {
		return isTrue(p.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled)
	}},
	{"TimeToLiveSpecification", "TTL", func(p tableProperties) bool { return isTrue(p.TimeToLiveSpecification.Enabled) }},
}

// unprotected says which protection a table loses, or may lose, by being modified. The values before and after are compared where the
// change set has them. Else what its details name is refused, unless the parameter behind it is true.
func unprotected(set changeSet, r resourceChange) string {
	var before, after struct{ Properties tableProperties }
	told := json.Unmarshal([]byte(r.BeforeContext), &before) == nil && json.Unmarshal([]byte(r.AfterContext), &after) == nil
	if told {
		was, is := before.Properties.TimeToLiveSpecification, after.Properties.TimeToLiveSpecification
		if isTrue(was.Enabled) && isTrue(is.Enabled) && was.AttributeName != is.AttributeName {
			return "the table's TTL would look at another attribute"
		}
	}
	for _, p := range protections {
		switch {
		case told && p.on(before.Properties) && !p.on(after.Properties):
			return "the table's " + p.what + " would be turned off"
		case told:
		case slices.ContainsFunc(r.Details, func(d detail) bool { return d.Target.Name == p.property }) && !turnedOn(set, r, p.property):
			return "the table's " + p.what + " changes, and the change set does not say that it is on afterwards"
		}
	}
	return ""
}

// turnedOn reports whether a parameter that is true now is what changes a property.
func turnedOn(set changeSet, r resourceChange, property string) bool {
	return slices.ContainsFunc(r.Details, func(d detail) bool {
		return d.Target.Name == property && slices.ContainsFunc(set.Parameters, func(p struct{ ParameterKey, ParameterValue string }) bool {
			return p.ParameterKey == d.CausingEntity && p.ParameterValue == "true"
		})
	})
}
