package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
)

// prove measures this tool.
func prove(ctx context.Context, args []string, out, problems io.Writer) (int, error) {
	flags := flag.NewFlagSet("parity prove", flag.ContinueOnError)
	flags.SetOutput(problems)
	dir := flags.String("out", "", "`folder` for the reports of the pair")
	runs := flags.Int("runs", 2_000, "`runs` of each simulation")
	seconds := flags.Int("seconds", 60, "`time` under load")
	if err := flags.Parse(args); err != nil {
		return statusNoRun, flag.ErrHelp
	}
	parts := flags.Args()
	if len(parts) == 0 {
		parts = []string{"statistics", "load", "pair"}
	}
	p := &proof{out: out}
	for _, part := range parts {
		var err error
		switch part {
		case "statistics":
			p.statistics(*runs)
		case "load":
			err = p.load(ctx, *seconds)
		case "pair":
			err = provePair(ctx, out, *dir)
		default:
			err = fmt.Errorf("%q is none of statistics, load, pair", part)
		}
		if err != nil {
			return statusNoRun, err
		}
	}
	if len(p.missed) > 0 {
		return statusWorse, fmt.Errorf("missed: %w", errors.Join(p.missed...))
	}
	return 0, nil
}

// proof prints figures and keeps what does not meet its goal.
type proof struct {
	out    io.Writer
	missed []error
}

func (p *proof) say(format string, args ...any) {
	_, _ = fmt.Fprintf(p.out, format+"\n", args...) // for people
}

func (p *proof) atLeast(what string, got, goal float64) {
	p.goal(what, got, goal, got >= goal, "at least")
}
func (p *proof) atMost(what string, got, goal float64) {
	p.goal(what, got, goal, got <= goal, "at most")
}

func (p *proof) goal(what string, got, goal float64, ok bool, word string) {
	mark := "ok    "
	if !ok {
		mark = "MISSED"
		p.missed = append(p.missed, errors.New(what))
	}
	p.say("%s  %-92s %.4g (%s %g)", mark, what, got, word, goal)
}

func sorted(values []float64) []float64 {
	slices.Sort(values)
	return values
}
