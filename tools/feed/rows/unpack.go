package rows

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

const (
	maxHeld  = 1 << 30 // how many bytes of what has to be read back and forth, and comes through a pipe, are held in memory
	maxPacks = 2       // a .csv.gz in a zip, but nothing deeper
	peeked   = 512     // what is looked at to tell the kinds apart: the first block of a tar archive
	fewNames = 3       // how many of a zip's files an error names
)

// unpack returns what is in a gzip, bzip2 or zip file, or in one of these within another, and the file itself if it is none of them.
// The beginning of the content decides, not the name. A regular file must stand at its beginning.
//
// inner is the name of what is inside: name without .gz, .bz2 or .zip, or the name that the zip has for it.
//
// A regular file that is not packed comes back as the *os.File that it is, so that it can be read from anywhere; see whole.
//
// An error says what the file is and what to do: a zip of several files or with a password, a workbook, an archive of another
// kind. What is cut off or damaged gives its content up to there and then an error with the name of the container. Only a zip
// that is cut off gives nothing, since its table of contents stands at its end. Zero bytes after gzip or bzip2 are no content:
// tapes and some exporters fill up the last block with them. Anything else there is an error.
func unpack(file io.Reader, name string) (content io.Reader, inner string, err error) {
	content, inner = file, name
	for packs := 0; ; packs++ {
		begin, same, err := peek(content)
		if err != nil {
			return nil, "", err
		}
		found := containerOf(begin)
		if found == nil {
			return same, inner, nil
		}
		if found.open == nil {
			return nil, "", fmt.Errorf("this is %s", found.name)
		}
		if packs == maxPacks {
			return nil, "", fmt.Errorf("this is packed more than %d times (%s within others): unpack it, and feed what is in it",
				maxPacks, found.name)
		}
		unpacked, member, err := found.open(same)
		if err != nil {
			return nil, "", fmt.Errorf("%s: %w", found.name, err)
		}
		content = &naming{r: unpacked, name: found.name}
		if member == "" {
			member = cutSuffix(inner, found.suffix)
		}
		inner = member
	}
}

var errFollows = errors.New("everything up to its end has been read, but something else follows in the file")

// container is a kind of file that is known by how it begins.
type container struct {
	name   string // of the container; for a kind without open, what to tell
	at     int    // where magic stands
	magic  string
	suffix string
	open   func(io.Reader) (content io.Reader, member string, err error)
}

const unpackIt = ": unpack it first, and feed what is in it"

var containers = []container{
	{name: "gzip", magic: "\x1f\x8b", suffix: ".gz", open: openGzip},
	{name: "bzip2", magic: "BZh", suffix: ".bz2", open: openBzip2},
	{name: "zip", magic: "PK\x03\x04", suffix: ".zip", open: openZip},
	{name: "zip", magic: "PK\x05\x06", suffix: ".zip", open: openZip}, // without any file
	{name: "one part of a zip in several parts" + unpackIt, magic: "PK\x07\x08"},
	{name: "an xz file" + unpackIt, magic: "\xfd7zXZ\x00"},
	{name: "a zstd file" + unpackIt, magic: "\x28\xb5\x2f\xfd"},
	{name: "a 7-Zip archive" + unpackIt, magic: "7z\xbc\xaf\x27\x1c"},
	{name: "a RAR archive" + unpackIt, magic: "Rar!\x1a\x07"},
	{name: "a tar archive" + unpackIt, magic: "ustar", at: 257},
	{name: "a PDF, which has no rows: ask for the prices as CSV", magic: "%PDF-"},
	{name: "an old Excel workbook: save it as CSV", magic: "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"},
}

// containerOf is nil for what is not packed.
func containerOf(begin []byte) *container {
	for i, k := range containers {
		if len(begin) >= k.at && bytes.HasPrefix(begin[k.at:], []byte(k.magic)) && (k.suffix != ".bz2" || isBzip2(begin)) {
			return &containers[i]
		}
	}
	return nil
}

