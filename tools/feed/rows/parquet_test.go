package rows

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// parquetFile writes rows, a value for each column; a group of rows is written after every rowsInGroup.
func parquetFile(t require.TestingT, schema parquet.Node, rowsInGroup int, rows ...[]parquet.Value) []byte {
	return parquetPages(t, 1, schema, rowsInGroup, rows...)
}

// parquetPages is parquetFile with data pages of version 1 or 2.
func parquetPages(t require.TestingT, version int, schema parquet.Node, rowsInGroup int, rows ...[]parquet.Value) []byte {
	var b bytes.Buffer
	w := parquet.NewWriter(&b, parquet.NewSchema("prices", schema), parquet.DataPageVersion(version), parquet.PageBufferSize(64))
	for i, values := range rows {
		if i > 0 && i%rowsInGroup == 0 {
			require.NoError(t, w.Flush())
		}
		_, err := w.WriteRows([]parquet.Row{values})
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

// parquetRows is what readParquet makes of a file: the names, the object or the refusal of each row, and the error at the end.
func parquetRows(file []byte) (names string, rows []string, err error) {
	err = readParquet(bytes.NewReader(file), int64(len(file)), func(header []string) error {
		names = strings.Join(header, " ")
		return nil
	}, func(row Row, err error) error {
		if row.Line != len(rows)+1 || row.Last != row.Line {
			return fmt.Errorf("row %d has the lines %d to %d", len(rows)+1, row.Line, row.Last)
		}
		if err != nil {
			rows = append(rows, err.Error())
			return nil
		}
		if !json.Valid(row.Text) {
			return fmt.Errorf("row %d is not JSON: %s", row.Line, row.Text)
		}
		rows = append(rows, string(row.Text))
		return nil
	})
	return names, rows, err
}

// Columns without a logical type.
var (
	boolLeaf   = parquet.Leaf(parquet.BooleanType)
	int32Leaf  = parquet.Leaf(parquet.Int32Type)
	int64Leaf  = parquet.Leaf(parquet.Int64Type)
	int96Leaf  = parquet.Leaf(parquet.Int96Type)
	floatLeaf  = parquet.Leaf(parquet.FloatType)
	doubleLeaf = parquet.Leaf(parquet.DoubleType)
	bytesLeaf  = parquet.Leaf(parquet.ByteArrayType)
)

func TestReadParquet_values(t *testing.T) {
	t.Parallel()
	const noon = 1772366400 // 2026-03-01T12:00:00Z
	var (
		text  = func(s string) parquet.Value { return parquet.ByteArrayValue([]byte(s)) }
		fixed = func(s string) parquet.Value { return parquet.FixedLenByteArrayValue([]byte(s)) }
		int96 = func(words ...uint32) parquet.Value { return parquet.Int96Value(deprecated.Int96(words)) }

		utc   = parquet.Timestamp
		local = func(unit parquet.TimeUnit) parquet.Node { return parquet.TimestampAdjusted(unit, false) }

		decimal32    = parquet.Decimal(2, 9, parquet.Int32Type)
		decimal64    = parquet.Decimal(2, 18, parquet.Int64Type)
		decimalFixed = parquet.Decimal(2, 18, parquet.FixedLenByteArrayType(8))
		decimalBytes = parquet.Decimal(2, 18, parquet.ByteArrayType)
	)
	tests := map[string]struct {
		node  parquet.Node
		value parquet.Value
		want  string
	}{
		"text":                     {parquet.String(), text("<Ä \"\\\n>"), `"<Ä \"\\\n>"`},
		"empty text":               {parquet.String(), text(""), `""`},
		"ENUM":                     {parquet.Enum(), text("NEW"), `"NEW"`},
		"JSON":                     {parquet.JSON(), text(`{"a":1}`), `"{\"a\":1}"`},
		"bytes":                    {bytesLeaf, text("é"), `"é"`},
		"fixed bytes":              {parquet.Leaf(parquet.FixedLenByteArrayType(3)), fixed("EUR"), `"EUR"`},
		"UUID":                     {parquet.UUID(), fixed("0123456789abcdef"), `"30313233-3435-3637-3839-616263646566"`},
		"true":                     {boolLeaf, parquet.BooleanValue(true), `true`},
		"false":                    {boolLeaf, parquet.BooleanValue(false), `false`},
		"INT32":                    {int32Leaf, parquet.Int32Value(math.MinInt32), `-2147483648`},
		"INT64":                    {int64Leaf, parquet.Int64Value(math.MinInt64), `-9223372036854775808`},
		"8 bits":                   {parquet.Int(8), parquet.Int32Value(-128), `-128`},
		"32 bits, unsigned":        {parquet.Uint(32), parquet.Int32Value(-1), `4294967295`},
		"64 bits, unsigned":        {parquet.Uint(64), parquet.Int64Value(-1), `18446744073709551615`},
		"FLOAT":                    {floatLeaf, parquet.FloatValue(0.1), `0.1`},
		"DOUBLE":                   {doubleLeaf, parquet.DoubleValue(19.99), `19.99`},
		"DOUBLE, large":            {doubleLeaf, parquet.DoubleValue(1e21), `1000000000000000000000`},
		"DOUBLE, small":            {doubleLeaf, parquet.DoubleValue(-1e-9), `-0.000000001`},
		"DECIMAL of INT32":         {decimal32, parquet.Int32Value(1290), `12.90`},
		"DECIMAL, negative":        {decimal64, parquet.Int64Value(-5), `-0.05`},
		"DECIMAL, zero":            {decimal64, parquet.Int64Value(0), `0.00`},
		"DECIMAL, lowest":          {decimal64, parquet.Int64Value(math.MinInt64), `-92233720368547758.08`},
		"DECIMAL, no decimals":     {parquet.Decimal(0, 9, parquet.Int32Type), parquet.Int32Value(-1190), `-1190`},
		"DECIMAL, only decimals":   {parquet.Decimal(9, 9, parquet.Int32Type), parquet.Int32Value(-10), `-0.000000010`},
		"DECIMAL of fixed bytes":   {decimalFixed, fixed("\xff\xff\xff\xff\xff\xff\xfa\xf6"), `-12.90`},
		"DECIMAL of one byte":      {decimalBytes, text("\x80"), `-1.28`},
		"DECIMAL of many bytes":    {decimalBytes, text("\x00\xff\xff\xff\xff\xff\xff\xff\xff"), `184467440737095516.15`},
		"DATE":                     {parquet.Date(), parquet.Int32Value(-1), `"1969-12-31"`},
		"TIMESTAMP":                {utc(parquet.Millisecond), parquet.Int64Value(noon * 1e3), `"2026-03-01T12:00:00Z"`},
		"TIMESTAMP, milliseconds":  {utc(parquet.Millisecond), parquet.Int64Value(noon*1e3 + 120), `"2026-03-01T12:00:00.12Z"`},
		"TIMESTAMP, microseconds":  {utc(parquet.Microsecond), parquet.Int64Value(-1), `"1969-12-31T23:59:59.999999Z"`},
		"TIMESTAMP, nanoseconds":   {utc(parquet.Nanosecond), parquet.Int64Value(noon*1e9 + 1), `"2026-03-01T12:00:00.000000001Z"`},
		"local time":               {local(parquet.Millisecond), parquet.Int64Value(noon * 1e3), `"2026-03-01 12:00:00.000"`},
		"local time, microseconds": {local(parquet.Microsecond), parquet.Int64Value(noon * 1e6), `"2026-03-01 12:00:00.000000"`},
		"local time, nanoseconds":  {local(parquet.Nanosecond), parquet.Int64Value(noon*1e9 - 1), `"2026-03-01 11:59:59.999999999"`},
		"TIME":                     {parquet.Time(parquet.Millisecond), parquet.Int32Value(1), `"00:00:00.001"`},
		"TIME, nanoseconds":        {parquet.Time(parquet.Nanosecond), parquet.Int64Value(24*3600*1e9 - 1), `"23:59:59.999999999"`},
		"INT96":                    {int96Leaf, int96(1, 0, 2440588), `"1970-01-01T00:00:00.000000001Z"`},
		"INT96, before 1970":       {int96Leaf, int96(0, 0, 2440587), `"1969-12-31T00:00:00Z"`},
		"INT96, more than 32 bits": {int96Leaf, int96(0, 1, 2440588), `"1970-01-01T00:00:04.294967296Z"`},
		"text that just fits":      {parquet.String(), text(long(maxLine - 14)), `"` + long(maxLine-14) + `"`}, // {"a":"","b":2}

		"text that is not UTF-8":   {parquet.String(), text("\xe4"), `malformed-parquet: Column "a" is not UTF-8 text.`},
		"bytes that are not UTF-8": {bytesLeaf, text("\xff\xd8"), `malformed-parquet: Column "a" is not UTF-8 text.`},
		"DECIMAL of no bytes":      {decimalBytes, text(""), `malformed-parquet: Column "a" is a DECIMAL of no bytes.`},
		"NaN":                      {doubleLeaf, parquet.DoubleValue(math.NaN()), `malformed-parquet: Column "a" is NaN, which is no number.`},
		"infinite":                 {floatLeaf, parquet.FloatValue(float32(math.Inf(-1))), `malformed-parquet: Column "a" is -Inf, which is no number.`},            //nolint:lll // data row
		"DATE, too late":           {parquet.Date(), parquet.Int32Value(math.MaxInt32), `malformed-parquet: Column "a" is a time in the year 5881580.`},             //nolint:lll // data row
		"TIMESTAMP, too late":      {utc(parquet.Millisecond), parquet.Int64Value(math.MaxInt64), `malformed-parquet: Column "a" is a time in the year 292278994.`}, //nolint:lll // data row
		"TIME, after the day":      {parquet.Time(parquet.Microsecond), parquet.Int64Value(24 * 3600 * 1e6), `malformed-parquet: Column "a" is no time of a day.`},  //nolint:lll // data row
		"INT96, too late":          {int96Leaf, int96(0, 0, math.MaxUint32), `malformed-parquet: Column "a" is a time in the year 11754508.`},
		"text that is too long":    {parquet.String(), text(long(maxLine + 1)), `line-too-long: The row is longer than 262144 bytes.`},
		"text that just fits not":  {parquet.String(), text(long(maxLine - 13)), `line-too-long: The row is longer than 262144 bytes.`},
		"DECIMAL that is too long": {decimalBytes, text(long(maxLine + 1)), `line-too-long: The row is longer than 262144 bytes.`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// The row before and the row after show that a refusal costs no other row.
			schema := parquet.Group{"a": parquet.Optional(tt.node), "b": int32Leaf}
			file := parquetFile(t, schema, 9,
				[]parquet.Value{parquet.NullValue().Level(0, 0, 0), parquet.Int32Value(1).Level(0, 0, 1)},
				[]parquet.Value{tt.value.Level(0, 1, 0), parquet.Int32Value(2).Level(0, 0, 1)},
				[]parquet.Value{parquet.NullValue().Level(0, 0, 0), parquet.Int32Value(3).Level(0, 0, 1)})
			names, rows, err := parquetRows(file)
			require.NoError(t, err)
			assert.Equal(t, "a b", names)
			want := `{"a":` + tt.want + `,"b":2}`
			if code, _, _ := strings.Cut(tt.want, ": "); code == "malformed-parquet" || code == "line-too-long" {
				want = tt.want
			}
			assert.Equal(t, []string{`{"b":1}`, want, `{"b":3}`}, rows)
		})
	}
}

func long(n int) string { return strings.Repeat("x", n) }

// What is given of a refused row is the beginning of its object, and which column it was.
func TestReadParquet_refusal(t *testing.T) {
	t.Parallel()
	schema := parquet.Group{"a": parquet.String(), "b": doubleLeaf, "c": int32Leaf}
	file := parquetFile(t, schema, 1, []parquet.Value{
		parquet.ByteArrayValue([]byte("x")).Level(0, 0, 0), parquet.DoubleValue(math.NaN()).Level(0, 0, 1), parquet.Int32Value(1).Level(0, 0, 2)})
	calls := 0
	err := readParquet(bytes.NewReader(file), int64(len(file)), func([]string) error { return nil }, func(row Row, err error) error {
		calls++
		var refusal RowError
		require.ErrorAs(t, err, &refusal)
		assert.Equal(t, "b", refusal.Column)
		assert.Equal(t, `{"a":"x","b":`, string(row.Text)) //nolint:testifylint // it is cut off
		return nil
	})
	require.NoError(t, err)
	assert.Equal(t, 1, calls)
}

func TestReadParquet_filesOfOthers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		names string
		rows  []string
	}{
		"spark": {"sku price seen stock", []string{
			`{"sku":"A-1","price":12.90,"seen":"2026-03-01T10:00:00.123456Z","stock":3}`,
			`{"sku":"A-1","price":-0.05,"seen":"1969-12-31T23:59:59Z","stock":-4}`,
			`{"sku":"B-2","price":0.00}`,
			`{"seen":"2026-10-25T02:30:00Z","stock":9007199254740993}`,
		}},
		// "never" is always null; a list and half a float are left out.
		"pandas": {"ms us ns local day clock amount small ratio single large sold never promotion.label promotion.n nothing.x category", []string{
			`{"ms":"2026-03-01T10:00:00.12Z","us":"2026-03-01T10:00:00.123456Z","ns":"2026-03-01T10:00:00.123456789Z",` +
				`"local":"2026-03-01 10:00:00.500000","day":"2026-03-01","clock":"01:02:03.000004",` +
				`"amount":12345678901234567890123456789012345.678,"small":-1.50,"ratio":10000000000000000000000,"single":0.1,` +
				`"large":18446744073709551615,"sold":true,"promotion":{"label":"<2 für 1>","n":2},"nothing":{"x":1},"category":"x"}`,
			`{"promotion":{},"category":"y"}`,
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file, err := os.ReadFile("testdata/" + name + ".parquet")
			require.NoError(t, err)
			names, rows, err := parquetRows(file)
			require.NoError(t, err)
			assert.Equal(t, tt.names, names)
			assert.Equal(t, tt.rows, rows)
		})
	}
}

