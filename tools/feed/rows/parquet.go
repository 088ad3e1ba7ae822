package rows

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

const (
	maxScale     = 1 << 10 // no writer has more decimals, and the zeros of a damaged scale would fill the memory
	valuesAtOnce = 64      // of a column
)

// readParquet calls header with the names of the columns, and then each for every row, with the row as a JSON object. It returns
// the error of header or of each, or what is wrong with the file; each has been called for all rows before, and never for more
// rows than the file says it has. One page of each column is in memory at a time.
//
// The members stand in the order of the columns, and one that is null is left out. A group is an object within the object; the
// names of its columns have dots, such as "price.amount". The values are
//
//   - for DECIMAL and integers, numbers with all their digits: 12.90 stays 12.90;
//   - for FLOAT and DOUBLE, the shortest number that reads back the same, never with an exponent;
//   - for DATE "2006-01-02"; for TIMESTAMP in UTC (and INT96, which Spark and Impala write) RFC 3339 with Z and as many decimals
//     as it has; for TIMESTAMP in local time "2006-01-02 15:04:05.000", for TIME "15:04:05.000", both with 3, 6 or 9 decimals,
//     as the column has milliseconds, microseconds or nanoseconds;
//   - for text, ENUM, JSON and UUID, strings; for bytes without a meaning too, if they are UTF-8.
//
// Columns that may have several values in a row (lists and maps) are left out, and those of any other type (INTERVAL, FLOAT16,
// BSON, VARIANT, GEOMETRY, GEOGRAPHY): header does not name them.
//
// Files with LZ4, with booleans that are run-length encoded, or with encryption are an error that says how to write them instead.
//
// A row is refused as "malformed-parquet" for a value that JSON cannot have (NaN, bytes that are no text, a year above 9999), and
// as "line-too-long" if the object is longer than 32 KiB. Its text is then the object as far as it goes.
func readParquet(file io.ReaderAt, size int64, header func([]string) error, each Each) error {
	var t *parquetTable
	if err := safely(func() (err error) { t, err = openParquet(file, size); return err }); err != nil {
		return fmt.Errorf("parquet: %w", err)
	}
	if err := header(t.names); err != nil {
		return err
	}
	for number := 1; ; number++ {
		var text []byte
		err := safely(func() (err error) { text, err = t.next(); return err })
		if errors.Is(err, errNoMore) {
			return nil
		}
		if refusal := (RowError{}); err != nil && !errors.As(err, &refusal) {
			return fmt.Errorf("parquet: row %d: %w", number, err)
		}
		if err := each(Row{Line: number, Last: number, Text: text}, err); err != nil {
			return err
		}
	}
}

// safely calls the library. It checks much of what it reads but not everything, and a damaged file then makes it panic, or read
// where there is no memory. What the caller's functions do is not covered: their panics are faults of this program.
func safely(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the file is damaged (%v)", p)
		}
	}()
	return do()
}

// parquetTable is a file that is being read.
type parquetTable struct {
	file    io.ReaderAt
	meta    *format.FileMetaData
	names   []string // of all columns, those without any value too
	fields  []parquetField
	columns []*parquetColumn
	groups  []parquet.RowGroup
	begun   int   // how many of the groups have been begun
	left    int64 // how many rows of the present group are still to come
	text    []byte
}

// parquetField is a member of the object.
type parquetField struct {
	key    []byte         // in JSON, with the colon
	column *parquetColumn // of a group, the first one in it
	group  []parquetField // nil for a column
	level  int            // of a group: the definition level from which on it is not null
}

// parquetColumn reads a column, one value for each row.
type parquetColumn struct {
	name   string
	index  int
	format parquetFormat

	headers *io.SectionReader   // the pages of the present group of rows, from the next header on
	left    int64               // how many values there are in them
	due     int                 // how many values of the present page are still to come
	pages   parquet.Pages       // the same pages, for the library
	page    parquet.ValueReader // nil before the first page and after the last value of a page
	have    []parquet.Value     // read, but not yet used
	buffer  [valuesAtOnce]parquet.Value
	value   parquet.Value // of the present row
}

