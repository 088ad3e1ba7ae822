package main

import (
	"fmt"

	"pricing/shared/api"
	"pricing/shared/fault"
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
	refuseTwins(items)
	return items, nil
}

// refuseTwins refuses each item whose itemId another one has as well: their results could not be told apart.
func refuseTwins(items []api.Item) {
	have := map[string]int{}
	for _, item := range items {
		have[item.Submission.ItemID]++
	}
	for i := range items {
		if id := items[i].Submission.ItemID; id != "" && have[id] > 1 {
			items[i].Refuse("/itemId", fault.CodeInvalidField,
				fmt.Sprintf("%d items have this itemId; their results could not be told apart.", have[id]))
		}
	}
}
