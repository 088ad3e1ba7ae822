package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/samkit/local/lambdaruntime"
	"pricing/samkit/local/samtemplate"
	"pricing/shared/price"
	"pricing/shared/testkit/faultproxy"
	"pricing/tools/bench/bootstrap"
	"pricing/tools/bench/peer"
)

// bulk measures queries of many products.
type bulk struct {
	*bench
	root   string
	rounds int
	offers []int // of each product, one market each
}

const (
	bulkMemory = 512                  // MB, of the function
	wholeCPU   = 1769                 // MB at which a function has one vCPU
	storeCall  = 5 * time.Millisecond // what a call takes longer than the engine does
	often      = 5                    // how many invocations of a function there are to one of the usual code, which takes so much longer
	shownOf    = 5                    // offers of a product that are asked for, where all of them would not fit into an answer
	fewOffers  = 8                    // all of which are asked for
	longest    = 5 * time.Minute      // with the usual code, which knows no deadline; a function has its own timeout
)

// bulkQuery is a query and the function that answers it. Each is measured beside the usual code.
type bulkQuery struct {
	name, function, route string
	body                  func(ids []string, most int) map[string]any
}

// bulkQueries are those that are measured.
var bulkQueries = []bulkQuery{
	{"offers", "query-offers", "/v1/offers/query", func(ids []string, most int) map[string]any {
		return map[string]any{"productIds": ids, "perProductLimit": most}
	}},
	{"summaries", "query-summaries", "/v1/summaries/query", func(ids []string, _ int) map[string]any {
		return map[string]any{"productIds": ids, "includeStale": true} // the market is of another year
	}},
}

// bulkProgram is one of the programs that answer a query.
type bulkProgram struct {
	name  string
	pool  *lambdaruntime.Pool
	pid   string // the file that has the process's id
	event func(ids []string) ([]byte, error)
	often int

	times    []float64 // of invocations, in ms
	cpu      []float64 // of the same
	bytes    int       // of an answer
	answer   bulkAnswer
	requests int // needed for all of the products
	calls    int
	units    float64
	peak     int // KB of memory that the process has had at once
}

// bulkAnswer is what became of the products of a query.
type bulkAnswer struct {
	found, throttled, tooLarge int
	again                      []string // ids that have to be asked for again
}

// readBulkAnswer reads what became of the products.
func readBulkAnswer(body string) (a bulkAnswer, err error) {
	var told struct {
		Results []struct {
			ProductID string
			Status    int
			Retryable bool
		}
	}
	if err := json.Unmarshal([]byte(body), &told); err != nil {
		return bulkAnswer{}, fmt.Errorf("read the answer: %w", err)
	}
	for _, r := range told.Results {
		switch r.Status {
		case http.StatusOK:
			a.found++
		case http.StatusServiceUnavailable:
			a.throttled++
		case http.StatusRequestEntityTooLarge:
			a.tooLarge++
		}
		if r.Retryable {
			a.again = append(a.again, r.ProductID)
		}
	}
	return a, nil
}

// measure compares the queries with the usual code, for each number of offers.
func (b *bulk) measure(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the system clears its temporary folder
	lab, err := bootstrap.NewLab(dir, b.endpoint)
	if err != nil {
		return err
	}
	packages := []string{"tools/bench/usual"}
	for _, q := range bulkQueries {
		packages = append(packages, "functions/"+q.function)
	}
	bin, err := lab.Build(ctx, b.root, packages...)
	if err != nil {
		return err
	}
	proxy := newCounting(b.endpoint)
	url, err := proxy.Start("127.0.0.1:0")
	if err != nil {
		return err
	}
	defer proxy.Close()
	slice, err := newQuota("pricing-bench-"+strconv.Itoa(os.Getpid()), float64(bulkMemory)/wholeCPU)
	if err != nil {
		b.say(b.out, "The CPU of the programs is NOT limited: %v", err)
	}
	defer slice.remove()
	b.say(b.out, "Queries of %d products, %s a call of the store longer than the engine takes, %.2f vCPU each; %d invocations of the usual",
		mostItems, storeCall, float64(bulkMemory)/wholeCPU, b.rounds)
	b.say(b.out, "code, %d times as many of a function, so that its last percentile says more", often)
	for _, offers := range b.offers {
		mine, theirs, ids, err := b.fill(ctx, offers)
		if err != nil {
			return err
		}
		for _, q := range bulkQueries {
			of := bulkMarket{bin: bin, dir: dir, url: url, slice: slice, mine: mine, theirs: theirs, ids: ids, offers: offers}
			if err := b.compareBulk(ctx, proxy, q, of); err != nil {
				return err
			}
		}
	}
	return nil
}

