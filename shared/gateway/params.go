package gateway

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"

	"pricing/shared/fault"
	"pricing/shared/jsondoc"
)

// Params reads the parameters of the query and the path and gathers every fault; ask Err once all are read.
type Params struct {
	jsondoc.Reader
	Values // of the query
	r      *Request
}

// Params returns a reader of the request's parameters.
func (r *Request) Params() *Params {
	p := &Params{r: r}
	p.Values = Values{
		text: func(name string, _ jsondoc.Kind) (string, bool) {
			values := r.event.Query[name]
			if len(values) == 0 {
				return "", false
			}
			return values[len(values)-1], true
		},
		fault: func(name, code, detail string) { p.Add("/query/"+name, code, detail) },
	}
	return p
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
