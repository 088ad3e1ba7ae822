package compare_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/tools/parity/compare"
)

// route is one with these rules, as they stand in a file.
func route(t require.TestingT, rules string) *compare.Route {
	all, err := compare.Read([]byte("routes:\n  - route: GET /x\n" + rules))
	require.NoError(t, err, rules)
	return all.Routes[0]
}

func ok(body string) compare.Answer { return compare.Answer{Status: 200, Body: []byte(body)} }

// Differences of content that were put in on purpose: each is found, and a rule that is for it rules it out.
func TestCompare_SeededDifferences(t *testing.T) {
	t.Parallel()
	const document = `{"id":"a1","items":[{"sku":"p1","price":"9.90","n":3},{"sku":"p2","price":"5","n":null}],"at":"2026-07-06T09:00:00Z"}`
	with := func(old, fresh string) compare.Answer {
		require.Contains(t, document, old)
		return ok(string(bytes.Replace([]byte(document), []byte(old), []byte(fresh), 1)))
	}
	header := func(value string) compare.Answer {
		return compare.Answer{Status: 200, Body: []byte(document), Header: http.Header{"Cache-Control": {value}}}
	}
	for name, tt := range map[string]struct {
		legacy, fresh compare.Answer
		before        string // a rule without which the difference is not looked for
		path          string
		kind          compare.Kind
		rule          string
		ruledOut      string
	}{
		"a value": {fresh: with(`"a1"`, `"b1"`), path: "/id", kind: compare.Value, rule: "ignore: [/id]", ruledOut: "ignore"},
		"a number, a little": {fresh: with(`"n":3`, `"n":3.01`), path: "/items/*/n", kind: compare.Value,
			rule: "tolerance: [{path: /items/*/n, absolute: 0.01}]", ruledOut: "tolerance"},
		"a number, by a share": {fresh: with(`"n":3`, `"n":3.03`), path: "/items/*/n", kind: compare.Value,
			rule: "tolerance: [{path: /items/*/n, relative: 1%}]", ruledOut: "tolerance"},
		"the spelling of an amount": {fresh: with(`"9.90"`, `"9.9"`), path: "/items/*/price", kind: compare.Value,
			rule: "decimals: [/items/*/price]", ruledOut: "decimals"},
		"an amount as a number": {fresh: with(`"9.90"`, `9.9`), path: "/items/*/price", kind: compare.Type,
			rule: "decimals: [/items/*/price]", ruledOut: "decimals"},
		"another moment": {fresh: with("09:00:00Z", "09:00:01Z"), path: "/at", kind: compare.Value,
			rule: `pattern: [{path: /at, matches: "[0-9-]{10}T[0-9:]{8}Z"}]`, ruledOut: "pattern"},
		"a missing member": {fresh: with(`,"at":"2026-07-06T09:00:00Z"`, ``), path: "/at", kind: compare.Missing,
			rule: "ignore: [/at]", ruledOut: "ignore"},
		"one more member": {fresh: with(`"id":`, `"_links":{},"id":`), path: "/_links", kind: compare.Added,
			rule: "ignore: [/_links]", ruledOut: "ignore"},
		"null or absent": {fresh: with(`,"n":null`, ``), path: "/items/*/n", kind: compare.Missing,
			rule: "nullable: [/items/*/n]", ruledOut: "nullable"},
		"another name": {fresh: with(`"sku":"p1"`, `"productId":"p1"`), path: "/items/*/sku", kind: compare.Missing,
			rule: "rename: [{path: /items/*/sku, to: productId}]", ruledOut: "rename"},
		"another order": {
			fresh: ok(`{"id":"a1","items":[{"sku":"p2","price":"5","n":null},{"n":3,"sku":"p1","price":"9.90"}],"at":"2026-07-06T09:00:00Z"}`),
			path:  "/items/*/sku", kind: compare.Value, rule: "unordered: [{path: /items, key: [/sku]}]", ruledOut: "unordered"},
		"a status": {fresh: compare.Answer{Status: 203, Body: []byte(document)}, path: "status", kind: compare.Status,
			rule: "sameStatus: [[200, 203]]", ruledOut: "sameStatus"},
		"a header": {legacy: header("no-store"), fresh: header("max-age=5"), before: "headers: [cache-control]",
			path: "header Cache-Control", kind: compare.Header, rule: "headers: [etag]"},
		"no JSON":   {fresh: ok("<ok/>"), path: "body", kind: compare.Type, rule: "ignore: [/**]", ruledOut: "ignore"},
		"no answer": {fresh: compare.Answer{Failed: "timeout"}, path: "body", kind: compare.NoAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.legacy.Status == 0 {
				tt.legacy = ok(document)
			}
			found, _ := compare.Compare(tt.legacy, tt.fresh, route(t, "    "+tt.before))
			require.NotEmpty(t, found)
			assert.True(t, slices.ContainsFunc(found, func(d compare.Difference) bool { return d.Path == tt.path && d.Kind == tt.kind }), "%+v",
				found)
			if tt.rule == "" { // nothing rules it out
				return
			}
			left, ruledOut := compare.Compare(tt.legacy, tt.fresh, route(t, "    "+tt.rule))
			assert.Empty(t, left)
			if tt.ruledOut != "" {
				assert.True(t, slices.ContainsFunc(ruledOut, func(r compare.RuledOut) bool { return r.Rule == tt.ruledOut }), "%+v", ruledOut)
			}
		})
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	const long = "[9007199254740993]"
	redacted := func(path, legacy, fresh string) []compare.Difference {
		return []compare.Difference{{Path: path, Kind: compare.Value, Legacy: legacy, New: fresh}}
	}
	lines := "7 bytes, differs from line 2 on"
	price := "    rename: [{path: /price, to: price/amount}, {path: /currency, to: price/currency}]"
	for name, tt := range map[string]struct {
		legacy, fresh, rules string
		want                 []compare.Difference
	}{
		"spaces, order of members, spellings of numbers": {legacy: `{"a":9.90,"b":1e2}`, fresh: `{ "b": 100, "a": 9.9 }`},
		"great numbers are exact": {legacy: long, fresh: `[9007199254740992]`,
			want: redacted("/*", "9999999999999999", "9999999999999999")},
		"a number that nobody can write out": {legacy: `[1e999999999999]`, fresh: `[1e999999999998]`,
			rules: "    tolerance: [{path: /*, absolute: 5}]", want: redacted("/*", "9x999999999999", "9x999999999999")},
		"values are redacted": {legacy: `{"mail":"Ann.1@shop.example"}`, fresh: `{"mail":"é\u202e"}`,
			want: redacted("/mail", `"xxx.9@xxxx.xxxxxxx"`, `"x?"`)},
		"unless a rule shows them": {legacy: `{"a":"x1"}`, fresh: `{"a":"x2"}`, rules: "    show: [/a]", want: redacted("/a", `"x1"`, `"x2"`)},
		"names that are data are redacted": {legacy: `{"ann@shop.example":1,"id4711":1}`, fresh: `{"ann@shop.example":2,"id4711":1}`,
			want: redacted("/xxx@xxxx.xxxxxxx", "9", "9")},
		"a member into an object": {legacy: `{"price":"9.90","currency":"USD"}`, fresh: `{"price":{"amount":"9.90","currency":"USD"}}`,
			rules: price},
		"a renamed member beside its new name": {legacy: `{"a":1,"b":2}`, fresh: `{"a":1,"b":2}`, rules: "    rename: [{path: /a, to: b}]"},
		"no room for an object": {legacy: `{"a":1,"b":2}`, fresh: `{"a":3,"b":2}`, rules: "    rename: [{path: /a, to: b/c/d}]",
			want: redacted("/a", "9", "9")},
		"an element more, without order": {legacy: `[3,1,2]`, fresh: `[2,3]`, rules: `    unordered: [{path: ""}]`,
			want: []compare.Difference{{Path: "/*", Kind: compare.Missing, Legacy: "9", New: "absent"}}},
		"text that is no JSON": {legacy: "a,b\n1,2", fresh: "a,b\n1,3",
			want: []compare.Difference{{Path: "body", Kind: compare.Text, Legacy: lines, New: lines}}},
		"twice the same name": {legacy: `{"a":1,"a":2}`, fresh: `{"a":1}`,
			want: []compare.Difference{{Path: "/a (2)", Kind: compare.Missing, Legacy: "9", New: "absent"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, _ := compare.Compare(ok(tt.legacy), ok(tt.fresh), route(t, tt.rules))
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestCompare_Packed(t *testing.T) {
	t.Parallel()
	packed := func(text string, level int) compare.Answer {
		var b bytes.Buffer
		w, err := gzip.NewWriterLevel(&b, level)
		require.NoError(t, err)
		_, err = w.Write([]byte(text))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		return compare.Answer{Status: 200, Header: http.Header{"Content-Encoding": {"gzip"}}, Body: b.Bytes()}
	}
	none := route(t, "")
	left, _ := compare.Compare(packed(`{"a":1}`, 1), packed(`{ "a": 1 }`, 9), none)
	assert.Empty(t, left)
	left, _ = compare.Compare(packed(`{"a":1}`, 1), ok(`{"a":2}`), none)
	assert.Len(t, left, 1)
}

// document is a random JSON document with few names, so that rules meet it.
func document(t *rapid.T, name string) any {
	var make func(depth int) any
	make = func(depth int) any {
		switch kind := rapid.IntRange(0, 7).Draw(t, name); {
		case kind == 0:
			return nil
		case kind == 1:
			return rapid.Bool().Draw(t, name)
		case kind == 2:
			return json.Number(rapid.SampledFrom([]string{"0", "-0", "1", "1.0", "10e-1", "1.005", "2", "100", "1E2", "9e999999999999"}).Draw(t,
				name))
		case kind <= 4 || depth == 0:
			return rapid.SampledFrom([]string{"", "a", "b7", "1", "1.0", "2.00", "2026-07-06"}).Draw(t, name)
		case kind == 5:
			list := []any{}
			for range rapid.IntRange(0, 4).Draw(t, name) {
				list = append(list, make(depth-1))
			}
			return list
		default:
			object := map[string]any{}
			for range rapid.IntRange(0, 4).Draw(t, name) {
				object[rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, name)] = make(depth - 1)
			}
			return object
		}
	}
	return map[string]any{"a": make(3), "b": make(3)}
}

func text(t require.TestingT, doc any) string {
	b, err := json.Marshal(doc)
	require.NoError(t, err)
	return string(b)
}

// anyRules are random rules over the documents' names.
func anyRules(t *rapid.T) string {
	path := func() string {
		return rapid.SampledFrom([]string{"/a", "/b", "/*/c", "/a/*", "/**/d", "/a/*/b", "/**", "/**/a", "/b/*/*", "/c"}).Draw(t, "path")
	}
	rules := []string{
		"ignore: [%s]", "unordered: [{path: %s, key: [/a]}]", "unordered: [{path: %s}]", "unordered: [{path: %s, key: [/b, /c]}]",
		"tolerance: [{path: %s, absolute: 0.01}]", "tolerance: [{path: %s, relative: 10%%}]", `pattern: [{path: %s, matches: "[a-z]+[0-9]?"}]`,
		"rename: [{path: %s, to: c}]", "rename: [{path: %s, to: b/c}]", "decimals: [%s]", "nullable: [%s]",
	}
	all, used := "", map[string]bool{}
	for range rapid.IntRange(0, 5).Draw(t, "rules") {
		rule := rapid.SampledFrom(rules).Draw(t, "rule")
		if member := rule[:4]; !used[member] {
			used[member] = true
			all += "    " + fmt.Sprintf(rule, path()) + "\n"
		}
	}
	return all
}

func TestCompare_Properties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rules := anyRules(t)
		r := route(t, rules)
		first, second := document(t, "first"), document(t, "second")
		same, _ := compare.Compare(ok(text(t, first)), ok(text(t, first)+" "), r)
		require.Empty(t, same, "a document equals itself")

		there, outThere := compare.Compare(ok(text(t, first)), ok(text(t, second)), r)
		back, outBack := compare.Compare(ok(text(t, second)), ok(text(t, first)), r)
		mirror := map[compare.Kind]compare.Kind{compare.Missing: compare.Added, compare.Added: compare.Missing}
		for i, d := range back {
			if kind, is := mirror[d.Kind]; is {
				back[i].Kind = kind
			}
			back[i].Legacy, back[i].New = d.New, d.Legacy
		}
		require.ElementsMatch(t, there, back, "comparing is symmetric")
		require.ElementsMatch(t, outThere, outBack)
	})
}

func TestCompare_OrderProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := route(t, anyRules(t)) // the route's own order rules too: shuffled are the arrays that one of ours covers
		r.Unordered = append(r.Unordered[:0:0], compare.Unordered{Path: pathOf(t, "/**")})
		doc, other := document(t, "doc"), document(t, "other")
		shuffled := shuffle(doc, rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)))
		same, _ := compare.Compare(ok(text(t, doc)), ok(text(t, shuffled)), r)
		require.Empty(t, same)
		before, _ := compare.Compare(ok(text(t, doc)), ok(text(t, other)), r)
		after, _ := compare.Compare(ok(text(t, shuffled)), ok(text(t, other)), r)
		require.ElementsMatch(t, before, after)
	})
}

func pathOf(t require.TestingT, text string) compare.Path {
	p, err := compare.PathOf(text)
	require.NoError(t, err)
	return p
}

// shuffle puts the elements of all arrays into another order.
func shuffle(doc any, random *rand.Rand) any {
	switch v := doc.(type) {
	case []any:
		out := make([]any, len(v))
		for i, at := range random.Perm(len(v)) {
			out[i] = shuffle(v[at], random)
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for name, member := range v {
			out[name] = shuffle(member, random)
		}
		return out
	}
	return doc
}
