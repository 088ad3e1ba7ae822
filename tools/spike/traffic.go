package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"time"

	"pricing/client"
	"pricing/shared/price"
)

// traffic says what observations are like.
type traffic struct {
	products   int
	skew       float64 // the n-th product has a share of 1/n^skew; 0: all the same
	duplicates float64 // share of observations that were sent before
	late       float64 // share of observations that are up to an hour old
}

// competitors are those that a run registers and observes.
var competitors = [...]string{"spike-a", "spike-b", "spike-c"}

const (
	source     = "spike"
	currency   = "USD"
	recent     = 2000          // a duplicate is one of so many observations before it
	latest     = time.Hour     // how late an observation may be
	typical    = 1000          // minor units of a price
	variation  = 200           // the most that is added to it
	samePrice  = 0.5           // share of observations with the product's typical price
	productFmt = "spike-%s-%d" // run and product
)

// sighting is an observation, kept small: a run has up to millions.
type sighting struct {
	product    int
	competitor int
	minor      int64
	at         int64 // milliseconds of Unix time
}

// moment is what two observations of one source must not have in common: the offer and the millisecond.
type moment struct {
	product    int
	competitor int
	at         int64
}

// sightings makes the observations of requests that are due at these times after the start, so many each. The same random
// numbers and start give the same ones.
func (t traffic) sightings(start time.Time, due []time.Duration, items int, random *rand.Rand) []sighting {
	popularity := make([]float64, t.products) // cumulative
	sum := 0.0
	for i := range popularity {
		sum += math.Pow(float64(i+1), -t.skew)
		popularity[i] = sum
	}
	all := make([]sighting, 0, len(due)*items)
	taken := map[moment]bool{}
	for _, at := range due {
		for range items {
			if len(all) > 0 && random.Float64() < t.duplicates {
				all = append(all, all[len(all)-1-random.IntN(min(len(all), recent))])
				continue
			}
			s := sighting{
				product:    min(sort.SearchFloat64s(popularity, random.Float64()*sum), t.products-1),
				competitor: random.IntN(len(competitors)),
				minor:      typical, at: start.Add(at).UnixMilli(),
			}
			if random.Float64() >= samePrice {
				s.minor += random.Int64N(variation)
			}
			if random.Float64() < t.late {
				s.at -= 1 + random.Int64N(latest.Milliseconds())
			}
			for taken[s.moment()] { // two of one offer at one moment would be in conflict
				s.at--
			}
			taken[s.moment()] = true
			all = append(all, s)
		}
	}
	return all
}

func (s sighting) moment() moment { return moment{s.product, s.competitor, s.at} }

// productID is the product's in a run.
func productID(run string, product int) string { return fmt.Sprintf(productFmt, run, product) }

// submission is the observation as it is sent.
func (s sighting) submission(run string) client.Submission {
	return client.Submission{ProductID: productID(run, s.product), CompetitorID: competitors[s.competitor], Availability: "InStock",
		Price:  &client.Money{Amount: s.price().Amount(), Currency: currency},
		Source: client.Source{ID: source, Kind: "feed"}, ObservedAt: time.UnixMilli(s.at).UTC()}
}

func (s sighting) price() price.Money { return price.Money{Minor: s.minor, Currency: currency} }

// id is the observation's id.
func (s sighting) id(run string) string {
	key := price.OfferKey{ProductID: productID(run, s.product), CompetitorID: competitors[s.competitor]}
	return price.ID(key, price.Timestamp(s.at), source)
}

// body is the request that sends these observations: one alone, or a batch.
func body(run string, all []sighting, single bool) ([]byte, error) {
	if single {
		return json.Marshal(all[0].submission(run))
	}
	batch := make([]client.Submission, len(all))
	for i, s := range all {
		batch[i] = s.submission(run)
	}
	return json.Marshal(map[string]any{"observations": batch})
}
