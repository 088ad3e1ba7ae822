package price_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/price"
)

// noon is the now of these markets.
var noon = price.At(time.Date(2026, 7, 6, 12, 0, 0, 0, time.UTC))

// offerOf writes an offer in short: "bigmart 19.95+2.99 USD", a "?" for unknown shipping, words for what is unusual:
// a "/seller" behind the competitor, an availability, a condition, an audience, a region in capitals, "stale", "no-price".
func offerOf(t require.TestingT, text string) price.Offer {
	words := strings.Fields(text)
	name, seller, _ := strings.Cut(words[0], "/")
	o := price.Offer{FirstSeen: noon.Add(-100 * 24 * time.Hour), LastChanged: noon.Add(-48 * time.Hour)}
	c := &o.Current
	c.Key = price.OfferKey{ProductID: "ZU-1042", CompetitorID: name, SellerID: seller}
	c.ObservedAt = noon.Add(-time.Hour)
	c.Source = price.Source{ID: "crawler-a", Confidence: price.NoConfidence}
	amount, shipping, _ := strings.Cut(words[1], "+")
	currency := words[2]
	c.Terms.Price = money(t, amount, currency)
	if shipping != "?" {
		c.Terms.Shipping = money(t, shipping, currency)
	}
	for _, word := range words[3:] {
		switch word {
		case "OutOfStock":
			c.Terms.Availability = price.AvailabilityOutOfStock
		case "PreOrder":
			c.Terms.Availability = price.AvailabilityPreOrder
		case "LimitedAvailability":
			c.Terms.Availability = price.AvailabilityLimitedAvailability
		case "no-price":
			c.Terms.Price = price.Money{}
			c.Terms.Shipping = price.Money{}
			c.Terms.Availability = price.AvailabilityOutOfStock
		case "Used":
			c.Key.Condition = price.ConditionUsed
		case "member":
			c.Key.Audience = price.AudienceMember
		case "stale":
			c.ObservedAt = noon.Add(-price.DefaultFreshFor)
		default:
			c.Key.Region = word
		}
	}
	return o
}

func money(t require.TestingT, amount, currency string) price.Money {
	m, wrong := price.ParseMoney(amount, currency, noon)
	require.Nil(t, wrong, amount+" "+currency)
	return m
}

// market returns a snapshot of offers in short form. Every competitor is active, but "inactive".
func market(t require.TestingT, offers ...string) price.Snapshot {
	s := price.Snapshot{Now: noon, Competitor: func(id string) price.Competitor {
		return price.Competitor{ID: id, Active: id != "inactive"}
	}}
	for _, o := range offers {
		s.Offers = append(s.Offers, offerOf(t, o))
	}
	return s
}

var usual = price.SummaryQuery{Reference: price.ReferenceMedian}

// printed is a part of a summary as it is printed.
func printed(t require.TestingT, v any) string {
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}

func reasons(s price.Summary) (all []string) {
	for _, e := range s.Excluded {
		all = append(all, strings.TrimSuffix(e.Key.CompetitorID+"/"+e.Key.SellerID, "/")+" "+string(e.Reason))
	}
	return all
}

// TestSummarize_Example is the one of the API's description, computed by hand: 22.94, 26.49 and 27.99 make 77.42 / 3 = 25.80666,
// 24.99 less 22.94 is 2.05, which is 8.936 % of it, and 24.99 / 26.49 is 0.943374.
func TestSummarize_Example(t *testing.T) {
	t.Parallel()
	s := market(t, "own 24.99+0.00 USD", "bigmart 19.95+2.99 USD", "middle 26.49+0.00 USD", "dear 25.00+2.99 USD",
		"shopx 18.00+1.00 USD stale", "dealz 20.00+? USD", "kyoto 2980+0 JPY")
	s.MAP = money(t, "21.00", "USD")
	got := price.Summarize(s, usual)
	assert.Equal(t, "USD", got.Currency)
	assert.Equal(t, "24.99 USD", got.Own.String())
	assert.JSONEq(t, `{"n":3,"competitors":3,"min":"22.94","q1":null,"median":"26.49","mean":"25.81","q3":null,"max":"27.99",
		"cheapest":["bigmart"]}`, printed(t, got.Market))
	assert.JSONEq(t, `{"rank":2,"of":4,"gapToMin":"2.05","gapToMinPercent":"8.94","undecided":1}`, printed(t, got.Position))
	assert.JSONEq(t, `{"value":"94.34","formula":"own/reference*100","reference":"median"}`, printed(t, got.PriceIndex))
	assert.Empty(t, got.NotPositioned)
	assert.JSONEq(t, `{"offers":6,"used":3,"sufficient":true}`, printed(t, got.Coverage))
	assert.Equal(t, []string{"dealz shipping-unknown", "kyoto other-currency", "shopx stale"}, reasons(got))
	assert.Equal(t, []price.MAPBreach{
		{Key: s.Offers[1].Current.Key, Price: money(t, "19.95", "USD"), LastChanged: noon.Add(-48 * time.Hour), BelowSince: price.NoTime},
		{Key: s.Offers[5].Current.Key, Price: money(t, "20.00", "USD"), LastChanged: noon.Add(-48 * time.Hour), BelowSince: price.NoTime},
	}, got.MAP.Breaches)
	assert.Equal(t, []price.NotCompared{{Key: s.Offers[6].Current.Key, Price: money(t, "2980", "JPY")}}, got.MAP.NotCompared)
	assert.Nil(t, got.Window)
}

