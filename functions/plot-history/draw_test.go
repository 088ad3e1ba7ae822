package main

import (
	"encoding/xml"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/store"
)

// node is an element of a picture that was read back.
type node struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Nodes   []node     `xml:",any"`
	Text    string     `xml:",chardata"`
}

func (n node) attr(name string) string {
	for _, a := range n.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func (n node) is(class string) bool { return slices.Contains(strings.Fields(n.attr("class")), class) }

// all returns the elements of a class below a node, in their order.
func (n node) all(class string) (found []node) {
	for _, below := range n.Nodes {
		if below.is(class) {
			found = append(found, below)
		}
		found = append(found, below.all(class)...)
	}
	return found
}

func (n node) number(tb require.TestingT, name string) float64 {
	f, err := strconv.ParseFloat(n.attr(name), 64)
	require.NoError(tb, err)
	return f
}

// elements are all that a picture may have.
var elements = []string{"svg", "title", "desc", "style", "rect", "text", "path", "g", "use", "circle"}

// parsed reads a picture. It is well-formed XML of the elements that a picture has, and none is there because somebody named it.
func parsed(tb require.TestingT, picture []byte) node {
	var root node
	require.NoError(tb, xml.Unmarshal(picture, &root))
	var check func(node)
	check = func(n node) {
		require.Contains(tb, elements, n.XMLName.Local)
		require.Equal(tb, "http://www.w3.org/2000/svg", n.XMLName.Space)
		for _, a := range n.Attrs {
			require.False(tb, strings.HasPrefix(strings.ToLower(a.Name.Local), "on"), "no scripts: %s", a.Name.Local)
		}
		for _, below := range n.Nodes {
			check(below)
		}
	}
	check(root)
	return root
}

// level is a horizontal part of a path.
type level struct{ x1, x2, y float64 }

// levels reads the horizontal parts of a path. What is vertical must lead from one to the next.
func levels(tb require.TestingT, path string) (found []level) {
	var x, y float64
	for path != "" {
		letter := path[0]
		end := strings.IndexAny(path[1:], "MHV")
		if end < 0 {
			end = len(path) - 1
		}
		var numbers []float64
		for _, text := range strings.Fields(path[1 : end+1]) {
			f, err := strconv.ParseFloat(text, 64)
			require.NoError(tb, err)
			numbers = append(numbers, f)
		}
		path = path[end+1:]
		switch letter {
		case 'M':
			x, y = numbers[0], numbers[1]
		case 'V':
			y = numbers[0]
		case 'H':
			require.GreaterOrEqual(tb, numbers[0], x, "time goes on")
			found = append(found, level{x, numbers[0], y})
			x = numbers[0]
		default:
			require.Failf(tb, "a path only goes along and up and down", "%c", letter)
		}
	}
	return found
}

// state is what is known of an offer from one moment to another.
type state struct {
	from, until price.Timestamp
	minor       int64
	priced, out bool
}

// states are what the observations of an offer say, moment by moment: what the greatest one until then says, as long as it is fresh.
func states(key price.OfferKey, seen []board.Observation, freshFor time.Duration, window board.Span, currency string) (all []state) {
	moments := []price.Timestamp{window.From, window.To}
	for _, o := range seen {
		moments = append(moments, o.ObservedAt, o.ObservedAt.Add(freshFor))
	}
	moments = slices.DeleteFunc(moments, func(t price.Timestamp) bool { return t < window.From || t > window.To })
	slices.Sort(moments)
	moments = slices.Compact(moments)
	for i, at := range moments {
		var last *board.Observation
		for j, o := range seen {
			if o.ObservedAt <= at && (last == nil || board.Compare(key, o, *last) > 0) {
				last = &seen[j]
			}
		}
		until := window.To
		if i+1 < len(moments) {
			until = moments[i+1]
		}
		switch {
		case last == nil:
			continue
		case key.CompetitorID != "own" && at >= last.ObservedAt.Add(freshFor):
			continue
		case last.Terms.Price.Present() && last.Terms.Price.Currency != currency:
			continue
		case at == window.To && last.ObservedAt != at: // the window's last moment belongs to what was before
			continue
		}
		next := state{at, until, last.Terms.Price.Minor, last.Terms.Price.Present(), !last.Terms.Availability.InStock()}
		if n := len(all); n > 0 && all[n-1].until == at {
			before := all[n-1]
			if longer := (state{before.from, until, next.minor, next.priced, next.out}); before.minor == next.minor &&
				before.priced == next.priced && before.out == next.out {
				all[n-1] = longer
				continue
			}
		}
		all = append(all, next)
	}
	return all
}

// market is what pictures are drawn of in tests.
type market struct {
	frame
	rows     []board.Row
	freshFor map[string]time.Duration
}

func (m market) competitors() map[string]store.Competitor {
	all := map[string]store.Competitor{}
	for id, freshFor := range m.freshFor {
		all[id] = store.Competitor{Competitor: price.Competitor{ID: id, FreshFor: freshFor}}
	}
	return all
}

func (m market) view() view {
	return newView(m.frame, choose(board.Refold(m.rows), m.window), m.rows, m.competitors())
}

// of returns the observations of an offer.
func (m market) of(key price.OfferKey) (all []board.Observation) {
	for _, row := range m.rows {
		if row.Key == key {
			all = append(all, row.Observation)
		}
	}
	return all
}

func (m market) states(key price.OfferKey, currency string) []state {
	freshFor, ok := m.freshFor[key.CompetitorID]
	if !ok {
		freshFor = price.DefaultFreshFor
	}
	return states(key, m.of(key), freshFor, m.window, currency)
}

var texts = []string{"", "", "<script>alert(1)</script>", `"&'`, "]]>", "Otto & Söhne", "חנות", "京都の店", "a\x00b\xff", "🛒",
	strings.Repeat("long ", 25)}

func drawMarket(t *rapid.T) market {
	from := price.At(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) + price.Timestamp(rapid.Int64Range(0, 365*24*3600_000).Draw(t, "from"))
	lengths := []time.Duration{0, time.Millisecond, time.Minute, 5 * time.Hour, 3 * day, 30 * day, 400 * day}
	length := rapid.SampledFrom(lengths).Draw(t, "length")
	m := market{frame: frame{
		productID: rapid.SampledFrom([]string{"P", "ZU-1042", strings.Repeat("W", 64)}).Draw(t, "product"),
		window:    board.Span{From: from, To: from.Add(length)}, read: from,
		width: rapid.IntRange(240, 2000).Draw(t, "width"), height: rapid.OneOf(rapid.Just(120), rapid.IntRange(120, 1200)).Draw(t, "height"),
	}, freshFor: map[string]time.Duration{}}
	for _, id := range []string{"bigmart", "shopx"} {
		m.freshFor[id] = rapid.SampledFrom([]time.Duration{time.Millisecond, time.Hour, 26 * time.Hour, 20 * day}).Draw(t, "freshFor")
	}
	most := rapid.SampledFrom([]int64{0, 9, 2500, 999_999_999_999}).Draw(t, "most")
	for range rapid.IntRange(0, 12).Draw(t, "offers") {
		key := price.OfferKey{ProductID: m.productID,
			CompetitorID: rapid.SampledFrom([]string{"bigmart", "shopx", "kyoto", "own"}).Draw(t, "competitor"),
			SellerID:     rapid.SampledFrom(texts).Draw(t, "seller"), Region: rapid.SampledFrom([]string{"", "DE"}).Draw(t, "region")}
		if len(m.of(key)) > 0 {
			continue
		}
		for range rapid.IntRange(1, 12).Draw(t, "observations") {
			earliest := from.Add(-26 * time.Hour)
			at := price.Timestamp(rapid.Int64Range(int64(earliest), int64(m.window.To)).Draw(t, "at"))
			if rapid.IntRange(0, 4).Draw(t, "edge") == 0 {
				at = rapid.SampledFrom([]price.Timestamp{from, m.window.To, from + (m.window.To-from)/2}).Draw(t, "at an edge")
			}
			o := board.Observation{ObservedAt: at, Source: price.Source{ID: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "source"),
				Confidence: price.Confidence(rapid.IntRange(0, 2).Draw(t, "confidence"))}}
			o.Terms.Availability = rapid.SampledFrom([]price.Availability{price.AvailabilityInStock, price.AvailabilityInStock,
				price.AvailabilityOutOfStock}).Draw(t, "availability")
			if o.Terms.Availability.InStock() || rapid.Bool().Draw(t, "priced") {
				currency := rapid.SampledFrom([]string{"USD", "USD", "USD", "JPY", "BHD"}).Draw(t, "currency")
				o.Terms.Price = price.Money{Minor: rapid.Int64Range(0, most).Draw(t, "price"), Currency: currency}
				if rapid.Bool().Draw(t, "shipping") {
					o.Terms.Shipping = price.Money{Minor: rapid.Int64Range(0, 500).Draw(t, "amount"), Currency: currency}
				}
			}
			if !slices.ContainsFunc(m.of(key), func(other board.Observation) bool {
				return other.ObservedAt == at && other.Source.ID == o.Source.ID
			}) {
				m.rows = append(m.rows, board.Row{Key: key, Observation: o})
			}
		}
	}
	return m
}

