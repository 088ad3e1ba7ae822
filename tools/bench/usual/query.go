package main

import (
	"cmp"
	"context"
	"errors"
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

// query answers the cheapest offers of many products, by a query for each.
func (a *app) query(ctx context.Context, productIDs []string, limit int) (status int, answer any, err error) {
	if _, err := a.competitors(ctx); err != nil {
		return 0, nil, err
	}
	width, err := strconv.Atoi(os.Getenv("WIDTH"))
	if err != nil {
		return 0, nil, err
	}
	entries := make([]entry, len(productIDs))
	errs := make([]error, len(productIDs))
	var wg sync.WaitGroup
	slots := make(chan bool, width)
	for i, id := range productIDs {
		slots <- true
		wg.Go(func() {
			defer func() { <-slots }()
			entries[i], errs[i] = a.latest(ctx, id, limit)
		})
	}
	wg.Wait()
	return http.StatusOK, map[string]any{"results": entries}, errors.Join(errs...)
}

func (a *app) latest(ctx context.Context, productID string, limit int) (entry, error) {
	in := &dynamodb.QueryInput{TableName: &a.table, KeyConditionExpression: aws.String("pk = :pk"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":pk": &types.AttributeValueMemberS{Value: "p#" + productID}},
		ReturnConsumedCapacity:    types.ReturnConsumedCapacityTotal} // which is what is measured
	var rows []latestRow
	pages := dynamodb.NewQueryPaginator(a.db, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return entry{}, err
		}
		var items []latest
		if err := attributevalue.UnmarshalListOfMaps(page.Items, &items); err != nil {
			return entry{}, err
		}
		for _, it := range items {
			row, err := it.row()
			if err != nil {
				return entry{}, err
			}
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(x, y latestRow) int {
		return cmp.Or(cmp.Compare(x.landed, y.landed), cmp.Compare(x.CompetitorID, y.CompetitorID))
	})
	return entry{productID, http.StatusOK, len(rows), rows[:min(len(rows), limit)]}, nil
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
