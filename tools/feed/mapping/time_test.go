package mapping

import (
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// zones are of every kind: both hemispheres, jumps of half an hour (Lord Howe) and of two (Troll), daylight saving that is turned
// around (Dublin) or follows Ramadan (Casablanca), offsets of quarter hours, no change at all.
var zones = []string{
	"UTC", "Europe/Rome", "Europe/London", "Europe/Dublin", "Europe/Zagreb", "Europe/Moscow", "Europe/Istanbul", "Europe/Chisinau",
	"America/New_York", "America/Los_Angeles", "America/St_Johns", "America/Sao_Paulo", "America/Santiago", "America/Havana",
	"America/Nuuk", "America/Caracas", "Africa/Casablanca", "Africa/Cairo", "Africa/Lagos", "Asia/Tokyo", "Asia/Kolkata",
	"Asia/Kathmandu", "Asia/Jerusalem", "Asia/Beirut", "Asia/Gaza", "Australia/Sydney", "Australia/Adelaide", "Australia/Lord_Howe",
	"Pacific/Auckland", "Pacific/Chatham", "Pacific/Apia", "Pacific/Kiritimati", "Antarctica/Troll",
}

func timeOf(t testing.TB, settings string) *Time {
	t.Helper()
	var of Time
	require.NoError(t, decode(t, settings, &of))
	require.NoError(t, of.check())
	return &of
}

func codeOf(err error) string {
	e := valueError{}
	errors.As(err, &e)
	return e.code
}

func TestTime_check(t *testing.T) {
	help := "; " + layoutHelp
	const twice = `has the day twice (01 is the month, 02 the day, 15 the hour, 04 the minute)`
	for settings, want := range map[string]string{
		`{layout: 02/01/2006 15:04:05, zone: Europe/Rome}`:    "",
		`{layout: "2006-01-02T15:04:05Z07:00"}`:               "",
		`{layout: "Mon, 2 Jan 2006 15:04:05 -0700"}`:          "",
		`{layout: 20060102150405, zone: UTC}`:                 "",
		`{layout: "20060102T150405.000", zone: UTC}`:          "",
		`{layout: "1/2/06 3:04 PM", zone: America/New_York}`:  "",
		`{layout: "2006-01-02 15 Uhr", zone: Europe/Berlin}`:  "",
		`{layout: "2006-01-02T15:04:05Z", zone: UTC}`:         "",
		`{layout: "2006-01-02", assume: "12:00", zone: UTC}`:  "",
		`{layout: "2006-01-02 15:04:05,999999", zone: UTC}`:   "",
		`{layout: "January 2, 2006 at 3:04pm", zone: UTC}`:    "",
		`{layout: "15:04:05 02.01.2006", zone: Asia/Kolkata}`: "",
		`{epoch: seconds}`:     "",
		`{epoch: nanoseconds}`: "",

		`{}`:          `a time needs a layout, such as "02/01/2006 15:04:05", or an epoch, such as seconds`,
		`{zone: UTC}`: `a time needs a layout, such as "02/01/2006 15:04:05", or an epoch, such as seconds`,
		`{layout: 2006-01-02T15:04:05Z07:00, epoch: seconds}`: `a time has a layout or an epoch, not both`,
		`{epoch: ms}`:                        `epoch is "ms"; it can be seconds, milliseconds, microseconds or nanoseconds`,
		`{epoch: seconds, zone: UTC}`:        `an epoch counts from a moment in UTC, so there can be no zone, and nothing to assume`,
		`{epoch: seconds, assume: "12:00"}`:  `an epoch counts from a moment in UTC, so there can be no zone, and nothing to assume`,
		`{layout: DD/MM/YYYY}`:               `layout "DD/MM/YYYY" is written in another way` + help,
		`{layout: "%d/%m/%Y"}`:               `layout "%d/%m/%Y" is written in another way` + help,
		`{layout: "02/01/2006 HH:mm"}`:       `layout "02/01/2006 HH:mm" is written in another way` + help,
		`{layout: yyyyMMdd}`:                 `layout "yyyyMMdd" is written in another way` + help,
		`{layout: 01/2006}`:                  `layout "01/2006" has no day` + help,
		`{layout: 02 2006}`:                  `layout "02 2006" has no month` + help,
		`{layout: 02/01 15:04}`:              `layout "02/01 15:04" has no year` + help,
		`{layout: today}`:                    `layout "today" has no day` + help,
		`{layout: "2026-11-20 10:00:00"}`:    `layout "2026-11-20 10:00:00" ` + twice + help,
		`{layout: 02/01/2006 02:30}`:         `layout "02/01/2006 02:30" ` + twice + help,
		`{layout: "2006-01-02 00:00:00"}`:    `layout "2006-01-02 00:00:00" has digits that stand for nothing` + help,
		`{layout: "2006-01-02T15:04+07:00"}`: `layout "2006-01-02T15:04+07:00" has digits that stand for nothing` + help,
		`{layout: "02 Jan 2006 15:04 MST"}`: `layout "02 Jan 2006 15:04 MST" has MST, the short name of a zone; ` +
			`several zones share such names, so give the zone itself or an offset`,
		`{layout: "02 Jan 2006 03:04", zone: UTC}`: `layout "02 Jan 2006 03:04" has an hour of 12 (03) without AM or PM; ` +
			`write PM where the file has that, or 15 for an hour of 24`,
		`{layout: "02 Jan 2006 15:04 PM", zone: UTC}`: `layout "02 Jan 2006 15:04 PM" has PM without an hour of 12; write 03 for the hour`,
		`{layout: "02 Jan 2006 15:03 PM", zone: UTC}`: `layout "02 Jan 2006 15:03 PM" has the hour twice; 15 is the hour of 24, 03 that of 12`,
		`{layout: "02 Jan 2006 :04", zone: UTC}`:      `layout "02 Jan 2006 :04" has a minute, but no hour; write 15 for the hour`,
		`{layout: "02 Jan 2006 15:05", zone: UTC}`:    `layout "02 Jan 2006 15:05" has a second, but no minute`,
		`{layout: "02 Jan 2006 15:04.00", zone: UTC}`: `layout "02 Jan 2006 15:04.00" has a fraction of a second, but no second`,
		`{layout: "2006 21 15:04", zone: UTC}`: `layout "2006 21 15:04" has "1" right behind digits whose number varies; ` +
			`write 01 for 1, 02 for 2 and so on`,
		`{layout: "2006 _21 15:04", zone: UTC}`: `layout "2006 _21 15:04" has "1" right behind digits whose number varies; ` +
			`write 01 for 1, 02 for 2 and so on`,
		`{layout: "15:04:05.02.01.2006", zone: UTC}`: `layout "15:04:05.02.01.2006" has "02" right behind digits whose number varies; ` +
			`write 01 for 1, 02 for 2 and so on`,
		`{layout: "2006-01-02 002", zone: UTC}`: `layout "2006-01-02 002" ` +
			`has the day of the year besides the date; that is not read`,
		`{layout: "2006-01-02Z07:00"}`:                            `layout "2006-01-02Z07:00" has an offset, but no time of day`,
		`{layout: "2006-01-02 15:04 -0700", zone: UTC}`:           `layout "2006-01-02 15:04 -0700" has an offset, so there can be no zone`,
		`{layout: "2006-01-02 15:04 -07", assume: "12:00"}`:       `layout "2006-01-02 15:04 -07" has an hour, so there is nothing to assume`,
		`{layout: "2006-01-02 15:04", zone: UTC, assume: "1:00"}`: `layout "2006-01-02 15:04" has an hour, so there is nothing to assume`,
		`{layout: "2006-01-02", zone: UTC}`: `layout "2006-01-02" ` +
			`has no time of day; say which one to assume, such as assume: "12:00"`,
		`{layout: "2006-01-02", assume: "12:00"}`: `layout "2006-01-02" has no offset from UTC, so it needs the zone of its clock, ` +
			`such as Europe/Rome or UTC`,
		`{layout: "2006-01-02 15:04"}`: `layout "2006-01-02 15:04" has no offset from UTC, so it needs the zone of its clock, ` +
			`such as Europe/Rome or UTC`,
		`{layout: "2006-01-02T15:04:05Z"}`: `layout "2006-01-02T15:04:05Z" has no offset from UTC, so it needs the zone of its clock, ` +
			`such as Europe/Rome or UTC`,
		`{layout: "2006-01-02T15:04:05Z", zone: Europe/Rome}`: `layout "2006-01-02T15:04:05Z" says that the times are UTC, so zone must be UTC`,
		`{layout: "2006-01-02", zone: UTC, assume: "24:00"}`:  `assume is "24:00"; it must be a time of day from 00:00 to 23:59`,
		`{layout: "2006-01-02", zone: UTC, assume: "9:00"}`:   `assume is "9:00"; it must be a time of day from 00:00 to 23:59`,
		`{layout: "2006-01-02", zone: UTC, assume: noon}`:     `assume is "noon"; it must be a time of day from 00:00 to 23:59`,
		`{layout: "2006-01-02 15:04", zone: Rome}`: `zone "Rome" is not known; zones have names like Europe/Rome, America/New_York, ` +
			`Asia/Tokyo or UTC`,
		`{layout: "2006-01-02 15:04", zone: Local}`: `zone "Local" is not known; zones have names like Europe/Rome, America/New_York, ` +
			`Asia/Tokyo or UTC`,
	} {
		t.Run(settings, func(t *testing.T) {
			var of Time
			require.NoError(t, decode(t, settings, &of))
			err := of.check()
			if want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, want)
		})
	}
}

