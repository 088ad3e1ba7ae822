package main

import (
	"context"
	"sync"
	"time"

	"pricing/shared/api"
	"pricing/shared/board"
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
	BatchItems       int `json:"batchItems"`
	BatchBytes       int `json:"batchBytes"`
	QueryIDs         int `json:"queryIds"`
	HistoryDays      int `json:"historyDays"`
	OffersPerProduct int `json:"offersPerProduct"`
}

func endpoint(f boot.Function) gateway.Endpoint {
	return gateway.Endpoint{Route: "GET /v1/health", Handle: health(f.Store, f.Settings)}
}

func health(db pinger, settings config.Settings) gateway.Handler {
	var last lastRead
	return func(ctx context.Context, r *gateway.Request) (gateway.Answer, error) {
		if err := last.read(ctx, db, r.Received); err != nil {
			return gateway.Answer{}, err
		}
		return gateway.Answer{Body: answer{
			Status: "ok", Version: commit, Environment: settings.Environment,
			Limits: limits{
				BatchItems: api.BatchItems, BatchBytes: api.BatchBytes, QueryIDs: api.QueryIDs,
				HistoryDays: int(settings.Retention / (24 * time.Hour)), OffersPerProduct: board.MaxOffers,
			},
		}}, nil
	}
}

// readEvery is how long a read of the table speaks for the next requests. They need no token, so they must not cost a read each.
const readEvery = time.Second

// lastRead is what the last read of the table came to. It is safe for concurrent use: who comes during a read waits for it.
type lastRead struct {
	mu  sync.Mutex
	at  time.Time // zero: there was none
	err error
}

// read reads the table, or returns what that came to within the last second, also when it failed.
func (l *lastRead) read(ctx context.Context, db pinger, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at.IsZero() || now.Sub(l.at) >= readEvery {
		l.err = db.Ping(ctx)
		l.at = now
	}
	return l.err
}
