package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Mistake is one thing wrong with a template.
type Mistake struct {
	File        string   // empty: the template, or samconfig.toml
	Line        int      // 0: not known
	Path        []string // keys from the template's root
	What        string
	Consequence string // what happens if it is deployed; empty: the tool does not say
	Fix         string // how to repair it; empty: the tool does not say
	Tool        string // or the rule's name
	Environment string // empty: any
}

// String is the mistake as one line.
func (m Mistake) String() string {
	var b strings.Builder
	b.WriteString(m.File)
	if m.Line > 0 {
		fmt.Fprintf(&b, ":%d", m.Line)
	}
	if len(m.Path) > 0 {
		b.WriteString(": " + strings.Join(m.Path, "."))
	}
	b.WriteString(": " + m.What)
	for _, more := range []string{m.Consequence, m.Fix} {
		if more != "" {
			b.WriteString("; " + more)
		}
	}
	b.WriteString(" (" + m.Tool)
	if m.Environment != "" {
		b.WriteString(", only " + m.Environment)
	}
	return b.String() + ")"
}

// source is the template as written, to say where in it a mistake is.
type source struct {
	path string
	text []byte
	root yaml.Node // zero: it is not YAML, which cfn-lint reports
}

func readSource(path string) (*source, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the template: %w", err)
	}
	s := &source{path: path, text: text}
	if yaml.Unmarshal(text, &s.root) != nil {
		s.root = yaml.Node{}
	}
	return s, nil
}

func (s *source) configPath() string { return filepath.Join(filepath.Dir(s.path), "samconfig.toml") }

// tidy gives every mistake its place in the source, joins those that are the same in several environments, and sorts them by
// line.
func (s *source) tidy(found []Mistake, environments int) []Mistake {
	type key struct{ file, place, what, tool string }
	seen := map[key][]Mistake{}
	for _, m := range found {
		s.place(&m)
		m.What = shorten(m.What)
		k := key{m.File, strings.Join(m.Path, "\x00"), m.What, m.Tool}
		seen[k] = append(seen[k], m)
	}
	mistakes := make([]Mistake, 0, len(seen))
	for _, same := range seen {
		var names []string
		for _, m := range same {
			names = append(names, m.Environment)
		}
		slices.Sort(names)
		names = slices.Compact(names)
		m := same[0]
		m.Environment = strings.Join(names, ", ")
		if names[0] == "" || len(names) == environments {
			m.Environment = ""
		}
		mistakes = append(mistakes, m)
	}
	slices.SortFunc(mistakes, func(a, b Mistake) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.String(), b.String()))
	})
	return mistakes
}

// place names a mistake's place as the source does. What the transform made itself, such as a function's role, gets the line
// of the resource that it was made for, which its name begins with.
func (s *source) place(m *Mistake) {
	if m.File != "" {
		return
	}
	m.File = s.path
	if slices.Contains([]string{"cfn-lint E2900", "undeclared-parameter", "shared-stack", "template-rules"}, m.Tool) { // not in the source
		m.File = s.configPath()
		m.Line = 0
		return
	}
	if len(m.Path) > 3 && m.Path[0] == "Resources" && m.Path[3] == "Body" && s.find(m.Path[:4]) == nil {
		m.Path = slices.Concat(m.Path[:3], []string{"DefinitionBody"}, m.Path[4:])
	}
	for depth := len(m.Path); m.Line == 0 && depth > 1; depth-- { // a missing key has no line, but its parent has
		if n := s.find(m.Path[:depth]); n != nil {
			m.Line = n.Line
		}
	}
	for i := 1; m.Line == 0 && len(m.Path) > 1 && i < len(m.Path[1]); i++ {
		if n := s.find([]string{"Resources", m.Path[1][:len(m.Path[1])-i]}); n != nil && m.Path[0] == "Resources" {
			m.Line = n.Line
		}
	}
}

// find returns the node of the path's last key, which is where a reader looks, or nil. Short intrinsic functions (!Sub) have
// no key of their own, so a path may be longer than the source is deep.
func (s *source) find(path []string) *yaml.Node {
	n, at := &s.root, &s.root
	if n.Kind == yaml.DocumentNode {
		n = n.Content[0]
	}
	for _, key := range path {
		i := -1
		switch n.Kind {
		case yaml.MappingNode:
			for j := 0; j < len(n.Content); j += 2 {
				if n.Content[j].Value == key {
					i, at = j+1, n.Content[j]
				}
			}
		case yaml.SequenceNode:
			for j := range n.Content {
				if fmt.Sprint(j) == key {
					i, at = j, n.Content[j]
				}
			}
		}
		if i < 0 {
			return nil
		}
		n = n.Content[i]
	}
	return at
}

// shorten makes a message one short line: tools print whole schemas and long lists of what is allowed.
func shorten(what string) string {
	const most = 200
	r := []rune(strings.Join(strings.Fields(what), " "))
	if len(r) > most {
		return string(r[:most]) + "..."
	}
	return string(r)
}
