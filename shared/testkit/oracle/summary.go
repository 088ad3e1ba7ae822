package oracle

import (
	"cmp"
	"math/big"
	"slices"
	"strings"
	"time"
)

// Question is what is asked of a product's market, in the API's words, defaults filled in.
type Question struct {
	Seller, Condition, Audience, Region string // "" of seller: any; "none" of seller and region: those without
	Basis, Reference, Per               string
	IncludeStale                        bool
	Currency                            string // "": to be chosen
	Days                                int    // of the window; 0: the history is not looked at
}

// Shop is what is known of a competitor.
type Shop struct {
	FreshFor time.Duration
	Active   bool
}

// Known is all there is to know of a product at Now.
type Known struct {
	Now    time.Time
	Offers []Offer // not gone
	Shops  map[string]Shop
	MAP    *Money
	Rows   []Observation    // everything that was observed and has not left the retention, each observation once
	Digits func(string) int // decimals of a currency
}

// Summary is the market summary as the API prints it, productId and windowOmitted aside: what encoding/json reads of it into
// any, but that counts are int.
func Summary(k Known, q Question) map[string]any {
	var own *Offer
	for _, region := range []string{"none", q.Region} { // the region's own comes last and so counts
		for i, o := range k.Offers {
			c := o.Current
			if c.Competitor == "own" && c.Seller == "" && c.Condition == q.Condition && c.Audience == q.Audience && orNone(c.Region) == region {
				own = &k.Offers[i]
			}
		}
	}
	var chosen []Offer
	for _, o := range k.Offers {
		if q.asksFor(o.Current.Key) {
			chosen = append(chosen, o)
		}
	}
	slices.SortFunc(chosen, func(a, b Offer) int { return slices.Compare(a.Current.Parts(), b.Current.Parts()) })
	currency := k.currency(q, own, chosen)

	counts := map[string]any{}
	list := []any{}
	cheapestOf := map[string]int64{}
	var amounts, unknownShipping []int64
	used := 0
	for _, o := range chosen {
		reason := k.reason(q, o, currency)
		if reason == "" {
			used++
			amount := q.amount(o.Current).Minor
			if q.Per == "offer" {
				amounts = append(amounts, amount)
			}
			if known, ok := cheapestOf[o.Current.Competitor]; !ok || amount < known {
				cheapestOf[o.Current.Competitor] = amount
			}
			continue
		}
		if reason == "shipping-unknown" {
			unknownShipping = append(unknownShipping, o.Current.Price.Minor)
		}
		n, _ := counts[reason].(int)
		counts[reason] = n + 1
		if len(list) < 50 {
			list = append(list, with(keyRow(o.Current.Key), "reason", reason, "lastSeenAt", Stamp(o.Current.At)))
		}
	}
	if q.Per != "offer" {
		for _, amount := range cheapestOf {
			amounts = append(amounts, amount)
		}
	}
	slices.Sort(amounts)

	out := map[string]any{
		"currency": textOrNull(currency), "basis": q.Basis, "own": nil, "position": nil, "priceIndex": nil, "notPositioned": nil,
		"map": k.mapCheck(q), "window": nil, "excluded": list, "excludedCounts": counts,
		"coverage": map[string]any{"offers": len(chosen), "used": used,
			"sufficient": len(amounts) >= 2 && 2*used >= used+len(unknownShipping)},
		"market": k.market(amounts, cheapestOf, currency),
	}
	if q.Days > 0 {
		out["window"] = k.window(q, amounts, currency)
	}
	if own != nil && q.amount(own.Current) != nil {
		m := q.amount(own.Current)
		out["own"] = map[string]any{"amount": k.amount(big.NewRat(m.Minor, 1), m.Currency), "currency": m.Currency}
	}
	switch {
	case own == nil:
		out["notPositioned"] = "no-own-price"
	case !InStock(own.Current) || own.Current.Price == nil:
		out["notPositioned"] = "own-out-of-stock"
	case own.Current.Price.Currency != currency:
		out["notPositioned"] = "own-other-currency"
	case q.amount(own.Current) == nil:
		out["notPositioned"] = "own-shipping-unknown"
	case len(amounts) == 0:
		out["notPositioned"] = "empty-market"
	default:
		ours := q.amount(own.Current).Minor
		out["position"] = k.position(ours, amounts, unknownShipping, currency)
		out["priceIndex"] = map[string]any{"formula": "own/reference*100", "reference": q.Reference,
			"value": percentage(big.NewRat(ours, 1), reference(q.Reference, amounts, cheapestOf))}
	}
	return out
}

