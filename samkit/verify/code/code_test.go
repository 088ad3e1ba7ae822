package code

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pricing/samkit/verify/rules"
)

// right is what a template that fits testdata/project would say.
func right() []rules.Function {
	table := []string{"TABLE_NAME"}
	return []rules.Function{
		{
			ID: "Get", Folder: "functions/get-thing/",
			Variables: table, Routes: []string{"GET /things/{id}"},
			Actions: []string{"dynamodb:GetItem", "logs:PutLogEvents"},
		},
		{
			ID: "Take", Folder: "functions/take-thing",
			Variables: table, Routes: []string{"POST /things/{id}"},
			Actions: []string{"dynamodb:getitem", "dynamodb:DeleteItem"},
		},
		{ID: "Roundabout", Folder: "functions/roundabout", Routes: []string{"PUT /things/{id}"},
			Variables: []string{"GOMAXPROCS", "LIMIT_BYTES", "LIMIT_ITEMS", "REGION_PRIMARY", "REGION_SECONDARY", "TABLE_NAME"},
			Actions:   []string{"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:Query"}},
		{
			ID: "Move", Folder: "functions/move-thing",
			Variables: table, Routes: []string{"ANY /things/{id}/place"},
			Actions: []string{"dynamodb:PutItem", "dynamodb:ConditionCheckItem"},
		},
		{ID: "Authorize", Folder: "functions/authorize", Actions: []string{"dynamodb:GetItem"}},
		{
			ID: "TidyUp", Folder: "functions/tidy-up", Scheduled: true,
			Variables: table,
			Actions:   []string{"dynamodb:DescribeTable", "dynamodb:PartiQLDelete", "dynamodb:GetRecords"},
		},
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	other := []rules.Function{{Folder: "other/name-settings"}, {Folder: "other/no-program"}}
	p, err := Load(t.Context(), "testdata/project", folders(append(right(), other...)))
	require.NoError(t, err)
	files := fstest.MapFS{}
	require.NoError(t, fs.WalkDir(p.files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(p.files, name)
		files[name] = &fstest.MapFile{Data: text}
		return err
	}))
	require.Empty(t, p.Check(right()))

	role := func(id string, actions ...string) func([]rules.Function) []rules.Function {
		return change(id, func(f *rules.Function) { f.Actions = actions })
	}
	given := func(id string, variables ...string) func([]rules.Function) []rules.Function {
		return change(id, func(f *rules.Function) { f.Variables = variables })
	}
	routed := func(id string, routes ...string) func([]rules.Function) []rules.Function {
		return change(id, func(f *rules.Function) { f.Routes = routes })
	}
	add := func(f rules.Function) func([]rules.Function) []rules.Function {
		return func(all []rules.Function) []rules.Function { return append(all, f) }
	}
	tests := map[string]struct {
		broken     func([]rules.Function) []rules.Function
		file, text string // instead of the project's; text "" removes it
		want       []string
	}{
		"a call more, of a handler called by reflection": {broken: role("Take", "dynamodb:GetItem"), want: []string{
			"store/store.go: Take: Store.Delete needs dynamodb:DeleteItem, which its role does not allow",
		}},
		"a role that allows nothing": {
			broken: role("Get", []string{}...),
			want:   []string{"store/store.go: Get: Store.Get needs dynamodb:GetItem"},
		},
		"a role from elsewhere": {broken: role("Get")},
		"a call less": {broken: role("Get", "dynamodb:GetItem", "dynamodb:DeleteItem"), want: []string{
			"functions/get-thing: Get: its role allows dynamodb:DeleteItem, but its code calls dynamodb:GetItem",
		}},
		"through an interface": {broken: role("Roundabout", "dynamodb:UpdateItem", "dynamodb:Query"), want: []string{
			"store/store.go: Roundabout: Store.Put needs dynamodb:PutItem",
		}},
		"behind a method value": {broken: role("Roundabout", "dynamodb:PutItem", "dynamodb:Query"), want: []string{
			"store/store.go: Roundabout: Store.Touch needs dynamodb:UpdateItem",
		}},
		"behind a closure and a paginator": {broken: role("Roundabout", "dynamodb:PutItem", "dynamodb:UpdateItem"), want: []string{
			"store/store.go: Roundabout: Store.All needs dynamodb:Query",
		}},
		"a method in an interface that nothing calls": {
			broken: role("Roundabout", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:Query", "dynamodb:DeleteItem"),
			want: []string{
				"its role allows dynamodb:DeleteItem, but its code calls dynamodb:PutItem, dynamodb:Query, dynamodb:UpdateItem",
			},
		},
		"a transaction's member less": {broken: role("Move", "dynamodb:PutItem"), want: []string{
			"store/store.go: Move: Store.Move needs dynamodb:ConditionCheckItem",
		}},
		"a transaction's member more": {
			broken: role("Move", "dynamodb:PutItem", "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:UpdateItem"),
			want: []string{
				"Move: its role allows dynamodb:DeleteItem, but", "Move: its role allows dynamodb:UpdateItem, but",
			},
		},
		"a transaction's call is no action": {
			broken: role("Move", "dynamodb:TransactWriteItems", "dynamodb:PutItem", "dynamodb:ConditionCheckItem"),
			want: []string{
				"its role allows dynamodb:TransactWriteItems, but its code calls dynamodb:ConditionCheckItem, dynamodb:PutItem",
			},
		},
		"a reading transaction": {broken: role("Authorize", "dynamodb:TransactGetItems"), want: []string{
			"Authorize: its role allows dynamodb:TransactGetItems, but its code calls dynamodb:GetItem",
			"Authorize: Store.Pair needs dynamodb:GetItem",
		}},
		"no statement": {broken: role("TidyUp", "dynamodb:DescribeTable"), want: []string{"TidyUp: Store.Run needs dynamodb:PartiQL*"}},
		"a wildcard": {
			broken: role("Get", "dynamodb:Get*"),
			want:   []string{"Get: its role allows dynamodb:Get*, but its code calls dynamodb:GetItem"},
		},
		"everything": {broken: role("Get", "*"), want: []string{"Get: its role allows *, but its code calls dynamodb:GetItem"}},

		"a variable not given": {
			broken: given("Get"),
			want:   []string{"functions/get-thing/main.go: Get: reads TABLE_NAME, which the template does not set"},
		},
		"by a constant's sum, in a list of fields": {
			broken: given("Roundabout", "LIMIT_ITEMS", "REGION_PRIMARY", "REGION_SECONDARY", "TABLE_NAME"),
			want: []string{
				"functions/roundabout/main.go: Roundabout: reads LIMIT_BYTES",
			},
		},
		"by a sum made when it runs": {broken: given("Roundabout", "LIMIT_ITEMS", "LIMIT_BYTES", "REGION_PRIMARY", "TABLE_NAME"), want: []string{
			"functions/roundabout/main.go: Roundabout: reads REGION_SECONDARY",
		}},
		"through a function value": {
			broken: given("Roundabout", "LIMIT_ITEMS", "LIMIT_BYTES", "REGION_PRIMARY", "REGION_SECONDARY"),
			want: []string{
				"functions/roundabout/main.go: Roundabout: reads TABLE_NAME",
			},
		},
		"a variable not read": {
			broken: given("Get", "TABLE_NAME", "LIMIT"),
			want:   []string{"functions/get-thing: Get: is given the variable LIMIT, which nothing in its code reads"},
		},
		"a variable of the SDK, misspelt": {
			broken: given("Get", "TABLE_NAME", "AWS_NEW_RETRY_2026"),
			want:   []string{"is given the variable AWS_NEW_RETRY_2026, which nothing"},
		},
		"names that only show when it runs": {broken: add(rules.Function{ID: "Name", Folder: "other/name-settings"}), want: []string{
			"other/name-settings/main.go: Name: reads an environment variable whose name is known only when it runs",
			"other/name-settings/main.go: Name: reads an environment variable whose name is known only when it runs",
		}},

		"swapped routes": {
			broken: func(all []rules.Function) []rules.Function {
				all[0].Routes, all[2].Routes = all[2].Routes, all[0].Routes
				return all
			},
			want: []string{
				"functions/get-thing/main.go: Get: its code names the route GET /things/{id}, but the template gives it PUT /things/{id}",
				"functions/get-thing: Get: has the route PUT /things/{id}, which belongs to Roundabout",
				"events/get-thing/ok.json: Get: is GET /things/{id}, but the template gives the function PUT /things/{id}",
				"functions/roundabout/main.go: Roundabout: its code names the route PUT /things/{id}, but the template gives it GET /things/{id}",
				"functions/roundabout: Roundabout: has the route GET /things/{id}, which belongs to Get",
				"events/roundabout/ok.json: Roundabout: is PUT /things/{id}, but the template gives the function GET /things/{id}",
			},
		},
		"a route of nobody": {
			broken: routed("Get", "GET /things/{id}", "GET /things"),
			want:   []string{"Get: has the route GET /things, which its code does not name"},
		},
		"a route not wired": {
			broken: routed("Get"),
			want:   []string{"Get: its code names the route GET /things/{id}, but the template gives it nothing"},
		},
		"a route twice": {broken: routed("Get", "GET /things/{id}", "PUT /things/{id}"), want: []string{
			"functions/roundabout: Roundabout: shares the route PUT /things/{id} with Get",
			"Get: has the route PUT /things/{id}, which belongs to Roundabout",
		}},
		"a request to a schedule": {file: "events/tidy-up/ok.json", text: event("GET /things/{id}", "GET /things/{id}"), want: []string{
			"events/tidy-up/ok.json: TidyUp: is the request GET /things/{id}, but the function has a schedule and no route",
		}},
		"a schedule's event to a route": {
			file: "events/get-thing/ok.json", text: `{"source": "aws.events"}`,
			want: []string{"events/get-thing/ok.json: Get: is no request, but the template gives the function GET /things/{id}"},
		},
		"two functions of one folder": {
			broken: add(rules.Function{ID: "Got", Folder: "functions/authorize", Actions: []string{"dynamodb:GetItem"}}),
			want:   []string{"functions/authorize: Got: is the code of Authorize too"},
		},
		"a folder that is missing": {
			broken: add(rules.Function{ID: "New", Folder: "functions/new-thing"}),
			want:   []string{"functions/new-thing: New: holds no Go program", "events/new-thing: New: has no event"},
		},
		"a folder that is no program": {
			broken: add(rules.Function{ID: "Lib", Folder: "other/no-program"}),
			want:   []string{"other/no-program: Lib: holds no Go program"},
		},
		"a function not in the template": {broken: func(all []rules.Function) []rules.Function { return all[:5] }, want: []string{
			"functions/tidy-up: belongs to no function in the template; it is never deployed",
			"events/tidy-up: holds events of no function in the template",
		}},
		"events of no function": {
			file: "events/got-thing/ok.json", text: "{}",
			want: []string{"events/got-thing: holds events of no function"},
		},
		"no events": {file: "events/get-thing/ok.json", want: []string{"events/get-thing: Get: has no event"}},
		"an event of another route": {
			file: "events/get-thing/ok.json", text: event("PUT /things/{id}", "PUT /things/{id}"),
			want: []string{"events/get-thing/ok.json: Get: is PUT /things/{id}, but the template gives the function GET /things/{id}"},
		},
		"an event of another resource": {
			file: "events/move-thing/ok.json", text: event("PUT /things", "PUT /things"),
			want: []string{"Move: is PUT /things, but the template gives the function ANY /things/{id}/place"},
		},
		"an event at odds with itself": {
			file: "events/get-thing/ok.json", text: event("GET /things/{id}", "PUT /things/{id}"),
			want: []string{"Get: is GET /things/{id}, but PUT /things/{id} in its requestContext"},
		},
		"an event that is no JSON": {
			file: "events/get-thing/ok.json", text: `{"httpMethod`,
			want: []string{"events/get-thing/ok.json: Get: cannot be read: unexpected end of JSON input"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			broken := *p
			functions := right()
			if tt.broken != nil {
				functions = tt.broken(functions)
			}
			if tt.file != "" {
				changed := fstest.MapFS{}
				for file, text := range files {
					changed[file] = text
				}
				if delete(changed, tt.file); tt.text != "" {
					changed[tt.file] = &fstest.MapFile{Data: []byte(tt.text)}
				}
				broken.files = changed
			}
			sees(t, tt.want, broken.Check(functions))
		})
	}
}

// TestCalls: of the project's own functions those that a program can call, through closures and method values too.
func TestCalls(t *testing.T) {
	t.Parallel()
	p, err := Load(t.Context(), "testdata/project", []string{"functions/roundabout", "functions/get-thing"})
	require.NoError(t, err)
	const store = "pricing/samkit/verify/code/testdata/project/store."
	for _, name := range []string{store + "New", store + "key", "(*" + store + "Store).Touch", "(*" + store + "Store).All"} {
		assert.True(t, p.Calls("functions/roundabout/", name), name)
	}
	for _, name := range []string{"(*" + store + "Store).Get", "(*" + store + "Store).Delete", store + "key2", "os.Getenv"} {
		assert.False(t, p.Calls("functions/roundabout", name), name)
	}
	assert.True(t, p.Calls("functions/get-thing", "(*"+store+"Store).Get"))
	assert.False(t, p.Calls("functions/none", store+"New"))
}

// TestCheck_foreign: a module with another service than DynamoDB, other folders and no events.
func TestCheck_foreign(t *testing.T) {
	t.Parallel()
	functions := []rules.Function{
		{
			ID: "Notify", Folder: "notify",
			Routes:  []string{"GET /elsewhere"},
			Actions: []string{"sns:Publish", "sqs:ReceiveMessage"}, Variables: []string{"AWS_PROFILE"},
		},
		{ID: "Configure", Folder: "configure", Variables: []string{"PLACE"}},
	}
	p, err := Load(t.Context(), "testdata/foreign", folders(functions))
	require.NoError(t, err)
	require.Empty(t, p.Check(functions))

	functions[0].Actions, functions[0].Variables = []string{"sns:Subscribe"}, []string{"AWS_PROFILE", "PLACE"}
	found := p.Check(functions)
	sees(t, []string{
		"notify: Notify: is given the variable PLACE, which nothing in its code reads",
		"notify: Notify: its role allows sns:Subscribe, but its code calls sns:Publish",
		"notify/main.go: Notify: main.main needs sns:Publish",
	}, found)
	assert.Equal(t, "notify/main.go:11", found[2].Path)
}

// TestLoad_compile: code that does not compile is not a mistake in the template.
func TestLoad_compile(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	require.NoError(t, os.WriteFile(path.Join(root, "go.mod"), []byte("module broken\n\ngo 1.26\n"), 0o644))
	require.NoError(t, os.WriteFile(path.Join(root, "main.go"), []byte("package main\n\nfunc main() { run() }\n"), 0o644))
	_, err := Load(t.Context(), root, []string{"."})
	require.ErrorContains(t, err, "compile the functions: ")
	require.ErrorContains(t, err, "main.go:3:15: undefined: run")
}

func folders(functions []rules.Function) []string {
	var all []string
	for _, f := range functions {
		all = append(all, f.Folder)
	}
	return all
}

var line = regexp.MustCompile(`(\.go):[0-9]+: `)

// sees checks that there is one finding for each text, which has no line numbers, and no other.
func sees(t *testing.T, want []string, found []Finding) {
	t.Helper()
	for _, text := range want {
		at := slices.IndexFunc(found, func(f Finding) bool { return strings.Contains(line.ReplaceAllString(f.String(), "$1: "), text) })
		if assert.GreaterOrEqual(t, at, 0, "%s\nnot in %v", text, found) {
			found = slices.Delete(slices.Clone(found), at, at+1)
		}
	}
	assert.Empty(t, found)
}

func change(id string, how func(*rules.Function)) func([]rules.Function) []rules.Function {
	return func(all []rules.Function) []rules.Function {
		for i := range all {
			if all[i].ID == id {
				how(&all[i])
			}
		}
		return all
	}
}

func event(outside, inside string) string {
	method, resource, _ := strings.Cut(outside, " ")
	innerMethod, innerResource, _ := strings.Cut(inside, " ")
	return `{"httpMethod":"` + method + `","resource":"` + resource +
		`","requestContext":{"httpMethod":"` + innerMethod + `","resourcePath":"` + innerResource + `"}}`
}
