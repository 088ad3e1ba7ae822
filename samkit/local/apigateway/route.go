package apigateway

import (
	"fmt"
	"regexp"
	"strings"

	"pricing/samkit/local/samtemplate"
)

// route is a method with its path split into segments.
type route struct {
	segments []string
	method   *samtemplate.Method
}

// segmentForm matches what the import takes between two slashes (recorded): a parameter is a whole segment.
var segmentForm = regexp.MustCompile(`^([\w.,:-]*|\{[\w.,:-]+\+?\})$`)

// makeRoutes refuses the paths that API Gateway's import refuses. Served here, they would first fail when deployed.
func makeRoutes(methods []samtemplate.Method) ([]route, error) {
	routes := make([]route, len(methods))
	variables := map[string]string{} // by the path before it, the one parameter that may stand there (recorded)
	for i := range methods {
		m := &methods[i]
		if !strings.HasPrefix(m.Path, "/") {
			return nil, fmt.Errorf("path %s: does not begin with a slash", m.Path)
		}
		segments := split(m.Path)
		before := ""
		for n, s := range segments {
			if !segmentForm.MatchString(s) {
				return nil, fmt.Errorf("path %s: API Gateway imports no segment %q", m.Path, s)
			}
			if isGreedy(s) && n != len(segments)-1 {
				return nil, fmt.Errorf("path %s: nothing may follow %s", m.Path, s)
			}
			if other, ok := variables[before]; ok && isParameter(s) && other != s {
				return nil, fmt.Errorf("path %s: API Gateway imports only one of %s and %s below %s/", m.Path, other, s, before)
			}
			if isParameter(s) {
				variables[before] = s
			}
			before += "/" + s
		}
		routes[i] = route{segments, m}
	}
	return routes, nil
}

func split(path string) []string { return strings.Split(strings.Trim(path, "/"), "/") }

func isParameter(segment string) bool { return strings.HasPrefix(segment, "{") }
func isGreedy(segment string) bool    { return strings.HasSuffix(segment, "+}") }

// match finds the method of a path. A static segment wins over a parameter, and that over a greedy one; a concrete method
// wins over ANY. Parameters keep their percent-encoding. %2F does not split a segment; a trailing slash is ignored.
func match(routes []route, method, path string) (*samtemplate.Method, map[string]string) {
	sent := strings.Split(strings.TrimPrefix(strings.TrimSuffix(path, "/"), "/"), "/")
	var best *route
	bestScore := ""
	for i := range routes {
		r := &routes[i]
		score, ok := r.score(sent)
		if !ok || r.method.HTTPMethod != method && (r.method.HTTPMethod != "ANY" || !anyMethod(method)) {
			continue
		}
		if r.method.HTTPMethod == method {
			score += "z"
		}
		if best == nil || score > bestScore {
			best, bestScore = r, score
		}
	}
	if best == nil {
		return nil, nil
	}
	params := map[string]string{}
	for i, s := range best.segments {
		switch {
		case isGreedy(s):
			params[s[1:len(s)-2]] = strings.Join(sent[i:], "/")
		case isParameter(s):
			params[s[1:len(s)-1]] = sent[i]
		}
	}
	return best.method, params
}

// anyMethod reports whether x-amazon-apigateway-any-method stands for the method.
func anyMethod(method string) bool {
	switch method {
	case "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT":
		return true
	}
	return false
}

// score ranks a match by one letter for each segment: static before parameter before greedy.
func (r *route) score(sent []string) (string, bool) {
	var score strings.Builder
	for i, s := range r.segments {
		switch {
		case isGreedy(s):
			if i >= len(sent) || sent[i] == "" {
				return "", false
			}
			score.WriteByte('a')
			return score.String(), true
		case i >= len(sent):
			return "", false
		case isParameter(s):
			if sent[i] == "" {
				return "", false
			}
			score.WriteByte('b')
		case s != sent[i]:
			return "", false
		default:
			score.WriteByte('c')
		}
	}
	return score.String(), len(sent) == len(r.segments)
}