// scale is how a picture's axes say that it is to be read.
type scale struct {
	left, right, bottom float64
	low, high           float64 // amounts in minor units
	lowY, highY         float64
}

// readScale reads the axes: the lines of the grid stand at the amounts that are written beside them.
func readScale(t require.TestingT, root node, currency string) (s scale) {
	axis, _, _ := strings.Cut(root.all("axis")[0].attr("d")[1:], "M")
	_, err := fmt.Sscanf(strings.ReplaceAll(axis, "H", " "), "%g %g %g", &s.left, &s.bottom, &s.right)
	require.NoError(t, err)
	grids, written := root.all("grid"), root.all("amount")
	if len(grids) == 0 {
		require.Empty(t, written)
		return s
	}
	lines := levels(t, grids[0].attr("d"))
	require.Len(t, written, len(lines))
	require.GreaterOrEqual(t, len(lines), 2)
	minor := func(text string) float64 {
		digits, _ := price.MinorDigits(currency)
		amount, err := strconv.ParseFloat(text, 64)
		require.NoError(t, err)
		return math.Round(amount * math.Pow10(digits))
	}
	last := len(lines) - 1
	s.low, s.lowY = minor(written[0].Text), lines[0].y
	s.high, s.highY = minor(written[last].Text), lines[last].y
	require.InDelta(t, s.bottom, s.lowY, 0)
	for i, line := range lines {
		require.InDelta(t, s.y(minor(written[i].Text)), line.y, 0.1)
		require.InDelta(t, line.y+root.number(t, "font-size")/3, written[i].number(t, "y"), 0.1)
	}
	return s
}

