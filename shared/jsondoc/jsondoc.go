// Package jsondoc reads JSON text strictly, into a tree that still knows what encoding/json forgets.
//
// encoding/json takes the last of two equal names, matches names without regard to case, turns invalid UTF-8 and
// lone surrogates into U+FFFD (so different keys collide) and lets numbers through as text or floats. Here the
// text is refused as a whole when its syntax, encoding or depth is wrong, and the tree keeps every member, in
// order and with its JSON type, so that the reader (Object) can report every unknown, repeated, missing or
// mistyped member at once with its JSON pointer. Syntax itself is judged by encoding/json.
package jsondoc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"pricing/shared/fault"
)

// The limits of a document. The deepest request of the API needs 5 levels, the longest, 500 observations with every member,
// about 15,000 values. In memory a value may take a hundred times its bytes.
const (
	MaxDepth  = 20      // how many arrays and objects may stand inside each other
	MaxValues = 100_000 // objects, arrays, texts, numbers, true, false and null
)

// Kind is the JSON type of a node.
type Kind uint8

// The JSON types.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// String names the type as an error text does.
func (k Kind) String() string {
	return [...]string{"null", "boolean", "number", "string", "array", "object"}[k]
}

// Node is one JSON value.
type Node struct {
	Kind    Kind
	Text    string   // String: the decoded text. Number, Bool: as written
	Elems   []Node   // Array
	Members []Member // Object: as written, repeated names included
}

// Member is one name and value of an object.
type Member struct {
	Name  string
	Value Node
}

// Parse reads one JSON text. A document with too many values is TooLarge. Every other fault is Malformed with code
// malformed-json, its detail naming line and column. The texts of the tree are parts of one copy of b, which they keep in memory: what
// outlives the request has to clone them.
func Parse(b []byte) (*Node, error) {
	if bytes.HasPrefix(b, []byte("\x1f\x8b")) || bytes.HasPrefix(b, []byte("\x1f\ufffd")) { // as it is, and as the gateway hands it on
		return nil, malformed(b, 0, "the body is not text; it is perhaps compressed, which is not accepted")
	}
	if !utf8.Valid(b) {
		return nil, malformed(b, invalidUTF8(b), "the text is not valid UTF-8")
	}
	if !json.Valid(b) { // at half the cost of Unmarshal, which tells what is wrong
		var raw json.RawMessage
		err := json.Unmarshal(b, &raw)
		offset := len(b)
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			offset = int(syntax.Offset) - 1
		}
		if len(b) == 0 {
			return nil, malformed(b, 0, "the body is empty")
		}
		return nil, malformed(b, offset, strings.TrimPrefix(err.Error(), "json: "))
	}
	p := parser{b: string(b)}
	n, err := p.value(1)
	if err != nil {
		return nil, err
	}
	return &n, nil
}

func invalidUTF8(b []byte) int {
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size <= 1 {
			return i
		}
		i += size
	}
	return len(b)
}

func malformed[T string | []byte](b T, offset int, reason string) error {
	offset = min(max(offset, 0), len(b))
	before := string(b[:offset])
	line := strings.Count(before, "\n") + 1
	column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
	return fault.New(fault.Malformed, fault.CodeMalformedJSON, fmt.Sprintf("Line %d, column %d: %s.", line, column, reason))
}

// parser builds the tree from text whose syntax encoding/json has already accepted; it checks what that leaves open.
type parser struct {
	b       string
	i       int
	values  int      // so far
	members []Member // of the objects that are being read, so that each takes as many as it has at its end
}

func (p *parser) space() {
	for p.i < len(p.b) && (p.b[p.i] == ' ' || p.b[p.i] == '\t' || p.b[p.i] == '\n' || p.b[p.i] == '\r') {
		p.i++
	}
}

func (p *parser) value(depth int) (Node, error) {
	p.space()
	if depth > MaxDepth {
		return Node{}, malformed(p.b, p.i, "nested more than "+strconv.Itoa(MaxDepth)+" levels deep")
	}
	if p.values++; p.values > MaxValues {
		return Node{}, fault.New(fault.TooLarge, fault.CodeTooLarge,
			fmt.Sprintf("The document has more than %d JSON values; at most that many are taken.", MaxValues))
	}
	switch p.b[p.i] {
	case '{':
		return p.object(depth)
	case '[':
		return p.array(depth)
	case '"':
		s, err := p.string()
		return Node{Kind: String, Text: s}, err
	case 't', 'f':
		return Node{Kind: Bool, Text: p.word()}, nil
	case 'n':
		p.word()
		return Node{Kind: Null}, nil
	default:
		return Node{Kind: Number, Text: p.word()}, nil
	}
}

// word takes a literal or a number: everything up to the next structural byte.
func (p *parser) word() string {
	start := p.i
	for p.i < len(p.b) && !strings.ContainsRune(" \t\r\n,]}", rune(p.b[p.i])) {
		p.i++
	}
	return p.b[start:p.i]
}

func (p *parser) array(depth int) (Node, error) {
	n := Node{Kind: Array}
	p.i++ // [
	for p.space(); p.b[p.i] != ']'; p.space() {
		if p.b[p.i] == ',' {
			p.i++
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return Node{}, err
		}
		n.Elems = append(n.Elems, v)
	}
	p.i++ // ]
	return n, nil
}

func (p *parser) object(depth int) (Node, error) {
	first := len(p.members)
	p.i++ // {
	for p.space(); p.b[p.i] != '}'; p.space() {
		if p.b[p.i] == ',' {
			p.i++
			p.space()
		}
		name, err := p.string()
		if err != nil {
			return Node{}, err
		}
		p.space()
		p.i++ // :
		v, err := p.value(depth + 1)
		if err != nil {
			return Node{}, err
		}
		p.members = append(p.members, Member{Name: name, Value: v})
	}
	p.i++ // }
	n := Node{Kind: Object, Members: slices.Clone(p.members[first:])}
	p.members = p.members[:first]
	return n, nil
}

func (p *parser) string() (string, error) {
	p.i++ // "
	start := p.i
	for p.b[p.i] != '"' && p.b[p.i] != '\\' {
		p.i++
	}
	if p.b[p.i] == '"' { // nothing escaped
		s := p.b[start:p.i]
		p.i++
		return s, nil
	}
	out := append([]byte(nil), p.b[start:p.i]...)
	for p.b[p.i] != '"' {
		if p.b[p.i] != '\\' {
			out = append(out, p.b[p.i])
			p.i++
			continue
		}
		r, err := p.escape()
		if err != nil {
			return "", err
		}
		out = utf8.AppendRune(out, r)
	}
	p.i++ // "
	return string(out), nil
}

// escape reads one escape sequence; a surrogate must be followed by its other half.
func (p *parser) escape() (rune, error) {
	at := p.i
	c := p.b[p.i+1]
	p.i += 2
	switch c {
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		r := p.hex()
		if !utf16.IsSurrogate(r) {
			return r, nil
		}
		if p.b[p.i] == '\\' && p.b[p.i+1] == 'u' {
			p.i += 2
			if both := utf16.DecodeRune(r, p.hex()); both != utf8.RuneError {
				return both, nil
			}
		}
		return 0, malformed(p.b, at, "a lone surrogate is not a character")
	default: // " \ /
		return rune(c), nil
	}
}

// hex takes four hexadecimal digits.
func (p *parser) hex() rune {
	v, _ := strconv.ParseUint(p.b[p.i:p.i+4], 16, 16) // the syntax was checked
	p.i += 4
	return rune(v)
}
