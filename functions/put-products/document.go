package main

import (
	"pricing/shared/api"
	"pricing/shared/jsondoc"
	"pricing/shared/price"
)

// read takes the document apart. Its error refuses the whole request; an item's faults stay with the item.
func read(body []byte, by price.Writer, now price.Timestamp) ([]api.ProductItem, error) {
	document, err := jsondoc.Parse(body)
	if err != nil {
		return nil, err
	}
	var reader jsondoc.Reader
	root, _ := reader.At(document, "").Object("products")
	sent := api.ReadBatch(root.Required("products"), "product")
	if err := reader.Err(); err != nil {
		return nil, err
	}
	items := make([]api.ProductItem, len(sent))
	for i := range sent {
		items[i] = api.ReadProductItem(sent[i], by, now)
	}
	api.RefuseTwins(items, "productId", func(i api.ProductItem) string { return i.Entry.ProductID },
		"which of them should stay cannot be told")
	return items, nil
}