// TestSummarize_Quartiles compares with what others published: the example of a spreadsheet's QUARTILE.INC, R's summary of the
// miles per gallon of its 32 cars (mtcars), and R's quantile(1:10).
func TestSummarize_Quartiles(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		prices string
		want   string // q1, median, mean, q3 in KWD, which has three decimals
	}{
		"QUARTILE.INC": {"1 2 4 7 8 9 10 12", "3.500 7.500 6.625 9.250"},
		"mtcars": {"21.0 21.0 22.8 21.4 18.7 18.1 14.3 24.4 22.8 19.2 17.8 16.4 17.3 15.2 10.4 10.4 14.7 32.4 30.4 33.9 21.5 15.5 15.2 " +
			"13.3 19.2 27.3 26.0 30.4 15.8 19.7 15.0 21.4", "15.425 19.200 20.091 22.800"},
		"1 to 10": {"1 2 3 4 5 6 7 8 9 10", "3.250 5.500 5.500 7.750"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := market(t)
			for i, p := range strings.Fields(tt.prices) {
				s.Offers = append(s.Offers, offerOf(t, fmt.Sprintf("shop%d %s+0 KWD", i, p)))
			}
			got := price.Summarize(s, usual).Market
			assert.Equal(t, tt.want, strings.Join([]string{got.Q1.String(), got.Median.String(), got.Mean.String(), got.Q3.String()}, " "))
		})
	}
}

// TestSummarize_Sizes: what a market of no, one, two, three and four competitors says.
func TestSummarize_Sizes(t *testing.T) {
	t.Parallel()
	offers := []string{"own 10.00+0.00 USD", "alpha 9.00+1.00 USD", "beta 12.00+0.00 USD", "gamma 12.00+0.01 USD", "delta 7.97+0.00 USD"}
	const none = `"q1":null,"q3":null`
	for n, want := range []struct {
		market, position, index string
		sufficient              bool
		reason                  price.NotPositioned
	}{
		{`{"n":0,"competitors":0,"min":null,"median":null,"mean":null,"max":null,"cheapest":[],` + none + `}`,
			`null`, ``, false, price.EmptyMarket},
		{`{"n":1,"competitors":1,"min":"10.00","median":"10.00","mean":"10.00","max":"10.00","cheapest":["alpha"],` + none + `}`,
			`{"rank":1,"of":2,"gapToMin":"0.00","gapToMinPercent":"0.00","undecided":0}`, `100.00`, false, ""},
		{`{"n":2,"competitors":2,"min":"10.00","median":"11.00","mean":"11.00","max":"12.00","cheapest":["alpha"],` + none + `}`,
			`{"rank":1,"of":3,"gapToMin":"0.00","gapToMinPercent":"0.00","undecided":0}`, `90.91`, true, ""},
		{`{"n":3,"competitors":3,"min":"10.00","median":"12.00","mean":"11.34","max":"12.01","cheapest":["alpha"],` + none + `}`,
			`{"rank":1,"of":4,"gapToMin":"0.00","gapToMinPercent":"0.00","undecided":0}`, `83.33`, true, ""},
		// q1 = 7.97 + 0.75 * 2.03 = 9.4925, q3 = 12 + 0.25 * 0.01 = 12.0025, mean = 41.98 / 4 = 10.495 (to the even 10.50)
		{`{"n":4,"competitors":4,"min":"7.97","median":"11.00","mean":"10.50","max":"12.01","cheapest":["delta"],"q1":"9.49","q3":"12.00"}`,
			`{"rank":2,"of":5,"gapToMin":"2.03","gapToMinPercent":"25.47","undecided":0}`, `90.91`, true, ""},
	} {
		got := price.Summarize(market(t, offers[:n+1]...), usual)
		assert.JSONEq(t, want.market, printed(t, got.Market))
		assert.JSONEq(t, want.position, printed(t, got.Position))
		assert.Equal(t, want.sufficient, got.Coverage.Sufficient, n)
		assert.Equal(t, want.reason, got.NotPositioned)
		if want.index != "" {
			assert.Equal(t, want.index, got.PriceIndex.Value.String())
		}
	}
}

