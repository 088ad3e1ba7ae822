package plan

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"pricing/shared/price"
)

// competitors are those of every plan. One goes out of business and comes back.
func competitors() []price.Competitor {
	one := func(id string, kind price.CompetitorKind) price.Competitor {
		return price.Competitor{ID: id, Name: id, Kind: kind, FreshFor: price.DefaultFreshFor, Active: true}
	}
	return []price.Competitor{one("bigmart", price.Retailer), one("shopx", price.Retailer), one("kyoto", price.Retailer),
		one("marketplace", price.Marketplace), one(wavering, price.Retailer)}
}

const (
	wavering  = "pop-up"
	longLabel = 120
	largest   = 500 // batch that the API takes
)

// product is what the observations of one product are drawn from.
type product struct {
	id      string
	keys    []price.OfferKey
	terms   []price.Terms
	step    time.Duration // between two moments
	moments int           // how many there are
	at      int           // the moment that the product's clock shows
}

// chapterLength is after how many observations new products take the place of those before.
const chapterLength = 600

// chapter is a part of a plan with products of its own.
type chapter struct {
	first    int // request
	products []*product
	hot      bool                // most requests are about the first product
	earlier  []price.Observation // all that were drawn
}

type drawer struct {
	*rand.Rand
	options  Options
	chapters []*chapter // the last one is being drawn
	products int        // of all chapters
	byID     map[string]price.Observation
	sent     int
}

// chapter begins the next chapter, with the request of this number.
func (d *drawer) chapter(first int) {
	c := &chapter{first: first}
	for range d.between(1, 5) {
		c.products = append(c.products, d.product(d.products))
		d.products++
	}
	c.hot = d.IntN(3) == 0
	d.chapters = append(d.chapters, c)
}

// of gives the chapter whose products a request is about: mostly the last.
func (d *drawer) of() *chapter {
	if len(d.chapters) > 1 && d.chance(10) {
		return pick(d, d.chapters)
	}
	return d.chapters[len(d.chapters)-1]
}

func (d *drawer) between(least, most int) int { return least + d.IntN(most-least+1) }

// chance is true in so many of a hundred cases.
func (d *drawer) chance(percent int) bool { return d.IntN(100) < percent }

func pick[T any](d *drawer, from []T) T { return from[d.IntN(len(from))] }

// product draws a product: one of few offers, as most are, or of many sellers, which soon has to be split when their names are long.
func (d *drawer) product(n int) *product {
	p := &product{id: fmt.Sprintf("P-%d", n)}
	key := func(competitor string) price.OfferKey {
		return price.OfferKey{ProductID: p.id, CompetitorID: competitor}
	}
	switch d.IntN(3) {
	case 0: // long sellers
		for i := range d.between(14, 60) {
			k := key("marketplace")
			k.SellerID = fmt.Sprintf("%0128d", i)
			p.keys = append(p.keys, k)
		}
	case 1: // short sellers
		for i := range d.between(5, 40) {
			k := key("marketplace")
			k.SellerID = fmt.Sprint("seller ", i)
			p.keys = append(p.keys, k)
		}
	default:
		for _, competitor := range []string{"bigmart", "shopx", wavering} {
			p.keys = append(p.keys, key(competitor))
		}
		odd := key("kyoto")
		odd.SellerID = "Otto & Söhne|100 %"
		odd.Condition = price.ConditionUsed
		odd.Region = "DE"
		odd.Audience = price.AudienceMember
		p.keys = append(p.keys, odd)
		p.keys = p.keys[:d.between(1, len(p.keys))]
	}
	for range d.between(2, 5) {
		p.terms = append(p.terms, d.terms())
	}
	p.step = pick(d, []time.Duration{time.Millisecond, time.Minute, 6 * time.Hour, 6 * 24 * time.Hour, 17 * 24 * time.Hour})
	p.moments = pick(d, []int{4, 40, 120, 400})
	if p.step > 24*time.Hour {
		p.moments = min(p.moments, 40)
	}
	return p
}

