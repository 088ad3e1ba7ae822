// Package contract holds requests and answers against docs/openapi.json, what clients have been promised.
//
// It reads the document more strictly than a client may: no answer has a member that is not described, and of a text whose
// known values are listed there is no other. A client has to accept both, so that the API can grow; the tests must see them,
// so that the description grows with it.
package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// File is the document's place in the module.
const File = "docs/openapi.json"

// Contract is the document, read strictly.
type Contract struct{ document *openapi3.T }

func init() { // a picture is compared as the text that it is
	openapi3filter.RegisterBodyDecoder("image/svg+xml", openapi3filter.RegisteredBodyDecoder("text/plain"))
}

// Load reads the document of the module in a folder.
func Load(root string) (Contract, error) {
	text, err := os.ReadFile(root + "/" + File)
	if err != nil {
		return Contract{}, fmt.Errorf("read the contract: %w", err)
	}
	if text, err = Strict(text); err != nil {
		return Contract{}, err
	}
	document, err := openapi3.NewLoader().LoadFromData(text)
	if err == nil {
		err = document.Validate(context.Background(), openapi3.EnableExamplesValidation())
	}
	if err != nil {
		return Contract{}, fmt.Errorf("read the contract: %w", err)
	}
	return Contract{document}, nil
}

// Strict returns the document with everything closed that it leaves open for readers.
func Strict(document []byte) ([]byte, error) {
	var d map[string]any
	if err := json.Unmarshal(document, &d); err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	closeSchemas(d)
	return json.Marshal(d)
}

// closeSchemas closes every schema below a part of the document.
func closeSchemas(part any) {
	switch part := part.(type) {
	case map[string]any:
		if known, ok := part["x-extensible-enum"]; ok {
			part["enum"] = known
		}
		if words, ok := part["enum"].([]any); ok && part["nullable"] == true { // generators of code trip over null as a word
			part["enum"] = append(words, nil)
		}
		if _, said := part["additionalProperties"]; part["type"] == "object" && !said {
			part["additionalProperties"] = false
		}
		for name, below := range part {
			if name != "example" {
				closeSchemas(below)
			}
		}
	case []any:
		for _, below := range part {
			closeSchemas(below)
		}
	}
}

// route returns a route and what is described of it; name is its method and path, for example "GET /v1/health".
func (c Contract) route(name string) (*routers.Route, error) {
	method, path, _ := strings.Cut(name, " ")
	item := c.document.Paths.Value(path)
	if item == nil || item.GetOperation(method) == nil {
		return nil, fmt.Errorf("%s: the contract has no such route", name)
	}
	return &routers.Route{Spec: c.document, Path: path, PathItem: item, Method: method, Operation: item.GetOperation(method)}, nil
}

// Operation returns what is described of a route.
func (c Contract) Operation(route string) (*openapi3.Operation, error) {
	r, err := c.route(route)
	if err != nil {
		return nil, err
	}
	return r.Operation, nil
}

// Routes returns the routes that are described, and the statuses of each.
func (c Contract) Routes() map[string][]int {
	routes := map[string][]int{}
	for path, item := range c.document.Paths.Map() {
		for method, operation := range item.Operations() {
			var statuses []int
			for text := range operation.Responses.Map() {
				status, _ := strconv.Atoi(text) // "default" is no status
				statuses = append(statuses, status)
			}
			slices.Sort(statuses)
			routes[method+" "+path] = statuses
		}
	}
	return routes
}

// options say how values are compared with schemas.
func options() *openapi3filter.Options {
	return &openapi3filter.Options{
		MultiError: true, IncludeResponseStatus: true, SkipSettingDefaults: true, RejectWhenRequestBodyNotSpecified: true,
		AuthenticationFunc:      openapi3filter.NoopAuthenticationFunc, // who may call is tested elsewhere
		SchemaValidationOptions: []openapi3.SchemaValidationOption{openapi3.DisableSchemaErrorDetails(), DateTimes},
	}
}

// DateTimes takes the timestamps that RFC 3339 does: their letters may be small, and kin-openapi takes capital ones only.
var DateTimes = openapi3.WithStringFormatValidator("date-time", openapi3.NewCallbackValidator(func(text string) error {
	_, err := time.Parse(time.RFC3339, strings.ToUpper(text))
	return err
}))

// CheckRequest returns what of a request to a route is not as described. It reads the request's body.
func (c Contract) CheckRequest(route string, pathParameters map[string]string, r *http.Request) error {
	described, err := c.route(route)
	if err != nil {
		return err
	}
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		if body, err = withoutEmpties(body); err != nil {
			return fmt.Errorf("%s: %w", route, err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.GetBody = nil // it would give the body as it was
	}
	known := map[string]bool{}
	for _, p := range described.Operation.Parameters {
		known[p.Value.Name] = p.Value.In == openapi3.ParameterInQuery
	}
	for name := range r.URL.Query() {
		if !known[name] {
			return fmt.Errorf("%s: the contract has no parameter %s", route, name)
		}
	}
	return openapi3filter.ValidateRequest(r.Context(),
		&openapi3filter.RequestValidationInput{Request: r, PathParams: pathParameters, Route: described, Options: options()})
}

// withoutEmpties takes the members off that are an empty text or object: an optional one counts as absent then, which no
// schema can say.
func withoutEmpties(body []byte) ([]byte, error) {
	var document any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&document); err != nil {
		return nil, err
	}
	takeEmpties(document)
	return json.Marshal(document)
}

func takeEmpties(part any) {
	switch part := part.(type) {
	case map[string]any:
		for name, below := range part {
			takeEmpties(below)
			if object, ok := below.(map[string]any); below == "" || ok && len(object) == 0 {
				delete(part, name)
			}
		}
	case []any:
		for _, below := range part {
			takeEmpties(below)
		}
	}
}

// CheckAnswer returns what of an answer to a route is not as described.
func (c Contract) CheckAnswer(route string, status int, headers map[string]string, body string) error {
	described, err := c.route(route)
	if err != nil {
		return err
	}
	header := http.Header{}
	for name, value := range headers {
		header.Set(name, value)
	}
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: &http.Request{Method: described.Method}, Route: described},
		Status:                 status, Header: header, Options: options(),
	}
	if media, _, err := mime.ParseMediaType(header.Get("Content-Type")); err == nil {
		header.Set("Content-Type", media)
	}
	input.SetBodyBytes([]byte(body))
	if err := openapi3filter.ValidateResponse(context.Background(), input); err != nil {
		return fmt.Errorf("%s, %d: %w", route, status, err)
	}
	response := described.Operation.Responses.Status(status)
	switch {
	case response == nil: // kin-openapi lets some statuses pass
		return fmt.Errorf("%s, %d: status is not supported", route, status)
	case len(response.Value.Content) == 0 && body != "":
		return fmt.Errorf("%s, %d: the contract promises no body", route, status)
	}
	var wrong []error
	for name, h := range response.Value.Headers {
		if h.Value.Required && header.Get(name) == "" {
			wrong = append(wrong, fmt.Errorf("%s, %d: the header %s is missing", route, status, name))
		}
	}
	return errors.Join(wrong...)
}
