package main

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/price"
	"pricing/shared/store"
)

const (
	defaultLimit = 100
	maxLimit     = 500
)

type lister interface {
	ListCompetitors(context.Context) (map[string]store.Competitor, error)
}

type answer struct {
	Competitors []competitor `json:"competitors"`
	Next        *string      `json:"next"`
}

// competitor is the stored one with the health of its feed beside its own members.
type competitor struct{ store.Competitor }

// MarshalJSON appends the member health.
func (c competitor) MarshalJSON() ([]byte, error) {
	own, err := json.Marshal(c.Competitor.Competitor)
	if err != nil {
		return nil, err
	}
	health, err := json.Marshal(map[string]any{"health": struct {
		LastReceivedAt price.Timestamp `json:"lastReceivedAt"`
		LastObservedAt price.Timestamp `json:"lastObservedAt"`
	}{c.LastReceivedAt, c.LastObservedAt}})
	if err != nil {
		return nil, err
	}
	return append(append(own[:len(own)-1], ','), health[1:]...), nil
}

func endpoint(f boot.Function) gateway.Endpoint {
	return gateway.Endpoint{Route: "GET /v1/competitors", Scope: "read", Query: []string{"limit", "cursor"}, Handle: list(f.Store)}
}

func list(db lister) func(context.Context, *gateway.Request) (gateway.Answer, error) {
	return func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
		p := r.Params()
		limit, after := p.Int("limit", defaultLimit, maxLimit), p.Cursor()
		if err := p.Err(); err != nil {
			return gateway.Answer{}, err
		}
		all, err := db.ListCompetitors(ctx)
		if err != nil {
			return gateway.Answer{}, err
		}
		out := answer{Competitors: []competitor{}}
		for _, id := range slices.Sorted(maps.Keys(all)) {
			if id <= after {
				continue
			}
			if len(out.Competitors) == limit {
				next := p.NextCursor(out.Competitors[limit-1].ID)
				out.Next = &next
				break
			}
			out.Competitors = append(out.Competitors, competitor{all[id]})
		}
		return gateway.Answer{Body: out}, nil
	}
}
