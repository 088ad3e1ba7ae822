package main

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"pricing/shared/fault"
	"pricing/shared/jsondoc"
	"pricing/shared/price"
	"pricing/tools/feed/mapping"
)

// observation is a line in the API's form, and what the client itself needs to know about it.
type observation struct {
	text           []byte // JSON, little more than maxLine bytes at most
	time           int64  // observedAt in Unix nanoseconds; 0 if it is absent or unreadable, which the API will say
	competitorID   string
	competitorName string
}

// refusal says why a row cannot be sent. Whatever can be sent is for the API to judge.
type refusal struct {
	code   string
	detail string
}

func (r refusal) Error() string { return r.code + ": " + r.detail }

// observer turns a line into an observation, or into a refusal.
type observer func(line []byte) (observation, error)

// batchDepth is how many levels of a batch are around an observation.
const batchDepth = 2

// asSent is the observer of files that already have the API's form.
//
// It accepts only what cannot spoil its batch. For bad syntax, encoding or depth in one item, the API would refuse the whole
// document, and it would even take a line like "{},{}" for two items.
func asSent(line []byte) (observation, error) {
	doc, err := object(line)
	if err != nil {
		return observation{}, err
	}
	if depth(doc)+batchDepth > jsondoc.MaxDepth {
		return observation{}, refusal{"malformed-json", "The line is nested too deeply."}
	}
	o := observation{text: line, competitorID: text(doc, "competitorId")}
	o.competitorName = o.competitorID
	o.time = unixNano(text(doc, "observedAt"))
	return o, nil
}

// mapped is the observer of a mapping.
func mapped(mapper *mapping.Mapper) observer {
	return func(line []byte) (observation, error) {
		doc, err := object(line)
		if err != nil {
			return observation{}, err
		}
		made, err := mapper.Observe(doc)
		if err != nil {
			return observation{}, refusal{"mapping", err.Error()}
		}
		if len(made.Observations) != 1 {
			return observation{}, refusal{"mapping", "The row makes no single observation."}
		}
		o := made.Observations[0]
		if len(o.Faults) > 0 {
			return observation{}, refusal{o.Faults[0].Code, o.Faults[0].Detail}
		}
		return observation{o.JSON, o.ObservedAt, o.CompetitorID, o.CompetitorName}, nil
	}
}

// marshal is json.Marshal, except that it leaves <, > and & as they are, so that a printed line is easy to read.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// judge returns the refusal of an observation that breaks a rule of the API, for runs that ask nobody. Which competitors and gtins
// are registered, who may write and how long observations are kept only the API knows.
func judge(text []byte, now time.Time) error {
	doc, err := object(text)
	if err != nil {
		return err
	}
	const forever = time.Duration(math.MaxInt64)
	var r jsondoc.Reader
	price.ReadSubmission(r.At(doc, ""), jsondoc.Value{}, true, price.Clock{Now: price.At(now), Retention: forever})
	if r.Err() == nil {
		return nil
	}
	broken := fault.Of(r.Err())
	var details []string
	for _, field := range broken.Fields {
		details = append(details, field.Pointer+": "+field.Detail)
	}
	return refusal{broken.Code, strings.Join(details, " ")}
}

// foreign is the question that goes with bytes that are not UTF-8. It is asked here: API Gateway replaces them before our functions
// see them.
const foreign = "Was the file saved in another encoding?"

// object parses a line that must be one JSON object.
func object(line []byte) (*jsondoc.Node, error) {
	doc, err := jsondoc.Parse(line)
	if err != nil {
		detail := fault.Of(err).Detail
		if !utf8.Valid(line) {
			detail += " " + foreign
		}
		return nil, refusal{"malformed-json", detail}
	}
	if doc.Kind != jsondoc.Object {
		return nil, refusal{"wrong-type", "The line is a JSON " + doc.Kind.String() + ", not an object."}
	}
	return doc, nil
}

func depth(n *jsondoc.Node) int {
	deepest := 0
	for i := range n.Elems {
		deepest = max(deepest, depth(&n.Elems[i]))
	}
	for i := range n.Members {
		deepest = max(deepest, depth(&n.Members[i].Value))
	}
	return deepest + 1
}

// text returns a member that is a string, else "".
func text(doc *jsondoc.Node, name string) string {
	for _, m := range doc.Members {
		if m.Name == name && m.Value.Kind == jsondoc.String {
			return m.Value.Text
		}
	}
	return ""
}

func unixNano(timestamp string) int64 {
	t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(timestamp)) // t and z may be lower-case
	if err != nil {
		return 0
	}
	return t.UnixNano()
}