// TestSummarize_Position: where our own price stands, or why it stands nowhere; what is the same in all is left to Example.
func TestSummarize_Position(t *testing.T) {
	t.Parallel()
	against := func(r price.Reference) price.SummaryQuery { return price.SummaryQuery{Reference: r} }
	byPrice := price.SummaryQuery{Basis: price.BasisPrice, Reference: price.ReferenceMin}
	inDollars := price.SummaryQuery{Reference: price.ReferenceMean, Currency: "USD"}
	const ours = "own 9.50+0.00 USD"
	const first = "1/3 -0.50 -5.00 1"
	rivals := []string{"alpha 10.00+0.00 USD", "beta 12.00+0.00 USD", "gamma 9.00+? USD", "delta 11.00+? USD"}
	tests := map[string]struct {
		own       string
		query     price.SummaryQuery
		reason    price.NotPositioned
		ownAmount string
		position  string // rank/of gap percent undecided
		index     string
	}{
		"none":                         {"", usual, price.NoOwnPrice, "-", "", ""},
		"cheapest":                     {ours, usual, "", "9.50 USD", first, "86.36"},
		"a tie is not cheaper":         {"own 12.00+0.00 USD", usual, "", "12.00 USD", "2/3 2.00 20.00 2", "109.09"},
		"dearest":                      {"own 12.01+0.00 USD", usual, "", "12.01 USD", "3/3 2.01 20.10 2", "109.18"},
		"shipping counts":              {"own 9.00+0.50 USD", usual, "", "9.50 USD", first, "86.36"},
		"without shipping":             {"own 9.50+? USD", usual, price.OwnShippingUnknown, "-", "", ""},
		"without shipping, by price":   {"own 9.50+? USD", byPrice, "", "9.50 USD", "2/5 0.50 5.56 0", "105.56"},
		"out of stock":                 {"own 9.50+0.00 USD OutOfStock", usual, price.OwnOutOfStock, "9.50 USD", "", ""},
		"without a price":              {"own 1+0 USD no-price", usual, price.OwnOutOfStock, "-", "", ""},
		"limited is in stock":          {"own 9.50+0.00 USD LimitedAvailability", usual, "", "9.50 USD", first, "86.36"},
		"a pre-order is not":           {"own 9.50+0.00 USD PreOrder", usual, price.OwnOutOfStock, "9.50 USD", "", ""},
		"never stale":                  {"own 9.50+0.00 USD stale", usual, "", "9.50 USD", first, "86.36"},
		"of another currency":          {"own 9.50+0.00 EUR", inDollars, price.OwnOtherCurrency, "9.50 EUR", "", ""},
		"its currency is the market's": {"own 9.50+0.00 EUR", usual, price.EmptyMarket, "9.50 EUR", "", ""},
		"used is another market":       {"own 9.50+0.00 USD Used", usual, price.NoOwnPrice, "-", "", ""},
		"against the mean":             {ours, against(price.ReferenceMean), "", "9.50 USD", first, "86.36"},
		"against the minimum":          {ours, against(price.ReferenceMin), "", "9.50 USD", first, "95.00"},
		"against a competitor":         {ours, against("competitor:beta"), "", "9.50 USD", first, "79.17"},
		"against one that is left out": {ours, against("competitor:gamma"), "", "9.50 USD", first, ""},
		"against nobody":               {ours, against("competitor:nobody"), "", "9.50 USD", first, ""},
		"against ourselves":            {ours, against("competitor:own"), "", "9.50 USD", first, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := market(t, rivals...)
			if tt.own != "" {
				s.Offers = append(s.Offers, offerOf(t, tt.own))
			}
			got := price.Summarize(s, tt.query)
			assert.Equal(t, tt.reason, got.NotPositioned)
			assert.Equal(t, tt.ownAmount, got.Own.String())
			assert.Equal(t, tt.position != "", got.Position != nil)
			assert.Equal(t, tt.position != "", got.PriceIndex != nil)
			if p := got.Position; p != nil {
				assert.Equal(t, tt.position, fmt.Sprintf("%d/%d %s %s %d", p.Rank, p.Of, p.GapToMin, p.GapToMinPercent, p.Undecided))
				assert.Equal(t, tt.index, got.PriceIndex.Value.String())
				assert.Equal(t, tt.query.Reference, got.PriceIndex.Reference)
			}
		})
	}
}