// fill makes a market with so many offers a product, in a table for the functions and in one of the two-item design.
func (b *bulk) fill(ctx context.Context, offers int) (mine, theirs string, ids []string, err error) {
	m := newMarket(shape{products: mostItems, offers: offers, idLength: 10}, b.random(7))
	boards, err := b.newBoards(ctx, m)
	if err != nil {
		return "", "", nil, err
	}
	usual, err := b.newTwoItems(ctx)
	if err != nil {
		return "", "", nil, err
	}
	if err := b.registerPeers(ctx, usual.table, m.competitors()); err != nil {
		return "", "", nil, err
	}
	for range 2 { // the second splits what has to be split
		scan, received := m.scan()
		if _, err := send(ctx, boards, centred.requests(scan), received); err != nil {
			return "", "", nil, err
		}
		if err := b.putLatest(ctx, usual.table, scan, received); err != nil {
			return "", "", nil, err
		}
	}
	for p := range m.products {
		ids = append(ids, m.productID(p))
	}
	return boards.table, usual.table, ids, nil
}

// registerPeers puts competitors into the table of the usual code.
func (b *bulk) registerPeers(ctx context.Context, table string, ids []string) error {
	var items []map[string]types.AttributeValue
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	for _, id := range ids {
		items = append(items, map[string]types.AttributeValue{
			"pk": text("competitors"), "sk": text(id), "name": text(id), "status": text("active"),
		})
	}
	return b.putItems(ctx, table, items)
}

// putLatest puts the latest observations of a scan as the two-item design has them. Their history is not read.
func (b *bulk) putLatest(ctx context.Context, table string, scan [][]price.Observation, received price.Timestamp) error {
	var items []map[string]types.AttributeValue
	for _, of := range scan {
		for _, o := range of {
			items = append(items, peer.Latest(o, received))
		}
	}
	return b.putItems(ctx, table, items)
}

