package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// insights answers as CloudWatch Logs does, from the lines of testdata/aws.ndjson, in the shapes of its API reference.
type insights struct {
	t    *testing.T
	rows []map[string]string

	mu      sync.Mutex
	queries []string
	asked   map[string]int
	ends    string // how queries end
}

func (i *insights) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct {
		LogGroupNamePrefix, NextToken, QueryString, QueryID string
		LogGroupNames                                       []string
		StartTime, EndTime                                  int64
		Limit                                               int
	}
	assert.NoError(i.t, json.NewDecoder(r.Body).Decode(&in))
	i.mu.Lock()
	defer i.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	answer := func(v any) { assert.NoError(i.t, json.NewEncoder(w).Encode(v)) }
	switch _, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), "."); operation {
	case "DescribeLogGroups":
		groups := map[string][]string{
			"/aws/lambda/pricing-prod-":      {"/aws/lambda/pricing-prod-query-offers", "/aws/lambda/pricing-prod-plot-history"},
			"/aws/apigateway/pricing-prod":   {"/aws/apigateway/pricing-prod", "/aws/apigateway/pricing-prod-two"},
			"API-Gateway-Execution-Logs_":    {"API-Gateway-Execution-Logs_a1b2c3/prod", "API-Gateway-Execution-Logs_zzz/dev"},
			"/aws/lambda/pricing-prod- next": {"/aws/lambda/pricing-prod-authorize-request"},
		}
		out := map[string]any{}
		name := in.LogGroupNamePrefix
		if in.NextToken != "" {
			name += " " + in.NextToken
		} else if strings.HasPrefix(name, "/aws/lambda/") {
			out["nextToken"] = "next"
		}
		var list []map[string]any
		for _, g := range groups[name] {
			list = append(list, map[string]any{"logGroupName": g, "arn": "arn:aws:logs:eu-west-1:123456789012:log-group:" + g + ":*"})
		}
		out["logGroups"] = list
		answer(out)
	case "StartQuery":
		assert.Less(i.t, in.StartTime, in.EndTime)
		id := fmt.Sprint(len(i.queries))
		i.queries = append(i.queries, in.QueryString+" in "+strings.Join(in.LogGroupNames, " "))
		answer(map[string]string{"queryId": id})
	case "GetQueryResults":
		i.asked[in.QueryID]++
		if i.asked[in.QueryID] == 1 {
			answer(map[string]any{"status": "Running", "results": []any{}})
			return
		}
		var n int
		_, err := fmt.Sscan(in.QueryID, &n)
		assert.NoError(i.t, err)
		answer(map[string]any{"status": i.ends, "results": i.answers(i.queries[n]),
			"statistics": map[string]any{"recordsMatched": 1.0, "recordsScanned": 10.0, "bytesScanned": 1.5e6}})
	default:
		assert.Fail(i.t, operation)
	}
}

var (
	quoted = regexp.MustCompile(`@message like "([^"]+)"`)
	ends   = regexp.MustCompile(`"message":"start"|panic|fatal error|Execution failed`)
	alike  = regexp.MustCompile(`@message like /\(\?i\)([^/]+)/`)
	equal  = regexp.MustCompile(`clientId = "([^"]+)"`)
)

// answers runs the query: of Insights' language, just what the tool writes.
func (i *insights) answers(query string) [][]map[string]string {
	results := [][]map[string]string{}
	text, groups, _ := strings.Cut(query, " in ")
	for _, row := range i.rows {
		message := row["@message"]
		_, group, _ := strings.Cut(row["@log"], ":")
		hit := strings.Contains(text, `message = "start"`) && ends.MatchString(message)
		for _, m := range quoted.FindAllStringSubmatch(text, -1) {
			hit = hit || strings.Contains(message, m[1])
		}
		for _, m := range alike.FindAllStringSubmatch(text, -1) {
			hit = hit || strings.Contains(strings.ToLower(message), strings.ToLower(m[1]))
		}
		for _, m := range equal.FindAllStringSubmatch(text, -1) {
			hit = hit || strings.Contains(message, `"clientId":"`+m[1]+`"`)
		}
		if hit && slices.Contains(strings.Fields(groups), group) {
			var fields []map[string]string
			for _, name := range []string{"@timestamp", "@log", "@message"} {
				fields = append(fields, map[string]string{"field": name, "value": row[name]})
			}
			results = append(results, append(fields, map[string]string{"field": "@ptr", "value": "CmEKJg"}))
		}
	}
	return results
}

// all are the queries so far.
func (i *insights) all() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Clone(i.queries)
}

func onAWS(t *testing.T) (*insights, *cloudwatch) {
	t.Helper()
	i := &insights{t: t, asked: map[string]int{}, ends: "Complete"}
	for _, line := range lines(t, "aws.ndjson") {
		var row map[string]string
		require.NoError(t, json.Unmarshal([]byte(line), &row))
		i.rows = append(i.rows, row)
	}
	server := httptest.NewServer(i)
	t.Cleanup(server.Close)
	environment := map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s",
		"AWS_ENDPOINT_URL": server.URL}
	at := time.Date(2026, 7, 6, 9, 0, 0, 0, time.UTC)
	logs, err := open(t.Context(), "prod", at, at.Add(time.Hour), func(name string) string { return environment[name] })
	require.NoError(t, err)
	logs.pause = 0
	return i, logs
}

// TestAWS: the log groups of an environment are searched by Logs Insights, by a query over all of them for each step from id to id.
func TestAWS(t *testing.T) {
	t.Parallel()
	asked, logs := onAWS(t)
	for _, f := range failures(t) {
		if strings.HasPrefix(f.Name, "AWS") {
			before := len(asked.all())
			c := why(one(t, logs, f.ID))
			queries := asked.all()[before:]
			assert.Equal(t, f.Layer+": "+f.Code, c.Layer+": "+c.Code, f.Name)
			assert.LessOrEqual(t, len(queries), 4, f.Name)
			assert.Contains(t, queries[0], "/aws/lambda/pricing-prod-authorize-request")
			assert.NotContains(t, queries[0], "prod-two")
			assert.NotContains(t, queries[0], "/dev")
		}
	}
	_, err := told(t, logs, options{ids: []string{"none"}})
	require.ErrorContains(t, err, "no line has the id none in 5 log groups of prod, from 2026-07-06T09:00:00Z to 2026-07-06T10:00:00Z by ")
	require.ErrorContains(t, err, "API-Gateway-Execution-Logs_a1b2c3/prod")
	got, err := told(t, logs, options{ids: []string{"khn2hg4wdo16T9a"}})
	require.NoError(t, err)
	assert.Contains(t, got, "request KHn2hG4wDo16t9A=")
	_, err = told(t, logs, options{environment: "prod", ids: []string{"none"}})
	require.ErrorContains(t, err, "Longer ago: -since")
	got, err = told(t, logs, options{client: "reader-1", at: "2026-07-06T09:25:00Z"})
	require.NoError(t, err)
	assert.Contains(t, got, "x509")
	asked.mu.Lock()
	asked.ends = "Timeout"
	asked.mu.Unlock()
	_, err = told(t, logs, options{ids: []string{"none"}})
	require.ErrorContains(t, err, "ended as Timeout")
	_, err = open(t.Context(), "prod", time.Time{}, time.Time{}, func(string) string { return "" })
	require.ErrorContains(t, err, "-env needs AWS_REGION")
}
