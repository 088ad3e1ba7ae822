package cases

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"pricing/shared/boot"
	"pricing/shared/gateway"
	"pricing/shared/store"
	"pricing/shared/testkit/metertest"
	"pricing/shared/testkit/storetest"
)

// noCase are the statuses of the template's routes that no case can ask for.
var noCase = map[string]string{
	"401": "API Gateway answers it, as the authorizer tells it to",
	"429": "API Gateway answers it; the function is not called",
	"500": "it is our mistake, which no request makes on purpose; shared/gateway has a test of its answer",
}

// answer is what a case of an endpoint expects.
type answer struct {
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    json.RawMessage   `json:"body,omitempty"`
}

// Run runs every case of the function in the working directory, and asks for what every endpoint must answer alike: no
// scope, an unknown parameter, a store that does not answer, and so on (usual.go). Each answer must be as the contract says,
// and so must the request if nothing in it was refused. Further checks get what was answered, and the metrics that
// CloudWatch takes from the log. At the end each status of the template's route must have a case, and the events of the
// function must be those of its cases.
func Run(
	t *testing.T, endpoint func(boot.Function) gateway.Endpoint, checks ...func(*testing.T, gateway.Response, metertest.Samples),
) {
	t.Helper()
	t.Run("cases", func(t *testing.T) { // it ends when the cases, which are parallel, have ended
		if !*update { // which may be about to write the answer that they begin with
			checkUsual(t, endpoint)
			checkParameters(t, endpoint)
		}
		for _, name := range Names(t) {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c := Read(t, name)
				e := endpoint(boot.Function{Settings: Settings, Store: c.store(t)})
				response, samples := Metered(t, e, c.Event(t, e))
				assert.Equal(t, "KHn2hG4wDoEFt9A=", response.Headers["x-request-id"])
				assert.Equal(t, "night-42", response.Headers["x-correlation-id"])
				c.Check(t, encode(t, answerOf(response)))
				c.checkContract(t, e, response)
				for _, check := range checks {
					check(t, response, samples)
				}
			})
		}
	})
	e := endpoint(boot.Function{Settings: Settings})
	checkStatuses(t, e)
	CheckEvents(t, func(c Case) []byte { return c.Event(t, e) })
}

// store returns what a case is asked on.
func (c Case) store(tb testing.TB) *store.Store {
	tb.Helper()
	switch c.Store {
	case "down":
		nobody := storetest.Client("http://127.0.0.1:1")
		return store.New(nobody, store.Options{Table: Settings.Table, Retention: Settings.Retention, Width: 4})
	case "damaged":
		return storetest.Seeded(tb, "ZU-1042")
	}
	return storetest.Seeded(tb)
}

// answerOf returns what a case says of a response.
func answerOf(response gateway.Response) answer {
	a := answer{Status: response.StatusCode, Headers: map[string]string{}}
	for _, name := range []string{"Content-Type", "Retry-After", "ETag"} {
		if value, ok := response.Headers[name]; ok && value != "application/json" {
			a.Headers[name] = value
		}
	}
	if response.Body != "" {
		a.Body = json.RawMessage(response.Body)
	}
	return a
}

// expected decodes a case's answer; its status is 0 for a case of the authorizer.
func (c Case) expected(tb testing.TB) answer {
	tb.Helper()
	var a answer
	require.NoError(tb, json.Unmarshal(c.Answer, &a), c.file)
	return a
}

// Metered serves an event of the function in the working directory and returns the answer with the metrics that
// CloudWatch takes from the log.
func Metered(tb testing.TB, e gateway.Endpoint, event []byte) (gateway.Response, metertest.Samples) {
	tb.Helper()
	var log bytes.Buffer
	e.Now = func() time.Time { return Now }
	e.Log = slog.New(slog.NewJSONHandler(&log, nil))
	e.Source = metertest.Source
	response := gateway.Serve(tb.Context(), e, event)
	return response, metertest.Extract(tb, log.Bytes())
}

// Pages asks with limit=1 and then with each cursor that came back, and returns the member of every page that holds its
// rows.
func Pages(t *testing.T, e gateway.Endpoint, request, member string) []json.RawMessage {
	t.Helper()
	e.Now = func() time.Time { return Now }
	e.Log = slog.New(slog.DiscardHandler)
	var pages []json.RawMessage
	for cursor := ""; ; {
		response := gateway.Serve(t.Context(), e, Case{Request: and(request, "limit=1"+cursor)}.Event(t, e))
		require.Equal(t, http.StatusOK, response.StatusCode, response.Body)
		var page map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(response.Body), &page))
		pages = append(pages, page[member])
		var next *string
		require.NoError(t, json.Unmarshal(page["next"], &next))
		if next == nil {
			return pages
		}
		require.Less(t, len(pages), 100, "the pages have no end")
		cursor = "&cursor=" + *next
	}
}

