package main

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"pricing/shared/testkit/oracle"
)

const (
	plotLines           = 8
	plotWidth           = 2000
	plotHeight          = 1200
	plotTolerance       = 0.11 // pixels; the picture has tenths
	isolate, isolateEnd = "\u2068", "\u2069"
)

// plot compares the picture of a product's whole history: which offers it shows, what it says of each in words, and the points of
// their lines. What is too much for one picture is asked for from the moment since which it was read. stored has the observations.
func (d *diff) plot(api *api, h history, stored []content, current []oracle.Offer, c *comparison) error {
	from, to := span(h)
	for {
		query := url.Values{"from": {oracle.Stamp(from)}, "to": {oracle.Stamp(to)},
			"width": {strconv.Itoa(plotWidth)}, "height": {strconv.Itoa(plotHeight)}}
		_, picture, err := api.ask(http.MethodGet, api.base+historyPath(d.product)+".svg?"+query.Encode(), "image/svg+xml", nil)
		if err != nil {
			return err
		}
		var svg node
		if err := xml.Unmarshal(picture, &svg); err != nil {
			return fmt.Errorf("the picture of %s: %w", d.product, err)
		}
		notes, said, _ := strings.Cut(svg.textOf("desc"), "\n")
		if since := unreadBefore.FindStringSubmatch(notes); since != nil {
			moment, err := time.Parse("2006-01-02 15:04", since[1])
			if err != nil || !moment.Add(time.Minute).After(from) {
				return fmt.Errorf("the picture of %s: %s", d.product, notes)
			}
			from = moment.Add(time.Minute) // which is told to the minute
			continue
		}
		lines := c.lines(stored, current, from, to)
		d.words(lines, notes, said)
		if err := d.points(lines, svg, from, to); err != nil {
			return fmt.Errorf("the picture of %s: %w", d.product, err)
		}
		c.countPlot(len(lines))
		return nil
	}
}

var unreadBefore = regexp.MustCompile(`nothing before (\S+ \S+) was read`)

// plotLine is what a picture shows of an offer.
type plotLine struct {
	name  string
	price *oracle.Money // the last one
	steps []plotStep
	n     int // observations in the window
	last  oracle.Observation
}

// plotStep is a time in which an offer was seen at one price.
type plotStep struct {
	from, until time.Time
	price       *oracle.Money
	inStock     bool
}

// lines are those of a picture, computed anew: our own, then the cheapest of one currency.
func (c *comparison) lines(stored []content, current []oracle.Offer, from, to time.Time) (lines []plotLine) {
	current = slices.DeleteFunc(slices.Clone(current), func(o oracle.Offer) bool {
		return o.FirstSeen.After(to) || o.Current.At.Before(from) && o.Current.Competitor != own
	})
	votes := map[string]int{}
	for _, o := range current {
		if p := lastPrice(o); p != nil {
			if o.Current.Competitor == own {
				votes[p.Currency] += len(current) // more than all others together
			}
			votes[p.Currency]++
		}
	}
	currency := ""
	for _, candidate := range slices.Sorted(maps.Keys(votes)) {
		if votes[candidate] > votes[currency] {
			currency = candidate
		}
	}
	current = slices.DeleteFunc(current, func(o oracle.Offer) bool {
		p := lastPrice(o)
		return p != nil && p.Currency != currency
	})
	slices.SortFunc(current, func(a, b oracle.Offer) int {
		return cmp.Or(
			-compareBool(a.Current.Competitor == own, b.Current.Competitor == own),
			compareMoney(landed(a.Current), landed(b.Current)), compareMoney(lastPrice(a), lastPrice(b)),
			slices.Compare(a.Current.Parts(), b.Current.Parts()))
	})
	for _, o := range current[:min(len(current), plotLines)] {
		if l := c.line(o.Current.Key, stored, currency, from, to); len(l.steps) > 0 {
			lines = append(lines, l)
		}
	}
	return lines
}

func lastPrice(o oracle.Offer) *oracle.Money { return cmp.Or(o.Current.Price, o.PreviousPrice) }

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// compareMoney has what is unknown last.
func compareMoney(a, b *oracle.Money) int {
	if a == nil || b == nil {
		return compareBool(a == nil, b == nil)
	}
	return cmp.Compare(a.Minor, b.Minor)
}

