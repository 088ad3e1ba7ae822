// Command usual is what the functions are measured against: the same requests and the same calls of DynamoDB as usual Go code makes
// them. It has typed events, a client of config.LoadDefaultConfig, structs for encoding/json and for attributevalue, the list of
// competitors kept for a minute, and one item a product with its offers, which is read, changed and written back on condition of its
// version. It checks less than the product does, and has no history, no health of competitors, no metrics and one line of log.
//
// Its bulk query is that of the two-item design (package peer): an item for each offer, and one query a product, one after the other or
// as many at a time as WIDTH says.
//
// It is a bootstrap for `tools/bench cold`, `warm` and `bulk`, which fill its table; nothing else uses it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		slog.Error("start", "error", err)
		os.Exit(1)
	}
	a := &app{db: dynamodb.NewFromConfig(cfg), table: os.Getenv("TABLE_NAME"), log: slog.New(slog.NewJSONHandler(os.Stdout, nil))}
	lambda.Start(a.serve)
}

type app struct {
	db    *dynamodb.Client
	table string
	log   *slog.Logger

	mu    sync.Mutex
	known map[string]competitor
	read  time.Time // when known was
}

type money struct {
	Amount   string `json:"amount" dynamodbav:"amount"`
	Currency string `json:"currency" dynamodbav:"currency"`
}

type observation struct {
	ItemID       string `json:"itemId"`
	ProductID    string `json:"productId"`
	CompetitorID string `json:"competitorId"`
	Availability string `json:"availability"`
	Price        *money `json:"price"`
	Shipping     *money `json:"shipping"`
	URL          string `json:"url"`
	Source       struct {
		ID   string `json:"id"`
		Kind string `json:"kind"`
	} `json:"source"`
	ObservedAt time.Time `json:"observedAt"`
}

type offer struct {
	Price         *money `json:"price" dynamodbav:"price"`
	Shipping      *money `json:"shipping" dynamodbav:"shipping"`
	PreviousPrice *money `json:"previousPrice" dynamodbav:"previousPrice"`
	Availability  string `json:"availability" dynamodbav:"availability"`
	ObservedAt    string `json:"observedAt" dynamodbav:"observedAt"`
	LastChangedAt string `json:"lastChangedAt" dynamodbav:"lastChangedAt"`
	URL           string `json:"url" dynamodbav:"url"`
	Source        string `json:"source" dynamodbav:"source"`
}

type product struct {
	ID      string           `dynamodbav:"pk"`
	SK      string           `dynamodbav:"sk"`
	Version int64            `dynamodbav:"version"`
	Offers  map[string]offer `dynamodbav:"offers"`
}

type competitor struct {
	ID     string `dynamodbav:"sk"`
	Name   string `dynamodbav:"name"`
	Status string `dynamodbav:"status"`
}

type result struct {
	Index     int    `json:"index"`
	ItemID    string `json:"itemId,omitempty"`
	ProductID string `json:"productId"`
	Status    int    `json:"status"`
	Outcome   string `json:"outcome"`
}

func (a *app) serve(ctx context.Context, r events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
	start := time.Now()
	status, answer, err := a.route(ctx, r)
	if err != nil {
		return events.APIGatewayProxyResponse{}, fmt.Errorf("%s: %w", r.Resource, err)
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return events.APIGatewayProxyResponse{}, err
	}
	a.log.InfoContext(ctx, "request", "path", r.Path, "status", status, "requestId", r.RequestContext.RequestID,
		"ms", time.Since(start).Milliseconds())
	return events.APIGatewayProxyResponse{
		StatusCode: status, Headers: map[string]string{"Content-Type": "application/json"}, Body: string(body),
	}, nil
}