// compareBulk measures one query.
func (b *bulk) compareBulk(ctx context.Context, proxy *counting, q bulkQuery, m bulkMarket) error {
	programs, err := b.bulkPrograms(q, m)
	for _, p := range programs {
		defer p.pool.Close(time.Second)
	}
	if err != nil {
		return err
	}
	for _, p := range programs { // the first invocation fills caches; the second is counted
		for range 2 {
			proxy.reset()
			if err := p.invoke(ctx, m.ids); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
		p.calls, p.units = proxy.counts()
		proxy.stop()
		if err := p.askAgain(ctx); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		p.times, p.cpu = nil, nil
	}
	ratios := make([][]float64, len(programs)) // of each round's times to those of the first program
	for range b.rounds {
		var first float64
		for i, p := range programs {
			before := len(p.times)
			for range p.often {
				if err := p.invoke(ctx, m.ids); err != nil {
					return fmt.Errorf("%s: %w", p.name, err)
				}
			}
			median := quantile(p.times[before:], 0.5)
			if i == 0 {
				first = median
			}
			ratios[i] = append(ratios[i], median/first)
		}
	}
	b.say(b.out, "")
	b.say(b.out, "%s of %d products with %d offers each", q.name, len(m.ids), m.offers)
	table := b.printer()
	b.say(table, "\tfound\tthrottled\ttoo large\trequests for all\tcalls\tread units\tmedian\tP99\tCPU\tanswer\tmemory\t")
	usual := programs[0]
	for i, p := range programs {
		cpu := quantile(p.cpu, 0.5)
		b.say(table, "%s\t%d\t%d\t%d\t%d\t%d\t%.1f\t%.0f ms  x%.3f\t%.0f ms  x%.3f\t%.0f ms  x%.3f\t%d KB\t%d MB\t", p.name,
			p.answer.found, p.answer.throttled, p.answer.tooLarge, p.requests, p.calls, p.units,
			quantile(p.times, 0.5), quantile(ratios[i], 0.5), quantile(p.times, 0.99), quantile(p.times, 0.99)/quantile(usual.times, 0.99),
			cpu, cpu/quantile(usual.cpu, 0.5), p.bytes/1000, p.peak/1024)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// bulkMarket is where a query is measured.
type bulkMarket struct {
	bin, dir, url string
	slice         *quota
	mine, theirs  string // tables
	ids           []string
	offers        int
}

// bulkPrograms are the usual code that asks for one product after the other, the usual code that asks for four at a time, and the
// function.
func (b *bulk) bulkPrograms(q bulkQuery, m bulkMarket) (programs []*bulkProgram, err error) {
	template, err := samtemplate.Load(filepath.Join(b.root, "template.yaml"), map[string]string{"DeployEnv": "dev"})
	if err != nil {
		return nil, err
	}
	settings, timeout, err := variables(template, q.function, m.mine)
	if err != nil {
		return nil, err
	}
	most := shownOf
	if m.offers <= fewOffers {
		most = m.offers
	}
	event := func(ids []string) ([]byte, error) {
		return json.Marshal(proxyEvent("POST", q.route, q.body(ids, most)))
	}
	for _, p := range []struct {
		name, binary string
		environment  []string
		timeout      time.Duration
		often        int
	}{
		{"one after the other", "usual", []string{"TABLE_NAME=" + m.theirs, "WIDTH=1"}, longest, 1},
		{"four at a time", "usual", []string{"TABLE_NAME=" + m.theirs, "WIDTH=4"}, longest, 1},
		{q.function, q.function, settings, timeout, often},
	} {
		script := filepath.Join(m.dir, fmt.Sprintf("%s-%d-%d", q.function, m.offers, len(programs)))
		made := &bulkProgram{name: p.name, event: event, often: p.often, pid: script + ".pid"}
		wrapper, err := m.slice.wrap(script, made.pid, filepath.Join(m.bin, p.binary))
		if err != nil {
			return programs, err
		}
		made.pool = lambdaruntime.New(lambdaruntime.Function{
			Name: p.name, ARN: "arn:aws:lambda:eu-central-1:123456789012:function:bench:live", Binary: wrapper, Directory: m.dir,
			Timeout: p.timeout, InitTimeout: time.Minute, Log: io.Discard,
			Environment: append([]string{"PATH=" + os.Getenv("PATH"), "AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=bench",
				"AWS_SECRET_ACCESS_KEY=bench", "AWS_ENDPOINT_URL_DYNAMODB=" + m.url, "AWS_LAMBDA_FUNCTION_VERSION=1", "_HANDLER=bootstrap"},
				p.environment...),
		})
		programs = append(programs, made)
	}
	return programs, nil
}

// invoke asks the program once, and notes what that took.
func (p *bulkProgram) invoke(ctx context.Context, ids []string) error {
	event, err := p.event(ids)
	if err != nil {
		return err
	}
	before, err := p.used()
	if err != nil {
		return err
	}
	start := time.Now()
	result, err := p.pool.Invoke(ctx, "c6af9ac6-7b61-11e6-9a41-000000000000", "", event)
	took := time.Since(start)
	if err != nil {
		return err
	}
	after, err := p.used()
	if err != nil {
		return err
	}
	var answer struct {
		StatusCode int    `json:"statusCode"`
		Body       string `json:"body"`
	}
	if err := json.Unmarshal(result.Payload, &answer); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if p.answer, err = readBulkAnswer(answer.Body); err != nil {
		return err
	}
	if p.answer.found == 0 {
		return fmt.Errorf("its answer is %d: %.500s", answer.StatusCode, answer.Body)
	}
	p.times = append(p.times, milliseconds(took))
	p.cpu = append(p.cpu, milliseconds(after-before))
	p.bytes = len(answer.Body)
	return nil
}

// askAgain asks for what the last answer had no room or time for, and counts the requests until there is nothing left.
func (p *bulkProgram) askAgain(ctx context.Context) error {
	for p.requests = 1; len(p.answer.again) > 0; p.requests++ {
		if err := p.invoke(ctx, p.answer.again); err != nil {
			return err
		}
	}
	return nil
}

// used is the CPU that the program's process has used so far, and notes the memory; there is none before the first invocation.
func (p *bulkProgram) used() (time.Duration, error) {
	text, err := os.ReadFile(p.pid)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, err
	}
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0, err
	}
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscanf(peak, "%d kB", &p.peak); err != nil {
		return 0, fmt.Errorf("read the memory of the process: %w", err)
	}
	return bootstrap.CPU(pid)
}

// putItems puts items into a table, as many a call as DynamoDB takes.
func (b *bulk) putItems(ctx context.Context, table string, items []map[string]types.AttributeValue) error {
	const most = 25
	for len(items) > 0 {
		n := min(most, len(items))
		var puts []types.WriteRequest
		for _, it := range items[:n] {
			puts = append(puts, types.WriteRequest{PutRequest: &types.PutRequest{Item: it}})
		}
		items = items[n:]
		out, err := b.client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{table: puts}})
		if err != nil {
			return fmt.Errorf("fill the table: %w", err)
		}
		if len(out.UnprocessedItems) > 0 {
			return errors.New("fill the table: the engine left items unprocessed")
		}
	}
	return nil
}

// counting is a proxy that makes each call take longer, and counts calls and units until it is told to stop.
type counting struct {
	*faultproxy.Proxy
	mu      sync.Mutex
	stopped bool
	calls   int
	units   float64
}

func newCounting(endpoint string) *counting {
	c := &counting{Proxy: faultproxy.New(endpoint, func(faultproxy.Call) faultproxy.Action {
		return faultproxy.Action{Kind: faultproxy.Delay, Wait: storeCall}
	})}
	c.Applied = c.applied
	return c
}

// applied reads the units out of an answer. That costs CPU, of which the measured programs would have less.
func (c *counting) applied(_ faultproxy.Call, answer []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return
	}
	c.calls++
	var one struct {
		ConsumedCapacity struct{ CapacityUnits float64 }
	}
	var several struct {
		ConsumedCapacity []struct{ CapacityUnits float64 }
	}
	switch {
	case json.Unmarshal(answer, &one) == nil:
		c.units += one.ConsumedCapacity.CapacityUnits
	case json.Unmarshal(answer, &several) == nil:
		for _, u := range several.ConsumedCapacity {
			c.units += u.CapacityUnits
		}
	}
}

func (c *counting) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped, c.calls, c.units = false, 0, 0
}

func (c *counting) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
}

func (c *counting) counts() (calls int, units float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls, c.units
}
