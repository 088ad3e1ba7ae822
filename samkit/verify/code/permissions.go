package code

import (
	"cmp"
	"fmt"
	"go/types"
	"maps"
	"path"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"

	"pricing/samkit/verify/rules"
)

// services are the SDK's packages of service clients.
const services = "github.com/aws/aws-sdk-go-v2/service/"

// prefixes of IAM actions that differ from the name of the SDK's package.
var prefixes = map[string]string{
	"apigatewaymanagementapi": "execute-api", "cloudwatchlogs": "logs", "cognitoidentityprovider": "cognito-idp",
	"dynamodbstreams": "dynamodb", "eventbridge": "events", "sesv2": "ses", "sfn": "states",
}

// actions of operations whose names differ from the action's. An operation that needs none has an empty list. A pattern
// stands for any action that matches it, where only the text of a statement says which.
var actions = map[string][]string{
	"dynamodb.BatchExecuteStatement":           {"dynamodb:PartiQL*"},
	"dynamodb.DescribeEndpoints":               {},
	"dynamodb.ExecuteStatement":                {"dynamodb:PartiQL*"},
	"dynamodb.ExecuteTransaction":              {"dynamodb:PartiQL*"},
	"dynamodb.TransactGetItems":                {"dynamodb:GetItem"},
	"apigatewaymanagementapi.DeleteConnection": {"execute-api:ManageConnections"},
	"apigatewaymanagementapi.GetConnection":    {"execute-api:ManageConnections"},
	"apigatewaymanagementapi.PostToConnection": {"execute-api:ManageConnections"},
	"lambda.Invoke":                            {"lambda:InvokeFunction"},
	"s3.HeadBucket":                            {"s3:ListBucket"},
	"s3.HeadObject":                            {"s3:GetObject"},
	"s3.ListObjects":                           {"s3:ListBucket"},
	"s3.ListObjectsV2":                         {"s3:ListBucket"},
	"sts.GetCallerIdentity":                    {},
}

// members of a transaction's write, by the field that holds them. The call itself has no action.
var members = map[string]string{
	"ConditionCheck": "dynamodb:ConditionCheckItem",
	"Delete":         "dynamodb:DeleteItem",
	"Put":            "dynamodb:PutItem",
	"Update":         "dynamodb:UpdateItem",
}

// polled are actions that Lambda itself uses, when it reads a table's stream with the function's role.
var polled = []string{"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"}

// permissions compares the calls that a function can make with what its role allows. A role that is not in the template
// may allow anything.
func (of uses) permissions(f rules.Function) []Finding {
	if f.Actions == nil {
		return nil
	}
	var found []Finding
	needed := of.calls
	for _, action := range slices.Sorted(maps.Keys(needed)) {
		if !slices.ContainsFunc(f.Actions, func(given string) bool { return covers(given, action) || covers(action, given) }) {
			found = append(found, Finding{
				Function: f.ID, Path: needed[action].at, What: fmt.Sprintf("%s needs %s, which its role does not allow", needed[action].by, action),
				Consequence: "AWS refuses the call with AccessDeniedException", Fix: "allow " + action + " in its role",
			})
		}
	}
	exact := slices.Concat(polled, slices.Collect(maps.Keys(needed)))
	for _, given := range f.Actions {
		prefix, _, _ := strings.Cut(strings.ToLower(given), ":")
		if !of.services[prefix] && prefix != "*" || slices.ContainsFunc(exact, func(action string) bool { return covers(action, given) }) {
			continue
		}
		found = append(found, Finding{
			Function: f.ID, Path: path.Clean(f.Folder),
			What:        fmt.Sprintf("its role allows %s, but its code calls %s", given, list(slices.Sorted(maps.Keys(needed)))),
			Consequence: "whoever takes over the function may do more than it ever does", Fix: "allow exactly what it calls",
		})
	}
	return found
}

// call is one place that needs a permission, and the function that it is in.
type call struct{ at, by string }

// calls returns the actions that a main needs, each with the first place that needs it.
func (r *reached) calls() map[string]call {
	needed := map[string]call{}
	add := func(action string, c call) {
		if first, ok := needed[action]; !ok || c.at < first.at {
			needed[action] = c
		}
	}
	for f := range r.functions {
		operation, ok := operationOf(f)
		if !ok {
			continue
		}
		site, called := r.site(f)
		service, name, _ := strings.Cut(operation, ".")
		named, special := actions[operation]
		switch {
		case !called:
		case operation == "dynamodb.TransactWriteItems":
			for action, at := range r.transactionMembers() {
				add(action, call{at, site.by})
			}
		case special:
			for _, action := range named {
				add(action, site)
			}
		default:
			add(prefixOf(service)+":"+name, site)
		}
	}
	return needed
}

// operationOf returns an SDK client's operation as package.Name: a method of Client that takes a NameInput.
func operationOf(f *ssa.Function) (string, bool) {
	service, ok := strings.CutPrefix(packageOf(f), services)
	if !ok || f.Synthetic != "" || !isClientMethod(f) || f.Signature.Params().Len() < 2 {
		return "", false
	}
	pointer, ok := f.Signature.Params().At(1).Type().(*types.Pointer)
	if !ok {
		return "", false
	}
	input, ok := pointer.Elem().(*types.Named)
	return service + "." + f.Name(), ok && input.Obj().Name() == f.Name()+"Input"
}