// terms draws terms, some of them with a label so long that few of them fill a board.
func (d *drawer) terms() price.Terms {
	usd := func(minor int64) price.Money { return price.Money{Minor: minor, Currency: "USD"} }
	t := price.Terms{Price: usd(1995 + d.Int64N(4)), PriceType: pick(d, priceTypes)}
	t.Shipping = pick(d, []price.Money{{}, usd(0), usd(299)})
	t.ListPrice = pick(d, []price.Money{{}, usd(2999)})
	switch d.IntN(4) {
	case 0:
		label := strings.Repeat(pick(d, []string{"a", "b", "c"}), longLabel)
		t.Promotion = price.Promotion{Present: true, Label: label, ValidThrough: price.NoTime}
	case 1:
		t.Promotion = price.Promotion{Present: true, Label: "Sommer", ValidThrough: Start.Add(300 * 24 * time.Hour), MinQuantity: 2}
	}
	if d.chance(15) {
		t.Price = price.Money{}
		t.Shipping = price.Money{}
		t.ListPrice = price.Money{}
		t.Availability = price.AvailabilitySoldOut
	}
	return t
}

// Clients are those that send.
var Clients = []string{"crawler-a", "night-run", "agency"}

// request draws a request.
func (d *drawer) request(n int) Request {
	r := Request{N: n, Client: pick(d, Clients), Repeats: pick(d, []int{0, 1, 3, 6}), Deadline: 20 * time.Second, Fresh: d.chance(10)}
	if d.chance(8) {
		r.Deadline = time.Duration(d.between(5, 400)) * time.Millisecond
	}
	if d.chance(6) {
		r.KillAt = d.between(1, 12)
	}
	c := d.of()
	switch {
	case !d.options.Plain && d.chance(6):
		r.Product = &Product{ID: pick(d, c.products).id, Title: fmt.Sprint("title ", d.IntN(4))}
		if d.chance(80) {
			r.Product.List = price.Money{Minor: 1900 + d.Int64N(200), Currency: "USD"}
		}
		return r
	case !d.options.Plain && d.chance(4):
		of := pick(d, competitors())
		of.Name = fmt.Sprint("name ", d.IntN(4))
		of.Active = of.ID != wavering || d.chance(60)
		r.Competitor = &of
		return r
	}
	size := 1
	switch {
	case d.chance(35):
		size = d.between(2, 8)
	case d.chance(50):
		size = d.between(10, 100)
		if d.options.Observations > 10*100 && d.chance(50) { // a large plan sends much as feeds do
			size = d.between(100, min(d.options.Observations/10, largest))
		}
	}
	about := d.between(1, len(c.products))
	first := d.IntN(len(c.products))
	if c.hot && d.chance(80) {
		about, first = 1, 0
	}
	for range size {
		p := c.products[(first+d.IntN(about))%len(c.products)]
		r.Observations = append(r.Observations, d.observation(c, p))
	}
	d.sent += size
	return r
}

var priceTypes = []price.PriceType{price.PriceTypeRegular, price.PriceTypePromotional, price.PriceTypeClearance}

var urls = []string{"", "https://bigmart.example/p/77", "https://shopx.example/a?b=c", "https://shopx.example/new"}

// observation draws an observation of a product of a chapter: mostly a new one, else one that was drawn before, or another with its id.
func (d *drawer) observation(c *chapter, p *product) price.Observation {
	if len(c.earlier) > 0 && d.chance(15) {
		o := pick(d, c.earlier)
		if !d.options.Plain && d.chance(25) {
			o.Terms.Price = price.Money{Minor: 5000 + d.Int64N(3), Currency: "USD"}
			o.Terms.Availability = price.AvailabilityInStock
			o.Terms.Shipping = price.Money{}
			o.Terms.ListPrice = price.Money{}
		}
		return d.again(o)
	}
	o := price.Observation{Key: pick(d, p.keys), Terms: pick(d, p.terms)}
	moment := d.IntN(p.moments)
	if d.chance(70) { // in the order of time
		if d.chance(40) {
			p.at = min(p.at+1, p.moments-1)
		}
		moment = p.at
	}
	o.ObservedAt = Start.Add(-time.Duration(p.moments-1-moment) * p.step)
	o.Source = price.Source{ID: pick(d, []string{"crawler-a", "feed-b", "vendor-c"}),
		Kind:       pick(d, []price.SourceKind{price.SourceCrawler, price.SourceFeed}),
		Confidence: pick(d, []price.Confidence{price.NoConfidence, 0, 9700})}
	o.URL = pick(d, urls)
	if e, ok := d.byID[o.ID()]; ok && (d.options.Plain || d.chance(80)) {
		return d.again(e)
	}
	d.byID[o.ID()] = o
	c.earlier = append(c.earlier, o)
	return o
}

// again is an observation that was sent before, now and then with another url, which is no part of its content, or without.
func (d *drawer) again(o price.Observation) price.Observation {
	if !d.options.Plain && d.chance(30) {
		o.URL = pick(d, urls)
	}
	return o
}
