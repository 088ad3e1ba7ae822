package mapping

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// decoder fills the structs of a mapping from a YAML file, and gathers the mistakes in it.
//
// It reads texts as they are written: 0123, yes and 2026-01-02 need no quotation marks. The yaml package's own way into structs is
// not used, since it drops ~ and all documents but the first without a word, and speaks of Go's types when something is wrong.
type decoder struct {
	mistakes []mistake
}

// mistake is something wrong in the file, on a line, or 0 if it is on none.
type mistake struct {
	line int
	text string
}

func (d *decoder) wrong(line int, format string, args ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", `\n`) // each mistake is one line
	d.mistakes = append(d.mistakes, mistake{line, text})
}

// err is an error of all mistakes in the order of their lines, each after the file's path; nil if there are none.
func (d *decoder) err(path string) error {
	place := func(m mistake) int { return cmp.Or(m.line, math.MaxInt) } // those without a line come last
	slices.SortStableFunc(d.mistakes, func(a, b mistake) int { return cmp.Compare(place(a), place(b)) })
	var errs []error
	for _, m := range d.mistakes {
		before := path
		if m.line > 0 {
			before += ":" + strconv.Itoa(m.line)
		}
		errs = append(errs, errors.New(before+": "+m.text))
	}
	return errors.Join(errs...)
}

// file decodes a file's content. ok is false if the mapping is not there to be judged.
func (d *decoder) file(content []byte) (m *Mapping, ok bool) {
	m = &Mapping{}
	reader := yaml.NewDecoder(bytes.NewReader(content))
	var document, second yaml.Node
	err := reader.Decode(&document)
	if errors.Is(err, io.EOF) { // an empty file, which lacks all rules
		return m, true
	}
	if err != nil {
		d.syntax(err)
		return m, false
	}
	d.value(document.Content[0], reflect.ValueOf(m).Elem(), "")
	switch err := reader.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err == nil:
		d.wrong(second.Line, "a second YAML document begins here; a file has one mapping")
	default:
		d.syntax(err)
	}
	return m, m.node == nil || m.node.Kind == yaml.MappingNode
}

// syntax adds what the yaml package says of a file that is not YAML: "yaml: line 3: did not find ...", perhaps without a line.
func (d *decoder) syntax(err error) {
	text, line := strings.TrimPrefix(err.Error(), "yaml: "), 0
	if rest, numbered := strings.CutPrefix(text, "line "); numbered {
		number, after, _ := strings.Cut(rest, ": ")
		if n, err := strconv.Atoi(number); err == nil {
			text, line = after, n
		}
	}
	if misplaced.MatchString(text) {
		line++
	}
	d.wrong(line, "this is not YAML: %s; is a bracket or a quotation mark not closed, a tab where spaces should be, or a text with one of "+
		": # > @ * without quotation marks?", text)
}

// misplaced are the texts of the yaml package's parser. It counts lines from 0, while its scanner counts them from 1.
var misplaced = regexp.MustCompile(`^did not find expected (key|node content|',' or .*|'-' indicator|<document start>)$`)

// value decodes a node. where is the path to it, as in "price.when".
func (d *decoder) value(n *yaml.Node, into reflect.Value, where string) {
	n = target(n)
	if n.ShortTag() == "!!null" {
		if where != "" { // else the file is empty, and the missing rules are told
			d.nothing(n, where, into.Kind() == reflect.String)
		}
		return
	}
	switch into.Kind() {
	case reflect.Pointer:
		before, pointed := len(d.mistakes), reflect.New(into.Type().Elem())
		if d.value(n, pointed.Elem(), where); len(d.mistakes) == before {
			into.Set(pointed)
		}
	case reflect.Slice:
		d.list(n, into, where)
	case reflect.Struct:
		d.object(n, into, where)
	case reflect.Map:
		if into.Type() == reflect.TypeFor[Currencies]() && n.Kind == yaml.SequenceNode {
			d.codes(n, into, where)
			return
		}
		d.words(n, into, where)
	default:
		d.scalar(n, into, where)
	}
}

