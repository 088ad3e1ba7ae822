// Command oracle compares what the API answers with what it should answer, computed anew from the files it was fed.
//
//	oracle -url http://127.0.0.1:3000 -token-file .local/token FILE...
//
// A file holds observations as the API takes them, one JSON object a line, gzip or not. Several files count as one. For every
// product in them the offers, the raw history, its changes and its days are read to the last page and compared field by field, and so are
// some of its market summaries. The history and its days as CSV must have the same rows. The picture must show the right offers, say the
// right amounts, and its lines must go through the right points. Bulk queries must say what the answers of one product each say. The
// computation is written from the API's description alone and shares no code with the service, so a mistake would have to be made twice
// to go unseen. Nobody may write meanwhile.
//
// Not compared are receivedAt and client, which no file knows; a MAP price is taken from the answer. Where files have two contents
// under one observation id, the API kept whichever came first: either is right, but history and offer must agree on it. The exit
// status is 0 when all is equal, 1 when there is a difference, 2 when it could not be found out.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"pricing/shared/testkit/oracle"
)

const (
	equal = iota
	different
	unknown
)

const (
	parallel        = 4
	historyPage     = 1000
	offersPage      = 200
	defaultFreshFor = 26 * time.Hour
	// An offer that becomes stale within this time of now may be found stale or not.
	staleTolerance = 10 * time.Minute
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("oracle", flag.ContinueOnError)
	flags.SetOutput(stderr)
	base := flags.String("url", "http://127.0.0.1:3000", "the API's `address`, without /v1")
	tokenFile := flags.String("token-file", "", "`file` with a token that may read")
	nowText := flags.String("now", "", "RFC 3339 `time` to take for now (default: the clock)")
	days := flags.Int("retention-days", 0, "leave out observations older than so many `days` (default: what the API publishes)")
	show := flags.Int("show", 20, "print at most so many differences")
	if err := flags.Parse(args); err != nil {
		return unknown
	}
	if err := compareAll(*base, *tokenFile, *nowText, *days, *show, flags.Args(), stdout); err != nil {
		if errors.Is(err, errDifferent) {
			return different
		}
		_, _ = fmt.Fprintln(stderr, "oracle:", err)
		return unknown
	}
	return equal
}

var errDifferent = errors.New("there are differences")

func compareAll(base, tokenFile, nowText string, days, show int, files []string, out io.Writer) error {
	if len(files) == 0 {
		return errors.New("no file given")
	}
	now := time.Now()
	if nowText != "" {
		var err error
		if now, err = time.Parse(time.RFC3339, nowText); err != nil {
			return fmt.Errorf("-now: %w", err)
		}
	}
	token, err := os.ReadFile(tokenFile)
	if err != nil {
		return fmt.Errorf("read the token: %w", err)
	}
	api := &api{base: strings.TrimRight(base, "/"), token: strings.TrimSpace(string(token)), http: &http.Client{Timeout: time.Minute}}
	if days == 0 {
		if days, err = api.historyDays(); err != nil {
			return err
		}
	}
	shops, err := api.shops()
	if err != nil {
		return err
	}
	in, err := readFiles(files, now, time.Duration(days)*24*time.Hour)
	if err != nil {
		return err
	}
	c := comparison{now: now, shops: shops, sum: in.summary, questions: questions(days), singles: map[string]single{}}
	if err := c.products(api, in.products); err != nil {
		return err
	}
	if err := c.bulk(api); err != nil {
		return err
	}
	c.print(out, show)
	if len(c.differences) > 0 {
		return errDifferent
	}
	return nil
}

// summary is what was compared.
type summary struct {
	lines, repeated, conflicts int
	leftOut                    map[string]int
	products, offers, rows     int
	days                       int
	summaries                  int
	changes, csv               int // rows of view=changes, and of CSV
	plots, drawn               int // pictures, and lines in them
	entries                    int // of bulk queries
}

// input is the observations of all files by product.
type input struct {
	products map[string]history
	summary  summary
}

func readFiles(files []string, now time.Time, retention time.Duration) (*input, error) {
	in := &input{products: map[string]history{}, summary: summary{leftOut: map[string]int{}}}
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		err = in.read(file, now, retention)
		_ = file.Close() // it was only read
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
	}
	for _, h := range in.products {
		for _, contents := range h {
			if len(contents) > 1 {
				in.summary.conflicts++
			}
		}
	}
	return in, nil
}

