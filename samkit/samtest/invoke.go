package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"time"
)

// invoked are events whose answer needs no data and holds at any time.
var invoked = []string{
	"get-health/ok", "put-competitor/created", "list-competitors/bad-limit", "list-offers/unknown-product", "list-history/unknown-product",
	"record-observation/everything-wrong", "record-observations/no-items",
}

// invokeAll runs `sam local invoke` with files of events/ and compares with the answers that the functions' own tests
// expect, and calls the authorizer with a real token.
func (t *test) invokeAll(ctx context.Context) {
	start := time.Now()
	failed := make([]error, len(invoked)+1)
	width := make(chan struct{}, 2) // most of the time goes to Python
	var wg sync.WaitGroup
	for i := range failed {
		wg.Go(func() {
			width <- struct{}{}
			defer func() { <-width }()
			if i == len(invoked) {
				failed[i] = t.invokeAuthorizer(ctx)
				return
			}
			failed[i] = t.invokeEvent(ctx, invoked[i])
		})
	}
	wg.Wait()
	good := 0
	for _, err := range failed {
		if err != nil {
			t.fail("sam local invoke: %v", err)
			continue
		}
		good++
	}
	t.step("invoke", start, fmt.Sprintf("%d of %d events answered as expected", good, len(failed)))
}

// invokeEvent compares a function's answer to events/NAME.json with functions/<function>/testdata/<case>.json.
func (t *test) invokeEvent(ctx context.Context, name string) error {
	function, event, _ := strings.Cut(name, "/")
	text, err := t.invoke(ctx, function, filepath.Join(t.root, "events", name+".json"))
	if err != nil {
		return err
	}
	want, err := os.ReadFile(filepath.Join(t.root, "functions", function, "testdata", event+".json"))
	if err != nil {
		return err
	}
	if err := sameAnswer(text, want); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// sameAnswer compares a function's answer with the file of an expected one: status, body, and the headers it names.
func sameAnswer(text, expected []byte) error {
	var got struct {
		StatusCode int
		Headers    map[string]string
		Body       string
	}
	if err := json.Unmarshal(text, &got); err != nil {
		return fmt.Errorf("no answer of a function: %w: %s", err, text)
	}
	var want struct {
		Status  int
		Headers map[string]string
		Body    any
	}
	if err := json.Unmarshal(expected, &want); err != nil {
		return fmt.Errorf("read the expected answer: %w", err)
	}
	var body any
	if got.Body != "" {
		if err := json.Unmarshal([]byte(got.Body), &body); err != nil {
			return fmt.Errorf("the body is no JSON: %s", got.Body)
		}
	}
	if got.StatusCode != want.Status || !reflect.DeepEqual(body, want.Body) {
		return fmt.Errorf("got %d %s, want %s", got.StatusCode, got.Body, expected)
	}
	for header, value := range want.Headers {
		if got.Headers[header] != value {
			return fmt.Errorf("%s is %q, want %q", header, got.Headers[header], value)
		}
	}
	return nil
}

// invokeAuthorizer gives the authorizer a token that works.
func (t *test) invokeAuthorizer(ctx context.Context) error {
	token, err := t.token(ctx, "make", "-table", invokeTable, "-env", "dev", "-client", "invoked", "-scopes", "read")
	if err != nil {
		return err
	}
	event, err := os.ReadFile(filepath.Join(t.root, "events", "authorize-request", "allowed.json"))
	if err != nil {
		return err
	}
	file := filepath.Join(t.dir, "allowed.json")
	if err := os.WriteFile(file, bytes.ReplaceAll(event, []byte("{{valid}}"), []byte(token)), 0o600); err != nil {
		return err
	}
	text, err := t.invoke(ctx, "authorize-request", file)
	if err != nil {
		return err
	}
	var got struct {
		PrincipalID    string
		PolicyDocument struct {
			Statement []struct{ Effect string }
		}
	}
	if err := json.Unmarshal(text, &got); err != nil || got.PrincipalID != "invoked" || len(got.PolicyDocument.Statement) != 1 || got.PolicyDocument.Statement[0].Effect != "Allow" {
		return fmt.Errorf("authorize-request/allowed: got %s, want a policy that allows the client \"invoked\"", text)
	}
	return nil
}

// invoke runs a function of a folder of functions/ with an event and returns its answer.
func (t *test) invoke(ctx context.Context, function, event string) ([]byte, error) {
	args, err := t.localArgs(invokeTable)
	if err != nil {
		return nil, err
	}
	cmd := t.sam(ctx, append([]string{"local", "invoke", logicalID(function), "--event", event}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	t.docker.remember(stderr.String())
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", function, err, stderr.String())
	}
	return bytes.TrimSpace(out), nil
}

// logicalID is the template's name of the function in a folder of functions/.
func logicalID(folder string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(folder, "-") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String() + "Function"
}
