// Command dashboards writes the dashboards of an environment: the one of CloudWatch into template.yaml, between two comments, and that of
// Grafana to ops/grafana/pricing.json. Both are made of one description (describe.go).
//
//	go run ./tools/dashboards                # or `make dashboards`; in the module's root
//	go run ./tools/dashboards -check LOG     # compares the metrics that are known here with those of functions' lines
//
// Functions, routes and alarms are read from the template, so a new function is on the dashboards after another run. A test says when
// what is committed is out of date.
//
// What surprises: nothing here asks AWS or Grafana. What of ours may be drawn stands in metrics.go, and tests hold that table against the
// code and -check against a real log, in both directions; what is AWS's stands there with the page that documents it.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Files, below the module's root.
const (
	templateFile = "template.yaml"
	configFile   = "samconfig.toml"
	grafanaFile  = "ops/grafana/pricing.json"
)

func main() {
	check := flag.String("check", "", "compare with the metrics in this `log` instead of writing")
	flag.Parse()
	var err error
	if *check != "" {
		err = checkLog(*check, os.Stdout)
	} else {
		err = write(".")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "dashboards:", err)
		os.Exit(1)
	}
}

func checkLog(file string, out io.Writer) error {
	log, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	sets, err := logged(log)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if wrong := differences(sets); len(wrong) > 0 {
		return fmt.Errorf("%s:\n%s", file, strings.Join(wrong, "\n"))
	}
	seen := 0
	for _, m := range own {
		if m.Rare == "" {
			seen++
		}
	}
	_, err = fmt.Fprintf(out, "%s: %d metrics of ours, all known here; of the %d known ones a log need not have %d.\n",
		file, len(sets), len(own), len(own)-seen)
	return err
}

// write brings both files up to date.
func write(root string) error {
	template, grafana, err := generate(root)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(root, templateFile), template, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, grafanaFile), grafana, 0o644)
}

// generate returns what both files have to be.
func generate(root string) (template, grafana []byte, err error) {
	p, err := readProject(root)
	if err != nil {
		return nil, nil, err
	}
	d := describe(p)
	body, err := cloudwatchBody(d)
	if err != nil {
		return nil, nil, err
	}
	if template, err = inTemplate(p.text, body); err != nil {
		return nil, nil, err
	}
	grafana, err = grafanaJSON(d, p.environments)
	return template, grafana, err
}