func isClientMethod(f *ssa.Function) bool {
	receiver := f.Signature.Recv()
	if receiver == nil {
		return false
	}
	pointer, ok := receiver.Type().(*types.Pointer)
	if !ok {
		return false
	}
	named, ok := pointer.Elem().(*types.Named)
	return ok && named.Obj().Name() == "Client"
}

// site returns the place in the project that calls an operation. Where the SDK or a wrapper is in between, as with a
// paginator or a method value, it is the nearest one. A client's calls of its own methods are left out: those discover
// endpoints, which is off by default.
func (r *reached) site(operation *ssa.Function) (call, bool) {
	level := []*ssa.Function{operation}
	seen := map[*ssa.Function]bool{operation: true}
	called := false
	if r.graph.Nodes[operation] == nil {
		return call{}, false
	}
	for len(level) > 0 {
		var places []call
		var outer []*ssa.Function
		for _, f := range level {
			for _, e := range r.graph.Nodes[f].In {
				caller := e.Caller.Func
				clients := isClientMethod(outermost(caller)) && caller.Synthetic == "" && strings.HasPrefix(packageOf(caller), services)
				if clients || !r.functions[caller] {
					continue
				}
				called = true
				switch {
				case r.own(caller) && !isWrapper(caller):
					places = append(places, call{r.at(e.Pos()), name(outermost(caller))})
				case !seen[caller]:
					seen[caller] = true
					outer = append(outer, caller)
				}
			}
		}
		if len(places) > 0 {
			return slices.MinFunc(places, func(a, b call) int { return cmp.Compare(a.at, b.at) }), true
		}
		level = outer
	}
	return call{r.at(operation.Pos()), name(operation)}, called
}

// isWrapper reports whether a function only stands between a call and a promoted method, a method value or a method
// expression.
func isWrapper(f *ssa.Function) bool {
	return strings.Contains(f.Synthetic, "wrapper") || strings.HasPrefix(f.Synthetic, "thunk")
}

// transactionMembers returns the actions of the members that reached code sets in a TransactWriteItem, each with the first
// place that does. Reading a member, as the SDK does, does not count.
func (r *reached) transactionMembers() map[string]string {
	found := map[string]string{}
	for f := range r.functions {
		for _, b := range f.Blocks {
			for _, i := range b.Instrs {
				field, ok := i.(*ssa.FieldAddr)
				if !ok {
					continue
				}
				owner, ok := field.X.Type().Underlying().(*types.Pointer).Elem().(*types.Named)
				if !ok || owner.Obj().Name() != "TransactWriteItem" || owner.Obj().Pkg().Path() != services+"dynamodb/types" {
					continue
				}
				action, ok := members[owner.Underlying().(*types.Struct).Field(field.Field).Name()]
				if !ok || !slices.ContainsFunc(*field.Referrers(), func(use ssa.Instruction) bool { return sets(use, field) }) {
					continue
				}
				if at := r.at(field.Pos()); found[action] == "" || at < found[action] {
					found[action] = at
				}
			}
		}
	}
	return found
}

// sets reports whether a use of an address can store something there, rather than only read it.
func sets(use ssa.Instruction, address ssa.Value) bool {
	switch use := use.(type) {
	case *ssa.UnOp, *ssa.DebugRef:
		return false
	case *ssa.Store:
		nothing, ok := use.Val.(*ssa.Const)
		return use.Addr != address || !ok || !nothing.IsNil()
	}
	return true
}

// services returns the prefixes of the actions of which a role must allow no more than the code calls: DynamoDB's, and those
// of each service whose client is compiled into the function. Lambda itself may need others: logs, traces, queues.
func (r *reached) services() map[string]bool {
	judged := map[string]bool{"dynamodb": true}
	for f := range r.functions {
		if service, ok := strings.CutPrefix(packageOf(f), services); ok && !strings.Contains(service, "/") {
			judged[prefixOf(service)] = true
		}
	}
	return judged
}

func prefixOf(service string) string {
	if p, ok := prefixes[service]; ok {
		return p
	}
	return service
}

// covers reports whether an action as a policy writes it, in any case and with * and ?, allows another.
func covers(given, action string) bool {
	ok, err := path.Match(strings.ToLower(given), strings.ToLower(action))
	return ok && err == nil
}

func outermost(f *ssa.Function) *ssa.Function {
	for f.Parent() != nil {
		f = f.Parent()
	}
	return f
}

// name writes a function as Store.find, or main.list.
func name(f *ssa.Function) string {
	if receiver := f.Signature.Recv(); receiver != nil {
		t := receiver.Type()
		if p, ok := t.(*types.Pointer); ok {
			t = p.Elem()
		}
		if n, ok := t.(*types.Named); ok {
			return n.Obj().Name() + "." + f.Name()
		}
	}
	if f.Pkg != nil {
		return f.Pkg.Pkg.Name() + "." + f.Name()
	}
	return f.Name()
}

func list(names []string) string {
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

func keys(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }
