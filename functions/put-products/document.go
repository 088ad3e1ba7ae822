package main

import (
	"fmt"

	"pricing/shared/api"
	"pricing/shared/fault"
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
	refuseTwins(items)
	return items, nil
}

// refuseTwins refuses each item whose product another one puts as well: which of them should stay cannot be told.
func refuseTwins(items []api.ProductItem) {
	have := map[string]int{}
	for _, item := range items {
		have[item.Entry.ProductID]++
	}
	for i := range items {
		if id := items[i].Entry.ProductID; id != "" && have[id] > 1 {
			items[i].Refuse("/productId", fault.CodeInvalidField,
				fmt.Sprintf("%d items have this productId; which of them should stay cannot be told.", have[id]))
		}
	}
}