// line is an offer's. Of what was before the window only our own price lasts.
func (c *comparison) line(key oracle.Key, stored []content, currency string, from, to time.Time) plotLine {
	l := plotLine{name: nameOf(key)}
	var seen []oracle.Observation
	for _, sent := range stored {
		if o := sent[0]; o.Key == key && !o.At.After(to) {
			seen = append(seen, o)
		}
	}
	slices.SortFunc(seen, oracle.ByRecency)
	for i, o := range seen {
		until := to
		if key.Competitor != own {
			until = earlier(until, o.At.Add(c.freshFor(key.Competitor)))
		}
		if i+1 < len(seen) {
			until = earlier(until, seen[i+1].At)
		}
		if o.At.Before(from) && (key.Competitor != own || until.Before(from)) {
			continue
		}
		if !o.At.Before(from) {
			l.n++
		}
		l.last = o
		if o.Price != nil && o.Price.Currency != currency {
			continue
		}
		if o.Price != nil {
			l.price = o.Price
		}
		s := plotStep{o.At, until, o.Price, oracle.InStock(o)}
		if s.from.Before(from) {
			s.from = from
		}
		if n := len(l.steps); n > 0 && l.steps[n-1].goesOn(s) {
			l.steps[n-1].until = s.until
		} else if s.until.After(s.from) || s.from.Equal(to) && i+1 == len(seen) {
			l.steps = append(l.steps, s)
		}
	}
	return l
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// goesOn says whether nothing changes with the next step.
func (s plotStep) goesOn(next plotStep) bool {
	return s.until.Equal(next.from) && s.inStock == next.inStock && compareMoney(s.price, next.price) == 0
}

// nameOf is an offer's name in the picture.
func nameOf(k oracle.Key) string {
	name := k.Competitor
	if k.Seller != "" {
		name += " " + isolate + k.Seller + isolateEnd
	}
	if k.Condition != "New" {
		name += " " + k.Condition
	}
	if k.Region != "" {
		name += " " + k.Region
	}
	if k.Audience != "public" {
		name += " " + k.Audience
	}
	return name
}

// words compares what the picture says: notes on all of it, and a line on each offer.
func (d *diff) words(lines []plotLine, notes, said string) {
	var want []string
	for _, l := range lines {
		text := l.name + ": no price; "
		var low, high *oracle.Money
		for _, s := range l.steps {
			if s.price != nil && (low == nil || s.price.Minor < low.Minor) {
				low = s.price
			}
			if s.price != nil && (high == nil || s.price.Minor > high.Minor) {
				high = s.price
			}
		}
		if low != nil {
			text = fmt.Sprintf("%s: last price %s, lowest %s, highest %s; ", l.name, amountText(l.price), amountText(low), amountText(high))
		}
		if !oracle.InStock(l.last) {
			text += "out of stock; "
		}
		observations := "observations"
		if l.n == 1 {
			observations = "observation"
		}
		want = append(want, fmt.Sprintf("%s%d %s, the last at %s.", text, l.n, observations, l.last.At.UTC().Format("2006-01-02 15:04")))
	}
	if text := strings.Join(want, "\n"); text != said {
		d.add("plot", "words", text, notes+"\n"+said)
	}
}

// amountText is an amount as the API prints it.
func amountText(m *oracle.Money) string {
	printed, _ := moneyJSON(m).(map[string]any)
	return fmt.Sprint(printed["amount"])
}

// level is a time of one price in a picture, in pixels.
type level struct{ x1, x2, y float64 }

// points compares the lines with the steps of the offers, place by place. The axes say where a moment and an amount stand.
func (d *diff) points(lines []plotLine, svg node, from, to time.Time) error {
	groups := svg.all("offer")
	slices.Reverse(groups) // the first is drawn last, over the others
	if len(groups) != len(lines) {
		d.add("plot", "lines", len(lines), len(groups))
		return nil
	}
	var axes axes
	if len(svg.all("amount")) > 0 {
		var err error
		if axes, err = svg.axes(lines); err != nil {
			return err
		}
	}
	for n, l := range lines {
		for _, inStock := range []bool{true, false} {
			var want, got []level
			for _, s := range l.steps {
				if s.price != nil && s.inStock == inStock {
					x := func(t time.Time) float64 {
						return axes.left + float64(t.Sub(from))/float64(to.Sub(from))*(axes.right-axes.left)
					}
					share := float64(s.price.Minor-axes.low) / float64(axes.high-axes.low)
					want = append(want, level{x(s.from), x(s.until), axes.bottom - share*(axes.bottom-axes.top)})
				}
			}
			for _, path := range groups[n].paths(inStock) {
				levels, err := path.levels()
				if err != nil {
					return err
				}
				got = append(got, levels...)
			}
			if len(want) != len(got) {
				d.add("plot "+l.name, "steps", len(want), len(got))
				continue
			}
			for i := range want {
				apart := max(math.Abs(want[i].x1-got[i].x1), math.Abs(want[i].x2-got[i].x2), math.Abs(want[i].y-got[i].y))
				if apart > plotTolerance {
					d.add("plot "+l.name, fmt.Sprint("step ", i), fmt.Sprintf("%.2f", want[i]), fmt.Sprintf("%.2f", got[i]))
				}
			}
		}
	}
	return nil
}

// node is an element of a picture.
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

// all are the elements of a class below this one, in their order.
func (n node) all(class string) (found []node) {
	for _, below := range n.Nodes {
		if slices.Contains(strings.Fields(below.attr("class")), class) {
			found = append(found, below)
		}
		found = append(found, below.all(class)...)
	}
	return found
}

// textOf is that of the first element of a kind.
func (n node) textOf(kind string) string {
	for _, below := range n.Nodes {
		if below.XMLName.Local == kind {
			return below.Text
		}
	}
	return ""
}

// paths are those of the times in which an offer's line is in stock, or not.
func (n node) paths(inStock bool) (found []node) {
	if !inStock {
		return n.all("out")
	}
	for _, group := range n.all("thin") {
		found = append(found, group.Nodes...)
	}
	return found
}

// levels are the horizontal parts of a path that goes only along and up and down.
func (n node) levels() (found []level, err error) {
	var x, y float64
	for _, command := range commands.FindAllStringSubmatch(n.attr("d"), -1) {
		first, err1 := strconv.ParseFloat(command[2], 64)
		second, err2 := strconv.ParseFloat(cmp.Or(command[3], "0"), 64)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		switch command[1] {
		case "M":
			x, y = first, second
		case "V":
			y = first
		case "H":
			found = append(found, level{x, first, y})
			x = first
		}
	}
	if rest := commands.ReplaceAllString(n.attr("d"), ""); rest != "" {
		return nil, fmt.Errorf("a path with %q", rest)
	}
	return found, nil
}

var commands = regexp.MustCompile(`([MHV])(-?[\d.]+)(?: (-?[\d.]+))?`)

// axes say where a picture has its moments and amounts.
type axes struct {
	left, right, top, bottom float64
	low, high                int64 // minor units
}

// axes reads the lines of the grid and the amounts beside them.
func (n node) axes(lines []plotLine) (axes, error) {
	amounts, grid := n.all("amount"), n.all("grid")
	if len(grid) != 1 {
		return axes{}, errors.New("no grid")
	}
	at, err := grid[0].levels()
	if err != nil || len(at) != len(amounts) || len(at) < 2 {
		return axes{}, fmt.Errorf("%d lines of the grid and %d amounts: %w", len(at), len(amounts), err)
	}
	currency := ""
	for _, l := range lines {
		if l.price != nil {
			currency = l.price.Currency
		}
	}
	low, err1 := amount(&lineMoney{amounts[0].Text, currency}, time.Time{})
	high, err2 := amount(&lineMoney{amounts[len(amounts)-1].Text, currency}, time.Time{})
	if err := errors.Join(err1, err2); err != nil {
		return axes{}, err
	}
	return axes{left: at[0].x1, right: at[0].x2, bottom: at[0].y, top: at[len(at)-1].y, low: low.Minor, high: high.Minor}, nil
}

func (c *comparison) countPlot(lines int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sum.plots++
	c.sum.drawn += lines
}
