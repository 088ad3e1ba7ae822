// Package oldservice is a service of the usual two-item design (tools/bench/peer) with documents of its own, to run the API beside.
//
// POST /observations takes what the API takes: product, competitor, price, shipping, availability, source and moment. GET
// /products/{sku}/offers has the latest of each competitor, by competitor, with amounts as numbers.
//
// What surprises: it has no gateway and asks for no token, so its times are not those of a deployed service.
package oldservice

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"pricing/shared/price"
	"pricing/tools/bench/peer"
)

type money struct{ Amount, Currency string }

func (m *money) parse(at price.Timestamp) (price.Money, error) {
	if m == nil {
		return price.Money{}, nil
	}
	parsed, wrong := price.ParseMoney(m.Amount, m.Currency, at)
	if wrong != nil {
		return price.Money{}, errors.New(wrong.Detail)
	}
	return parsed, nil
}

type observation struct {
	ProductID, CompetitorID, Availability string
	Price, Shipping                       *money
	Source                                struct{ ID string }
	ObservedAt                            string
}

func (o observation) parse() (out price.Observation, err error) {
	var errs [3]error
	out.Key = price.OfferKey{ProductID: o.ProductID, CompetitorID: o.CompetitorID}
	out.ObservedAt, errs[0] = price.ParseTimestamp(o.ObservedAt)
	out.Terms.Price, errs[1] = o.Price.parse(out.ObservedAt)
	out.Terms.Shipping, errs[2] = o.Shipping.parse(out.ObservedAt)
	if o.Availability != price.AvailabilityInStock.String() || o.ProductID == "" || o.CompetitorID == "" || o.Price == nil {
		err = errors.New("a member is missing or not known")
	}
	out.Source = price.Source{ID: o.Source.ID, Confidence: price.NoConfidence}
	return out, errors.Join(append(errs[:], err)...)
}

type offer struct {
	Shop     string      `json:"shop"`
	Amount   json.Number `json:"amount"`
	Currency string      `json:"currency"`
	Shipping json.Number `json:"shippingAmount,omitempty"`
	Stock    string      `json:"stock"`
	Seen     string      `json:"seen"`
}

// Handler serves a store.
func Handler(s *peer.Store, now func() time.Time) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /observations", func(w http.ResponseWriter, r *http.Request) {
		var in observation
		err := json.NewDecoder(r.Body).Decode(&in)
		o, invalid := in.parse()
		if err != nil || invalid != nil {
			answer(w, http.StatusBadRequest, map[string]string{"error": fmt.Sprint(errors.Join(err, invalid))})
			return
		}
		if err := s.Record(r.Context(), []price.Observation{o}, price.At(now())); err != nil {
			answer(w, http.StatusInternalServerError, map[string]string{"error": "not stored"})
			return
		}
		answer(w, http.StatusOK, map[string]bool{"stored": true})
	})
	mux.HandleFunc("GET /products/{sku}/offers", func(w http.ResponseWriter, r *http.Request) {
		rows, err := s.Offers(r.Context(), r.PathValue("sku"))
		if err != nil {
			answer(w, http.StatusInternalServerError, map[string]string{"error": "not read"})
			return
		}
		offers := []offer{}
		for _, row := range rows {
			o := row.Observation
			amount, currency, _ := strings.Cut(o.Terms.Price.String(), " ")
			shown := offer{Shop: o.Key.CompetitorID, Amount: json.Number(amount), Currency: currency, Stock: o.Terms.Availability.String(),
				Seen: o.ObservedAt.String()}
			if o.Terms.Shipping.Present() {
				shipping, _, _ := strings.Cut(o.Terms.Shipping.String(), " ")
				shown.Shipping = json.Number(shipping)
			}
			offers = append(offers, shown)
		}
		answer(w, http.StatusOK, map[string]any{"sku": r.PathValue("sku"), "prices": offers})
	})
	return mux
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client sees that it broke off
}
