package oracle_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pricing/shared/testkit/oracle"
)

var start = time.Date(2026, 7, 6, 9, 0, 0, 0, time.UTC)

// seen is an observation of one offer, hours after start.
func seen(hours int, source, confidence string, minor int64) oracle.Observation {
	o := oracle.Observation{Key: oracle.Key{Product: "ZU-1042", Competitor: "bigmart", Condition: "New", Audience: "public"},
		Terms: oracle.Terms{Price: &oracle.Money{Minor: minor, Currency: "USD"}, Availability: "InStock", PriceType: "regular"},
		At:    start.Add(time.Duration(hours) * time.Hour), Source: source, Confidence: confidence}
	o.ID = oracle.Identity(o)
	return o
}

func words(results []oracle.Result) []string {
	out := make([]string, len(results))
	for i, r := range results {
		out[i] = r.Outcome
	}
	return out
}

// TestMarket has results worked out by hand. Fold and Identity have more cases in tools/oracle.
func TestMarket(t *testing.T) {
	m := oracle.Market{Retention: 100 * time.Hour}
	steps := []struct {
		hours int // since start
		in    []oracle.Observation
		want  []string
	}{
		{3, []oracle.Observation{seen(2, "a", "", 6), seen(0, "a", "", 5), seen(1, "a", "", 5), seen(0, "a", "", 5), seen(0, "a", "", 7)},
			[]string{"changed", "created", "unchanged", "duplicate", "conflict"}},
		{4, []oracle.Observation{seen(2, "b", "0.1", 6), seen(2, "c", "", 6)}, []string{"unchanged", "late"}},
		{101, []oracle.Observation{seen(0, "a", "", 5), seen(1, "a", "", 5)}, []string{"rejected", "duplicate"}},
		{103, []oracle.Observation{seen(3, "a", "", 9), seen(50, "a", "", 9)}, []string{"created", "unchanged"}},
	}
	for _, step := range steps {
		if got := words(m.Record(start.Add(time.Duration(step.hours)*time.Hour), step.in)); !slices.Equal(step.want, got) {
			t.Errorf("at %d h: want %v, got %v", step.hours, step.want, got)
		}
	}
	now := start.Add(103 * time.Hour)
	offers := m.Offers(now)
	if len(offers) != 1 || !offers[0].FirstSeen.Equal(start.Add(3*time.Hour)) || offers[0].PreviousPrice != nil {
		t.Errorf("an offer that was gone starts afresh, got %+v", offers)
	}
	if rows := m.History(now); len(rows) != 2 {
		t.Errorf("want the two rows within the retention, got %v", rows)
	}
	if len(m.Stored()) != 7 {
		t.Errorf("want all that was stored, got %d", len(m.Stored()))
	}
	if gone := m.Gone(now.Add(100 * time.Hour)); len(gone) != 1 {
		t.Errorf("want it gone again, got %v", gone)
	}
}

// Of two sources, which has the greater observationId an hour after start.
var smaller, greater = func() (string, string) {
	if seen(1, "a", "", 5).ID < seen(1, "b", "", 5).ID {
		return "a", "b"
	}
	return "b", "a"
}()

// at is an observation with a url, hours after start.
func at(hours int, source, url string) oracle.Observation {
	o := seen(hours, source, "", 5)
	o.URL = url
	return o
}