func (in *input) read(r io.Reader, now time.Time, retention time.Duration) error {
	buffered := bufio.NewReader(r)
	r = buffered
	if magic, _ := buffered.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unpacked, err := gzip.NewReader(buffered)
		if err != nil {
			return err
		}
		r = unpacked
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		in.summary.lines++
		o, err := observe(text, now, retention)
		if err != nil {
			in.summary.leftOut[err.Error()]++
			continue
		}
		if in.products[o.Product] == nil {
			in.products[o.Product] = history{}
		}
		if in.products[o.Product].add(o) {
			in.summary.repeated++
		}
	}
	return lines.Err()
}

// comparison gathers differences; products are compared several at a time.
type comparison struct {
	now       time.Time
	shops     map[string]oracle.Shop
	questions []oracle.Question

	mu          sync.Mutex
	sum         summary
	differences []difference
	singles     map[string]single // by product, of those without a difference
}

// difference is one field that is not as it should be.
type difference struct {
	product, where, field string
	want, got             any
}

func (c *comparison) products(api *api, products map[string]history) error {
	jobs := make(chan string)
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	var workers sync.WaitGroup
	for range parallel {
		workers.Go(func() {
			for product := range jobs {
				if err := c.product(api, product, products[product]); err != nil {
					cancel(fmt.Errorf("product %s: %w", product, err))
				}
			}
		})
	}
	for _, product := range slices.Sorted(maps.Keys(products)) {
		if ctx.Err() != nil {
			break
		}
		jobs <- product
	}
	close(jobs)
	workers.Wait()
	return context.Cause(ctx)
}