// TestSummarize_NothingCosts: nothing is divided by a price of 0.
func TestSummarize_NothingCosts(t *testing.T) {
	t.Parallel()
	got := price.Summarize(market(t, "own 1.00+0.00 USD", "alpha 0.00+0.00 USD"), usual)
	assert.JSONEq(t, `{"rank":2,"of":2,"gapToMin":"1.00","gapToMinPercent":null,"undecided":0}`, printed(t, got.Position))
	assert.JSONEq(t, `{"value":null,"formula":"own/reference*100","reference":"median"}`, printed(t, got.PriceIndex))
}

// TestSummarize_Own: our own offer is looked for in the market's region, then without one; never of a seller.
func TestSummarize_Own(t *testing.T) {
	t.Parallel()
	s := market(t, "own 10.00+0.00 USD", "own 11.00+0.00 USD BY", "own 5.00+0.00 USD member BY", "own/seller 1.00+0.00 USD",
		"own 2.00+0.00 USD Used")
	acme := "acme"
	for want, f := range map[string]price.MarketFilter{
		"10.00 USD": {}, "11.00 USD": {Region: "BY"}, "5.00 USD": {Region: "BY", Audience: price.AudienceMember},
		"2.00 USD": {Region: "HH", Condition: price.ConditionUsed}, "-": {Audience: price.AudienceMember},
	} {
		q := usual
		q.Market = f
		assert.Equal(t, want, price.Summarize(s, q).Own.String())
		q.Market.Seller = &acme
		assert.Equal(t, want, price.Summarize(s, q).Own.String(), "a seller is the market's")
	}
}

// TestSummarize_Excluded: the first reason that applies, in the order of the keys.
func TestSummarize_Excluded(t *testing.T) {
	t.Parallel()
	s := market(t, "own 10.00+0.00 USD", "inactive 1.00+? EUR stale OutOfStock", "shop/d 1.00+? EUR stale OutOfStock",
		"shop/c 1.00+? EUR OutOfStock", "shop/b 1.00+? EUR", "shop/a 1.00+? USD", "shop 1.00+0.00 USD", "shop 1.00+0.00 USD Used",
		"shop 1.00+0.00 USD member", "shop 1.00+0.00 USD BY")
	got := price.Summarize(s, usual)
	assert.Equal(t, []string{"inactive competitor-inactive", "shop/a shipping-unknown", "shop/b other-currency", "shop/c not-in-stock",
		"shop/d stale"}, reasons(got))
	assert.Equal(t, price.SummaryCoverage{Offers: 6, Used: 1}, got.Coverage)
	assert.Equal(t, noon.Add(-26*time.Hour), got.Excluded[0].LastSeen)

	q := usual
	q.Basis = price.BasisPrice
	q.IncludeStale = true
	got = price.Summarize(s, q)
	assert.Equal(t, []string{"inactive competitor-inactive", "shop/b other-currency", "shop/c not-in-stock", "shop/d not-in-stock"},
		reasons(got))
	assert.Equal(t, price.SummaryCoverage{Offers: 6, Used: 2}, got.Coverage, "one competitor is one voice")
	q.PerOffer = true
	assert.Equal(t, price.SummaryCoverage{Offers: 6, Used: 2, Sufficient: true}, price.Summarize(s, q).Coverage)
	without, none := "", usual
	none.Market.Seller = &without
	assert.Equal(t, 2, price.Summarize(s, none).Coverage.Offers)
}

