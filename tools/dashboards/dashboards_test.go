package main

import (
	"fmt"
	"os"
	"testing"
)

func TestX(t *testing.T) {
	b, _ := os.ReadFile("../../template.yaml")
	for _, w := range templateFaults(b) {
		fmt.Println(w)
	}
	p, err := readProject("../..")
	fmt.Println(err, p.operations, p.filtered)
	g, _ := os.ReadFile("../../ops/grafana/pricing.json")
	for _, w := range grafanaFaults(g, p) {
		fmt.Println("G", w)
	}
}