// parquetFormat appends a value as JSON. Its error completes a sentence about the column.
type parquetFormat func(b []byte, v parquet.Value) ([]byte, error)

func openParquet(file io.ReaderAt, size int64) (*parquetTable, error) {
	if err := checkFooter(file, size); err != nil {
		return nil, err
	}
	f, err := parquet.OpenFile(file, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, fmt.Errorf("the file is damaged (%w)", err)
	}
	t := &parquetTable{file: file, meta: f.Metadata(), groups: f.RowGroups()}
	elements := []format.SchemaElement(f.Metadata().Schema[1:]) // the first is the root
	if t.fields, err = t.open(f.Root(), &elements); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, name := range t.names {
		if seen[name] {
			return nil, fmt.Errorf("there are two columns with the name %q: rename one of them", name)
		}
		seen[name] = true
	}
	if len(t.columns) == 0 {
		return nil, errors.New("there is no column with values that can be read")
	}
	return t, t.check(size)
}

// open returns the fields of a group. elements are those of its schema and of all that follows, and it takes its own off.
func (t *parquetTable) open(group *parquet.Column, elements *[]format.SchemaElement) ([]parquetField, error) {
	var fields []parquetField
	for _, c := range group.Columns() {
		element := (*elements)[0]
		*elements = (*elements)[1:]
		field := parquetField{key: append(appendText(nil, c.Name()), ':')}
		if !c.Leaf() {
			before := len(t.columns)
			var err error
			if field.group, err = t.open(c, elements); err != nil {
				return nil, err
			}
			if len(t.columns) > before {
				field.column, field.level = t.columns[before], c.MaxDefinitionLevel()
				fields = append(fields, field)
			}
			continue
		}
		name := strings.Join(c.Path(), ".")
		_, null := element.LogicalType.Value.(*format.NullType)
		if !null && int32(element.Type.V) != int32(c.Type().Kind()) {
			return nil, fmt.Errorf("the file is damaged (column %q is said to be %s, but stored as %s)", name, c.Type(), element.Type.V)
		}
		formatter := formatOf(c.Type(), element)
		if c.MaxRepetitionLevel() > 0 || formatter == nil && !null {
			continue
		}
		t.names = append(t.names, name)
		if !null {
			field.column = &parquetColumn{name: name, index: c.Index(), format: formatter}
			t.columns = append(t.columns, field.column)
			fields = append(fields, field)
		}
	}
	return fields, nil
}

// check holds the number of rows, which stands in the file three times, against each other, and looks for what the library does
// not care about.
func (t *parquetTable) check(size int64) error {
	left := t.meta.NumRows
	for _, group := range t.meta.RowGroups {
		if group.NumRows > left {
			return errUneven
		}
		left -= group.NumRows
		for _, c := range t.columns {
			chunk := group.Columns[c.index]
			codec := chunk.MetaData.Codec
			begin, length := c.section(chunk.MetaData)
			switch {
			case chunk.FilePath != "":
				return fmt.Errorf("this is only the table of contents of other files (such as %q): feed those", chunk.FilePath)
			case chunk.MetaData.NumValues != group.NumRows:
				return errUneven
			case begin < 0 || length < 0 || begin > size-length:
				return errFooter
			case !slices.Contains(codecs, codec):
				return fmt.Errorf("column %q is compressed by %s, which cannot be read: write the file with ZSTD or SNAPPY", c.name, codec)
			case codec != t.meta.RowGroups[0].Columns[c.index].MetaData.Codec: // the library would take the first for all
				return fmt.Errorf("column %q is compressed in several ways, which cannot be read: write the file anew", c.name)
			}
		}
	}
	if left != 0 {
		return errUneven
	}
	return nil
}

var errUneven = errors.New("the file is damaged (its parts do not agree on the number of rows)")

