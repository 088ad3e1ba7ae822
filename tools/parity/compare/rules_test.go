package compare_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/tools/parity/compare"
)

func TestRead_Mistakes(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, want string }{
		"a member that is none": {"routes:\n  - route: GET /x\n    ignor: [/a]", `line 3: there is no member "ignor" here`},
		"a member inside": {"routes:\n  - route: GET /x\n    tolerance: [{path: /a, absolut: 1}]",
			`line 3: there is no member "absolut" here`},
		"a path without a slash": {"routes:\n  - route: GET /x\n    ignore:\n      - a",
			`line 4: a path must begin with a slash, such as /items/*/price, not be "a"`},
		"a path that is nothing": {"routes:\n  - route: GET /x\n    tolerance: [{absolute: 1}]",
			`routes: number 1, "GET /x": tolerance: a path is missing`},
		"a share": {"routes:\n  - route: GET /x\n    maxMismatch: many", `line 3: "many" is no share, such as 0.1%`},
		"a budget of nothing": {"routes:\n  - route: GET /x\n    maxMismatch: 0%",
			`routes: number 1, "GET /x": maxMismatch: no number of requests shows that nothing ever differs; give a share above 0`},
		"a time": {"routes:\n  - route: GET /x\n    readBack: {get: /x, after: soon}",
			`line 3: "soon" is no time, such as 2s`},
		"a pattern": {"routes:\n  - route: GET /x\n    pattern: [{path: /a, matches: \"(\"}]",
			`line 3: "(" is no regular expression`},
		"no pattern": {"routes:\n  - route: GET /x\n    pattern: [{path: /a}]",
			`routes: number 1, "GET /x": pattern: matches is missing`},
		"a tolerance of nothing": {"routes:\n  - route: GET /x\n    tolerance: [{path: /a}]",
			`tolerance: absolute or relative must be above 0`},
		"no method": {"routes:\n  - route: /x",
			`routes: number 1, "/x": a route is a method and a path, such as GET /products/{sku}`},
		"a name that nothing gives": {"routes:\n  - route: GET /x/{a}\n    new: /y/{b}", `new: "/y/{b}" is no path with the names of the route`},
		"a read-back of nothing":    {"routes:\n  - route: PUT /x/{a}\n    readBack: {get: \"/x/{b}\"}", `readBack: {b} is no name in the route`},
		"twice the same":            {"routes:\n  - route: GET /x\n  - route: GET /x", `routes: "GET /x" is there twice`},
		"two documents":             {"routes: []\n---\nroutes: []", "a second document begins"},
		"no rules":                  {"- a", "line 1: cannot unmarshal"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := compare.Read([]byte(tt.text))
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestRules_Find(t *testing.T) {
	t.Parallel()
	r, err := compare.Read([]byte(`{"coldHeader": "x-cold", "routes": [
		{"route": "GET /products/own", "maxMismatch": "1%"},
		{"route": "GET /products/{sku}", "new": "/v2/products/{sku}/offers"},
		{"route": "POST /prices", "send": true, "readBack": {"get": "/products/{/items/0/sku}", "after": "2s"}},
		{"route": "* /files/{path+}", "new": "/f/{path}"}]}`))
	require.NoError(t, err)
	for _, tt := range []struct{ method, path, route, fresh string }{
		{"GET", "/products/own", "GET /products/own", "/products/own"},
		{"GET", "/products/a%2Fb", "GET /products/{sku}", "/v2/products/a%2Fb/offers"},
		{"GET", "/products/", "GET (no route)", "/products/"},
		{"GET", "/products/a/b", "GET (no route)", "/products/a/b"},
		{"PUT", "/products/a", "PUT (no route)", "/products/a"},
		{"DELETE", "/files/a/b", "* /files/{path+}", "/f/a/b"},
	} {
		route, names := r.Find(tt.method, tt.path)
		assert.Equal(t, tt.route, route.Name)
		assert.Equal(t, tt.fresh, route.NewPath(tt.path, names))
		assert.Equal(t, tt.method == "GET", route.Sent(tt.method), "only reading is sent unless a rule says so")
	}
	post, names := r.Find("POST", "/prices")
	assert.True(t, post.Sent("POST"))
	path, err := post.ReadBackPath(names, []byte(`{"items":[{"sku":"a/b"}]}`))
	require.NoError(t, err)
	assert.Equal(t, "/products/a%2Fb", path)
	for _, body := range []string{`{}`, `x`, `{"items":[{"sku":".."}]}`, `{"items":[{"sku":{}}]}`} {
		_, err := post.ReadBackPath(names, []byte(body))
		require.Error(t, err, body)
	}
}

// The example of the documentation, and the rules that are carried, can be read.
func TestRead_Examples(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/parity.md")
	require.NoError(t, err)
	_, example, ok := strings.Cut(string(page), "```yaml\n")
	require.True(t, ok)
	example, _, _ = strings.Cut(example, "```")
	r, err := compare.Read([]byte(example))
	require.NoError(t, err)
	assert.Len(t, r.Routes, 2)
	file, err := os.ReadFile("../testdata/two-item.yaml")
	require.NoError(t, err)
	_, err = compare.Read(file)
	require.NoError(t, err)
}

func FuzzRead(f *testing.F) {
	f.Add("coldHeader: x\nroutes:\n  - route: GET /x/{a}\n    ignore: [/a/*]\n    rename: [{path: /**, to: a/b}]", `{"a":[1,{"b":null}]}`)
	f.Add(`{"routes":[{"route":"* /{a+}","unordered":[{"path":"/a","key":["/b"]}],"pattern":[{"path":"/a","matches":"x*"}]}]}`,
		`{"a":[{"b":"x"}]}`)
	f.Fuzz(func(t *testing.T, rules, body string) {
		r, err := compare.Read([]byte(rules))
		if err != nil {
			return
		}
		route, names := r.Find("GET", "/x/y")
		_ = route.NewPath("/x/y", names)
		if differences, _ := compare.Compare(ok(body), ok(body+" "), route); len(differences) > 0 && differences[0].Kind != compare.Text {
			t.Fatal("a document equals itself", differences)
		}
	})
}
