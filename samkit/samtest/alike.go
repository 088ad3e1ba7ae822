package samtest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Request is one that both targets must answer alike, and with this status.
type Request struct {
	What   string
	Call   Call
	Status int
}

// askAlike asks both targets and reports where they differ from each other or from what is right.
func (t *test) askAlike(ctx context.Context, sam, local *Target, requests []Request) {
	for _, r := range requests {
		ours, err := local.Send(ctx, r.Call)
		if err != nil {
			t.fail("%s: %v", r.What, err)
			continue
		}
		theirs, err := sam.Send(ctx, r.Call)
		if err != nil {
			t.fail("%s: %v", r.What, err)
			continue
		}
		if ours.Status != r.Status {
			t.fail("%s: %s: samkit/local answers %d, want %d: %s", r.What, r.Call, ours.Status, r.Status, ours.Body)
		}
		if a, b := t.comparable(ours), t.comparable(theirs); a != b {
			t.fail("%s: %s: the answers differ\n  samkit/local %s\n  SAM local   %s", r.What, r.Call, a, b)
		}
	}
}

// comparable is an answer without what differs from one request to the next.
func (t *test) comparable(a Answer) string {
	body := a.Body
	var v any
	if json.Unmarshal([]byte(body), &v) == nil {
		if text, err := json.Marshal(t.timeless(v)); err == nil {
			body = string(text)
		}
	}
	if id := a.Header.Get(t.RequestID); id != "" {
		body = strings.ReplaceAll(body, id, "<request id>")
	}
	text := fmt.Sprintf("%d %s %s", a.Status, a.Header.Get("Content-Type"), body)
	for _, header := range []string{"Retry-After", "Cache-Control"} {
		if value := a.Header.Get(header); value != "" {
			text += fmt.Sprintf(" %s: %s", header, value)
		}
	}
	if a.Header.Get("ETag") != "" {
		text += " with an ETag" // its value may depend on times
	}
	return text
}

// timeless replaces the times at which the service did something, in place.
func (t *test) timeless(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			if _, ok := value.(string); ok && slices.Contains(t.Times, name) {
				v[name] = "<time>"
				continue
			}
			v[name] = t.timeless(value)
		}
	case []any:
		for i := range v {
			v[i] = t.timeless(v[i])
		}
	}
	return v
}
