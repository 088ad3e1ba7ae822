package mapping

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // not every machine has the time zones
	"unicode"

	"pricing/shared/jsondoc"
)

const (
	codeTimeUnreadable = "time-unreadable"
	codeTimeRange      = "time-range"     // not in the years 2000 to 2100
	codeTimeAmbiguous  = "time-ambiguous" // daylight saving makes the local time twice
	codeTimeMissing    = "time-missing"   // daylight saving leaves the local time out
)

// Time says how the text of a cell becomes the moment of an observation: by Layout or by Epoch. check comes before moment.
type Time struct {
	// Layout is the form of the texts, in which Go's reference time is written: 2 January 2006, 15:04:05, -07:00. For 20/11/2026
	// 17:45:30 it is "02/01/2006 15:04:05". Of the two digits of a year 06, 69 and above mean 19.., and the others 20.. . A day of
	// the week is not compared with the date. Decimals of a second are read where the layout has none, and cut after the ninth.
	Layout string `yaml:"layout"`
	// Zone is where the clock hangs that a text without an offset was read from: a name of the IANA list such as Europe/Rome, or UTC.
	Zone string `yaml:"zone"`
	// Epoch is the unit of a count since 1970-01-01T00:00:00Z: seconds, milliseconds, microseconds or nanoseconds. The count may have
	// a fraction, which is cut after the nanosecond.
	Epoch string `yaml:"epoch"`
	// Assume is the time of day, "12:00", for a layout that has only a date.
	Assume string `yaml:"assume"`

	// What check has made of the above.
	perSecond int64 // of the epoch's unit; 0 for a layout
	layout    string
	example   string        // the layout's form, for messages
	assumed   time.Duration // since midnight
	periods   []period      // of the zone; none if the texts have an offset
}

// period is a time during which the clocks of a zone have one offset from UTC.
type period struct {
	start, end time.Time // UTC; the end is the next one's start
	offset     time.Duration
}

// Observations are of these years. Everything else comes from a wrong unit or layout.
const firstYear, lastYear = 2000, 2100

// epochs has the units by how many there are in a second.
var epochs = []struct {
	name      string
	perSecond int64
}{{"seconds", 1}, {"milliseconds", 1e3}, {"microseconds", 1e6}, {"nanoseconds", 1e9}}

// exampleTime shows a layout: its day cannot be taken for a month, nor its hour for one of twelve.
var exampleTime = time.Date(2026, time.November, 20, 17, 45, 30, 0, time.UTC)

// layoutHelp says how a layout is written.
const layoutHelp = "a layout is the time 2 January 2006 15:04:05 -07:00 (no other), written as the file would write it: " +
	"02/01/2006 15:04:05 (for DD/MM/YYYY HH:MM:SS or %d/%m/%Y %H:%M:%S), 01/02/2006 03:04 PM (MM/DD/YYYY hh:mm AM), " +
	"02.01.2006 (DD.MM.YYYY), 2006-01-02 15:04 (YYYY-MM-DD HH:MM), 20060102 (YYYYMMDD), 2006-01-02T15:04:05Z07:00 (with an offset or Z)"

// check says what is wrong with the settings, and prepares moment.
func (t *Time) check() error {
	t.perSecond, t.layout, t.assumed, t.periods = 0, strings.TrimFunc(t.Layout, blank), 0, nil
	switch {
	case t.layout == "" && t.Epoch == "":
		return errors.New(`a time needs a layout, such as "02/01/2006 15:04:05", or an epoch, such as seconds`)
	case t.layout != "" && t.Epoch != "":
		return errors.New("a time has a layout or an epoch, not both")
	case t.Epoch != "":
		return t.checkEpoch()
	}
	form, err := readLayout(t.layout)
	if err != nil {
		return fmt.Errorf("layout %q %w", t.Layout, err)
	}
	t.example = exampleTime.Format(t.layout)
	hasHour, hasOffset := form.has[hour] || form.has[hour12], form.has[offset]
	switch {
	case hasOffset && !hasHour:
		return fmt.Errorf("layout %q has an offset, but no time of day", t.Layout)
	case hasOffset && t.Zone != "":
		return fmt.Errorf("layout %q has an offset, so there can be no zone", t.Layout)
	case hasHour && t.Assume != "":
		return fmt.Errorf("layout %q has an hour, so there is nothing to assume", t.Layout)
	case !hasHour && t.Assume == "":
		return fmt.Errorf(`layout %q has no time of day; say which one to assume, such as assume: "12:00"`, t.Layout)
	case hasOffset:
		return nil
	case t.Zone == "":
		return fmt.Errorf("layout %q has no offset from UTC, so it needs the zone of its clock, such as Europe/Rome or UTC", t.Layout)
	case form.utc && t.Zone != "UTC":
		return fmt.Errorf("layout %q says that the times are UTC, so zone must be UTC", t.Layout)
	}
	if !hasHour {
		at, err := time.Parse("15:04", t.Assume)
		if err != nil || len(t.Assume) != len("15:04") {
			return fmt.Errorf("assume is %q; it must be a time of day from 00:00 to 23:59", t.Assume)
		}
		t.assumed = at.Sub(at.Truncate(24 * time.Hour))
	}
	location, err := time.LoadLocation(t.Zone)
	if err != nil || t.Zone == "Local" { // that would be another one on each machine
		return fmt.Errorf("zone %q is not known; zones have names like Europe/Rome, America/New_York, Asia/Tokyo or UTC", t.Zone)
	}
	t.periods = periodsOf(location)
	return nil
}

