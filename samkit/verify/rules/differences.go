package rules

import (
	"regexp"
	"slices"
	"strings"
)

// Difference is a place where two environments differ, apart from their names.
type Difference struct {
	Path []string
	A, B string // empty: not there
}

// contentHash is the end of the logical ids that SAM derives from what a deployment or version holds.
var contentHash = regexp.MustCompile(`[0-9a-f]{10}$`)

// Differences compares what two environments would get. Each environment's own name, where it is a whole word, counts as
// the same, and so do the hashes in the logical ids of deployments and versions.
func (p *Project) Differences(a, b string) []Difference {
	var found []Difference
	compare(nil, p.resolved(a), p.resolved(b), func(path []string, a, b string) { found = append(found, Difference{path, a, b}) })
	return found
}

// Renamed returns the parameters of one environment under the name of another. What differs between the two stacks then
// is chosen by the name, not by a parameter.
func Renamed(parameters map[string]string, from, to string) map[string]string {
	renamed := map[string]string{}
	word := regexp.MustCompile(`\b` + regexp.QuoteMeta(from) + `\b`)
	for name, value := range parameters {
		renamed[name] = word.ReplaceAllString(value, to)
	}
	return renamed
}

// resolved is a whole stack with its environment's name and hashes left out.
func (p *Project) resolved(environment string) any {
	s := p.stacks[environment]
	if s == nil {
		return nil
	}
	name := regexp.MustCompile(`\b` + regexp.QuoteMeta(environment) + `\b`)
	neutral := func(v string) string { return name.ReplaceAllString(v, "(name)") }
	resources := map[string]any{}
	for id, r := range s.resources {
		resources[contentHash.ReplaceAllString(id, "")] = rewrite(r.whole, func(v string) string {
			if rest, ok := strings.CutPrefix(v, "<"); ok { // a reference
				return "<" + contentHash.ReplaceAllString(strings.TrimSuffix(rest, ">"), "") + ">"
			}
			return neutral(v)
		})
	}
	return map[string]any{"Resources": resources, "Outputs": rewrite(s.outputs, neutral)}
}

func rewrite(v any, f func(string) string) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			out[key] = rewrite(value, f)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = rewrite(v[i], f)
		}
		return out
	case string:
		return f(v)
	}
	return v
}

// compare reports the scalars, and the whole branches, in which two values differ.
func compare(path []string, a, b any, report func(path []string, a, b string)) {
	mapA, isMapA := a.(map[string]any)
	mapB, isMapB := b.(map[string]any)
	listA, isListA := a.([]any)
	listB, isListB := b.([]any)
	switch {
	case isMapA && isMapB:
		keys := append(sorted(mapA), sorted(mapB)...)
		slices.Sort(keys)
		for _, key := range slices.Compact(keys) {
			compare(below(path, key), mapA[key], mapB[key], report)
		}
	case isListA && isListB && len(listA) == len(listB):
		for i := range listA {
			compare(below(path, text(i)), listA[i], listB[i], report)
		}
	default:
		if left, right := brief(a), brief(b); left != right {
			report(path, left, right)
		}
	}
}

// brief is a value as a short text, which is empty for no value.
func brief(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case map[string]any:
		return "{" + strings.Join(sorted(v), ", ") + "}"
	case []any:
		var items []string
		for _, item := range v {
			items = append(items, brief(item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	return text(v)
}
