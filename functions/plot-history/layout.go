package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pricing/shared/board"
	"pricing/shared/price"
)

// layout is where everything of a picture stands.
type layout struct {
	size             tenths   // of the text, in pixels
	header           []string // its lines
	left, right      tenths   // of the plot
	top, bottom      tenths
	low, high        int64 // the amounts at its bottom and top
	amounts, moments []tick
	labels           []label
	hidden           int // labels for which there is no room
}

// label names a line at its end.
type label struct {
	line int // its number in the view
	text string
	end  tenths // the height at which the line ends
	at   tenths // the height at which the label stands
}

const (
	usualSize tenths = 12
	smallSize tenths = 10
)

// bolder is the size of which a bold text is as wide.
func bolder(size tenths) tenths { return size*9/8 + 1 }

func (l layout) lineHeight() tenths { return (l.size + 3) * px }
func (l layout) margin() tenths     { return l.size * px / 2 }

// The parts of a label from the plot to its text: the lead, a piece of its line, a gap.
func (l layout) lead() tenths  { return l.size * px }
func (l layout) piece() tenths { return l.size * px * 2 }
func (l layout) gap() tenths   { return l.size * px / 3 }

// layOut finds out where everything of a view stands. The plot gets what the texts leave.
func layOut(v view) layout {
	l := layout{size: usualSize}
	if v.width < 480 || v.height < 240 {
		l.size = smallSize
	}
	width, height := tenths(v.width)*px, tenths(v.height)*px
	l.bottom = height - l.lineHeight() - l.margin()/2
	most := (l.bottom - height/3) / l.lineHeight() // lines of text above the plot
	l.header = append([]string{cut(v.productID, width-2*l.margin(), bolder(l.size))},
		wrap(strings.Join(v.notes(), " "), width-2*l.margin(), l.size, int(most-1))...)
	l.top = 2*l.margin() + l.lineHeight()*tenths(len(l.header))
	l.left = l.margin()
	if low, high, priced := v.priceRange(); priced {
		l.amounts = amounts(low, high, v.currency, max(1, (l.bottom-l.top)/(2*l.lineHeight())))
		l.low = l.amounts[0].at
		l.high = l.amounts[len(l.amounts)-1].at
		for _, t := range l.amounts {
			l.left = max(l.left, 2*l.margin()+widthOf(t.text, l.size))
		}
	}
	l.right = width - l.margin()
	if len(v.lines) > 0 {
		l.right -= l.lead() + l.piece() + l.gap() + l.label(v, width*3/10)
		l.right = max(l.right, l.left+px)
	}
	l.moments = moments(v.window, max(1, (l.right-l.left)/(l.size*6*px)))
	l.spread(height)
	return l
}

// priceRange returns the lowest and the highest price that is drawn.
func (v view) priceRange() (low, high int64, priced bool) {
	for _, l := range v.lines {
		for _, s := range l.steps {
			switch {
			case !s.priced:
			case !priced:
				low, high, priced = s.minor, s.minor, true
			default:
				low, high = min(low, s.minor), max(high, s.minor)
			}
		}
	}
	return low, high, priced
}

// label makes the labels, and returns how wide they are: at most so much, unless a price alone is wider.
func (l *layout) label(v view, most tenths) (width tenths) {
	for i, of := range v.lines {
		size := l.size
		if isOwn(of.key) {
			size = bolder(size)
		}
		end := v.atEnd(of, l.size == usualSize)
		text := cut(nameOf(of.key), most-widthOf(end, size), size)
		if strings.Contains(text, isolate) && !strings.Contains(text, isolateEnd) {
			text += isolateEnd
		}
		text += end
		l.labels = append(l.labels, label{line: i, text: text, end: l.y(l.level(of, len(of.steps)))})
		width = max(width, widthOf(text, size))
	}
	return width
}

// atEnd is what a line's label says of its end, with the day on which it ended where there is room.
func (v view) atEnd(of line, room bool) string {
	end := ""
	if of.latest.Present() {
		end = " " + of.latest.Amount()
	}
	if !of.last.Terms.Availability.InStock() {
		end += " " + outOfStock
	}
	if of.ended(v.window) && room {
		end += ", to " + of.steps[len(of.steps)-1].until.Time().Format("2 Jan")
	}
	return end
}

// outOfStock looks like the mark in the plot.
const outOfStock = "○"

// Around free text: letters that run from right to left must not turn the rest around.
const (
	isolate    = "\u2068"
	isolateEnd = "\u2069"
)

// nameOf names an offer as shortly as it can be told from others.
func nameOf(k price.OfferKey) string {
	name := k.CompetitorID
	if k.SellerID != "" {
		name += " " + isolate + k.SellerID + isolateEnd
	}
	if k.Condition != price.ConditionNew {
		name += " " + k.Condition.String()
	}
	if k.Region != "" {
		name += " " + k.Region
	}
	if k.Audience != price.AudiencePublic {
		name += " " + k.Audience.String()
	}
	return name
}