func (s scale) x(window board.Span, at price.Timestamp) float64 {
	if window.To == window.From {
		return s.left
	}
	return s.left + (s.right-s.left)*float64(at-window.From)/float64(window.To-window.From)
}

func (s scale) y(minor float64) float64 {
	if s.high == s.low {
		return s.bottom
	}
	return s.lowY + (s.highY-s.lowY)*(minor-s.low)/(s.high-s.low)
}

// TestDraw_Property: what is read back from a picture is what the observations say: each price from when to when, in stock or
// out of it, with the ends of the lines; and the labels stand at the ends, apart from each other.
func TestDraw_Property(tb *testing.T) {
	tb.Parallel()
	met := map[string]int{}
	rapid.Check(tb, func(t *rapid.T) {
		m := drawMarket(t)
		v := m.view()
		root := parsed(t, draw(v))
		s := readScale(t, root, v.currency)
		offers := root.all("offer")
		require.Len(t, offers, len(v.lines))
		for _, o := range v.offers {
			shown := slices.ContainsFunc(v.lines, func(l line) bool { return l.key == o.Key })
			require.Equal(t, len(m.states(o.Key, v.currency)) > 0, shown, o.Key)
		}
		slices.Reverse(offers) // our own is drawn last
		looks := map[string]bool{}
		for i, l := range v.lines {
			g := offers[i]
			require.Equal(t, l.key.CompetitorID == "own", g.is("own"))
			looks[g.attr("class")] = true
			var in, out []level
			wants := m.states(l.key, v.currency)
			var marks []level
			at := s.bottom
			for j, w := range wants {
				here := level{s.x(m.window, w.from), s.x(m.window, w.until), s.y(float64(w.minor))}
				if w.priced {
					at = here.y
				}
				if w.out && (j == 0 || !wants[j-1].out || wants[j-1].until != w.from) {
					marks = append(marks, level{here.x1, here.x1, at})
				}
				switch {
				case w.priced && w.out:
					out = append(out, here)
				case w.priced:
					in = append(in, here)
				}
			}
			var paths [2]string
			for _, path := range g.all("thin") {
				switch {
				case path.is("out"):
					paths[1] = path.attr("d")
				case path.XMLName.Local == "g":
					paths[0] = path.Nodes[0].attr("d")
				}
			}
			same(t, in, levels(t, paths[0]), "in stock")
			same(t, out, levels(t, paths[1]), "out of stock")
			same(t, marks, circles(t, g.all("mark")), "marks")
			var ends []level
			if last := wants[len(wants)-1]; last.priced {
				end := s.x(m.window, last.until)
				ends = []level{{end, end, s.y(float64(last.minor))}}
			}
			same(t, ends, circles(t, g.all("end")), "end")
			met["lines"]++
			met["steps"] += len(in)
			met["out"] += len(out)
			met["marks"] += len(marks)
			if l.ended(m.window) {
				met["ended"]++
			}
		}
		require.Len(t, looks, len(v.lines), "no two lines look alike")
		checkLabels(t, root, v, met)
	})
	for _, what := range []string{"lines", "steps", "out", "marks", "ended", "labels"} {
		assert.Positive(tb, met[what], what)
	}
	tb.Log(met)
}