// asksFor says whether an offer is one of the market.
func (q Question) asksFor(o Key) bool {
	return o.Competitor != "own" && (q.Seller == "" || q.Seller == orNone(o.Seller)) && q.Condition == o.Condition &&
		q.Audience == o.Audience && q.Region == orNone(o.Region)
}

// amount is what is compared of an observation; nil when that is not known.
func (q Question) amount(o Observation) *Money {
	switch {
	case q.Basis == "price" || o.Price == nil:
		return o.Price
	case o.Shipping == nil:
		return nil
	}
	return &Money{o.Price.Minor + o.Shipping.Minor, o.Price.Currency}
}

func (k Known) fresh(o Offer) bool {
	return k.Now.Before(o.Current.At.Add(cmp.Or(k.Shops[o.Current.Competitor].FreshFor, 26*time.Hour)))
}

// reason is why an offer does not count; with a currency of "*" any will do.
func (k Known) reason(q Question, o Offer, currency string) string {
	switch {
	case !k.Shops[o.Current.Competitor].Active:
		return "competitor-inactive"
	case !q.IncludeStale && !k.fresh(o):
		return "stale"
	case !InStock(o.Current):
		return "not-in-stock"
	case currency == "*":
		return ""
	case o.Current.Price == nil || o.Current.Price.Currency != currency:
		return "other-currency"
	case q.amount(o.Current) == nil:
		return "shipping-unknown"
	}
	return ""
}

func (k Known) currency(q Question, own *Offer, chosen []Offer) string {
	switch {
	case q.Currency != "":
		return q.Currency
	case own != nil && own.Current.Price != nil:
		return own.Current.Price.Currency
	case k.MAP != nil:
		return k.MAP.Currency
	}
	votes := map[string]int{}
	for _, o := range chosen {
		if k.reason(q, o, "*") == "" && o.Current.Price != nil {
			votes[o.Current.Price.Currency]++
		}
	}
	best := ""
	for currency, n := range votes {
		if best == "" || n > votes[best] || n == votes[best] && currency < best {
			best = currency
		}
	}
	return best
}