func (a *app) route(ctx context.Context, r events.APIGatewayProxyRequest) (status int, answer any, err error) {
	switch {
	case r.HTTPMethod == http.MethodGet:
		return a.offers(ctx, r.PathParameters["productId"])
	case strings.HasSuffix(r.Path, "/query"):
		var in struct {
			ProductIDs      []string `json:"productIds"`
			PerProductLimit int      `json:"perProductLimit"`
		}
		if err := json.Unmarshal([]byte(r.Body), &in); err != nil {
			return http.StatusBadRequest, map[string]string{"error": "malformed JSON"}, nil //nolint:nilerr // the client's fault
		}
		if strings.Contains(r.Path, "summaries") {
			return a.query(ctx, in.ProductIDs, func(id string, rows []latestRow) any { return summarize(id, rows) })
		}
		return a.query(ctx, in.ProductIDs, cheapest(in.PerProductLimit))
	case strings.HasSuffix(r.Path, "/batch"):
		var in struct {
			Observations []observation `json:"observations"`
		}
		if err := json.Unmarshal([]byte(r.Body), &in); err != nil {
			return http.StatusBadRequest, map[string]string{"error": "malformed JSON"}, nil //nolint:nilerr // the client's fault
		}
		return a.batch(ctx, in.Observations)
	}
	var o observation
	if err := json.Unmarshal([]byte(r.Body), &o); err != nil {
		return http.StatusBadRequest, map[string]string{"error": "malformed JSON"}, nil //nolint:nilerr // the client's fault
	}
	return a.single(ctx, o)
}

func (a *app) competitors(ctx context.Context) (map[string]competitor, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if time.Since(a.read) < time.Minute {
		return a.known, nil
	}
	out, err := a.db.Query(ctx, &dynamodb.QueryInput{TableName: &a.table, KeyConditionExpression: aws.String("pk = :pk"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":pk": &types.AttributeValueMemberS{Value: "competitors"}}})
	if err != nil {
		return nil, err
	}
	var list []competitor
	if err := attributevalue.UnmarshalListOfMaps(out.Items, &list); err != nil {
		return nil, err
	}
	a.known = map[string]competitor{}
	a.read = time.Now()
	for _, c := range list {
		a.known[c.ID] = c
	}
	return a.known, nil
}

func check(o observation, known map[string]competitor) error {
	switch {
	case o.ProductID == "" || len(o.ProductID) > 64:
		return errors.New("productId")
	case known[o.CompetitorID].Status != "active":
		return errors.New("competitorId")
	case o.Price == nil && o.Availability == "InStock":
		return errors.New("price")
	case time.Until(o.ObservedAt) > 5*time.Minute:
		return errors.New("observedAt")
	}
	if o.Price != nil {
		if _, err := strconv.ParseFloat(o.Price.Amount, 64); err != nil || len(o.Price.Currency) != 3 {
			return errors.New("price")
		}
	}
	return nil
}

func key(productID string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: productID}, "sk": &types.AttributeValueMemberS{Value: "offers"},
	}
}

func (p *product) apply(o observation) (outcome string) {
	at := o.ObservedAt.UTC().Format(time.RFC3339Nano)
	old, known := p.Offers[o.CompetitorID]
	next := offer{Price: o.Price, Shipping: o.Shipping, Availability: o.Availability, ObservedAt: at, LastChangedAt: at, URL: o.URL,
		Source: o.Source.ID}
	outcome = "created"
	switch {
	case known && old.ObservedAt > at:
		return "late"
	case known && old.Price != nil && o.Price != nil && *old.Price == *o.Price:
		outcome = "unchanged"
		next.PreviousPrice, next.LastChangedAt = old.PreviousPrice, old.LastChangedAt
	case known:
		outcome = "changed"
		next.PreviousPrice = old.Price
	}
	if p.Offers == nil {
		p.Offers = map[string]offer{}
	}
	p.Offers[o.CompetitorID] = next
	return outcome
}

func (a *app) find(ctx context.Context, productID string) (product, error) {
	p := product{ID: productID}
	out, err := a.db.GetItem(ctx, &dynamodb.GetItemInput{TableName: &a.table, Key: key(productID)})
	if err != nil {
		return p, err
	}
	return p, attributevalue.UnmarshalMap(out.Item, &p)
}