func circles(t require.TestingT, all []node) (found []level) {
	for _, c := range all {
		x := c.number(t, "cx")
		found = append(found, level{x, x, c.number(t, "cy")})
	}
	return found
}

// same compares what is read back with what must be there, to a tenth of a pixel.
func same(t require.TestingT, want, got []level, what string) {
	require.Len(t, got, len(want), "%s: want %v, got %v", what, want, got)
	for i := range want {
		for _, pair := range [][2]float64{{want[i].x1, got[i].x1}, {want[i].x2, got[i].x2}, {want[i].y, got[i].y}} {
			require.LessOrEqual(t, math.Abs(pair[0]-pair[1]), 0.11, "%s: want %v, got %v", what, want, got)
		}
	}
}

// checkLabels: each line has a label with its last price, unless there is no room; then the picture says of how many.
func checkLabels(t require.TestingT, root node, v view, met map[string]int) {
	size := root.number(t, "font-size")
	labels := root.all("label")
	hidden := len(v.lines) - len(labels)
	met["labels"] += len(labels)
	if hidden > 0 {
		met["hidden"]++
		require.Contains(t, textOf(root), fmt.Sprintf("and %d more", hidden))
	}
	var heights []float64
	for _, l := range labels {
		heights = append(heights, l.number(t, "y"))
		require.LessOrEqual(t, l.number(t, "y"), float64(v.height))
		require.Equal(t, strings.Count(l.Text, isolate), strings.Count(l.Text, isolateEnd))
	}
	slices.Sort(heights)
	for i := range heights {
		require.True(t, i == 0 || heights[i]-heights[i-1] >= size, "labels stand apart: %v", heights)
	}
	for i, g := range slices.Backward(root.all("offer")) {
		if label := g.all("label"); len(label) > 0 && v.lines[len(v.lines)-1-i].latest.Present() {
			require.Contains(t, label[0].Text, " "+v.lines[len(v.lines)-1-i].latest.Amount())
		}
	}
}

// TestDraw_Hidden: a picture that is too low for all labels says how many it leaves out.
func TestDraw_Hidden(t *testing.T) {
	t.Parallel()
	m := big()
	m.height = 120
	v := m.view()
	met := map[string]int{}
	checkLabels(t, parsed(t, draw(v)), v, met)
	assert.Positive(t, met["hidden"])
}