func (t *Time) checkEpoch() error {
	if t.Zone != "" || t.Assume != "" {
		return errors.New("an epoch counts from a moment in UTC, so there can be no zone, and nothing to assume")
	}
	for _, unit := range epochs {
		if unit.name == t.Epoch {
			t.perSecond = unit.perSecond
			return nil
		}
	}
	return fmt.Errorf("epoch is %q; it can be seconds, milliseconds, microseconds or nanoseconds", t.Epoch)
}

// moment makes a moment in UTC of a text; assumed says that its time of day comes from the mapping. An error is a valueError with one
// of the codes time-unreadable, time-range, time-ambiguous and time-missing.
func (t *Time) moment(text string) (at time.Time, assumed bool, err error) {
	text = strings.TrimFunc(text, blank)
	if t.perSecond != 0 {
		at, err = t.count(text)
		return at, false, err
	}
	at, err = time.ParseInLocation(t.layout, text, time.UTC)
	if err != nil {
		return time.Time{}, false, t.unreadable(text, err)
	}
	if at.Year() < firstYear || at.Year() > lastYear {
		detail := fmt.Sprintf("%s is in the year %d; observations are of %d to %d. Is the layout right?",
			jsondoc.Quote(text), at.Year(), firstYear, lastYear)
		return time.Time{}, false, valueError{codeTimeRange, detail}
	}
	if t.periods == nil {
		return at.UTC(), false, nil
	}
	at, err = t.resolve(text, at.Add(t.assumed))
	return at, t.Assume != "" && err == nil, err
}

// unreadable says why a text does not have the form of the layout.
func (t *Time) unreadable(text string, err error) error {
	detail := fmt.Sprintf("%s is not a time like %q", jsondoc.Quote(text), t.example)
	var parse *time.ParseError
	if errors.As(err, &parse) && strings.HasSuffix(parse.Message, " out of range") { // such as month: the commonest mistake
		detail += parse.Message
	}
	return valueError{codeTimeUnreadable, detail + "."}
}

// count makes a moment of a count of the epoch's units, digit by digit.
func (t *Time) count(text string) (time.Time, error) {
	whole, fraction, point := strings.Cut(text, ".")
	if !digits(whole) || point && !digits(fraction) {
		return time.Time{}, valueError{codeTimeUnreadable, fmt.Sprintf("%s is not a count of %s like %d.",
			jsondoc.Quote(text), t.Epoch, exampleTime.Unix()*t.perSecond)}
	}
	units, _ := strconv.ParseInt(whole, 10, 64) // or the greatest number
	at, ok := sinceEpoch(units, t.perSecond)
	if !ok {
		detail := fmt.Sprintf("%s %s since 1970 are not in the years %d to %d.", jsondoc.Cut(text), t.Epoch, firstYear, lastYear)
		for _, other := range epochs {
			if at, ok := sinceEpoch(units, other.perSecond); ok {
				detail += fmt.Sprintf(" Are they %s? That would be %s.", other.name, printed(at))
			}
		}
		return time.Time{}, valueError{codeTimeRange, detail}
	}
	billionths, _ := strconv.ParseInt((fraction + "000000000")[:9], 10, 64) // of a unit
	return at.Add(time.Duration(billionths / t.perSecond)), nil
}