// target is the node that an alias (*name) stands for.
func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// nothing refuses a value that YAML takes for none. Where a text is wanted it could be meant either way.
func (d *decoder) nothing(n *yaml.Node, where string, text bool) {
	switch {
	case !text:
		d.wrong(n.Line, "%s has no value", where)
	case n.Value == "":
		d.wrong(n.Line, `%s has no value; write "" for an empty text, and quotation marks around a text with a comma`, where)
	default:
		d.wrong(n.Line, `%s is %s, YAML's word for nothing; write "%[2]s" for that text, "" for an empty one`, where, n.Value)
	}
}

func (d *decoder) scalar(n *yaml.Node, into reflect.Value, where string) {
	if n.Kind != yaml.ScalarNode {
		d.wrong(n.Line, "%s is %s; it must be one value", where, shown(n))
		return
	}
	switch into.Kind() {
	case reflect.Bool:
		if n.Value != "true" && n.Value != "false" {
			d.wrong(n.Line, "%s is %s; it must be true or false", where, shown(n))
		}
		into.SetBool(n.Value == "true")
	case reflect.Int:
		number, err := strconv.ParseUint(n.Value, 10, 31)
		if err != nil {
			d.wrong(n.Line, "%s is %s; it must be a whole number", where, shown(n))
		}
		into.SetInt(int64(number))
	default:
		into.SetString(n.Value)
	}
}

// list decodes a list, or a single value as a list of one.
func (d *decoder) list(n *yaml.Node, into reflect.Value, where string) {
	nodes := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		nodes = n.Content
	}
	if len(nodes) == 0 {
		d.wrong(n.Line, "%s is an empty list", where)
	}
	into.Set(reflect.MakeSlice(into.Type(), len(nodes), len(nodes)))
	for i, node := range nodes {
		d.value(node, into.Index(i), where)
	}
}

// words decodes an object of texts.
func (d *decoder) words(n *yaml.Node, into reflect.Value, where string) {
	if n.Kind != yaml.MappingNode {
		d.wrong(n.Line, "%s is %s; it must be like {WORD: WORD, WORD: WORD}", where, shown(n))
		return
	}
	into.Set(reflect.MakeMap(into.Type()))
	for key, node := range d.members(n, where) {
		if key.ShortTag() == "!!null" || key.Value == "" || key.Kind != yaml.ScalarNode {
			d.wrong(key.Line, "%s: %s is no word; an empty cell and a null have no text, so `default` is for them", where, shown(key))
			continue
		}
		word := reflect.New(into.Type().Elem()).Elem()
		d.value(node, word, where+"."+key.Value)
		into.SetMapIndex(reflect.ValueOf(key.Value), word)
	}
}

// codes decodes a list of currencies, whose codes are the signs themselves.
func (d *decoder) codes(n *yaml.Node, into reflect.Value, where string) {
	var codes []string
	d.list(n, reflect.ValueOf(&codes).Elem(), where)
	currencies := Currencies{}
	for _, code := range codes {
		if code != "" { // else it is told
			currencies[code] = code
		}
	}
	into.Set(reflect.ValueOf(currencies))
}

// object decodes an object into a struct, whose fields have their names in a tag. Which members a Rule may have depends on its
// field, so its check tells the unknown ones.
func (d *decoder) object(n *yaml.Node, into reflect.Value, where string) {
	before := len(d.mistakes)
	names, fields := fields(into)
	if n.Kind != yaml.MappingNode {
		d.noObject(n, into, where, names)
	} else {
		for key, node := range d.members(n, where) {
			if i := slices.Index(names, key.Value); i >= 0 {
				d.value(node, fields[i], strings.TrimPrefix(where+"."+key.Value, "."))
			} else if into.Type() != reflect.TypeFor[Rule]() {
				d.unknown(key, where, names)
			}
		}
	}
	if l, ok := into.Addr().Interface().(interface{ locate(*yaml.Node, bool) }); ok {
		l.locate(n, len(d.mistakes) > before)
	}
}

