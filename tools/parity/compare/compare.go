package compare

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"pricing/shared/jsondoc"
)

// Answer is what one side said.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	Failed string // why there is no answer
}

// Kind says in what way two answers differ.
type Kind string

// The kinds of differences.
const (
	NoAnswer Kind = "no answer"
	Status   Kind = "status"
	Header   Kind = "header"
	Value    Kind = "value"
	Type     Kind = "type"
	Missing  Kind = "missing" // on the new side
	Added    Kind = "added"   // on the new side
	Text     Kind = "text"    // of a body that is not JSON
)

// Difference is one place in which answers differ. Values are redacted unless a rule shows them.
type Difference struct {
	Path   string
	Kind   Kind
	Legacy string
	New    string
}

// RuledOut is a place in which answers differ, but do not count as different because of a rule.
type RuledOut struct{ Path, Rule string }

// Compare returns the differences that count, and those that rules rule out. Differences of one path are one for each element.
func Compare(legacy, fresh Answer, route *Route) (differences []Difference, ruledOut []RuledOut) {
	c := &comparison{route: route}
	if legacy.Failed != "" || fresh.Failed != "" {
		if legacy.Failed != fresh.Failed {
			c.differ(nil, NoAnswer, legacy.Failed, fresh.Failed)
		}
		return c.differences, nil
	}
	if legacy.Status != fresh.Status {
		same := slices.ContainsFunc(route.SameStatus, func(all []int) bool {
			return slices.Contains(all, legacy.Status) && slices.Contains(all, fresh.Status)
		})
		if !same {
			c.differences = append(c.differences,
				Difference{"status", Status, strconv.Itoa(legacy.Status), strconv.Itoa(fresh.Status)})
			return c.differences, nil // what stands in an error is another matter
		}
		c.ruledOut = append(c.ruledOut, RuledOut{"status", "sameStatus"})
	}
	for _, name := range route.Headers {
		if first, second := legacy.Header.Values(name), fresh.Header.Values(name); !slices.Equal(first, second) {
			c.differences = append(c.differences,
				Difference{"header " + name, Header, redact(strings.Join(first, ", ")), redact(strings.Join(second, ", "))})
		}
	}
	c.bodies(plainBody(legacy), plainBody(fresh))
	return c.differences, c.ruledOut
}

// most is how much of a packed body is unpacked.
const most = 32 << 20

// plainBody unpacks gzip; what cannot be unpacked is compared as it came.
func plainBody(a Answer) []byte {
	if !strings.EqualFold(a.Header.Get("Content-Encoding"), "gzip") {
		return a.Body
	}
	r, err := gzip.NewReader(bytes.NewReader(a.Body))
	if err != nil {
		return a.Body
	}
	out, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil || len(out) > most {
		return a.Body
	}
	return out
}

type comparison struct {
	route       *Route
	differences []Difference
	ruledOut    []RuledOut
}

func (c *comparison) bodies(legacy, fresh []byte) {
	if bytes.Equal(legacy, fresh) {
		return
	}
	if among(c.route.Ignore, nil) {
		c.rule(nil, "ignore")
		return
	}
	first, errFirst := parse(legacy)
	second, errSecond := parse(fresh)
	switch {
	case errFirst != nil && errSecond != nil:
		c.differ(nil, Text, textOf(legacy, fresh), textOf(fresh, legacy))
	case errFirst != nil:
		c.differ(nil, Type, "no JSON", second.kind.String())
	case errSecond != nil:
		c.differ(nil, Type, first.kind.String(), "no JSON")
	default:
		c.rename(first)
		c.rename(second)
		c.values(first, second, nil)
	}
}

// textOf describes a text by where it begins to differ from another.
func textOf(text, other []byte) string {
	same := 0
	for same < min(len(text), len(other)) && text[same] == other[same] {
		same++
	}
	return fmt.Sprintf("%d bytes, differs from line %d on", len(text), bytes.Count(text[:same], []byte("\n"))+1)
}

// value is a JSON value. A name that an object has again is followed by its number.
type value struct {
	kind    jsondoc.Kind
	text    string
	elems   []*value
	members map[string]*value
}

func parse(body []byte) (*value, error) {
	n, err := jsondoc.Parse(body)
	if err != nil {
		return nil, err
	}
	return valueOf(n), nil
}