// sinceEpoch returns the moment of a count of units since 1970; ok is false if it is not of the years of observations.
func sinceEpoch(units, perSecond int64) (at time.Time, ok bool) {
	seconds := units / perSecond
	if seconds > 1<<40 { // past the years that time.Time counts right
		return time.Time{}, false
	}
	at = time.Unix(seconds, units%perSecond*(1e9/perSecond)).UTC()
	return at, at.Year() >= firstYear && at.Year() <= lastYear
}

// resolve returns the moment at which the clocks of the zone show a time, which is given as if it were UTC.
func (t *Time) resolve(text string, wall time.Time) (time.Time, error) {
	const most = 26 * time.Hour // no offset is longer
	earliest := wall.Add(-most)
	i, _ := slices.BinarySearchFunc(t.periods, earliest, func(p period, at time.Time) int { return p.end.Compare(at) })
	var at time.Time
	for ; i < len(t.periods) && wall.Sub(t.periods[i].start) > -most; i++ {
		p := t.periods[i]
		moment := wall.Add(-p.offset)
		if moment.Before(p.start) || !moment.Before(p.end) {
			continue
		}
		if !at.IsZero() {
			return time.Time{}, valueError{codeTimeAmbiguous, fmt.Sprintf("%s happens twice in %s: %s and %s.",
				t.shown(text), t.Zone, printed(at), printed(moment))}
		}
		at = moment
	}
	if at.IsZero() {
		return time.Time{}, t.missing(text, wall)
	}
	return at, nil
}

// missing says which jump of the clocks leaves a time out.
func (t *Time) missing(text string, wall time.Time) error {
	const form = "2006-01-02 15:04:05"
	detail := fmt.Sprintf("%s does not exist in %s", t.shown(text), t.Zone)
	for i, p := range t.periods[1:] {
		from, to := p.start.Add(t.periods[i].offset), p.start.Add(p.offset)
		if !wall.Before(from) && wall.Before(to) {
			detail += fmt.Sprintf(": the clocks went from %s to %s", from.Format(form), to.Format(form))
		}
	}
	return valueError{codeTimeMissing, detail + "."}
}

// shown is the text in a message, with the time of day that the mapping assumes.
func (t *Time) shown(text string) string {
	if t.Assume != "" {
		return jsondoc.Cut(text) + " " + t.Assume
	}
	return jsondoc.Cut(text)
}

// periodsOf returns what offsets a zone has during the years of observations, and two days around them.
//
// It is made once, since a look at the rules of a zone takes longer than all else that is done with a text.
func periodsOf(location *time.Location) []period {
	var all []period
	last := time.Date(lastYear+1, time.January, 3, 0, 0, 0, 0, time.UTC)
	for at := time.Date(firstYear-1, time.December, 30, 0, 0, 0, 0, time.UTC); at.Before(last); {
		_, seconds := at.In(location).Zone()
		_, end := at.In(location).ZoneBounds()
		switch {
		case end.IsZero() || end.After(last):
			end = last
		case !end.After(at): // in a leap year, Go ends the last period a day early
			end = at.Add(time.Hour)
		}
		p := period{at, end.UTC(), time.Duration(seconds) * time.Second}
		if n := len(all); n > 0 && all[n-1].offset == p.offset {
			all[n-1].end = p.end
		} else {
			all = append(all, p)
		}
		at = p.end
	}
	return all
}

