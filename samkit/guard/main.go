// Command guard reads a CloudFormation change set and refuses changes that nobody should make by accident.
//
//	aws cloudformation describe-change-set --change-set-name ARN --output json | guard [-rollback]
//	guard [-rollback] FILE
//
// It prints every change, and ends with status 1 when one replaces or removes a table, or touches an IAM resource that exists: a
// change set shows neither the data that would be lost nor whether a policy widens. A replacement that is only possible
// (Conditional) counts as one. ALLOW_CHANGES names the logical ids that are not refused, separated by commas or spaces. With
// -rollback permissions may change: they return to what they were before, and a rollback at night must not wait for somebody
// to allow that. Data is guarded all the same. Status 2 means that the change set could not be read whole.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Getenv)) }

func run(args []string, stdin io.Reader, stdout, stderr io.Writer, getenv func(string) string) int {
	rollback := len(args) > 0 && args[0] == "-rollback"
	if rollback {
		args = args[1:]
	}
	input := stdin
	switch {
	case len(args) > 1 || len(args) == 1 && strings.HasPrefix(args[0], "-"):
		_, _ = fmt.Fprintln(stderr, "usage: guard [-rollback] [FILE]     without a FILE the change set is read from standard input")
		return 2
	case len(args) == 1:
		file, err := os.Open(args[0])
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
		if why := judge(r); why != "" {
			switch {
			case slices.Contains(allowed, r.LogicalResourceID):
				line += "  <- allowed: " + why
			case rollback && strings.HasPrefix(r.ResourceType, "AWS::IAM::"):
				line += "  <- rolled back: " + why
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

// judge says why a change is refused; "" when it is not.
func judge(r resourceChange) string {
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
		}
	case strings.HasPrefix(r.ResourceType, "AWS::IAM::"):
		if r.Action != "Add" {
			return "an existing permission changes; a change set does not show whether it widens"
		}
	case r.ResourceType == "AWS::CloudFormation::Stack":
		if r.Action != "Add" {
			return "what changes inside a nested stack is not shown here"
		}
	}
	return ""
}
