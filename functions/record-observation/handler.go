package main

import (
	"context"

	"pricing/shared/api"
	"pricing/shared/boot"
	"pricing/shared/fault"
	"pricing/shared/gateway"
	"pricing/shared/jsondoc"
	"pricing/shared/price"
)

type answer struct {
	DryRun        bool             `json:"dryRun,omitempty"`
	Status        int              `json:"status,omitempty"` // dry run only: what it would have been
	ObservationID string           `json:"observationId,omitempty"`
	ProductID     string           `json:"productId,omitempty"`
	Outcome       string           `json:"outcome"`
	Current       bool             `json:"current"`
	Offer         *offer           `json:"offer,omitempty"`
	Problem       *gateway.Problem `json:"problem,omitempty"` // dry run only
	ReceivedAt    price.Timestamp  `json:"receivedAt"`
	Warnings      []string         `json:"warnings"`
}

type offer struct {
	Price         price.Money     `json:"price"`
	Landed        price.Money     `json:"landed"`
	PreviousPrice price.Money     `json:"previousPrice"`
	LastChangedAt price.Timestamp `json:"lastChangedAt"`
}

func endpoint(f boot.Function) gateway.Endpoint {
	return gateway.Endpoint{
		Route: "POST /v1/observations", Scope: "ingest", Query: []string{"dryRun"}, MaxBody: api.SingleBytes,
		Handle: record(f.Store, api.NewClock(f.Settings.Retention)),
	}
}

func record(db api.Recorder, clock api.Clock) gateway.Handler {
	return func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
		p := r.Params()
		dryRun := p.Bool("dryRun", false)
		if err := p.Err(); err != nil {
			return gateway.Answer{}, err
		}
		body, err := jsondoc.Parse(r.Body)
		if err != nil {
			return gateway.Answer{}, err
		}
		now := clock(r)
		items := []api.Item{api.ReadItem(p.At(body, ""), jsondoc.Value{}, false, api.Writer(r), now)}
		err = api.Record(ctx, db, items, now.Now, dryRun)
		item := items[0]
		if err == nil {
			err = item.Err()
		}
		out := gateway.Answer{Items: api.Tally(items, dryRun), About: item.ProductID()}
		switch {
		case err == nil && dryRun:
			out.Body = tried(item)
		case err == nil:
			out.Status, out.Body, out.ID = item.Status(), describe(item), item.ID()
		case dryRun && (fault.Is(err, fault.Invalid) || fault.Is(err, fault.Conflict)):
			out.Body, err = refused(item, err, now.Now), nil
		}
		return out, err
	}
}

// tried is the answer to a dry run of what would be stored.
func tried(i api.Item) answer {
	out := describe(i)
	out.DryRun = true
	out.Status = i.Status()
	return out
}

// refused is the answer to a dry run of what would not be stored.
func refused(i api.Item, err error, received price.Timestamp) answer {
	problem := gateway.ProblemOf(err)
	return answer{
		DryRun: true, Status: problem.Status, ProductID: i.Verdict.ProductID, Outcome: i.Outcome(), Problem: &problem,
		ReceivedAt: received, Warnings: i.Warnings(),
	}
}

func describe(i api.Item) answer {
	result := i.Verdict.Result
	current := result.Offer.Current.Terms
	return answer{
		ObservationID: i.ID(), ProductID: i.ProductID(), Outcome: i.Outcome(), Current: result.Current,
		Offer: &offer{
			Price: current.Price, Landed: current.Landed(), PreviousPrice: result.Offer.Previous.Price, LastChangedAt: result.Offer.RunStart,
		},
		ReceivedAt: result.Stored.ReceivedAt, Warnings: i.Warnings(),
	}
}
