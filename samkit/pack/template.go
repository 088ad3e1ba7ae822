package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"go.yaml.in/yaml/v3"
)

// template is the source with the places of its CodeUri values, so that it can be written again with nothing else changed:
// comments and intrinsic functions stay as they are.
type template struct {
	lines     []string
	functions []function
}

type function struct {
	id     string // logical
	folder string // CodeUri, clean
	name   string // its last element; names the artifact
	line   int    // of the value, from 0
	column int
	value  string // as written
}

func readTemplate(file string) (*template, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the template: %w", err)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(text, &root); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	t := &template{lines: strings.Split(string(text), "\n")}
	names := map[string]string{}
	if root.Kind == 0 {
		return nil, fmt.Errorf("%s: is empty", file)
	}
	err = pairs(child(root.Content[0], "Resources"), func(id string, resource *yaml.Node) error {
		if kind := child(resource, "Type"); kind == nil || kind.Value != "AWS::Serverless::Function" {
			return nil
		}
		code := child(child(resource, "Properties"), "CodeUri")
		if code == nil || code.Kind != yaml.ScalarNode || code.Value == "" {
			return fmt.Errorf("%s: Resources.%s.Properties.CodeUri: a folder is needed", file, id)
		}
		f := function{id: id, folder: path.Clean(code.Value), line: code.Line - 1, column: code.Column - 1, value: code.Value}
		f.name = path.Base(f.folder)
		if other, ok := names[f.name]; ok {
			return fmt.Errorf("%s: %s and %s have code folders of the same name %s", file, other, id, f.name)
		}
		names[f.name] = id
		if !strings.HasPrefix(t.lines[f.line][f.column:], f.value) {
			return fmt.Errorf("%s: Resources.%s.Properties.CodeUri: write the folder without quotes", file, id)
		}
		t.functions = append(t.functions, f)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(t.functions) == 0 {
		return nil, errors.New(file + ": has no functions")
	}
	return t, nil
}

// with returns the template with other values for CodeUri, by logical id.
func (t *template) with(uris map[string]string) string {
	lines := append([]string(nil), t.lines...)
	for _, f := range t.functions { // a line has one value, so the places of others do not move
		line := lines[f.line]
		lines[f.line] = line[:f.column] + uris[f.id] + line[f.column+len(f.value):]
	}
	return strings.Join(lines, "\n")
}

// child is the value of a key; nil when there is none.
func child(n *yaml.Node, key string) (found *yaml.Node) {
	_ = pairs(n, func(k string, v *yaml.Node) error { // the function never fails
		if k == key {
			found = v
		}
		return nil
	})
	return found
}

func pairs(n *yaml.Node, each func(key string, value *yaml.Node) error) error {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if err := each(n.Content[i].Value, n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}