// Forged asks with a cursor of any position, which everyone can make who reads the code.
func Forged(tb testing.TB, e gateway.Endpoint, request, position string) gateway.Response {
	tb.Helper()
	e.Now = func() time.Time { return Now }
	e.Log = slog.New(slog.DiscardHandler)
	maker := e
	maker.Handle = func(_ context.Context, r *gateway.Request) (gateway.Answer, error) {
		return gateway.Answer{Body: r.Params().NextCursor(position)}, nil
	}
	var cursor string
	made := gateway.Serve(tb.Context(), maker, Case{Request: request}.Event(tb, e))
	require.NoError(tb, json.Unmarshal([]byte(made.Body), &cursor), made.Body)
	return gateway.Serve(tb.Context(), e, Case{Request: and(request, "cursor="+cursor)}.Event(tb, e))
}

// and adds a parameter to a request.
func and(request, parameter string) string {
	if strings.Contains(request, "?") {
		return request + "&" + parameter
	}
	return request + "?" + parameter
}

// checkStatuses compares the statuses of the cases, and of what is usual, with those of the route in the template.
func checkStatuses(t *testing.T, e gateway.Endpoint) {
	t.Helper()
	all := routes(t)
	i := slices.IndexFunc(all, func(r route) bool { return r.name == e.Route })
	require.GreaterOrEqual(t, i, 0, "the template has no route %s", e.Route)
	answered := map[string]string{}
	for _, u := range usuals(e) {
		answered[u.name] = strconv.Itoa(u.status)
	}
	for _, name := range Names(t) {
		answered[name] = strconv.Itoa(Read(t, name).expected(t).Status)
	}
	for _, wrong := range all[i].compare(answered) {
		t.Error(wrong)
	}
}

// compare returns a line for each status that no case of a route is answered, and for each that the template lacks.
func (r route) compare(answered map[string]string) []string {
	var wrong []string
	asked := slices.Collect(maps.Values(answered))
	for _, status := range r.statuses {
		if !slices.Contains(asked, status) && noCase[status] == "" {
			wrong = append(wrong, fmt.Sprintf("%s: no case is answered %s, which stands in the template's responses", r.name, status))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(answered)) {
		if !slices.Contains(r.statuses, answered[name]) {
			wrong = append(wrong, fmt.Sprintf("%s: the template's responses lack %s, the answer of %s", r.name, answered[name], name))
		}
	}
	return wrong
}

// route is one of the template.
type route struct {
	name     string // method and path
	statuses []string
}

// routes returns those of the template.
func routes(tb testing.TB) []route {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "template.yaml"))
	require.NoError(tb, err)
	var template struct {
		Resources struct {
			Api struct {
				Properties struct {
					DefinitionBody struct {
						Paths map[string]map[string]struct{ Responses map[string]any }
					} `yaml:"DefinitionBody"`
				} `yaml:"Properties"`
			} `yaml:"Api"`
		} `yaml:"Resources"`
	}
	require.NoError(tb, yaml.Unmarshal(text, &template))
	var all []route
	for path, operations := range template.Resources.Api.Properties.DefinitionBody.Paths {
		for verb, operation := range operations {
			all = append(all, route{strings.ToUpper(verb) + " " + path, slices.Sorted(maps.Keys(operation.Responses))})
		}
	}
	slices.SortFunc(all, func(a, b route) int { return strings.Compare(a.name, b.name) }) // {productId} behind any word
	return all
}

// CheckEvents compares the complete events of the function in the working directory with what is made from the cases of
// their names.
func CheckEvents(t *testing.T, event func(Case) []byte) {
	t.Helper()
	wd, err := os.Getwd()
	require.NoError(t, err)
	folder := filepath.Join("..", "..", "events", filepath.Base(wd))
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	require.NoError(t, err)
	if len(files) == 0 && *update {
		require.NoError(t, os.MkdirAll(folder, 0o755))
		files = []string{filepath.Join(folder, firstGood(t)+".json")}
	}
	assert.NotEmpty(t, files, "the function has no event in %s: -update writes one", folder)
	for _, file := range files {
		want := event(Read(t, strings.TrimSuffix(filepath.Base(file), ".json")))
		if *update {
			require.NoError(t, os.WriteFile(file, []byte(inLines(t, want, "")+"\n"), 0o644))
			continue
		}
		got, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.JSONEq(t, string(want), string(got), "%s is not the event of its case: -update writes it", file)
	}
}

// firstGood returns the first case that succeeds.
func firstGood(t *testing.T) string {
	t.Helper()
	names := Names(t)
	i := slices.IndexFunc(names, func(name string) bool { return Read(t, name).expected(t).Status < http.StatusMultipleChoices })
	require.GreaterOrEqual(t, i, 0, "no case of the function succeeds")
	return names[i]
}
