package board

import (
	"fmt"
	"strings"

	"pricing/shared/price"
)

// Own is our own prices of a product. They stand beside its board, so that comparing costs no second read. Every product of
// the catalogue has an Own, which may be empty.
type Own struct {
	Price price.Money
	List  price.Money
	MAP   price.Money // minimum advertised price
}

// Text writes the prices as they are stored, for a person to read: "19.95 USD|24.99 USD|-"; "-" is none.
func (o Own) Text() string {
	return o.Price.String() + "|" + o.List.String() + "|" + o.MAP.String()
}

// ParseOwn reads what Text wrote; errors wrap ErrFormat.
func ParseOwn(text string) (Own, error) {
	parts := strings.Split(text, "|")
	if len(parts) != 3 {
		return Own{}, fmt.Errorf("%w: own prices %q", ErrFormat, text)
	}
	var o Own
	for i, to := range []*price.Money{&o.Price, &o.List, &o.MAP} {
		var err error
		if *to, err = parseMoneyText(parts[i], ""); err != nil {
			return Own{}, fmt.Errorf("%w: own prices %q: %w", ErrFormat, text, err)
		}
	}
	return o, nil
}
