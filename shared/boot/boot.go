// Package boot is a function's cold start: settings, DynamoDB client, store, logger, then Lambda's loop. It is the only
// place that exits.
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
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-sdk-go-v2/aws"

	"pricing/shared/config"
	"pricing/shared/gateway"
	"pricing/shared/meter"
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
func Start(endpoint func(Function) gateway.Endpoint) { start(served(endpoint), (*store.Store).Ping) }

// StartWithCompetitors does the same for an endpoint whose first request would have to read the list of competitors: that is what
// it reads during init.
func StartWithCompetitors(endpoint func(Function) gateway.Endpoint) {
	start(served(endpoint), func(s *store.Store, ctx context.Context) error {
		_, err := s.Competitors(ctx)
		return err
	})
}

// StartFunc serves a function that is no endpoint: event in, answer out, both JSON. It does not return.
func StartFunc(function func(Function) func(context.Context, []byte) ([]byte, error)) {
	start(function, (*store.Store).Ping)
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

func start(function func(Function) func(context.Context, []byte) ([]byte, error), read func(*store.Store, context.Context) error) {
	signal.Ignore(syscall.SIGPIPE) // a closed log sink must not end the process
	slog.SetDefault(slog.New(logHandler{lambdacontext.NewLogHandler()}))
	f, err := build(os.Getenv)
	if err != nil {
		slog.Error("start", "error", err)
		os.Exit(1)
	}
	collectSeldom(f.Settings.MemoryMB)
	warmUp(f.Store, read)
	lambda.Start(handler(function(f)))
}

// logHandler gives each line Lambda's id of the invocation, as lambdaRequestId. aws-lambda-go calls it requestId, which
// is the name of the id that the gateway gives a request. It comes before what a line may have many of (meter.CallList).
type logHandler struct{ slog.Handler }

// Handle writes a line.
func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	line := h.Handler
	if invocation, ok := lambdacontext.FromContext(ctx); ok {
		line = line.WithAttrs([]slog.Attr{slog.String("lambdaRequestId", invocation.AwsRequestID)})
	}
	return line.Handle(context.Background(), r) // in which aws-lambda-go finds no id
}

// WithAttrs returns a handler whose lines have these attributes as well.
func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup returns a handler that puts the attributes into a group.
func (h logHandler) WithGroup(name string) slog.Handler { return logHandler{h.Handler.WithGroup(name)} }

// handler makes a function a lambda.Handler. It takes and returns bytes unchanged, so nothing is encoded twice.
type handler func(context.Context, []byte) ([]byte, error)

// Invoke calls the function.
func (h handler) Invoke(ctx context.Context, event []byte) ([]byte, error) { return h(ctx, event) }

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

// collectSeldom lets the heap grow to five times what is alive before garbage is collected, not to twice: Lambda bills the memory that
// a function may use, used or not. A request has little alive and much garbage, of which collecting was a quarter of a batch's
// instructions. Near the function's memory all is collected as often as it takes; 0 MB means unknown.
func collectSeldom(memoryMB int) {
	if memoryMB > 0 {
		const megabyte = 1 << 20
		debug.SetGCPercent(400)
		debug.SetMemoryLimit(int64(memoryMB) * megabyte * 3 / 4) // the rest is for what the limit does not count
	}
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
