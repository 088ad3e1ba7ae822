// Command prewarm says how many environments to keep ready for the daily spike, what that costs, and whether it is worth it.
//
//	go run ./tools/prewarm -plan [-profile FILE] [-items 20] [-p50 20ms] [-p95 50ms] [-start 150ms] [-schedule 05:45-07:00@Europe/Berlin]
//
// The profile is that of tools/spike: a line "seconds rate" for each point. Requests arrive as a Poisson process and are simulated one by
// one: each takes an environment that is free, else waits for a new one. What a request takes is drawn from a log-normal distribution with
// the given percentiles. The number to give as PrewarmEnvironments (PrewarmBatchEnvironments, with -items above 1) is the peak's requests a
// second x P95 x 1.2. Memory and architecture are template.yaml's, prices those of tools/internal/prices. It asks AWS nothing and changes
// nothing.
//
// What surprises: the durations by default are assumed. Take your own from the runbook's queries `slow` and `cold`. And fewer environments
// than are needed can bring more cold starts than none: without any, the slow starts of a quiet time leave environments for the spike.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"text/tabwriter"
	"time"

	"pricing/client"
	"pricing/samkit/local/samtemplate"
	"pricing/tools/internal/prices"
	"pricing/tools/internal/profile"
)

func main() {
	err := run(os.Args[1:], os.Stdout, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "prewarm:", err)
		os.Exit(1)
	}
}

// headroom is what is kept ready beyond what the peak needs by its P95.
const headroom = 1.2

type options struct {
	profile         profile.Profile
	items, limit    int
	p50, p95, start time.Duration
	schedule        string
	ready           time.Duration // how long a day
	bearable        float64
	template        string
	seed            uint64
	objects         bool
}

func readOptions(args []string, problems io.Writer) (options, error) {
	o := options{profile: profile.Default}
	flags := flag.NewFlagSet("prewarm", flag.ContinueOnError)
	flags.SetOutput(problems)
	plan := flags.Bool("plan", false, "print the plan, all that this command does")
	file := flags.String("profile", "", "`file` of the rate over time, as for tools/spike")
	flags.IntVar(&o.items, "items", 1, "`observations` in a request; 1 is POST /v1/observations, more is a batch")
	flags.DurationVar(&o.p50, "p50", 20*time.Millisecond, "`time` that half of the requests take at most, cold starts aside")
	flags.DurationVar(&o.p95, "p95", 50*time.Millisecond, "`time` that 95 % of them take at most")
	flags.DurationVar(&o.start, "start", 150*time.Millisecond, "`time` that a cold start adds")
	flags.IntVar(&o.limit, "limit", 1000, "`number` of executions at once that the account allows")
	flags.StringVar(&o.schedule, "schedule", "05:45-07:00@UTC", "`times` of PrewarmSchedule")
	flags.Float64Var(&o.bearable, "bearable", 0.01,
		"`share` of a minute's requests that may wait for a cold start; beyond 0.01 it shows in the P99")
	flags.StringVar(&o.template, "template", "template.yaml", "`file` that has the functions' memory")
	flags.Uint64Var(&o.seed, "seed", 1, "`number` that arrivals and durations come from")
	flags.BoolVar(&o.objects, "json", false, "print the plan as JSON")
	if err := flags.Parse(args); err != nil {
		return o, flag.ErrHelp // flags has told
	}
	var err error
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case !*plan:
		return o, errors.New("nothing to do; -plan prints a plan, and template.yaml's PrewarmSchedule carries it out")
	case o.items < 1 || o.items > client.BatchItems:
		return o, fmt.Errorf("-items: %d; a request has from 1 to %d", o.items, client.BatchItems)
	case o.p50 <= 0 || o.p95 <= o.p50 || o.p95 > 15*time.Minute:
		return o, fmt.Errorf("-p50 %v and -p95 %v: the second is the longer, and an invocation takes a quarter of an hour at most", o.p50, o.p95)
	case o.start < 0 || o.start > 15*time.Minute:
		return o, fmt.Errorf("-start: %v is not from 0 to 15m", o.start)
	case o.limit < 1:
		return o, fmt.Errorf("-limit: %d is below 1", o.limit)
	case !(o.bearable >= 0 && o.bearable <= 1):
		return o, fmt.Errorf("-bearable: %v is no share between 0 and 1", o.bearable)
	}
	if o.ready, err = readSchedule(o.schedule); err != nil {
		return o, fmt.Errorf("-schedule: %w", err)
	}
	if *file != "" {
		text, err := os.ReadFile(*file)
		if err == nil {
			o.profile, err = profile.Read(text)
		}
		if err != nil {
			return o, fmt.Errorf("-profile %s: %w", *file, err)
		}
	}
	return o, nil
}

