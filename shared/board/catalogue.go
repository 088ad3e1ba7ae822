package board

import (
	"fmt"
	"strings"

	"pricing/shared/price"
)

// Catalogue is what a reader of offers has to know of a product's entry in the catalogue. It stands beside the product's board, so
// that comparing costs no second read. Every product of the catalogue has one, which may have no prices.
type Catalogue struct {
	Discontinued bool
	List         price.Money
	MAP          price.Money // minimum advertised price
}

// The letters are stored: none may change.
const (
	letterActive       = "A"
	letterDiscontinued = "D"
)

// Text writes it as it is stored, for a person to read: "A|24.99 USD|-". A is active, D discontinued, "-" is no price.
func (c Catalogue) Text() string {
	status := letterActive
	if c.Discontinued {
		status = letterDiscontinued
	}
	return status + "|" + c.List.String() + "|" + c.MAP.String()
}

// ParseCatalogue reads what Text wrote; errors wrap ErrFormat.
func ParseCatalogue(text string) (Catalogue, error) {
	parts := strings.Split(text, "|")
	if len(parts) != 3 || parts[0] != letterActive && parts[0] != letterDiscontinued {
		return Catalogue{}, fmt.Errorf("%w: catalogue %q", ErrFormat, text)
	}
	c := Catalogue{Discontinued: parts[0] == letterDiscontinued}
	for i, to := range []*price.Money{&c.List, &c.MAP} {
		var err error
		if *to, err = parseMoneyText(parts[1+i], ""); err != nil {
			return Catalogue{}, fmt.Errorf("%w: catalogue %q: %w", ErrFormat, text, err)
		}
	}
	return c, nil
}