// TestSummarize_Sufficient: half of what may be in the market has to be comparable.
func TestSummarize_Sufficient(t *testing.T) {
	t.Parallel()
	s := market(t, "alpha 1.00+0.00 USD", "beta 1.00+0.00 USD", "gamma 1.00+? USD", "delta 1.00+? USD")
	assert.True(t, price.Summarize(s, usual).Coverage.Sufficient)
	s.Offers = append(s.Offers, offerOf(t, "epsilon 1.00+? USD"))
	assert.False(t, price.Summarize(s, usual).Coverage.Sufficient)
}

// TestSummarize_Currency: asked for, our own, the MAP price's, that of most offers.
func TestSummarize_Currency(t *testing.T) {
	t.Parallel()
	s := market(t, "a1 1.00+0.00 USD", "a2 1.00+? EUR", "a3 1+0 JPY stale", "a4 1+0 JPY OutOfStock", "inactive 1+0 JPY")
	assert.Equal(t, "EUR", price.Summarize(s, usual).Currency, "ties by code")
	s.Offers = append(s.Offers, offerOf(t, "a5 1.00+0.00 USD"))
	assert.Equal(t, "USD", price.Summarize(s, usual).Currency)
	stale := usual
	stale.IncludeStale = true
	s.Offers = append(s.Offers, offerOf(t, "a6 1+0 JPY stale"), offerOf(t, "a7 1+0 JPY stale"))
	assert.Equal(t, "JPY", price.Summarize(s, stale).Currency)
	s.MAP = money(t, "1.00", "GBP")
	assert.Equal(t, "GBP", price.Summarize(s, usual).Currency)
	s.Offers = append(s.Offers, offerOf(t, "own 1.00+? SEK OutOfStock"))
	assert.Equal(t, "SEK", price.Summarize(s, usual).Currency)
	asked := usual
	asked.Currency = "EUR"
	assert.Equal(t, "EUR", price.Summarize(s, asked).Currency)
	none := price.Summarize(market(t, "a3 1+0 JPY stale", "own 1+0 USD no-price"), usual)
	assert.Empty(t, none.Currency)
	assert.Equal(t, price.OwnOutOfStock, none.NotPositioned)
}

// TestSummarize_Marketplace: 419 sellers of one marketplace are one voice, or 419.
func TestSummarize_Marketplace(t *testing.T) {
	t.Parallel()
	s := market(t, "own 15.00+0.00 USD", "bigmart 20.00+0.00 USD")
	for i := range 419 {
		s.Offers = append(s.Offers, offerOf(t, fmt.Sprintf("bazaar/s%03d %d.00+0.00 USD", i, 10+i)))
	}
	got := price.Summarize(s, usual)
	assert.JSONEq(t, `{"n":2,"competitors":2,"min":"10.00","q1":null,"median":"15.00","mean":"15.00","q3":null,"max":"20.00",
		"cheapest":["bazaar"]}`, printed(t, got.Market))
	assert.Equal(t, price.SummaryCoverage{Offers: 420, Used: 420, Sufficient: true}, got.Coverage)
	assert.Equal(t, 2, got.Position.Rank)
	each := usual
	each.PerOffer = true
	got = price.Summarize(s, each)
	// of 10 to 428 and 20 once more: sorted[105] = 114, sorted[210] = 219 and so on; (419 * 219 + 20) / 420 = 218.5261...
	assert.JSONEq(t, `{"n":420,"competitors":2,"min":"10.00","q1":"113.75","median":"218.50","mean":"218.53","q3":"323.25","max":"428.00",
		"cheapest":["bazaar"]}`, printed(t, got.Market))
	assert.Equal(t, 6, got.Position.Rank)
	assert.Equal(t, 421, got.Position.Of)
}

// TestSummarize_Ties: who shares the minimum is named once, in order.
func TestSummarize_Ties(t *testing.T) {
	t.Parallel()
	q := usual
	q.PerOffer = true
	got := price.Summarize(market(t, "zeta 1.00+1.00 USD", "alpha/b 2.00+0.00 USD", "alpha/a 2.00+0.00 USD", "beta 2.01+0.00 USD"), q)
	assert.Equal(t, []string{"alpha", "zeta"}, got.Market.Cheapest)
	assert.Equal(t, 3, got.Market.Competitors)
	assert.Equal(t, 4, got.Market.N)
}

