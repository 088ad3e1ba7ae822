package main

import (
	"cmp"
	"errors"
	"strings"

	"pricing/client"
	"pricing/shared/fault"
	"pricing/shared/jsondoc"
	"pricing/tools/feed/mapping"
	"pricing/tools/feed/rows"
)

// problem is why a row was refused, in the form of the API's problems. Its pointers are of the row as the file has it.
type problem struct {
	Type   string    `json:"type"`
	Title  string    `json:"title,omitempty"`
	Status int       `json:"status,omitempty"`
	Detail string    `json:"detail,omitempty"`
	Errors []mistake `json:"errors,omitempty"`
}

// mistake is one thing that is wrong with a row.
type mistake struct {
	Pointer string `json:"pointer"`         // into the row; "" if it is none of its columns in particular
	Field   string `json:"field,omitempty"` // what it is in the observation, if that has another name: a pointer into it
	Code    string `json:"code"`
	Detail  string `json:"detail"`
}

const (
	localType = "urn:problem-type:feed:" // of rows that were not sent
	notSent   = "The row was not sent"
)

// code is the last part of the type.
func (p problem) code() string { return p.Type[strings.LastIndexByte(p.Type, ':')+1:] }

// String is the problem in one line.
func (p problem) String() string {
	var parts []string
	for _, m := range p.Errors {
		parts = append(parts, m.String())
	}
	if len(parts) > 0 {
		return strings.Join(parts, " ")
	}
	return cmp.Or(p.Detail, p.Title, p.Type)
}

// String is the mistake in one line.
func (m mistake) String() string {
	where := strings.TrimPrefix(cmp.Or(m.Pointer, m.Field), "/")
	if where != "" {
		where = unescape.Replace(where) + ": "
	}
	return where + m.Detail
}

// reasons are the codes of all that is wrong, each with what it means here.
func (p problem) reasons() map[string]string {
	all := map[string]string{}
	for _, m := range p.Errors {
		if all[m.Code] == "" {
			all[m.Code] = m.String()
		}
	}
	if len(all) == 0 {
		all[p.code()] = p.String()
	}
	return all
}

// escape and unescape are RFC 6901's.
var (
	escape   = strings.NewReplacer("~", "~0", "/", "~1")
	unescape = strings.NewReplacer("~1", "/", "~0", "~")
)

// problemOf is the problem of a row that cannot be sent, or of one of its observations.
func problemOf[E error](row []byte, faults ...E) problem {
	p := problem{Title: notSent}
	for _, err := range faults {
		m := mistake{Code: "unreadable", Detail: err.Error()}
		if r, ok := errors.AsType[rows.RowError](err); ok {
			m = mistake{Code: r.Code, Detail: r.Detail, Pointer: pointerTo(row, r.Column)}
		} else if f, ok := errors.AsType[mapping.FieldError](err); ok {
			m = mistake{Code: f.Code, Detail: f.Detail, Pointer: pointerTo(row, f.Column)}
			if f.Field != "" {
				m.Field = "/" + strings.ReplaceAll(f.Field, ".", "/")
			}
		}
		p.Errors = append(p.Errors, m)
	}
	p.Type = localType + p.Errors[0].Code
	if len(p.Errors) == 1 && p.Errors[0].Pointer == "" && p.Errors[0].Field == "" {
		p.Detail, p.Errors = p.Errors[0].Detail, nil
	}
	return p
}

// pointerTo is the JSON pointer to a column of a row. The name may be the path to it, as in mappings: price.amount.
func pointerTo(row []byte, column string) string {
	if column == "" {
		return ""
	}
	doc, err := object(row)
	if err != nil { // it could not be read, so that only the header tells its columns
		return "/" + escape.Replace(column)
	}
	pointer := ""
	for {
		outer, inner, nested := strings.Cut(column, ".")
		within := member(doc, outer)
		if !nested || member(doc, column) != nil || within == nil || within.Kind != jsondoc.Object {
			return pointer + "/" + escape.Replace(column)
		}
		pointer += "/" + escape.Replace(outer)
		doc, column = within, inner
	}
}

// judged is the problem of an observation that breaks rules of the API, for runs that ask nobody.
func judged(broken *fault.Error) client.Problem {
	p := client.Problem{Type: localType + broken.Code, Title: notSent, Detail: broken.Detail}
	for _, f := range broken.Fields {
		p.Errors = append(p.Errors, client.FieldError{Pointer: f.Pointer, Code: f.Code, Detail: f.Detail})
	}
	return p
}

// named is the API's problem of an observation with all its faults. Of a request the API names 200; of an item behind those it says only
// how many there are. What can be known here is named then, and else the problem's title must do.
func (f *feed) named(i item, p client.Problem) client.Problem {
	if len(p.Errors) != 1 || p.Errors[0].Pointer != "" || !strings.HasPrefix(p.Errors[0].Detail, "and ") {
		return p
	}
	p.Errors = nil
	if broken := judge(f.observation(i).JSON, f.now()); broken != nil {
		p.Errors = judged(broken).Errors
	}
	return p
}

// ofTheRow is the API's problem of an observation, with pointers into the row that it was made from.
func (f *feed) ofTheRow(i item, p client.Problem) problem {
	out := problem{Type: p.Type, Title: p.Title, Status: p.Status, Detail: p.Detail}
	for _, e := range p.Errors {
		m := mistake{Pointer: f.observer.pointer(i.text, i.part, e.Pointer), Code: e.Code, Detail: e.Detail}
		if m.Pointer != e.Pointer {
			m.Field = e.Pointer
		}
		out.Errors = append(out.Errors, m)
	}
	return out
}
