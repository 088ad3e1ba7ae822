package samtest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// Difference is something in which SAM local is known to answer otherwise than API Gateway, and so than samkit/local.
type Difference struct {
	What       string
	Ask        func(ctx context.Context, t *Target) (string, error) // the answer in a few words
	SAM, Local string                                               // what it must be
}

// askDifferent asks both targets what they are known to answer differently and returns the lines of the table.
func (t *test) askDifferent(ctx context.Context, sam, local *Target, differences []Difference) [][3]string {
	var table [][3]string
	for _, d := range differences {
		ours, err := d.Ask(ctx, local)
		if err != nil {
			t.fail("%s: %v", d.What, err)
			continue
		}
		theirs, err := d.Ask(ctx, sam)
		if err != nil {
			t.fail("%s: %v", d.What, err)
			continue
		}
		t.failures = append(t.failures, d.judge(theirs, ours)...)
		table = append(table, [3]string{d.What, theirs, ours})
	}
	return table
}

// judge says what is no longer as the difference has it.
func (d Difference) judge(sam, local string) []string {
	var wrong []string
	if local != d.Local {
		wrong = append(wrong, fmt.Sprintf("%s: samkit/local answers %s, not %s", d.What, local, d.Local))
	}
	switch {
	case sam == local:
		wrong = append(wrong, fmt.Sprintf("%s: SAM local now answers %s, as samkit/local does: delete this known difference", d.What, sam))
	case sam != d.SAM:
		wrong = append(wrong, fmt.Sprintf("%s: SAM local now answers %s, not %s: correct this known difference", d.What, sam, d.SAM))
	}
	return wrong
}

// Words are an answer's status and the kind of its body: a problem's type, a gateway's message, or else the media type. Where
// a gateway says why it refused, that follows in brackets.
func (a Answer) Words() string {
	var body struct {
		Type    string
		Message *string
	}
	kind := a.Header.Get("Content-Type")
	if json.Unmarshal([]byte(a.Body), &body) == nil {
		switch {
		case body.Type != "":
			kind = "problem " + body.Type[strings.LastIndex(body.Type, ":")+1:]
		case body.Message != nil:
			kind = fmt.Sprintf("%q", *body.Message)
		}
	}
	text := fmt.Sprintf("%d %s", a.Status, kind)
	if refused := a.Header.Get("x-amzn-ErrorType"); refused != "" {
		text += " [" + refused + "]"
	}
	return text
}

// Once sends a request and returns the answer's Words: the Ask of most differences.
func Once(c Call) func(ctx context.Context, t *Target) (string, error) {
	return func(ctx context.Context, t *Target) (string, error) {
		a, err := t.Send(ctx, c)
		return a.Words(), err
	}
}

// Burst sends a request n times and returns the Words of the first answer that is not 200, or of the last one.
func Burst(n int, c Call) func(ctx context.Context, t *Target) (string, error) {
	return func(ctx context.Context, t *Target) (words string, err error) {
		for range n {
			a, err := t.Send(ctx, c)
			if err != nil {
				return "", err
			}
			if words = a.Words(); a.Status != http.StatusOK {
				break
			}
		}
		return words, nil
	}
}
