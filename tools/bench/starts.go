package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"pricing/tools/bench/bootstrap"
)

// starts measures the functions as Lambda runs them, beside usual code that makes the same calls.
type starts struct {
	*bench
	lab    *bootstrap.Lab
	rounds int
	warm   int  // invocations after the first
	counts bool // instructions are counted
}

// million is the unit of instructions.
const million = 1e6

// cold measures cold starts and first invocations, with a single observation.
func (s *starts) cold(ctx context.Context, root string) error {
	return s.each(ctx, root, scenarios(time.Now())[:1], s.printCold)
}

// warmly measures warm invocations.
func (s *starts) warmly(ctx context.Context, root string) error {
	return s.each(ctx, root, scenarios(time.Now()), s.printWarm)
}

// each builds the programs of scenarios, measures them and prints what came out.
func (s *starts) each(
	ctx context.Context, root string, all []scenario, print func(context.Context, subject, [][]bootstrap.Sample) error,
) error {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the system clears its temporary folder
	if s.lab, err = bootstrap.NewLab(dir, s.endpoint); err != nil {
		return err
	}
	subjects, err := s.subjects(ctx, s.lab, root, all)
	if err != nil {
		return err
	}
	for _, of := range subjects {
		samples, err := s.measure(ctx, of)
		if err != nil {
			return err
		}
		if err := print(ctx, of, samples); err != nil {
			return err
		}
	}
	return nil
}

// measure starts each program once a round, in another order each time, and returns the samples of the rounds, in the order of order.
// Round 0 fills caches, the answers' among them, and is not counted.
func (s *starts) measure(ctx context.Context, of subject) ([][]bootstrap.Sample, error) {
	var rounds [][]bootstrap.Sample
	for round := range s.rounds + 1 {
		samples := make([]bootstrap.Sample, len(order))
		for _, i := range rand.Perm(len(order)) {
			var err error
			if samples[i], err = s.lab.Start(ctx, of.programs[order[i]], s.warm); err != nil {
				return nil, err
			}
		}
		if round > 0 {
			rounds = append(rounds, samples)
		}
	}
	return rounds, nil
}

// figure is one of a program's, beside that of the usual code.
type figure struct {
	median float64 // of the rounds
	ratio  float64 // the median of the rounds' ratios to the usual code
	spread float64 // half of the distance between the ratios' quartiles
}

// beside takes a figure out of the samples, for each program of order.
func beside(rounds [][]bootstrap.Sample, of func(bootstrap.Sample) float64) []figure {
	all := make([]figure, len(order))
	for i := range order {
		var values, ratios []float64
		for _, samples := range rounds {
			values = append(values, of(samples[i]))
			ratios = append(ratios, of(samples[i])/of(samples[0]))
		}
		all[i] = figure{quantile(values, 0.5), quantile(ratios, 0.5), (quantile(ratios, 0.75) - quantile(ratios, 0.25)) / 2}
	}
	return all
}

// quantile of values, at least one, with the two nearest ones weighted.
func quantile(values []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	below := int(at)
	if below+1 == len(sorted) {
		return sorted[below]
	}
	return sorted[below] + (sorted[below+1]-sorted[below])*(at-float64(below))
}

