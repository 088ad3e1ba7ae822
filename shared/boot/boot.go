// Package boot is the cold start of a function that has the table: settings, DynamoDB client, store, then what all functions do (package
// start).
//
// What is here is here because it was measured at cold start (docs/decisions/0003): the client has static options, and
// it trusts five embedded Amazon roots, since Go would otherwise parse every certificate of the machine, twice over,
// in the first invocation. TRUST_STORE=system switches back without a build. One cheap read during init, which Lambda
// runs at full CPU whatever the memory, opens the connection; its failure is no reason not to start.
package boot

import (
	"context"
	"crypto/x509"
	_ "embed" // roots.pem
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"

	"pricing/shared/config"
	"pricing/shared/gateway"
	"pricing/shared/meter"
	"pricing/shared/start"
	"pricing/shared/store"
)

//go:embed roots.pem
var amazonRoots []byte

// Function is what a handler is built from.
type Function struct {
	Settings config.Settings
	Store    *store.Store
	Metrics  meter.Source // of the function's metrics
}

// Start serves an endpoint until Lambda ends the process. It does not return.
func Start(endpoint func(Function) gateway.Endpoint) { serve(served(endpoint), (*store.Store).Ping) }

// StartWithCompetitors does the same for an endpoint whose first request would have to read the list of competitors: that is what
// it reads during init.
func StartWithCompetitors(endpoint func(Function) gateway.Endpoint) {
	serve(served(endpoint), func(s *store.Store, ctx context.Context) error {
		_, err := s.Competitors(ctx)
		return err
	})
}

// StartFunc serves a function that is no endpoint: event in, answer out, both JSON. It does not return.
func StartFunc(function func(Function) func(context.Context, []byte) ([]byte, error)) {
	serve(function, (*store.Store).Ping)
}

func served(endpoint func(Function) gateway.Endpoint) func(Function) func(context.Context, []byte) ([]byte, error) {
	return func(f Function) func(context.Context, []byte) ([]byte, error) {
		e := endpoint(f)
		e.Source = f.Metrics
		return func(ctx context.Context, event []byte) ([]byte, error) {
			return json.Marshal(gateway.Serve(ctx, e, event))
		}
	}
}

func serve(function func(Function) func(context.Context, []byte) ([]byte, error), read func(*store.Store, context.Context) error) {
	start.Serve(func(getenv func(string) string) (start.Function, error) {
		f, err := build(getenv)
		if err != nil {
			return nil, err
		}
		warmUp(f.Store, read)
		return function(f), nil
	})
}

func build(getenv func(string) string) (Function, error) {
	settings, err := config.Read(getenv)
	if err != nil {
		return Function{}, err
	}
	var roots *x509.CertPool
	if !settings.SystemTrust {
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM(amazonRoots) {
			return Function{}, errors.New("the embedded roots cannot be read")
		}
	}
	width := Width(settings.MemoryMB)
	client := store.NewClient(store.ClientOptions{
		Region: settings.Region, Endpoint: settings.StoreEndpoint, Credentials: credentials(getenv), Roots: roots, Width: width,
	})
	return Function{
		Settings: settings,
		Store:    store.New(client, store.Options{Table: settings.Table, Retention: settings.Retention, Width: width}),
		Metrics:  meter.Source{Environment: settings.Environment, Function: lambdacontext.FunctionName},
	}, nil
}

// Width is how many calls a function of so much memory has in flight when it writes boards. A function's share of a CPU follows its
// memory: measured, 8 at once take x0.64 of the time of 4 from 1,024 MB on, and no less with 512 MB. 0 MB means unknown.
func Width(memoryMB int) int {
	if memoryMB >= 1024 {
		return 8
	}
	return 4
}

// credentials reads the role's keys, which Lambda puts into the environment and never changes in a running process.
func credentials(getenv func(string) string) aws.CredentialsProvider {
	keys := aws.Credentials{
		AccessKeyID: getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: getenv("AWS_SESSION_TOKEN"),
		Source: "environment",
	}
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return keys, nil })
}

func warmUp(s *store.Store, read func(*store.Store, context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := read(s, ctx); err != nil {
		slog.Debug("warm up", "error", err)
	}
}