// TestSummarize_MAP: what is advertised counts, whatever the statistics are over.
func TestSummarize_MAP(t *testing.T) {
	t.Parallel()
	s := market(t, "own 1.00+0.00 USD", "alpha 20.99+9.00 USD", "beta 21.00+0.00 USD", "gamma/x 5.00+? USD OutOfStock",
		"delta 5.00+0.00 USD Used", "epsilon 5.00+0.00 USD member", "zeta 5.00+0.00 USD BY", "eta 5.00+0.00 USD stale",
		"inactive 5.00+0.00 USD", "iota 1+0 USD no-price",
		"kyoto 1+0 JPY")
	names := func(q price.SummaryQuery) (all []string) {
		check := price.Summarize(s, q).MAP
		for _, b := range check.Breaches {
			all = append(all, b.Key.CompetitorID+" "+b.Price.String())
		}
		for _, n := range check.NotCompared {
			all = append(all, n.Key.CompetitorID+" "+n.Price.String()+" not compared")
		}
		return all
	}
	assert.Nil(t, price.Summarize(s, usual).MAP)
	s.MAP = money(t, "21.00", "USD")
	acme := "acme"
	for _, q := range []price.SummaryQuery{
		usual, {IncludeStale: true}, {Basis: price.BasisPrice, PerOffer: true}, {Currency: "EUR"},
		{Market: price.MarketFilter{Seller: &acme, Condition: price.ConditionUsed, Audience: price.AudienceMember}},
	} {
		assert.Equal(t, []string{"alpha 20.99 USD", "gamma 5.00 USD", "kyoto 1 JPY not compared"}, names(q))
	}
	assert.Equal(t, []string{"zeta 5.00 USD"}, names(price.SummaryQuery{Market: price.MarketFilter{Region: "BY"}}))
}

// seen is an observation of an offer in short form, days and hours after the beginning of 2026-07-04.
func seen(t require.TestingT, offer string, days, hours int) price.Observation {
	o := offerOf(t, offer).Current
	o.ObservedAt = price.At(time.Date(2026, 7, 4+days, hours, 0, 0, 0, time.UTC))
	return o
}

// TestSummarize_Window is three days, computed by hand.
func TestSummarize_Window(t *testing.T) {
	t.Parallel()
	s := market(t, "own 1.00+0.00 USD", "alpha 10.00+1.00 USD", "beta 12.00+0.00 USD")
	w := price.NewWindow(noon, 3)
	assert.Equal(t, "2026-07-04T00:00:00.000Z", w.From.String())
	assert.Equal(t, "2026-07-06T23:59:59.999Z", w.To().String())
	w.Rows = []price.Observation{
		seen(t, "alpha 10.00+1.00 USD", 2, 9),
		seen(t, "alpha 10.00+1.00 USD", 0, 1), // the first time at the lowest; not the beginning of a run
		seen(t, "alpha 11.00+1.00 USD", 0, 5),
		seen(t, "alpha 10.00+1.00 USD", 0, 9),
		seen(t, "alpha 3.00+? USD", 0, 10),
		seen(t, "alpha 3.00+0.00 EUR", 0, 11),
		seen(t, "alpha 3.00+0.00 USD OutOfStock", 0, 12),
		seen(t, "inactive 11.00+0.00 USD", 0, 0),
		seen(t, "beta 12.00+0.00 USD", 2, 0),
		seen(t, "beta 12.00+0.00 USD", 2, 1),
		seen(t, "own 1.00+0.00 USD", 1, 0),
		seen(t, "gamma 1.00+0.00 USD Used", 1, 0),
	}
	s.Window = &w
	got := price.Summarize(s, usual)
	assert.JSONEq(t, `{"from":"2026-07-04T00:00:00.000Z","low":"11.00","lowAt":"2026-07-04T00:00:00.000Z","isLowest":true,"changes":6,
		"coverage":{"observedDays":2,"requestedDays":3,"sufficient":false}}`, printed(t, got.Window))

	q := usual
	q.Basis = price.BasisPrice
	assert.JSONEq(t, `{"from":"2026-07-04T00:00:00.000Z","low":"3.00","lowAt":"2026-07-04T10:00:00.000Z","isLowest":false,"changes":6,
		"coverage":{"observedDays":2,"requestedDays":3,"sufficient":false}}`, printed(t, price.Summarize(s, q).Window))
	s.Offers = s.Offers[:1]
	assert.Nil(t, price.Summarize(s, usual).Window.IsLowest, "no market")
	w.Rows = nil
	assert.JSONEq(t, `{"from":"2026-07-04T00:00:00.000Z","low":null,"lowAt":null,"isLowest":null,"changes":0,
		"coverage":{"observedDays":0,"requestedDays":3,"sufficient":false}}`, printed(t, price.Summarize(s, usual).Window))
	assert.True(t, price.NewWindowCoverage(24, 30).Sufficient)
	assert.False(t, price.NewWindowCoverage(23, 30).Sufficient)
}