// codecs are those that are read. The library has LZ4_RAW too, but gives wrong values for many pages (its issue 608), and asks for
// memory without end for a damaged one.
var codecs = []format.CompressionCodec{format.Uncompressed, format.Snappy, format.Gzip, format.Brotli, format.Zstd}

// section is where the pages of the column are, in bytes.
func (c *parquetColumn) section(chunk format.ColumnMetaData) (begin, length int64) {
	if chunk.DictionaryPageOffset != 0 {
		return chunk.DictionaryPageOffset, chunk.TotalCompressedSize
	}
	return chunk.DataPageOffset, chunk.TotalCompressedSize
}

// next returns the next row as JSON, valid until the next call, or errNoMore after the last. After a RowError the text is what there
// is of it, and the row after it can be read; after another error nothing can.
func (t *parquetTable) next() ([]byte, error) {
	for t.left == 0 {
		if t.begun == len(t.groups) {
			return nil, errNoMore
		}
		group, chunks := t.groups[t.begun], t.meta.RowGroups[t.begun].Columns
		for _, c := range t.columns {
			begin, length := c.section(chunks[c.index].MetaData)
			c.headers = io.NewSectionReader(t.file, begin, length)
			c.left = group.NumRows()
			c.pages, c.page, c.have = group.ColumnChunks()[c.index].Pages(), nil, nil
		}
		t.left = group.NumRows()
		t.begun++
	}
	for _, c := range t.columns {
		if err := c.next(); err != nil {
			return nil, fmt.Errorf("column %q: %w", c.name, err)
		}
	}
	t.left--
	var err error
	if t.text, err = appendObject(t.text[:0], t.fields); err != nil {
		return beginning(t.text), err
	}
	if len(t.text) > maxLine {
		return beginning(t.text), errLineTooLong
	}
	return t.text, nil
}

// errNoMore is not io.EOF, which a damaged page may bring about.
var errNoMore = errors.New("there are no more rows")

// next reads the next value. The values of a page refer to its memory, so a page is left to the garbage collector and not given
// back to the library.
func (c *parquetColumn) next() error {
	for len(c.have) == 0 {
		if c.page == nil {
			if err := c.checkPage(); err != nil {
				return err
			}
			page, err := c.pages.ReadPage()
			if err != nil {
				return fmt.Errorf("the file is damaged (%w)", err)
			}
			c.page = page.Values()
		}
		n, err := c.page.ReadValues(c.buffer[:])
		c.have = c.buffer[:n]
		c.due -= n
		switch {
		case errors.Is(err, io.EOF) && c.due == 0:
			c.page = nil
		case errors.Is(err, io.EOF) || c.due < 0: // or the next page would begin in another row than those of other columns
			return errPage
		case err != nil || n == 0:
			return fmt.Errorf("the file is damaged (%w)", cmp.Or(err, io.ErrNoProgress))
		}
	}
	c.value, c.have = c.have[0], c.have[1:]
	return nil
}

// checkPage reads the headers up to the one of the next page with values, which the library reads again. It asks for as much
// memory as the numbers in them say, and running out of memory cannot be recovered from.
func (c *parquetColumn) checkPage() error {
	for {
		in := bufio.NewReader(c.headers)
		var header format.PageHeader
		if err := thrift.NewDecoder(new(thrift.CompactProtocol).NewReader(in)).Decode(&header); err != nil {
			return fmt.Errorf("the file is damaged (the header of a page: %w)", err)
		}
		at, err := c.headers.Seek(int64(header.CompressedPageSize)-int64(in.Buffered()), io.SeekCurrent)
		if err != nil {
			return err
		}
		values, data, coding := header.DictionaryPageHeader.V.NumValues, true, format.Plain
		switch {
		case header.DataPageHeader.Valid:
			values, coding = header.DataPageHeader.V.NumValues, header.DataPageHeader.V.Encoding
		case header.DataPageHeaderV2.Valid:
			values, coding = header.DataPageHeaderV2.V.NumValues, header.DataPageHeaderV2.V.Encoding
		default:
			data = false
		}
		switch size := header.UncompressedPageSize; {
		case header.CompressedPageSize < 0 || at > c.headers.Size() || size < 0 || size > maxHeld || values < 0:
			return errPage
		case !data && values > size: // every value has its bytes in it
			return errPage
		case coding == format.RLE:
			return errRunLength
		case data && int64(values) > c.left:
			return errUneven
		case data:
			c.left -= int64(values)
			c.due = int(values)
			return nil
		}
	}
}

