package api

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"

	"pricing/shared/price"
)

// ObservationColumns are the columns of observations in CSV, named like the fields of the document, inner ones with a dot. The
// feeder reads all but receivedAt, client and observationId, which it leaves out.
func ObservationColumns() []string {
	return []string{
		"productId", "competitorId", "sellerId", "itemCondition", "audience", "region", "observedAt", "receivedAt",
		"price.amount", "price.currency", "shipping.amount", "shipping.currency", "listPrice.amount", "listPrice.currency",
		"availability", "priceType", "promotion.label", "promotion.validThrough", "promotion.minQuantity",
		"source.id", "source.kind", "source.confidence", "client", "observationId",
	}
}

// Cells returns the observation of a product as cells of ObservationColumns. What is null in the document is empty.
func (o Observation) Cells(productID string) []string {
	var validThrough, minQuantity string
	if o.Promotion.Present {
		validThrough = timeCell(o.Promotion.ValidThrough)
		if o.Promotion.MinQuantity != 0 {
			minQuantity = strconv.FormatInt(o.Promotion.MinQuantity, 10)
		}
	}
	cells := []string{
		productID, o.CompetitorID, orEmpty(o.SellerID), o.Condition.String(), o.Audience.String(), orEmpty(o.Region),
		timeCell(o.ObservedAt), timeCell(o.ReceivedAt),
	}
	for _, m := range []price.Money{o.Price, o.Shipping, o.ListPrice} {
		amount := ""
		if m.Present() {
			amount = m.Amount()
		}
		cells = append(cells, amount, m.Currency)
	}
	return append(cells, o.Availability.String(), o.PriceType.String(), o.Promotion.Label, validThrough, minQuantity,
		o.Source.ID, o.Source.Kind.String(), o.Source.Confidence.String(), o.Client, o.ObservationID)
}

func timeCell(t price.Timestamp) string {
	if t == price.NoTime {
		return ""
	}
	return t.String()
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// CSV writes rows of cells as RFC 4180 has them: a line each, with CR LF, and quotation marks where they are needed.
//
// A spreadsheet would take a cell that begins with one of = + - @, a tab or a CR for a formula. So such a cell gets a ' before it,
// and so that it can be taken off again, one that begins with ' as well. No number that is written here begins like that.
type CSV struct{ w *csv.Writer }

// NewCSV returns a writer that has written the header.
func NewCSV(w io.Writer, columns []string) (CSV, error) {
	c := CSV{csv.NewWriter(w)}
	c.w.UseCRLF = true
	return c, c.Write(columns)
}

// DayColumns are the columns of days in CSV.
func DayColumns() []string {
	return []string{"productId", "competitorId", "sellerId", "itemCondition", "audience", "region", "date", "currency",
		"open", "low", "high", "close", "inStockFraction", "n"}
}

// Cells returns the day of a product as cells of DayColumns.
func (d Day) Cells(productID string) []string {
	return []string{
		productID, d.CompetitorID, orEmpty(d.SellerID), d.Condition.String(), d.Audience.String(), orEmpty(d.Region), d.Date,
		orEmpty(d.Currency), orEmpty(d.Open), orEmpty(d.Low), orEmpty(d.High), orEmpty(d.Close), d.InStockFraction, strconv.Itoa(d.N),
	}
}

// Write writes a row. It changes the cells.
func (c CSV) Write(cells []string) error {
	for i, cell := range cells {
		if cell != "" && strings.IndexByte("=+-@\t\r'", cell[0]) >= 0 {
			cells[i] = "'" + cell
		}
	}
	return c.w.Write(cells)
}

// Flush writes what is held back. Its error is the first of all that happened while writing.
func (c CSV) Flush() error {
	c.w.Flush()
	return c.w.Error()
}