// market are the statistics over sorted amounts.
func (k Known) market(amounts []int64, cheapestOf map[string]int64, currency string) map[string]any {
	cheapest := []any{}
	var names []string
	for competitor, amount := range cheapestOf {
		if amount == amounts[0] {
			names = append(names, competitor)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		cheapest = append(cheapest, name)
	}
	out := map[string]any{"n": len(amounts), "competitors": len(cheapestOf), "cheapest": cheapest, "min": nil, "q1": nil,
		"median": nil, "mean": nil, "q3": nil, "max": nil}
	if len(amounts) == 0 {
		return out
	}
	out["mean"] = k.amount(mean(amounts), currency)
	for name, p := range map[string]*big.Rat{"min": big.NewRat(0, 1), "q1": big.NewRat(1, 4), "median": big.NewRat(1, 2),
		"q3": big.NewRat(3, 4), "max": big.NewRat(1, 1)} {
		if len(amounts) >= 4 || name[0] != 'q' {
			out[name] = k.amount(quantile(amounts, p), currency)
		}
	}
	return out
}

// quantile interpolates between the two amounts that stand around 1 + (n-1)p.
func quantile(amounts []int64, p *big.Rat) *big.Rat {
	place := new(big.Rat).Mul(big.NewRat(int64(len(amounts)-1), 1), p)
	below := floor(place)
	left := big.NewRat(amounts[below.Int64()], 1)
	if place.IsInt() {
		return left
	}
	step := new(big.Rat).Sub(big.NewRat(amounts[below.Int64()+1], 1), left)
	step.Mul(step, place.Sub(place, new(big.Rat).SetInt(below)))
	return left.Add(left, step)
}

func mean(amounts []int64) *big.Rat {
	sum := new(big.Rat)
	for _, a := range amounts {
		sum.Add(sum, big.NewRat(a, 1))
	}
	return sum.Quo(sum, big.NewRat(int64(len(amounts)), 1))
}

func (k Known) position(ours int64, amounts, unknownShipping []int64, currency string) map[string]any {
	rank, undecided := 1, 0
	for _, a := range amounts {
		if a < ours {
			rank++
		}
	}
	for _, a := range unknownShipping {
		if a < ours {
			undecided++
		}
	}
	gap := big.NewRat(ours-amounts[0], 1)
	return map[string]any{"rank": rank, "of": len(amounts) + 1, "undecided": undecided, "gapToMin": k.amount(gap, currency),
		"gapToMinPercent": percentage(gap, big.NewRat(amounts[0], 1))}
}

// reference is what our own amount is divided by; nil when there is none.
func reference(name string, amounts []int64, cheapestOf map[string]int64) *big.Rat {
	switch name {
	case "median":
		return quantile(amounts, big.NewRat(1, 2))
	case "mean":
		return mean(amounts)
	case "min":
		return big.NewRat(amounts[0], 1)
	}
	if lowest, ok := cheapestOf[strings.TrimPrefix(name, "competitor:")]; ok {
		return big.NewRat(lowest, 1)
	}
	return nil
}

// mapCheck holds the new and public offers of the region against the MAP price, whatever else is asked for.
func (k Known) mapCheck(q Question) any {
	if k.MAP == nil {
		return nil
	}
	breaches, notCompared := []any{}, []any{}
	advertised := Question{Condition: "New", Audience: "public", Region: q.Region}
	for _, o := range slices.SortedFunc(slices.Values(k.Offers), func(a, b Offer) int {
		return slices.Compare(a.Current.Parts(), b.Current.Parts())
	}) {
		p := o.Current.Price
		if p == nil || !advertised.asksFor(o.Current.Key) || !k.Shops[o.Current.Competitor].Active || !k.fresh(o) {
			continue
		}
		row := keyRow(o.Current.Key)
		if p.Currency != k.MAP.Currency {
			price := map[string]any{"amount": k.amount(big.NewRat(p.Minor, 1), p.Currency), "currency": p.Currency}
			notCompared = append(notCompared, with(row, "price", price))
		} else if p.Minor < k.MAP.Minor {
			breaches = append(breaches, with(row, "price", k.amount(big.NewRat(p.Minor, 1), p.Currency),
				"lastChangedAt", Stamp(o.LastChanged), "belowSince", k.belowSince(q, o)))
		}
	}
	price := map[string]any{"amount": k.amount(big.NewRat(k.MAP.Minor, 1), k.MAP.Currency), "currency": k.MAP.Currency}
	return map[string]any{"mapPrice": price, "breaches": breaches, "notCompared": notCompared}
}

// belowSince is when an offer's price began to be below the MAP price; nil when that was before the window.
func (k Known) belowSince(q Question, o Offer) any {
	var seen []Observation
	for _, row := range k.rows(q) {
		if row.Key == o.Current.Key {
			seen = append(seen, row)
		}
	}
	slices.SortFunc(seen, ByRecency)
	var since any
	unbroken := true
	for i := len(seen) - 1; i >= 0 && unbroken; i-- {
		unbroken = seen[i].Price != nil && seen[i].Price.Currency == k.MAP.Currency && seen[i].Price.Minor < k.MAP.Minor
		if unbroken {
			since = Stamp(seen[i].At)
		}
	}
	if unbroken && o.FirstSeen.Before(k.from(q)) {
		return nil
	}
	return since
}

// from is midnight of the window's first day.
func (k Known) from(q Question) time.Time {
	return k.Now.UTC().Truncate(24*time.Hour).AddDate(0, 0, 1-q.Days)
}

// rows is what was observed in the window.
func (k Known) rows(q Question) (rows []Observation) {
	for _, row := range k.Rows {
		if q.Days > 0 && !row.At.Before(k.from(q)) && row.At.Before(k.from(q).AddDate(0, 0, q.Days)) {
			rows = append(rows, row)
		}
	}
	return rows
}

func (k Known) window(q Question, amounts []int64, currency string) map[string]any {
	days := map[string]bool{}
	of := map[Key][]Observation{}
	var low *Observation
	for _, row := range k.rows(q) {
		if !q.asksFor(row.Key) {
			continue
		}
		days[Stamp(row.At)[:10]] = true
		of[row.Key] = append(of[row.Key], row)
		m := q.amount(row)
		if m == nil || m.Currency != currency || !InStock(row) {
			continue
		}
		if low == nil || m.Minor < q.amount(*low).Minor || m.Minor == q.amount(*low).Minor && row.At.Before(low.At) {
			low = &row
		}
	}
	changes := 0
	for _, rows := range of {
		slices.SortFunc(rows, ByRecency)
		for i := 1; i < len(rows); i++ {
			if !SameTerms(rows[i-1].Terms, rows[i].Terms) {
				changes++
			}
		}
	}
	out := map[string]any{"from": Stamp(k.from(q)), "low": nil, "lowAt": nil, "isLowest": nil, "changes": changes,
		"coverage": map[string]any{"observedDays": len(days), "requestedDays": q.Days, "sufficient": 5*len(days) >= 4*q.Days}}
	if low != nil {
		out["low"] = k.amount(big.NewRat(q.amount(*low).Minor, 1), currency)
		out["lowAt"] = Stamp(low.At)
		if len(amounts) > 0 {
			out["isLowest"] = amounts[0] <= q.amount(*low).Minor
		}
	}
	return out
}

// InStock reports whether an observation says that the offer can be had.
func InStock(o Observation) bool {
	return slices.Contains([]string{"InStock", "LimitedAvailability", "OnlineOnly", "InStoreOnly"}, o.Availability)
}

func keyRow(k Key) map[string]any {
	return map[string]any{"competitorId": k.Competitor, "sellerId": textOrNull(k.Seller), "itemCondition": k.Condition,
		"audience": k.Audience, "region": textOrNull(k.Region)}
}

// with adds members, each a name and a value, to a row.
func with(row map[string]any, members ...any) map[string]any {
	for i := 0; i < len(members); i += 2 {
		name, _ := members[i].(string)
		row[name] = members[i+1]
	}
	return row
}

func orNone(s string) string { return cmp.Or(s, "none") }

func textOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// amount prints minor units of a currency.
func (k Known) amount(minor *big.Rat, currency string) string {
	return printed(minor, k.Digits(currency))
}

// percentage prints part / whole * 100 with two decimals; nil without a whole, or of one that is 0.
func percentage(part, whole *big.Rat) any {
	if whole == nil || whole.Sign() == 0 {
		return nil
	}
	hundredths := new(big.Rat).Quo(part, whole)
	return printed(hundredths.Mul(hundredths, big.NewRat(10_000, 1)), 2)
}

// printed rounds a number of smallest units to a whole one, of two that are as near to the even one, and prints it with the point
// before the last digits.
func printed(units *big.Rat, digits int) string {
	whole := floor(units)
	over := new(big.Rat).Sub(units, new(big.Rat).SetInt(whole))
	switch over.Cmp(big.NewRat(1, 2)) {
	case 1:
		whole.Add(whole, big.NewInt(1))
	case 0:
		whole.Add(whole, new(big.Int).And(whole, big.NewInt(1)))
	}
	text := whole.String()
	minus := ""
	if rest, negative := strings.CutPrefix(text, "-"); negative {
		minus = "-"
		text = rest
	}
	if digits == 0 {
		return minus + text
	}
	for len(text) <= digits {
		text = "0" + text
	}
	return minus + text[:len(text)-digits] + "." + text[len(text)-digits:]
}

// floor is the greatest whole number that is not above r.
func floor(r *big.Rat) *big.Int {
	return new(big.Int).Div(r.Num(), r.Denom()) // the denominator is positive, so this is Euclid's
}
