package api

import (
	"pricing/shared/board"
	"pricing/shared/price"
)

// Offer is the document of a current offer.
type Offer struct {
	CompetitorID  string             `json:"competitorId"`
	SellerID      *string            `json:"sellerId"`
	Condition     price.Condition    `json:"itemCondition"`
	Audience      price.Audience     `json:"audience"`
	Region        *string            `json:"region"`
	Availability  price.Availability `json:"availability"`
	Price         price.Money        `json:"price"`
	Shipping      price.Money        `json:"shipping"`
	Landed        price.Money        `json:"landed"`
	ListPrice     price.Money        `json:"listPrice"`
	PriceType     price.PriceType    `json:"priceType"`
	Promotion     price.Promotion    `json:"promotion"`
	PreviousPrice price.Money        `json:"previousPrice"`
	ObservedAt    price.Timestamp    `json:"observedAt"`
	FirstSeenAt   price.Timestamp    `json:"firstSeenAt"`
	LastSeenAt    price.Timestamp    `json:"lastSeenAt"`
	LastChangedAt price.Timestamp    `json:"lastChangedAt"`
	StaleAt       price.Timestamp    `json:"staleAt"`
	Stale         bool               `json:"stale"`
	URL           *string            `json:"url"`
	Source        OfferSource        `json:"source"`
	ObservationID string             `json:"observationId"`
}

// OfferSource is who saw an offer last.
type OfferSource struct {
	ID         string           `json:"id"`
	Confidence price.Confidence `json:"confidence"`
}

// NewOffer describes an offer of a competitor at the moment now. url is empty where none is known.
func NewOffer(o board.Offer, c price.Competitor, url string, now price.Timestamp) Offer {
	current := o.Current
	staleAt := c.StaleAt(current.ObservedAt)
	return Offer{
		CompetitorID:  o.Key.CompetitorID,
		SellerID:      orNull(o.Key.SellerID),
		Condition:     o.Key.Condition,
		Audience:      o.Key.Audience,
		Region:        orNull(o.Key.Region),
		Availability:  current.Terms.Availability,
		Price:         current.Terms.Price,
		Shipping:      current.Terms.Shipping,
		Landed:        current.Terms.Landed(),
		ListPrice:     current.Terms.ListPrice,
		PriceType:     current.Terms.PriceType,
		Promotion:     current.Terms.Promotion,
		PreviousPrice: o.Previous.Price,
		ObservedAt:    current.ObservedAt,
		FirstSeenAt:   o.FirstSeen,
		LastSeenAt:    current.ObservedAt,
		LastChangedAt: o.RunStart,
		StaleAt:       staleAt,
		Stale:         now >= staleAt,
		URL:           orNull(url),
		Source:        OfferSource{ID: current.Source.ID, Confidence: current.Source.Confidence},
		ObservationID: current.ID(o.Key),
	}
}

// Observation is the document of a stored observation.
type Observation struct {
	CompetitorID  string             `json:"competitorId"`
	SellerID      *string            `json:"sellerId"`
	Condition     price.Condition    `json:"itemCondition"`
	Audience      price.Audience     `json:"audience"`
	Region        *string            `json:"region"`
	ObservedAt    price.Timestamp    `json:"observedAt"`
	ReceivedAt    price.Timestamp    `json:"receivedAt"`
	Price         price.Money        `json:"price"`
	Shipping      price.Money        `json:"shipping"`
	ListPrice     price.Money        `json:"listPrice"`
	Availability  price.Availability `json:"availability"`
	PriceType     price.PriceType    `json:"priceType"`
	Promotion     price.Promotion    `json:"promotion"`
	Source        Source             `json:"source"`
	Client        string             `json:"client,omitempty"` // whose token wrote it: only in a raw history
	ObservationID string             `json:"observationId"`
}

// Source is who saw an observation.
type Source struct {
	ID         string           `json:"id"`
	Kind       price.SourceKind `json:"kind"`
	Confidence price.Confidence `json:"confidence"`
}

// NewObservation describes an observation of an offer.
func NewObservation(row board.Row) Observation {
	seen := row.Observation
	return Observation{
		CompetitorID:  row.Key.CompetitorID,
		SellerID:      orNull(row.Key.SellerID),
		Condition:     row.Key.Condition,
		Audience:      row.Key.Audience,
		Region:        orNull(row.Key.Region),
		ObservedAt:    seen.ObservedAt,
		ReceivedAt:    seen.ReceivedAt,
		Price:         seen.Terms.Price,
		Shipping:      seen.Terms.Shipping,
		ListPrice:     seen.Terms.ListPrice,
		Availability:  seen.Terms.Availability,
		PriceType:     seen.Terms.PriceType,
		Promotion:     seen.Terms.Promotion,
		Source:        Source{ID: seen.Source.ID, Kind: seen.Source.Kind, Confidence: seen.Source.Confidence},
		ObservationID: seen.ID(row.Key),
	}
}