// priceSchema has an optional group with an optional column in it.
var priceSchema = parquet.Group{
	"item": parquet.String(),
	"price": parquet.Optional(parquet.Group{
		"amount": parquet.Optional(parquet.Decimal(2, 18, parquet.Int64Type)), "currency": parquet.String(),
	}),
}

func priceRow(item string, amount, level int) []parquet.Value {
	row := []parquet.Value{parquet.ByteArrayValue([]byte(item)).Level(0, 0, 0), parquet.NullValue().Level(0, level, 1),
		parquet.NullValue().Level(0, 0, 2)}
	if level == 2 {
		row[1] = parquet.Int64Value(int64(amount)).Level(0, 2, 1)
	}
	if level > 0 {
		row[2] = parquet.ByteArrayValue([]byte("EUR")).Level(0, 1, 2)
	}
	return row
}

func TestReadParquet_groups(t *testing.T) {
	t.Parallel()
	names, rows, err := parquetRows(parquetFile(t, priceSchema, 2, priceRow("A", 1290, 2), priceRow("B", 0, 1), priceRow("C", 0, 0)))
	require.NoError(t, err)
	assert.Equal(t, "item price.amount price.currency", names)
	assert.Equal(t, []string{
		`{"item":"A","price":{"amount":12.90,"currency":"EUR"}}`,
		`{"item":"B","price":{"currency":"EUR"}}`,
		`{"item":"C"}`,
	}, rows)
}

