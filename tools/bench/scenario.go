package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/samkit/local/samtemplate"
	"pricing/shared/price"
	"pricing/shared/store"
	"pricing/tools/bench/bootstrap"
)

// What the invocations are about: one product of 20 offers for single observations and reads, and 25 more for the batch.
const (
	oneProduct    = "ZU-1042"
	batchProducts = 25
	batchOffers   = 20
	batchSize     = batchProducts * batchOffers
)

// scenario is an invocation that is measured.
type scenario struct {
	name         string
	function     string // the folder of the function that serves it
	event        map[string]any
	want         string
	observations int // in it; 1 for a read
	most         float64
}

// scenarios are the invocations that are measured. most is the goal for a warm one, in millions of instructions, for each observation.
func scenarios(now time.Time) []scenario {
	const created, ok = `"statusCode":201`, `"statusCode":200`
	one := sent(oneProduct, 3, now)
	delete(one, "itemId")
	offers := proxyEvent("GET", "/v1/products/{productId}/offers", nil)
	offers["path"] = "/v1/products/" + oneProduct + "/offers"
	offers["pathParameters"] = map[string]any{"productId": oneProduct}
	return []scenario{
		{"a single observation", "record-observation", proxyEvent("POST", "/v1/observations", one), created, 1, 3.5},
		{"list-offers", "list-offers", offers, ok, 1, 4.2},
		{fmt.Sprintf("a batch of %d products x %d", batchProducts, batchOffers), "record-observations",
			proxyEvent("POST", "/v1/observations/batch", batchOf(now)), ok, batchSize, 0.28},
	}
}

// sent is an observation as a client sends it.
func sent(product string, shop int, at time.Time) map[string]any {
	return map[string]any{
		"itemId": fmt.Sprintf("row-%s-%d", product, shop), "productId": product, "competitorId": shopID(shop), "availability": "InStock",
		"price":    map[string]any{"amount": fmt.Sprintf("%d.%02d", 19+shop, at.Day()), "currency": "EUR"},
		"shipping": map[string]any{"amount": "2.99", "currency": "EUR"},
		"url":      fmt.Sprintf("https://www.%s.example/catalogue/p/%s?ref=feed", shopID(shop), product),
		"source":   map[string]any{"id": "crawler-a", "kind": "crawler"}, "observedAt": at.Format(time.RFC3339),
	}
}

func shopID(n int) string { return fmt.Sprintf("shop-%03d", n) }

// batchOf is the largest batch: a look at every offer of 25 products.
func batchOf(at time.Time) map[string]any {
	var all []any
	for p := range batchProducts {
		for shop := range batchOffers {
			all = append(all, sent(fmt.Sprintf("G-%02d", p), shop, at))
		}
	}
	return map[string]any{"observations": all}
}

// proxyEvent is what API Gateway sends a function for a request, with the headers that a client's libraries and the gateway add.
func proxyEvent(method, resource string, body any) map[string]any {
	headers := map[string]any{
		"Accept": "*/*", "Accept-Encoding": "gzip, deflate, br", "Authorization": "Bearer cpi_dev_" + strings.Repeat("0", 69),
		"Content-Type": "application/json", "Host": "api.pricing.example", "User-Agent": "python-requests/2.32.5",
		"X-Amzn-Trace-Id": "Root=1-6a4b7c1d-0123456789abcdef01234567", "X-Correlation-Id": "night-42", "X-Forwarded-For": "192.0.2.7",
		"X-Forwarded-Port": "443", "X-Forwarded-Proto": "https",
	}
	lists := map[string]any{}
	for name, value := range headers {
		lists[name] = []any{value}
	}
	event := map[string]any{
		"httpMethod": method, "resource": resource, "path": resource, "headers": headers, "multiValueHeaders": lists,
		"queryStringParameters": nil, "multiValueQueryStringParameters": nil, "pathParameters": nil, "stageVariables": nil,
		"body": nil, "isBase64Encoded": false,
		"requestContext": map[string]any{
			"accountId": "123456789012", "apiId": "a1b2c3d4e5", "domainName": "api.pricing.example", "domainPrefix": "api",
			"extendedRequestId": "KHn2hG4wDoEFt9A=", "httpMethod": method, "path": "/dev" + resource, "protocol": "HTTP/1.1",
			"requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef", "requestTime": "06/Jul/2026:09:14:05 +0000", "requestTimeEpoch": 1783329245000,
			"resourceId": "x1y2z3", "resourcePath": resource, "stage": "dev",
			"authorizer": map[string]any{"clientId": "crawler-a", "scopes": "ingest read", "principalId": "crawler-a", "integrationLatency": 3},
			"identity":   map[string]any{"sourceIp": "192.0.2.7", "userAgent": "python-requests/2.32.5"},
		},
	}
	if body != nil {
		text, _ := json.Marshal(body) // plain data
		event["body"] = string(text)
	}
	return event
}

