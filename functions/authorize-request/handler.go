package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"pricing/shared/boot"
	"pricing/shared/fault"
	"pricing/shared/meter"
	"pricing/shared/token"
)

// unauthorizedError is a refused token, and why it was, for the log alone.
type unauthorizedError string

// Error is the one text that API Gateway answers with 401; any other error is a 500.
func (unauthorizedError) Error() string { return "Unauthorized" }

// request is a TOKEN authorizer's event. It has no id of the request.
type request struct {
	MethodArn     string `json:"methodArn"`
	Authorization string `json:"authorizationToken"`
}

type tokens interface {
	FindToken(ctx context.Context, keyID string) (token.Record, error)
	TouchToken(ctx context.Context, r token.Record, now time.Time) error
}

func authorizer(f boot.Function) func(context.Context, []byte) ([]byte, error) {
	legacy := strings.FieldsFunc(os.Getenv("LEGACY_PATHS"), func(r rune) bool { return r == ',' })
	return authorize(f.Store, f.Metrics, f.Settings.Environment, legacy, time.Now, slog.Default())
}

// authorize answers an authorizer event. It logs one line with an outcome and never the token.
func authorize(
	db tokens, source meter.Source, environment string, legacy []string, now func() time.Time, log *slog.Logger,
) func(context.Context, []byte) ([]byte, error) {
	return func(ctx context.Context, event []byte) ([]byte, error) {
		ctx, m := meter.With(ctx)
		start := now()
		record, answer, err := decide(ctx, db, environment, legacy, start, event)
		level := slog.LevelInfo
		outcome := "allowed"
		var attrs []slog.Attr
		var refused unauthorizedError
		switch {
		case errors.As(err, &refused):
			outcome = "unauthorized"
			attrs = append(attrs, slog.String("errorCode", string(refused)))
			if record.Client != "" { // the whole token is known, as one that is no longer, or not yet, valid
				attrs = append(attrs, slog.String("clientId", record.Client), slog.String("keyId", record.KeyID))
			}
		case err != nil:
			outcome = "internal"
			level = slog.LevelError
			attrs = append(attrs, slog.String("error", err.Error()))
		default:
			attrs = append(attrs, slog.String("clientId", record.Client))
		}
		var left time.Duration
		if deadline, ok := ctx.Deadline(); ok {
			left = time.Until(deadline)
		}
		took := now().Sub(start)
		attrs = append(attrs, slog.String("outcome", outcome), slog.Int64("durationMs", took.Milliseconds()))
		attrs = append(attrs, m.Attrs()...)
		metrics := source.Lines(start, m.Metrics(left, meter.Items{}))
		attrs = append(append(attrs, metrics[0]...), m.CallList(took, level == slog.LevelError)...)
		log.LogAttrs(ctx, level, "authorize", attrs...)
		for _, more := range metrics[1:] {
			log.LogAttrs(ctx, slog.LevelInfo, "metrics", more...)
		}
		return answer, err
	}
}

// decide returns the answer to an event and whom it is about, as check does. Its error is an unauthorizedError or a failure of ours.
func decide(
	ctx context.Context, db tokens, environment string, legacy []string, now time.Time, event []byte,
) (record token.Record, answer []byte, err error) {
	var r request
	if err := json.Unmarshal(event, &r); err != nil {
		return token.Record{}, nil, fmt.Errorf("decode the authorizer's event: %w", err)
	}
	if record, err = check(ctx, db, environment, bearer(r.Authorization), now); err != nil {
		return record, nil, err
	}
	answer, err = json.Marshal(allow(record, r.MethodArn, legacy))
	return record, answer, err
}

// check finds out whose token it is: of a refused one only if all of it is right, but it may not be used now. Its error is an
// unauthorizedError or a failure of ours.
func check(ctx context.Context, db tokens, environment, text string, now time.Time) (token.Record, error) {
	t, ok := token.Parse(text)
	if !ok {
		return token.Record{}, unauthorizedError("token-malformed")
	}
	if t.Environment != environment {
		return token.Record{}, unauthorizedError("token-of-another-environment")
	}
	record, err := db.FindToken(ctx, t.KeyID)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return token.Record{}, err
	}
	switch why := record.Refusal(t, now); why { // the empty record of an unknown key id does the same work as a wrong secret
	case "":
	case token.Unknown:
		return token.Record{}, unauthorizedError(why)
	default:
		return record, unauthorizedError(why)
	}
	_ = db.TouchToken(ctx, record, now) // when it was last used is a hint for people: without it nobody is refused
	return record, nil
}

// bearer returns the token of an Authorization header, "" when it is of another form (RFC 9110: the scheme has no case, and
// more than one space may follow it).
func bearer(authorization string) string {
	scheme, text, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimLeft(text, " ")
}
