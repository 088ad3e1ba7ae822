package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"pricing/tools/chaos/plan"
	"pricing/tools/chaos/trial"
)

const (
	mostShrunk  = 3               // seeds: the others only tell what was wrong
	shrinkFor   = 2 * time.Minute // at most
	shrinkTries = 3               // how often a part is run before it counts as one that passes
)

// shrink leaves out requests and faults of a plan while it still fails, first many, then few, and returns what is left with its
// result.
func (c *chaos) shrink(ctx context.Context, p plan.Plan, failed trial.Result) (plan.Plan, trial.Result) {
	ctx, stop := context.WithTimeout(ctx, shrinkFor)
	defer stop()
	config := c.config
	config.History = nil
	requests, faults := p.Numbers()
	fails := func(requests, faults []int) bool {
		for range shrinkTries {
			result, err := c.try(ctx, config, p.Only(requests, faults), false)
			if err != nil {
				return false // it was too long, or cannot be run
			}
			if len(result.Findings) > 0 {
				failed = result
				return true
			}
		}
		return false
	}
	faults = least(ctx, faults, func(some []int) bool { return fails(requests, some) })
	requests = least(ctx, requests, func(some []int) bool { return fails(some, faults) })
	faults = least(ctx, faults, func(some []int) bool { return fails(requests, some) })
	return p.Only(requests, faults), failed
}

// least leaves out parts of all, halves first and single ones last, while what is left fails (delta debugging).
func least(ctx context.Context, all []int, fails func([]int) bool) []int {
	for size := (len(all) + 1) / 2; len(all) > 0 && ctx.Err() == nil; size = max(size/2, 1) {
		cut := false
		for at := 0; at < len(all) && ctx.Err() == nil; {
			end := min(at+size, len(all))
			rest := append(append([]int{}, all[:at]...), all[end:]...)
			if fails(rest) {
				all = rest
				cut = true
			} else {
				at = end
			}
		}
		if size == 1 && !cut {
			break
		}
	}
	return all
}

// command is how to run what is left of a plan.
func command(p plan.Plan, s settings) string {
	requests, faults := p.Numbers()
	r, f := numbers(requests), numbers(faults)
	text := []string{"go run ./tools/chaos", fmt.Sprintf("-seed %d -seeds 1 -times 20 -observations %d", p.Seed, s.observations),
		fmt.Sprintf("-requests %q", r.String()), fmt.Sprintf("-faults %q", f.String())}
	return strings.Join(text, " ")
}