func valueOf(n *jsondoc.Node) *value {
	v := &value{kind: n.Kind, text: n.Text}
	for i := range n.Elems {
		v.elems = append(v.elems, valueOf(&n.Elems[i]))
	}
	if n.Kind == jsondoc.Object {
		v.members = map[string]*value{}
		for i := range n.Members {
			name := n.Members[i].Name
			for again := 2; v.members[name] != nil; again++ {
				name = fmt.Sprintf("%s (%d)", n.Members[i].Name, again)
			}
			v.members[name] = valueOf(&n.Members[i].Value)
		}
	}
	return v
}

// at is a member, or the element of that index.
func (v *value) at(name string) *value {
	if v.kind == jsondoc.Array {
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(v.elems) {
			return v.elems[i]
		}
		return nil
	}
	return v.members[name]
}

// rename gives members the names that they have on the new side, in the order of the rules.
func (c *comparison) rename(doc *value) {
	for _, r := range c.route.Rename {
		c.renameIn(doc, nil, r)
	}
}

func (c *comparison) renameIn(v *value, at []string, r Rename) {
	for _, e := range v.elems {
		c.renameIn(e, under(at, "*"), r)
	}
	for _, name := range slices.Sorted(maps.Keys(v.members)) {
		here := under(at, name)
		member := v.members[name]
		if r.Path.matches(here) && v.move(name, member, strings.Split(r.To, "/")) {
			c.rule(here, "rename")
			continue
		}
		c.renameIn(member, here, r)
	}
}

// move puts a member elsewhere, unless something stands there: then the document has the new form.
func (v *value) move(name string, member *value, to []string) bool {
	parent, last := v, to[len(to)-1]
	for _, s := range to[:len(to)-1] {
		next := parent.members[s]
		if next == nil || next == member && member.kind != jsondoc.Object {
			parent = nil // an object is made, perhaps in the place of the member
			break
		}
		if next == member || next.kind != jsondoc.Object {
			return false
		}
		parent = next
	}
	if parent != nil && parent.members[last] != nil {
		return false
	}
	delete(v.members, name)
	parent = v
	for _, s := range to[:len(to)-1] {
		if parent.members[s] == nil {
			parent.members[s] = &value{kind: jsondoc.Object, members: map[string]*value{}}
		}
		parent = parent.members[s]
	}
	parent.members[last] = member
	return true
}

// under is a longer path; the shorter one stays as it is.
func under(at []string, name string) []string { return append(slices.Clip(at), name) }

// among says whether one of the paths is this one.
func among(paths []Path, at []string) bool {
	return slices.ContainsFunc(paths, func(p Path) bool { return p.matches(at) })
}

// values compares two values, either of which may be nil: absent.
func (c *comparison) values(a, b *value, at []string) {
	r := c.route
	switch {
	case among(r.Ignore, at):
		if c.canonical(a, nil, false) != c.canonical(b, nil, false) {
			c.rule(at, "ignore")
		}
	case among(r.Nullable, at) && empty(a) && empty(b):
		if (a == nil) != (b == nil) {
			c.rule(at, "nullable")
		}
	case b == nil:
		c.differ(at, Missing, c.shown(a, at), "absent")
	case a == nil:
		c.differ(at, Added, "absent", c.shown(b, at))
	case among(r.Decimals, at) && a.number() != "" && b.number() != "":
		c.numbers(a, b, at, a.kind != b.kind || a.text != b.text)
	case a.kind != b.kind:
		c.differ(at, Type, c.shown(a, at)+" ("+a.kind.String()+")", c.shown(b, at)+" ("+b.kind.String()+")")
	case a.kind == jsondoc.Number:
		c.numbers(a, b, at, false)
	case a.kind == jsondoc.Object:
		c.objects(a, b, at)
	case a.kind == jsondoc.Array:
		c.arrays(a, b, at)
	case a.text != b.text:
		if a.kind == jsondoc.String && c.pattern(a.text, b.text, at) {
			c.rule(at, "pattern")
			return
		}
		c.differ(at, Value, c.shown(a, at), c.shown(b, at))
	}
}

func empty(v *value) bool { return v == nil || v.kind == jsondoc.Null }

func (c *comparison) pattern(a, b string, at []string) bool {
	return slices.ContainsFunc(c.route.Pattern, func(p Pattern) bool {
		return p.Path.matches(at) && p.Matches.MatchString(a) && p.Matches.MatchString(b)
	})
}

func (c *comparison) numbers(a, b *value, at []string, spelling bool) {
	first, second := a.number(), b.number()
	if first == second {
		if spelling {
			c.rule(at, "decimals")
		}
		return
	}
	for _, t := range c.route.Tolerance {
		if t.Path.matches(at) && t.holds(first, second) {
			c.rule(at, "tolerance")
			return
		}
	}
	c.differ(at, Value, c.shown(a, at), c.shown(b, at))
}