func TestReadParquet_noRows(t *testing.T) {
	t.Parallel()
	names, rows, err := parquetRows(parquetFile(t, priceSchema, 1))
	require.NoError(t, err)
	assert.Equal(t, "item price.amount price.currency", names)
	assert.Empty(t, rows)
}

// footer returns file with another table of contents.
func footer(t *testing.T, file []byte, change func(*format.FileMetaData)) []byte {
	end := len(file) - 8
	begin := end - int(binary.LittleEndian.Uint32(file[end:]))
	var m format.FileMetaData
	require.NoError(t, thrift.Unmarshal(new(thrift.CompactProtocol), file[begin:end], &m))
	change(&m)
	contents, err := thrift.Marshal(new(thrift.CompactProtocol), &m)
	require.NoError(t, err)
	changed := append(bytes.Clone(file[:begin]), contents...)
	changed = binary.LittleEndian.AppendUint32(changed, uint32(len(contents)))
	return append(changed, "PAR1"...)
}

// A table of contents that promises more rows than there are is told after the last row.
func TestReadParquet_columnEndsEarly(t *testing.T) {
	t.Parallel()
	file := footer(t, parquetFile(t, priceSchema, 9, priceRow("A", 1, 2), priceRow("B", 2, 2)), func(m *format.FileMetaData) {
		m.NumRows, m.RowGroups[0].NumRows = 3, 3
		for i := range m.RowGroups[0].Columns {
			m.RowGroups[0].Columns[i].MetaData.NumValues = 3
		}
	})
	_, rows, err := parquetRows(file)
	require.ErrorContains(t, err, `parquet: row 3: column "item": the file is damaged`)
	assert.Len(t, rows, 2)
}