// TestSummarize_BelowSince: the run below the MAP price, not that of equal terms.
func TestSummarize_BelowSince(t *testing.T) {
	t.Parallel()
	low, lower := "alpha 20.00+0.00 USD", "alpha 19.00+0.00 USD"
	const began = "2026-07-05T00:00:00.000Z"
	tests := map[string]struct {
		before []string // what was seen on the first day, an hour apart
		first  string   // when the offer was first seen
		want   string
	}{
		"above before":                     {[]string{lower, "alpha 21.00+0.00 USD"}, "2026-01-01T00:00:00Z", began},
		"without a price before":           {[]string{lower, "alpha 1+0 USD no-price"}, "2026-01-01T00:00:00Z", began},
		"another currency before":          {[]string{lower, "alpha 1.00+0.00 EUR"}, "2026-01-01T00:00:00Z", began},
		"always, and first in the window":  {[]string{lower, low}, "2026-07-04T00:00:00Z", "2026-07-04T00:00:00.000Z"},
		"always, and first before it":      {[]string{lower, low}, "2026-07-03T23:59:59.999Z", "null"},
		"nothing before, first before it":  {nil, "2026-07-03T23:59:59.999Z", "null"},
		"nothing before, first on the day": {nil, "2026-07-05T00:00:00Z", began},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := market(t, low)
			s.MAP = money(t, "21.00", "USD")
			first, err := price.ParseTimestamp(tt.first)
			require.NoError(t, err)
			s.Offers[0].FirstSeen = first
			w := price.NewWindow(noon, 3)
			w.Rows = []price.Observation{seen(t, low, 2, 3), seen(t, lower, 1, 0), seen(t, low, 1, 2), seen(t, "beta 1.00+0.00 USD", 1, 3)}
			for i, o := range tt.before {
				w.Rows = append(w.Rows, seen(t, o, 0, i))
			}
			s.Window = &w
			got := price.Summarize(s, usual).MAP.Breaches
			require.Len(t, got, 1)
			want := tt.want
			if want != "null" {
				want = `"` + want + `"`
			}
			assert.Equal(t, want, printed(t, got[0].BelowSince))
			s.Window = nil
			assert.Equal(t, price.NoTime, price.Summarize(s, usual).MAP.Breaches[0].BelowSince)
		})
	}
}

// TestSummarize_SameMoment: of observations of one moment the more confident comes last.
func TestSummarize_SameMoment(t *testing.T) {
	t.Parallel()
	s := market(t)
	w := price.NewWindow(noon, 3)
	sure, unsure := seen(t, "alpha 2.00+0.00 USD", 1, 0), seen(t, "alpha 1.00+0.00 USD", 1, 0)
	sure.Source = price.Source{ID: "feed-b", Confidence: 9000}
	w.Rows = []price.Observation{sure, seen(t, "alpha 2.00+0.00 USD", 1, 1), unsure, seen(t, "alpha 1.00+0.00 USD", 0, 23)}
	s.Window = &w
	assert.Equal(t, 1, price.Summarize(s, usual).Window.Changes)
}

func TestCheckReference(t *testing.T) {
	t.Parallel()
	for _, yes := range []string{"median", "mean", "min", "competitor:bigmart", "competitor:own"} {
		assert.True(t, price.CheckReference(yes), yes)
	}
	for _, no := range []string{"", "Median", "max", "competitor", "competitor:", "competitor:X", "competitor:a", "bigmart", " min"} {
		assert.False(t, price.CheckReference(no), no)
	}
}

