package gateway

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"pricing/shared/fault"
	"pricing/shared/jsondoc"
)

// Values reads what a query says, by names, under one set of rules: the parameters of a URL (Params), or the members of an object
// (Members). The faults go where the values came from.
type Values struct {
	text  func(name string, kind jsondoc.Kind) (value string, ok bool)
	fault func(name, code, detail string)
}

// Members reads the members of an object of a body. A null one counts as absent; what is a truth value or a number there has that
// type, and everything else is a text. The object's reader must know the names.
func Members(m jsondoc.Members) Values {
	return Values{
		text: func(name string, kind jsondoc.Kind) (string, bool) {
			v := m.Optional(name).NotNull()
			switch kind {
			case jsondoc.Bool:
				truth, ok := v.Bool()
				return strconv.FormatBool(truth), ok
			case jsondoc.Number:
				return v.Number()
			}
			return v.String()
		},
		fault: func(name, code, detail string) { m.Child(name).Fault(code, detail) },
	}
}

// Text returns a value as sent; ok is false when it was not. Percent-encoding is gone already.
func (v Values) Text(name string) (value string, ok bool) { return v.text(name, jsondoc.String) }

// Fault records a broken rule of a value.
func (v Values) Fault(name, code, detail string) { v.fault(name, code, detail) }

// Checked returns a value that must satisfy a rule. The rule's text completes the sentence "Must be ..." for a client that breaks
// it.
func (v Values) Checked(name string, valid func(string) bool, rule string) (value string, ok bool) {
	return v.checked(name, jsondoc.String, valid, rule)
}

func (v Values) checked(name string, kind jsondoc.Kind, valid func(string) bool, rule string) (value string, ok bool) {
	value, ok = v.text(name, kind)
	if ok && !valid(value) {
		v.Fault(name, fault.CodeInvalidField, "Must be "+rule+".")
		return "", false
	}
	return value, ok
}

// Word returns one of a list of words, the first when the value was not sent.
func (v Values) Word(name string, words ...string) string {
	return v.word(name, jsondoc.String, words...)
}

func (v Values) word(name string, kind jsondoc.Kind, words ...string) string {
	valid := func(s string) bool { return slices.Contains(words, s) }
	value, ok := v.checked(name, kind, valid, "one of "+strings.Join(words, ", "))
	if !ok {
		return words[0]
	}
	return value
}

// Bool returns true or false.
func (v Values) Bool(name string, otherwise bool) bool {
	return v.word(name, jsondoc.Bool, strconv.FormatBool(otherwise), strconv.FormatBool(!otherwise)) == "true"
}

// Int returns a whole number from 1 to most. Only its usual form is taken: `05` may be a number of another base.
func (v Values) Int(name string, otherwise, most int) int {
	text, ok := v.text(name, jsondoc.Number)
	if !ok {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	switch {
	case !number(text):
		v.Fault(name, fault.CodeWrongType, "Must be a whole number.")
	case err != nil || n < 1 || n > most || strconv.Itoa(n) != text:
		v.Fault(name, fault.CodeInvalidField, "Must be a whole number from 1 to "+strconv.Itoa(most)+", without sign and leading zero.")
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