// textOf returns all texts of a picture.
func textOf(n node) string {
	text := n.Text
	for _, below := range n.Nodes {
		text += " " + textOf(below)
	}
	return text
}

// TestDraw_Order: the order of the observations is without effect, and the same observations give the same bytes.
func TestDraw_Order(tb *testing.T) {
	tb.Parallel()
	rapid.Check(tb, func(t *rapid.T) {
		m := drawMarket(t)
		want := string(draw(m.view()))
		require.Equal(t, want, string(draw(m.view())))
		m.rows = rapid.Permutation(m.rows).Draw(t, "another order")
		require.Equal(t, want, string(draw(m.view())))
	})
}

// FuzzDraw: whatever a seller is called and whatever it costs, the picture is well-formed, and shows the name as text.
func FuzzDraw(f *testing.F) {
	f.Add("<script>alert(1)</script>", int64(1995), 800, 320, int64(1e9), int64(30*86400_000))
	f.Add("\x00\xff]]>&\u202e", int64(0), 240, 120, int64(0), int64(0))
	f.Add("京都", int64(999_999_999_999), 2000, 1200, int64(-62135596800000), int64(315537897599999))
	f.Fuzz(func(t *testing.T, seller string, minor int64, width, height int, from, length int64) {
		if minor < 0 || minor > 999_999_999_999 || width < 240 || width > 2000 || height < 120 || height > 1200 ||
			from < -62135596800000 || length < 0 || from+length > 253402300799999 || from+length < from || length > 3660*86400_000 {
			return
		}
		window := board.Span{From: price.Timestamp(from), To: price.Timestamp(from + length)}
		m := market{frame: frame{productID: "P1", window: window, read: window.From, width: width, height: height}}
		for i, amount := range []int64{minor, minor / 2} {
			m.rows = append(m.rows, board.Row{Key: price.OfferKey{ProductID: "P1", CompetitorID: "shopx", SellerID: seller},
				Observation: board.Observation{ObservedAt: window.From + price.Timestamp(int64(i)*length), Terms: price.Terms{
					Price: price.Money{Minor: amount, Currency: "USD"}}}})
		}
		root := parsed(t, draw(m.view()))
		var escaped strings.Builder
		require.NoError(t, xml.EscapeText(&escaped, []byte(seller)))
		var name string
		require.NoError(t, xml.Unmarshal([]byte("<a>"+escaped.String()+"</a>"), &name))
		require.Contains(t, root.Nodes[1].Text, name, "the description")
	})
}

// example is a market as it may be.
func example() market {
	from := price.At(time.Date(2026, 6, 6, 0, 0, 0, 0, time.UTC))
	window := board.Span{From: from, To: from.Add(30 * day)}
	m := market{frame: frame{productID: "ZU-1042", window: window, read: from, width: 800, height: 320}}
	for i, competitor := range []string{"own", "bigmart", "shopx", "kyoto", "dealz"} {
		key := price.OfferKey{ProductID: "ZU-1042", CompetitorID: competitor}
		if competitor == "shopx" {
			key.SellerID = "<script>"
		}
		for n := range 20 {
			if competitor == "dealz" && n > 12 || competitor == "kyoto" && n%7 == 3 {
				continue
			}
			o := board.Observation{ObservedAt: from.Add(time.Duration(n*36+i) * time.Hour), Terms: price.Terms{
				Price:    price.Money{Minor: int64(1895 + 100*i + 50*(n/(4+i))), Currency: "USD"},
				Shipping: price.Money{Minor: 299, Currency: "USD"},
			}}
			if competitor == "bigmart" && n >= 8 && n < 11 {
				o.Terms.Availability = price.AvailabilityOutOfStock
			}
			if competitor == "kyoto" && n == 12 {
				o.Terms = price.Terms{Availability: price.AvailabilitySoldOut}
			}
			m.rows = append(m.rows, board.Row{Key: key, Observation: o})
		}
	}
	m.freshFor = map[string]time.Duration{"bigmart": 40 * time.Hour, "shopx": 40 * time.Hour, "kyoto": 40 * time.Hour, "dealz": 40 * time.Hour}
	return m
}