// drawOffers draws a market in short form, with many ties.
func drawOffers(t *rapid.T) []string {
	draw := rapid.Custom(func(t *rapid.T) string {
		return strings.Join([]string{
			rapid.SampledFrom([]string{"own", "alpha", "beta", "gamma", "inactive", "bazaar/x", "bazaar/y", "bazaar"}).Draw(t, "competitor"),
			fmt.Sprintf("%d.%02d+%s", rapid.IntRange(0, 30).Draw(t, "whole"), rapid.SampledFrom([]int{0, 5, 99}).Draw(t, "cents"),
				rapid.SampledFrom([]string{"0.00", "2.95", "?"}).Draw(t, "shipping")),
			rapid.SampledFrom([]string{"USD", "USD", "USD", "EUR"}).Draw(t, "currency"),
			rapid.SampledFrom([]string{"", "", "", "stale", "OutOfStock", "no-price", "Used", "member", "BY"}).Draw(t, "unusual"),
		}, " ")
	})
	return rapid.SliceOfNDistinct(draw, 0, 12, func(o string) string { // by offer key
		words := strings.Fields(o)
		if last := words[len(words)-1]; last == "Used" || last == "member" || last == "BY" {
			return words[0] + last
		}
		return words[0]
	}).Draw(t, "offers")
}

// TestSummarize_Properties: a stale offer changes nothing but what is excluded, the order of the offers nothing at all, and prices
// in another unit change the unit of what is an amount alone.
func TestSummarize_Properties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := market(t, drawOffers(t)...)
		if rapid.Bool().Draw(t, "has a MAP price") {
			s.MAP = money(t, "15.00", "USD")
		}
		q := price.SummaryQuery{
			Basis: rapid.SampledFrom([]price.Basis{price.BasisLanded, price.BasisPrice}).Draw(t, "basis"),
			Reference: rapid.SampledFrom([]price.Reference{price.ReferenceMedian, price.ReferenceMean, price.ReferenceMin,
				"competitor:beta"}).Draw(t, "reference"),
			PerOffer: rapid.Bool().Draw(t, "per offer"), Currency: rapid.SampledFrom([]string{"", "EUR"}).Draw(t, "currency"),
			IncludeStale: rapid.Bool().Draw(t, "include stale"),
		}
		want := price.Summarize(s, q)

		shuffled := s
		shuffled.Offers = slices.Clone(s.Offers)
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		random.Shuffle(len(s.Offers), func(i, j int) {
			shuffled.Offers[i], shuffled.Offers[j] = shuffled.Offers[j], shuffled.Offers[i]
		})
		require.Equal(t, printed(t, want), printed(t, price.Summarize(shuffled, q)))

		if !q.IncludeStale {
			more := s
			more.Offers = append(slices.Clone(s.Offers), offerOf(t, "omega 0.01+0.00 USD stale"))
			got := price.Summarize(more, q)
			require.Equal(t, "omega stale", reasons(got)[len(reasons(got))-1])
			got.Excluded = got.Excluded[:len(got.Excluded)-1]
			got.Coverage.Offers--
			require.Equal(t, printed(t, withoutEmpty(want)), printed(t, withoutEmpty(got)))
		}

		scaled := s // every amount a hundredfold: what was a cent is a dollar
		scaled.MAP.Minor *= 100
		scaled.Offers = slices.Clone(s.Offers)
		for i := range scaled.Offers {
			terms := &scaled.Offers[i].Current.Terms
			terms.Price.Minor *= 100
			terms.Shipping.Minor *= 100
		}
		got := price.Summarize(scaled, q)
		for _, both := range [][2]price.Decimal{
			{want.Market.Min, got.Market.Min}, {want.Market.Q1, got.Market.Q1}, {want.Market.Median, got.Market.Median},
			{want.Market.Mean, got.Market.Mean}, {want.Market.Q3, got.Market.Q3}, {want.Market.Max, got.Market.Max},
		} {
			require.Equal(t, both[0].Present(), both[1].Present())
			if both[0].Present() {
				require.Equal(t, new(big.Rat).Mul(both[0].Value, big.NewRat(100, 1)).RatString(), both[1].Value.RatString())
			}
		}
		require.Equal(t, want.Market.Cheapest, got.Market.Cheapest)
		require.Equal(t, printed(t, want.PriceIndex), printed(t, got.PriceIndex))
		require.Equal(t, printed(t, want.Excluded), printed(t, got.Excluded))
		if want.Position != nil {
			require.Equal(t, want.Position.Rank, got.Position.Rank)
			require.Equal(t, want.Position.GapToMinPercent.String(), got.Position.GapToMinPercent.String())
		}
	})
}

// withoutEmpty makes no list and an empty one equal.
func withoutEmpty(s price.Summary) price.Summary {
	if len(s.Excluded) == 0 {
		s.Excluded = nil
	}
	return s
}
