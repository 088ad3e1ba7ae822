// Command cost prints what an environment costs a month at a given traffic, beside the usual design of two items an observation.
//
//	go run ./tools/cost [-env prod] [-traffic FILE] [-json]
//
// Alarms, dashboards, web ACLs, memory and log levels are counted in template.yaml with the environment's parameters of samconfig.toml,
// metrics by what shared/meter sends. What a request uses stands in figures.yaml, where each figure comes from beside it. The traffic is
// traffic.yaml's if no file is given. Prices are the list prices of tools/internal/prices, with their date.
//
// What surprises: free tiers and lower prices of large amounts are left out, and so is what is made once (the bucket, AWS Backup, a key),
// and sending logs to Logstash but for its alarms.
// Durations are assumed until somebody has measured them on AWS. The two-item design stands behind the same gateway, functions, logs and
// alarms, so that only what its table costs and its waits differ.
package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"go.yaml.in/yaml/v3"

	"pricing/client"
	"pricing/samkit/local/samtemplate"
	"pricing/samkit/samconfig"
	"pricing/tools/internal/prices"
)

//go:embed traffic.yaml
var exampleTraffic []byte

//go:embed figures.yaml
var figuresFile []byte

// traffic is a day.
type traffic struct {
	Observations           float64            `yaml:"observations"`
	ObservationsPerRequest float64            `yaml:"observationsPerRequest"`
	ByProduct              bool               `yaml:"byProduct"`
	Clients                float64            `yaml:"clients"`
	Products               float64            `yaml:"products"`
	Requests               map[string]float64 `yaml:"requests"` // by function
}

// figure is what one call of a function uses.
type figure struct {
	Ms             float64 `yaml:"ms"`
	ReadUnits      float64 `yaml:"readUnits"`
	WriteUnits     float64 `yaml:"writeUnits"`
	LogBytes       float64 `yaml:"logBytes"`
	AnswerBytes    float64 `yaml:"answerBytes"`
	PeerMs         float64 `yaml:"peerMs"`
	PeerReadUnits  float64 `yaml:"peerReadUnits"`
	PeerWriteUnits float64 `yaml:"peerWriteUnits"`
	From           string  `yaml:"from"`
}

type figures struct {
	Functions   map[string]figure `yaml:"functions"`
	Observation struct {
		WriteUnits struct {
			Single    float64 `yaml:"single"`
			ByProduct float64 `yaml:"byProduct"`
			Peer      float64 `yaml:"peer"`
		} `yaml:"writeUnits"`
		Bytes struct {
			Own  float64 `yaml:"own"`
			Peer float64 `yaml:"peer"`
		} `yaml:"bytes"`
		From string `yaml:"from"`
	} `yaml:"observation"`
	ProductBytes        float64 `yaml:"productBytes"`
	AccessLogBytes      float64 `yaml:"accessLogBytes"`
	PlatformReportBytes float64 `yaml:"platformReportBytes"`
	Compression         float64 `yaml:"compression"`
	TracedShare         float64 `yaml:"tracedShare"`
}

// decode reads YAML strictly.
func decode(text []byte, to any) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	return decoder.Decode(to) //nolint:wrapcheck // callers name the file
}

func readTraffic(text []byte) (t traffic, err error) {
	if err := decode(text, &t); err != nil {
		return t, err
	}
	if !(t.ObservationsPerRequest >= 1 && t.ObservationsPerRequest <= client.BatchItems) {
		return t, fmt.Errorf("observationsPerRequest: %v; a request has from 1 to %d", t.ObservationsPerRequest, client.BatchItems)
	}
	numbers := map[string]float64{"observations": t.Observations, "clients": t.Clients, "products": t.Products}
	for name, n := range t.Requests {
		numbers[name] = n
		if strings.HasPrefix(name, "record-") || name == "authorize-request" {
			return t, fmt.Errorf("requests: %s follows from observations and clients", name)
		}
	}
	for name, n := range numbers {
		if !(n >= 0 && n < 1e12) {
			return t, fmt.Errorf("%s: %v is no number from 0", name, n)
		}
	}
	return t, nil
}

func main() {
	err := run(os.Args[1:], os.Stdout, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cost:", err)
		os.Exit(1)
	}
}

func run(args []string, out, problems io.Writer) error {
	flags := flag.NewFlagSet("cost", flag.ContinueOnError)
	flags.SetOutput(problems)
	environment := flags.String("env", "prod", "`environment` of samconfig.toml")
	file := flags.String("traffic", "", "`file` of a day's traffic; without one it is an example")
	root := flags.String("root", ".", "`folder` that has template.yaml and samconfig.toml")
	objects := flags.Bool("json", false, "print the bill as JSON")
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp // flags has told
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	environments, err := samconfig.Read(filepath.Join(*root, "samconfig.toml"))
	if err != nil {
		return fmt.Errorf("read the environments: %w", err)
	}
	e, ok := environments[*environment]
	if !ok {
		return fmt.Errorf("-env: samconfig.toml has no %q", *environment)
	}
	template, err := samtemplate.Load(filepath.Join(*root, "template.yaml"), e.Parameters)
	if err != nil {
		return fmt.Errorf("read the template: %w", err)
	}
	text := exampleTraffic
	if *file != "" {
		if text, err = os.ReadFile(*file); err != nil {
			return fmt.Errorf("-traffic: %w", err)
		}
	}
	t, err := readTraffic(text)
	if err != nil {
		return fmt.Errorf("-traffic %s: %w", *file, err)
	}
	var f figures
	if err := decode(figuresFile, &f); err != nil {
		return fmt.Errorf("figures.yaml: %w", err)
	}
	prices, err := prices.Read()
	if err != nil {
		return fmt.Errorf("read the prices: %w", err)
	}
	b, err := newBill(*environment, template, t, f, prices)
	if err != nil {
		return err
	}
	if *objects {
		if err := json.NewEncoder(out).Encode(b); err != nil {
			return fmt.Errorf("print the bill: %w", err)
		}
		return nil
	}
	b.print(out)
	return nil
}

func (b bill) print(out io.Writer) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(format string, args ...any) { _, _ = fmt.Fprintf(table, format+"\n", args...) }
	_, _ = fmt.Fprintf(out, "%s, a month in USD; list prices of %s, %s, to be checked before you rely on them\n\n",
		b.Environment, b.Region, b.PricesAsOf)
	row("line\tamount\tUSD\tshare\ttwo items\t")
	for _, l := range b.Lines {
		row("%s\t%s\t%.2f\t%.1f %%\t%.2f\t", l.Name, amount(l.Amount), l.USD, 100*l.Share, l.PeerUSD)
	}
	row("all\t\t%.2f\t100.0 %%\t%.2f\t", b.USD, b.PeerUSD)
	row("of it with the traffic\t\t%.2f\t%.1f %%\t\t", b.VariableUSD, 100*b.VariableUSD/b.USD)
	_ = table.Flush()
	for _, l := range b.Lines {
		if why, ok := strings.CutPrefix(l.Remark, costsMore); ok {
			_, _ = fmt.Fprintf(out, "\n%s, %.2f USD, costs more than it gives: %s.", l.Name, l.USD, why)
		}
	}
	_, _ = fmt.Fprintln(out)
}

// amount prints a large number short.
func amount(n float64) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%.1f M", n/1e6)
	case n >= 1e4:
		return fmt.Sprintf("%.0f k", n/1e3)
	case n >= 100:
		return fmt.Sprintf("%.0f", n)
	}
	return fmt.Sprintf("%.3g", n)
}
