package judge_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/tools/parity/compare"
	"pricing/tools/parity/judge"
)

var (
	began = time.Date(2026, 7, 6, 9, 0, 0, 0, time.UTC)
	route = &compare.Route{Name: "GET /x"}
)

func settings() judge.Settings {
	return judge.Settings{Mode: "replay", Alpha: 0.05, Power: 0.8, MaxMismatch: 0.001, P99Margin: 0.1}
}

// service makes pairs of two services at five a second; the new one takes so many times as long.
type service struct {
	random *rand.Rand
	slower float64
	change func(i int, p *judge.Pair)
}

func (s service) fill(run *judge.Run, n int) *judge.Run {
	draw := func() time.Duration {
		return time.Duration(12 * math.Exp(0.46*s.random.NormFloat64()) * float64(time.Millisecond))
	}
	for i := range n {
		p := judge.Pair{At: began.Add(time.Duration(i) * time.Second / 5), Legacy: judge.Side{Status: 200, Took: draw(), Reused: true},
			New: judge.Side{Status: 200, Took: time.Duration(float64(draw()) * s.slower), Reused: true}}
		if s.change != nil {
			s.change(i, &p)
		}
		run.Add(route, p)
	}
	return run
}

func newService(slower float64) service {
	return service{random: rand.New(rand.NewPCG(8, 8)), slower: slower}
}

func end(n int) time.Time { return began.Add(time.Duration(n) * time.Second / 5) }

func differ(every int) func(i int, p *judge.Pair) {
	return func(i int, p *judge.Pair) {
		if i%every == 0 {
			p.Differences = []compare.Difference{{Path: "/a", Kind: compare.Value, Legacy: `"x|<b>"`, New: "9"}}
		}
	}
}

func TestReport_Verdicts(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		n       int
		slower  float64
		change  func(i int, p *judge.Pair)
		with    func(*judge.Settings)
		counted int // as shed
		final   bool
		want    judge.Verdict
		reason  string
	}{
		"alike":               {n: 6_000, slower: 1, final: true, with: agreed(6_000), want: judge.Equivalent},
		"alike, T not agreed": {n: 30_000, slower: 1, final: true, want: judge.Equivalent},
		"too few": {n: 300, slower: 1, final: true, want: judge.NotEnough,
			reason: "2,695 more are needed, 9 min at this rate"},
		"too few for a P99":         {n: 300, slower: 1, final: true, want: judge.NotEnough, reason: "P99 is not estimable"},
		"far too slow, but too few": {n: 200, slower: 9, final: true, want: judge.NotEnough, reason: "P99 is not estimable"},
		"slower": {n: 6_000, slower: 1.5, final: true, with: agreed(6_000), want: judge.Worse,
			reason: "GET /x: slower than T: at least "},
		"slower, T not agreed": {n: 6_000, slower: 2, final: true, want: judge.Worse, reason: "slower than T"},
		"slower, not judged": {n: 3_000, slower: 2, final: true,
			with: func(s *judge.Settings) { s.P99Margin = float64(compare.None) }, want: judge.Equivalent},
		"content": {n: 6_000, slower: 1, change: differ(100), final: true, with: agreed(6_000), want: judge.Worse,
			reason: "answers that differ: at least 0.8"},
		"content, between the limits": {n: 6_000, slower: 1, change: differ(1_500), final: true, with: agreed(6_000), want: judge.NotEnough,
			reason: "more are needed"},
		"content at the budget": {n: 6_000, slower: 1, change: differ(1_000), final: true, with: agreed(6_000), want: judge.NotEnough,
			reason: "no number of requests would show it"},
		"early, alike": {n: 6_000, slower: 1, with: agreed(9_000), want: judge.NotEnough},
		"early, content": {n: 2_000, slower: 1, change: differ(50), with: agreed(9_000), want: judge.Worse,
			reason: "answers that differ"},
		"ended before the plan": {n: 6_000, slower: 1, final: true, with: agreed(9_000), want: judge.NotEnough},
		"early, T not agreed":   {n: 20_000, slower: 9, want: judge.NotEnough, reason: "only by a T that was agreed"},
		"open end": {n: 20_000, slower: 1, final: true, with: open, want: judge.NotEnough,
			reason: "only by a T that was agreed"},
		"shed": {n: 6_000, slower: 1, final: true, with: agreed(6_000), counted: 900, want: judge.NotEnough,
			reason: "900 requests were shed"},
		"A/A is never worse": {n: 6_000, slower: 1, change: differ(10), final: true, with: aa, want: judge.NotEnough,
			reason: "rules have to rule this noise out"},
		"no answer": {n: 4_000, slower: 1, change: stall, final: true, with: agreed(4_000), want: judge.Worse,
			reason: "slower than T"},
		"as noisy as legacy itself": {n: 20_000, slower: 1, change: noise(true), final: true, with: agreed(9_000), want: judge.NotEnough},
		"beyond the noise": {n: 20_000, slower: 1, change: noise(false), final: true, with: agreed(9_000), want: judge.Worse,
			reason: "answers that differ"},
		"slow by the minute, on chance": {n: 30_000, slower: 1, change: badMinutes, final: true, with: agreed(9_000), want: judge.NotEnough,
			reason: "slower than T"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := settings()
			if tt.with != nil {
				tt.with(&s)
			}
			run := judge.NewRun(s, began)
			sides := newService(tt.slower)
			sides.change = tt.change
			sides.fill(run, tt.n)
			for range tt.counted {
				run.Count(judge.Shed)
			}
			report := run.Report(end(tt.n), tt.final)
			assert.Equal(t, tt.want, report.Verdict, "%v", report.Reasons)
			assert.Contains(t, strings.Join(report.Reasons, "\n"), tt.reason)
		})
	}
	assert.Equal(t, judge.NotEnough, judge.NewRun(settings(), began).Report(began, true).Verdict, "nothing was compared")
}