// spread puts each label as near to its line's end as it can without touching another: beside the plot or, where that is too low for
// all, down to the picture's lower edge. Where not even then all have room, the last lines have no label.
func (l *layout) spread(height tenths) {
	apart := (l.size + 2) * px
	highest, lowest := l.top, l.bottom
	if int64(len(l.labels)-1)*apart > lowest-highest {
		lowest = height - l.margin()
	}
	if room := int((lowest-highest)/apart) + 1; len(l.labels) > room {
		l.hidden = len(l.labels) - room + 1
		l.labels = l.labels[:room-1]
		lowest -= apart
	}
	slices.SortStableFunc(l.labels, func(a, b label) int { return int(a.end - b.end) })
	for i := range l.labels {
		l.labels[i].at = max(l.labels[i].end, highest+tenths(i)*apart)
		if i > 0 {
			l.labels[i].at = max(l.labels[i].at, l.labels[i-1].at+apart)
		}
	}
	for i := len(l.labels) - 1; i >= 0; i-- {
		l.labels[i].at = min(l.labels[i].at, lowest)
		lowest = l.labels[i].at - apart
	}
}

// x is the place of a moment.
func (l layout) x(window board.Span, at price.Timestamp) tenths {
	if window.To == window.From {
		return l.left
	}
	at = min(max(at, window.From), window.To)
	return l.left + share(int64(at-window.From), l.right-l.left, int64(window.To-window.From))
}

// y is the height of an amount.
func (l layout) y(minor int64) tenths {
	if l.high == l.low {
		return l.bottom
	}
	return l.bottom - share(minor-l.low, l.bottom-l.top, l.high-l.low)
}

// share is part/all of a length, rounded.
func share(part int64, length tenths, all int64) tenths { return (2*part*length + all) / (2 * all) }

// level is the amount at which a step of a line is shown: its price, else the last one before it, else the bottom of the plot. That
// of the step behind the last one is where the line ends.
func (l layout) level(of line, n int) int64 {
	for n = min(n, len(of.steps)-1); n >= 0; n-- {
		if of.steps[n].priced {
			return of.steps[n].minor
		}
	}
	return l.low
}

// notes says in sentences what is shown and what is not.
func (v view) notes() []string {
	var notes []string
	if v.currency != "" {
		notes = append(notes, v.currency+" without shipping.")
	}
	if v.dearer > 0 {
		amounts := "prices" // if no shipping is known
		if slices.ContainsFunc(v.offers, func(o board.Offer) bool { return o.Current.Terms.Landed().Present() }) {
			amounts = "landed prices"
		}
		notes = append(notes, fmt.Sprintf("%d of %d offers, those with the lowest %s.", len(v.offers), len(v.offers)+v.dearer, amounts))
	}
	if v.foreign > 0 {
		notes = append(notes, "Not shown: "+count(v.foreign, "offer")+" in "+strings.Join(v.currencies, ", ")+".")
	}
	if v.others > 0 {
		notes = append(notes, "Not shown: "+count(v.others, "price")+" in another currency.")
	}
	if v.read > v.window.From {
		notes = append(notes, "Too much for one picture: nothing before "+clock(v.read)+" was read.")
	}
	if slices.ContainsFunc(v.lines, func(l line) bool { return slices.ContainsFunc(l.steps, func(s step) bool { return s.out }) }) {
		notes = append(notes, outOfStock+" out of stock.")
	}
	from, to := clock(v.window.From), clock(v.window.To)
	if v.window.To.Add(-2*day) >= v.window.From {
		from, to = from[:len(time.DateOnly)], to[:len(time.DateOnly)]
	}
	return append(notes, from+" to "+to+" UTC.")
}

// clock writes a moment to the minute.
func clock(t price.Timestamp) string { return t.Time().Format("2006-01-02 15:04") }

func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return strconv.Itoa(n) + " " + of + "s"
}

// words says in sentences what the picture shows, for whoever does not see it.
func (v view) words() string {
	out := strings.Join(v.notes(), " ")
	if len(v.lines) == 0 {
		out += " " + v.nothing()
	}
	for _, l := range v.lines {
		out += "\n" + nameOf(l.key) + ": "
		if low, high, priced := (view{lines: []line{l}}).priceRange(); priced {
			money := func(minor int64) string { return price.Money{Minor: minor, Currency: v.currency}.Amount() }
			out += "last price " + l.latest.Amount() + ", lowest " + money(low) + ", highest " + money(high) + "; "
		} else {
			out += "no price; "
		}
		if !l.last.Terms.Availability.InStock() {
			out += "out of stock; "
		}
		out += count(l.observations, "observation") + ", the last at " + clock(l.last.ObservedAt) + "."
	}
	return out
}

// nothing is said in an empty picture.
func (v view) nothing() string {
	if v.dearer+v.foreign > 0 {
		return "None of these offers was seen in this window."
	}
	return "Nothing was seen in this window."
}