// A page with fewer values than its header says must not let the values of the next page slip into other rows.
func TestReadParquet_pageEndsEarly(t *testing.T) {
	t.Parallel()
	var values [][]parquet.Value
	for i := range 40 {
		values = append(values, []parquet.Value{parquet.ByteArrayValue(fmt.Appendf(nil, "item-%02d", i)).Level(0, 0, 0)})
	}
	file := parquetFile(t, parquet.Group{"item": parquet.Encoded(parquet.String(), &parquet.Plain)}, 99, values...)
	_, whole, err := parquetRows(file)
	require.NoError(t, err)
	require.Len(t, whole, 40)

	const first = 4 // where the first page begins, after PAR1
	r := new(thrift.CompactProtocol).NewReaderFromBytes(file[first:])
	var header format.PageHeader
	require.NoError(t, thrift.NewDecoder(r).Decode(&header))
	length, inPage := r.BytesRead(), int(header.DataPageHeader.V.NumValues)
	require.Less(t, inPage, 40, "there are several pages")
	header.DataPageHeader.V.NumValues++
	changed, err := thrift.Marshal(new(thrift.CompactProtocol), &header)
	require.NoError(t, err)
	require.Len(t, changed, length)
	copy(file[first:], changed)
	file = footer(t, file, func(m *format.FileMetaData) {
		m.NumRows, m.RowGroups[0].NumRows, m.RowGroups[0].Columns[0].MetaData.NumValues = 41, 41, 41
	})
	_, rows, err := parquetRows(file)
	require.ErrorContains(t, err, `column "item": the file is damaged (a page and its header do not agree)`)
	assert.Empty(t, rows)
}