func (c *comparison) product(api *api, product string, h history) error {
	rows, err := api.history(product, h, "raw", "observations")
	if err != nil {
		return err
	}
	changes, err := api.history(product, h, "changes", "observations")
	if err != nil {
		return err
	}
	daily, err := api.history(product, h, "daily", "days")
	if err != nil {
		return err
	}
	list, err := api.offers(product)
	if err != nil {
		return err
	}
	d := &diff{product: product}
	raw := map[string]map[string]any{}
	for _, row := range rows {
		id, _ := row["observationId"].(string)
		raw[id] = maps.Clone(row)
	}
	stored := d.history(h, rows)
	asStored := len(d.found) == 0
	d.days(stored, daily)
	current := offers(stored)
	d.offers(current, list, c)
	answered := single{offers: list, nearlyStale: c.nearlyStale(current)}
	if len(rows) > 0 {
		if answered.summaries, err = d.summaries(api, stored, current, c); err != nil {
			return err
		}
	}
	if asStored && len(rows) > 0 { // else they would only repeat what is wrong with the history
		d.changes(stored, raw, changes)
		if err := d.csv(api, h, stored, raw, daily); err != nil {
			return err
		}
		if err := d.plot(api, h, stored, current, c); err != nil {
			return err
		}
		c.countCSV(len(rows) + len(daily))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.differences = append(c.differences, d.found...)
	if len(d.found) == 0 {
		c.singles[product] = answered
	}
	c.sum.products++
	c.sum.rows += len(rows)
	c.sum.changes += len(changes)
	c.sum.days += len(daily)
	c.sum.offers += len(list)
	return nil
}

// freshFor is how long a competitor's offers stay fresh.
func (c *comparison) freshFor(competitor string) time.Duration {
	return cmp.Or(c.shops[competitor].FreshFor, defaultFreshFor)
}

// diff compares one product.
type diff struct {
	product string
	found   []difference
}

func (d *diff) add(where, field string, want, got any) {
	d.found = append(d.found, difference{d.product, where, field, want, got})
}

// history compares the raw history and returns what should be stored. Of two contents under one id that is the one that the API
// shows, if it shows one of them.
func (d *diff) history(h history, rows []map[string]any) []content {
	var stored []content
	byID := map[string]map[string]any{}
	for _, row := range rows {
		id, _ := row["observationId"].(string)
		if byID[id] != nil {
			d.add("history "+id, "observationId", "once", "again")
		}
		d.receipt("history "+id, row)
		byID[id] = row
	}
	for id, contents := range h {
		chosen := contents[0]
		row, found := byID[id]
		if !found {
			d.add("history "+id, "row", historyRow(chosen[0]), "missing")
			stored = append(stored, chosen)
			continue
		}
		for _, other := range contents[1:] {
			var trial diff
			if trial.fields("", historyRow(other[0]), row); len(trial.found) == 0 {
				chosen = other
			}
		}
		d.fields("history "+id, historyRow(chosen[0]), row)
		stored = append(stored, chosen)
	}
	for id, row := range byID {
		if _, known := h[id]; !known {
			d.add("history "+id, "row", "none", row)
		}
	}
	slices.SortFunc(stored, func(a, b content) int { return oracle.ByHistory(a[0], b[0]) })
	var want, got []string
	for _, sent := range stored {
		want = append(want, sent[0].ID)
	}
	for _, row := range rows {
		id, _ := row["observationId"].(string)
		got = append(got, id)
	}
	d.order("history", want, got)
	return stored
}

// days compares the history's days.
func (d *diff) days(stored []content, rows []map[string]any) {
	observations := make([]oracle.Observation, len(stored))
	for i, sent := range stored {
		observations[i] = sent[0]
	}
	name := func(row map[string]any) string { return fmt.Sprint(row["date"], " ", keyOf(row), " ", row["currency"]) }
	byName := map[string]map[string]any{}
	var wantOrder, gotOrder []string
	for _, row := range rows {
		if byName[name(row)] != nil {
			d.add("day "+name(row), "row", "once", "again")
		}
		byName[name(row)] = row
		gotOrder = append(gotOrder, name(row))
	}
	for _, day := range oracle.Days(observations) {
		want := dayRow(day)
		wantOrder = append(wantOrder, name(want))
		row, found := byName[name(want)]
		if !found {
			d.add("day "+name(want), "row", want, "missing")
			continue
		}
		delete(byName, name(want))
		d.fields("day "+name(want), want, row)
	}
	for other, row := range byName {
		d.add("day "+other, "row", "none", row)
	}
	d.order("days", wantOrder, gotOrder)
}

// offers compares the list of offers.
func (d *diff) offers(want []oracle.Offer, rows []map[string]any, c *comparison) {
	byKey := map[string]map[string]any{}
	var wantOrder, gotOrder []string
	for _, row := range rows {
		k := keyOf(row)
		if byKey[k] != nil {
			d.add("offer "+k, "key", "once", "again")
		}
		byKey[k] = row
		gotOrder = append(gotOrder, k)
	}
	for _, o := range want {
		k := o.Current.String()
		wantOrder = append(wantOrder, k)
		freshFor := c.freshFor(o.Current.Competitor)
		expected := offerRow(o, freshFor, c.now)
		row, found := byKey[k]
		if !found {
			d.add("offer "+k, "row", expected, "missing")
			continue
		}
		delete(byKey, k)
		if untilStale := o.Current.At.Add(freshFor).Sub(c.now); untilStale.Abs() < staleTolerance && o.Current.Competitor != own {
			expected["stale"] = row["stale"]
		}
		d.fields("offer "+k, expected, row)
	}
	for k, row := range byKey {
		d.add("offer "+k, "row", "none", row)
	}
	d.order("offers", wantOrder, gotOrder)
}

func keyOf(row map[string]any) string {
	text := func(name string) string {
		s, _ := row[name].(string)
		return s
	}
	return oracle.Key{Competitor: text("competitorId"), Seller: text("sellerId"), Condition: text("itemCondition"),
		Region: text("region"), Audience: text("audience")}.String()
}

// order compares the order of what both have, and names the first place where they differ.
func (d *diff) order(where string, want, got []string) {
	if len(want) != len(got) {
		return // said already, row by row
	}
	for i := range want {
		if want[i] != got[i] {
			d.add(where, fmt.Sprintf("order, row %d", i), want[i], got[i])
			return
		}
	}
}

// fields compares every field of two rows. The API may show more of the source than is compared here.
func (d *diff) fields(where string, want, got map[string]any) {
	names := slices.Sorted(maps.Keys(want))
	for name := range got {
		if _, ok := want[name]; !ok {
			names = append(names, name)
		}
	}
	for _, name := range names {
		w, wanted := want[name]
		g, there := got[name]
		switch {
		case !wanted:
			d.add(where, name, "no such field", g)
		case !there:
			d.add(where, name, w, "no such field")
		case name == "source":
			if !sameSource(w, g) {
				d.add(where, name, w, g)
			}
		case !reflect.DeepEqual(w, g):
			d.add(where, name, w, g)
		}
	}
}

// receipt takes from a row of the history what the service added and no file knows.
func (d *diff) receipt(where string, row map[string]any) {
	received, _ := row["receivedAt"].(string)
	if _, err := instant(received); err != nil {
		d.add(where, "receivedAt", "a timestamp", row["receivedAt"])
	}
	if client, _ := row["client"].(string); client == "" {
		d.add(where, "client", "a name", row["client"])
	}
	delete(row, "receivedAt")
	delete(row, "client")
}

func sameSource(want, got any) bool {
	w, _ := want.(map[string]any)
	g, _ := got.(map[string]any)
	confidence := func(m map[string]any) int {
		s, _ := m["confidence"].(string)
		return oracle.Rank(s)
	}
	return w["id"] == g["id"] && confidence(w) == confidence(g)
}

func (c *comparison) print(w io.Writer, show int) {
	var b strings.Builder
	fmt.Fprintf(&b, "files:    %d observations, %d of them repetitions, %d ids with more than one content",
		c.sum.lines, c.sum.repeated, c.sum.conflicts)
	for _, reason := range slices.Sorted(maps.Keys(c.sum.leftOut)) {
		fmt.Fprintf(&b, ", %d left out: %s", c.sum.leftOut[reason], reason)
	}
	fmt.Fprintf(&b, "\ncompared: %d products, %d offers, %d history rows, %d changes, %d days, %d summaries\n",
		c.sum.products, c.sum.offers, c.sum.rows, c.sum.changes, c.sum.days, c.sum.summaries)
	fmt.Fprintf(&b, "          %d rows of CSV, %d plots with %d lines, %d entries of bulk queries\n",
		c.sum.csv, c.sum.plots, c.sum.drawn, c.sum.entries)
	slices.SortStableFunc(c.differences, func(x, y difference) int {
		return cmp.Or(cmp.Compare(x.product, y.product), cmp.Compare(x.where, y.where), cmp.Compare(x.field, y.field))
	})
	byField := map[string]int{}
	for i, d := range c.differences {
		kind, _, _ := strings.Cut(d.where, " ")
		field, _, _ := strings.Cut(d.field, ",")
		byField[kind+" "+field]++
		if i < show {
			fmt.Fprintf(&b, "%s: %s: %s: want %s, got %s\n", d.product, d.where, d.field, text(d.want), text(d.got))
		}
	}
	for _, field := range slices.Sorted(maps.Keys(byField)) {
		fmt.Fprintf(&b, "          %d in %s\n", byField[field], field)
	}
	fmt.Fprintf(&b, "differences: %d\n", len(c.differences))
	_, _ = io.WriteString(w, b.String()) // the exit status says it too
}

func text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// api reads from the running service.
type api struct {
	base  string
	token string
	http  *http.Client
}

// get reads one document into to.
func (a *api) get(path string, to any) error {
	_, body, err := a.ask(http.MethodGet, a.base+path, "application/json", nil)
	if err != nil {
		return err
	}
	if err := decode(body, to); err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	return nil
}

// ask returns an answer of a media type. What the service could not do just then it repeats a few times.
func (a *api) ask(method, address, accept string, body []byte) (header http.Header, answer []byte, err error) {
	for attempt := range 5 {
		time.Sleep(time.Duration(attempt*attempt) * 200 * time.Millisecond)
		var again bool
		if header, answer, again, err = a.try(method, address, accept, body); !again {
			break
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%s %s: %w", method, address, err)
	}
	return header, answer, nil
}

func (a *api) try(method, address, accept string, body []byte) (header http.Header, answer []byte, again bool, err error) {
	req, err := http.NewRequestWithContext(context.Background(), method, address, bytes.NewReader(body))
	if err != nil {
		return nil, nil, false, err
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	req.Header.Set("Accept", accept)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, nil, true, err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end or given up
	answer, err = io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, true, err
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusMultiStatus {
		again = resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500
		return nil, nil, again, fmt.Errorf("%w: %s", statusError(resp.StatusCode), answer[:min(len(answer), 500)])
	}
	return resp.Header, answer, false, nil
}

// decode reads a document, with its numbers as they are printed.
func decode(text []byte, to any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(to)
}

// statusError is an answer that is not 200.
type statusError int

func (s statusError) Error() string { return "status " + strconv.Itoa(int(s)) }

// pages reads a list to its end. An unknown product has none.
func (a *api) pages(path, list string, query url.Values) ([]map[string]any, error) {
	var all []map[string]any
	for {
		var page map[string]json.RawMessage
		err := a.get(path+"?"+query.Encode(), &page)
		if status := statusError(0); errors.As(err, &status) && status == http.StatusNotFound {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		var rows []map[string]any
		if err := decode(page[list], &rows); err != nil {
			return nil, fmt.Errorf("GET %s: %s: %w", path, list, err)
		}
		all = append(all, rows...)
		var next string
		if err := json.Unmarshal(page["next"], &next); err != nil {
			return nil, fmt.Errorf("GET %s: next: %w", path, err)
		}
		if next == "" {
			return all, nil
		}
		query.Set("cursor", next)
	}
}

// history reads a view of the product's whole history; list is the member that has its rows.
func (a *api) history(product string, h history, view, list string) ([]map[string]any, error) {
	return a.pages(historyPath(product), list, historyQuery(h, view))
}

func historyPath(product string) string {
	return "/v1/products/" + url.PathEscape(product) + "/history"
}

func historyQuery(h history, view string) url.Values {
	from, to := span(h)
	return url.Values{"view": {view}, "order": {"asc"}, "limit": {strconv.Itoa(historyPage)},
		"from": {oracle.Stamp(from)}, "to": {oracle.Stamp(to)}}
}

// span is a window that has all of a history.
func span(h history) (from, to time.Time) {
	for _, contents := range h {
		at := contents[0][0].At
		if from.IsZero() || at.Before(from) {
			from = at
		}
		if at.After(to) {
			to = at
		}
	}
	return from, to.Add(time.Millisecond)
}

func (a *api) offers(product string) ([]map[string]any, error) {
	return a.pages("/v1/products/"+url.PathEscape(product)+"/offers", "offers", url.Values{
		"includeStale": {"true"}, "includeOwn": {"true"}, "sort": {"landed"}, "limit": {strconv.Itoa(offersPage)},
	})
}

// historyDays is how long the service keeps observations.
func (a *api) historyDays() (int, error) {
	var health struct {
		Limits struct {
			HistoryDays int `json:"historyDays"`
		} `json:"limits"`
	}
	if err := a.get("/v1/health", &health); err != nil {
		return 0, err
	}
	if health.Limits.HistoryDays < 1 {
		return 0, errors.New("GET /v1/health: no limits.historyDays; give -retention-days")
	}
	return health.Limits.HistoryDays, nil
}

// duration reads an ISO 8601 duration of weeks, days, hours, minutes and seconds.
func duration(text string) (time.Duration, error) {
	wrong := fmt.Errorf("%q is not a duration like PT26H", text)
	rest, ok := strings.CutPrefix(text, "P")
	days, clock, _ := strings.Cut(rest, "T")
	if !ok || rest == "" {
		return 0, wrong
	}
	var sum time.Duration
	for part, units := range map[string]map[byte]time.Duration{
		days:  {'W': 7 * 24 * time.Hour, 'D': 24 * time.Hour},
		clock: {'H': time.Hour, 'M': time.Minute, 'S': time.Second},
	} {
		for part != "" {
			end := strings.IndexFunc(part, func(r rune) bool { return r < '0' || r > '9' })
			if end < 1 || units[part[end]] == 0 {
				return 0, wrong
			}
			n, err := strconv.Atoi(part[:end])
			if err != nil {
				return 0, wrong
			}
			sum += time.Duration(n) * units[part[end]]
			part = part[end+1:]
		}
	}
	return sum, nil
}
