package price

import (
	"math/big"
	"slices"
)

// Statistics describe the market of a summary. Amounts are in its currency; they are absent where there is nothing to compute
// them from.
type Statistics struct {
	N           int      `json:"n"`           // how many amounts they are over
	Competitors int      `json:"competitors"` // how many competitors have a used offer
	Min         Decimal  `json:"min"`
	Q1          Decimal  `json:"q1"` // of fewer than four amounts a quartile says nothing, and is absent
	Median      Decimal  `json:"median"`
	Mean        Decimal  `json:"mean"`
	Q3          Decimal  `json:"q3"`
	Max         Decimal  `json:"max"`
	Cheapest    []string `json:"cheapest"` // the competitors at the minimum, sorted
}

// quartilesFrom is the least number of amounts whose quartiles are told.
const quartilesFrom = 4

// voice is an amount that counts in the statistics, in minor units, and whose it is.
type voice struct {
	competitorID string
	minor        int64
}

// voices are those of a market, the lowest first.
type voices []voice

// lowestOf returns the lowest voice of a competitor.
func (v voices) lowestOf(competitorID string) *big.Rat {
	i := slices.IndexFunc(v, func(one voice) bool { return one.competitorID == competitorID })
	if i < 0 {
		return nil
	}
	return big.NewRat(v[i].minor, 1)
}

// below returns how many are strictly cheaper than an amount.
func (v voices) below(minor int64) int {
	n := 0
	for n < len(v) && v[n].minor < minor {
		n++
	}
	return n
}

// min, median and mean return what their names say, in minor units; nil of no voices.
func (v voices) min() *big.Rat    { return v.quartile(0) }
func (v voices) median() *big.Rat { return v.quartile(2) }

func (v voices) mean() *big.Rat {
	if len(v) == 0 {
		return nil
	}
	sum := int64(0) // of at most some thousand amounts below 2 * 10^12
	for _, one := range v {
		sum += one.minor
	}
	return big.NewRat(sum, int64(len(v)))
}

// quartile returns the k-th quartile in minor units by linear interpolation, the seventh definition of Hyndman and Fan, which is
// a spreadsheet's QUARTILE.INC: 0 is the minimum, 2 the median, 4 the maximum. nil of no voices.
func (v voices) quartile(k int) *big.Rat {
	if len(v) == 0 {
		return nil
	}
	at := (len(v) - 1) * k // in quarters of the way from one to the next
	low := v[at/4].minor
	quarters := int64(at % 4)
	if quarters == 0 {
		return big.NewRat(low, 1)
	}
	return big.NewRat(low*(4-quarters)+v[at/4+1].minor*quarters, 4)
}

// statistics describes the voices of a market whose used offers are of some competitors.
func (v voices) statistics(currency string, competitors int) Statistics {
	s := Statistics{N: len(v), Competitors: competitors, Cheapest: []string{}}
	if len(v) == 0 {
		return s
	}
	amount := func(minor *big.Rat) Decimal { return inCurrency(minor, currency) }
	s.Min = amount(v.min())
	s.Median = amount(v.median())
	s.Mean = amount(v.mean())
	s.Max = amount(v.quartile(4))
	if len(v) >= quartilesFrom {
		s.Q1 = amount(v.quartile(1))
		s.Q3 = amount(v.quartile(3))
	}
	for _, one := range v {
		if one.minor == v[0].minor {
			s.Cheapest = append(s.Cheapest, one.competitorID)
		}
	}
	slices.Sort(s.Cheapest)
	s.Cheapest = slices.Compact(s.Cheapest)
	return s
}
