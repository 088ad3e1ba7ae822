package main

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// latest is the item of an offer in the two-item design.
type latest struct {
	Offer        string `dynamodbav:"sk"`
	Price        string `dynamodbav:"p"`
	Shipping     string `dynamodbav:"sh"`
	Availability string `dynamodbav:"av"`
	Source       string `dynamodbav:"src"`
	Position     string `dynamodbav:"at"` // begins with observedAt in milliseconds
}

type latestRow struct {
	CompetitorID string `json:"competitorId"`
	Availability string `json:"availability"`
	Price        *money `json:"price"`
	Shipping     *money `json:"shipping"`
	Landed       *money `json:"landed"`
	ObservedAt   string `json:"observedAt"`
	Stale        bool   `json:"stale"`
	Source       string `json:"source"`

	landed float64
}

type entry struct {
	ProductID string      `json:"productId"`
	Status    int         `json:"status"`
	Matched   int         `json:"matched"`
	Offers    []latestRow `json:"offers"`
}

// summary is what a market summary says of the prices of a product.
type summary struct {
	ProductID   string   `json:"productId"`
	Status      int      `json:"status"`
	Offers      int      `json:"offers"`
	Competitors int      `json:"competitors"`
	Min         *float64 `json:"min"`
	Q1          *float64 `json:"q1"`
	Median      *float64 `json:"median"`
	Mean        *float64 `json:"mean"`
	Q3          *float64 `json:"q3"`
	Max         *float64 `json:"max"`
	Cheapest    []string `json:"cheapest"`
}

// summarize makes statistics of the lowest landed prices of competitors.
func summarize(productID string, rows []latestRow) summary {
	out := summary{ProductID: productID, Status: http.StatusOK, Offers: len(rows), Cheapest: []string{}}
	lowest := map[string]float64{}
	for _, row := range rows {
		if row.Landed == nil || row.Availability != "InStock" {
			continue
		}
		if low, ok := lowest[row.CompetitorID]; !ok || row.landed < low {
			lowest[row.CompetitorID] = row.landed
		}
	}
	out.Competitors = len(lowest)
	if len(lowest) == 0 {
		return out
	}
	sorted := slices.Sorted(maps.Values(lowest))
	sum := 0.0
	for _, amount := range sorted {
		sum += amount
	}
	at := func(q float64) *float64 {
		place := q * float64(len(sorted)-1)
		below := int(place)
		amount := sorted[below]
		if below+1 < len(sorted) {
			amount += (sorted[below+1] - sorted[below]) * (place - float64(below))
		}
		return &amount
	}
	mean := sum / float64(len(sorted))
	out.Min, out.Q1, out.Median, out.Mean, out.Q3, out.Max = at(0), at(0.25), at(0.5), &mean, at(0.75), at(1)
	for _, id := range slices.Sorted(maps.Keys(lowest)) {
		if lowest[id] == sorted[0] {
			out.Cheapest = append(out.Cheapest, id)
		}
	}
	return out
}

// query answers the cheapest offers of many products, or summaries of them, by a query for each.
func (a *app) query(
	ctx context.Context, productIDs []string, answerOf func(id string, rows []latestRow) any,
) (status int, answer any, err error) {
	if _, err := a.competitors(ctx); err != nil {
		return 0, nil, err
	}
	width, err := strconv.Atoi(os.Getenv("WIDTH"))
	if err != nil {
		return 0, nil, err
	}
	entries := make([]any, len(productIDs))
	errs := make([]error, len(productIDs))
	var wg sync.WaitGroup
	slots := make(chan bool, width)
	for i, id := range productIDs {
		slots <- true
		wg.Go(func() {
			defer func() { <-slots }()
			rows, err := a.latest(ctx, id)
			entries[i], errs[i] = answerOf(id, rows), err
		})
	}
	wg.Wait()
	return http.StatusOK, map[string]any{"results": entries}, errors.Join(errs...)
}

// cheapest answers with the first of the offers by landed price.
func cheapest(limit int) func(id string, rows []latestRow) any {
	return func(id string, rows []latestRow) any {
		slices.SortFunc(rows, func(x, y latestRow) int {
			return cmp.Or(cmp.Compare(x.landed, y.landed), cmp.Compare(x.CompetitorID, y.CompetitorID))
		})
		return entry{id, http.StatusOK, len(rows), rows[:min(len(rows), limit)]}
	}
}

func (a *app) latest(ctx context.Context, productID string) ([]latestRow, error) {
	in := &dynamodb.QueryInput{TableName: &a.table, KeyConditionExpression: aws.String("pk = :pk"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":pk": &types.AttributeValueMemberS{Value: "p#" + productID}},
		ReturnConsumedCapacity:    types.ReturnConsumedCapacityTotal} // which is what is measured
	var rows []latestRow
	pages := dynamodb.NewQueryPaginator(a.db, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		var items []latest
		if err := attributevalue.UnmarshalListOfMaps(page.Items, &items); err != nil {
			return nil, err
		}
		for _, it := range items {
			row, err := it.row()
			if err != nil {
				return nil, err
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func (it latest) row() (latestRow, error) {
	millis, _, _ := strings.Cut(it.Position, ".")
	observed, err := strconv.ParseInt(millis, 10, 64)
	if err != nil {
		return latestRow{}, err
	}
	at := time.UnixMilli(observed).UTC()
	row := latestRow{CompetitorID: it.Offer, Availability: it.Availability, Source: it.Source, ObservedAt: at.Format(time.RFC3339Nano),
		Stale: time.Since(at) > 26*time.Hour, Price: amount(it.Price), Shipping: amount(it.Shipping), landed: 1e15}
	if row.Price == nil || row.Shipping == nil {
		return row, nil
	}
	price, err := strconv.ParseFloat(row.Price.Amount, 64)
	if err != nil {
		return latestRow{}, err
	}
	shipping, err := strconv.ParseFloat(row.Shipping.Amount, 64)
	if err != nil {
		return latestRow{}, err
	}
	row.landed = price + shipping
	row.Landed = &money{strconv.FormatFloat(row.landed, 'f', 2, 64), row.Price.Currency}
	return row, nil
}

func amount(text string) *money {
	value, currency, ok := strings.Cut(text, " ")
	if !ok {
		return nil
	}
	return &money{value, currency}
}
