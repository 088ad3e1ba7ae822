package main

import (
	"context"
	"time"

	"pricing/shared/boot"
	"pricing/shared/gateway"
)

// commit is the version that was built, set by the linker (-X main.commit=...).
var commit = "dev"

type answer struct {
	Status      string `json:"status"`
	Version     string `json:"version"`
	Environment string `json:"environment"`
	Limits      limits `json:"limits"`
}

type limits struct {
	BatchItems  int `json:"batchItems"`
	BatchBytes  int `json:"batchBytes"`
	QueryIDs    int `json:"queryIds"`
	HistoryDays int `json:"historyDays"`
}

func endpoint(f boot.Function) gateway.Endpoint {
	return gateway.Endpoint{
		Route: "GET /v1/health",
		Handle: func(ctx context.Context, _ *gateway.Request) (gateway.Answer, error) {
			if err := f.Store.Ping(ctx); err != nil {
				return gateway.Answer{}, err
			}
			return gateway.Answer{Body: answer{
				Status: "ok", Version: commit, Environment: f.Settings.Environment,
				Limits: limits{BatchItems: gateway.BatchItems, BatchBytes: gateway.BatchBytes, QueryIDs: gateway.QueryIDs, HistoryDays: int(f.Store.Retention() / (24 * time.Hour))},
			}}, nil
		},
	}
}
