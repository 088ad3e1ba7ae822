package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// Every example of a document that is sent or answered is one that was seen. The contract names it instead of repeating it:
//
//	x-case: record-observation/changed   # of functions/record-observation/testdata/changed.json the body that is sent, or answered
//	x-gateway: UNAUTHORIZED              # the text of this gateway response of the template
//
// The tests of the functions ask the real endpoint each case, so a document here comes back as it is printed.
const (
	caseMember    = "x-case"
	gatewayMember = "x-gateway"
)

// examples puts them into a part of the contract. response is that part's place below responses, a status or a component's name;
// empty: the part is about a request.
func (t template) examples(project fs.FS, part any, response string) error {
	switch part := part.(type) {
	case object:
		example, err := t.example(project, part, response)
		if err != nil {
			return err
		}
		if example != nil {
			part["example"] = example
			delete(part, caseMember)
			delete(part, gatewayMember)
		}
		for name, below := range part {
			if name == "responses" {
				for response, below := range below.(object) {
					if err := t.examples(project, below, response); err != nil {
						return err
					}
				}
				continue
			}
			if err := t.examples(project, below, response); err != nil {
				return err
			}
		}
	case []any:
		for _, below := range part {
			if err := t.examples(project, below, response); err != nil {
				return err
			}
		}
	}
	return nil
}

// example returns the document that a media type names; nil if it names none.
func (t template) example(project fs.FS, media object, response string) (any, error) {
	if kind, ok := media[gatewayMember].(string); ok {
		document, err := t.gatewayExample(kind)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", gatewayMember, kind, err)
		}
		return document, nil
	}
	if name, ok := media[caseMember].(string); ok {
		document, err := caseExample(project, name, response)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", caseMember, name, err)
		}
		return document, nil
	}
	return nil, nil
}

func (t template) gatewayExample(kind string) (document any, err error) {
	text, ok := t.Resources.Api.Properties.DefinitionBody.Responses[kind].Templates["application/json"]
	if !ok {
		return nil, errors.New("the template has no such response")
	}
	return document, json.Unmarshal([]byte(variable.ReplaceAllString(text, exampleID)), &document)
}

func caseExample(project fs.FS, name, response string) (document any, err error) {
	function, file, _ := strings.Cut(name, "/")
	text, err := fs.ReadFile(project, "functions/"+function+"/testdata/"+file+".json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("there is no such case")
	}
	var c struct {
		Body   any
		Answer struct {
			Status int
			Body   any
		}
	}
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil {
		return nil, err
	}
	document = c.Body
	if response != "" {
		document = c.Answer.Body
		if status, err := strconv.Atoi(response); err == nil && status != c.Answer.Status {
			return nil, fmt.Errorf("it is answered %d, not %d", c.Answer.Status, status)
		}
	}
	if document == nil {
		return nil, errors.New("it has no body")
	}
	return document, nil
}
