package main

import (
	"context"
	"time"

	"pricing/shared/boot"
	"pricing/shared/fault"
	"pricing/shared/gateway"
	"pricing/shared/jsondoc"
	"pricing/shared/price"
	"pricing/shared/store"
)

type recorder interface {
	Retention() time.Duration
	Record(ctx context.Context, in []price.Submission, received price.Timestamp, dryRun bool) ([]store.Verdict, error)
}

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
		Route: "POST /v1/observations", Scope: "ingest", Query: []string{"dryRun"}, MaxBody: gateway.SingleBytes,
		Handle: record(f.Store),
	}
}

func record(db recorder) func(context.Context, *gateway.Request) (gateway.Answer, error) {
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
		now := price.At(r.Received)
		verdict, err := judge(ctx, db, body, now, dryRun)
		items := store.Tally([]store.Verdict{verdict}, dryRun)
		switch {
		case err == nil:
		case dryRun && fault.Is(err, fault.Invalid), dryRun && fault.Is(err, fault.Conflict):
			problem := gateway.ProblemOf(err)
			return gateway.Answer{Items: items, Body: answer{
				DryRun: true, Status: problem.Status, ProductID: verdict.ProductID, Outcome: verdict.Outcome(), Problem: &problem, ReceivedAt: now, Warnings: []string{},
			}}, nil
		default:
			return gateway.Answer{Items: items}, err
		}
		out := describe(verdict)
		if dryRun {
			out.DryRun, out.Status = true, verdict.Status()
			return gateway.Answer{Body: out, Items: items}, nil
		}
		return gateway.Answer{Status: verdict.Status(), Body: out, Items: items}, nil
	}
}

// judge reads and stores the observation; the error is what the client is to hear of.
func judge(ctx context.Context, db recorder, body *jsondoc.Node, now price.Timestamp, dryRun bool) (store.Verdict, error) {
	var reader jsondoc.Reader
	sub := price.ReadSubmission(reader.At(body, ""), jsondoc.Value{}, false, price.Clock{Now: now, Retention: db.Retention()})
	if err := reader.Err(); err != nil {
		return store.Verdict{Err: err}, err
	}
	verdicts, err := db.Record(ctx, []price.Submission{sub}, now, dryRun)
	if err != nil {
		return store.Verdict{Err: err}, err
	}
	return verdicts[0], verdicts[0].Fault("")
}

func describe(v store.Verdict) answer {
	current := v.Result.Offer.Current
	return answer{
		ObservationID: v.Result.Stored.ID(v.Result.Offer.Key), ProductID: v.ProductID, Outcome: v.Outcome(), Current: v.Result.Current,
		Offer: &offer{
			Price: current.Terms.Price, Landed: current.Terms.Landed(), PreviousPrice: v.Result.Offer.Previous.Price, LastChangedAt: v.Result.Offer.RunStart,
		},
		ReceivedAt: v.Result.Stored.ReceivedAt, Warnings: v.Warnings(),
	}
}