func TestReadParquet_wrongFiles(t *testing.T) {
	t.Parallel()
	good := parquetFile(t, priceSchema, 2, priceRow("A", 1290, 2), priceRow("B", 0, 1))
	runs, err := os.ReadFile("testdata/runs.parquet")
	require.NoError(t, err)
	const uneven = "parquet: the file is damaged (its parts do not agree on the number of rows)"
	const cut = "parquet: its end is missing, where the table of contents is: the file was cut off, or is damaged"
	tests := map[string]struct {
		file []byte
		want string
	}{
		"empty":        {nil, cut},
		"only PAR1":    {[]byte("PAR1"), cut},
		"cut off":      {good[:len(good)-1], cut},
		"half":         {good[:len(good)/2], cut},
		"no beginning": {append([]byte("XXXX"), good[4:]...), "parquet: this is no Parquet file"},
		"only an end":  {append([]byte("PAR1"), good[len(good)-20:]...), cut},
		"encrypted":    {append(good[:len(good)-4:len(good)-4], "PARE"...), "parquet: the file is encrypted: write it without encryption"},
		"a broken end": {append(append(good[:len(good)-20:len(good)-20], "xxxxxxxxxxxx"...), good[len(good)-8:]...), "parquet: the file is damaged (its table of contents)"}, //nolint:lll // data row
		"an empty end": {[]byte("PAR1\x00\x01\x00\x00\x00PAR1"), "parquet: the file is damaged"},
		"twice":        {parquetFile(t, parquet.Group{"a.b": int32Leaf, "a": parquet.Group{"b": int32Leaf}}, 1), `parquet: there are two columns with the name "a.b": rename one of them`}, //nolint:lll // data row
		"LZ4": {parquetFile(t, parquet.Group{"a": parquet.Compressed(int32Leaf, &parquet.Lz4Raw)}, 1,
			[]parquet.Value{parquet.Int32Value(1).Level(0, 0, 0)}),
			`parquet: column "a" is compressed by LZ4_RAW, which cannot be read: write the file with ZSTD or SNAPPY`},
		"runs of booleans": {runs, `parquet: row 1: column "sold": its booleans are run-length encoded, which cannot be read: ` +
			`write the file with data pages of version 1`},
		"table of contents only": {footer(t, good, func(m *format.FileMetaData) { m.RowGroups[0].Columns[0].FilePath = "part-0.parquet" }),
			`parquet: this is only the table of contents of other files (such as "part-0.parquet"): feed those`},
		"two codecs": {footer(t, parquetFile(t, priceSchema, 1, priceRow("A", 1, 2), priceRow("B", 2, 2)), func(m *format.FileMetaData) {
			m.RowGroups[1].Columns[0].MetaData.Codec = format.Zstd
		}), `parquet: column "item" is compressed in several ways, which cannot be read: write the file anew`},
		"more rows":     {footer(t, good, func(m *format.FileMetaData) { m.NumRows++ }), uneven},
		"fewer rows":    {footer(t, good, func(m *format.FileMetaData) { m.NumRows-- }), uneven},
		"negative rows": {footer(t, good, func(m *format.FileMetaData) { m.RowGroups[0].NumRows = -1 }), "parquet: the file is damaged"},
		"more values":   {footer(t, good, func(m *format.FileMetaData) { m.RowGroups[0].Columns[0].MetaData.NumValues++ }), uneven},
		"a far column": {footer(t, good, func(m *format.FileMetaData) { m.RowGroups[0].Columns[0].MetaData.DataPageOffset = math.MaxInt64 }),
			"parquet: the file is damaged (its table of contents)"},
		"an impossible type": {footer(t, good, func(m *format.FileMetaData) { m.Schema[1].Type.V = format.Int64 }),
			`parquet: the file is damaged (column "item" is said to be STRING, but stored as INT64)`},
		"only lists":  {parquetFile(t, parquet.Group{"a": parquet.Repeated(int32Leaf)}, 1), "parquet: there is no column with values that can be read"}, //nolint:lll // data row
		"a huge list": {[]byte("PAR1\x29\xfc\xff\xff\xff\xff\x07\x07\x00\x00\x00PAR1"), "parquet: the file is damaged (its table of contents)"},
		"a deep nest": {append(append([]byte("PAR1"), bytes.Repeat([]byte{0x1c}, 256)...), "\x00\x01\x00\x00PAR1"...), "parquet: the file is damaged (its table of contents)"}, //nolint:lll // data row
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, rows, err := parquetRows(tt.file)
			require.ErrorContains(t, err, tt.want)
			assert.Empty(t, rows)
		})
	}
}

