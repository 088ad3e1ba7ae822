package api

import (
	"context"
	"fmt"
	"net/http"

	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/jsondoc"
	"pricing/shared/meter"
	"pricing/shared/price"
	"pricing/shared/store"
)

// Product is the document of a product: of one that is not in the catalogue only the first two members.
type Product struct {
	ID         string `json:"productId"`
	Catalogued bool   `json:"catalogued"`
	*catalogueMembers
}

type catalogueMembers struct {
	Title     string      `json:"title"`
	GTIN      *string     `json:"gtin"`
	MPN       *string     `json:"mpn"`
	Brand     *string     `json:"brand"`
	Category  *string     `json:"category"`
	Tags      []string    `json:"tags"`
	ListPrice price.Money `json:"listPrice"`
	MAPPrice  price.Money `json:"mapPrice"`
	Status    string      `json:"status"`
	Version   int64       `json:"version"`
}

// NewProduct describes a product of the catalogue.
func NewProduct(c store.CatalogueItem) Product {
	return Product{ID: c.ProductID, Catalogued: true, catalogueMembers: &catalogueMembers{
		Title:     c.Title,
		GTIN:      orNull(c.GTIN),
		MPN:       orNull(c.MPN),
		Brand:     orNull(c.Brand),
		Category:  orNull(c.Category),
		Tags:      append([]string{}, c.Tags...),
		ListPrice: c.List,
		MAPPrice:  c.MAP,
		Status:    c.Status(),
		Version:   c.Version,
	}}
}

// ProductItem is one product of a batch: as it was sent, and what became of it.
type ProductItem struct {
	Entry  store.ProductEntry
	Faults error     // the rules it broke; the store never saw it then
	Put    store.Put // what the store made of it

	sent   jsondoc.Value
	reader *jsondoc.Reader // of its faults
}

// ReadProductItem reads a product as the writer sent it at a moment.
func ReadProductItem(sent jsondoc.Value, by price.Writer, now price.Timestamp) ProductItem {
	i := ProductItem{sent: sent, reader: &jsondoc.Reader{}}
	i.Entry.ProductID, i.Entry.CatalogueEntry = price.ReadProduct(sent.With(i.reader), now)
	i.Faults = i.reader.Err()
	if detail := by.PutFault(i.Entry.ProductID); detail != "" {
		i.Refuse("/productId", fault.CodeReservedName, detail)
	}
	return i
}

// Refuse adds a rule that the item breaks with one of its members.
func (i *ProductItem) Refuse(member, code, detail string) {
	i.reader.Add(i.at(member), code, detail)
	i.Faults = i.reader.Err()
}

func (i ProductItem) at(member string) string { return i.sent.Pointer() + member }

// ProductPutter is what PutProducts needs of a store.
type ProductPutter interface {
	PutCatalogueEntries(context.Context, []store.ProductEntry) []store.Put
}

// PutProducts puts the items that broke no rule and fills in what became of them. Of items that have one gtin the first gets it.
func PutProducts(ctx context.Context, db ProductPutter, items []ProductItem) {
	var good []*ProductItem
	var entries []store.ProductEntry
	taken := map[price.GTIN]int{}
	for i := range items {
		item := &items[i]
		if item.Faults != nil {
			continue
		}
		gtin := price.PadGTIN(item.Entry.GTIN)
		if first, ok := taken[gtin]; ok && gtin != "" {
			item.Put.Err = store.GTINInUse(fmt.Sprintf("Item %d of this request has the gtin %s.", first, gtin))
			continue
		}
		taken[gtin] = i
		good = append(good, item)
		entries = append(entries, item.Entry)
	}
	if len(good) == 0 {
		return
	}
	for n, put := range db.PutCatalogueEntries(ctx, entries) {
		good[n].Put = put
	}
}

// Outcome returns the word for what became of the item.
func (i ProductItem) Outcome() string {
	if i.Faults != nil {
		return store.OutcomeRejected
	}
	return i.Put.Word()
}

// Err returns the fault of an item that is not stored, as the client reads it, or nil.
func (i ProductItem) Err() error {
	switch {
	case i.Faults != nil:
		return i.Faults
	case i.Put.Err == nil:
		return nil
	case i.Put.Word() == store.OutcomeFailed:
		return failed(i.Put.Err)
	}
	return located(i.Put.Err, i.at)
}

func (i ProductItem) cause() error { return i.Put.Err }

func (i ProductItem) pointer() string { return i.sent.Pointer() }

func (i ProductItem) result() Result {
	out := Result{Status: ProductStatus(i.Put)}
	if price.CheckProductID(i.Entry.ProductID) {
		out.ProductID = &i.Entry.ProductID
	}
	if i.Faults == nil && i.Put.Err == nil {
		out.Version = i.Put.Version
	}
	return out
}

// ProductStatus returns the HTTP status of a product that was put: 201 when it is new in the catalogue, else 200.
func ProductStatus(p store.Put) int {
	if p.Outcome == board.Created {
		return http.StatusCreated
	}
	return http.StatusOK
}

// TallyProducts counts what became of products, for the log.
func TallyProducts(items []ProductItem) meter.Items {
	counts := tally(items)
	counts.Products = true
	return counts
}
