package forward

import "iter"

// scanner finds the members of a JSON object in its text, so that their values stay as they are written. The text is valid JSON; this
// only looks for where a value ends.
type scanner struct {
	text  []byte
	at    int
	depth int // the deepest that a value stands
}

// members are the names and values of the object, as they are written.
func (s *scanner) members() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		s.skip("{")
		s.depth = 1
		for {
			if s.text[s.at] == '}' {
				return
			}
			name := s.value()
			s.skip(":")
			value := s.value()
			if !yield(name, value) {
				return
			}
			s.skip(",")
		}
	}
}

// skip goes on over white space and one such character, if it stands there, and over white space behind it.
func (s *scanner) skip(one string) {
	s.space()
	if s.at < len(s.text) && s.text[s.at] == one[0] {
		s.at++
	}
	s.space()
}

func (s *scanner) space() {
	for s.at < len(s.text) && (s.text[s.at] == ' ' || s.text[s.at] == '\t' || s.text[s.at] == '\n' || s.text[s.at] == '\r') {
		s.at++
	}
}

// value goes on to the end of a value and returns it.
func (s *scanner) value() []byte {
	begin := s.at
	for open := 0; s.at < len(s.text); {
		switch c := s.text[s.at]; c {
		case '"':
			s.quoted()
		case '{', '[':
			s.at++
			open++
			s.depth = max(s.depth, open+1)
		case '}', ']':
			if open == 0 {
				return s.text[begin:s.at]
			}
			s.at++
			open--
		case ',', ':', ' ', '\t', '\n', '\r':
			if open == 0 {
				return s.text[begin:s.at]
			}
			s.at++
			continue
		default: // a number or a word
			s.at++
			continue
		}
		if open == 0 {
			return s.text[begin:s.at]
		}
	}
	return s.text[begin:]
}

// quoted goes on to the end of a text.
func (s *scanner) quoted() {
	for s.at++; s.text[s.at] != '"'; s.at++ {
		if s.text[s.at] == '\\' {
			s.at++
		}
	}
	s.at++
}
