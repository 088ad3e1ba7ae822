package price

import (
	"fmt"
	"slices"

	"pricing/shared/fault"
	"pricing/shared/jsondoc"
)

// CatalogueEntry is what the catalogue says of a product. Our selling price is not part of it: that is an observation.
type CatalogueEntry struct {
	Title        string
	GTIN         string // as it was sent; empty: none. PadGTIN makes it comparable
	MPN          string // manufacturer's part number; empty: none
	Brand        string // empty: none
	Category     string // empty: none
	Tags         []string
	List         Money // list price
	MAP          Money // minimum advertised price
	Discontinued bool
}

// Equal reports whether two entries say the same, in the same words.
func (e CatalogueEntry) Equal(other CatalogueEntry) bool {
	return e.Title == other.Title && e.GTIN == other.GTIN && e.MPN == other.MPN && e.Brand == other.Brand &&
		e.Category == other.Category && slices.Equal(e.Tags, other.Tags) && e.List == other.List && e.MAP == other.MAP &&
		e.Discontinued == other.Discontinued
}

// StatusWords are the words for an entry's status, active first.
var StatusWords = []string{"active", "discontinued"}

// Status returns the word for the entry's status.
func (e CatalogueEntry) Status() string {
	if e.Discontinued {
		return StatusWords[1]
	}
	return StatusWords[0]
}

const maxTags = 20

var entryFields = []string{"title", "gtin", "mpn", "brand", "category", "tags", "listPrice", "mapPrice", "status"}

// ReadCatalogueEntry reads the body of a PUT that was received at a moment, and adds every broken rule to the value's reader. An
// optional member may be null or empty.
func ReadCatalogueEntry(v jsondoc.Value, now Timestamp) CatalogueEntry {
	m, _ := v.Object(entryFields...)
	return readEntry(m, now)
}

// ReadProduct is ReadCatalogueEntry for one of many products, which says its productId beside the other members.
func ReadProduct(v jsondoc.Value, now Timestamp) (productID string, e CatalogueEntry) {
	m, ok := v.Object(slices.Concat([]string{"productId"}, entryFields)...)
	if !ok {
		return "", CatalogueEntry{}
	}
	return id(m.Required("productId"), CheckProductID, productRule), readEntry(m, now)
}

func readEntry(m jsondoc.Members, now Timestamp) CatalogueEntry {
	e := CatalogueEntry{
		Title:    freeText(m.Required("title"), maxTitle),
		MPN:      freeText(optionalText(m, "mpn"), maxName),
		Brand:    freeText(optionalText(m, "brand"), maxName),
		Category: freeText(optionalText(m, "category"), maxName),
	}
	gtin := optionalText(m, "gtin")
	if text, ok := gtin.String(); ok {
		if _, wrong := ParseGTIN(text); wrong != nil {
			gtin.Fault(wrong.Code, wrong.Detail)
		}
		e.GTIN = text
	}
	tags := m.Optional("tags").NotNull()
	sent, _ := tags.Array()
	if len(sent) > maxTags {
		tags.Fault(fault.CodeInvalidField, fmt.Sprintf("At most %d tags are taken, not %d.", maxTags, len(sent)))
		sent = nil
	}
	for _, tag := range sent {
		e.Tags = append(e.Tags, freeText(tag, maxTag))
	}
	e.List, _ = money(m.Optional("listPrice").NotEmpty(jsondoc.Object).NotNull(), now)
	e.MAP, _ = money(m.Optional("mapPrice").NotEmpty(jsondoc.Object).NotNull(), now)
	e.Discontinued = word[status](optionalText(m, "status"), StatusWords) == 1
	return e
}

// The rules of filters. Each says in a sentence why no entry has such a value; empty: one may.

// NameFault judges a brand or category.
func NameFault(s string) string { return textFault(s, maxName) }

// TagFault judges a tag.
func TagFault(s string) string { return textFault(s, maxTag) }
