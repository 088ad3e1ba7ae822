package gateway

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"pricing/shared/fault"
	"pricing/shared/jsondoc"
)

// event is the part of a proxy event (payload version 1) that is used. Absent maps and bodies are null there.
type event struct {
	HTTPMethod     string              `json:"httpMethod"`
	Resource       string              `json:"resource"` // the route's path as in the template
	Headers        map[string]string   `json:"headers"`  // the last line of each
	HeaderLines    map[string][]string `json:"multiValueHeaders"`
	Query          map[string][]string `json:"multiValueQueryStringParameters"`
	PathParameters map[string]string   `json:"pathParameters"`
	Body           *string             `json:"body"`
	Base64         bool                `json:"isBase64Encoded"`
	Context        struct {
		ExtendedRequestID string         `json:"extendedRequestId"` // the other one, requestId, a client can choose
		Authorizer        map[string]any `json:"authorizer"`
	} `json:"requestContext"`
}

// Request is what a handler is asked.
type Request struct {
	Method   string
	Received time.Time // the request's "now"
	Body     []byte    // within the endpoint's limit
	Caller   Caller
	Media    string // the media type of the endpoint's that the client likes best; empty where it has no choice

	event       event
	id          string // which clients and logs know the request by
	correlation string
}

// Caller is who asks, as the authorizer found out from the token.
type Caller struct {
	Client  string
	Scopes  []string
	Sources []string // the source ids that it may write as, or their beginnings with * behind; none: any
}

// newRequest reads an event. Of one that it cannot read it returns what an answer needs.
func newRequest(ctx context.Context, raw []byte, now time.Time) (*Request, error) {
	r := &Request{Received: now}
	err := json.Unmarshal(raw, &r.event)
	r.Method = r.event.HTTPMethod
	r.id = r.event.Context.ExtendedRequestID
	if lambda, ok := lambdacontext.FromContext(ctx); ok && r.id == "" {
		r.id = lambda.AwsRequestID
	}
	told := func(name string) string {
		text, _ := r.event.Context.Authorizer[name].(string)
		return text
	}
	r.Caller = Caller{Client: told("clientId"), Scopes: strings.Fields(told("scopes")), Sources: strings.Fields(told("sources"))}
	r.correlation = r.Header("X-Correlation-Id")
	if !isID(r.correlation) {
		r.correlation = rand.Text()
	}
	if err != nil {
		return r, fmt.Errorf("decode the proxy event: %w", err)
	}
	return r, nil
}

func (r *Request) route() string { return r.event.HTTPMethod + " " + r.event.Resource }

// isID reports whether what a client sent for an id may stand in the log: [A-Za-z0-9._-]{1,64}.
func isID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	return strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == ""
}

// Header returns a header's last value; names are compared without regard to case, as clients spell them freely.
func (r *Request) Header(name string) string {
	for k, v := range r.event.Headers {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}

// listHeader returns a header that holds a list: a client may send it in several lines, which together are one list (RFC 9110, 5.3).
func (r *Request) listHeader(name string) string {
	for k, lines := range r.event.HeaderLines {
		if strings.EqualFold(k, name) {
			return strings.Join(lines, ", ")
		}
	}
	return r.Header(name)
}

// checkQuery refuses parameters that the endpoint does not know (a misspelt filter must not silently answer with
// everything) and repeated ones.
func (r *Request) checkQuery(known []string) error {
	var reader jsondoc.Reader
	for _, name := range slices.Sorted(maps.Keys(r.event.Query)) {
		at := reader.At(nil, "/query").Child(name)
		switch {
		case !slices.Contains(known, name) && len(known) == 0:
			at.Fault(fault.CodeUnknownField, "This endpoint has no query parameters.")
		case !slices.Contains(known, name):
			at.Fault(fault.CodeUnknownField, "Not a parameter of this endpoint; those are "+strings.Join(known, ", ")+".")
		case len(r.event.Query[name]) > 1:
			at.Fault(fault.CodeDuplicateField, "The parameter stands more than once.")
		}
	}
	return reader.Err()
}

// checkBody reads the body within its limit. A body in another media type or with any Content-Encoding is not read.
func (r *Request) checkBody(limit int) error {
	if limit == 0 {
		return nil
	}
	if contentType := r.Header("Content-Type"); contentType != "" {
		media, parameters, err := mime.ParseMediaType(contentType) // an error, too, if a parameter has two values
		if err != nil || media != "application/json" || !strings.EqualFold(cmp.Or(parameters["charset"], "utf-8"), "utf-8") {
			return fault.New(fault.MediaType, fault.CodeMediaType, "The body must be application/json in UTF-8.")
		}
	}
	if r.Header("Content-Encoding") != "" {
		return fault.New(fault.MediaType, fault.CodeMediaType, "Bodies are not compressed: send none of Content-Encoding.")
	}
	if r.event.Body != nil {
		r.Body = []byte(*r.event.Body)
	}
	if r.event.Base64 {
		body, err := base64.StdEncoding.DecodeString(string(r.Body))
		if err != nil {
			return fmt.Errorf("decode the proxy event's body: %w", err)
		}
		r.Body = body
	}
	r.event.Body = nil
	if len(r.Body) > limit {
		return fault.New(fault.TooLarge, fault.CodeTooLarge, fmt.Sprintf("The body has %d bytes; at most %d are taken.", len(r.Body), limit))
	}
	return nil
}
