package api

import (
	"encoding/json"

	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/shared/store"
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
	URL           *URL               `json:"url,omitempty"` // only where urls are asked for
	Source        OfferSource        `json:"source"`
	ObservationID string             `json:"observationId"`
}

// OfferSource is who saw an offer last.
type OfferSource struct {
	ID         string           `json:"id"`
	Confidence price.Confidence `json:"confidence"`
}

// URL is the url of an offer; an empty one is null.
type URL string

// MarshalJSON writes the url or null.
func (u URL) MarshalJSON() ([]byte, error) { return json.Marshal(orNull(string(u))) }

// NewOffers describes offers of a product at the moment now, never nil. It shows their urls, with which the product was read, only
// when they are asked for.
func NewOffers(chosen []ChosenOffer, product store.Product, urls bool, now price.Timestamp) []Offer {
	offers := make([]Offer, len(chosen))
	for i, o := range chosen {
		offers[i] = newOffer(o, now)
		if urls {
			url := URL(product.URL(*o.Offer))
			offers[i].URL = &url
		}
	}
	return offers
}

func newOffer(chosen ChosenOffer, now price.Timestamp) Offer {
	o := chosen.Offer
	current := o.Current
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
		StaleAt:       chosen.Competitor.StaleAt(current.ObservedAt),
		Stale:         chosen.Competitor.Stale(current.ObservedAt, now),
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
