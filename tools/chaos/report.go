package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"pricing/tools/chaos/check"
	"pricing/tools/chaos/history"
	"pricing/tools/chaos/trial"
)

// report is what all seeds did together.
type report struct {
	First        uint64         `json:"firstSeed"`
	Seeds        int            `json:"seeds"`
	Failed       int            `json:"failedSeeds"`
	FailedSeeds  []uint64       `json:"failed"`
	Sent         int            `json:"sent"`         // observations, repetitions included
	Acknowledged int            `json:"acknowledged"` // observations, each once
	Unknown      int            `json:"unknown"`      // observations of which nothing was ever said for certain
	Answers      map[string]int `json:"answers"`
	Lost         int            `json:"lost"`
	Doubled      int            `json:"doubled"`
	Wrong        int            `json:"wrongOffers"`
	Phantoms     int            `json:"phantoms"`
	Other        map[string]int `json:"other"` // other findings, by kind
	Copies       int            `json:"copies"`
	Segments     int            `json:"segments"`
	Shards       int            `json:"shards"`
	Faults       map[string]int `json:"faults"` // that calls met
	Seconds      float64        `json:"seconds"`
}

func (r *report) add(t trial.Result) {
	if r.Answers == nil {
		r.Answers, r.Other, r.Faults = map[string]int{}, map[string]int{}, map[string]int{}
	}
	r.Seeds++
	if len(t.Findings) > 0 {
		r.Failed++
		r.FailedSeeds = append(r.FailedSeeds, t.Seed)
	}
	r.Sent += t.Tally.Sent
	r.Acknowledged += t.Tally.Acked
	r.Unknown += t.Tally.Unknown
	r.Copies += t.Tally.Copies
	r.Segments += t.Segments
	r.Shards += t.Shards
	for word, n := range t.Tally.Answers {
		word, _, _ = strings.Cut(word, ":")
		r.Answers[word] += n
	}
	for kind, n := range t.Faults {
		r.Faults[kind] += n
	}
	for _, f := range t.Findings {
		switch f.Kind {
		case check.Lost:
			r.Lost++
		case check.Doubled:
			r.Doubled++
		case check.Wrong:
			r.Wrong++
		case check.Phantom:
			r.Phantoms++
		default:
			r.Other[f.Kind]++
		}
	}
}

func (r *report) failed() bool { return r.Failed > 0 }

// print writes the report for people, or as JSON.
func (r *report) print(out io.Writer, asJSON bool) error {
	if asJSON {
		if err := json.NewEncoder(out).Encode(r); err != nil {
			return fmt.Errorf("print the report: %w", err)
		}
		return nil
	}
	_, err := fmt.Fprintf(out, `seeds %d from %d on, of which %d failed, in %.0f s
sent %d observations, repetitions included; acknowledged %d, unknown to the end %d
lost %d, doubled %d, wrong offers %d, phantoms %d, other findings: %s
answers: %s
stored: %d segments, %d shards, %d copies that readers merge
faults: %s
`, r.Seeds, r.First, r.Failed, r.Seconds, r.Sent, r.Acknowledged, r.Unknown,
		r.Lost, r.Doubled, r.Wrong, r.Phantoms, counts(r.Other), counts(r.Answers), r.Segments, r.Shards, r.Copies, counts(r.Faults))
	if err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	return nil
}

// counts writes counts, the greatest first.
func counts(of map[string]int) string {
	var parts []string
	for _, name := range slices.SortedFunc(maps.Keys(of), func(a, b string) int {
		return cmp.Or(cmp.Compare(of[b], of[a]), strings.Compare(a, b))
	}) {
		parts = append(parts, fmt.Sprintf("%s %d", name, of[name]))
	}
	return cmp.Or(strings.Join(parts, ", "), "none")
}

// Most lines of a failing seed that are printed.
const (
	mostFindings = 6
	mostEvents   = 8 // of a finding
)

// findings writes what is wrong after a seed, each with the events that it is about.
func findings(out io.Writer, t trial.Result) error {
	text := fmt.Sprintf("seed %d failed: %d findings\n", t.Seed, len(t.Findings))
	for _, f := range t.Findings[:min(len(t.Findings), mostFindings)] {
		text += "  " + f.String() + "\n"
		events := about(t.Events, f.About)
		for _, e := range events[:min(len(events), mostEvents)] {
			text += "      " + e.String() + "\n"
		}
	}
	if _, err := io.WriteString(out, text); err != nil {
		return fmt.Errorf("print the findings: %w", err)
	}
	return nil
}

// about gives the events of an observation, an offer, a product or a competitor.
func about(events []history.Event, what string) []history.Event {
	if what == "" {
		return nil
	}
	var list []history.Event
	for _, e := range events {
		if e.ID == what || e.Key == what {
			list = append(list, e)
		}
	}
	return list
}