func (c *comparison) objects(a, b *value, at []string) {
	names := slices.Sorted(maps.Keys(a.members))
	for name := range b.members {
		if a.members[name] == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		c.values(a.members[name], b.members[name], under(at, name))
	}
}

func (c *comparison) arrays(a, b *value, at []string) {
	inside := under(at, "*")
	for _, u := range c.route.Unordered {
		if !u.Path.matches(at) {
			continue
		}
		before := len(c.differences)
		first, second := c.groups(a, u, inside), c.groups(b, u, inside)
		keys := slices.Sorted(maps.Keys(first))
		for key := range second {
			if first[key] == nil {
				keys = append(keys, key)
			}
		}
		slices.Sort(keys)
		for _, key := range keys {
			c.unordered(first[key], second[key], inside)
		}
		if len(c.differences) == before && c.canonical(&value{kind: jsondoc.Array, elems: a.elems}, at, false) !=
			c.canonical(&value{kind: jsondoc.Array, elems: b.elems}, at, false) {
			c.rule(at, "unordered")
		}
		return
	}
	for i := range max(len(a.elems), len(b.elems)) {
		var first, second *value
		if i < len(a.elems) {
			first = a.elems[i]
		}
		if i < len(b.elems) {
			second = b.elems[i]
		}
		c.values(first, second, inside)
	}
}

// groups are the elements of an array by their keys.
func (c *comparison) groups(v *value, u Unordered, inside []string) map[string][]*value {
	groups := map[string][]*value{}
	for _, e := range v.elems {
		var key strings.Builder
		for _, p := range u.Key {
			at := e
			for _, s := range p.segments {
				if at != nil {
					at = at.at(s)
				}
			}
			key.WriteString(c.canonical(at, append(slices.Clip(inside), p.segments...), true) + "\n")
		}
		groups[key.String()] = append(groups[key.String()], e)
	}
	return groups
}

// unordered compares elements of one key. Those that are equal by the rules are matched first, the others in a fixed order.
func (c *comparison) unordered(a, b []*value, inside []string) {
	type spelled struct {
		text string
		*value
	}
	spell := func(all []*value) []spelled {
		var out []spelled
		for _, v := range all {
			out = append(out, spelled{c.canonical(v, inside, true), v})
		}
		slices.SortStableFunc(out, func(x, y spelled) int { return strings.Compare(x.text, y.text) })
		return out
	}
	first, second := spell(a), spell(b)
	var left, right []*value
	for len(first) > 0 || len(second) > 0 {
		switch {
		case len(second) == 0 || len(first) > 0 && first[0].text < second[0].text:
			left, first = append(left, first[0].value), first[1:]
		case len(first) == 0 || first[0].text > second[0].text:
			right, second = append(right, second[0].value), second[1:]
		default:
			c.values(first[0].value, second[0].value, inside) // nothing counts, but rules may be told of
			first, second = first[1:], second[1:]
		}
	}
	for i := range max(len(left), len(right)) {
		var x, y *value
		if i < len(left) {
			x = left[i]
		}
		if i < len(right) {
			y = right[i]
		}
		c.values(x, y, inside)
	}
}

// canonical is one spelling of a value: the same for all that are equal, as JSON or, with rules, by those that need no second value.
func (c *comparison) canonical(v *value, at []string, rules bool) string {
	var out strings.Builder
	c.spell(&out, v, at, rules)
	return out.String()
}

func (c *comparison) spell(out *strings.Builder, v *value, at []string, rules bool) {
	if v == nil {
		out.WriteByte('-')
		return
	}
	if rules && among(c.route.Ignore, at) {
		return
	}
	switch v.kind {
	case jsondoc.Object:
		out.WriteByte('{')
		for _, name := range slices.Sorted(maps.Keys(v.members)) {
			here := under(at, name)
			if m := v.members[name]; rules && (among(c.route.Ignore, here) || empty(m) && among(c.route.Nullable, here)) {
				continue
			}
			out.WriteString(strconv.Quote(name) + ":")
			c.spell(out, v.members[name], here, rules)
		}
		out.WriteByte('}')
	case jsondoc.Array:
		var elems []string
		for _, e := range v.elems {
			elems = append(elems, c.canonical(e, under(at, "*"), rules))
		}
		if rules && slices.ContainsFunc(c.route.Unordered, func(u Unordered) bool { return u.Path.matches(at) }) {
			slices.Sort(elems)
		}
		out.WriteString("[" + strings.Join(elems, ",") + "]")
	case jsondoc.Number:
		out.WriteString(v.number())
	case jsondoc.String:
		if rules && among(c.route.Decimals, at) && v.number() != "" {
			out.WriteString(v.number())
			return
		}
		out.WriteString(strconv.Quote(v.text))
	default:
		out.WriteString(v.kind.String() + v.text)
	}
}

