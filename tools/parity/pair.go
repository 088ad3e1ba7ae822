package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"pricing/samkit/engine"
	"pricing/shared/token"
	"pricing/tools/bench/peer"
	"pricing/tools/internal/localapi"
	"pricing/tools/internal/tablestore"
	"pricing/tools/parity/compare"
	"pricing/tools/parity/judge"
	"pricing/tools/parity/oldservice"
	"pricing/tools/parity/traffic"
)

// world is this API, served with its real functions, and the old service behind its /v1/legacy.
type world struct {
	url, token string
	dir        string
	stops      []func() error
}

func (w *world) stop() (err error) {
	for i := len(w.stops) - 1; i >= 0; i-- {
		err = errors.Join(err, w.stops[i]())
	}
	return err
}

// serveBoth serves the pair. A naive old service puts the latest price without a condition, as they are often written.
func serveBoth(ctx context.Context, root string, project localapi.Project, naive bool) (w *world, err error) {
	w = &world{dir: project.Dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.stop())
		}
	}()
	e, err := engine.Start(ctx, root, "")
	if err != nil {
		return w, err
	}
	w.stops = append(w.stops, func() error { e.Stop(); return nil })
	env := tablestore.Local(e.Endpoint())
	store, err := peer.New(ctx, tablestore.Client(env, 0), "old-service", 4)
	if err != nil {
		return w, err
	}
	if naive {
		store = store.Naive()
	}
	old := httptest.NewServer(oldservice.Handler(store, time.Now))
	w.stops = append(w.stops, func() error { old.Close(); return nil })
	api, err := project.Serve("p", e.Endpoint(), "-param", "LegacyUrl="+old.URL, "-param", "LegacyPaths=observations,products/*",
		"-param", "ThrottleRate=5000", "-param", "ThrottleBurst=5000")
	if err != nil {
		return w, err
	}
	w.stops = append(w.stops, api.Stop)
	w.url = api.URL
	w.token, err = api.Mint(ctx, tablestore.Open(api.Table, env), func(r *token.Record) { r.Scopes = token.Scopes })
	if err != nil {
		return w, err
	}
	for _, id := range shops {
		body := fmt.Sprintf(`{"name":%q,"kind":"retailer"}`, id)
		r, err := http.NewRequestWithContext(ctx, http.MethodPut, w.url+"/v1/competitors/"+id, bytes.NewReader([]byte(body)))
		if err != nil {
			return w, fmt.Errorf("register %s: %w", id, err)
		}
		r.Header = http.Header{"Authorization": {"Bearer " + w.token}, "Content-Type": {"application/json"}}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			return w, fmt.Errorf("register %s: %w", id, err)
		}
		_ = response.Body.Close() // its status says enough
		if response.StatusCode >= http.StatusMultipleChoices {
			return w, fmt.Errorf("register %s: %s", id, response.Status)
		}
	}
	return w, nil
}

var shops = []string{"bigmart", "kyoto", "shopx"}

// pairTraffic is observations, a fifth of them late, with as many reads between them. Odd traffic also asks for products that nobody has
// seen, and says two prices of one moment.
func pairTraffic(writes int, odd bool, random *rand.Rand) (all []traffic.Request) {
	const products = 20
	begin := time.Now().UTC().Add(-2 * time.Hour).Truncate(time.Second)
	for i := range writes {
		at := begin.Add(time.Duration(i) * (time.Second + time.Millisecond))
		if random.IntN(5) == 0 {
			at = at.Add(-time.Duration(1+random.IntN(3_000)) * time.Second)
		}
		product, read := i%products, random.IntN(min(i+1, products))
		if odd {
			at, read = begin, random.IntN(2*products)
		}
		body, err := json.Marshal(map[string]any{
			"productId": "P" + strconv.Itoa(product), "competitorId": shops[random.IntN(len(shops))], "availability": "InStock",
			"price":    map[string]string{"amount": fmt.Sprintf("%d.%02d", 10+random.IntN(20), random.IntN(100)), "currency": "USD"},
			"shipping": map[string]string{"amount": "2.90", "currency": "USD"},
			"source":   map[string]string{"id": "crawler-a", "kind": "crawler"}, "observedAt": at.Format("2006-01-02T15:04:05.000Z07:00"),
		})
		if err != nil {
			panic(err) // maps of texts can be encoded
		}
		all = append(all,
			traffic.Request{Method: http.MethodPost, Path: "/observations", Body: body, Header: http.Header{"Content-Type": {"application/json"}}},
			traffic.Request{Method: http.MethodGet, Path: "/products/P" + strconv.Itoa(read) + "/offers", Header: http.Header{}})
	}
	return all
}

