package main

import (
	"context"
	"net/http"

	"pricing/shared/api"
	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/price"
)

type answer struct {
	DryRun     bool            `json:"dryRun,omitempty"`
	Retry      bool            `json:"retry,omitempty"`
	ReceivedAt price.Timestamp `json:"receivedAt"`
	Counts     api.Counts      `json:"counts"`
	Results    []api.Result    `json:"results"`
}

func endpoint(f boot.Function) gateway.Endpoint {
	return gateway.Endpoint{
		Route: "POST /v1/observations/batch", Scope: "ingest", Query: []string{"dryRun", "results"}, MaxBody: api.BatchBytes,
		Handle: record(f.Store, api.NewClock(f.Settings.Retention)),
	}
}

func record(db api.Recorder, clock api.Clock) gateway.Handler {
	return func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
		p := r.Params()
		dryRun := p.Bool("dryRun", false)
		onlyProblems := p.Word("results", "all", "problems") == "problems"
		if err := p.Err(); err != nil {
			return gateway.Answer{}, err
		}
		now := clock(r)
		items, err := read(r.Body, api.Writer(r), now)
		if err != nil {
			return gateway.Answer{}, err
		}
		if err := api.Record(ctx, db, items, now.Now, dryRun); err != nil {
			return gateway.Answer{}, err
		}
		tally := api.Tally(items, dryRun)
		out := answer{DryRun: dryRun, ReceivedAt: now.Now, Counts: api.NewCounts(tally), Results: []api.Result{}}
		out.Retry = out.Counts.Retry()
		for _, result := range api.NewResults(items) {
			if !onlyProblems || result.Problem != nil {
				out.Results = append(out.Results, result)
			}
		}
		status := out.Counts.Status()
		if dryRun {
			status = http.StatusOK
		}
		return gateway.Answer{Status: status, Body: out, Items: tally, Retry: out.Retry, Cause: api.Cause(items)}, nil
	}
}
