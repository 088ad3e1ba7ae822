package rows

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// sniffSize is how many bytes of a file sniff looks at.
const sniffSize = 64 << 10

// reading says how a file is about to be read. What the user has not said is empty, except the format.
type reading struct {
	format    string // csv, ndjson or json
	encoding  string
	separator rune
	skip      int // lines before the header or the first row
}

// sniff tells from the beginning of a file, of sniffSize bytes unless the file is shorter, that it is something else than what it
// is about to be read as. The error says so once and names the cure, where reading would refuse line for line. It changes nothing
// by itself: a guess that is wrong would be a wrong price. The beginning is as it stands, unpacked and not decoded.
func sniff(beginning []byte, as reading) error {
	if as.encoding == "" {
		if err := sniffEncoding(beginning); err != nil {
			return err
		}
	}
	decoded, err := decode(bytes.NewReader(beginning), as.encoding)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(decoded)
	if err != nil {
		return err
	}
	if err := sniffMarkup(text); err != nil {
		return err
	}
	if bytes.Contains(bytes.TrimSuffix(text, []byte("\r")), []byte("\r")) && !bytes.Contains(text, []byte("\n")) {
		return errors.New("the line ends of the file are CR only, as on old Macs: save it with LF or CR LF")
	}
	lines := sampleLines(text, len(beginning) >= sniffSize, as.skip)
	if len(lines) == 0 {
		return nil
	}
	if as.format == "csv" {
		return sniffCSV(lines, as)
	}
	return sniffJSON(lines, as)
}

// sniffEncoding tells text in another encoding than UTF-8. A byte order mark is for decode.
func sniffEncoding(beginning []byte) error {
	for _, mark := range []string{"\xff\xfe", "\xfe\xff", "\x00\x00\xfe\xff", "\xef\xbb\xbf"} {
		if bytes.HasPrefix(beginning, []byte(mark)) {
			return nil
		}
	}
	var zeros [2]int // at even and at odd places
	for i, b := range beginning {
		if b == 0 {
			zeros[i%2]++
		}
	}
	const few, many = 20, 4 // at most every 20th place, at least every 4th
	switch pairs := len(beginning) / 2; {
	case pairs < 2:
	case zeros[0]*few <= pairs && zeros[1]*many >= pairs:
		return errors.New("the file is UTF-16 without a byte order mark: -encoding UTF-16LE")
	case zeros[1]*few <= pairs && zeros[0]*many >= pairs:
		return errors.New("the file is UTF-16 without a byte order mark: -encoding UTF-16BE")
	case (zeros[0]+zeros[1])*few > pairs:
		return errors.New("the file is not text: it is full of zero bytes")
	}
	bad := -1
	for i := 0; i < len(beginning) && utf8.FullRune(beginning[i:]); {
		r, size := utf8.DecodeRune(beginning[i:])
		switch {
		case r != utf8.RuneError && size > 1:
			return nil // there is UTF-8, so that the rows that have something else are damaged
		case r == utf8.RuneError && size == 1 && bad < 0:
			bad = i
		}
		i += size
	}
	if bad < 0 {
		return nil
	}
	western, _ := charmap.Windows1252.NewDecoder().Bytes(wordAt(beginning, bad)) // decoders of single bytes have no errors
	central, _ := charmap.Windows1250.NewDecoder().Bytes(wordAt(beginning, bad))
	line := 1 + bytes.Count(beginning[:bad], []byte("\n"))
	if bytes.Equal(western, central) {
		return fmt.Errorf("line %d is not UTF-8 text; files from Windows are often -encoding windows-1252 (Western Europe, such as German and "+
			"French) or -encoding windows-1250 (Central Europe, such as Czech and Polish), which both have %q there", line, western)
	}
	return fmt.Errorf("line %d is not UTF-8 text; files from Windows are often windows-1252 (Western Europe) or windows-1250 "+
		"(Central Europe): -encoding windows-1252 if %q is right there, -encoding windows-1250 if it is %q",
		line, western, central)
}

// wordAt returns the word around a byte.
func wordAt(text []byte, i int) []byte {
	const most = 20 // bytes on either side
	other := func(r rune) bool { return r < utf8.RuneSelf && (r|0x20 < 'a' || r|0x20 > 'z') }
	begin := max(0, i-most)
	begin += bytes.LastIndexFunc(text[begin:i], other) + 1
	end := min(len(text), i+most)
	if n := bytes.IndexFunc(text[i:end], other); n >= 0 {
		end = i + n
	}
	return text[begin:end]
}

func sniffMarkup(text []byte) error {
	start := strings.ToLower(string(bytes.TrimSpace(text[:min(len(text), 1<<10)])))
	switch {
	case strings.HasPrefix(start, "<!doctype html"), strings.HasPrefix(start, "<html"):
		return errors.New("the file is a web page (HTML), perhaps one that says why there is no file: look at it in a browser")
	case len(start) > 1 && start[0] == '<' && (start[1] == '?' || start[1] == '!' || 'a' <= start[1] && start[1] <= 'z'):
		return errors.New("the file is XML, which is not read: ask for the prices as CSV or JSON, or convert it")
	}
	return nil
}

// sampleLine is a line that is not blank, without its end.
type sampleLine struct {
	number int
	text   []byte
}