// pairRun runs the traffic between both, by the rules or by what is left of them without its differences ruled out.
func pairRun(ctx context.Context, w *world, rules *compare.Rules, all []traffic.Request, through string) (judge.Report, error) {
	o, err := readOptions("replay", []string{"-legacy", w.url + "/v1/legacy", "-new", w.url + "/v1", "-file", "-", "-p99-margin", "none"},
		io.Discard)
	if err != nil {
		return judge.Report{}, err
	}
	o.settings.Mode, o.settings.Open = through, through == "proxy"
	file := filepath.Join(w.dir, "token")
	if err := os.WriteFile(file, []byte(w.token), 0o600); err != nil {
		return judge.Report{}, fmt.Errorf("keep the token: %w", err)
	}
	o.legacyToken, o.newToken, o.newTimeout = file, file, o.timeout
	r, err := o.begin(rules)
	if err != nil {
		return judge.Report{}, err
	}
	if through == "replay" {
		r.replay(ctx, all, 0, 8)
		return r.run.Report(time.Now(), true), nil
	}
	p := newProxy(ctx, r, 64, log.New(io.Discard, "", 0))
	server := httptest.NewServer(p)
	defer server.Close()
	for _, request := range all {
		sent, err := http.NewRequestWithContext(ctx, request.Method, server.URL+request.Path, bytes.NewReader(request.Body))
		if err != nil {
			return judge.Report{}, fmt.Errorf("ask the proxy: %w", err)
		}
		sent.Header = request.Header
		response, err := http.DefaultClient.Do(sent)
		if err != nil {
			return judge.Report{}, fmt.Errorf("ask the proxy: %w", err)
		}
		_, err = io.Copy(io.Discard, response.Body)
		if err = errors.Join(err, response.Body.Close()); err != nil {
			return judge.Report{}, fmt.Errorf("ask the proxy: %w", err)
		}
		p.beside.Wait() // one client, who sees his own writes on both sides
	}
	p.readBacks.Wait()
	return r.run.Report(time.Now(), true), nil
}

// provePair runs this API beside the old service: with rules and without, with traffic in which the two are known to differ, and beside an
// old service that takes the last write for the latest price.
func provePair(ctx context.Context, out io.Writer, dir string) (err error) {
	root, err := engine.Root()
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "parity-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	project, err := localapi.Build(root, folder)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(root, "tools", "parity", "testdata", "two-item.yaml"))
	if err != nil {
		return fmt.Errorf("read the rules: %w", err)
	}
	rules, err := compare.Read(text)
	if err != nil {
		return err
	}
	sendOnly := &compare.Rules{}
	for _, route := range rules.Routes {
		sendOnly.Routes = append(sendOnly.Routes, route.WithoutRules())
	}
	const whole, some = 3_000, 120 // 2,995 show that at most 0.1 % differ
	for _, run := range []struct {
		name, through string
		rules         *compare.Rules
		naive, odd    bool
		writes        int
		want          judge.Verdict
	}{
		{"replay", "replay", rules, false, false, whole, judge.Equivalent},
		{"proxy", "proxy", rules, false, false, some, judge.NotEnough},
		{"without-rules", "replay", sendOnly, false, false, some, judge.Worse},
		{"odd", "replay", rules, false, true, some, judge.Worse},
		{"naive", "replay", rules, true, false, some, judge.Worse},
	} {
		w, err := serveBoth(ctx, root, project, run.naive)
		if err != nil {
			return err
		}
		report, err := pairRun(ctx, w, run.rules, pairTraffic(run.writes, run.odd, rand.New(rand.NewPCG(4, 2))), run.through)
		if err = errors.Join(err, w.stop()); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(out, "%s: %s, %d pairs\n", run.name, report.Verdict, report.Compared) // for people
		for _, reason := range report.Reasons {
			_, _ = fmt.Fprintln(out, "  -", reason)
		}
		for _, route := range report.Routes {
			_, _ = fmt.Fprintf(out, "  %s: %d of %d differ in %d paths; ruled out in %d places\n", route.Name, route.Mismatch.Count, route.Compared,
				len(route.Paths), len(route.RuledOut))
			for _, p := range route.Paths[:min(3, len(route.Paths))] {
				_, _ = fmt.Fprintf(out, "    %s, %s, in %d: %s / %s\n", p.Path, p.Kind, p.Count, p.Legacy, p.New)
			}
		}
		if dir != "" {
			if err := save(report, filepath.Join(dir, "pair-"+run.name)); err != nil {
				return err
			}
		}
		if report.Verdict != run.want {
			return fmt.Errorf("%s: the verdict is %q, not %q", run.name, report.Verdict, run.want)
		}
	}
	return nil
}
