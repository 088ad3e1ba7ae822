package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"pricing/shared/boot"
	"pricing/shared/fault"
	"pricing/shared/meter"
	"pricing/shared/token"
)

// errUnauthorized has the one text that API Gateway answers with 401; any other error is a 500.
var errUnauthorized = errors.New("Unauthorized")

// request is the part of a REQUEST authorizer's event that is used.
type request struct {
	MethodArn string            `json:"methodArn"`
	Headers   map[string]string `json:"headers"`
	Context   struct {
		RequestID         string `json:"requestId"`
		ExtendedRequestID string `json:"extendedRequestId"`
	} `json:"requestContext"`
}

// answer is what API Gateway caches for the token and merges into the events of functions.
type answer struct {
	PrincipalID string            `json:"principalId"`
	Policy      policy            `json:"policyDocument"`
	Context     map[string]string `json:"context"`
}

type policy struct {
	Version   string      `json:"Version"`
	Statement []statement `json:"Statement"`
}

type statement struct {
	Action   string   `json:"Action"`
	Effect   string   `json:"Effect"`
	Resource []string `json:"Resource"`
}

// permits says what each scope may call, as method and path. The policy is cached for the token, not for the request,
// so it names everything its client may do; functions check their scope once more. The facade has no function: there
// the policy alone decides.
var permits = map[string][]string{
	token.ScopeRead:    {"GET/*", "HEAD/*", "POST/v1/offers/query", "POST/v1/summaries/query"},
	token.ScopeIngest:  {"POST/v1/observations", "POST/v1/observations/*"},
	token.ScopeCatalog: {"PUT/*", "POST/v1/legacy/*", "PATCH/v1/legacy/*", "DELETE/v1/legacy/*", "OPTIONS/v1/legacy/*"},
}

type tokens interface {
	FindToken(ctx context.Context, keyID string) (token.Record, error)
	TouchToken(ctx context.Context, r token.Record, now time.Time) error
}

func authorizer(f boot.Function) func(context.Context, []byte) ([]byte, error) {
	return authorize(f.Store, f.Metrics, f.Settings.Environment, time.Now, slog.Default())
}

// authorize answers an authorizer event. It logs one line with an outcome and never the token.
func authorize(
	db tokens, source meter.Source, environment string, now func() time.Time, log *slog.Logger,
) func(context.Context, []byte) ([]byte, error) {
	return func(ctx context.Context, event []byte) ([]byte, error) {
		ctx, m := meter.With(ctx)
		start := now()
		var r request
		record, err := token.Record{}, json.Unmarshal(event, &r)
		if err == nil {
			record, err = check(ctx, db, environment, bearer(r.Headers), start)
		}
		outcome, level := "allowed", slog.LevelInfo
		switch {
		case errors.Is(err, errUnauthorized):
			outcome = "unauthorized"
		case err != nil:
			outcome, level = "internal", slog.LevelError
		}
		var left time.Duration
		if deadline, ok := ctx.Deadline(); ok {
			left = time.Until(deadline)
		}
		cost := m.Counts()
		attrs := []slog.Attr{
			slog.String("outcome", outcome), slog.String("clientId", record.Client), slog.String("gatewayRequestId", r.Context.RequestID),
			slog.String("extendedRequestId", r.Context.ExtendedRequestID), slog.Int64("durationMs", now().Sub(start).Milliseconds()),
			slog.Int("storeCalls", cost.Calls), slog.Float64("readUnits", cost.ReadUnits), slog.Float64("writeUnits", cost.WriteUnits),
			slog.Int("sdkAttempts", cost.Attempts),
		}
		if err != nil && level == slog.LevelError {
			attrs = append(attrs, slog.String("error", err.Error()))
		}
		metrics := source.Lines(start, m.Metrics(left, meter.Items{}))
		log.LogAttrs(ctx, level, "authorize", append(attrs, metrics[0]...)...)
		for _, more := range metrics[1:] {
			log.LogAttrs(ctx, slog.LevelInfo, "metrics", more...)
		}
		if err != nil {
			return nil, err
		}
		return json.Marshal(allow(record, r.MethodArn))
	}
}

// check finds out whose token it is. Its error is errUnauthorized or our own trouble.
func check(ctx context.Context, db tokens, environment, text string, now time.Time) (token.Record, error) {
	t, ok := token.Parse(text)
	if !ok || t.Environment != environment {
		return token.Record{}, errUnauthorized
	}
	record, err := db.FindToken(ctx, t.KeyID)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return token.Record{}, err
	}
	if valid := record.Valid(t, now); !valid || err != nil { // an unknown key id does the same work as a wrong secret
		return token.Record{}, errUnauthorized
	}
	if err := db.TouchToken(ctx, record, now); err != nil {
		slog.DebugContext(ctx, "touch token", "error", err) // a hint for people only
	}
	return record, nil
}

// bearer returns the token of the Authorization header, "" when it is of another form.
func bearer(headers map[string]string) string {
	for name, value := range headers {
		if scheme, text, ok := strings.Cut(value, " "); ok && strings.EqualFold(name, "Authorization") && strings.EqualFold(scheme, "Bearer") {
			return text
		}
	}
	return ""
}

// allow returns the policy of a client on the whole stage.
func allow(r token.Record, methodArn string) answer {
	stage := methodArn // arn:aws:execute-api:region:account:api/stage/METHOD/path
	if parts := strings.SplitN(methodArn, "/", 3); len(parts) == 3 {
		stage = parts[0] + "/" + parts[1]
	}
	p := policy{Version: "2012-10-17", Statement: []statement{{Action: "execute-api:Invoke", Effect: "Allow"}}}
	for _, scope := range r.Scopes {
		for _, path := range permits[scope] {
			p.Statement[0].Resource = append(p.Statement[0].Resource, fmt.Sprintf("%s/%s", stage, path))
		}
	}
	if len(p.Statement[0].Resource) == 0 {
		p.Statement[0] = statement{Action: "execute-api:Invoke", Effect: "Deny", Resource: []string{stage + "/*"}}
	}
	return answer{PrincipalID: r.Client, Policy: p,
		Context: map[string]string{"clientId": r.Client, "scopes": strings.Join(r.Scopes, " "), "keyId": r.KeyID}}
}