// The programs that are compared.
const (
	functions = "functions"
	again     = "functions again" // the same once more: what differs between them is noise
	usualCode = "usual code"
)

// subject is a scenario with its programs, by what they are called.
type subject struct {
	scenario
	programs map[string]*bootstrap.Program
}

// order is the order in which programs are printed.
var order = []string{usualCode, functions, again}

// subjects builds the programs and fills their tables.
func (b *bench) subjects(ctx context.Context, lab *bootstrap.Lab, root string, all []scenario) ([]subject, error) {
	const usual = "tools/bench/usual"
	packages := []string{usual, "functions/record-observations"} // which fills the table
	for _, s := range all {
		packages = append(packages, "functions/"+s.function)
	}
	slices.Sort(packages)
	bin, err := lab.Build(ctx, root, slices.Compact(packages)...)
	if err != nil {
		return nil, err
	}
	template, err := samtemplate.Load(filepath.Join(root, "template.yaml"), map[string]string{"DeployEnv": "dev"})
	if err != nil {
		return nil, err
	}
	mine, theirs, err := b.fresh(ctx)
	if err != nil {
		return nil, err
	}
	program := func(path string, environment []string, s scenario) (*bootstrap.Program, error) {
		event, err := json.Marshal(s.event)
		if err != nil {
			return nil, err
		}
		return lab.New(bootstrap.Program{Path: path, Environment: environment, Event: event, Want: s.want}), nil
	}
	function := func(s scenario) (*bootstrap.Program, error) {
		environment, _, err := variables(template, s.function, mine)
		if err != nil {
			return nil, err
		}
		return program(filepath.Join(bin, s.function), environment, s)
	}
	usually := func(s scenario) (*bootstrap.Program, error) {
		return program(filepath.Join(bin, filepath.Base(usual)), []string{"TABLE_NAME=" + theirs}, s)
	}
	yesterday := time.Now().Add(-24 * time.Hour)
	var first []any // looks at the one product
	for shop := range batchOffers {
		first = append(first, sent(oneProduct, shop, yesterday))
	}
	for _, body := range []any{map[string]any{"observations": first}, batchOf(yesterday)} {
		fill := scenario{function: "record-observations", event: proxyEvent("POST", "/v1/observations/batch", body), want: `"statusCode":200`}
		for _, of := range []func(scenario) (*bootstrap.Program, error){function, usually} {
			p, err := of(fill)
			if err != nil {
				return nil, err
			}
			if err := lab.Fill(ctx, p); err != nil {
				return nil, fmt.Errorf("fill the table: %w", err)
			}
		}
	}
	var made []subject
	for _, s := range all {
		f, err := function(s)
		if err != nil {
			return nil, err
		}
		u, err := usually(s)
		if err != nil {
			return nil, err
		}
		made = append(made, subject{s, map[string]*bootstrap.Program{functions: f, again: f, usualCode: u}})
	}
	return made, nil
}

// fresh makes a table for the functions and one for the usual code, with the same 20 competitors, and returns their names.
func (b *bench) fresh(ctx context.Context) (mine, theirs string, err error) {
	if mine, err = b.newTable(ctx); err != nil {
		return "", "", err
	}
	if theirs, err = b.newTable(ctx); err != nil {
		return "", "", err
	}
	boards := store.New(b.client, store.Options{Table: mine, Retention: retention, Width: width})
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	for shop := range batchOffers {
		c := price.Competitor{ID: shopID(shop), Name: "Shop " + shopID(shop), FreshFor: price.DefaultFreshFor, Active: true}
		if _, err := boards.PutCompetitor(ctx, c); err != nil {
			return "", "", fmt.Errorf("register competitors: %w", err)
		}
		_, err := b.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String(theirs), Item: map[string]types.AttributeValue{
			"pk": text("competitors"), "sk": text(c.ID), "name": text(c.Name), "status": text("active"),
		}})
		if err != nil {
			return "", "", fmt.Errorf("register competitors: %w", err)
		}
	}
	return mine, theirs, nil
}

// variables are what the template sets for a function, and its memory.
func variables(template *samtemplate.Template, folder, table string) (list []string, timeout time.Duration, err error) {
	for _, f := range template.Functions {
		if filepath.Base(f.CodeURI) != folder {
			continue
		}
		environment := maps.Clone(f.Environment)
		environment["TABLE_NAME"] = table
		delete(environment, "AWS_ENDPOINT_URL_DYNAMODB") // the lab has its own
		environment["AWS_LAMBDA_FUNCTION_NAME"] = f.Name
		environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] = strconv.Itoa(f.MemoryMB)
		for name, value := range environment {
			list = append(list, name+"="+value)
		}
		return list, f.Timeout, nil
	}
	return nil, 0, fmt.Errorf("the template has no function of the folder %s", folder)
}