// isBzip2 is there because a text may well begin with BZh: a digit follows, and the first decimals of pi, or of its root if there
// is no content.
func isBzip2(begin []byte) bool {
	return len(begin) >= 10 && begin[3] >= '1' && begin[3] <= '9' &&
		(string(begin[4:10]) == "\x31\x41\x59\x26\x53\x59" || string(begin[4:10]) == "\x17\x72\x45\x38\x50\x90")
}

// peek returns the first bytes of r, and what has all bytes of r still to be read.
func peek(r io.Reader) ([]byte, io.Reader, error) {
	if file, _, ok := regular(r); ok {
		begin := make([]byte, peeked)
		n, err := file.ReadAt(begin, 0)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, nil, err
		}
		return begin[:n], r, nil
	}
	b := bufio.NewReader(r)
	begin, _ := b.Peek(peeked) // whatever ends it early, be it the end, is met again by who reads up to there
	return begin, b, nil
}

// regular returns r as what can be read from anywhere, and its size in bytes, if it is a regular file.
func regular(r io.Reader) (io.ReaderAt, int64, bool) {
	file, ok := r.(*os.File)
	if !ok {
		return nil, 0, false
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, 0, false
	}
	return file, info.Size(), true
}

// whole returns r as what can be read from anywhere, and its size in bytes: a regular file itself, anything else out of memory.
// What is larger than limit bytes then is an error.
func whole(r io.Reader, limit int64) (io.ReaderAt, int64, error) {
	if file, size, ok := regular(r); ok {
		return file, size, nil
	}
	var held bytes.Buffer
	n, err := held.ReadFrom(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, 0, err
	}
	if n > limit {
		return nil, 0, fmt.Errorf("it is larger than the %d bytes that are held in memory: save it to a file (unpacked, if it is packed) "+
			"and feed that", limit)
	}
	return bytes.NewReader(held.Bytes()), n, nil
}

func cutSuffix(name, suffix string) string {
	if n := len(name) - len(suffix); n > 0 && strings.EqualFold(name[n:], suffix) {
		return name[:n]
	}
	return name
}

// naming gives the errors of a container its name, and says in plain words what they mean.
type naming struct {
	r    io.Reader
	name string
	err  error // stays, since not every reader of a container stays at its first error
}

// Read does not wrap what it puts into words: the container around it would take an ErrUnexpectedEOF for its own.
func (n *naming) Read(p []byte) (int, error) {
	if n.err != nil {
		return 0, n.err
	}
	read, err := n.r.Read(p)
	var (
		corrupt   flate.CorruptInputError
		structure bzip2.StructuralError
	)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = fmt.Errorf("%s: unexpected end: the file was cut off", n.name)
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, zip.ErrChecksum):
		err = fmt.Errorf("%s: wrong checksum: the file is damaged", n.name)
	case errors.Is(err, errFollows):
		err = fmt.Errorf("%s: %s", n.name, err.Error())
	case errors.Is(err, gzip.ErrHeader), errors.As(err, &corrupt), errors.As(err, &structure):
		err = fmt.Errorf("%s: the file is damaged (%s)", n.name, err.Error())
	}
	n.err = err
	return read, err
}

func openGzip(r io.Reader) (io.Reader, string, error) {
	return &members{in: bufio.NewReader(r)}, "", nil
}

// members reads the members of a gzip file one after the other. The library would do so too, but it takes zero bytes after the
// last one for a member that is damaged.
type members struct {
	in  *bufio.Reader
	one *gzip.Reader
}

func (m *members) Read(p []byte) (int, error) {
	for {
		if m.one == nil {
			if err := m.open(); err != nil {
				return 0, err
			}
		}
		n, err := m.one.Read(p)
		if !errors.Is(err, io.EOF) {
			return n, err
		}
		if err := m.next(); err != nil {
			return n, err
		}
		if n > 0 {
			return n, nil
		}
	}
}

func (m *members) open() error {
	one, err := gzip.NewReader(m.in)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	if err != nil {
		return err
	}
	one.Multistream(false)
	m.one = one
	return nil
}