// cell shows a figure of CPU.
func (f figure) cell() string {
	return fmt.Sprintf("%.2f ms  x%.2f ±%.2f", f.median, f.ratio, f.spread)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// mean of a count over the rounds, for program i of order.
func mean(rounds [][]bootstrap.Sample, i int, of func(bootstrap.Sample) int) float64 {
	sum := 0
	for _, samples := range rounds {
		sum += of(samples[i])
	}
	return float64(sum) / float64(len(rounds))
}

func (s *starts) printCold(ctx context.Context, of subject, rounds [][]bootstrap.Sample) error {
	s.say(s.out, "Cold starts, %s, %d rounds: median, ratio to the usual code, half its interquartile range", of.name, s.rounds)
	ready := beside(rounds, func(s bootstrap.Sample) float64 { return milliseconds(s.ReadyCPU) })
	first := beside(rounds, func(s bootstrap.Sample) float64 { return milliseconds(s.FirstCPU) })
	both := beside(rounds, func(s bootstrap.Sample) float64 { return milliseconds(s.ReadyCPU + s.FirstCPU) })
	table := s.printer()
	s.say(table, "\tCPU to ready\tof the first invocation\tto the first response\tconnections\tcalls\t")
	for i, name := range order {
		s.say(table, "%s\t%s\t%s\t%s\t%.1f\t%.1f\t", name, ready[i].cell(), first[i].cell(), both[i].cell(),
			mean(rounds, i, func(s bootstrap.Sample) int { return s.Connections }), mean(rounds, i, func(s bootstrap.Sample) int { return s.Calls }))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	counts := s.instructions(ctx, of)
	goals := []goal{{what: "CPU of the first invocation", limit: 0.12, unit: "x usual code", got: first[1].ratio}}
	if len(counts) == 2 {
		s.say(s.out, "Instructions, millions")
		table := s.printer()
		s.say(table, "\tto ready\tby the first invocation\tto the first response\tratio\t")
		usual := counts[usualCode].Ready + counts[usualCode].First
		ratio := 0.0
		for _, name := range order[:2] {
			c := counts[name]
			ratio = (c.Ready + c.First) / usual
			s.say(table, "%s\t%.2f\t%.2f\t%.2f\tx%.3f\t", name, c.Ready/million, c.First/million, (c.Ready+c.First)/million, ratio)
		}
		if err := table.Flush(); err != nil {
			return fmt.Errorf("print: %w", err)
		}
		goals = append(goals, goal{what: "instructions to the first response", limit: 0.19, unit: "x usual code", got: ratio})
	}
	return s.printGoals(goals)
}

func (s *starts) printWarm(ctx context.Context, of subject, rounds [][]bootstrap.Sample) error {
	s.say(s.out, "Warm, %s, %d invocations, %d rounds", of.name, s.warm, s.rounds)
	each := beside(rounds, func(s bootstrap.Sample) float64 { return milliseconds(s.WarmCPU) })
	table := s.printer()
	s.say(table, "\tCPU of an invocation\tnew connections in all\tcalls of one\t")
	for i, name := range order {
		s.say(table, "%s\t%s\t%.1f\t%.1f\t", name, each[i].cell(),
			mean(rounds, i, func(s bootstrap.Sample) int { return s.WarmConnections }),
			mean(rounds, i, func(s bootstrap.Sample) int { return s.WarmCalls })/float64(s.warm))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	var goals []goal
	if of.function == "record-observation" {
		goals = append(goals, goal{what: "CPU", limit: 0.50, unit: "x usual code", got: each[1].ratio})
	}
	counts := s.instructions(ctx, of)
	for _, name := range order[:2] {
		c, ok := counts[name]
		if !ok {
			continue
		}
		each := c.Warm / million / float64(of.observations)
		s.say(s.out, "Instructions of %s, millions for each of its %d: %.3f", name, of.observations, each)
		if name == functions {
			goals = append(goals, goal{what: "instructions", limit: of.most, unit: "millions", got: each})
		}
	}
	return s.printGoals(goals)
}

// instructions counts those of the usual code and of the functions, by name. What cannot be counted is said and left out. The usual code
// is not asked for a batch: so slow, its client drops connections in the middle of long answers, until no attempt is left.
func (s *starts) instructions(ctx context.Context, of subject) map[string]bootstrap.Instructions {
	warm, names := s.warm, order[:2]
	if of.observations > 1 {
		warm = min(warm, 3) // each takes seconds under valgrind
		names = order[1:2]
	}
	counts := map[string]bootstrap.Instructions{}
	if !s.counts {
		return counts
	}
	for _, name := range names {
		n, err := s.lab.Instructions(ctx, of.programs[name], warm)
		if err != nil {
			first, _, _ := strings.Cut(err.Error(), "\n")
			s.say(s.out, "Instructions of %s: NOT MEASURED: %.200s", name, first)
			continue
		}
		counts[name] = n
	}
	return counts
}

func (s *starts) printGoals(goals []goal) error {
	table := s.printer()
	s.say(table, "goal\tlimit\tmeasured\tunit\tverdict\t")
	for _, g := range goals {
		s.say(table, "%s\t%.2f\t%.2f\t%s\t%s\t", g.what, g.limit, g.got, g.unit, g.verdict())
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	s.say(s.out, "")
	return nil
}
