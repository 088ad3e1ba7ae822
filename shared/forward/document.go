package forward

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The members of a document that are not the message's own. ops/logstash names the same.
const (
	memberID      = "_id"
	memberTime    = "@timestamp"
	memberGroup   = "log_group"
	memberStream  = "log_stream"
	memberMessage = "message" // of an event that is no JSON object
	memberBody    = "body"    // what of a JSON object would have one of these names, or one that Logstash or Elasticsearch give a meaning
	memberProblem = "event_problem"
	memberBytes   = "event_bytes" // how many the message has, of one with a problem
)

// Why an event arrives as a document that only tells of it.
const (
	tooLarge = "too-large"
	badUTF8  = "bad-utf-8"
)

const (
	maxMessage = 1 << 20 // bytes of an event, as CloudWatch Logs takes them
	maxShown   = 1 << 10 // bytes of one that has a problem
	maxDepth   = 20      // of a JSON object; Elasticsearch refuses a document that is deeper
)

// reserved are names of a message's members that go into memberBody. Names that begin with _ or @ do too: these have a meaning to
// Elasticsearch and Logstash.
var reserved = []string{memberGroup, memberStream, memberBody, memberProblem, memberBytes, "tags"}

// accessLog is how the group of a gateway's access log is called. The gateway writes every value as a text, and - for what there is not.
const accessLog = "/aws/apigateway/"

// numbers are the members of the access log that are numbers. All others stay texts, above all ids that look like numbers.
var numbers = []string{
	"authorizerLatency", "authorizerStatus", "functionStatus", "integrationLatency", "integrationStatus", "responseLatency",
	"responseLength", "status",
}

// writer writes the documents of a delivery.
type writer struct {
	line  []byte
	body  []byte
	seen  map[string]bool
	place []byte // the members that all have
	texts bool   // every value is a text
}

func newWriter(group, stream string) *writer {
	place := appendText([]byte(`","`+memberGroup+`":`), group)
	place = appendText(append(place, `,"`+memberStream+`":`...), stream)
	return &writer{place: place, texts: strings.HasPrefix(group, accessLog), seen: map[string]bool{}}
}

// document returns an event's document, one line of JSON. It is overwritten by the next one.
func (w *writer) document(e *event) ([]byte, error) {
	var message string
	if err := json.Unmarshal(e.Message, &message); err != nil {
		return nil, err
	}
	if e.ID == "" {
		return nil, errors.New("it has no id")
	}
	w.line = append(w.line[:0], `{"`+memberID+`":`...)
	w.line = appendText(w.line, e.ID)
	w.line = append(w.line, `,"`+memberTime+`":"`...)
	w.line = time.UnixMilli(e.Timestamp).UTC().AppendFormat(w.line, "2006-01-02T15:04:05.000Z")
	w.line = append(w.line, w.place...)
	switch {
	case !utf8.Valid(e.Message) || loneSurrogate(e.Message):
		w.problem(badUTF8, message)
	case len(message) > maxMessage:
		w.problem(tooLarge, message)
	default:
		if begin := len(w.line); !w.merge([]byte(message)) {
			w.line = append(append(w.line[:begin], `,"`+memberMessage+`":`...), e.Message...)
		}
	}
	w.line = append(w.line, "}\n"...)
	return w.line, nil
}

// problem adds what can be shown of a message that cannot be sent.
func (w *writer) problem(what, message string) {
	shown := message[:min(len(message), maxShown)]
	for len(shown) > 0 && len(shown) < len(message) && !utf8.RuneStart(message[len(shown)]) {
		shown = shown[:len(shown)-1]
	}
	w.line = append(w.line, `,"`+memberProblem+`":"`+what+`","`+memberBytes+`":`...)
	w.line = strconv.AppendInt(w.line, int64(len(message)), 10)
	w.line = appendText(append(w.line, `,"`+memberMessage+`":`...), shown)
}

