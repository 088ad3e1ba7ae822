package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/board"
	"pricing/shared/price"
)

func written(ticks []tick) string {
	var all []string
	for _, t := range ticks {
		all = append(all, t.text)
	}
	return strings.Join(all, " ")
}

func TestAmounts(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		low, high int64
		currency  string
		most      int64
		want      string
	}{
		"between":                  {1995, 2399, "USD", 5, "19.00 20.00 21.00 22.00 23.00 24.00"},
		"few":                      {1995, 2399, "USD", 1, "15.00 20.00 25.00"},
		"no line on the time axis": {2000, 2400, "USD", 4, "19.00 20.00 21.00 22.00 23.00 24.00"},
		"nothing below 0":          {0, 100, "JPY", 2, "0 50 100"},
		"one price":                {1995, 1995, "USD", 5, "19.00 20.00"},
		"one price, round":         {2000, 2000, "USD", 5, "19.00 20.00 21.00"},
		"free":                     {0, 0, "USD", 5, "0.00 0.01"},
		"a cent":                   {1, 2, "USD", 5, "0.00 0.01 0.02"},
		"three decimals":           {26490, 26510, "BHD", 5, "26.485 26.490 26.495 26.500 26.505 26.510"},
		"the most there is":        {0, 999_999_999_999, "JPY", 2, "0 500000000000 1000000000000"},
	} {
		assert.Equal(t, tt.want, written(amounts(tt.low, tt.high, tt.currency, tt.most)), name)
	}
}

func TestAmounts_Property(tb *testing.T) {
	tb.Parallel()
	rapid.Check(tb, func(t *rapid.T) {
		low := rapid.Int64Range(0, 999_999_999_999).Draw(t, "low")
		high := rapid.Int64Range(low, 999_999_999_999).Draw(t, "high")
		most := rapid.Int64Range(1, 40).Draw(t, "most")
		ticks := amounts(low, high, "USD", most)
		require.GreaterOrEqual(t, len(ticks), 2)
		require.LessOrEqual(t, int64(len(ticks)), most+4)
		require.LessOrEqual(t, ticks[0].at, low)
		require.GreaterOrEqual(t, ticks[len(ticks)-1].at, high)
		step := ticks[1].at - ticks[0].at
		for i, tick := range ticks {
			require.GreaterOrEqual(t, tick.at, int64(0))
			require.Zero(t, tick.at%step)
			require.Equal(t, ticks[0].at+int64(i)*step, tick.at)
		}
		for step%10 == 0 {
			step /= 10
		}
		require.Contains(t, []int64{1, 2, 5}, step)
	})
}

func TestMoments(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		from, to string
		most     int64
		want     string
	}{
		"a month of weeks":     {"2026-06-06T09:14:05Z", "2026-07-06T09:14:05Z", 5, "8 Jun 15 Jun 22 Jun 29 Jun 6 Jul"},
		"a day":                {"2026-07-05T09:00:00Z", "2026-07-06T09:00:00Z", 4, "12:00 18:00 6 Jul 06:00"},
		"an hour":              {"2026-07-05T23:30:00Z", "2026-07-06T00:30:00Z", 4, "23:30 23:45 6 Jul 00:15 00:30"},
		"seconds":              {"2026-07-05T09:00:00.5Z", "2026-07-05T09:00:03Z", 4, "09:00:01 09:00:02 09:00:03"},
		"no second":            {"2026-07-05T09:00:00.5Z", "2026-07-05T09:00:00.9Z", 4, ""},
		"no time":              {"2026-07-05T09:00:00Z", "2026-07-05T09:00:00Z", 4, "09:00:00"},
		"half a year":          {"2026-01-15T00:00:00Z", "2026-07-15T00:00:00Z", 6, "Mar 2026 May 2026 Jul 2026"},
		"quarters":             {"2025-12-31T00:00:00Z", "2026-12-31T00:00:00Z", 5, "Jan 2026 Apr 2026 Jul 2026 Oct 2026"},
		"400 days in one step": {"2025-06-01T00:00:00Z", "2026-07-06T00:00:00Z", 1, ""},
	} {
		from, err := price.ParseTimestamp(tt.from)
		require.NoError(t, err)
		to, err := price.ParseTimestamp(tt.to)
		require.NoError(t, err)
		assert.Equal(t, tt.want, written(moments(board.Span{From: from, To: to}, tt.most)), name)
	}
}

func TestMoments_Property(tb *testing.T) {
	tb.Parallel()
	rapid.Check(tb, func(t *rapid.T) {
		from := price.Timestamp(rapid.Int64Range(0, 4e12).Draw(t, "from"))
		window := board.Span{From: from, To: from + price.Timestamp(rapid.Int64Range(0, int64(4000*day/time.Millisecond)).Draw(t, "length"))}
		most := rapid.Int64Range(1, 40).Draw(t, "most")
		ticks := moments(window, most)
		require.LessOrEqual(t, int64(len(ticks)), most+2)
		for i, tick := range ticks {
			require.GreaterOrEqual(t, price.Timestamp(tick.at), window.From)
			require.LessOrEqual(t, price.Timestamp(tick.at), window.To)
			require.True(t, i == 0 || tick.at > ticks[i-1].at)
		}
	})
}

func TestCutAndWrap(t *testing.T) {
	t.Parallel()
	wide := widthOf("bigmart", 12)
	assert.Equal(t, "bigmart", cut("bigmart", wide, 12))
	assert.Equal(t, "bigma…", cut("bigmart", wide-1, 12))
	assert.Equal(t, "…", cut("bigmart", 0, 12))
	assert.Equal(t, "big…", cut("big mart", widthOf("big …", 12), 12))
	assert.Empty(t, cut("", 0, 12))
	assert.Equal(t, []string{"one two", "three"}, wrap("one two three", widthOf("one two", 12), 12, 5))
	assert.Equal(t, []string{"one…"}, wrap("one two three", widthOf("one…", 12), 12, 1))
	assert.Empty(t, wrap("one two three", 1000, 12, 0))
	assert.Equal(t, []string{"l…"}, wrap("looooong", widthOf("lo…", 12)-1, 12, 5))
}
