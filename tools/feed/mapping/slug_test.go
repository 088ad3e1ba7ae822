package mapping

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"pricing/shared/price"
)

func TestSlug(t *testing.T) {
	long := strings.Repeat("long name ", 10)
	tests := map[string]struct{ product, competitor string }{
		"7 Eleven":                   {"7-Eleven", "7-eleven"},
		"A100_80GB PCIe 1x per hour": {"A100_80GB-PCIe-1x-per-hour", "a100-80gb-pcie-1x-per-hour"},
		"dc_roan":                    {"dc_roan", "dc-roan"},
		"Caltex/Woolworths":          {"Caltex-Woolworths", "caltex-woolworths"},
		"  Müller & Söhne GmbH. ":    {"Muller-Sohne-GmbH.", "muller-sohne-gmbh"},
		"Straße Łódź Ærø":            {"Strasse-Lodz-AEro", "strasse-lodz-aero"},
		"ＡＢＣ ﬁne":                    {"ABC-fine", "abc-fine"},
		"X":                          {"X", "x-4b68ab38"},
		"京都":                         {"58d07b8a", "58d07b8a"},
		long: {"long-name-long-name-long-name-long-name-long-name-long-" + "d1f923f4",
			"long-name-long-name-long-name-l-" + "d1f923f4"},
		"a--b -- c": {"a-b-c", "a-b-c"},
		"..":        {"..-5ec1f7e7", "5ec1f7e7"},
	}
	for name, want := range tests {
		assert.Equal(t, want.product, productID.slug(name), name)
		assert.Equal(t, want.competitor, competitorID.slug(name), name)
	}
	assert.NotEqual(t, productID.slug(long+"a"), productID.slug(long+"b"), "what is cut off still counts")
}

// FuzzSlug: every name becomes an id that the API takes.
func FuzzSlug(f *testing.F) {
	for _, s := range []string{"7 Eleven", ".", "..", "Caltex/Woolworths", "", "京都", "\xff", "ſt", "K", strings.Repeat("ß", 40)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		assert.True(t, price.CheckProductID(productID.slug(name)), productID.slug(name))
		assert.True(t, price.CheckCompetitorID(competitorID.slug(name)), competitorID.slug(name))
	})
}
