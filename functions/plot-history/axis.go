package main

import (
	"time"

	"pricing/shared/board"
	"pricing/shared/price"
)

// tick is a mark of an axis: a moment, or an amount in minor units.
type tick struct {
	at   int64
	text string
}

// amounts returns the ticks of an axis of money from the lowest to the highest price: at most so many steps and two or three, each of
// 1, 2 or 5 times a power of ten of minor units. The axis begins at the first tick and ends at the last, and there are at least two.
func amounts(low, high int64, currency string, most int64) []tick {
	step := round(max(1, (high-low+most-1)/most))
	if low == high {
		step = round(max(1, low/20))
	}
	from := low / step * step
	to := (high + step - 1) / step * step
	if from == to {
		from = max(0, from-step)
		to += step
	}
	if low-from <= (to-from)/20 && from >= step { // no line should lie on the axis of time
		from -= step
	}
	var ticks []tick
	for at := from; at <= to; at += step {
		ticks = append(ticks, tick{at, price.Money{Minor: at, Currency: currency}.Amount()})
	}
	return ticks
}

// round returns the least of 1, 2 and 5 times a power of ten that is not below n.
func round(n int64) int64 {
	for power := int64(1); ; power *= 10 {
		for _, step := range []int64{power, 2 * power, 5 * power} {
			if step >= n {
				return step
			}
		}
	}
}

const day = 24 * time.Hour

// spacing is how far apart the ticks of time stand: by a length of time, or by months.
type spacing struct {
	length time.Duration
	months int
	layout string
}

var spacings = []spacing{
	{time.Second, 0, "15:04:05"}, {5 * time.Second, 0, "15:04:05"}, {15 * time.Second, 0, "15:04:05"},
	{time.Minute, 0, "15:04"}, {5 * time.Minute, 0, "15:04"}, {15 * time.Minute, 0, "15:04"},
	{time.Hour, 0, "15:04"}, {3 * time.Hour, 0, "15:04"}, {6 * time.Hour, 0, "15:04"}, {12 * time.Hour, 0, "15:04"},
	{day, 0, "2 Jan"}, {2 * day, 0, "2 Jan"}, {7 * day, 0, "2 Jan"}, {14 * day, 0, "2 Jan"},
	{30 * day, 1, "Jan 2006"}, {61 * day, 2, "Jan 2006"}, {91 * day, 3, "Jan 2006"}, {182 * day, 6, "Jan 2006"}, {365 * day, 12, "Jan 2006"},
	{5 * 365 * day, 60, "Jan 2006"}, {50 * 365 * day, 600, "Jan 2006"},
}

// moments returns the ticks of an axis of time in UTC: at most so many and one. Weeks begin on Monday. Midnight has its date.
func moments(window board.Span, most int64) []tick {
	span := time.Duration(window.To-window.From) * time.Millisecond
	chosen := spacings[len(spacings)-1]
	for _, s := range spacings {
		if span <= s.length*time.Duration(most) {
			chosen = s
			break
		}
	}
	var ticks []tick
	for at := chosen.first(window.From.Time()); price.At(at) <= window.To; at = chosen.next(at) {
		layout := chosen.layout
		if chosen.length < day && at.Equal(at.Truncate(day)) {
			layout = "2 Jan"
		}
		ticks = append(ticks, tick{int64(price.At(at)), at.Format(layout)})
	}
	return ticks
}

// first returns the first tick at or after a moment.
func (s spacing) first(from time.Time) time.Time {
	at := from.Truncate(s.length) // counted from a Monday, the first of January of the year 1
	if s.months > 0 {
		months := (from.Year()*12 + int(from.Month()) - 1) / s.months * s.months
		at = time.Date(months/12, time.Month(months%12+1), 1, 0, 0, 0, 0, time.UTC)
	}
	for at.Before(from) {
		at = s.next(at)
	}
	return at
}

func (s spacing) next(at time.Time) time.Time {
	if s.months > 0 {
		return at.AddDate(0, s.months, 0)
	}
	return at.Add(s.length)
}