func TestTime_moment(t *testing.T) {
	const (
		rome = `{layout: 02/01/2006 15:04:05, zone: Europe/Rome}`
		form = "2006-01-02 15:04:05"
		date = `{layout: 2006-01-02, zone: Europe/Rome, assume: "02:30"}`
	)
	in := func(zone string) string { return `{layout: "` + form + `", zone: ` + zone + `}` }
	for _, tt := range []struct{ settings, text, want string }{
		{rome, "19/11/2026 20:00:00", "2026-11-19T19:00:00Z"},
		{rome, "19/07/2026 20:00:04", "2026-07-19T18:00:04Z"},
		{rome, " 19/11/2026  9:00:00\u00a0", "2026-11-19T08:00:00Z"},
		{rome, "19/11/2026 20:00:00.5", "2026-11-19T19:00:00.5Z"},
		{rome, "19/11/2026 20:00:00,000120", "2026-11-19T19:00:00.00012Z"},
		{rome, "19/11/2026 20:00:00.1234567899", "2026-11-19T19:00:00.123456789Z"},
		{rome, "01/01/2000 00:30:00", "1999-12-31T23:30:00Z"},
		{rome, "31/12/2100 23:59:59", "2100-12-31T22:59:59Z"},
		{rome, "25/10/2026 01:59:59", "2026-10-24T23:59:59Z"},
		{rome, "25/10/2026 03:00:00", "2026-10-25T02:00:00Z"},
		{rome, "25/10/2026 02:30:00", "time-ambiguous: 25/10/2026 02:30:00 happens twice in Europe/Rome: " +
			"2026-10-25T00:30:00Z and 2026-10-25T01:30:00Z."},
		{rome, "29/03/2026 02:30:00", "time-missing: 29/03/2026 02:30:00 does not exist in Europe/Rome: " +
			"the clocks went from 2026-03-29 02:00:00 to 2026-03-29 03:00:00."},
		{rome, "29/03/2026 03:00:00", "2026-03-29T01:00:00Z"},
		{rome, "", `time-unreadable: "" is not a time like "20/11/2026 17:45:30".`},
		{rome, "11/19/2026 20:00:00", `time-unreadable: "11/19/2026 20:00:00" is not a time like "20/11/2026 17:45:30": month out of range.`},
		{rome, "29/02/2026 20:00:00", `time-unreadable: "29/02/2026 20:00:00" is not a time like "20/11/2026 17:45:30": day out of range.`},
		{rome, "19/11/2026 20:00", `time-unreadable: "19/11/2026 20:00" is not a time like "20/11/2026 17:45:30".`},
		{rome, "19/11/2026 20:00:00 CET", `time-unreadable: "19/11/2026 20:00:00 CET" is not a time like "20/11/2026 17:45:30".`},
		{rome, "19/11/2026 24:00:00", `time-unreadable: "19/11/2026 24:00:00" is not a time like "20/11/2026 17:45:30": hour out of range.`},
		{rome, "31/12/1999 20:00:00", `time-range: "31/12/1999 20:00:00" is in the year 1999; ` +
			`observations are of 2000 to 2100. Is the layout right?`},
		{rome, "01/01/2101 00:00:00", `time-range: "01/01/2101 00:00:00" is in the year 2101; ` +
			`observations are of 2000 to 2100. Is the layout right?`},
		{`{layout: 1/2/06 3:04 PM, zone: America/New_York}`, "11/1/26 12:05 AM", "2026-11-01T04:05:00Z"},
		{`{layout: 1/2/06 3:04 PM, zone: America/New_York}`, "11/1/68 12:05 PM", "2068-11-01T16:05:00Z"},
		{`{layout: 1/2/06 3:04 PM, zone: America/New_York}`, "11/1/69 12:05 PM",
			`time-range: "11/1/69 12:05 PM" is in the year 1969; observations are of 2000 to 2100. Is the layout right?`},
		{`{layout: 20060102150405, zone: UTC}`, "20261120174530", "2026-11-20T17:45:30Z"},
		{`{layout: "2006-01-02T15:04:05Z", zone: UTC}`, "2026-11-20T17:45:30Z", "2026-11-20T17:45:30Z"},
		{`{layout: "2006-01-02T15:04:05Z07:00"}`, "2026-11-20T17:45:30.25+05:30", "2026-11-20T12:15:30.25Z"},
		{`{layout: "2006-01-02T15:04:05Z07:00"}`, "2026-11-20T17:45:30", `time-unreadable: "2026-11-20T17:45:30" ` +
			`is not a time like "2026-11-20T17:45:30Z".`},
		{`{layout: "Mon, 02 Jan 2006 15:04:05 -0700"}`, "Fri, 20 Nov 2026 17:45:30 -0800", "2026-11-21T01:45:30Z"},

		{date, "2026-11-20", "2026-11-20T01:30:00Z assumed"},
		{date, "2026-10-25", "time-ambiguous: 2026-10-25 02:30 happens twice in Europe/Rome: 2026-10-25T00:30:00Z and 2026-10-25T01:30:00Z."},
		{date, "2026-03-29", "time-missing: 2026-03-29 02:30 does not exist in Europe/Rome: " +
			"the clocks went from 2026-03-29 02:00:00 to 2026-03-29 03:00:00."},
		{`{layout: 2006-01-02, zone: UTC, assume: "00:00"}`, "2026-10-25", "2026-10-25T00:00:00Z assumed"},

		{in("Australia/Lord_Howe"), "2026-04-05 01:45:00", "time-ambiguous: 2026-04-05 01:45:00 happens twice in Australia/Lord_Howe: " +
			"2026-04-04T14:45:00Z and 2026-04-04T15:15:00Z."},
		{in("Australia/Lord_Howe"), "2026-10-04 02:29:59", "time-missing: 2026-10-04 02:29:59 does not exist in Australia/Lord_Howe: " +
			"the clocks went from 2026-10-04 02:00:00 to 2026-10-04 02:30:00."},
		{in("Pacific/Apia"), "2011-12-30 10:00:00", "time-missing: 2011-12-30 10:00:00 does not exist in Pacific/Apia: " +
			"the clocks went from 2011-12-30 00:00:00 to 2011-12-31 00:00:00."},
		{in("Pacific/Apia"), "2011-12-29 23:59:59", "2011-12-30T09:59:59Z"},
		{in("Pacific/Apia"), "2011-12-31 00:00:00", "2011-12-30T10:00:00Z"},
		{in("Asia/Pyongyang"), "2018-05-04 23:45:00", "time-missing: 2018-05-04 23:45:00 does not exist in Asia/Pyongyang: " +
			"the clocks went from 2018-05-04 23:30:00 to 2018-05-05 00:00:00."},
		{in("America/Caracas"), "2007-12-09 02:45:00", "time-ambiguous: 2007-12-09 02:45:00 happens twice in America/Caracas: " +
			"2007-12-09T06:45:00Z and 2007-12-09T07:15:00Z."},
		{in("Europe/Rome"), "2028-12-31 12:00:00", "2028-12-31T11:00:00Z"},

		{`{epoch: seconds}`, "1764000000", "2025-11-24T16:00:00Z"},
		{`{epoch: seconds}`, " 1764000000.1234567891 ", "2025-11-24T16:00:00.123456789Z"},
		{`{epoch: seconds}`, "0946684800.0", "2000-01-01T00:00:00Z"},
		{`{epoch: seconds}`, "4133980799", "2100-12-31T23:59:59Z"},
		{`{epoch: milliseconds}`, "1764000000123", "2025-11-24T16:00:00.123Z"},
		{`{epoch: milliseconds}`, "1764000000123.456", "2025-11-24T16:00:00.123456Z"},
		{`{epoch: microseconds}`, "1764000000123456.7891", "2025-11-24T16:00:00.123456789Z"},
		{`{epoch: nanoseconds}`, "1764000000123456789.9", "2025-11-24T16:00:00.123456789Z"},
		{`{epoch: seconds}`, "1764000000123", "time-range: 1764000000123 seconds since 1970 are not in the years 2000 to 2100. " +
			"Are they milliseconds? That would be 2025-11-24T16:00:00.123Z."},
		{`{epoch: milliseconds}`, "1764000000", "time-range: 1764000000 milliseconds since 1970 are not in the years 2000 to 2100. " +
			"Are they seconds? That would be 2025-11-24T16:00:00Z."},
		{`{epoch: seconds}`, "4133980800", "time-range: 4133980800 seconds since 1970 are not in the years 2000 to 2100."},
		{`{epoch: nanoseconds}`, "99999999999999999999", "time-range: 99999999999999999999 nanoseconds since 1970 " +
			"are not in the years 2000 to 2100."},
		{`{epoch: seconds}`, "0", "time-range: 0 seconds since 1970 are not in the years 2000 to 2100."},
		{`{epoch: seconds}`, "-1", `time-unreadable: "-1" is not a count of seconds like 1795196730.`},
		{`{epoch: milliseconds}`, "1.764e12", `time-unreadable: "1.764e12" is not a count of milliseconds like 1795196730000.`},
		{`{epoch: seconds}`, "", `time-unreadable: "" is not a count of seconds like 1795196730.`},
		{`{epoch: seconds}`, "1764000000.", `time-unreadable: "1764000000." is not a count of seconds like 1795196730.`},
		{`{epoch: seconds}`, "0x5", `time-unreadable: "0x5" is not a count of seconds like 1795196730.`},
	} {
		t.Run(tt.settings+tt.text, func(t *testing.T) {
			at, assumed, err := timeOf(t, tt.settings).moment(tt.text)
			got := printed(at)
			if assumed {
				got += " assumed"
			}
			if err != nil {
				got = err.Error()
				assert.False(t, assumed)
				assert.Zero(t, at)
			}
			assert.Equal(t, tt.want, got)
			assert.Equal(t, time.UTC, at.Location())
		})
	}
}