// The rows before a damaged page come out, whatever column it is in.
func TestReadParquet_damagedPage(t *testing.T) {
	t.Parallel()
	var values [][]parquet.Value
	var want []string
	for i := range 300 {
		values = append(values, priceRow(fmt.Sprintf("item-%d", i), i, 2))
		want = append(want, fmt.Sprintf(`{"item":"item-%d","price":{"amount":%d.%02d,"currency":"EUR"}}`, i, i/100, i%100))
	}
	file := parquetFile(t, priceSchema, 200, values...)
	_, rows, err := parquetRows(file)
	require.NoError(t, err)
	require.Equal(t, want, rows)

	at := bytes.Index(file, []byte("item-250"))
	require.Positive(t, at)
	file[at] ^= 1 // the checksum of the page is wrong then
	_, rows, err = parquetRows(file)
	require.ErrorContains(t, err, fmt.Sprintf(`parquet: row %d: column "item": the file is damaged (crc32 checksum mismatch`, len(rows)+1))
	assert.Equal(t, want[:len(rows)], rows)
	assert.Greater(t, len(rows), 200)
	assert.LessOrEqual(t, len(rows), 250)
}

func TestReadParquet_callersErrors(t *testing.T) {
	t.Parallel()
	file := parquetFile(t, priceSchema, 1, priceRow("A", 1, 2), priceRow("B", 2, 2))
	stop := errors.New("stop")
	count := 0
	none := func([]string) error { return nil }
	each := func(Row, error) error { count++; return stop }
	require.Equal(t, stop, readParquet(bytes.NewReader(file), int64(len(file)), func([]string) error { return stop }, each))
	assert.Zero(t, count)
	require.Equal(t, stop, readParquet(bytes.NewReader(file), int64(len(file)), none, each))
	assert.Equal(t, 1, count)
	assert.PanicsWithValue(t, "a fault of the caller", func() {
		_ = readParquet(bytes.NewReader(file), int64(len(file)), none, func(Row, error) error { panic("a fault of the caller") })
	})
}