// next goes to the next member, or returns io.EOF.
func (m *members) next() error {
	if err := skipZeros(m.in); err != nil {
		return err
	}
	magic, err := m.in.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if string(magic) != "\x1f\x8b" {
		return errFollows
	}
	if err := m.one.Reset(m.in); errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	} else if err != nil {
		return err
	}
	m.one.Multistream(false)
	return nil
}

// skipZeros reads up to the first byte that is not zero, and returns io.EOF if there is none.
func skipZeros(in *bufio.Reader) error {
	for {
		b, err := in.ReadByte()
		if err != nil {
			return err
		}
		if b != 0 {
			return in.UnreadByte()
		}
	}
}

func openBzip2(r io.Reader) (io.Reader, string, error) {
	return bzip2.NewReader(&unpadded{Reader: bufio.NewReader(r)}), "", nil
}

// unpadded is the input of the bzip2 library, which takes zero bytes after the end for damage: it ends before them. The library
// asks for one byte after the unpackIt, so that nothing is lost if it is another stream that follows.
type unpadded struct {
	*bufio.Reader
	high, low uint64 // the last 16 bytes
}

func (u *unpadded) ReadByte() (byte, error) {
	b, err := u.Reader.ReadByte()
	if err != nil {
		return 0, err
	}
	if b == 0 && u.atEnd() {
		if err := skipZeros(u.Reader); err != nil {
			return 0, err
		}
		return 0, errFollows
	}
	u.high, u.low = u.high<<8|u.low>>56, u.low<<8|uint64(b)
	return b, nil
}

// atEnd reports whether what has been read ends like a stream: the mark of the end (48 bits, at any bit), a checksum (32 bits) and
// up to 7 bits that fill the last byte.
func (u *unpadded) atEnd() bool {
	for fill := range 8 {
		if (u.high<<(32-fill)|u.low>>(32+fill))&(1<<48-1) == 0x177245385090 {
			return true
		}
	}
	return false
}

func openZip(r io.Reader) (io.Reader, string, error) {
	file, size, err := whole(r, maxHeld)
	if err != nil {
		return nil, "", err
	}
	archive, err := zip.NewReader(file, size)
	if errors.Is(err, zip.ErrFormat) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, "", errors.New("its end is missing, where the table of contents is: the file was cut off, or is damaged")
	}
	if err != nil {
		return nil, "", err
	}
	var (
		names []string
		found *zip.File
	)
	for _, f := range archive.File {
		switch {
		case f.Name == "xl/workbook.xml", f.Name == "xl/workbook.bin":
			return nil, "", errors.New("this is an Excel workbook: save it as CSV or Parquet")
		case f.Name == "META-INF/manifest.xml":
			return nil, "", errors.New("this is a document of LibreOffice or the like: save it as CSV")
		case f.FileInfo().IsDir(), strings.HasPrefix(f.Name, "__MACOSX/"), strings.HasPrefix(path.Base(f.Name), "."):
			continue
		}
		names, found = append(names, f.Name), f
	}
	switch {
	case len(names) == 0:
		return nil, "", errors.New("there is no file in it")
	case len(names) > 1:
		list := fmt.Sprintf("%q", names[:min(len(names), fewNames)])
		return nil, "", fmt.Errorf("there are %d files in it, such as %s: unpack it, and feed them one by one",
			len(names), strings.Trim(list, "[]"))
	case found.Flags&1 != 0:
		return nil, "", fmt.Errorf("%q in it is encrypted: unpack it with its password, and feed what is in it", found.Name)
	}
	content, err := found.Open()
	if errors.Is(err, zip.ErrAlgorithm) {
		return nil, "", fmt.Errorf("%q in it is packed by a method that is not known here (%d): unpack it, and feed what is in it",
			found.Name, found.Method)
	}
	if err != nil {
		return nil, "", fmt.Errorf("%q in it: the file is damaged (%w)", found.Name, err)
	}
	return content, found.Name, nil
}