// TestTime_roundTrip: what a clock shows is that moment, or there are two and it is one of them.
func TestTime_roundTrip(t *testing.T) {
	times := map[string]*Time{}
	layouts := []string{"2006-01-02 15:04:05", "02/01/2006 15:04:05.999999999", "Mon Jan _2 15:04:05,000000000 2006",
		"3:04:05 PM, 1/2/2006", "20060102150405", "02.01.06 15:04:05"}
	rapid.Check(t, func(r *rapid.T) {
		zone, layout := rapid.SampledFrom(zones).Draw(r, "zone"), rapid.SampledFrom(layouts).Draw(r, "layout")
		of := times[zone+layout]
		if of == nil {
			of = &Time{Layout: layout, Zone: zone}
			require.NoError(r, of.check())
			times[zone+layout] = of
		}
		location, err := time.LoadLocation(zone)
		require.NoError(r, err)
		last := time.Date(2068, time.December, 30, 0, 0, 0, 0, time.UTC).Unix() // 06 goes no further
		at := time.Unix(rapid.Int64Range(time.Date(2000, time.January, 2, 0, 0, 0, 0, time.UTC).Unix(), last).Draw(r, "seconds"), 0)
		if strings.ContainsAny(layout, ",.") && strings.Contains(layout, "000") || strings.Contains(layout, "999") {
			at = at.Add(time.Duration(rapid.Int64Range(0, 1e9-1).Draw(r, "nanoseconds")))
		}
		text := at.In(location).Format(layout)
		got, assumed, err := of.moment(text)
		require.False(r, assumed)
		if err != nil {
			require.Equal(r, codeTimeAmbiguous, codeOf(err), err)
			require.Contains(r, err.Error(), printed(at))
			return
		}
		require.Equal(r, printed(at), printed(got), text)
	})
}