// TestDraw_Golden compares two pictures, byte for byte, with those that somebody has looked at.
func TestDraw_Golden(t *testing.T) {
	t.Parallel()
	usual := example()
	small := example()
	small.width = 320
	small.height = 200
	small.read = small.window.From.Add(5 * day)
	for name, m := range map[string]market{"usual": usual, "small": small} {
		file := "testdata/" + name + ".svg"
		got := draw(m.view())
		if update() {
			require.NoError(t, os.WriteFile(file, got, 0o644))
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got), "%s; -update writes it, then look at it", file)
	}
}

// TestDraw_Words: whoever does not see the picture reads what it shows.
func TestDraw_Words(t *testing.T) {
	t.Parallel()
	root := parsed(t, draw(example().view()))
	assert.Equal(t, "img", root.attr("role"))
	assert.Equal(t, root.Nodes[0].attr("id")+" "+root.Nodes[1].attr("id"), root.attr("aria-labelledby"))
	assert.Equal(t, "title", root.Nodes[0].XMLName.Local)
	assert.Equal(t, "Price history of ZU-1042", root.Nodes[0].Text)
	assert.Equal(t, `USD without shipping. ○ out of stock. 2026-06-06 to 2026-07-06 UTC.
own: last price 20.95, lowest 18.95, highest 20.95; 20 observations, the last at 2026-07-04 12:00.
bigmart: last price 21.45, lowest 19.95, highest 21.45; 20 observations, the last at 2026-07-04 13:00.
`+"shopx \u2068<script>\u2069"+`: last price 22.45, lowest 20.95, highest 22.45; 20 observations, the last at 2026-07-04 14:00.
kyoto: last price 22.95, lowest 21.95, highest 22.95; 17 observations, the last at 2026-07-04 15:00.
dealz: last price 23.45, lowest 22.95, highest 23.45; 13 observations, the last at 2026-06-24 04:00.`, root.Nodes[1].Text)
}

// TestDraw_Empty: a picture without lines says so.
func TestDraw_Empty(t *testing.T) {
	t.Parallel()
	m := example()
	m.rows = nil
	root := parsed(t, draw(m.view()))
	assert.Contains(t, textOf(root), "Nothing was seen in this window.")
	assert.Contains(t, root.Nodes[1].Text, "Nothing was seen in this window.")
	v := m.view()
	v.dearer = 3
	assert.Contains(t, textOf(parsed(t, draw(v))), "None of these offers was seen in this window.")
}

// big is a month of hourly prices of eight offers, each of another price than the one before it.
func big() market {
	m := example()
	m.rows = nil
	for i := range 8 {
		key := price.OfferKey{ProductID: "ZU-1042", CompetitorID: "competitor-" + strconv.Itoa(i)}
		for n := range 720 {
			m.rows = append(m.rows, board.Row{Key: key, Observation: board.Observation{ObservedAt: m.window.From.Add(time.Duration(n) * time.Hour),
				Terms: price.Terms{Price: price.Money{Minor: int64(2000 + 100*i + n*37%91), Currency: "USD"}}}})
		}
	}
	return m
}

// TestDraw_Allocations: a picture is written into one buffer, however many prices it shows.
func TestDraw_Allocations(t *testing.T) {
	m := big()
	chosen := choose(board.Refold(m.rows), m.window)
	competitors := m.competitors()
	allocations := testing.AllocsPerRun(5, func() { draw(newView(m.frame, chosen, m.rows, competitors)) })
	assert.Less(t, allocations, 600.0, "of 5,760 prices")
}

// BenchmarkDraw counts what the two halves of a picture of 5,760 prices cost: choosing what is shown, and drawing it.
func BenchmarkDraw(b *testing.B) {
	m := big()
	chosen := choose(board.Refold(m.rows), m.window)
	competitors := m.competitors()
	v := newView(m.frame, chosen, m.rows, competitors)
	b.Run("view", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			newView(m.frame, chosen, m.rows, competitors)
		}
	})
	b.Run("draw", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			b.SetBytes(int64(len(draw(v))))
		}
	})
}
