// Command roundabout makes no call directly: PUT /things/{id}.
package main

import (
	"context"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"pricing/samkit/verify/code/testdata/project/store"
)

type endpoint struct {
	Route  string
	Handle func(ctx context.Context, id string) error
}

type putter interface {
	Put(ctx context.Context, id string) error
}

// handler is called as a lambda.Handler. Its other methods, though exported and in an interface, are not.
type handler struct {
	endpoint
	*store.Store
}

func (h handler) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	return nil, h.Handle(ctx, string(event))
}

// Reset removes.
func (h handler) Reset(ctx context.Context) error { return h.Delete(ctx, "all") }

func main() {
	get := os.Getenv
	s := store.New(setting(get, "TABLE_NAME"))
	touch := s.Touch // a method value
	e := endpoint{Route: "PUT /things/{id}", Handle: func(ctx context.Context, id string) error {
		return first(
			func() error { return put(ctx, s, id) },
			func() error { return touch(ctx, id) },
			func() error { return s.All(ctx) },
		)
	}}
	lambda.Start(handler{e, s})
}

func put(ctx context.Context, p putter, id string) error { return p.Put(ctx, id) }

func first(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

const stem = "LIMIT_"

var limits = []struct{ name, otherwise string }{{stem + "ITEMS", "10"}, {stem + "BYTES", "1000"}}

func setting(getenv func(string) string, name string) string {
	for _, l := range limits {
		if _, ok := os.LookupEnv(l.name); !ok {
			_ = os.Setenv(l.name, l.otherwise)
		}
	}
	for _, region := range []string{"PRIMARY", "SECONDARY"} {
		_ = getenv("REGION_" + region)
	}
	_ = getenv("AWS_REGION")
	return getenv(name)
}