// noObject tells that a struct cannot be decoded from something else.
func (d *decoder) noObject(n *yaml.Node, into reflect.Value, where string, names []string) {
	switch {
	case where == "":
		d.wrong(n.Line, "a mapping has members, such as productId: {from: COLUMN}; this is %s", shown(n))
	case into.Type() == reflect.TypeFor[Rule]() && n.Kind == yaml.ScalarNode:
		d.wrong(n.Line, "%s is %s; it must be a rule: {from: %[3]s} if that is a column, {value: %[3]s} if that is the text itself", where,
			shown(n), n.Value)
	case where == "skip" && n.Kind == yaml.ScalarNode:
		d.wrong(n.Line, "skip is %s; it must be conditions on a row, like {column: COLUMN, filled: false}. "+
			"Lines at the beginning of a file are left out by file: {skip: 3}", shown(n))
	default:
		d.wrong(n.Line, "%s is %s; it must have members: %s", where, shown(n), strings.Join(names, ", "))
	}
}

// members are the keys and values of an object. A key that is there twice is a mistake.
func (d *decoder) members(n *yaml.Node, where string) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(key, value *yaml.Node) bool) {
		lines := map[string]int{}
		for i := 0; i < len(n.Content); i += 2 {
			key := target(n.Content[i])
			if line, twice := lines[key.Value]; twice {
				d.wrong(n.Content[i].Line, "%s has %q twice; the first is on line %d", cmp.Or(where, "the mapping"), key.Value, line)
			} else if !yield(key, n.Content[i+1]) {
				return
			}
			lines[key.Value] = n.Content[i].Line
		}
	}
}

// unknown tells of a member that is not allowed, and what is.
func (d *decoder) unknown(key *yaml.Node, where string, allowed []string) {
	text := fmt.Sprintf("%s has no member %q", cmp.Or(where, "a mapping"), key.Value)
	if i := slices.IndexFunc(allowed, func(name string) bool { return near(name, key.Value) }); i >= 0 {
		text += fmt.Sprintf("; did you mean %s? Allowed are ", allowed[i])
	} else {
		text += "; allowed are "
	}
	d.wrong(key.Line, "%s%s", text, strings.Join(allowed, ", "))
}

// near says whether two names differ in one letter, in the order of two, or only in capitals.
func near(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return len(a) <= 1 && len(b) <= 1 || len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
}

// shown is a node in a sentence.
func shown(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "an object"
	default:
		const most = 40
		if text := []rune(n.Value); len(text) > most { // such as a whole file that is no mapping
			return strconv.Quote(string(text[:most]) + "...")
		}
		return strconv.Quote(n.Value)
	}
}

// fields are a struct's fields that have a name in YAML, those of an inline struct included.
func fields(of reflect.Value) (names []string, values []reflect.Value) {
	for i := range of.NumField() {
		name, option, _ := strings.Cut(of.Type().Field(i).Tag.Get("yaml"), ",")
		if option == "inline" {
			inner, innerValues := fields(of.Field(i))
			names, values = append(names, inner...), append(values, innerValues...)
		} else if name != "" {
			names, values = append(names, name), append(values, of.Field(i))
		}
	}
	return names, values
}

// located is where an object stands in the file.
type located struct {
	node   *yaml.Node // nil if it is not there
	broken bool       // there are mistakes in it, so what is missing may be a part of them
}

func (l *located) locate(n *yaml.Node, broken bool) { l.node, l.broken = n, broken }

// keys are the names of the members that are there.
func (l *located) keys() []*yaml.Node {
	var keys []*yaml.Node
	if l.node == nil || l.node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i < len(l.node.Content); i += 2 {
		keys = append(keys, target(l.node.Content[i]))
	}
	return keys
}

// has says whether a member is there.
func (l *located) has(name string) bool {
	return slices.ContainsFunc(l.keys(), func(key *yaml.Node) bool { return key.Value == name })
}

// line is the line of a member, or of a member of that. Of what is not there, it is that of the object around it; 0 for none.
func (l *located) line(path ...string) int {
	if l.node == nil {
		return 0
	}
	n, line := l.node, l.node.Line
	for _, name := range path {
		if n.Kind != yaml.MappingNode {
			break
		}
		i := 0
		for i < len(n.Content) && target(n.Content[i]).Value != name {
			i += 2
		}
		if i >= len(n.Content) {
			break
		}
		line, n = n.Content[i].Line, target(n.Content[i+1])
	}
	return line
}