// TestTime_transitions compares with a slow count: of all minutes, those at which the clock shows a time.
func TestTime_transitions(t *testing.T) {
	type span struct {
		zone     string
		from, to int
	}
	spans := []span{
		{"Pacific/Apia", 2009, 2013}, {"Pacific/Fakaofo", 2011, 2013}, {"Asia/Pyongyang", 2015, 2019}, {"America/Caracas", 2007, 2017},
		{"Europe/Istanbul", 2014, 2017}, {"Europe/Volgograd", 2018, 2021}, {"Asia/Colombo", 2006, 2007}, {"Africa/Juba", 2021, 2022},
		{"America/Punta_Arenas", 2016, 2017}, {"Antarctica/Casey", 2009, 2012}, {"Asia/Kathmandu", 2000, 2001}, {"Europe/Rome", 2098, 2101},
	}
	for _, zone := range zones {
		spans = append(spans, span{zone, 2025, 2028})
	}
	changes := 0
	for _, s := range spans {
		t.Run(s.zone, func(t *testing.T) {
			location, err := time.LoadLocation(s.zone)
			require.NoError(t, err)
			of := &Time{Layout: "2006-01-02 15:04", Zone: s.zone}
			require.NoError(t, of.check())
			offset := func(at time.Time) int { _, o := at.In(location).Zone(); return o }
			end := time.Date(s.to, time.January, 1, 0, 0, 0, 0, time.UTC)
			for at := time.Date(s.from, time.January, 1, 0, 0, 0, 0, time.UTC); at.Before(end); at = at.Add(time.Hour) {
				if offset(at) != offset(at.Add(time.Hour)) {
					changes++
					around(t, of, location, at)
				}
			}
		})
	}
	assert.Greater(t, changes, 100, "the zones have changes")
}

