package gateway

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"pricing/shared/fault"
	"pricing/shared/jsondoc"
)

// Params reads the parameters of the query and the path and gathers every fault; ask Err once all are read.
type Params struct {
	jsondoc.Reader
	r *Request
}

// Params returns a reader of the request's parameters.
func (r *Request) Params() *Params { return &Params{r: r} }

// Text returns a parameter as sent; ok is false when it was not. Percent-encoding is gone already.
func (p *Params) Text(name string) (value string, ok bool) {
	values := p.r.event.Query[name]
	if len(values) == 0 {
		return "", false
	}
	return values[len(values)-1], true
}

// Fault records a broken rule of a parameter.
func (p *Params) Fault(name, code, detail string) { p.Add("/query/"+name, code, detail) }

// Checked returns a parameter that must satisfy a rule. The rule's text completes the sentence "Must be ..." for a
// client that breaks it.
func (p *Params) Checked(name string, valid func(string) bool, rule string) (value string, ok bool) {
	value, ok = p.Text(name)
	if ok && !valid(value) {
		p.Fault(name, fault.CodeInvalidField, "Must be "+rule+".")
		return "", false
	}
	return value, ok
}

// Path returns a path parameter, percent-decoded once: API Gateway passes it exactly as sent. rule is the sentence
// for a client that breaks it.
func (p *Params) Path(name string, valid func(string) bool, rule string) string {
	value, err := url.PathUnescape(p.r.event.PathParameters[name])
	switch {
	case err != nil:
		p.Add("/path/"+name, fault.CodeInvalidField, "The percent-encoding is broken.")
		return ""
	case !valid(value):
		p.Add("/path/"+name, fault.CodeInvalidField, rule)
	}
	return value
}

// Word returns one of a list of words, the first when the parameter was not sent.
func (p *Params) Word(name string, words ...string) string {
	value, ok := p.Checked(name, func(s string) bool { return slices.Contains(words, s) }, "one of "+strings.Join(words, ", "))
	if !ok {
		return words[0]
	}
	return value
}

// Bool returns true or false.
func (p *Params) Bool(name string, otherwise bool) bool {
	return p.Word(name, strconv.FormatBool(otherwise), strconv.FormatBool(!otherwise)) == "true"
}

// Int returns a whole number from 1 to most.
func (p *Params) Int(name string, otherwise, most int) int {
	return p.IntFrom(name, otherwise, 1, most)
}

// IntFrom returns a whole number from least to most. Only its usual form is taken: `05` may be a number of another base.
func (p *Params) IntFrom(name string, otherwise, least, most int) int {
	text, ok := p.Text(name)
	if !ok {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	switch {
	case !number(text):
		p.Fault(name, fault.CodeWrongType, "Must be a whole number.")
	case err != nil || n < least || n > most || strconv.Itoa(n) != text:
		p.Fault(name, fault.CodeInvalidField, "Must be a whole number from "+strconv.Itoa(least)+" to "+strconv.Itoa(most)+
			", without sign and leading zero.")
	default:
		return n
	}
	return otherwise
}

// number reports whether a text is a decimal number of any size.
func number(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return strings.Trim(text, "0123456789+-.eE") == "" && !errors.Is(err, strconv.ErrSyntax)
}

// Cursor returns the position that a cursor of this very query stands for; empty when none was sent.
func (p *Params) Cursor() (position string) {
	text, ok := p.Text("cursor")
	if !ok {
		return ""
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil && len(raw) > checkLen {
		position = string(raw[checkLen:])
		if text == p.NextCursor(position) { // of the texts that decode to it, the one that was given
			return position
		}
	}
	p.Fault("cursor", fault.CodeCursorInvalid, "Not a cursor of this query: send it back unchanged, with the same parameters.")
	return ""
}

// NextCursor returns the cursor of a position, bound to the request's route and parameters (but limit). Its check sum
// guards against mistakes and keeps nobody from making one up: whoever reads a position judges it like a parameter.
func (p *Params) NextCursor(position string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(p.check(position) + position))
}

// NextLink returns the header Link to the page behind this one, relative to the request's address: its query with the cursor.
func (p *Params) NextLink(cursor string) string {
	query := url.Values{}
	for name, values := range p.r.event.Query {
		query[name] = values
	}
	query.Set("cursor", cursor)
	return "<?" + query.Encode() + `>; rel="next"`
}

const checkLen = 8

func (p *Params) check(position string) string {
	h := sha256.New()
	write := func(parts ...string) {
		for _, s := range parts {
			h.Write([]byte(strconv.Itoa(len(s)) + ":" + s))
		}
	}
	write("cursor2", p.r.route(), position)
	for _, m := range []map[string][]string{single(p.r.event.PathParameters), p.r.event.Query} {
		for _, name := range sortedKeys(m) {
			if name != "cursor" && name != "limit" {
				write(append([]string{name}, m[name]...)...)
			}
		}
		write("")
	}
	return string(h.Sum(nil)[:checkLen])
}

func single(m map[string]string) map[string][]string {
	out := make(map[string][]string, len(m))
	for k, v := range m {
		out[k] = []string{v}
	}
	return out
}

func sortedKeys(m map[string][]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
