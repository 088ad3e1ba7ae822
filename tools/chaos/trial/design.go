package trial

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/samkit/engine"
	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/shared/testkit/storetest"
	"pricing/tools/bench/peer"
	"pricing/tools/chaos/check"
	"pricing/tools/chaos/history"
	"pricing/tools/chaos/plan"
)

// Design is a way to keep prices in a table.
type Design struct {
	// Make makes a table of this name.
	Make func(ctx context.Context, client *dynamodb.Client, table string) error
	// Open is a process that has just started, on a table that was made.
	Open func(client *dynamodb.Client, table string) Process
	// Read reads the items of a table.
	Read func(items []check.Item) check.Stored
	// Plain says that it has observations alone and cannot tell a repetition from news, so that a replay proves nothing.
	Plain bool
}

// Process is what a worker's process can do.
type Process interface {
	// Record gives an answer for each observation. An error is one for all of them: nothing is known.
	Record(ctx context.Context, client string, observations []price.Observation, received price.Timestamp) ([]Answer, error)
	// PutProduct returns the version that the product has now.
	PutProduct(ctx context.Context, p plan.Product) (version int64, err error)
	PutCompetitor(ctx context.Context, c price.Competitor) error
	// RemoveOrphanURLs removes the urls of a product that no board names.
	RemoveOrphanURLs(ctx context.Context, productID string) (removed int, err error)
}

// Answer is what a client hears of an observation.
type Answer struct {
	Outcome string
	Stored  string // id and content of what is stored under its id, if that is said
}

// Boards is the design of package store, on tables as the template declares them. They have a stream beside, in which every write can
// be seen.
func Boards(declared engine.Table) Design {
	declared.Create.StreamSpecification = &types.StreamSpecification{
		StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewImage,
	}
	return Design{
		Read: check.Read,
		Make: func(ctx context.Context, client *dynamodb.Client, table string) error {
			return engine.Create(ctx, client, declared, table)
		},
		Open: func(client *dynamodb.Client, table string) Process {
			return boards{store.New(client, store.Options{Table: table, Retention: storetest.Retention, Width: width})}
		},
	}
}

// width is how many boards are written at once.
const width = 4

type boards struct{ *store.Store }

func (b boards) Record(
	ctx context.Context, client string, observations []price.Observation, received price.Timestamp,
) ([]Answer, error) {
	submissions := make([]price.Submission, len(observations))
	for i, o := range observations {
		submissions[i] = price.Submission{Observation: o, Writer: price.Writer{Client: client}}
	}
	verdicts, err := b.Store.Record(ctx, submissions, received, false)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	if len(verdicts) != len(observations) {
		return nil, fmt.Errorf("record: %d verdicts for %d observations", len(verdicts), len(observations))
	}
	answers := make([]Answer, len(verdicts))
	for i, v := range verdicts {
		answers[i].Outcome = v.Outcome()
		if v.Err == nil {
			o := stored(observations[i].Key, v.Result.Stored)
			answers[i].Stored = o.ID() + " " + history.Content(o)
		}
	}
	return answers, nil
}

func stored(key price.OfferKey, e board.Observation) price.Observation {
	return price.Observation{Key: key, Terms: e.Terms, Source: e.Source, ObservedAt: e.ObservedAt}
}

func (b boards) PutProduct(ctx context.Context, p plan.Product) (int64, error) {
	put, err := b.PutCatalogueEntry(ctx, p.ID, price.CatalogueEntry{Title: p.Title, List: p.List}, nil)
	return put.Version, err
}

func (b boards) PutCompetitor(ctx context.Context, c price.Competitor) error {
	_, err := b.Store.PutCompetitor(ctx, c)
	return err
}

// Usual is the usual design of two items, a good one or one as it is often written.
func Usual(naive bool) Design {
	return Design{
		Plain: true,
		Make: func(ctx context.Context, client *dynamodb.Client, table string) error {
			_, err := peer.New(ctx, client, table, width)
			return err
		},
		Open: func(client *dynamodb.Client, table string) Process {
			s := peer.Open(client, table, width)
			if naive {
				s = s.Naive()
			}
			return usual{s}
		},
		Read: readUsual,
	}
}

type usual struct{ *peer.Store }

func (u usual) Record(
	ctx context.Context, _ string, observations []price.Observation, received price.Timestamp,
) ([]Answer, error) {
	var each []price.Observation // one of a kind: a batch must not have an item twice
	ids := map[string]bool{}
	for _, o := range observations {
		if !ids[o.ID()] {
			ids[o.ID()] = true
			each = append(each, o)
		}
	}
	if err := u.Store.Record(ctx, each, received); err != nil {
		return nil, err
	}
	answers := make([]Answer, len(observations))
	for i := range answers {
		answers[i].Outcome = check.Unjudged
	}
	return answers, nil
}

var errNone = errors.New("this design has none")

func (usual) PutProduct(context.Context, plan.Product) (int64, error) { return 0, errNone }
func (usual) PutCompetitor(context.Context, price.Competitor) error   { return errNone }
func (usual) RemoveOrphanURLs(context.Context, string) (int, error)   { return 0, errNone }

func readUsual(items []check.Item) check.Stored {
	s := check.Stored{}
	for _, it := range items {
		row, err := peer.Decode(it)
		if err != nil {
			s.Misfits = append(s.Misfits, err.Error())
			continue
		}
		o := row.Observation
		o.URL = ""
		if row.Latest {
			s.Offers = append(s.Offers, check.Offer{Current: o, Where: "latest"})
		} else {
			s.Rows = append(s.Rows, check.Row{Observation: o, Received: 0, Where: "history"})
		}
	}
	return s
}

// word is what a client met instead of an answer.
func word(err error) string {
	if fault.Is(err, fault.Unavailable) {
		return store.OutcomeThrottled
	}
	return history.Error + " " + err.Error()
}
