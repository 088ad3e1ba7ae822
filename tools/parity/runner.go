package main

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"pricing/tools/parity/compare"
	"pricing/tools/parity/judge"
	"pricing/tools/parity/traffic"
)

// runner sends requests to both sides and counts what they answer.
type runner struct {
	rules         *compare.Rules
	legacy, fresh *side
	noise         *side // a second legacy target, or nil
	run           *judge.Run

	mu     sync.Mutex
	random *rand.Rand

	writes    sync.RWMutex // held by a write of replay, so that no other request sees half of it
	readBacks sync.WaitGroup
	pending   chan struct{} // read-backs that wait
}

func newRunner(rules *compare.Rules, legacy, fresh, noise *side, run *judge.Run, seed uint64) *runner {
	for _, s := range []*side{legacy, fresh, noise} {
		if s != nil {
			s.coldHeader = rules.ColdHeader
		}
	}
	const mostReadBacks = 256
	return &runner{rules: rules, legacy: legacy, fresh: fresh, noise: noise, run: run, random: rand.New(rand.NewPCG(seed, 1)),
		pending: make(chan struct{}, mostReadBacks)}
}

// first says whether the new side is asked first, this time.
func (r *runner) first() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.random.IntN(2) == 0
}

// order are the places of so many things in a random order.
func (r *runner) order(n int) []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.random.Perm(n)
}

// The reasons why a request is not compared.
const (
	notSent     = "writes whose route does not say send"
	tooLarge    = "too large to compare"
	noLegacy    = "the legacy side gave no whole answer"
	switchedOff = "the new side was switched off"
	full        = "after the planned number"
	unreadable  = "state: what to read back is not in the request"
	readShed    = "state: too many read-backs waited"
)

// replay sends requests when they are due, at so many a second, or one after the other. A write waits for all before it, and what comes
// behind it waits for the write: both sides have the same history. It says how late requests were sent, at most.
func (r *runner) replay(ctx context.Context, requests []traffic.Request, rate float64, inFlight int) (lag time.Duration) {
	slots := make(chan struct{}, max(1, inFlight))
	var flying sync.WaitGroup
	began := time.Now()
	for i, request := range requests {
		if rate > 0 {
			due := began.Add(time.Duration(float64(i) / rate * float64(time.Second)))
			wait(ctx, time.Until(due))
			lag = max(lag, time.Since(due))
		}
		if ctx.Err() != nil {
			break
		}
		slots <- struct{}{}
		path, _, _ := strings.Cut(request.Path, "?")
		route, names := r.rules.Find(request.Method, path)
		one := func() {
			defer func() { <-slots }()
			r.one(ctx, request, route, names)
		}
		if reads(request.Method) {
			r.writes.RLock()
			flying.Go(func() {
				defer r.writes.RUnlock()
				one()
			})
			continue
		}
		r.writes.Lock()
		one()
		r.writes.Unlock()
	}
	flying.Wait()
	r.readBacks.Wait()
	return lag
}

func reads(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// wait sleeps until a time has passed or ctx ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// one sends a request to all sides at once, and compares.
func (r *runner) one(ctx context.Context, request traffic.Request, route *compare.Route, names map[string]string) {
	if !route.Sent(request.Method) {
		r.run.Count(notSent)
		return
	}
	if r.run.Full(route.Name) {
		r.run.Count(full)
		return
	}
	at := time.Now()
	answers := r.ask(ctx, request, route, names)
	if ctx.Err() != nil { // the run ends: an answer that was given up says nothing
		return
	}
	r.compare(at, route, answers)
	if !reads(request.Method) {
		r.readBack(ctx, route, names, request.Header, request.Body)
	}
}

// ask asks legacy, new and, if there is one, the second legacy target.
func (r *runner) ask(ctx context.Context, request traffic.Request, route *compare.Route, names map[string]string) []answered {
	path, query, more := strings.Cut(request.Path, "?")
	fresh := route.NewPath(path, names)
	if more {
		fresh += "?" + query
	}
	sides, paths := []*side{r.legacy, r.fresh}, []string{request.Path, fresh}
	if r.noise != nil {
		sides, paths = append(sides, r.noise), append(paths, request.Path)
	}
	answers := make([]answered, len(sides))
	var wg sync.WaitGroup
	for _, i := range r.order(len(sides)) {
		wg.Go(func() { answers[i] = sides[i].do(ctx, request.Method, paths[i], request.Header, request.Body, false) })
	}
	wg.Wait()
	return answers
}

// compare counts the answers of legacy, new and perhaps the second legacy target.
func (r *runner) compare(at time.Time, route *compare.Route, answers []answered) {
	p, ok := r.pair(at, route, answers)
	if ok {
		r.run.Add(route, p)
	}
}

func (r *runner) pair(at time.Time, route *compare.Route, answers []answered) (p judge.Pair, ok bool) {
	legacy, fresh := answers[0], answers[1]
	for _, a := range answers {
		if a.tooLarge {
			r.run.Count(tooLarge)
			return p, false
		}
	}
	if legacy.Answer.Failed != "" {
		r.run.Count(noLegacy)
		return p, false
	}
	p = judge.Pair{At: at, Legacy: legacy.Side, New: fresh.Side}
	p.Differences, p.RuledOut = compare.Compare(legacy.Answer, fresh.Answer, route)
	if len(answers) > 2 && answers[2].Answer.Failed == "" {
		p.Noisy = true
		p.Noise, _ = compare.Compare(legacy.Answer, answers[2].Answer, route)
	}
	return p, true
}

// readBack compares the state after a write, when it has settled.
func (r *runner) readBack(ctx context.Context, route *compare.Route, names map[string]string, header http.Header, body []byte) {
	if route.ReadBack == nil {
		return
	}
	path, err := route.ReadBackPath(names, body)
	if err != nil {
		r.run.Count(unreadable)
		return
	}
	select {
	case r.pending <- struct{}{}:
	default:
		r.run.Count(readShed)
		return
	}
	asked := http.Header{}
	for _, name := range []string{"Authorization", "Accept", "X-Api-Key"} {
		if v := header.Values(name); len(v) > 0 {
			asked[name] = v
		}
	}
	r.readBacks.Go(func() {
		defer func() { <-r.pending }()
		wait(ctx, time.Duration(route.ReadBack.After))
		r.writes.RLock()
		defer r.writes.RUnlock()
		if ctx.Err() != nil {
			return
		}
		plain, _, _ := strings.Cut(path, "?")
		get, inside := r.rules.Find(http.MethodGet, plain)
		at := time.Now()
		p, ok := r.pair(at, get, r.ask(ctx, traffic.Request{Method: http.MethodGet, Path: path, Header: asked}, get, inside))
		if ok && ctx.Err() == nil {
			state := *get
			state.Name = route.Name
			p.State = true
			r.run.Add(&state, p)
		}
	})
}