// printed is the text of an observation's time: RFC 3339 in UTC, with as many decimals as there are.
func printed(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// part is what an element of a layout stands for.
type part int

const (
	year part = iota
	month
	day
	hour
	hour12
	minute
	second
	fraction
	half // AM or PM
	weekday
	dayOfYear
	abbreviation
	offset
	parts // how many there are
)

var partNames = [parts]string{"year", "month", "day", "hour", "hour", "minute", "second", "fraction of a second", "AM or PM",
	"day of the week", "day of the year", "name of a zone", "offset"}

// elements are those of Go's layouts, in the order in which time.Format looks for them. Decimals are missing: see nextElement.
var elements = []struct {
	text string
	part part
}{
	{"January", month}, {"Jan", month}, {"Monday", weekday}, {"Mon", weekday}, {"MST", abbreviation},
	{"01", month}, {"02", day}, {"03", hour12}, {"04", minute}, {"05", second}, {"06", year}, {"002", dayOfYear},
	{"15", hour}, {"1", month}, {"2006", year}, {"2", day}, {"_2006", year}, {"_2", day}, {"__2", dayOfYear},
	{"3", hour12}, {"4", minute}, {"5", second}, {"PM", half}, {"pm", half},
	{"-070000", offset}, {"-07:00:00", offset}, {"-0700", offset}, {"-07:00", offset}, {"-07", offset},
	{"Z070000", offset}, {"Z07:00:00", offset}, {"Z0700", offset}, {"Z07:00", offset}, {"Z07", offset},
}

// form is what a layout has.
type form struct {
	has [parts]bool
	utc bool // it says so in a word, as in 15:04:05 UTC
}

// readLayout takes a layout apart. Its error completes the sentence that begins with the layout: it refuses whatever time.Parse
// would take in another way than a person means it.
func readLayout(layout string) (form, error) {
	var f form
	var between strings.Builder // what is no element
	greedy := false             // whether digits would be taken for a part of the element before them
	last := parts
	for rest := layout; rest != ""; {
		p, text := nextElement(rest)
		if text == "" {
			greedy = last == second && (rest[0] == '.' || rest[0] == ',') // decimals
			last = parts
			between.WriteByte(rest[0])
			rest = rest[1:]
			continue
		}
		switch {
		case p == abbreviation:
			return f, errors.New("has MST, the short name of a zone; several zones share such names, so give the zone itself or an offset")
		case f.has[p]:
			return f, fmt.Errorf("has the %s twice (01 is the month, 02 the day, 15 the hour, 04 the minute); %s", partNames[p], layoutHelp)
		case greedy && text[0] >= '0' && text[0] <= '9':
			return f, fmt.Errorf("has %q right behind digits whose number varies; write 01 for 1, 02 for 2 and so on", text)
		}
		f.has[p] = true
		greedy = len(text) == 1 || text == "_2" || p == fraction
		last = p
		between.WriteByte(' ')
		rest = rest[len(text):]
	}
	return f, f.check(between.String())
}

// nextElement returns the element that a layout begins with, "" for none.
func nextElement(layout string) (part, string) {
	for _, e := range elements {
		rest, ok := strings.CutPrefix(layout, e.text)
		word := e.text == "Jan" || e.text == "Mon"
		within := rest != "" && rest[0] >= 'a' && rest[0] <= 'z' // Jan in January is none
		if ok && (!word || !within) {
			return e.part, e.text
		}
	}
	if layout[0] != '.' && layout[0] != ',' {
		return parts, ""
	}
	for _, figure := range []string{"0", "9"} {
		rest := strings.TrimLeft(layout[1:], figure)
		if n := len(layout) - len(rest); n > 1 && (rest == "" || rest[0] < '0' || rest[0] > '9') {
			return fraction, layout[:n]
		}
	}
	return parts, ""
}

// check says what is wrong with the parts of a layout, and what is between them.
func (f *form) check(between string) error {
	has := &f.has
	lower := strings.ToLower(between)
	for _, pattern := range []string{"%", "dd", "mm", "yy", "hh", "ss"} {
		if strings.Contains(lower, pattern) {
			return errors.New("is written in another way; " + layoutHelp)
		}
	}
	for _, p := range []part{day, month, year} {
		if !has[p] {
			return fmt.Errorf("has no %s; %s", partNames[p], layoutHelp)
		}
	}
	for _, word := range strings.FieldsFunc(between, func(r rune) bool { return !unicode.IsLetter(r) }) {
		f.utc = f.utc || word == "Z" || word == "UTC" || word == "GMT"
	}
	switch {
	case strings.ContainsAny(between, figures):
		return errors.New("has digits that stand for nothing; " + layoutHelp)
	case has[dayOfYear]:
		return errors.New("has the day of the year besides the date; that is not read")
	case has[hour] && has[hour12]:
		return errors.New("has the hour twice; 15 is the hour of 24, 03 that of 12")
	case has[hour12] && !has[half]:
		return errors.New("has an hour of 12 (03) without AM or PM; write PM where the file has that, or 15 for an hour of 24")
	case has[half] && !has[hour12]:
		return errors.New("has PM without an hour of 12; write 03 for the hour")
	}
	for _, finer := range []struct{ p, needs part }{{fraction, second}, {second, minute}} {
		if has[finer.p] && !has[finer.needs] {
			return fmt.Errorf("has a %s, but no %s", partNames[finer.p], partNames[finer.needs])
		}
	}
	if has[minute] && !has[hour] && !has[hour12] {
		return errors.New("has a minute, but no hour; write 15 for the hour")
	}
	return nil
}