// TestMarket_url: the url is that of the newest observation that was sent with one, by whatever submission of it that was no
// conflict, in every order. The hashes are from another implementation of SHA-256 (Python's): https://c begins with 0xae,
// https://d with 0x89.
func TestMarket_url(t *testing.T) {
	type list = []oracle.Observation
	conflict := at(3, "a", "https://z")
	conflict.Price = nil
	for name, tt := range map[string]struct {
		in   list
		want string
	}{
		"none":                               {list{at(1, "a", "")}, ""},
		"the newest":                         {list{at(1, "a", "https://c"), at(2, "a", "https://d")}, "https://d"},
		"the newest that has one":            {list{at(1, "a", "https://c"), at(2, "a", "")}, "https://c"},
		"of one observation, the greater":    {list{at(1, "a", "https://c"), at(1, "a", "https://d")}, "https://c"},
		"sent again with a url":              {list{at(1, "a", ""), at(1, "a", "https://c")}, "https://c"},
		"a url again, for an older one":      {list{at(1, "a", ""), at(2, "a", "https://d"), at(1, "a", "https://c")}, "https://d"},
		"one millisecond, the greater id":    {list{at(1, greater, "https://d"), at(1, smaller, "https://c")}, "https://d"},
		"and back to the first, later again": {list{at(1, "a", "https://c"), at(2, "a", "https://d"), at(3, "a", "https://c")}, "https://c"},
	} {
		for range len(tt.in) {
			tt.in = append(tt.in[1:], tt.in[0])
			m := oracle.Market{Retention: 100 * time.Hour}
			for _, o := range tt.in {
				m.Record(start.Add(9*time.Hour), []oracle.Observation{o})
			}
			if o, _ := m.Offer(tt.in[0].Key); o.URL != tt.want {
				t.Errorf("%s: want %q, got %q", name, tt.want, o.URL)
			}
		}
	}
	t.Run("not that of a conflict", func(t *testing.T) {
		m := oracle.Market{Retention: 100 * time.Hour}
		m.Record(start.Add(9*time.Hour), list{at(3, "a", "https://c"), conflict})
		if o, _ := m.Offer(conflict.Key); o.URL != "https://c" {
			t.Errorf("got %q", o.URL)
		}
	})
	t.Run("nor that of a life before", func(t *testing.T) {
		m := oracle.Market{Retention: 100 * time.Hour}
		m.Record(start.Add(9*time.Hour), list{at(3, "a", "https://c")})
		m.Record(start.Add(104*time.Hour), list{at(104, "a", "")})
		if o, _ := m.Offer(conflict.Key); o.URL != "" {
			t.Errorf("got %q", o.URL)
		}
	})
}

// TestMarket_own: our own prices are never gone.
func TestMarket_own(t *testing.T) {
	own := seen(0, "a", "", 5)
	own.Competitor = "own"
	m := oracle.Market{Retention: 100 * time.Hour}
	m.Record(start, []oracle.Observation{own, seen(0, "a", "", 5)})
	if offers := m.Offers(start.Add(101 * time.Hour)); len(offers) != 1 || offers[0].Current.Competitor != "own" {
		t.Errorf("want our own offer alone, got %v", offers)
	}
	own.At = start.Add(101 * time.Hour)
	own.ID = oracle.Identity(own)
	if got := words(m.Record(own.At, []oracle.Observation{own})); got[0] != "unchanged" {
		t.Errorf("want it to go on, got %v", got)
	}
}

func TestDays(t *testing.T) {
	sold := seen(4, "a", "", 0)
	sold.Price = nil
	sold.Availability = "SoldOut"
	var got []string
	for _, d := range oracle.Days([]oracle.Observation{seen(14, "a", "", 4), seen(2, "a", "", 3), seen(1, "a", "", 9), seen(1, "b", "", 5), sold,
		seen(-9, "a", "", 7), seen(-10, "a", "", 8)}) {
		got = append(got, fmt.Sprintf("%s %s %d %d %d %d %d %s", d.Date, d.Currency, d.Open, d.Low, d.High, d.Close, d.N,
			oracle.Fraction(d.InStock, d.N)))
	}
	if want := []string{"2026-07-05 USD 8 8 8 8 1 1.0000", "2026-07-06 USD 7 3 9 4 6 0.8333"}; !slices.Equal(want, got) {
		t.Errorf("want %q, got %q", want, got)
	}
}

func TestFraction(t *testing.T) {
	for want, of := range map[string][2]int{
		"0.0000": {0, 7}, "1.0000": {7, 7}, "0.3333": {1, 3}, "0.6667": {2, 3}, "0.0002": {3, 20000}, "0.0004": {7, 20000}, "0.5000": {1, 2},
	} {
		if got := oracle.Fraction(of[0], of[1]); got != want {
			t.Errorf("%d of %d: want %s, got %s", of[0], of[1], want, got)
		}
	}
}
