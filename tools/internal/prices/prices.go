// Package prices has AWS's list prices, from one dated file: what tools/cost and tools/prewarm reckon with.
//
// What surprises: nothing is asked of AWS. A price is as old as the file's asOf says, and each names the page to compare it with.
package prices

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed prices.yaml
var file []byte

// Price is what so many of a unit cost.
type Price struct {
	USD    float64 `yaml:"usd"`
	Per    float64 `yaml:"per"`
	Unit   string  `yaml:"unit"`
	Source string  `yaml:"source"`
}

// List is the prices of one region, by name.
type List struct {
	Region string           `yaml:"region"`
	AsOf   string           `yaml:"asOf"` // year and month
	Prices map[string]Price `yaml:"prices"`
}

// Read reads the file.
func Read() (List, error) { return parse(file) }

func parse(text []byte) (l List, err error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&l); err != nil {
		return l, fmt.Errorf("prices.yaml: %w", err)
	}
	for name, p := range l.Prices {
		if !(p.USD > 0 && p.Per > 0) || p.Unit == "" || !strings.HasPrefix(p.Source, "https://aws.amazon.com/") {
			return l, fmt.Errorf("prices.yaml: %s needs usd, per, unit and AWS's page", name)
		}
	}
	if l.Region == "" || l.AsOf == "" || len(l.Prices) == 0 {
		return l, fmt.Errorf("prices.yaml: without region, asOf or prices")
	}
	return l, nil
}

// Cost is what an amount costs by the price of a name.
func (l List) Cost(name string, amount float64) (float64, error) {
	p, ok := l.Prices[name]
	if !ok {
		return 0, fmt.Errorf("prices.yaml has no price %s", name)
	}
	return amount / p.Per * p.USD, nil
}