func (a *app) save(ctx context.Context, p product) error {
	offers, err := attributevalue.Marshal(p.Offers)
	if err != nil {
		return err
	}
	condition := "attribute_not_exists(version)"
	values := map[string]types.AttributeValue{
		":o": offers, ":v": &types.AttributeValueMemberN{Value: strconv.FormatInt(p.Version+1, 10)},
	}
	if p.Version > 0 {
		condition = "version = :old"
		values[":old"] = &types.AttributeValueMemberN{Value: strconv.FormatInt(p.Version, 10)}
	}
	_, err = a.db.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: &a.table, Key: key(p.ID),
		UpdateExpression: aws.String("SET offers = :o, version = :v"), ConditionExpression: &condition, ExpressionAttributeValues: values})
	return err
}

func (a *app) single(ctx context.Context, o observation) (status int, answer any, err error) {
	known, err := a.competitors(ctx)
	if err != nil {
		return 0, nil, err
	}
	if err := check(o, known); err != nil {
		return http.StatusUnprocessableEntity, map[string]string{"error": err.Error()}, nil
	}
	p, err := a.find(ctx, o.ProductID)
	if err != nil {
		return 0, nil, err
	}
	outcome := p.apply(o)
	if outcome != "late" {
		if err := a.save(ctx, p); err != nil {
			return 0, nil, err
		}
	}
	return http.StatusCreated, result{ProductID: o.ProductID, Status: http.StatusCreated, Outcome: outcome}, nil
}

func (a *app) batch(ctx context.Context, list []observation) (status int, answer any, err error) {
	known, err := a.competitors(ctx)
	if err != nil {
		return 0, nil, err
	}
	results := make([]result, len(list))
	of := map[string][]int{}
	var ids []string
	for i, o := range list {
		results[i] = result{Index: i, ItemID: o.ItemID, ProductID: o.ProductID}
		if err := check(o, known); err != nil {
			results[i].Status, results[i].Outcome = http.StatusUnprocessableEntity, "rejected"
			continue
		}
		if of[o.ProductID] == nil {
			ids = append(ids, o.ProductID)
		}
		of[o.ProductID] = append(of[o.ProductID], i)
	}
	products, err := a.products(ctx, ids)
	if err != nil {
		return 0, nil, err
	}
	var wg sync.WaitGroup
	limit := make(chan bool, 4)
	for _, id := range ids {
		limit <- true
		wg.Go(func() {
			defer func() { <-limit }()
			p := products[id]
			p.ID = id
			for _, i := range of[id] {
				results[i].Status, results[i].Outcome = http.StatusCreated, p.apply(list[i])
			}
			if err := a.save(ctx, p); err != nil {
				for _, i := range of[id] {
					results[i].Status, results[i].Outcome = http.StatusServiceUnavailable, "throttled"
				}
			}
		})
	}
	wg.Wait()
	return http.StatusOK, map[string]any{"results": results}, nil
}

func (a *app) products(ctx context.Context, ids []string) (map[string]product, error) {
	products := map[string]product{}
	for len(ids) > 0 {
		n := min(100, len(ids))
		var keys []map[string]types.AttributeValue
		for _, id := range ids[:n] {
			keys = append(keys, key(id))
		}
		ids = ids[n:]
		out, err := a.db.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{a.table: {Keys: keys}}})
		if err != nil {
			return nil, err
		}
		for _, it := range out.Responses[a.table] {
			var p product
			if err := attributevalue.UnmarshalMap(it, &p); err != nil {
				return nil, err
			}
			products[p.ID] = p
		}
	}
	return products, nil
}

func (a *app) offers(ctx context.Context, productID string) (status int, answer any, err error) {
	known, err := a.competitors(ctx)
	if err != nil {
		return 0, nil, err
	}
	p, err := a.find(ctx, productID)
	if err != nil {
		return 0, nil, err
	}
	type row struct {
		CompetitorID   string `json:"competitorId"`
		CompetitorName string `json:"competitorName"`
		offer
	}
	rows := []row{}
	for id, o := range p.Offers {
		rows = append(rows, row{id, known[id].Name, o})
	}
	return http.StatusOK, map[string]any{"productId": productID, "offers": rows}, nil
}
