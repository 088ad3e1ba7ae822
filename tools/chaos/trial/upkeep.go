package trial

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/store"
	"pricing/tools/chaos/check"
	"pricing/tools/chaos/history"
	"pricing/tools/chaos/plan"
)

// upkeep is what operators did in a trial.
type upkeep struct {
	restoring sync.Mutex        // one product at a time
	copies    map[string]string // the table that has the last copy of a product, by its id

	mu  sync.Mutex
	met map[string]int // by kind
}

func (u *upkeep) count(what string, n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if n > 0 {
		u.met[what] += n
	}
}

// removeOrphans reports whether nothing is known of it.
func (w *worker) removeOrphans(ctx context.Context, r plan.Request) (unknown bool) {
	removed, err := w.process.RemoveOrphanURLs(ctx, r.Orphans)
	w.upkeep.count("orphan urls removed", removed)
	return err != nil
}

// restore copies a product, makes one of its boards unreadable, and restores it from the copy, while others write it. The copy has
// all that the board has, since the damage is done only if nobody has written that board meanwhile. A restoration may end too early:
// restoreAll makes up for it.
func (w *worker) restore(ctx context.Context, r plan.Request) {
	if w.Restore == nil {
		return
	}
	w.upkeep.restoring.Lock()
	defer w.upkeep.restoring.Unlock()
	from := fmt.Sprintf("%s-copy-%d", w.table, r.N)
	it, err := w.copy(ctx, r, from)
	if err != nil || it == nil {
		w.drop(ctx, from)
		return // there is nothing to damage, or time was up
	}
	if earlier, ok := w.upkeep.copies[r.Restore]; ok {
		w.drop(ctx, earlier)
	}
	w.upkeep.copies[r.Restore] = from
	e := history.Event{Worker: w.n, Request: r.N, Key: "restoration of " + r.Restore, Type: history.Invoke,
		Sent: history.Sent{Restored: r.Restore}}
	w.history.Add(e)
	e.Type = history.OK
	e.Verdict = "restored"
	if err = w.damage(ctx, it); err == nil {
		err = w.Restore(ctx, w.Engine, w.table, from, r.Restore)
	}
	if err != nil {
		e.Type = history.Info
		e.Verdict = word(err)
	}
	w.upkeep.count("restoration: "+string(e.Type), 1)
	w.history.Add(e)
}

// copy copies a product into a new table and returns one of its boards; nil: it has none, or cannot be read as it is.
func (w *worker) copy(ctx context.Context, r plan.Request, to string) (check.Item, error) {
	items, err := store.New(w.client, store.Options{Table: w.table}).Items(ctx, store.ProductPartition(r.Restore))
	if err != nil {
		return nil, fmt.Errorf("copy a product: %w", err)
	}
	var boards []check.Item
	for _, it := range items {
		decoded, err := store.Decode(it)
		if err != nil {
			return nil, nil //nolint:nilerr,nilnil // an earlier restoration of it did not come to its end
		}
		if b, ok := decoded.(store.BoardItem); ok && b.Board != nil {
			boards = append(boards, it)
		}
	}
	if len(boards) == 0 {
		return nil, nil //nolint:nilnil // as the comment says
	}
	if err := w.Design.Make(ctx, w.client, to); err != nil {
		return nil, err
	}
	for _, it := range items {
		if _, err := w.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &to, Item: it}); err != nil {
			return nil, fmt.Errorf("copy a product: %w", err)
		}
	}
	return boards[r.N%len(boards)], nil
}

// damage makes a board unreadable that stands as it was read.
func (w *worker) damage(ctx context.Context, it check.Item) error {
	_, err := w.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: &w.table,
		Key:                       check.Item{store.AttrPK: it[store.AttrPK], store.AttrSK: it[store.AttrSK]},
		UpdateExpression:          aws.String("SET " + store.AttrPacked + " = :damage"),
		ConditionExpression:       aws.String(store.AttrVersion + " = :v"),
		ExpressionAttributeValues: check.Item{":damage": &types.AttributeValueMemberB{Value: check.Damage}, ":v": it[store.AttrVersion]},
	})
	if err != nil {
		return fmt.Errorf("damage a board: %w", err)
	}
	return nil
}

// restoreAll restores once more, now that nobody writes, what was restored beside writers: as operators do when a restoration has lost
// its races or was killed. It must succeed.
func (t *trial) restoreAll(ctx context.Context) []check.Finding {
	var findings []check.Finding
	for _, id := range slices.Sorted(maps.Keys(t.upkeep.copies)) {
		from := t.upkeep.copies[id]
		if err := t.Restore(ctx, t.Engine, t.table, from, id); err != nil {
			findings = append(findings, check.Finding{Invariant: "I1", Kind: check.Damaged, About: "restoration of " + id,
				Text: fmt.Sprintf("product %s: cannot be restored: %v", id, err)})
		}
		t.drop(ctx, from)
	}
	return findings
}

// drop deletes a table.
func (t *trial) drop(ctx context.Context, table string) {
	_, _ = t.client.DeleteTable(context.WithoutCancel(ctx), &dynamodb.DeleteTableInput{TableName: &table}) // the engine's end frees it too
}
