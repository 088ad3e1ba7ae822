package price_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/jsondoc"
	"pricing/shared/price"
)

// signed reads an item as a writer's and returns what is wrong with it, as pointers and codes.
func signed(t *testing.T, item string, w price.Writer) (price.Submission, []string) {
	t.Helper()
	node, err := jsondoc.Parse([]byte(item))
	require.NoError(t, err)
	var r jsondoc.Reader
	s := price.ReadSubmission(r.At(node, ""), jsondoc.Value{}, false, clock).SignedBy(w)
	var faults []string
	for _, f := range r.Fields {
		faults = append(faults, f.Pointer+" "+f.Code)
	}
	return s, faults
}

func TestRegisteredAndReserved(t *testing.T) {
	for id, want := range map[string][2]bool{ // counts as registered, may not be registered
		"self-check": {true, true}, "own": {true, true}, "self-check-2": {false, true}, "self-checks": {false, true},
		"own-2": {}, "self": {}, "my-self-check": {}, "bigmart": {}, "": {},
	} {
		assert.Equal(t, want, [2]bool{price.Registered(id), price.Reserved(id)}, id)
	}
}

func TestCheckSourcePattern(t *testing.T) {
	for source, ok := range map[string]bool{
		"crawler-a": true, "feed-*": true, "a*": true, "A._-9": true, "..": true, ".*": true,
		"": false, "*": false, "a**": false, "*a": false, "a*b": false, "a b": false,
	} {
		assert.Equal(t, ok, price.CheckSourcePattern(source), source)
	}
}

// TestSubmission_SignedBy: what a writer may not write is refused with one fault for each rule.
func TestSubmission_SignedBy(t *testing.T) {
	all := price.Writer{SelfCheck: true, Own: true}
	bound := price.Writer{Sources: []string{"crawler-b", "feed-*"}}
	tests := map[string]struct {
		writer price.Writer
		change string // of the good observation
		want   []string
	}{
		"any source":                {price.Writer{}, `{}`, nil},
		"another source":            {bound, `{}`, []string{"/source/id source-not-allowed"}},
		"the source":                {bound, `{"source":{"id":"crawler-b","kind":"crawler"}}`, nil},
		"more than the source":      {bound, `{"source":{"id":"crawler-b2","kind":"crawler"}}`, []string{"/source/id source-not-allowed"}},
		"less than the source":      {bound, `{"source":{"id":"crawler-","kind":"crawler"}}`, []string{"/source/id source-not-allowed"}},
		"a source of dots":          {bound, `{"source":{"id":"..","kind":"feed"}}`, []string{"/source/id source-not-allowed"}},
		"a source by its beginning": {bound, `{"source":{"id":"feed-7","kind":"feed"}}`, nil},
		"the beginning itself":      {bound, `{"source":{"id":"feed-","kind":"feed"}}`, nil},
		"less than the beginning":   {bound, `{"source":{"id":"feed","kind":"feed"}}`, []string{"/source/id source-not-allowed"}},
		"the beginning, capital":    {bound, `{"source":{"id":"Feed-7","kind":"feed"}}`, []string{"/source/id source-not-allowed"}},
		"the beginning further on":  {bound, `{"source":{"id":"a-feed-7","kind":"feed"}}`, []string{"/source/id source-not-allowed"}},
		"no source":                 {bound, `{"source":null}`, []string{"/source wrong-type"}},
		"an ill-formed source":      {bound, `{"source":{"id":"feed *","kind":"feed"}}`, []string{"/source/id invalid-field"}},
		"self-check":                {all, `{"productId":"self-check-1","competitorId":"self-check"}`, nil},
		"self-check of others": {price.Writer{Own: true}, `{"productId":"self-check-1","competitorId":"self-check"}`,
			[]string{"/productId reserved-name"}},
		"its product alone, of others":    {price.Writer{}, `{"productId":"self-check"}`, []string{"/productId reserved-name"}},
		"its competitor alone, of others": {price.Writer{}, `{"competitorId":"self-check-2"}`, []string{"/competitorId reserved-name"}},
		"its product alone":               {all, `{"productId":"self-check-1"}`, []string{"/productId reserved-name"}},
		"its competitor alone":            {all, `{"competitorId":"self-check"}`, []string{"/competitorId reserved-name"}},
		"not quite its name":              {price.Writer{}, `{"productId":"Self-check","competitorId":"self-chec"}`, nil},
		"its gtin, product not known":     {all, `{"productId":"-","gtin":"96385074","competitorId":"self-check"}`, nil},
		"own":                             {all, `{"competitorId":"own"}`, nil},
		"own of others":                   {price.Writer{SelfCheck: true}, `{"competitorId":"own"}`, []string{"/competitorId reserved-name"}},
		"a name that begins with own":     {price.Writer{}, `{"competitorId":"own-2"}`, nil},
		"own of a self-check product":     {all, `{"productId":"self-check-1","competitorId":"own"}`, []string{"/productId reserved-name"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, faults := signed(t, with(t, tt.change), tt.writer)
			assert.Equal(t, tt.want, faults)
			assert.Equal(t, tt.writer, s.Writer)
		})
	}
	_, faults := signed(t, `[]`, bound)
	assert.Equal(t, []string{" wrong-type"}, faults)
}

// TestSubmission_ReservedName: what can only be said when a gtin's product is known.
func TestSubmission_ReservedName(t *testing.T) {
	tests := map[string]struct {
		writer              price.Writer
		competitor, product string
		want, detail        string // the pointer and a part of the sentence
	}{
		"no name":                  {price.Writer{}, "bigmart", "P1", "", ""},
		"product of others":        {price.Writer{}, "bigmart", "self-check-1", "/gtin", "the scope self-check"},
		"both of others":           {price.Writer{}, "self-check", "self-check-1", "/gtin", "the scope self-check"},
		"competitor of others":     {price.Writer{}, "self-check", "P1", "/competitorId", "the scope self-check"},
		"product with the scope":   {price.Writer{SelfCheck: true}, "self-check", "self-check-1", "", ""},
		"product without its kind": {price.Writer{SelfCheck: true}, "bigmart", "self-check-1", "/gtin", "belong together"},
		"its kind without product": {price.Writer{SelfCheck: true}, "self-check", "P1", "/competitorId", "belong together"},
		"own":                      {price.Writer{}, "own", "P1", "/competitorId", "the scope catalog"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := price.Submission{GTIN: "00000096385074", Writer: tt.writer}
			s.Observation.Key.CompetitorID = tt.competitor
			f, broken := s.ReservedName(tt.product)
			assert.Equal(t, tt.want != "", broken)
			assert.Equal(t, tt.want, f.Pointer)
			assert.Contains(t, f.Detail, tt.detail)
		})
	}
}
