// Package cases runs an endpoint over its cases. A case is one file, functions/<verb-noun>/testdata/<case>.json: what is
// asked and what must be answered.
//
//	{
//	  "request": "GET /v1/products/ZU-1042/offers?limit=1", // the path as it is sent, percent-encoding and all
//	  "headers": {"If-None-Match": "*"},                    // that differ from the usual; null takes one away
//	  "scopes": "ingest",                                   // of the token; usually all but self-check
//	  "sources": "crawler-a feed-*",                        // that the token is bound to; usually none
//	  "body": {"name": "BigMart"},                          // sent without white space, else just as it stands
//	  "text": "{\"name\":",                                 // in place of body: sent byte for byte
//	  "padTo": 40000,                                       // the body's bytes, with spaces behind it
//	  "store": "down",                                      // nobody answers; damaged: the board of ZU-1042 cannot be read;
//	                                                        // usually a store of storetest.Seeded
//	  "answer": {"status": 200, "headers": {...}, "body": {...}}
//	}
//
// What every endpoint answers alike has no file: Run asks for it by the first good case (usual.go).
//
// Only request and answer must be there, answer at the end. `go test ./functions/<verb-noun> -update` writes the answers
// anew, or for the first time; read the difference. The headers of an answer are those worth a look: Retry-After, ETag
// and Content-Type unless it is application/json.
//
// From a case the package makes the complete event that API Gateway sends. One or two of them per function stand in
// events/<verb-noun>, for `sam local invoke -e`, under the names of their cases; -update writes those anew as well, and
// the first one of a function that has none.
package cases

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/config"
	"pricing/shared/testkit/storetest"
)

var update = flag.Bool("update", false, "write the answers of the cases and the events made of them anew")

// Now is when every event is received.
var Now = time.Date(2026, 7, 6, 9, 14, 5, 112_000_000, time.UTC)

// Settings are those of a function in a test.
var Settings = config.Settings{Table: "test", Environment: "dev", Region: "eu-west-1", Retention: storetest.Retention}

// Case is one question to a function and the answer it must give.
type Case struct {
	Request string             `json:"request"`
	Headers map[string]*string `json:"headers"`
	Scopes  *string            `json:"scopes"`
	Sources string             `json:"sources"`
	Body    json.RawMessage    `json:"body"`
	Text    string             `json:"text"`
	PadTo   int                `json:"padTo"`
	Store   string             `json:"store"`
	Answer  json.RawMessage    `json:"answer"`

	file     string
	question []byte // the file's text up to the answer
}

// Names returns the names of the cases of the function in the working directory.
func Names(tb testing.TB) []string {
	tb.Helper()
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(tb, err)
	require.NotEmpty(tb, files, "the function has no cases")
	var names []string
	for _, file := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(file), ".json"))
	}
	return names
}

// Read returns a case of the function in the working directory.
func Read(tb testing.TB, name string) Case {
	tb.Helper()
	file := filepath.Join("testdata", name+".json")
	text, err := os.ReadFile(file)
	require.NoError(tb, err)
	c, err := parse(text)
	require.NoError(tb, err, file)
	c.file = file
	return c
}

// parse reads the text of a case's file. A member that is misspelt must not leave the usual in its place.
func parse(text []byte) (Case, error) {
	var c Case
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return Case{}, err
	}
	switch {
	case !slices.Contains([]string{"", "down", "damaged"}, c.Store):
		return Case{}, errors.New("the store can only be down or damaged")
	case c.Body != nil && c.Text != "":
		return Case{}, errors.New("a body and a text")
	case !json.Valid(text):
		return Case{}, errors.New("text behind the case")
	case c.Answer == nil: // somebody wrote the question alone, perhaps on one line
		members := bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(text)[1:], []byte("}")))
		c.question = slices.Concat([]byte("{\n  "), members, []byte(",\n  \"answer\": "))
		return c, nil
	}
	question, atTheEnd := bytes.CutSuffix(text, append(bytes.Clone(c.Answer), "\n}\n"...))
	if !atTheEnd {
		return Case{}, errors.New("the answer is not the last member, or no line of } ends the file")
	}
	c.question = question
	return c, nil
}

// Check compares what was answered, as JSON, with the case's answer, or writes it into the case's file. What stands before
// it stays as somebody wrote it.
func (c Case) Check(tb testing.TB, got []byte) {
	tb.Helper()
	if *update {
		text := string(c.question) + inLines(tb, got, "  ") + "\n}\n"
		require.NoError(tb, os.WriteFile(c.file, []byte(text), 0o644))
		return
	}
	require.NotNil(tb, c.Answer, "%s has no answer: -update writes it", c.file)
	assert.JSONEq(tb, string(c.Answer), string(got), c.file)
}

// width is how long a line of an answer may be.
const width = 120

// inLines writes JSON with each object and list on one line if it fits there. The lines behind the first get a margin.
func inLines(tb testing.TB, raw []byte, before string) string {
	tb.Helper()
	var b bytes.Buffer
	require.NoError(tb, json.Indent(&b, raw, before, "  "))
	lines := strings.Split(before+b.String(), "\n")
	var out []string
	for i := 0; i < len(lines); i++ {
		if strings.HasSuffix(lines[i], "{") || strings.HasSuffix(lines[i], "[") {
			end := i + 1 // where it closes
			for margin(lines[end]) > margin(lines[i]) {
				end++
			}
			if line := joined(lines[i : end+1]); len(line) <= width {
				lines[end] = line
				i = end
			}
		}
		out = append(out, lines[i])
	}
	return strings.TrimPrefix(strings.Join(out, "\n"), before)
}

func margin(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// joined puts the lines of an object or a list together.
func joined(lines []string) string {
	line := lines[0]
	for _, next := range lines[1:] {
		if strings.HasSuffix(line, ",") {
			line += " "
		}
		line += strings.TrimLeft(next, " ")
	}
	return line
}