var (
	errPage = errors.New("the file is damaged (a page and its header do not agree)")

	// errRunLength is there because the library reads such booleans wrongly: of a run of true it makes one true and seven false.
	errRunLength = errors.New("its booleans are run-length encoded, which cannot be read: write the file with data pages of version 1")
)

// appendObject appends the present row as JSON. It ends with a RowError at a value that cannot be written.
func appendObject(b []byte, fields []parquetField) ([]byte, error) {
	b = append(b, '{')
	first := true
	for _, f := range fields {
		if !f.present() {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, f.key...)
		var err error
		if f.group != nil {
			b, err = appendObject(b, f.group)
		} else {
			b, err = f.column.append(b)
		}
		if err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

// present reports whether the present row has a value. A group has one if the levels in it say so, even if all in it are null.
func (f parquetField) present() bool {
	if f.group != nil {
		return f.column.value.DefinitionLevel() >= f.level
	}
	return !f.column.value.IsNull()
}

func (c *parquetColumn) append(b []byte) ([]byte, error) {
	if kind := c.value.Kind(); kind == parquet.ByteArray && len(c.value.ByteArray()) > maxLine {
		return b, errLineTooLong
	}
	b, err := c.format(b, c.value)
	if err != nil {
		return b, RowError{Code: "malformed-parquet", Detail: fmt.Sprintf("Column %q %s.", c.name, err), Column: c.name}
	}
	return b, nil
}

// formatOf is nil for a type that is left out.
func formatOf(t parquet.Type, element format.SchemaElement) parquetFormat {
	if _, ok := element.LogicalType.Value.(*format.Float16Type); ok {
		return nil // the library takes it for bytes
	}
	if element.ConvertedType.Valid && element.ConvertedType.V == deprecated.Interval {
		return nil
	}
	if logical := t.LogicalType(); logical != nil {
		switch logical := logical.Value.(type) {
		case *format.DecimalType:
			if logical.Scale < 0 || logical.Scale > maxScale {
				return nil
			}
			return formatDecimal(int(logical.Scale))
		case *format.DateType:
			return formatDate
		case *format.TimestampType:
			return formatTimestamp(logical.Unit.Value.Duration(), logical.IsAdjustedToUTC)
		case *format.TimeType:
			return formatTime(logical.Unit.Value.Duration())
		case *format.IntType:
			if !logical.IsSigned {
				return formatUnsigned
			}
		case *format.UUIDType:
			return formatUUID
		case *format.StringType, *format.EnumType, *format.JsonType:
			return formatText
		default:
			return nil
		}
	}
	switch t.Kind() {
	case parquet.Boolean:
		return func(b []byte, v parquet.Value) ([]byte, error) { return strconv.AppendBool(b, v.Boolean()), nil }
	case parquet.Int32, parquet.Int64:
		return func(b []byte, v parquet.Value) ([]byte, error) { return strconv.AppendInt(b, integer(v), 10), nil }
	case parquet.Int96:
		return formatInt96
	case parquet.Float, parquet.Double:
		return formatFloat
	default:
		return formatText
	}
}

// integer is the value of an INT32 or INT64 column.
func integer(v parquet.Value) int64 {
	if v.Kind() == parquet.Int32 {
		return int64(v.Int32())
	}
	return v.Int64()
}

func formatUnsigned(b []byte, v parquet.Value) ([]byte, error) {
	if v.Kind() == parquet.Int32 {
		return strconv.AppendUint(b, uint64(v.Uint32()), 10), nil
	}
	return strconv.AppendUint(b, v.Uint64(), 10), nil
}

func formatFloat(b []byte, v parquet.Value) ([]byte, error) {
	f, bits := v.Double(), 64
	if v.Kind() == parquet.Float {
		f, bits = float64(v.Float()), 32
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return b, fmt.Errorf("is %v, which is no number", f)
	}
	return strconv.AppendFloat(b, f, 'f', -1, bits), nil
}

// formatDecimal is for whole numbers that are to be divided by 10 to the power of scale. Those of bytes are in two's complement,
// the highest byte first.
func formatDecimal(scale int) parquetFormat {
	return func(b []byte, v parquet.Value) ([]byte, error) {
		whole := new(big.Int)
		if kind := v.Kind(); kind == parquet.Int32 || kind == parquet.Int64 {
			whole.SetInt64(integer(v))
		} else {
			raw := v.ByteArray()
			if len(raw) == 0 {
				return b, errors.New("is a DECIMAL of no bytes")
			}
			whole.SetBytes(raw)
			if raw[0]&0x80 != 0 {
				whole.Sub(whole, new(big.Int).SetBit(new(big.Int), 8*len(raw), 1))
			}
		}
		if whole.Sign() < 0 {
			b = append(b, '-')
		}
		digits := whole.Abs(whole).String()
		if missing := scale + 1 - len(digits); missing > 0 {
			digits = strings.Repeat("0", missing) + digits
		}
		b = append(b, digits[:len(digits)-scale]...)
		if scale > 0 {
			b = append(append(b, '.'), digits[len(digits)-scale:]...)
		}
		return b, nil
	}
}

func formatDate(b []byte, v parquet.Value) ([]byte, error) {
	const day = 24 * 60 * 60
	return appendTime(b, time.Unix(int64(v.Int32())*day, 0), time.DateOnly)
}

func formatTimestamp(unit time.Duration, utc bool) parquetFormat {
	layout := time.RFC3339Nano
	if !utc {
		layout = time.DateTime + decimals(unit)
	}
	second := int64(time.Second / unit)
	return func(b []byte, v parquet.Value) ([]byte, error) {
		return appendTime(b, time.Unix(v.Int64()/second, v.Int64()%second*int64(unit)), layout)
	}
}

// formatInt96 is for nanoseconds of the day (64 bits) and the Julian day (32 bits).
func formatInt96(b []byte, v parquet.Value) ([]byte, error) {
	const (
		epoch = 2440588 // the Julian day of 1970-01-01
		day   = 24 * 60 * 60
	)
	words := v.Int96()
	nanoseconds := int64(words[1])<<32 | int64(words[0])
	return appendTime(b, time.Unix((int64(words[2])-epoch)*day, nanoseconds), time.RFC3339Nano)
}

func formatTime(unit time.Duration) parquetFormat {
	layout := time.TimeOnly + decimals(unit)
	return func(b []byte, v parquet.Value) ([]byte, error) {
		if n := integer(v); n < 0 || n >= int64(24*time.Hour/unit) {
			return b, errors.New("is no time of a day")
		}
		return appendTime(b, time.Unix(0, integer(v)*int64(unit)), layout)
	}
}

// decimals is the end of a layout of time.Time that has as many decimals as there are units in a second.
func decimals(unit time.Duration) string {
	return "." + strconv.FormatInt(int64(time.Second/unit), 10)[1:]
}

func appendTime(b []byte, t time.Time, layout string) ([]byte, error) {
	t = t.UTC()
	if year := t.Year(); year < 0 || year > 9999 {
		return b, fmt.Errorf("is a time in the year %d", year)
	}
	b = append(b, '"')
	b = t.AppendFormat(b, layout)
	return append(b, '"'), nil
}

func formatUUID(b []byte, v parquet.Value) ([]byte, error) {
	u := v.ByteArray()
	return fmt.Appendf(b, `"%x-%x-%x-%x-%x"`, u[:4], u[4:6], u[6:8], u[8:10], u[10:]), nil
}

func formatText(b []byte, v parquet.Value) ([]byte, error) {
	if !utf8.Valid(v.ByteArray()) {
		return b, errors.New("is not UTF-8 text")
	}
	return appendText(b, string(v.ByteArray())), nil
}

// appendText appends text as a JSON string.
func appendText(b []byte, text string) []byte {
	quoted, _ := JSON(text) // a text has no errors
	return append(b, quoted...)
}

// checkFooter looks at the end of the file, where its table of contents is. The library asks for as much memory as lengths in it
// say, and running out of memory cannot be recovered from.
func checkFooter(file io.ReaderAt, size int64) error {
	const magic = "PAR1"
	ends := make([]byte, len(magic)+8) // the beginning of the file, and its end: the length of the table of contents, magic
	if size < int64(len(ends)) {
		return errCut
	}
	if _, err := file.ReadAt(ends[:len(magic)], 0); err != nil {
		return err
	}
	if _, err := file.ReadAt(ends[len(magic):], size-8); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	begin, length, end := string(ends[:4]), int64(binary.LittleEndian.Uint32(ends[4:])), string(ends[8:])
	switch {
	case begin == "PARE" || end == "PARE":
		return errors.New("the file is encrypted: write it without encryption")
	case begin != magic:
		return errors.New("this is no Parquet file")
	case end != magic || length > size-int64(len(ends)):
		return errCut
	}
	footer := make([]byte, length)
	if _, err := file.ReadAt(footer, size-8-length); err != nil {
		return err
	}
	return checkLists(new(thrift.CompactProtocol).NewReaderFromBytes(footer), length, thrift.STRUCT, 0)
}

var (
	errCut    = errors.New("its end is missing, where the table of contents is: the file was cut off, or is damaged")
	errFooter = errors.New("the file is damaged (its table of contents)")
)

// checkLists goes through a value of Thrift's compact protocol, in which a table of contents is written. It is an error if a
// list has more elements than there are bytes, or if it goes down deeper than any table of contents does.
func checkLists(r thrift.Reader, length int64, t thrift.Type, depth int) error {
	const deepest = 32
	if depth > deepest {
		return errFooter
	}
	elements := func(n int32, types ...thrift.Type) error {
		if int64(n) > length-int64(r.BytesRead()) {
			return errFooter
		}
		for range n {
			for _, t := range types {
				if err := checkLists(r, length, t, depth+1); err != nil {
					return err
				}
			}
		}
		return nil
	}
	switch t {
	case thrift.STRUCT:
		for {
			f, err := r.ReadField()
			switch {
			case err != nil:
				return errFooter
			case f.Type == thrift.STOP:
				return nil
			case f.Type == thrift.TRUE || f.Type == thrift.FALSE: // the type is the value
				continue
			}
			if err := checkLists(r, length, f.Type, depth+1); err != nil {
				return err
			}
		}
	case thrift.LIST, thrift.SET:
		l, err := r.ReadList()
		if err != nil {
			return errFooter
		}
		return elements(l.Size, l.Type)
	case thrift.MAP:
		m, err := r.ReadMap()
		if err != nil {
			return errFooter
		}
		return elements(m.Size, m.Key, m.Value)
	}
	var err error
	switch t {
	case thrift.TRUE, thrift.FALSE, thrift.I8:
		_, err = r.ReadInt8()
	case thrift.I16, thrift.I32, thrift.I64:
		_, err = r.ReadInt64()
	case thrift.DOUBLE:
		_, err = r.ReadFloat64()
	case thrift.BINARY:
		_, err = r.ReadBytes()
	default:
		return errFooter
	}
	if err != nil {
		return errFooter
	}
	return nil
}
