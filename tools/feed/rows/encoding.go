package rows

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// decode returns the text of r as UTF-8. A byte order mark says what the encoding is, else name does: a name of IANA's list or a
// common other one (cp1252), in any case; "" is UTF-8. A name that is not known is an error.
//
// Bytes that the encoding does not have come out as a byte that is not UTF-8, as does U+FFFD in other encodings than UTF-8, so
// that the row with them is refused: U+FFFD would look like text.
func decode(r io.Reader, name string) (io.Reader, error) {
	said, err := findEncoding(name)
	if err != nil {
		return nil, err
	}
	b := bufio.NewReader(r)
	mark, _ := b.Peek(4)
	size := 0
	switch {
	case bytes.HasPrefix(mark, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(mark, []byte("\x00\x00\xfe\xff")):
		return nil, errors.New("this is UTF-32, which is not read: save it as UTF-8")
	case bytes.HasPrefix(mark, []byte("\xef\xbb\xbf")):
		said, size = nil, 3
	case bytes.HasPrefix(mark, []byte("\xff\xfe")):
		said, size = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), 2
	case bytes.HasPrefix(mark, []byte("\xfe\xff")):
		said, size = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), 2
	case strings.EqualFold(name, "UTF-16"):
		return nil, errors.New("the file has no byte order mark: -encoding UTF-16LE (as Windows writes it) or UTF-16BE")
	}
	_, _ = b.Discard(size) // Peek has returned them
	if said == nil {
		return b, nil
	}
	return transform.NewReader(b, transform.Chain(said.NewDecoder(), missing{})), nil
}

// findEncoding finds an encoding by its name. It is nil for UTF-8.
func findEncoding(name string) (encoding.Encoding, error) {
	if name == "" {
		return nil, nil
	}
	e, err := ianaindex.IANA.Encoding(name)
	if err != nil || e == nil { // not in the list, or in the list and not supported
		e, err = htmlindex.Get(name)
	}
	if err != nil || e == encoding.Replacement {
		return nil, fmt.Errorf("the encoding %q is not known: it may be UTF-8, UTF-16LE, UTF-16BE, windows-1250 (Central Europe), windows-1251 "+
			"(Cyrillic), windows-1252 (Western Europe), windows-1253 (Greek), windows-1254 (Turkish), ISO-8859-1 to ISO-8859-16, "+
			"Shift_JIS, EUC-JP, EUC-KR, GBK, GB18030, Big5, KOI8-R or another name of IANA's list", name)
	}
	if e == unicode.UTF8 {
		return nil, nil
	}
	return e, nil
}

// missing puts a byte that is not UTF-8 in the place of U+FFFD, which decoders write for bytes that their encoding does not have.
type missing struct{ transform.NopResetter }

const replacement = "\ufffd"

// Transform copies src to dst.
func (missing) Transform(dst, src []byte, atEOF bool) (nDst, nSrc int, err error) {
	for nSrc < len(src) {
		if nDst == len(dst) {
			return nDst, nSrc, transform.ErrShortDst
		}
		rest := src[nSrc:]
		switch n := bytes.IndexByte(rest, replacement[0]); {
		case n == 0 && bytes.HasPrefix(rest, []byte(replacement)):
			dst[nDst] = 0xff
			nDst++
			nSrc += len(replacement)
		case n == 0 && len(rest) < len(replacement) && !atEOF:
			return nDst, nSrc, transform.ErrShortSrc
		case n == 0:
			dst[nDst] = rest[0]
			nDst++
			nSrc++
		default:
			if n < 0 {
				n = len(rest)
			}
			n = copy(dst[nDst:], rest[:n])
			nDst += n
			nSrc += n
		}
	}
	return nDst, nSrc, nil
}