func agreed(n int) func(*judge.Settings) {
	return func(s *judge.Settings) { s.Plan = map[string]judge.Target{"GET /x": {T: 38.5, Requests: n}} }
}

func open(s *judge.Settings) { s.Mode, s.Open = "proxy", true }

func aa(s *judge.Settings) { s.Mode = "aa" }

func stall(i int, p *judge.Pair) {
	if i%20 == 0 {
		p.New = judge.Side{Failed: "timeout", Took: time.Second}
		p.Differences = []compare.Difference{{Path: "body", Kind: compare.NoAnswer}}
	}
}

func noise(alike bool) func(int, *judge.Pair) {
	d := []compare.Difference{{Path: "/at", Kind: compare.Value}}
	return func(i int, p *judge.Pair) {
		p.Noisy = true
		if i%7 == 0 {
			p.Differences = d
		}
		if alike && i%7 == 1 {
			p.Noise = d
		}
	}
}

// badMinutes makes each twentieth minute slow, so that just over 1 % is: as one sees by chance when minutes come slow.
func badMinutes(i int, p *judge.Pair) {
	if minute := i / 300; minute%20 == 0 && i%4 == 0 {
		p.New.Took = time.Second
	}
}

func TestReport_Looks(t *testing.T) {
	t.Parallel()
	s := settings()
	agreed(3_000)(&s)
	run := newService(1).fill(judge.NewRun(s, began), 1_000)
	first := run.Report(end(1_000), false)
	assert.True(t, first.Early)
	fixed := newService(1).fill(judge.NewRun(settings(), began), 1_000).Report(end(1_000), true)
	assert.Greater(t, first.Routes[0].Mismatch.Limits.High, fixed.Routes[0].Mismatch.Limits.High,
		"a look that may come at any time knows less")
	newService(1).fill(run, 2_000)
	last := run.Report(end(3_000), true)
	assert.Equal(t, 1, last.Looks)
	assert.False(t, last.Early)
	unseen := newService(1).fill(judge.NewRun(s, began), 3_000).Report(end(3_000), true)
	assert.Greater(t, last.Routes[0].Mismatch.Limits.High, unseen.Routes[0].Mismatch.Limits.High, "looking before costs at the end")
	assert.Equal(t, judge.NotEnough, last.Verdict, "3,000 do not do any more")
	assert.True(t, run.Full("GET /x"))
	assert.False(t, run.Full("GET /y"))
}

func TestReport_SplitsColdFromWarm(t *testing.T) {
	t.Parallel()
	sides := newService(1)
	sides.change = func(i int, p *judge.Pair) {
		switch i % 50 {
		case 0:
			p.New.Cold, p.New.Took = true, 300*time.Millisecond
		case 1:
			p.Legacy.Reused, p.Legacy.Took = false, 100*time.Millisecond
		}
	}
	r := sides.fill(judge.NewRun(settings(), began), 5_000).Report(end(5_000), true).Routes[0]
	require.Len(t, r.Cold, 2)
	assert.Equal(t, 100, r.Cold[0].Share.Count)
	assert.Equal(t, 100, r.Cold[1].Share.Count)
	assert.InDelta(t, 300, *r.Cold[1].Median, 0)
	require.NotNil(t, r.Latency[2].New)
	assert.Less(t, r.Latency[2].New.High, 100.0, "warm ones only")
	assert.Equal(t, 4_800, r.Slower.Of)
	require.NotNil(t, r.Latency[2].Difference)
	assert.True(t, r.Latency[2].Difference.Low < 0 && 0 < r.Latency[2].Difference.High)
	assert.InDelta(t, 0, r.Paired.Value, 1)
	assert.InDelta(t, 0.98, r.Reused[0], 1e-9)
}

