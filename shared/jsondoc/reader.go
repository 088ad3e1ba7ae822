package jsondoc

import (
	"slices"
	"strconv"
	"strings"

	"pricing/shared/fault"
)

// Reader takes values out of a tree and gathers the faults on the way.
//
// Take all that is wanted first, then ask Err once: so a client reads its mistakes in one answer.
// A value that is absent or wrong comes back as its zero value.
type Reader struct {
	fault.List
}

// Value is a node and where it stands. Its zero value is "absent".
type Value struct {
	r    *Reader
	node *Node
	at   place
}

// place is where a value stands. A pointer costs an allocation and nearly all values are right, so it is built of its parts when a
// fault needs it.
type place struct {
	in    string // the pointer of the object or array that it stands in; its own if it is neither member nor element
	name  string // of the member
	index int    // of the element
	step  step
}

type step uint8

const (
	itself step = iota
	member
	element
)

func (p place) pointer() string {
	switch p.step {
	case member:
		return p.in + "/" + pointerEscape.Replace(Cut(p.name))
	case element:
		return p.in + "/" + strconv.Itoa(p.index)
	}
	return p.in
}

// At returns the value of a node whose JSON pointer is given ("" for the whole document).
func (r *Reader) At(n *Node, pointer string) Value {
	return Value{r: r, node: n, at: place{in: pointer}}
}

// Pointer returns where v stands (RFC 6901), whether or not it was sent.
func (v Value) Pointer() string { return v.at.pointer() }

// Absent reports whether nothing was sent. An explicit null is present.
func (v Value) Absent() bool { return v.node == nil }

// Null reports whether nothing or an explicit null was sent.
func (v Value) Null() bool { return v.node == nil || v.node.Kind == Null }

// NotNull returns v, or absent when it is null: an optional member may be either.
func (v Value) NotNull() Value {
	if v.Null() {
		v.node = nil
	}
	return v
}

// NotEmpty returns v, or absent when it is an empty text or object of the kind that is wanted.
func (v Value) NotEmpty(k Kind) Value {
	if v.node != nil && v.node.Kind == k && v.node.Text == "" && len(v.node.Members) == 0 {
		v.node = nil
	}
	return v
}

// With returns v reporting to another reader, so that the faults of one item stay apart from those of its neighbours.
func (v Value) With(r *Reader) Value {
	v.r = r
	return v
}

// Child names a member of v for a fault, whether or not it is there.
func (v Value) Child(name string) Value { return v.child(name, nil) }

// Members returns v as an object without judging it; absent or another type has no members.
func (v Value) Members() Members {
	if v.node == nil || v.node.Kind != Object {
		v.node = nil
	}
	v.at = place{in: v.Pointer()} // once for all members
	return Members{v}
}

// Fault records a broken rule of this value.
func (v Value) Fault(code, detail string) { v.r.Add(v.Pointer(), code, detail) }

// Members is an object being read.
type Members struct {
	Value
}

// Object reads v as an object that may hold the given names only. A repeated name is reported once, an unknown one
// with the known name it resembles, if any. ok is false when v is absent, null or of another type.
func (v Value) Object(names ...string) (m Members, ok bool) {
	if !v.is(Object) {
		v.node = nil
		return v.Members(), false
	}
	seen := make(map[string]int, len(v.node.Members))
	for _, member := range v.node.Members {
		seen[member.Name]++
		switch {
		case seen[member.Name] == 2:
			v.child(member.Name, nil).Fault(fault.CodeDuplicateField, Quote(member.Name)+" stands more than once.")
		case seen[member.Name] == 1 && !slices.Contains(names, member.Name):
			detail := Quote(member.Name) + " is not a known field."
			for _, name := range names {
				if strings.EqualFold(name, member.Name) {
					detail = Quote(member.Name) + " is not a known field; names are case-sensitive, did you mean " + Quote(name) + "?"
				}
			}
			v.child(member.Name, nil).Fault(fault.CodeUnknownField, detail)
		}
	}
	return v.Members(), true
}

// Optional returns a member, absent when it was not sent.
func (m Members) Optional(name string) Value {
	if m.node == nil {
		return m.child(name, nil)
	}
	for i := range m.node.Members {
		if m.node.Members[i].Name == name {
			return m.child(name, &m.node.Members[i].Value)
		}
	}
	return m.child(name, nil)
}

// Required returns a member and records missing-field when it was not sent (an explicit null was sent).
func (m Members) Required(name string) Value {
	v := m.Optional(name)
	if v.Absent() && m.node != nil {
		v.Fault(fault.CodeMissingField, Quote(name)+" is required.")
	}
	return v
}

// String returns the text of v. ok is false when v is absent or, which is recorded, of another type.
func (v Value) String() (text string, ok bool) {
	if !v.is(String) {
		return "", false
	}
	return v.node.Text, true
}

// Bool returns the truth value of v; ok as for String.
func (v Value) Bool() (value, ok bool) {
	if !v.is(Bool) {
		return false, false
	}
	return v.node.Text == "true", true
}

// Number returns the number exactly as written; ok as for String.
func (v Value) Number() (text string, ok bool) {
	if !v.is(Number) {
		return "", false
	}
	return v.node.Text, true
}

// Array returns the elements of v; ok as for String.
func (v Value) Array() (elems []Value, ok bool) {
	if !v.is(Array) {
		return nil, false
	}
	elems = make([]Value, len(v.node.Elems))
	in := v.Pointer()
	for i := range v.node.Elems {
		elems[i] = Value{r: v.r, node: &v.node.Elems[i], at: place{in: in, index: i, step: element}}
	}
	return elems, true
}

// is records wrong-type unless v is absent or of the kind.
func (v Value) is(k Kind) bool {
	if v.node == nil {
		return false
	}
	if v.node.Kind != k {
		v.Fault(fault.CodeWrongType, "Must be of type "+k.String()+", not "+v.node.Kind.String()+".")
		return false
	}
	return true
}

func (v Value) child(name string, n *Node) Value {
	return Value{r: v.r, node: n, at: place{in: v.Pointer(), name: name, step: member}}
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

// Quote shows a client's text inside a sentence, cut to a sane length and with everything unprintable escaped.
func Quote(s string) string {
	if cut := Cut(s); cut != s {
		s = cut + "…"
	}
	return strconv.Quote(s)
}

// Cut shortens a client's text to 64 bytes, at a character's border.
func Cut(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}
