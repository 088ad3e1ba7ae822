package api

import (
	"pricing/shared/price"
	"pricing/shared/store"
)

// Competitor is the document of a competitor.
type Competitor struct {
	ID              string               `json:"competitorId"`
	Name            string               `json:"name"`
	Kind            price.CompetitorKind `json:"kind"`
	Domain          *string              `json:"domain"`
	Country         *string              `json:"country"`
	DefaultCurrency *string              `json:"defaultCurrency"`
	FreshFor        string               `json:"freshFor"`
	Status          string               `json:"status"`
	Health          *Health              `json:"health,omitempty"` // only where competitors are read
}

// Health says when a competitor's feed was last heard, to the minute; null for never.
type Health struct {
	LastReceivedAt price.Timestamp `json:"lastReceivedAt"`
	LastObservedAt price.Timestamp `json:"lastObservedAt"`
}

// NewCompetitor describes a competitor without the health of its feed.
func NewCompetitor(c price.Competitor) Competitor {
	status := "active"
	if !c.Active {
		status = "inactive"
	}
	return Competitor{
		ID:              c.ID,
		Name:            c.Name,
		Kind:            c.Kind,
		Domain:          orNull(c.Domain),
		Country:         orNull(c.Country),
		DefaultCurrency: orNull(c.DefaultCurrency),
		FreshFor:        price.FormatDuration(c.FreshFor),
		Status:          status,
	}
}

// WithHealth describes a stored competitor with the health of its feed.
func WithHealth(c store.Competitor) Competitor {
	out := NewCompetitor(c.Competitor)
	out.Health = &Health{LastReceivedAt: c.LastReceivedAt, LastObservedAt: c.LastObservedAt}
	return out
}