func TestReport_Forms(t *testing.T) {
	t.Parallel()
	sides := newService(1.2)
	sides.change = func(i int, p *judge.Pair) {
		differ(40)(i, p)
		p.RuledOut = []compare.RuledOut{{Path: "/at", Rule: "ignore"}, {Path: "/at", Rule: "ignore"}}
	}
	run := judge.NewRun(settings(), began)
	run.Add(&compare.Route{Name: "PUT /<script>"}, judge.Pair{At: began, State: true})
	report := sides.fill(run, 2_000).Report(end(2_000), true)
	var md, html bytes.Buffer
	require.NoError(t, report.Markdown(&md))
	require.NoError(t, report.HTML(&html))
	for _, text := range []string{md.String(), html.String()} {
		for _, want := range []string{"worse", "50 of 2,000", "P99", "/at", "2,000", "both 200", "(state after)"} {
			assert.Contains(t, text, want)
		}
		assert.NotContains(t, text, "no value")
		assert.NotContains(t, text, "%!")
	}
	assert.NotContains(t, html.String(), "<script", "it needs no script, and nothing in it becomes one")
	assert.NotContains(t, html.String(), "http://", "it needs nothing from elsewhere")
	assert.Contains(t, md.String(), "| `/a` | value | 50 | 0 | `\"x/<b>\"` | `9` |")
	assert.Equal(t, 2_000, report.Routes[0].RuledOut[0].Count, "an answer counts once")
	text, err := json.Marshal(report)
	require.NoError(t, err)
	var back judge.Report
	require.NoError(t, json.Unmarshal(text, &back))
	assert.Equal(t, report.Verdict, back.Verdict)
}

func TestPlan(t *testing.T) {
	t.Parallel()
	var samples, text bytes.Buffer
	require.NoError(t, newService(1).fill(judge.NewRun(settings(), began), 5_000).WriteSamples(&samples))
	plan, err := judge.Plan(bytes.NewReader(samples.Bytes()), &compare.Rules{}, settings())
	require.NoError(t, err)
	require.Len(t, plan, 1)
	p := plan[0]
	assert.InDelta(t, 35, p.P99, 3)
	assert.InDelta(t, 1.1*p.P99, p.T, 1e-9)
	assert.Equal(t, 2_995, p.Mismatch)
	assert.GreaterOrEqual(t, p.Requests, p.Mismatch)
	assert.InDelta(t, 5, p.Rate, 0.01)
	assert.InDelta(t, float64(p.Requests)/5, p.Seconds, 5)
	require.NoError(t, judge.PlanText(&text, plan, settings(), 5))
	for _, want := range []string{"P99: 1 % -> 1.2 % slow needs 42,693 a side, 2.4 h at 5/s", "1 that differ: 4,742 requests", "T 3"} {
		assert.Contains(t, text.String(), want)
	}

	// The planned number does what was planned for.
	s := settings()
	s.Plan = judge.Targets(plan)
	report := newService(1).fill(judge.NewRun(s, began), p.Requests).Report(end(p.Requests), true)
	assert.Equal(t, judge.Equivalent, report.Verdict, "%v", report.Reasons)

	samples.Reset()
	require.NoError(t, newService(1).fill(judge.NewRun(settings(), began), 300).WriteSamples(&samples))
	plan, err = judge.Plan(&samples, &compare.Rules{}, settings())
	require.NoError(t, err)
	assert.Zero(t, plan[0].T)
	text.Reset()
	require.NoError(t, judge.PlanText(&text, plan, settings(), 5))
	assert.Contains(t, text.String(), "P99 is not estimable from 300 warm requests")
	for broken, want := range map[string]string{
		"":                                    "no file of samples",
		"a,b\n":                               "no file of samples",
		header + "\nx,1,2\n":                  "wrong number of fields",
		header + "\nx,1,y,3,true,true,true\n": "line 2",
	} {
		_, err := judge.Plan(strings.NewReader(broken), &compare.Rules{}, settings())
		require.ErrorContains(t, err, want)
	}
}

const header = "route,at_ms,legacy_ms,new_ms,legacy_cold,new_cold,new_failed"

func FuzzPlan(f *testing.F) {
	f.Add(header + "\nGET /x,1,2,3,true,false,false\n")
	f.Fuzz(func(t *testing.T, text string) {
		plan, err := judge.Plan(strings.NewReader(text), &compare.Rules{}, settings())
		if err == nil {
			_ = judge.PlanText(&bytes.Buffer{}, plan, settings(), 5)
			_ = fmt.Sprint(judge.Targets(plan))
		}
	})
}

// A route of a proxy that has no plan ends when somebody likes: its limits are those of a look.
func TestReport_ProxyWithoutAPlanForARoute(t *testing.T) {
	t.Parallel()
	s := settings()
	s.Mode = "proxy"
	s.Plan = map[string]judge.Target{"GET /y": {T: 38.5, Requests: 10}}
	report := newService(1).fill(judge.NewRun(s, began), 3_000).Report(end(3_000), true)
	assert.True(t, report.Early)
	assert.Equal(t, judge.NotEnough, report.Verdict)
}
