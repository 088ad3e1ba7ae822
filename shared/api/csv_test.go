package api_test

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/api"
	"pricing/shared/board"
	"pricing/shared/price"
)

func TestCSV_observations(t *testing.T) {
	t.Parallel()
	full := offer(t)
	shortest := board.Row{Key: price.OfferKey{ProductID: "P", CompetitorID: "bigmart"}, Observation: board.Observation{
		ObservedAt: full.Current.ObservedAt, ReceivedAt: full.Current.ReceivedAt,
		Source: price.Source{ID: "feed-b", Kind: price.SourceManual, Confidence: price.NoConfidence},
		Terms:  price.Terms{Availability: price.AvailabilitySoldOut},
	}}
	yen := shortest
	yen.Key.SellerID = `=HYPERLINK("x"), & Söhne`
	yen.Observation.Terms = price.Terms{Price: price.Money{Minor: 2980, Currency: "JPY"}, Shipping: price.Money{Currency: "JPY"},
		Promotion: price.Promotion{Present: true, Label: "-5 %", ValidThrough: price.NoTime}}
	var b strings.Builder
	out, err := api.NewCSV(&b, api.ObservationColumns())
	require.NoError(t, err)
	for _, row := range []board.Row{{Key: full.Key, Observation: full.Current}, shortest, yen} {
		o := api.NewObservation(row)
		o.Client = row.Observation.Client
		require.NoError(t, out.Write(o.Cells(row.Key.ProductID)))
	}
	require.NoError(t, out.Flush())
	const header = "productId,competitorId,sellerId,itemCondition,audience,region,observedAt,receivedAt,price.amount,price.currency," +
		"shipping.amount,shipping.currency,listPrice.amount,listPrice.currency,availability,priceType,promotion.label," +
		"promotion.validThrough,promotion.minQuantity,source.id,source.kind,source.confidence,client,observationId"
	const times = "2026-07-06T09:00:00.000Z,2026-07-06T09:00:01.000Z,"
	assert.Equal(t, []string{
		header,
		"P,shopx,Otto,Used,app,DE," + times + "19.95,USD,2.99,USD,29.00,USD,LimitedAvailability,clearance,Sommer," +
			"2026-08-01T00:00:00.000Z,2,crawler-a,feed,0.97,," + full.Current.ID(full.Key),
		"P,bigmart,,New,public,," + times + ",,,,,,SoldOut,regular,,,,feed-b,manual,,," + shortest.Observation.ID(shortest.Key),
		`P,bigmart,"'=HYPERLINK(""x""), & Söhne",New,public,,` + times + "2980,JPY,0,JPY,,,InStock,regular,'-5 %,,,feed-b,manual,,," +
			yen.Observation.ID(yen.Key),
		"",
	}, strings.Split(b.String(), "\r\n"))
}

func TestCSV_Write(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]string{
		"":         "",
		"plain":    "plain",
		"1.50":     "1.50",
		"=1+1":     "'=1+1",
		"+49":      "'+49",
		"-5":       "'-5",
		"@home":    "'@home",
		"\tx":      "'\tx",
		"\rx":      "\"'x\"", // no text of an observation has one
		"'x":       "''x",
		"''":       "'''",
		"a=b":      "a=b",
		" =1":      `" =1"`,
		`say "hi"`: `"say ""hi"""`,
		"a,b":      `"a,b"`,
	} {
		var b strings.Builder
		out, err := api.NewCSV(&b, []string{"h"})
		require.NoError(t, err)
		require.NoError(t, out.Write([]string{cell, ""}))
		require.NoError(t, out.Flush())
		assert.Equal(t, "h\r\n"+want+",\r\n", b.String(), "%q", cell)
	}
}

// TestProperty_csv: no cell begins like a formula, and taking one ' off those that begin with it gives every text back.
func TestProperty_csv(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cells := rapid.SliceOfN(rapid.StringMatching(`['=+@\t "a,;\\-]{0,6}`), 2, 5).Draw(t, "cells")
		var b strings.Builder
		out, err := api.NewCSV(&b, []string{"h"})
		require.NoError(t, err)
		require.NoError(t, out.Write(append([]string{}, cells...)))
		require.NoError(t, out.Flush())
		reader := csv.NewReader(strings.NewReader(b.String()))
		reader.FieldsPerRecord = -1
		records, err := reader.ReadAll()
		require.NoError(t, err)
		require.Len(t, records, 2)
		for i, cell := range records[1] {
			require.False(t, strings.ContainsAny(cell[:min(1, len(cell))], "=+-@\t"), cell)
			require.Equal(t, cells[i], strings.TrimPrefix(cell, "'"))
		}
	})
}