// around compares each minute of the clock from a day before a change to a day after it.
func around(t *testing.T, of *Time, location *time.Location, change time.Time) {
	t.Helper()
	shown := map[string][]string{}
	for at := change.Add(-54 * time.Hour); at.Before(change.Add(54 * time.Hour)); at = at.Add(time.Minute) {
		wall := at.In(location).Format(of.Layout)
		shown[wall] = append(shown[wall], printed(at))
	}
	_, seconds := change.In(location).Zone()
	middle := change.UTC().Add(time.Duration(seconds) * time.Second)
	for wall := middle.Add(-25 * time.Hour); wall.Before(middle.Add(25 * time.Hour)); wall = wall.Add(time.Minute) {
		text := wall.Format(of.Layout)
		got, _, err := of.moment(text)
		switch want := shown[text]; len(want) {
		case 0:
			require.Equal(t, codeTimeMissing, codeOf(err), text)
			require.ErrorContains(t, err, ": the clocks went from ")
		case 1:
			require.NoError(t, err, text)
			require.Equal(t, want[0], printed(got), text)
		default:
			require.Equal(t, codeTimeAmbiguous, codeOf(err), text)
			require.ErrorContains(t, err, want[0]+" and "+want[1]+".")
		}
	}
}

// TestPeriodsOf: nothing lies between two periods, and each has the offset of its zone, even where Go's bounds have a hole.
func TestPeriodsOf(t *testing.T) {
	for _, zone := range zones {
		location, err := time.LoadLocation(zone)
		require.NoError(t, err)
		periods := periodsOf(location)
		for i, p := range periods {
			require.True(t, p.start.Before(p.end), zone)
			if i > 0 {
				require.Equal(t, periods[i-1].end, p.start, zone)
				require.NotEqual(t, periods[i-1].offset, p.offset, zone)
			}
			for _, at := range []time.Time{p.start, p.start.Add(p.end.Sub(p.start) / 2), p.end.Add(-1)} {
				_, seconds := at.In(location).Zone()
				require.Equal(t, time.Duration(seconds)*time.Second, p.offset, "%s at %s", zone, at)
			}
		}
	}
}

