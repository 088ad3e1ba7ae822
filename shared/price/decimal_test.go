package price_test

import (
	"encoding/json"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pricing/shared/price"
)

func TestDecimal(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		numerator, denominator int64
		digits                 int
		want                   string
	}{
		"whole":                       {25, 1, 2, "25.00"},
		"no decimals":                 {25, 1, 0, "25"},
		"below one":                   {1, 20, 2, "0.05"},
		"nearest, down":               {1, 3, 2, "0.33"},
		"nearest, up":                 {2, 3, 2, "0.67"},
		"a half, to the even below":   {125, 1000, 2, "0.12"},
		"a half, to the even above":   {135, 1000, 2, "0.14"},
		"just over a half":            {1250001, 10000000, 2, "0.13"},
		"negative":                    {-205, 100, 2, "-2.05"},
		"negative, nearest":           {-2, 3, 2, "-0.67"},
		"negative half, to the even":  {-125, 1000, 2, "-0.12"},
		"negative half, away from 0":  {-135, 1000, 2, "-0.14"},
		"carried over the point":      {9995001, 1000000, 2, "10.00"},
		"no sign before zero":         {-1, 1000, 2, "0.00"},
		"no sign before zero at half": {-1, 2, 0, "0"},
		"one and a half":              {3, 2, 0, "2"},
		"two and a half":              {5, 2, 0, "2"},
		"zero":                        {0, 1, 2, "0.00"},
		"larger than any int64":       {1 << 62, 1, 4, "4611686018427387904.0000"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := price.Decimal{Value: big.NewRat(tt.numerator, tt.denominator), Digits: tt.digits}
			assert.Equal(t, tt.want, d.String())
			text, err := json.Marshal(d)
			require.NoError(t, err)
			assert.Equal(t, `"`+tt.want+`"`, string(text))
			assert.Equal(t, 0, d.Value.Cmp(big.NewRat(tt.numerator, tt.denominator)), "printing changed the number")
		})
	}
	text, err := json.Marshal(price.Decimal{})
	require.NoError(t, err)
	assert.Equal(t, "null", string(text))
	assert.Empty(t, price.Decimal{}.String())
}

// TestDecimal_Nearest: what is printed is at most half a unit of the last decimal away, and even where it is just as far.
func TestDecimal_Nearest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := big.NewRat(rapid.Int64Range(-1e15, 1e15).Draw(t, "numerator"),
			rapid.SampledFrom([]int64{1, 2, 3, 4, 8, 40, 1000, 419}).Draw(t, "denominator"))
		digits := rapid.IntRange(0, 4).Draw(t, "digits")
		text := price.Decimal{Value: value, Digits: digits}.String()
		printed, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatalf("%s is no number", text)
		}
		unit := new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil))
		off := new(big.Rat).Sub(printed, value)
		switch off.Abs(off).Cmp(new(big.Rat).Quo(unit, big.NewRat(2, 1))) {
		case 1:
			t.Fatalf("%s is too far from %s", text, value)
		case 0:
			if units := new(big.Rat).Quo(printed, unit); units.Num().Bit(0) == 1 {
				t.Fatalf("%s is odd, and %s lies between", text, value)
			}
		}
	})
}
