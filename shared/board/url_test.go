package board_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/board"
	"pricing/shared/price"
)

// TestNameURL: a url is named by 8 bytes of SHA-256 over the offer key's parts and itself. The names are stored.
func TestNameURL(t *testing.T) {
	k := key("shopx")
	k.SellerID = "Söhne"
	k.Condition = price.ConditionUsed
	k.Region = "DE"
	sum := sha256.Sum256([]byte("7:ZU-10425:shopx6:Söhne4:Used2:DE6:public17:https://shopx.com"))
	name := board.NameURL(k, "https://shopx.com")
	assert.Equal(t, sum[:8], name[:])
	assert.NotEqual(t, name, board.NameURL(key("shopx"), "https://shopx.com"), "of another offer")
	assert.Zero(t, board.NameURL(k, ""))
}

// TestApply_URL: each step is a request; wanted is the offer's url after it and what had to be changed beside the board.
func TestApply_URL(t *testing.T) {
	with := func(minutes int, confidence price.Confidence, url string) board.Incoming {
		in := seen("bigmart", at(minutes), 1995)
		in.Observation.Source.Confidence = confidence
		in.Observation.Source.ID = fmt.Sprint("crawler-", confidence+1)
		in.URL = url
		return in
	}
	page := func(minutes int, url string) board.Incoming { return with(minutes, price.NoConfidence, url) }
	lesser, greater := "https://a", "https://b"
	if l, g := board.NameURL(key("bigmart"), lesser), board.NameURL(key("bigmart"), greater); strings.Compare(string(l[:]), string(g[:])) > 0 {
		lesser, greater = greater, lesser
	}
	conflict := page(1, greater)
	conflict.Observation.Terms.Price = usd(1)
	type step struct {
		in   []board.Incoming
		want string // the url, the one before it, "+" what is added, "-" what is removed; "unwritten"
	}
	for name, steps := range map[string][]step{
		"each new one replaces the one before the last": {
			{[]board.Incoming{page(0, "")}, ""},
			{[]board.Incoming{page(1, "u1")}, "u1 +u1"},
			{[]board.Incoming{page(2, "u2")}, "u2 before u1 +u2"},
			{[]board.Incoming{page(3, "u3")}, "u3 before u2 +u3 -u1"},
			{[]board.Incoming{page(4, "u4")}, "u4 before u3 +u4 -u2"},
		},
		"the same one again, or none, changes nothing": {
			{[]board.Incoming{page(0, "u1")}, "u1 +u1"},
			{[]board.Incoming{page(1, "u1")}, "u1"},
			{[]board.Incoming{page(2, "")}, "u1"},
			{[]board.Incoming{page(2, "")}, "unwritten"},
			{[]board.Incoming{page(1, "u1")}, "unwritten"},
		},
		"one that comes back is not removed": {
			{[]board.Incoming{page(0, "u1")}, "u1 +u1"},
			{[]board.Incoming{page(1, "u2")}, "u2 before u1 +u2"},
			{[]board.Incoming{page(2, "u1")}, "u1 before u2 +u1"},
			{[]board.Incoming{page(3, "u3")}, "u3 before u1 +u3 -u2"},
		},
		"of a request only the last": {
			{[]board.Incoming{page(2, "u3"), page(0, "u1"), page(1, "u2"), page(3, "")}, "u3 +u3"},
			{[]board.Incoming{page(4, "u4"), page(5, "u3")}, "u3"},
		},
		"an older observation's does not count, a newer's does": {
			{[]board.Incoming{page(5, "u1")}, "u1 +u1"},
			{[]board.Incoming{page(4, "u2")}, "u1"},
			{[]board.Incoming{page(4, "u3")}, "unwritten"},
			{[]board.Incoming{with(5, 0, "u4")}, "u4 before u1 +u4"},
			{[]board.Incoming{with(5, 1, "")}, "u4 before u1"},
		},
		"of two for one observation the greater": {
			{[]board.Incoming{page(1, lesser)}, lesser + " +" + lesser},
			{[]board.Incoming{page(1, greater)}, greater + " before " + lesser + " +" + greater},
			{[]board.Incoming{page(1, lesser)}, "unwritten"},
		},
		"whichever comes first": {
			{[]board.Incoming{page(1, greater), page(1, lesser)}, greater + " +" + greater},
			{[]board.Incoming{page(1, lesser)}, "unwritten"},
		},
		"a duplicate brings the first": {
			{[]board.Incoming{page(1, "")}, ""},
			{[]board.Incoming{page(1, "u1")}, "u1 +u1"},
			{[]board.Incoming{page(2, "")}, "u1"},
			{[]board.Incoming{page(2, "u1")}, "u1"}, // it is that of a newer one now
			{[]board.Incoming{page(1, "u2")}, "unwritten"},
		},
		"not that of a conflict": {
			{[]board.Incoming{page(1, "")}, ""},
			{[]board.Incoming{conflict}, "unwritten"},
			{[]board.Incoming{conflict, page(2, "")}, ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := board.New(product)
			names := map[board.URLName]string{}
			for i, step := range steps {
				for _, in := range step.in {
					names[board.NameURL(in.Key, in.URL)] = in.URL
				}
				change, need := board.Apply(b, step.in, board.Request{Clock: clock, Room: 1}, nil)
				require.Empty(t, need)
				o, _ := change.Next.Find(key("bigmart"))
				got := names[o.URL.Name]
				if o.URL.Before != (board.URLName{}) {
					got += " before " + names[o.URL.Before]
				}
				for _, c := range change.URLs {
					assert.Equal(t, names[c.Add], c.URL)
					got += " +" + c.URL
					if c.Remove != (board.URLName{}) {
						got += " -" + names[c.Remove]
					}
				}
				if !change.Write {
					got = "unwritten"
				}
				assert.Equal(t, step.want, got, "step %d", i)
				b = change.Next
			}
		})
	}
}
