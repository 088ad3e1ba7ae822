package main

import (
	"context"
	"time"

	"pricing/shared/api"
	"pricing/shared/boot"
	"pricing/shared/config"
	"pricing/shared/gateway"
)

// commit is the version that was built, set by the linker (-X main.commit=...).
var commit = "dev"

type pinger interface {
	Ping(context.Context) error
}

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
	return gateway.Endpoint{Route: "GET /v1/health", Handle: health(f.Store, f.Settings)}
}

func health(db pinger, settings config.Settings) gateway.Handler {
	return func(ctx context.Context, _ *gateway.Request) (gateway.Answer, error) {
		if err := db.Ping(ctx); err != nil {
			return gateway.Answer{}, err
		}
		return gateway.Answer{Body: answer{
			Status: "ok", Version: commit, Environment: settings.Environment,
			Limits: limits{
				BatchItems: api.BatchItems, BatchBytes: api.BatchBytes, QueryIDs: api.QueryIDs,
				HistoryDays: int(settings.Retention / (24 * time.Hour)),
			},
		}}, nil
	}
}
