package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"pricing/shared/price"
)

// urls says which offers have a url and whether a scan finds another one each time.
type urls int

const (
	knownURLs urls = iota // on half of the offers, always the same
	newURLs               // on half of the offers, another at every scan, as a crawler's whose urls carry a session
)

func (u urls) String() string { return [...]string{"known", "new"}[u] }

// shape is what a market looks like.
type shape struct {
	products, offers int
	idLength         int // bytes of product and competitor ids, and of sellers where a product has hundreds of offers
	urls             urls
}

// aHundred is how many offers make a product one of a marketplace, with sellers instead of competitors.
const aHundred = 100

// changing is the share of observations whose terms differ from those before.
const changing = 0.1

// market makes the observations of one scan after the other.
type market struct {
	shape
	random *rand.Rand
	terms  map[price.OfferKey]price.Terms
	scans  int
	sparse bool // a scan sees a fifth of the offers, in turn, but the first sees all: enough of a product with hundreds
}

func newMarket(s shape, random *rand.Rand) *market {
	return &market{shape: s, random: random, terms: map[price.OfferKey]price.Terms{}}
}

// start is when the first scan is made: so that 70 scans reach into four months.
var start = price.At(time.Date(2026, 3, 20, 1, 0, 0, 0, time.UTC))

// id pads a name to the length of the shape's ids.
func (m *market) id(name string, n int) string {
	text := fmt.Sprintf("%s%d", name, n)
	return text + strings.Repeat("x", max(0, m.idLength-len(text)))
}

func (m *market) productID(p int) string { return m.id("p", p) }

// competitors lists the ids of all competitors.
func (m *market) competitors() []string {
	if m.offers >= aHundred {
		return []string{m.id("m", 0)}
	}
	ids := make([]string, m.offers)
	for i := range ids {
		ids[i] = m.id("c", i)
	}
	return ids
}

func (m *market) key(p, o int) price.OfferKey {
	if m.offers >= aHundred {
		return price.OfferKey{ProductID: m.productID(p), CompetitorID: m.id("m", 0), SellerID: m.id("s", o)}
	}
	return price.OfferKey{ProductID: m.productID(p), CompetitorID: m.id("c", o)}
}

// scan returns the next day's observations by product and offer, and when they are received.
func (m *market) scan() (observations [][]price.Observation, received price.Timestamp) {
	day := start.Add(time.Duration(m.scans) * 24 * time.Hour)
	m.scans++
	for p := range m.products {
		var of []price.Observation
		for o := range m.offers {
			if m.sparse && m.scans > 1 && o%5 != m.scans%5 {
				continue
			}
			of = append(of, m.observe(p, o, day))
		}
		observations = append(observations, of)
	}
	return observations, day.Add(3 * time.Hour)
}

// observe makes one observation at some millisecond within two hours of the day's scan.
func (m *market) observe(p, o int, day price.Timestamp) price.Observation {
	key := m.key(p, o)
	terms, known := m.terms[key]
	if !known || m.random.Float64() < changing {
		terms.Price = price.Money{Minor: 500 + m.random.Int64N(20_000), Currency: "USD"}
		if o%2 == 0 {
			terms.Shipping = price.Money{Minor: 299, Currency: "USD"}
		}
		m.terms[key] = terms
	}
	out := price.Observation{
		Key: key, Terms: terms, Source: price.Source{ID: "crawler-a", Confidence: price.NoConfidence},
		ObservedAt: day.Add(time.Duration(m.random.Int64N(7_200_000)) * time.Millisecond),
	}
	if o%2 == 1 {
		out.URL = fmt.Sprintf("https://www.%s.example/products/%s", key.CompetitorID, key.ProductID)
		if m.urls == newURLs {
			out.URL += fmt.Sprintf("?session=%d", m.scans)
		}
	}
	return out
}

// mode is how a scan's observations are put into requests.
type mode int

const (
	single  mode = iota // one observation a request
	catalog             // one competitor's offers of all products a request
	centred             // all offers of as many products as fit into a request, at most 25
)

func (m mode) String() string { return [...]string{"single", "catalogue", "product"}[m] }

const mostItems = 500 // of a request

func (m mode) requests(scan [][]price.Observation) [][]price.Observation {
	var requests [][]price.Observation
	switch m {
	case single:
		for _, of := range scan {
			for _, o := range of {
				requests = append(requests, []price.Observation{o})
			}
		}
	case catalog:
		for o := range scan[0] {
			var request []price.Observation
			for p := range scan {
				request = append(request, scan[p][o])
			}
			requests = append(requests, request)
		}
	case centred:
		most := max(1, min(25, mostItems/len(scan[0])))
		for len(scan) > 0 {
			n := min(most, len(scan))
			var request []price.Observation
			for _, of := range scan[:n] {
				request = append(request, of...)
			}
			requests = append(requests, request)
			scan = scan[n:]
		}
	}
	return requests
}
