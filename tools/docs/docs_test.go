package main

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"pricing/shared/testkit/contract"
)

const root = "../.."

// halves reads both files, after edits of the one or the other.
func halves(t *testing.T, file, old, replacement string) (described, template) {
	t.Helper()
	d, tpl, err := read(edited(t, file, old, replacement))
	require.NoError(t, err)
	return d, tpl
}

// edited is the project with an edit of one of its files.
func edited(t *testing.T, file, old, replacement string) fs.FS {
	t.Helper()
	project := overlay{os.DirFS(root), fstest.MapFS{}}
	if file != "" {
		text, err := os.ReadFile(root + "/" + file)
		require.NoError(t, err)
		require.Contains(t, string(text), old)
		project.above[file] = &fstest.MapFile{Data: []byte(strings.Replace(string(text), old, replacement, 1))}
	}
	return project
}

// overlay is a folder of which some files have another text.
type overlay struct {
	fs.FS
	above fstest.MapFS
}

// Open opens a file.
func (o overlay) Open(name string) (fs.File, error) {
	if _, ok := o.above[name]; ok {
		return o.above.Open(name)
	}
	return o.FS.Open(name)
}

// TestExamples: the contract repeats no document. Each is one that a test of its function, or the template, has.
func TestExamples(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(root + "/" + contractFile)
	require.NoError(t, err)
	var written object
	require.NoError(t, yaml.Unmarshal(text, &written))
	var walk func(at string, part any)
	walk = func(at string, part any) {
		switch part := part.(type) {
		case object:
			if content, ok := part["content"].(object); ok {
				for kind, media := range content {
					media := media.(object)
					assert.NotContains(t, media, "example", "%s, %s: name the case that it is of, by x-case", at, kind)
					assert.Equal(t, 1, len(media)-1, "%s, %s: a schema, and x-case or x-gateway", at, kind)
				}
			}
			for name, below := range part {
				walk(at+"/"+name, below)
			}
		case []any:
			for i, below := range part {
				walk(at+"/"+strconv.Itoa(i), below)
			}
		}
	}
	walk("", written)
	d, _ := halves(t, "", "", "")
	made, err := json.Marshal(d.document)
	require.NoError(t, err)
	assert.NotContains(t, string(made), caseMember)
	assert.NotContains(t, string(made), gatewayMember)

	for _, tt := range []struct{ old, replacement, want string }{
		{"x-case: list-offers/landed", "x-case: list-offers/none", "x-case: list-offers/none: there is no such case"},
		{"x-case: list-offers/landed", "x-case: list-offers/unknown-product", "x-case: list-offers/unknown-product: it is answered 404, not 200"},
		{"x-case: put-competitor/changed", "x-case: get-competitor/bigmart", "x-case: get-competitor/bigmart: it has no body"},
		{"x-gateway: THROTTLED", "x-gateway: NONE", "x-gateway: NONE: the template has no such response"},
	} {
		_, _, err := read(edited(t, contractFile, tt.old, tt.replacement))
		assert.EqualError(t, err, tt.want)
	}
}

// TestMerge_UpToDate: the committed document is what the two halves make, and valid with all its examples, read strictly.
func TestMerge_UpToDate(t *testing.T) {
	t.Parallel()
	d, tpl := halves(t, "", "", "")
	assert.Empty(t, differences(d, tpl))
	want, err := merge(d, tpl)
	require.NoError(t, err)
	got, err := os.ReadFile(root + "/" + contract.File)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "run `make docs` and commit %s", contract.File)
	_, err = contract.Load(root)
	require.NoError(t, err)
}

// TestTags: each operation stands under one heading of the page, and no heading is empty.
func TestTags(t *testing.T) {
	t.Parallel()
	d := document(t)
	var headings, used []string
	for _, tag := range d.Tags {
		headings = append(headings, tag.Name)
	}
	for path, item := range d.Paths.Map() {
		for method, operation := range item.Operations() {
			assert.Len(t, operation.Tags, 1, "%s %s", method, path)
			used = append(used, operation.Tags...)
		}
	}
	slices.Sort(used)
	assert.ElementsMatch(t, headings, slices.Compact(used))
}

