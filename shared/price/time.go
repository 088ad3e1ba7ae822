package price

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Timestamp is a moment in Unix milliseconds, UTC.
type Timestamp int64

// NoTime is the absence of a moment; it orders before every moment.
const NoTime Timestamp = math.MinInt64

// At returns the moment of t, cut to the millisecond.
func At(t time.Time) Timestamp { return Timestamp(t.UnixMilli()) }

// Time returns the moment as a time in UTC.
func (t Timestamp) Time() time.Time { return time.UnixMilli(int64(t)).UTC() }

// Add returns the moment d later.
func (t Timestamp) Add(d time.Duration) Timestamp { return t + Timestamp(d.Milliseconds()) }

// String returns RFC 3339 in UTC with milliseconds, for example 2026-07-06T09:14:03.000Z.
func (t Timestamp) String() string {
	moment := t.Time()
	seconds := moment.Format(time.RFC3339) // this layout has a fast way in package time
	millis := strconv.Itoa(1000 + moment.Nanosecond()/int(time.Millisecond))[1:]
	return strings.TrimSuffix(seconds, "Z") + "." + millis + "Z"
}

// MarshalJSON writes the text, or null for NoTime.
func (t Timestamp) MarshalJSON() ([]byte, error) {
	if t == NoTime {
		return []byte("null"), nil
	}
	return []byte(`"` + t.String() + `"`), nil
}

// What may be wrong with a timestamp, each completing the sentence that begins with its text.
var (
	errTimestamp = errors.New("is not an RFC 3339 timestamp with an offset, such as 2026-07-06T09:14:03Z")
	errDateOnly  = errors.New("is a date without a time of day; a timestamp is a moment, such as 2026-07-06T09:14:03Z")
	errNoOffset  = errors.New("has no offset from UTC, such as Z or +02:00, so it is no moment")
	errUnknown   = errors.New("has the offset -00:00, which means unknown; an offset is needed")
	errDecimals  = errors.New("has more than 9 decimals of a second")
	errLeap      = errors.New("has the second 60, a leap second, which cannot be kept; send the second 59")
	errUnreal    = errors.New("is not a real date and time")
	errYear      = errors.New("lies outside the years 1 to 9999")
)

// ParseTimestamp reads RFC 3339 with an offset and up to nine decimals of a second, and cuts to the millisecond.
//
// time.Parse alone is too kind: it takes one-digit hours, a comma before the decimals and offsets such as +24:60. And it does not
// say what is wrong, while a client has to be told.
func ParseTimestamp(s string) (Timestamp, error) {
	const date = "dddd-dd-dd"
	const seconds = date + "Tdd:dd:dd"
	s = strings.ToUpper(s) // t and z may be lower-case
	switch {
	case matches(s, date):
		return 0, errDateOnly
	case len(s) < len(seconds) || !matches(s[:len(seconds)], seconds):
		return 0, errTimestamp
	}
	moment, rest := s[:len(seconds)], s[len(seconds):]
	millis := 0
	if fraction, ok := strings.CutPrefix(rest, "."); ok {
		n := 0
		for n < len(fraction) && digit(fraction[n]) {
			n++
		}
		switch {
		case n == 0:
			return 0, errTimestamp
		case n > 9:
			return 0, errDecimals
		}
		millis, _ = strconv.Atoi((fraction[:n] + "00")[:3]) // three digits
		rest = fraction[n:]
	}
	switch {
	case rest == "":
		return 0, errNoOffset
	case rest == "-00:00":
		return 0, errUnknown
	case rest == "Z":
	case !matches(rest, "+dd:dd") && !matches(rest, "-dd:dd"):
		return 0, errTimestamp
	case rest[1:3] > "23" || rest[4:] > "59":
		return 0, fmt.Errorf("has the offset %s; offsets run from 00:00 to 23:59", rest)
	}
	if strings.HasSuffix(moment, ":60") {
		return 0, errLeap
	}
	t, err := time.Parse(time.RFC3339, moment+rest)
	if err != nil {
		return 0, errUnreal
	}
	if y := t.UTC().Year(); y < 1 || y > 9999 {
		return 0, errYear
	}
	return At(t) + Timestamp(millis), nil
}

// matches compares s with a pattern in which d stands for a digit.
func matches(s, pattern string) bool {
	if len(s) != len(pattern) {
		return false
	}
	for i := range len(s) {
		if pattern[i] == 'd' && !digit(s[i]) || pattern[i] != 'd' && s[i] != pattern[i] {
			return false
		}
	}
	return true
}

// maxDuration bounds what a duration may say: ten years of days.
const maxDuration = 3660 * 24 * time.Hour

var errDuration = errors.New("is not an ISO 8601 duration such as PT26H or P30D")

// ParseDuration reads an ISO 8601 duration of weeks, or of days, hours, minutes and seconds: longer than 0 and at most
// 3660 days. Years and months are refused, their length being unknown; so are fractions.
func ParseDuration(s string) (time.Duration, error) {
	rest, ok := strings.CutPrefix(s, "P")
	if !ok {
		return 0, errDuration
	}
	date, clock, hasClock := strings.Cut(rest, "T")
	if hasClock && clock == "" {
		return 0, errDuration
	}
	var total time.Duration
	weeks := strings.HasSuffix(date, "W") && !hasClock
	units := map[bool]string{false: "D", true: "W"}[weeks]
	for _, part := range []struct{ text, units string }{{date, units}, {clock, "HMS"}} {
		text, units := part.text, part.units
		for text != "" {
			n := 0
			for n < len(text) && digit(text[n]) {
				n++
			}
			if n == 0 || n > 9 || n == len(text) {
				return 0, errDuration
			}
			at := strings.IndexByte(units, text[n])
			if at < 0 {
				return 0, errDuration
			}
			count, _ := strconv.Atoi(text[:n]) // at most nine digits
			unit := map[byte]time.Duration{'W': 7 * 24 * time.Hour, 'D': 24 * time.Hour, 'H': time.Hour, 'M': time.Minute, 'S': time.Second}[text[n]]
			if time.Duration(count) > maxDuration/unit {
				return 0, fmt.Errorf("is longer than %d days", maxDuration/(24*time.Hour))
			}
			total += time.Duration(count) * unit
			units, text = units[at+1:], text[n+1:]
		}
	}
	switch {
	case total > maxDuration:
		return 0, fmt.Errorf("is longer than %d days", maxDuration/(24*time.Hour))
	case total == 0:
		return 0, errors.New("must be longer than 0")
	}
	return total, nil
}

// FormatDuration writes whole seconds as ISO 8601, in days when they are more than one and even, else in hours,
// minutes and seconds: P30D, PT26H.
func FormatDuration(d time.Duration) string {
	if days := d / (24 * time.Hour); days > 1 && d%(24*time.Hour) == 0 {
		return "P" + strconv.Itoa(int(days)) + "D"
	}
	out := "PT"
	for _, unit := range []struct {
		length time.Duration
		letter string
	}{{time.Hour, "H"}, {time.Minute, "M"}, {time.Second, "S"}} {
		if n := d / unit.length; n > 0 {
			out += strconv.Itoa(int(n)) + unit.letter
			d -= n * unit.length
		}
	}
	return out
}
