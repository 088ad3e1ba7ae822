// Command spike sends observations at a rate that rises and falls, to real functions, and sees that none that was acknowledged
// is lost.
//
//	go run ./tools/spike [-items 20] [-profile FILE] [-duration 5m] [-arrivals poisson] [-seed N] [-json]
//	go run ./tools/spike -url https://... -token-file FILE -table pricing-integ
//
// Without -url it starts everything itself: samkit/local with the functions, an engine in memory, and between them the fault
// proxy, which throttles a partition key beyond 1,000 write units a second. With -url it registers the competitors spike-a to
// spike-c there and writes products named spike-...; the token needs the scopes ingest and catalog, and the table is read
// with the AWS_* variables of the environment, as tools/inspect does.
//
// A profile has a line "seconds rate" for each point, the rate in observations a second; without one it goes from 5 to 700
// and back within a minute. Requests are sent when they are due, whether others were answered or not, and are not repeated.
// The exit status is 1 if an acknowledged observation is not in the table, or stands there twice, or if a request failed
// otherwise than by a throttle.
//
// What surprises: times count from when a request was due, not from when it was sent. The send lag between the two says
// whether this program itself came too late; on a small machine it shares the processors with what it measures. A request for
// which no more functions may be started at once (50 here) is throttled, too. With -url a request in which a function failed
// looks like that and counts as one: its metric Errors tells.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pricing/client"
	"pricing/tools/internal/profile"
	"pricing/tools/internal/tablestore"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "spike:", err)
		os.Exit(1)
	}
}

type options struct {
	profile profile.Profile
	poisson bool
	items   int
	traffic traffic
	seed    uint64
	units   float64
	url     string
	token   string
	table   string
	objects bool
}

func readOptions(args []string, getenv func(string) string, problems io.Writer) (options, error) {
	o := options{profile: profile.Default}
	flags := flag.NewFlagSet("spike", flag.ContinueOnError)
	flags.SetOutput(problems)
	file := flags.String("profile", "", "`file` of the rate over time")
	duration := flags.Duration("duration", 0, "stretch the profile to this `time`")
	arrivals := flags.String("arrivals", "even", "`even` or poisson")
	flags.IntVar(&o.items, "items", 1, "`observations` in a request; 1 is POST /v1/observations, more is a batch")
	flags.IntVar(&o.traffic.products, "products", 500, "`number` of products")
	flags.Float64Var(&o.traffic.skew, "skew", 0.5, "`exponent` of Zipf's law for how often a product is observed; 0 is all the same")
	flags.Float64Var(&o.traffic.duplicates, "duplicates", 0.05, "`share` of observations that were sent before")
	flags.Float64Var(&o.traffic.late, "late", 0.05, "`share` of observations that are up to an hour late")
	flags.Uint64Var(&o.seed, "seed", rand.Uint64(), "`number` that all data comes from")
	flags.Float64Var(&o.units, "units-per-key", 1000, "write `units` a second for each partition key")
	flags.StringVar(&o.url, "url", "", "`URL` of an API that is served already")
	tokenFile := flags.String("token-file", "", "`file` with a token for -url")
	flags.StringVar(&o.table, "table", getenv("TABLE_Table"), "`name` of the table behind -url")
	flags.BoolVar(&o.objects, "json", false, "print the report as JSON")
	if err := flags.Parse(args); err != nil {
		return o, flag.ErrHelp // flags has told
	}
	o.poisson = *arrivals == "poisson"
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case !o.poisson && *arrivals != "even":
		return o, fmt.Errorf("-arrivals: %q is neither even nor poisson", *arrivals)
	case o.items < 1 || o.items > client.BatchItems:
		return o, fmt.Errorf("-items: %d; a request has from 1 to %d", o.items, client.BatchItems)
	case o.traffic.products < 1 || o.traffic.products > profile.Most:
		return o, fmt.Errorf("-products: %d; there are from 1 to %d", o.traffic.products, profile.Most)
	case !(o.traffic.skew >= 0 && o.traffic.skew <= 10):
		return o, fmt.Errorf("-skew: %v is not between 0 and 10", o.traffic.skew)
	case !share(o.traffic.duplicates) || !share(o.traffic.late):
		return o, errors.New("-duplicates and -late are shares between 0 and 1")
	case !(o.units > 0):
		return o, fmt.Errorf("-units-per-key: %v is not above 0", o.units)
	case *duration < 0:
		return o, fmt.Errorf("-duration: %v is negative", *duration)
	case o.url != "" && (*tokenFile == "" || o.table == ""):
		return o, errors.New("-url needs -token-file and -table")
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
	if *duration > 0 {
		o.profile = o.profile.Scaled(*duration)
	}
	if all := o.profile.Observations(); all > profile.Most {
		return o, fmt.Errorf("%g observations; a run has at most %d", all, profile.Most)
	}
	if *tokenFile != "" {
		text, err := os.ReadFile(*tokenFile)
		if err != nil {
			return o, fmt.Errorf("-token-file: %w", err)
		}
		o.token = strings.TrimSpace(string(text))
	}
	return o, nil
}

func share(x float64) bool { return x >= 0 && x <= 1 }

// errFailed says that the report has the reason.
var errFailed = errors.New("the spike was not survived")

func run(ctx context.Context, args []string, getenv func(string) string, out, problems io.Writer) (err error) {
	o, err := readOptions(args, getenv, problems)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(problems, "seed", o.seed) // the report has it, too
	to := &api{url: strings.TrimRight(o.url, "/"), token: o.token}
	if o.url == "" {
		if to, err = serve(ctx, o.profile.Peak()/float64(o.items), o.units, problems); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, to.stop()) }()
	} else {
		to.table = tablestore.Open(o.table, getenv)
	}
	if err := register(ctx, to); err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(o.seed, 0))
	start := time.Now()
	l := load{url: to.url, token: to.token, run: strconv.FormatInt(start.UnixMilli(), 36), items: o.items, single: o.items == 1,
		due: o.profile.Due(o.items, o.poisson, random)}
	l.all = o.traffic.sightings(start, l.due, l.items, random)
	s := l.attack(ctx)
	if ctx.Err() != nil {
		return errors.New("ended before its time")
	}
	if to.end != nil {
		n, err := to.end()
		if err != nil {
			return err
		}
		if n > 0 {
			s.failures["503 since a function failed"] = n
		}
	}
	f, err := check(ctx, to.table, l, s.acknowledged)
	if err != nil {
		return err
	}
	r := newReport(l, s, f)
	r.Seed, r.Profile, r.Arrivals = o.seed, o.profile.String(), "even"
	if o.poisson {
		r.Arrivals = "poisson"
	}
	if to.limit != nil {
		r.Calls = to.limit.Throttled()
	}
	if o.objects {
		if err := json.NewEncoder(out).Encode(r); err != nil {
			return fmt.Errorf("print the report: %w", err)
		}
	} else {
		r.text(out)
	}
	if !r.Passed {
		return errFailed
	}
	return nil
}

// register registers the competitors.
func register(ctx context.Context, to *api) error {
	c, err := client.New(to.url, to.token)
	if err != nil {
		return err
	}
	for _, id := range competitors {
		if _, err := c.PutCompetitor(ctx, id, client.CompetitorSettings{Name: id, Kind: "retailer"}); err != nil {
			return fmt.Errorf("register %s: %w", id, err)
		}
	}
	return nil
}
