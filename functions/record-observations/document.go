package main

import (
	"pricing/shared/api"
	"pricing/shared/jsondoc"
	"pricing/shared/price"
)

// read takes the document apart. Its error refuses the whole request; an item's faults stay with the item.
func read(body []byte, by price.Writer, clock price.Clock) ([]api.Item, error) {
	document, err := jsondoc.Parse(body)
	if err != nil {
		return nil, err
	}
	var reader jsondoc.Reader
	root, _ := reader.At(document, "").Object("defaults", "observations")
	defaults := root.Optional("defaults").NotNull()
	price.CheckDefaults(defaults)
	sent := api.ReadBatch(root.Required("observations"), "observation")
	if err := reader.Err(); err != nil {
		return nil, err
	}
	items := make([]api.Item, len(sent))
	for i := range sent {
		items[i] = api.ReadItem(sent[i], defaults, true, by, clock)
	}
	api.RefuseTwins(items, "itemId", func(i api.Item) string { return i.Submission.ItemID }, "their results could not be told apart")
	return items, nil
}
