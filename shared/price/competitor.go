package price

import (
	"cmp"
	"time"

	"pricing/shared/fault"
	"pricing/shared/jsondoc"
)

// Competitor is a retailer or marketplace that is watched.
type Competitor struct {
	ID              string
	Name            string
	Kind            CompetitorKind
	Domain          string // empty: none
	Country         string // ISO 3166 alpha-2; empty: none
	DefaultCurrency string // empty: none
	FreshFor        time.Duration
	Active          bool
}

// DefaultFreshFor is how long an offer stays fresh unless its competitor says otherwise.
const DefaultFreshFor = 26 * time.Hour

// StaleAt returns when an offer goes stale that was last seen at a moment; NoTime: never, as our own. A competitor that is not
// known any more is as fresh as one that was registered without freshFor.
func (c Competitor) StaleAt(lastSeen Timestamp) Timestamp {
	if c.ID == Own {
		return NoTime
	}
	return lastSeen.Add(cmp.Or(c.FreshFor, DefaultFreshFor))
}

// Stale reports whether an offer that was last seen at a moment is stale now.
func (c Competitor) Stale(lastSeen, now Timestamp) bool {
	at := c.StaleAt(lastSeen)
	return at != NoTime && now >= at
}

// ReadCompetitor reads the body of a PUT that was received at a moment, and adds every broken rule to the value's reader. An
// optional member may be null or empty ("").
func ReadCompetitor(competitorID string, v jsondoc.Value, now Timestamp) Competitor {
	c := Competitor{ID: competitorID, FreshFor: DefaultFreshFor}
	m, _ := v.Object("name", "kind", "domain", "country", "defaultCurrency", "freshFor", "status")
	c.Name = freeText(m.Required("name"), maxName)
	c.Kind = word[CompetitorKind](m.Required("kind"), competitorKinds)
	c.Domain = id(optionalText(m, "domain"), checkDomain, "a lower-case host name of at most 253 bytes")
	c.Country = id(optionalText(m, "country"), checkCountry, "two capital letters (ISO 3166)")
	currency := optionalText(m, "defaultCurrency")
	if text, ok := currency.String(); ok {
		if _, unknown := digitsAt(text, now); unknown != "" {
			currency.Fault(fault.CodeCurrencyUnknown, unknown)
		}
		c.DefaultCurrency = text
	}
	freshFor := optionalText(m, "freshFor")
	if text, ok := freshFor.String(); ok {
		d, err := ParseDuration(text)
		if err != nil {
			freshFor.Fault(fault.CodeInvalidField, jsondoc.Quote(text)+" "+err.Error()+".")
		}
		c.FreshFor = d
	}
	c.Active = word[status](optionalText(m, "status"), []string{"active", "inactive"}) == 0
	return c
}

type status uint8

func checkCountry(s string) bool {
	return len(s) == 2 && every(s, func(c byte) bool { return c >= 'A' && c <= 'Z' })
}

// checkDomain accepts dot-separated labels of a-z, 0-9 and inner hyphens.
func checkDomain(s string) bool {
	label := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			if label == 0 || s[i-1] == '-' {
				return false
			}
			label = 0
			continue
		case c == '-' && label == 0, c != '-' && !digit(c) && (c < 'a' || c > 'z'):
			return false
		}
		if label++; label > 63 {
			return false
		}
	}
	return label > 0 && len(s) <= 253 && s[len(s)-1] != '-'
}
