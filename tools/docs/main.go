// Command docs writes docs/openapi.json, the whole description of the API for clients and generators.
//
//	go run ./tools/docs    # or `make docs`
//
// It joins two files that each hold one half: docs/contract.yaml, what clients see, and template.yaml, what the gateway
// enforces. Run it in the module's root after a change of either; a test says when the file is out of date. Where the two
// contradict each other it writes nothing and names the places.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"pricing/shared/testkit/contract"
)

const (
	contractFile = "docs/contract.yaml"
	templateFile = "template.yaml"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	c, t, err := read(os.DirFS(root))
	if err != nil {
		return err
	}
	if wrong := differences(c, t); len(wrong) > 0 {
		return errors.New("the contract and the template differ:\n" + strings.Join(wrong, "\n"))
	}
	text, err := merge(c, t)
	if err != nil {
		return err
	}
	return os.WriteFile(root+"/"+contract.File, text, 0o644)
}
