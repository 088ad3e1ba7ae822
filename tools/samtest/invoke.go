package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"pricing/samkit/samtest"
	"pricing/shared/token"
)

// invoked are events whose answer needs no data and is the same at any time.
var invoked = []string{
	"get-health/ok", "put-competitor/created", "list-competitors/bad-limit", "list-offers/unknown-product",
	"list-history/unknown-product", "record-observation/everything-wrong", "record-observations/no-items",
}

// invocations are those events, and one for the authorizer with a token that works.
func invocations(ctx context.Context, endpoint, table string) ([]samtest.Invocation, error) {
	var all []samtest.Invocation
	for _, name := range invoked {
		function, _, _ := strings.Cut(name, "/")
		event, err := os.ReadFile(filepath.Join("events", name+".json"))
		if err != nil {
			return nil, err
		}
		want, err := os.ReadFile(filepath.Join("functions", function, "testdata", filepath.Base(name)+".json"))
		if err != nil {
			return nil, err
		}
		check := func(answer []byte) error { return sameAnswer(answer, want) }
		all = append(all, samtest.Invocation{What: name, Function: logicalID(function), Event: event, Check: check})
	}
	made, err := makeToken(ctx, open(endpoint, table), "invoked", token.ScopeRead)
	if err != nil {
		return nil, err
	}
	event, err := os.ReadFile(filepath.Join("events", "authorize-request", "allowed.json"))
	if err != nil {
		return nil, err
	}
	event = bytes.ReplaceAll(event, []byte("{{valid}}"), []byte(made.String()))
	return append(all, samtest.Invocation{
		What: "authorize-request/allowed", Function: logicalID("authorize-request"), Event: event, Check: allows,
	}), nil
}

// allows checks that the authorizer's answer lets its client in.
func allows(answer []byte) error {
	var got struct {
		PrincipalID    string
		PolicyDocument struct {
			Statement []struct{ Effect string }
		}
	}
	if err := json.Unmarshal(answer, &got); err != nil {
		return fmt.Errorf("no policy: %w: %s", err, answer)
	}
	allows := func(s struct{ Effect string }) bool { return s.Effect == "Allow" }
	if got.PrincipalID != "invoked" || !slices.ContainsFunc(got.PolicyDocument.Statement, allows) {
		return fmt.Errorf("got %s, want a policy that allows the client \"invoked\"", answer)
	}
	return nil
}

// sameAnswer compares a function's answer with that of a case's file: status, body, and the headers that it names.
func sameAnswer(answer, text []byte) error {
	var got struct {
		StatusCode int
		Headers    map[string]string
		Body       string
	}
	if err := json.Unmarshal(answer, &got); err != nil {
		return fmt.Errorf("no answer of a function: %w: %s", err, answer)
	}
	var file struct {
		Answer struct {
			Status  int
			Headers map[string]string
			Body    any
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return fmt.Errorf("read the case: %w", err)
	}
	want := file.Answer
	var body any
	if got.Body != "" {
		if err := json.Unmarshal([]byte(got.Body), &body); err != nil {
			return fmt.Errorf("the body is no JSON: %s", got.Body)
		}
	}
	if got.StatusCode != want.Status || !reflect.DeepEqual(body, want.Body) {
		return fmt.Errorf("got %d %s, want %s", got.StatusCode, got.Body, text)
	}
	for header, value := range want.Headers {
		if got.Headers[header] != value {
			return fmt.Errorf("%s is %q, want %q", header, got.Headers[header], value)
		}
	}
	return nil
}

// logicalID is the template's name of the function in a folder of functions/.
func logicalID(folder string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(folder, "-") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String() + "Function"
}