// sampleLines returns the first lines of a text after skip lines. cut: the text breaks off somewhere.
func sampleLines(text []byte, cut bool, skip int) []sampleLine {
	all := bytes.Split(text, []byte("\n"))
	if cut && len(all) > 1 {
		all = all[:len(all)-1]
	}
	const most = 20
	var sample []sampleLine
	for i := skip; i < len(all) && len(sample) < most; i++ {
		if len(bytes.TrimSpace(all[i])) > 0 {
			sample = append(sample, sampleLine{i + 1, bytes.TrimSuffix(all[i], []byte("\r"))})
		}
	}
	return sample
}

// beginsObject tells whether a line begins with { and the name of a member.
func beginsObject(line []byte) bool {
	rest, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("{"))
	return ok && bytes.HasPrefix(bytes.TrimSpace(rest), []byte(`"`))
}

// separators are those that are looked for, the likeliest first.
var separators = []struct {
	char rune
	name string
}{{',', "comma"}, {';', "semicolon"}, {'\t', "tab"}, {'|', "pipe"}}

func sniffJSON(lines []sampleLine, as reading) error {
	first := bytes.TrimSpace(lines[0].text)
	if len(lines) == 1 && as.format == "ndjson" {
		if member := rowsMember(first); member != "" {
			return oneObject(member)
		}
	}
	if first[0] == '{' || first[0] == '[' || slices.ContainsFunc(lines, func(l sampleLine) bool { return beginsObject(l.text) }) {
		return nil
	}
	separator, columns := ',', 1
	for _, s := range separators {
		if counts := countColumns(lines[:1], s.char); len(counts) > 0 && counts[0] > columns {
			separator, columns = s.char, counts[0]
		}
	}
	if columns == 1 {
		return errors.New("the first line is not JSON: -format csv?")
	}
	return fmt.Errorf("the first line is not JSON and looks like a header with %d columns: -format csv%s?", columns, separatorFlag(separator))
}

func sniffCSV(lines []sampleLine, as reading) error {
	first := bytes.TrimSpace(lines[0].text)
	rest := bytes.TrimSpace(first[1:])
	switch {
	case beginsObject(first):
		return errors.New("the first line is a JSON object: -format ndjson?")
	case first[0] == '{' && len(rest) == 0, first[0] == '[' && (len(rest) == 0 || rest[0] == '{'):
		return errors.New("the file is JSON: -format json?")
	}
	if said := sepLine(lines[0].text); said != 0 {
		if lines = lines[1:]; as.separator == 0 {
			as.separator = said
		}
	}
	if as.separator != 0 {
		return sniffPreamble(lines, as.separator, "")
	}
	oneColumn := len(lines) > 0 && !bytes.ContainsRune(lines[0].text, ',')
	if oneColumn {
		for _, s := range separators[1:] {
			if counts := countColumns(lines, s.char); len(counts) > 0 && counts[0] > 1 && slices.Min(counts) == slices.Max(counts) {
				return otherSeparator(lines[0], s.char, s.name)
			}
		}
	}
	if err := sniffPreamble(lines, ',', ""); err != nil || !oneColumn {
		return err
	}
	for _, s := range separators[1:] {
		if bytes.ContainsRune(lines[0].text, s.char) {
			return otherSeparator(lines[0], s.char, s.name)
		}
	}
	for _, s := range separators[1:] {
		if err := sniffPreamble(lines, s.char, separatorFlag(s.char)); err != nil {
			return err
		}
	}
	return nil
}

// otherSeparator tells a header that has only one column, but another separator in it.
func otherSeparator(header sampleLine, separator rune, name string) error {
	n := bytes.Count(header.text, []byte(string(separator)))
	if n > 1 {
		name += "s"
	}
	return fmt.Errorf("the header is one column with %d %s in it:%s?", n, name, separatorFlag(separator))
}

// sniffPreamble tells lines before the header: they have fewer columns than the lines after them, which have equally many.
func sniffPreamble(lines []sampleLine, separator rune, flag string) error {
	counts := countColumns(lines, separator)
	if len(counts) == 0 {
		return nil
	}
	want := counts[len(counts)-1]
	header := len(counts) - 1
	for header > 0 && counts[header-1] == want {
		header--
	}
	if header == 0 || len(counts)-header < 2 || slices.Max(counts[:header]) >= want {
		return nil
	}
	return fmt.Errorf("the header is perhaps in line %d, since line %d has fewer columns (%d) than those from there on (%d): -skip %d%s?",
		lines[header].number, lines[header-1].number, counts[header-1], want, lines[header].number-1, flag)
}

// countColumns returns how many columns the lines have, up to the first line that does not end a row.
func countColumns(lines []sampleLine, separator rune) []int {
	var counts []int
	c := csvReader{separator: []byte(string(separator))}
	for _, line := range lines {
		if c.split(line.text, false) != closed {
			break
		}
		counts = append(counts, len(c.fields))
	}
	return counts
}

// separatorFlag is the flag that says what the separator is, "" for the usual one.
func separatorFlag(separator rune) string {
	switch separator {
	case ',':
		return ""
	case '\t':
		return " -separator tab"
	}
	return fmt.Sprintf(" -separator '%c'", separator)
}