func FuzzTime_check(f *testing.F) {
	for _, layout := range []string{"2006-01-02 15:04:05", "02/01/2006", "Mon Jan _2 15:04:05.000 2006", "1/2/06 3:04pm", "DD.MM.YYYY",
		"2006-01-02T15:04:05.999999999Z07:00", "January 2 2006 15 -07", "15:04:05.02.01.2006", "_2006-01-02", "2 1 2006 3 PM", "12006 02"} {
		f.Add(layout, int64(1792888200), int64(123456789))
	}
	f.Fuzz(func(t *testing.T, layout string, seconds, nanos int64) {
		seconds = 946771200 + (seconds&(1<<62-1))%2177000000 // the years 2000 to 2068, which two digits can say
		at := time.Unix(seconds, nanos&(1<<62-1)%1e9)
		for _, of := range []*Time{
			{Layout: layout}, {Layout: layout, Zone: "UTC"}, {Layout: layout, Zone: "Europe/Rome", Assume: "02:30"},
			{Layout: layout, Zone: "Australia/Lord_Howe"},
		} {
			if of.check() != nil {
				continue
			}
			location := time.FixedZone("", 3*60*60)
			if of.Zone != "" {
				var err error
				location, err = time.LoadLocation(of.Zone)
				require.NoError(t, err)
			}
			text := at.In(location).Format(of.layout)
			got, assumed, err := of.moment(text)
			switch codeOf(err) {
			case "":
				require.NoError(t, err)
				require.Equal(t, text, got.In(location).Format(of.layout))
				require.Equal(t, of.Assume != "", assumed)
				require.Equal(t, at.In(location).Format("2006-01-02"), got.In(location).Format("2006-01-02"), "%q", text)
			case codeTimeAmbiguous, codeTimeMissing:
			default:
				t.Errorf("layout %q does not read %q: %v", of.layout, text, err)
			}
		}
	})
}

