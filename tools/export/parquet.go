package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/parquet-go/parquet-go"

	"pricing/shared/api"
	"pricing/shared/board"
	"pricing/shared/price"
	"pricing/tools/internal/durable"
)

// parquetRow is an observation as Parquet has it. Amounts are decimal text, as everywhere: a number would lose digits in one
// program or another. An empty text is null.
type parquetRow struct {
	ProductID     string            `parquet:"productId,dict"`
	CompetitorID  string            `parquet:"competitorId,dict"`
	SellerID      string            `parquet:"sellerId,optional,dict"`
	ItemCondition string            `parquet:"itemCondition,dict"`
	Audience      string            `parquet:"audience,dict"`
	Region        string            `parquet:"region,optional,dict"`
	ObservedAt    int64             `parquet:"observedAt,timestamp(millisecond),delta"`
	ReceivedAt    int64             `parquet:"receivedAt,timestamp(millisecond),delta"`
	Price         *parquetMoney     `parquet:"price,optional"`
	Shipping      *parquetMoney     `parquet:"shipping,optional"`
	ListPrice     *parquetMoney     `parquet:"listPrice,optional"`
	Availability  string            `parquet:"availability,dict"`
	PriceType     string            `parquet:"priceType,dict"`
	Promotion     *parquetPromotion `parquet:"promotion,optional"`
	Source        parquetSource     `parquet:"source"`
	Client        string            `parquet:"client,optional,dict"`
	ObservationID string            `parquet:"observationId"`
}

type parquetMoney struct {
	Amount   string `parquet:"amount,dict"`
	Currency string `parquet:"currency,dict"`
}

type parquetPromotion struct {
	Label        string `parquet:"label,optional,dict"`
	ValidThrough *int64 `parquet:"validThrough,optional,timestamp(millisecond)"`
	MinQuantity  int64  `parquet:"minQuantity,optional"`
}

type parquetSource struct {
	ID         string `parquet:"id,dict"`
	Kind       string `parquet:"kind,dict"`
	Confidence string `parquet:"confidence,optional,dict"`
}

func newParquetRow(row board.Row) parquetRow {
	o := newDocument(row)
	key := row.Key
	out := parquetRow{
		ProductID: key.ProductID, CompetitorID: key.CompetitorID, SellerID: key.SellerID, ItemCondition: key.Condition.String(),
		Audience: key.Audience.String(), Region: key.Region, ObservedAt: int64(o.ObservedAt), ReceivedAt: int64(o.ReceivedAt),
		Price: newParquetMoney(o.Price), Shipping: newParquetMoney(o.Shipping), ListPrice: newParquetMoney(o.ListPrice),
		Availability: o.Availability.String(), PriceType: o.PriceType.String(), Source: newParquetSource(o.Source),
		Client: o.Client, ObservationID: o.ObservationID,
	}
	if p := o.Promotion; p.Present {
		out.Promotion = &parquetPromotion{Label: p.Label, MinQuantity: p.MinQuantity}
		if p.ValidThrough != price.NoTime {
			t := int64(p.ValidThrough)
			out.Promotion.ValidThrough = &t
		}
	}
	return out
}

func newParquetMoney(m price.Money) *parquetMoney {
	if !m.Present() {
		return nil
	}
	return &parquetMoney{m.Amount(), m.Currency}
}

func newParquetSource(s api.Source) parquetSource {
	return parquetSource{s.ID, s.Kind.String(), s.Confidence.String()}
}

// rowsInGroup bounds what a file that is being written holds in memory.
const rowsInGroup = 50_000

// parquetPart writes a file a month, of observedAt.
type parquetPart struct {
	folder string
	number int
	months map[string]*parquetFile
}

type parquetFile struct {
	temporary
	writer *parquet.GenericWriter[parquetRow]
	rows   int // of the present group
}

func newParquet(folder string, number int) (part, error) {
	return &parquetPart{folder, number, map[string]*parquetFile{}}, nil
}

func (p *parquetPart) write(row board.Row) error {
	month := row.Observation.ObservedAt.Time().Format("2006-01")
	f := p.months[month]
	if f == nil {
		folder := filepath.Join(p.folder, monthPrefix+month)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		t, err := newTemporary(folder, fmt.Sprintf("observations-%s-%06d.parquet", month, p.number))
		if err != nil {
			return err
		}
		f = &parquetFile{temporary: t, writer: parquet.NewGenericWriter[parquetRow](t.Writer, parquet.Compression(&parquet.Zstd))}
		p.months[month] = f
	}
	if _, err := f.writer.Write([]parquetRow{newParquetRow(row)}); err != nil {
		return fmt.Errorf("write Parquet: %w", err)
	}
	if f.rows++; f.rows < rowsInGroup {
		return nil
	}
	f.rows = 0
	return f.writer.Flush()
}

func (p *parquetPart) complete() error {
	var errs []error
	for _, f := range p.months {
		if err := f.writer.Close(); err != nil {
			f.abandon()
			errs = append(errs, fmt.Errorf("write Parquet: %w", err))
			continue
		}
		errs = append(errs, f.complete())
	}
	return errors.Join(append(errs, durable.SyncDir(p.folder))...) // it has the months' folders
}

func (p *parquetPart) abandon() {
	for _, f := range p.months {
		f.abandon()
	}
}