var schedule = regexp.MustCompile(`^([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])@(.+)$`)

// readSchedule returns how long a day the environments are ready by a value of PrewarmSchedule. It may be over midnight.
func readSchedule(text string) (time.Duration, error) {
	m := schedule.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("%q is not of the form 05:45-07:00@Europe/Berlin", text)
	}
	if _, err := time.LoadLocation(m[5]); err != nil {
		return 0, fmt.Errorf("time zone: %w", err)
	}
	var minutes [4]int
	for i := range minutes {
		minutes[i], _ = strconv.Atoi(m[i+1]) // two digits
	}
	length := (minutes[2]*60 + minutes[3] - minutes[0]*60 - minutes[1] + 24*60) % (24 * 60)
	if length == 0 {
		return 0, fmt.Errorf("%q goes up and down at the same minute", text)
	}
	return time.Duration(length) * time.Minute, nil
}

// choice is what a number of environments kept ready does and costs.
type choice struct {
	outcome
	All     second  `json:"all"`
	Minute  second  `json:"firstMinute"` // of the spike
	Share   float64 `json:"share"`       // of the first minute's requests that waited for a cold start
	Dollars float64 `json:"usdAMonth"`
}

// plan is what is printed.
type plan struct {
	Function     string        `json:"function"`
	MemoryMB     int           `json:"memoryMB"`
	Rate         float64       `json:"peakRequestsASecond"`
	Environments int           `json:"environments"`
	Spike        int           `json:"spikeBegins"` // the second
	Ready        time.Duration `json:"readyADay"`
	Choices      []choice      `json:"choices"` // none kept ready first, then a half, then Environments
	Worth        bool          `json:"worth"`
	Region       string        `json:"region"`
	PricesAsOf   string        `json:"pricesAsOf"`
}

func run(args []string, out, problems io.Writer) error {
	o, err := readOptions(args, problems)
	if err != nil {
		return err
	}
	p, err := o.plan()
	if err != nil {
		return err
	}
	if o.objects {
		if err := json.NewEncoder(out).Encode(p); err != nil {
			return fmt.Errorf("print the plan: %w", err)
		}
		return nil
	}
	o.print(p, out)
	return nil
}