// merge adds the members of a message that is a JSON object, each value byte for byte. It reports false for one that is none, or that
// would not arrive as it is: with a member twice, too deep, or with half a character.
func (w *writer) merge(text []byte) bool {
	if !bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) || !json.Valid(text) || loneSurrogate(text) {
		return false
	}
	if bytes.ContainsAny(text, "\r\n") { // between values, as inside of a text there can be none
		var one bytes.Buffer
		if json.Compact(&one, text) != nil {
			return false
		}
		text = one.Bytes()
	}
	clear(w.seen)
	w.body = w.body[:0]
	s := scanner{text: text}
	for raw, value := range s.members() {
		name := plain(raw)
		if w.seen[name] {
			return false
		}
		w.seen[name] = true
		switch {
		case name == "_aws": // which members CloudWatch takes for metrics is of no use elsewhere
		case w.texts && string(value) == `"-"`:
		case own(name):
			w.body = appendMember(w.body, raw, value)
		case w.texts && slices.Contains(numbers, name) && isNumber(value):
			w.line = appendMember(w.line, raw, value[1:len(value)-1])
		default:
			w.line = appendMember(w.line, raw, value)
		}
	}
	if len(w.body) > 0 {
		w.line = append(w.line, `,"`+memberBody+`":{`...)
		w.line = append(append(w.line, w.body[1:]...), '}')
	}
	return s.depth <= maxDepth
}

// own reports whether a message's member of this name goes into memberBody: it is one of ours, or means something to Logstash or
// Elasticsearch, or is a name that Elasticsearch refuses.
func own(name string) bool {
	return name == "" || name[0] == '_' || name[0] == '@' || slices.Contains(reserved, name) || strings.ContainsAny(name, "[]") ||
		name[0] == '.' || name[len(name)-1] == '.' || strings.Contains(name, "..")
}

// isNumber reports whether a JSON text is a whole number of at most 15 digits, written as JSON writes one.
func isNumber(value []byte) bool {
	if len(value) < 3 || value[0] != '"' || len(value) > 17 || value[1] == '0' && len(value) > 3 {
		return false
	}
	return len(bytes.Trim(value[1:len(value)-1], "0123456789")) == 0
}

func appendMember(to, name, value []byte) []byte {
	return append(append(append(append(to, ','), name...), ':'), value...)
}

// appendText writes a JSON text without the escapes that only HTML needs.
func appendText(to []byte, text string) []byte {
	if !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		return append(append(append(to, '"'), text...), '"')
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a text can always be written
	return append(to, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

// plain is what a JSON text says.
func plain(raw []byte) string {
	if !bytes.Contains(raw, []byte(`\`)) {
		return string(raw[1 : len(raw)-1])
	}
	var name string
	_ = json.Unmarshal(raw, &name) // it is valid
	return name
}

// loneSurrogate reports whether JSON has an escape that is half a character. Go would put U+FFFD in its place, and say nothing.
func loneSurrogate(text []byte) bool {
	if !bytes.Contains(text, []byte(`\ud`)) && !bytes.Contains(text, []byte(`\uD`)) {
		return false
	}
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		switch unit := escaped(text[i:]); {
		case unit < 0:
			i++
		case unit >= 0xDC00 && unit < 0xE000:
			return true
		case unit >= 0xD800 && unit < 0xDC00:
			if second := escaped(text[i+6:]); second < 0xDC00 || second >= 0xE000 {
				return true
			}
			i += 11
		default:
			i += 5
		}
	}
	return false
}

// escaped is the unit of UTF-16 that a text begins with as an escape, or -1.
func escaped(text []byte) int {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return -1
	}
	unit := 0
	for _, c := range text[2:6] {
		switch {
		case c >= '0' && c <= '9':
			unit = unit<<4 | int(c-'0')
		case c|' ' >= 'a' && c|' ' <= 'f':
			unit = unit<<4 | int(c|' '-'a'+10)
		default:
			return -1
		}
	}
	return unit
}
