package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/store"
)

// Image is an item as one write left it.
type Image struct {
	Key  string
	Item Item // nil: it was removed
}

// ReadImage reads a record of a table's stream.
func ReadImage(keys, image map[string]json.RawMessage) (Image, error) {
	read := func(attributes map[string]json.RawMessage) (Item, error) {
		if attributes == nil {
			return nil, nil
		}
		it := Item{}
		for name, text := range attributes {
			var err error
			if it[name], err = attribute(text); err != nil {
				return nil, fmt.Errorf("read the stream: %s: %w", name, err)
			}
		}
		return it, nil
	}
	key, err := read(keys)
	if err != nil {
		return Image{}, err
	}
	it, err := read(image)
	return Image{Key(key), it}, err
}

// attribute reads a value as DynamoDB writes it: {"S":"text"}.
func attribute(text json.RawMessage) (types.AttributeValue, error) {
	var v struct {
		S, N *string
		B    []byte
		BOOL *bool
		M    map[string]json.RawMessage
		L    []json.RawMessage
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return nil, err
	}
	switch {
	case v.S != nil:
		return &types.AttributeValueMemberS{Value: *v.S}, nil
	case v.N != nil:
		return &types.AttributeValueMemberN{Value: *v.N}, nil
	case v.B != nil:
		return &types.AttributeValueMemberB{Value: v.B}, nil
	case v.BOOL != nil:
		return &types.AttributeValueMemberBOOL{Value: *v.BOOL}, nil
	case v.M != nil:
		m := &types.AttributeValueMemberM{Value: Item{}}
		for name, text := range v.M {
			e, err := attribute(text)
			if err != nil {
				return nil, err
			}
			m.Value[name] = e
		}
		return m, nil
	case v.L != nil:
		l := &types.AttributeValueMemberL{}
		for _, text := range v.L {
			e, err := attribute(text)
			if err != nil {
				return nil, err
			}
			l.Value = append(l.Value, e)
		}
		return l, nil
	}
	return nil, fmt.Errorf("a value of an unknown form: %s", text)
}

// Damage is what chaos puts in the place of a board's packed part to make it unreadable.
var Damage = []byte("unreadable")

// isDamage reports whether chaos left an item so.
func isDamage(it Item) bool {
	b, ok := it[store.AttrPacked].(*types.AttributeValueMemberB)
	return ok && bytes.Equal(b.Value, Damage)
}

// Growth checks every write that a table ever saw: versions only grow, what has a version changes with it only, nothing with a
// version is removed, and a segment is written once. Chaos's own damage does not count: what comes after it is compared with what
// was before.
func Growth(images []Image) []Finding {
	var findings []Finding
	find := func(format string, args ...any) {
		findings = append(findings, Finding{"V", Version, "", fmt.Sprintf(format, args...)})
	}
	last := map[string]Item{}
	for _, image := range images {
		if isDamage(image.Item) {
			continue
		}
		before := last[image.Key]
		last[image.Key] = image.Item
		if before == nil {
			continue
		}
		decoded, err := store.Decode(before)
		if err != nil {
			find("%s: was written as nothing known: %v", image.Key, err)
			continue
		}
		_, segment := decoded.(store.SegmentItem)
		old, versioned := number(before, store.AttrVersion)
		now, _ := number(image.Item, store.AttrVersion)
		switch {
		case image.Item == nil && (segment || versioned):
			find("%s: was removed", image.Key)
		case segment && whole(before) != whole(image.Item):
			find("%s: a segment was written twice, %s and then %s", image.Key, whole(before), whole(image.Item))
		case versioned && now < old:
			find("%s: version %d came after %d", image.Key, now, old)
		case versioned && now == old && value(before, store.AttrPacked) != value(image.Item, store.AttrPacked):
			find("%s: was changed under version %d", image.Key, old)
		}
	}
	return findings
}

func number(it Item, name string) (int64, bool) {
	n, ok := it[name].(*types.AttributeValueMemberN)
	if !ok {
		return 0, false
	}
	v, err := strconv.ParseInt(n.Value, 10, 64)
	return v, err == nil
}

func whole(it Item) string { return Text(&types.AttributeValueMemberM{Value: it}) }

func value(it Item, name string) string { return Text(it[name]) }