// Any table comes back exactly, whatever way it is cut into pages and groups of rows.
func TestReadParquet_anyTable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		scale := rapid.IntRange(0, 18).Draw(t, "scale")
		decimal := map[string]parquet.Type{
			"INT64": parquet.Int64Type, "FIXED": parquet.FixedLenByteArrayType(8), "BYTES": parquet.ByteArrayType,
		}
		stored := rapid.SampledFrom([]string{"INT64", "FIXED", "BYTES"}).Draw(t, "decimal")
		schema := parquet.Group{
			"a": parquet.Optional(parquet.Encoded(parquet.String(), rapid.SampledFrom([]encoding.Encoding{
				&parquet.Plain, &parquet.RLEDictionary, &parquet.DeltaByteArray}).Draw(t, "encoding"))),
			"b": parquet.Optional(parquet.Decimal(scale, 18, decimal[stored])),
			"c": parquet.Compressed(parquet.Optional(parquet.Timestamp(parquet.Microsecond)), rapid.SampledFrom([]compress.Codec{
				&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Zstd, &parquet.Brotli}).Draw(t, "codec")),
			"d": parquet.Optional(int64Leaf),
		}
		var rows [][]parquet.Value
		var want []string
		for range rapid.IntRange(0, 60).Draw(t, "rows") {
			row := make([]parquet.Value, 4)
			var members []string
			add := func(column int, value parquet.Value, json string) {
				row[column] = parquet.NullValue().Level(0, 0, column)
				if rapid.IntRange(0, 3).Draw(t, "null") > 0 {
					row[column] = value.Level(0, 1, column)
					members = append(members, json)
				}
			}
			s := rapid.String().Draw(t, "text")
			add(0, parquet.ByteArrayValue([]byte(s)), `"a":`+string(quoted(t, s)))
			n := rapid.Int64().Draw(t, "unscaled")
			bytes := binary.BigEndian.AppendUint64(nil, uint64(n))
			value := map[string]parquet.Value{
				"INT64": parquet.Int64Value(n), "FIXED": parquet.FixedLenByteArrayValue(bytes), "BYTES": parquet.ByteArrayValue(bytes),
			}[stored]
			divisor := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
			add(1, value, `"b":`+new(big.Rat).SetFrac(big.NewInt(n), divisor).FloatString(scale))
			at := time.UnixMicro(rapid.Int64Range(-62167219200e6, 253402300799e6).Draw(t, "time")).UTC() // years 0 to 9999
			add(2, parquet.Int64Value(at.UnixMicro()), `"c":"`+at.Format(time.RFC3339Nano)+`"`)
			i := rapid.Int64().Draw(t, "int")
			add(3, parquet.Int64Value(i), `"d":`+strconv.FormatInt(i, 10))
			rows, want = append(rows, row), append(want, "{"+strings.Join(members, ",")+"}")
		}
		_, got, err := parquetRows(parquetPages(t, rapid.IntRange(1, 2).Draw(t, "pages"), schema,
			rapid.IntRange(1, 40).Draw(t, "rows in a group"), rows...))
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

// FuzzReadParquet damages a file. What is read of it is JSON, never more rows than the file says, and then one error at most.
func FuzzReadParquet(f *testing.F) {
	for _, name := range []string{"testdata/spark.parquet", "testdata/pandas.parquet", "testdata/runs.parquet"} {
		file, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(file)
	}
	f.Add(parquetFile(f, priceSchema, 2, priceRow("A", 1290, 2), priceRow("B", 0, 1), priceRow("C", 0, 0)))
	f.Fuzz(func(t *testing.T, file []byte) {
		const enough = 10_000 // a few bytes may say that there are thousands of millions of nulls
		stop := errors.New("enough")
		header, rows := 0, 0
		names := func([]string) error { header++; return nil }
		err := readParquet(bytes.NewReader(file), int64(len(file)), names, func(row Row, err error) error {
			rows++
			require.Equal(t, 1, header)
			require.Equal(t, rows, row.Line)
			require.LessOrEqual(t, len(row.Text), maxLine)
			if err == nil {
				require.True(t, json.Valid(row.Text), "%s", row.Text)
			}
			var refusal RowError
			require.True(t, err == nil || errors.As(err, &refusal))
			if rows == enough {
				return stop
			}
			return nil
		})
		if err == nil {
			open, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
			require.NoError(t, err)
			require.EqualValues(t, open.NumRows(), rows)
		}
	})
}

// quoted is text as a JSON string; < and & stay as they are.
func quoted(t require.TestingT, text string) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	require.NoError(t, encoder.Encode(text))
	return bytes.TrimSpace(b.Bytes())
}
