package main

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"pricing/tools/internal/stats"
	"pricing/tools/parity/compare"
	"pricing/tools/parity/judge"
)

// loadRate is requests a second.
const loadRate = 700

// document is the answer to a path: about a kilobyte that no other path has.
func document(path string) string {
	h := fnv.New64a()
	_, _ = io.WriteString(h, path) // a hash takes all
	return fmt.Sprintf(`{"path":%q,"offers":[%s{"n":%d}]}`, path, strings.Repeat(fmt.Sprintf(`{"amount":"%d.90"},`, h.Sum64()%1000), 50),
		h.Sum64())
}

// service answers documents after about two milliseconds.
func service(w http.ResponseWriter, r *http.Request) {
	time.Sleep(2 * time.Millisecond)
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, document(r.URL.Path)) // the client sees the rest
}

// load sends 700 requests a second by turns to a service and through the proxy, beside new sides that are well, dead and stalled.
func (p *proof) load(ctx context.Context, seconds int) error {
	legacy := httptest.NewServer(http.HandlerFunc(service))
	defer legacy.Close()
	well := httptest.NewServer(http.HandlerFunc(service))
	defer well.Close()
	dead := httptest.NewServer(nil)
	dead.Close()
	release := make(chan struct{})
	stalled := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer stalled.Close()
	defer close(release)
	for _, side := range []struct{ name, url string }{{"well", well.URL}, {"dead", dead.URL}, {"stalled", stalled.URL}} {
		length := max(2, seconds/4)
		if side.name == "well" {
			length = max(2, seconds/2)
		}
		if err := p.underLoad(ctx, legacy.URL, side.name, side.url, length); err != nil {
			return err
		}
	}
	return nil
}

func (p *proof) underLoad(ctx context.Context, legacy, name, fresh string, seconds int) error {
	o, err := readOptions("proxy", []string{"-legacy", legacy, "-new", fresh}, io.Discard)
	if err != nil {
		return err
	}
	o.settings.Open = true
	r, err := o.begin(&compare.Rules{})
	if err != nil {
		return err
	}
	beside, cancel := context.WithCancel(ctx)
	defer cancel()
	proxy := newProxy(beside, r, o.inFlight, log.New(io.Discard, "", 0))
	server := httptest.NewServer(proxy)
	defer server.Close()
	var clients [2]*http.Client
	for i := range clients {
		transport := &http.Transport{MaxIdleConnsPerHost: loadRate}
		defer transport.CloseIdleConnections()
		clients[i] = &http.Client{Transport: transport}
	}
	var took [2][]float64
	wrong, number := [2]int{}, 0
	for second := range 2 * (seconds + 2) { // by turns, a second each; the first two of each side warm it up
		side := second % 2
		target := func(t *vegeta.Target) error {
			number++
			t.Method, t.URL = http.MethodGet, fmt.Sprintf("%s/products/%d/offers", []string{legacy, server.URL}[side], number)
			return nil
		}
		for result := range vegeta.NewAttacker(vegeta.Client(clients[side])).Attack(target, vegeta.Rate{Freq: loadRate, Per: time.Second},
			time.Second, "") {
			path := "/" + strings.SplitN(result.URL, "/", 4)[3]
			if result.Error != "" || string(result.Body) != document(path) {
				wrong[side]++
			}
			if second >= 4 {
				took[side] = append(took[side], float64(result.Latency)/float64(time.Millisecond))
			}
		}
	}
	cancel()
	proxy.beside.Wait()
	report := r.run.Report(time.Now(), true)
	n := min(len(took[0]), len(took[1]))
	pairs := make([]stats.Pair, n)
	for i := range pairs {
		pairs[i] = stats.Pair{First: took[0][i], Second: took[1][i], Block: i * 30 / n}
	}
	p.say("\nThe new side is %s: %d requests at %d/s directly, as many through the proxy; %d compared, %d shed", name, len(took[0]), loadRate,
		report.Compared, report.NotCompared[judge.Shed])
	p.atMost("answers of the proxy that are changed or missing (directly: "+fmt.Sprint(wrong[0])+")", float64(wrong[1]), 0)
	quantiles := []float64{0.5, 0.95, 0.99}
	differences, ok := stats.BootstrapDifferences(pairs, 30, quantiles, rand.New(rand.NewPCG(1, 2)))
	for i, q := range quantiles {
		direct, _ := stats.Estimate(sorted(took[0]), q)
		through, enough := stats.Estimate(sorted(took[1]), q)
		if ok && enough {
			p.say("        P%g: directly %.2f [%.2f to %.2f] ms, through it %.2f [%.2f to %.2f], more by %.2f [%.2f to %.2f]", 100*q, direct.Value,
				direct.Low,
				direct.High, through.Value, through.Low, through.High, differences[i].Value, differences[i].Low, differences[i].High)
		}
	}
	if ok && name == "well" {
		p.atMost("ms more at P99", differences[2].Value, 1)
	}
	if name == "stalled" {
		p.atLeast("requests shed", float64(report.NotCompared[judge.Shed]), 1)
	}
	return nil
}