func FuzzTime_moment(f *testing.F) {
	for _, text := range []string{"19/11/2026 20:00:00", "25/10/2026 02:30:00", "29/03/2026 2:30:00.5", "1764000000", "1764000000123.25", "0",
		"31/02/2026 00:00:00,123456789123", "+1", "99999999999999999999", " 01/01/2000 00:00:00 ", "01/01/0000 00:00:00"} {
		f.Add(text)
	}
	rome := timeOf(f, `{layout: 02/01/2006 15:04:05, zone: Europe/Rome}`)
	location, err := time.LoadLocation("Europe/Rome")
	require.NoError(f, err)
	wall := regexp.MustCompile(`^([0-9]{2})/([0-9]{2})/([0-9]{4}) +([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:[.,]([0-9]+))?$`)
	count := regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)
	codes := []string{codeTimeUnreadable, codeTimeRange, codeTimeAmbiguous, codeTimeMissing}
	f.Fuzz(func(t *testing.T, text string) {
		bare := strings.TrimFunc(text, blank)
		if at, _, err := rome.moment(text); err != nil {
			require.Contains(t, codes, codeOf(err))
		} else {
			m := wall.FindStringSubmatch(bare)
			require.NotNil(t, m, "%q", text)
			n := func(i int) int { n, _ := strconv.Atoi(m[i]); return n }
			fraction, _ := strconv.Atoi((m[7] + "000000000")[:9])
			at = at.In(location)
			require.Equal(t, []int{n(1), n(2), n(3), n(4), n(5), n(6), fraction},
				[]int{at.Day(), int(at.Month()), at.Year(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond()})
		}
		for _, unit := range epochs {
			of := &Time{Epoch: unit.name}
			require.NoError(t, of.check())
			at, _, err := of.moment(text)
			if err != nil {
				require.Contains(t, codes, codeOf(err))
				require.Equal(t, !count.MatchString(bare), codeOf(err) == codeTimeUnreadable, "%q", text)
				continue
			}
			require.Regexp(t, count, bare)
			exact, ok := new(big.Rat).SetString(bare)
			require.True(t, ok)
			exact.Mul(exact, big.NewRat(1e9, unit.perSecond))
			floor := new(big.Int).Quo(exact.Num(), exact.Denom())
			require.Equal(t, floor.String(), fmt.Sprint(at.UnixNano()))
		}
	})
}

func BenchmarkTime_moment(b *testing.B) {
	for _, bm := range []struct{ name, settings, text string }{
		{"zone", `{layout: 02/01/2006 15:04:05, zone: Europe/Rome}`, "19/11/2026 20:00:00"},
		{"offset", `{layout: "2006-01-02 15:04:05 -0700"}`, "2026-11-19 20:00:00 +0100"},
		{"date", `{layout: 2006-01-02, zone: Europe/Rome, assume: "12:00"}`, "2026-11-19"},
		{"epoch", `{epoch: milliseconds}`, "1764000000123"},
		{"unreadable", `{layout: 02/01/2006 15:04:05, zone: Europe/Rome}`, "11/19/2026 20:00:00"},
	} {
		b.Run(bm.name, func(b *testing.B) {
			of := timeOf(b, bm.settings)
			b.ReportAllocs()
			for b.Loop() {
				_, _, _ = of.moment(bm.text)
			}
		})
	}
}