// TestDifferences: what stands in both halves is the same, or a line says where it differs.
func TestDifferences(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ file, old, replacement, want string }{
		"a route more in the template": {templateFile, "          /v1/health:\n", "          /v1/alive:\n",
			"GET /v1/alive: the contract does not describe it\nGET /v1/health: the template has no such route"},
		"a method more in the contract": {contractFile, "  /v1/health:\n    get:\n", "  /v1/health:\n    head:\n",
			"GET /v1/health: the contract does not describe it\nHEAD /v1/health: the template has no such route"},
		"a route that is described and should not be": {contractFile, `"ANY /v1/legacy/{proxy+}"`, `"GET /v1/health"`,
			"ANY /v1/legacy/{proxy+}: the contract does not describe it\nGET /v1/health: stands below x-undescribed and is described"},
		"an undescribed route that is gone": {contractFile, `"ANY /v1/legacy/{proxy+}"`, `"ANY /v1/old/{proxy+}"`,
			"ANY /v1/legacy/{proxy+}: the contract does not describe it\n" +
				"ANY /v1/old/{proxy+}: stands below x-undescribed, and the template has no such route"},
		"another scope": {contractFile, "x-scope: catalog", "x-scope: read",
			`PUT /v1/products/{productId}: x-scope of the contract is "read", the template's description says "catalog"`},
		"no token": {templateFile, "description: Scope read. Strongly consistent.\n              security: [{Token: []}]",
			"description: Scope read. Strongly consistent.\n              security: []",
			"GET /v1/products/{productId}/offers: the template needs no token, the contract has a scope"},
		"a parameter more in the template": {templateFile, "{name: dryRun,", "{name: tryOut,",
			"POST /v1/observations: the contract lacks the parameter tryOut in query, required: false\n" +
				"POST /v1/observations: the template lacks the parameter dryRun in query, required: false"},
		"a parameter that is needed": {templateFile, "{name: dryRun, in: query,", "{name: dryRun, in: query, required: true,",
			"POST /v1/observations: the contract lacks the parameter dryRun in query, required: true\n" +
				"POST /v1/observations: the template lacks the parameter dryRun in query, required: false"},
		"a status more in the contract": {contractFile, `"413":`, `"414":`,
			"POST /v1/observations: the contract lacks the status 413\nPOST /v1/observations: the template lacks the status 414"},
		"no body": {contractFile, "      requestBody:\n        description: It replaces", "      x-body:\n        description: It replaces",
			"PUT /v1/products/{productId}: the contract lacks the body"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tt.want, strings.Join(differences(halves(t, tt.file, tt.old, tt.replacement)), "\n"))
		})
	}
}

// TestMerge: of an operation, the template says what it is called, who may call it, how often, and how long it may take.
func TestMerge(t *testing.T) {
	t.Parallel()
	text, err := merge(halves(t, templateFile, "ThrottlingRateLimit: 20\n", "ThrottlingRateLimit: 5\n"))
	require.NoError(t, err)
	type operation struct {
		ID       string `json:"operationId"`
		Security []map[string][]string
		Timeout  int    `json:"x-timeout-millis"`
		Scope    string `json:"x-scope"`
		Throttle struct{ PerSecond, Burst int }
	}
	var document struct {
		Paths map[string]map[string]struct {
			operation
			Throttle struct{ PerSecond, Burst int } `json:"x-throttle"`
		}
	}
	require.NoError(t, json.Unmarshal(text, &document))
	record := document.Paths["/v1/observations"]["post"]
	assert.Equal(t, operation{"recordObservation", []map[string][]string{{"Token": {}}}, 14000, "ingest", struct{ PerSecond, Burst int }{}},
		record.operation)
	assert.Equal(t, struct{ PerSecond, Burst int }{1500, 1000}, record.Throttle, "the defaults of the parameters")
	health := document.Paths["/v1/health"]["get"]
	assert.Empty(t, health.Security)
	assert.Equal(t, struct{ PerSecond, Burst int }{5, 40}, health.Throttle, "its own before that of all")
	assert.NotContains(t, string(text), "legacy/")
}

// TestGatewayResponses: what the gateway answers by itself is what the contract promises of every route with that status.
func TestGatewayResponses(t *testing.T) {
	t.Parallel()
	promised, err := contract.Load(root)
	require.NoError(t, err)
	_, tpl := halves(t, "", "", "")
	statuses := map[int]bool{}
	for kind, r := range tpl.Resources.Api.Properties.DefinitionBody.Responses {
		require.Contains(t, r.Templates, "application/json", kind)
		body := variable.ReplaceAllString(r.Templates["application/json"], exampleID)
		status := r.Status
		if class, ok := strings.CutPrefix(kind, "DEFAULT_"); ok { // of many statuses
			status, err = strconv.Atoi(class[:1] + "00")
			require.NoError(t, err)
		}
		statuses[status] = true
		headers := map[string]string{}
		for name, value := range r.Headers {
			headers[strings.TrimPrefix(name, "gatewayresponse.header.")] = strings.Trim(variable.ReplaceAllString(value, exampleID), "'")
		}
		checked := 0
		for route, its := range promised.Routes() {
			if slices.Contains(its, status) {
				require.NoError(t, promised.CheckAnswer(route, status, headers, body), kind)
				checked++
			}
		}
		assert.Positive(t, checked, "%s: no route has the status %d", kind, status)
	}
	assert.Subset(t, slices.Collect(maps.Keys(statuses)), []int{400, 401, 403, 415, 429, 500, 503})
}
