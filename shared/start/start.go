// Package start is what all functions' cold starts have in common, whatever they are built from: the logger, the garbage collector and
// Lambda's loop. It is the only place that exits.
//
// What surprises: it knows no table and links nothing of the AWS SDK, so that a function without one starts without it. Those that have
// a table start by package boot.
package start

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"pricing/shared/config"
)

// Function is a function as Lambda calls it: event in, answer out, both JSON. It takes and returns bytes unchanged, so nothing is encoded
// twice.
type Function func(context.Context, []byte) ([]byte, error)

// Invoke calls the function.
func (f Function) Invoke(ctx context.Context, event []byte) ([]byte, error) { return f(ctx, event) }

// Serve builds a function of the environment and serves it until Lambda ends the process. It does not return.
func Serve(build func(getenv func(string) string) (Function, error)) {
	signal.Ignore(syscall.SIGPIPE) // a closed log sink must not end the process
	slog.SetDefault(slog.New(logHandler{lambdacontext.NewLogHandler()}))
	collectSeldom(config.MemoryMB(os.Getenv))
	f, err := build(os.Getenv)
	if err != nil {
		slog.Error("start", "error", err, "functionVersion", lambdacontext.FunctionVersion)
		os.Exit(1)
	}
	lambda.Start(f)
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
