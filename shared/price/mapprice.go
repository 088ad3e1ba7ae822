package price

// MAPCheck is what the market's new and public offers say against the MAP price, the minimum advertised price. Advertised is the
// price without shipping, whatever the availability.
type MAPCheck struct {
	Price       Money
	Breaches    []MAPBreach   // in the order of their keys
	NotCompared []NotCompared // of another currency, in the order of their keys
}

// MAPBreach is an offer that is advertised below the MAP price.
type MAPBreach struct {
	Key         OfferKey
	Price       Money
	LastChanged Timestamp
	BelowSince  Timestamp // the first observation of the unbroken run below; NoTime when that cannot be told
}

// NotCompared is an offer whose price is of another currency than the MAP price.
type NotCompared struct {
	Key   OfferKey
	Price Money
}

// checkMAP holds competitors' offers, which are in the order of their keys, against the MAP price; nil when there is none. Stale
// ones are left out even where they count in the statistics.
func (s Snapshot) checkMAP(history map[OfferKey][]*Observation, q SummaryQuery, offers []Offer) *MAPCheck {
	if !s.MAP.Present() {
		return nil
	}
	check := &MAPCheck{Price: s.MAP}
	for _, o := range offers {
		advertised := o.Current.Terms.Price
		switch {
		case !q.Market.Advertises(o.Current.Key) || !advertised.Present() || !s.competitor(o).Active || s.stale(o):
		case advertised.Currency != s.MAP.Currency:
			check.NotCompared = append(check.NotCompared, NotCompared{o.Current.Key, advertised})
		case below(advertised, s.MAP):
			since := s.Window.belowSince(history, o, s.MAP)
			check.Breaches = append(check.Breaches, MAPBreach{o.Current.Key, advertised, o.LastChanged, since})
		}
	}
	return check
}

// below reports whether a price is known to be less than another.
func below(price, other Money) bool {
	return price.Currency == other.Currency && price.Minor < other.Minor
}
