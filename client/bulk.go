package client

import (
	"context"
	"fmt"
	"iter"
	"net/http"
)

// QueryIDs is how many products the API answers for at once.
const QueryIDs = 500

// OffersOf yields what is found of any number of products, an entry for each id of the query. It divides them into requests of
// QueryIDs, and asks again for what had no room in an answer, for what was throttled, and once for what failed. So the entries come
// in no promised order: their Index is a place among all ids, those of GTINs behind those of ProductIDs. An error is the last thing
// it yields.
func (c *Client) OffersOf(ctx context.Context, query OffersQuery) iter.Seq2[OffersEntry, error] {
	return bulk(ctx, c, query.ProductIDs, query.GTINs, func(productIDs, gtins []string) ([]OffersEntry, error) {
		query.ProductIDs = productIDs
		query.GTINs = gtins
		found, err := c.QueryOffers(ctx, query)
		if err != nil {
			return nil, err
		}
		return found.Results, nil
	}, func(e *OffersEntry) (index *int, status int) { return &e.Index, e.Status })
}

// SummariesOf yields the market summaries of any number of products, as OffersOf yields their offers.
func (c *Client) SummariesOf(ctx context.Context, query SummariesQuery) iter.Seq2[SummariesEntry, error] {
	return bulk(ctx, c, query.ProductIDs, query.GTINs, func(productIDs, gtins []string) ([]SummariesEntry, error) {
		query.ProductIDs = productIDs
		query.GTINs = gtins
		found, err := c.QuerySummaries(ctx, query)
		if err != nil {
			return nil, err
		}
		return found.Results, nil
	}, func(e *SummariesEntry) (index *int, status int) { return &e.Index, e.Status })
}

// bulkID is a product that is asked for.
type bulkID struct {
	id     string
	isGTIN bool
	index  int  // among all
	failed bool // once before
}

// bulk yields an entry for each product. of returns where an entry has its index, and its status.
func bulk[E any](
	ctx context.Context, c *Client, productIDs, gtins []string,
	ask func(productIDs, gtins []string) ([]E, error), of func(*E) (index *int, status int),
) iter.Seq2[E, error] {
	return func(yield func(E, error) bool) {
		var left []bulkID
		for i, id := range productIDs {
			left = append(left, bulkID{id: id, index: i})
		}
		for i, id := range gtins {
			left = append(left, bulkID{id: id, isGTIN: true, index: len(productIDs) + i})
		}
		var none E
		for attempt := 1; len(left) > 0; attempt++ {
			asked := left[:min(len(left), QueryIDs)]
			asked = append(only(asked, false), only(asked, true)...) // as their entries come
			entries, err := ask(ids(only(asked, false)), ids(only(asked, true)))
			if err == nil && len(entries) != len(asked) {
				err = fmt.Errorf("the answer has %d entries for %d products", len(entries), len(asked))
			}
			if err != nil {
				yield(none, err)
				return
			}
			var again []bulkID
			throttled := 0
			for i := range entries {
				index, status := of(&entries[i])
				*index = asked[i].index
				switch first := !asked[i].failed; {
				case status == http.StatusServiceUnavailable:
					throttled++
					again = append(again, asked[i])
					continue
				case status == http.StatusRequestEntityTooLarge && i > 0: // the first one will never have more room
					again = append(again, asked[i])
					continue
				case status == http.StatusInternalServerError && first:
					asked[i].failed = true
					again = append(again, asked[i])
					continue
				}
				if !yield(entries[i], nil) {
					return
				}
			}
			if len(again) < len(asked) {
				attempt = 1
			}
			left = append(again, left[len(asked):]...)
			if throttled == 0 {
				continue
			}
			why := fmt.Errorf("%d of %d products could not be read now", throttled, len(asked))
			if ended := c.pause(ctx, attempt, nil, why); ended != nil {
				yield(none, fmt.Errorf("%w (%w)", why, ended))
				return
			}
		}
	}
}

// only returns those that are gtins, or those that are none.
func only(asked []bulkID, gtins bool) (some []bulkID) {
	for _, a := range asked {
		if a.isGTIN == gtins {
			some = append(some, a)
		}
	}
	return some
}

func ids(asked []bulkID) (texts []string) {
	for _, a := range asked {
		texts = append(texts, a.id)
	}
	return texts
}