func (o options) plan() (plan, error) {
	template, err := samtemplate.Load(o.template, map[string]string{"DeployEnv": "prod"})
	if err != nil {
		return plan{}, fmt.Errorf("read the memory: %w", err)
	}
	list, err := prices.Read()
	if err != nil {
		return plan{}, err
	}
	p := plan{Function: "record-observation", Rate: o.profile.Peak() / float64(o.items), Ready: o.ready,
		Region: list.Region, PricesAsOf: list.AsOf}
	id, price := "RecordObservationFunction", "provisionedArm64"
	if o.items > 1 {
		id, p.Function = "RecordObservationsFunction", "record-observations"
	}
	if template.Parameters["Architecture"] == "x86_64" {
		price = "provisionedX86"
	}
	f, ok := template.Functions[id]
	if !ok {
		return plan{}, fmt.Errorf("%s has no %s", o.template, id)
	}
	p.MemoryMB = f.MemoryMB
	p.Environments = int(math.Ceil(p.Rate*o.p95.Seconds()*headroom - 1e-9)) // 42 and not 43, for 42.000000001
	for p.Spike = 0; p.Spike < int(o.profile.Seconds()) && o.profile.Rate(float64(p.Spike+1)) <= o.profile[0].Rate; {
		p.Spike++
	}
	random := rand.New(rand.NewPCG(o.seed, 0))
	l := newLoad(o.profile.Due(o.items, true, random), o.p50, o.p95, o.start, o.limit, random)
	for _, n := range []int{0, p.Environments / 2, p.Environments} {
		c := choice{outcome: l.simulate(n)}
		c.All, c.Minute = c.total(0, len(c.Seconds)), c.total(p.Spike, p.Spike+60)
		c.Share = float64(c.Minute.Cold) / float64(max(1, c.Minute.Requests))
		billed := math.Ceil(o.ready.Minutes()/5) * 5 * 60 * 365 / 12 // seconds a month; Lambda rounds up to five minutes
		if c.Dollars, err = list.Cost(price, float64(n)*float64(f.MemoryMB)/1024*billed); err != nil {
			return plan{}, err
		}
		p.Choices = append(p.Choices, c)
	}
	p.Worth = p.Choices[0].Share > o.bearable
	return p, nil
}

func (o options) print(p plan, out io.Writer) {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) }
	none, most := p.Choices[0], p.Choices[len(p.Choices)-1]
	say("%s: %d environments = %g requests/s at the peak x %v (P95) x %g", p.Function, p.Environments, p.Rate, o.p95, headroom)
	say("A cold start adds %v. Durations are what -p50, -p95 and -start say; prices are of %s, %s.\n", o.start, p.Region, p.PricesAsOf)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(format string, args ...any) { _, _ = fmt.Fprintf(table, format+"\n", args...) }
	row("ready\tcold starts\tin the spike's first minute\tthrottled\tUSD a month")
	for _, c := range p.Choices {
		row("%d\t%d\t%d of %d (%.2f %%)\t%d\t%.2f",
			c.Provisioned, c.All.Cold, c.Minute.Cold, c.Minute.Requests, 100*c.Share, c.All.Throttled, c.Dollars)
	}
	_ = table.Flush()
	say("\nSeconds with a cold start, their share of the second's requests:")
	row("second\trequests\tnone ready\t%d ready\t%d ready", p.Choices[1].Provisioned, most.Provisioned)
	for i := range none.Seconds {
		if none.Seconds[i].Cold+p.Choices[1].Seconds[i].Cold+most.Seconds[i].Cold == 0 {
			continue
		}
		row("%d\t%d\t%s\t%s\t%s", i, none.Seconds[i].Requests, none.Seconds[i].share(), p.Choices[1].Seconds[i].share(), most.Seconds[i].share())
	}
	_ = table.Flush()
	if !p.Worth {
		say("\nNot worth it: without any, %d of %d requests of the spike's first minute (%.2f %%) wait %v for a cold start; up to %g %% is\n"+
			"bearable. %d environments ready for %v a day cost %.2f USD a month.",
			none.Minute.Cold, none.Minute.Requests, 100*none.Share, o.start, 100*o.bearable, p.Environments, p.Ready, most.Dollars)
		return
	}
	parameter := "PrewarmEnvironments"
	if o.items > 1 {
		parameter = "PrewarmBatchEnvironments"
	}
	say("\nWorth it: without any, %d of %d requests of the spike's first minute (%.2f %%) wait %v for a cold start, more than %g %%.\n"+
		"Deploy with PrewarmSchedule=%s %s=%d, for %.2f USD a month.",
		none.Minute.Cold, none.Minute.Requests, 100*none.Share, o.start, 100*o.bearable, o.schedule, parameter, p.Environments, most.Dollars)
}

// share is how many of a second's requests waited for a cold start.
func (s second) share() string {
	return fmt.Sprintf("%d (%.1f %%)", s.Cold, 100*float64(s.Cold)/float64(max(1, s.Requests)))
}