var decimal = regexp.MustCompile(`^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$`)

// number is one spelling of a number, or of a text of digits; else it is empty.
func (v *value) number() string {
	if v.kind != jsondoc.Number && v.kind != jsondoc.String {
		return ""
	}
	m := decimal.FindStringSubmatch(v.text)
	if m == nil {
		return ""
	}
	digits := strings.TrimLeft(m[2]+m[3], "0")
	exponent := -len(m[3])
	if m[4] != "" {
		e, err := strconv.Atoi(m[4])
		if err != nil || e > 1e9 || e < -1e9 {
			return v.text // which is only the same as itself
		}
		exponent += e
	}
	short := strings.TrimRight(digits, "0")
	if short == "" {
		return "0"
	}
	return fmt.Sprintf("%s%se%d", m[1], short, exponent+len(digits)-len(short))
}

// holds compares two numbers, in the spelling of number.
func (t Tolerance) holds(a, b string) bool {
	x, ok := rational(a)
	y, also := rational(b)
	if !ok || !also {
		return false
	}
	apart := new(big.Rat).Sub(x, y)
	apart.Abs(apart)
	limit := new(big.Rat)
	if _, ok := limit.SetString(strconv.FormatFloat(t.Absolute, 'g', -1, 64)); ok && apart.Cmp(limit) <= 0 && t.Absolute > 0 {
		return true
	}
	if t.Relative <= 0 {
		return false
	}
	limit.SetString(strconv.FormatFloat(float64(t.Relative), 'g', -1, 64))
	greater := x.Abs(x)
	if y.Abs(y); y.Cmp(greater) > 0 {
		greater = y
	}
	return apart.Cmp(limit.Mul(limit, greater)) <= 0
}

// rational is a number of a size that can be reckoned with.
func rational(text string) (*big.Rat, bool) {
	_, exponent, _ := strings.Cut(text, "e")
	if e, _ := strconv.Atoi(exponent); e > 400 || e < -400 || len(text) > 400 {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

func (c *comparison) differ(at []string, kind Kind, legacy, fresh string) {
	c.differences = append(c.differences, Difference{pointer(at), kind, legacy, fresh})
}

func (c *comparison) rule(at []string, rule string) {
	c.ruledOut = append(c.ruledOut, RuledOut{pointer(at), rule})
}

var plainName = regexp.MustCompile(`^[A-Za-z_*$@][A-Za-z0-9_.$@-]{0,39}( \([0-9]+\))?$`)

// pointer is a path in a report. A name that looks like data, such as an address, is redacted.
func pointer(at []string) string {
	var out strings.Builder
	for _, s := range at {
		out.WriteByte('/')
		if plainName.MatchString(s) && !looksLikeData.MatchString(s) {
			out.WriteString(s)
		} else {
			out.WriteString(strings.ReplaceAll(redact(s), "/", "~1"))
		}
	}
	if out.Len() == 0 {
		return "body"
	}
	return out.String()
}

// looksLikeData is an address, or a name with many digits.
var looksLikeData = regexp.MustCompile(`.@.|[0-9].*[0-9].*[0-9]`)

// shown is a value in a report.
func (c *comparison) shown(v *value, at []string) string {
	switch v.kind {
	case jsondoc.Object:
		return fmt.Sprintf("object of %d members", len(v.members))
	case jsondoc.Array:
		return fmt.Sprintf("array of %d", len(v.elems))
	case jsondoc.Null:
		return "null"
	case jsondoc.Bool:
		return v.text
	}
	text := redact(v.text)
	if among(c.route.Show, at) {
		text = short(v.text, 80)
	}
	if v.kind == jsondoc.String {
		return strconv.Quote(text)
	}
	return text
}

// redact keeps the shape of a text: x for letters, 9 for digits.
func redact(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r):
			return 'x'
		case unicode.IsNumber(r):
			return '9'
		case r < unicode.MaxASCII && unicode.IsPrint(r):
			return r
		}
		return '?'
	}, short(text, 40))
}

func short(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return text
}
