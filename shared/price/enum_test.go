package price_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/price"
)

// words are the API's words in the order of their numbers, which are stored.
var words = map[string][]string{
	"itemCondition": {"New", "Used", "Refurbished", "Damaged"},
	"availability": {"InStock", "OutOfStock", "LimitedAvailability", "PreOrder", "BackOrder", "PreSale", "OnlineOnly", "InStoreOnly",
		"SoldOut", "Discontinued"},
	"audience":  {"public", "member", "signedIn", "app"},
	"priceType": {"regular", "promotional", "clearance"},
	"kind":      {"crawler", "feed", "manual", "vendor"},
}

// wordsOf prints so many values of an enumeration, as text and as JSON.
func wordsOf[T interface {
	~uint8
	String() string
}](t *testing.T, n int) []string {
	t.Helper()
	var all []string
	for i := range n {
		text, err := json.Marshal(T(i))
		require.NoError(t, err)
		require.Equal(t, `"`+T(i).String()+`"`, string(text))
		all = append(all, T(i).String())
	}
	return all
}

func TestWords(t *testing.T) {
	assert.Equal(t, words["itemCondition"], wordsOf[price.Condition](t, 4))
	assert.Equal(t, words["availability"], wordsOf[price.Availability](t, 10))
	assert.Equal(t, words["audience"], wordsOf[price.Audience](t, 4))
	assert.Equal(t, words["priceType"], wordsOf[price.PriceType](t, 3))
	assert.Equal(t, words["kind"], wordsOf[price.SourceKind](t, 4))
	assert.Equal(t, []string{"retailer", "marketplace"}, wordsOf[price.CompetitorKind](t, 2))
	for i, word := range words["itemCondition"] {
		got, ok := price.ParseCondition(word)
		assert.True(t, ok)
		assert.Equal(t, price.Condition(i), got)
	}
	for i, word := range words["audience"] {
		got, ok := price.ParseAudience(word)
		assert.True(t, ok)
		assert.Equal(t, price.Audience(i), got)
	}
	for i, word := range []string{"retailer", "marketplace"} {
		got, ok := price.ParseCompetitorKind(word)
		assert.True(t, ok)
		assert.Equal(t, price.CompetitorKind(i), got)
	}
	_, ok := price.ParseCondition("new")
	assert.False(t, ok)
	_, ok = price.ParseAudience("")
	assert.False(t, ok)
	_, ok = price.ParseCompetitorKind("shop")
	assert.False(t, ok)
}

// TestReadSubmission_Words reads each word of each enumeration.
func TestReadSubmission_Words(t *testing.T) {
	for member, all := range words {
		for i, word := range all {
			change := `{"` + member + `":"` + word + `"}`
			if member == "kind" {
				change = `{"source":{"id":"crawler-a","kind":"` + word + `"}}`
			}
			got, faults := submit(t, with(t, change), "", false)
			require.Empty(t, faults, change)
			o := got.Observation
			numbers := map[string]int{"itemCondition": int(o.Key.Condition), "availability": int(o.Terms.Availability),
				"audience": int(o.Key.Audience), "priceType": int(o.Terms.PriceType), "kind": int(o.Source.Kind)}
			assert.Equal(t, i, numbers[member], change)
		}
	}
}

func TestAvailability(t *testing.T) {
	inStock := map[string]bool{"InStock": true, "LimitedAvailability": true, "OnlineOnly": true, "InStoreOnly": true}
	priceOptional := map[string]bool{"OutOfStock": true, "SoldOut": true, "Discontinued": true}
	for i, word := range words["availability"] {
		assert.Equal(t, inStock[word], price.Availability(i).InStock(), word)
		assert.Equal(t, priceOptional[word], price.Availability(i).PriceOptional(), word)
	}
}
