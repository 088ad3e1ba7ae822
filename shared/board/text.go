package board

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"pricing/shared/price"
)

// offerText is the readable half of an offer on the board: price|shipping|availability letter|observedAt, for example
// "19.95 USD|2.99|I|260706T091403.123". Shipping names its currency only where the price does not give it; "-" is none.
// The year has two digits within 2000-2099 and four outside.
func offerText(e Observation) string {
	shipping := e.Terms.Shipping.String()
	if e.Terms.Price.Present() && e.Terms.Shipping.Present() {
		shipping = e.Terms.Shipping.Amount()
	}
	t := e.ObservedAt.Time()
	layout := "060102T150405.000"
	if t.Year() < 2000 || t.Year() > 2099 {
		layout = "20060102T150405.000"
	}
	return e.Terms.Price.String() + "|" + shipping + "|" + availabilityLetters[e.Terms.Availability] + "|" + t.Format(layout)
}

// parseOfferText reads what offerText wrote into the fields of an observation it holds.
func parseOfferText(text string) (Observation, error) {
	fail := func(what string) (Observation, error) { return Observation{}, fmt.Errorf("offer %q: %s", text, what) }
	parts := strings.Split(text, "|")
	if len(parts) != 4 {
		return fail("must have four parts")
	}
	e := Observation{Source: price.Source{Confidence: price.NoConfidence}}
	var err error
	if e.Terms.Price, err = parseMoneyText(parts[0], ""); err != nil {
		return fail(err.Error())
	}
	if e.Terms.Price.Present() && strings.Contains(parts[1], " ") {
		return fail("shipping names its currency beside a price")
	}
	if e.Terms.Shipping, err = parseMoneyText(parts[1], e.Terms.Price.Currency); err != nil {
		return fail(err.Error())
	}
	a := letter(availabilityLetters, parts[2])
	if a < 0 {
		return fail("unknown availability letter")
	}
	e.Terms.Availability = price.Availability(a)
	if len(parts[3]) == len("060102T150405.000") {
		parts[3] = "20" + parts[3]
	}
	t, err := time.Parse("20060102T150405.000", parts[3])
	if err != nil {
		return fail("unreadable time")
	}
	e.ObservedAt = price.At(t)
	return e, nil
}

// parseMoneyText reads an amount as stored. It takes the decimals as they were written, so a stored price stays readable should
// the standard's list of currencies ever change.
func parseMoneyText(s, currency string) (price.Money, error) {
	if s == "-" {
		return price.Money{}, nil
	}
	if amount, named, ok := strings.Cut(s, " "); ok {
		s = amount
		currency = named
	}
	whole, fraction, _ := strings.Cut(s, ".")
	minor, err := strconv.ParseUint(whole+fraction, 10, 62)
	if err != nil || len(currency) != 3 {
		return price.Money{}, fmt.Errorf("unreadable amount %q", s)
	}
	return price.Money{Minor: int64(minor), Currency: currency}, nil
}
