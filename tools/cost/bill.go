package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"pricing/samkit/local/samtemplate"
	"pricing/shared/meter"
	"pricing/tools/internal/prices"
)

// A month of these many days, and of seconds.
const (
	days     = 365.0 / 12
	seconds  = days * 24 * 60 * 60
	gigabyte = 1e9
)

// line is one line of the bill, beside the same of the two-item design.
type line struct {
	Name     string  `json:"name"`
	Amount   float64 `json:"amount"` // a month, in the price's unit
	Unit     string  `json:"unit"`
	USD      float64 `json:"usd"`
	Share    float64 `json:"share"`
	PeerUSD  float64 `json:"twoItemsUsd"`
	Variable bool    `json:"variable"` // grows with the traffic
	Remark   string  `json:"remark,omitempty"`
}

// bill is what an environment costs a month.
type bill struct {
	Environment string  `json:"environment"`
	Region      string  `json:"region"`
	PricesAsOf  string  `json:"pricesAsOf"`
	Lines       []line  `json:"lines"`
	USD         float64 `json:"usd"`
	VariableUSD float64 `json:"variableUsd"`
	PeerUSD     float64 `json:"twoItemsUsd"`
}

// use is what requests use in a month.
type use struct {
	calls, gigabyteSeconds, reads, writes, logBytes, answerBytes float64
}

func (u *use) add(calls, ms, memoryMB, reads, writes, log, answer float64) {
	u.calls += calls
	u.gigabyteSeconds += calls * ms / 1000 * memoryMB / 1024
	u.reads += calls * reads
	u.writes += calls * writes
	u.logBytes += calls * log
	u.answerBytes += calls * answer
}

// newBill reckons a month. Both designs stand behind the same gateway, with the same functions, logs and alarms: what differs is what their
// table costs, and how long functions wait for it.
func newBill(environment string, template *samtemplate.Template, t traffic, f figures, list prices.List) (bill, error) {
	b := bill{Environment: environment, Region: list.Region, PricesAsOf: list.AsOf}
	var failed error
	add := func(name, price string, variable bool, own, peer float64, remark string) {
		usd, err := list.Cost(price, own)
		if err == nil {
			var other float64
			other, err = list.Cost(price, peer)
			b.Lines = append(b.Lines, line{Name: name, Amount: own, Unit: list.Prices[price].Unit, USD: usd, PeerUSD: other,
				Variable: variable, Remark: remark})
		}
		if failed == nil {
			failed = err
		}
	}
	same := func(name, price string, variable bool, amount float64, remark string) {
		add(name, price, variable, amount, amount, remark)
	}

	calls, requests := t.calls(template)
	var own, peer, scheduledOwn, scheduledPeer use
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		figure, ok := f.Functions[name]
		function, there := functionOf(template, name)
		if !ok || !there {
			return b, fmt.Errorf("%s: figures.yaml or the template has no such function", name)
		}
		mine, theirs := &own, &peer
		if function.Scheduled || slices.Contains(scheduled, name) {
			mine, theirs = &scheduledOwn, &scheduledPeer
		}
		log := figure.LogBytes
		if reports(template, function.LogicalID) {
			log += f.PlatformReportBytes
		}
		n := calls[name] * days
		mine.add(n, figure.Ms, float64(function.MemoryMB), figure.ReadUnits, figure.WriteUnits, log, figure.AnswerBytes)
		theirs.add(n, figure.PeerMs, float64(function.MemoryMB), figure.PeerReadUnits, figure.PeerWriteUnits, log, figure.AnswerBytes)
	}
	observations := t.Observations * days
	each := f.Observation.WriteUnits.Single
	if t.ByProduct && t.ObservationsPerRequest > 1 {
		each = f.Observation.WriteUnits.ByProduct
	}
	own.writes += observations * each
	peer.writes += observations * f.Observation.WriteUnits.Peer
	requests *= days
	own.logBytes += requests * f.AccessLogBytes
	peer.logBytes += requests * f.AccessLogBytes
	kept, err := strconv.ParseFloat(template.Parameters["HistoryDays"], 64)
	if err != nil {
		return b, fmt.Errorf("HistoryDays: %w", err)
	}
	logDays, err := strconv.ParseFloat(template.Parameters["LogRetentionDays"], 64)
	if err != nil {
		return b, fmt.Errorf("LogRetentionDays: %w", err)
	}
	stored := (t.Observations*kept*f.Observation.Bytes.Own + t.Products*f.ProductBytes) / gigabyte
	peerStored := (t.Observations*kept*f.Observation.Bytes.Peer + t.Products*f.ProductBytes) / gigabyte
	compute, ready := "lambdaArm64", "provisionedArm64"
	if template.Parameters["Architecture"] == "x86_64" {
		compute, ready = "lambdaX86", "provisionedX86"
	}

	same("API Gateway", "apiRequests", true, requests, "")
	same("Lambda, invocations", "lambdaRequests", true, own.calls, "")
	add("Lambda, duration", compute, true, own.gigabyteSeconds, peer.gigabyteSeconds, "")
	add("table, writes", "writeUnits", true, own.writes, peer.writes, "")
	add("table, reads", "readUnits", true, own.reads, peer.reads, "")
	add("table, storage", "tableStorage", true, stored, peerStored, fmt.Sprintf("when %g days are full", kept))
	add("table, point-in-time recovery", "tableRecovery", true, stored, peerStored, "")
	same("logs, ingestion", "logIngestion", true, own.logBytes/gigabyte, "")
	same("logs, storage", "logStorage", true, own.logBytes/gigabyte/days*logDays*f.Compression, fmt.Sprintf("%g days", logDays))
	traced := min(requests, seconds)
	same("traces, the first of each second", "traces", false, traced, "stays: finds where a request was slow, and needs no code")
	same("traces, a share of the rest", "traces", true, (requests-traced)*f.TracedShare, "")
	if template.Parameters["VpcEndpointId"] == "" {
		same("answers to the Internet", "transferOut", true, own.answerBytes/gigabyte, "none within the region")
	}
	if template.Parameters["ClientRateLimit"] != "0" {
		same("web ACL, requests", "webAclRequests", true, requests, "ClientRateLimit")
	}
	same("scheduled functions, invocations", "lambdaRequests", false, scheduledOwn.calls, "")
	add("scheduled functions, duration", compute, false, scheduledOwn.gigabyteSeconds, scheduledPeer.gigabyteSeconds, "")
	add("scheduled functions, writes", "writeUnits", false, scheduledOwn.writes, scheduledPeer.writes, "")
	add("scheduled functions, reads", "readUnits", false, scheduledOwn.reads, scheduledPeer.reads, "")

	all, byFunction, err := customMetrics(template, calls)
	if err != nil {
		return b, err
	}
	counts := count(template)
	same("metrics of the environment", "customMetrics", false, float64(all+counts.filters), "dashboards and alarms read them")
	same("metrics of each function", "customMetrics", false, float64(byFunction),
		wasteful(byFunction, "nothing reads them but InternalErrors"))
	same("metrics of each gateway method", "customMetrics", false, float64(counts.methodMetrics),
		wasteful(counts.methodMetrics, "no alarm and no panel reads them"))
	same("alarms", "alarms", false, float64(counts.alarms), "")
	same("alarms on seconds", "fastAlarms", false, float64(counts.fast), "")
	same("composite alarms", "compositeAlarms", false, float64(counts.composite), "")
	same("dashboards", "dashboards", false, float64(counts.dashboards), "")
	same("web ACL", "webAcls", false, float64(counts.acls), "")
	same("web ACL, rules", "webAclRules", false, float64(counts.aclRules), "")
	held, err := provisioned(template)
	if err != nil {
		return b, err
	}
	same("environments kept ready", ready, false, held, "tools/prewarm -plan says whether it is worth it")
	if failed != nil {
		return b, failed
	}
	b.Lines = slices.DeleteFunc(b.Lines, func(l line) bool { return l.USD == 0 && l.PeerUSD == 0 })
	for _, l := range b.Lines {
		b.USD += l.USD
		b.PeerUSD += l.PeerUSD
		if l.Variable {
			b.VariableUSD += l.USD
		}
	}
	for i := range b.Lines {
		b.Lines[i].Share = b.Lines[i].USD / b.USD
	}
	return b, nil
}

// costsMore begins the remark of a line that costs more than it gives.
const costsMore = "costs more than it gives: "

func wasteful(n int, why string) string {
	if n == 0 {
		return ""
	}
	return costsMore + why
}

// functionOf finds a function of the template by its folder's name.
func functionOf(template *samtemplate.Template, name string) (samtemplate.Function, bool) {
	for _, f := range template.Functions {
		if strings.HasSuffix(f.Name, "-"+name) && strings.Trim(f.CodeURI, "/") == "functions/"+name {
			return f, true
		}
	}
	return samtemplate.Function{}, false
}

// reports tells whether Lambda logs a report of every call of a function.
func reports(template *samtemplate.Template, id string) bool {
	return fmt.Sprint(object(template.Resources[id], "Properties", "LoggingConfig")["SystemLogLevel"]) == "INFO"
}

// scheduled are the functions that a rule calls.
var scheduled = []string{"check-durability", "reconcile-boards"}

// calls returns how often a day each function is called, and how many requests the gateway gets for it.
func (t traffic) calls(template *samtemplate.Template) (calls map[string]float64, requests float64) {
	calls = maps.Clone(t.Requests)
	if calls == nil {
		calls = map[string]float64{}
	}
	if t.ObservationsPerRequest == 1 {
		calls["record-observation"] += t.Observations
	} else {
		calls["record-observations"] += t.Observations / t.ObservationsPerRequest
	}
	for _, n := range calls {
		requests += n
	}
	// The gateway asks the authorizer once for a token and the time to live.
	asked := requests - calls["get-health"]
	if ttl, err := strconv.ParseFloat(template.Parameters["AuthorizerTtlSeconds"], 64); err == nil && ttl > 0 {
		asked = min(asked, t.Clients*24*60*60/ttl)
	}
	calls["authorize-request"] = asked
	calls["check-durability"], calls["reconcile-boards"] = 24*60/5, 1
	return calls, requests
}

// customMetrics counts the metrics that functions send in a normal hour, as CloudWatch bills them: by name and values of the dimensions.
// What is sent only when something goes wrong is billed for that hour alone, and left out.
func customMetrics(template *samtemplate.Template, calls map[string]float64) (all, byFunction int, err error) {
	seen := map[string]bool{}
	for name := range calls {
		function, ok := functionOf(template, name)
		if !ok {
			continue
		}
		ctx, m := meter.With(context.Background())
		meter.AddCall(ctx, meter.Call{Attempts: 1})
		var items meter.Items
		if strings.HasPrefix(name, "record-") {
			items = meter.Items{Lags: []time.Duration{time.Second}, Rejected: map[string]int{"unknown-competitor": 1}, Outcomes: map[string]int{
				"created": 1, "changed": 1, "unchanged": 1, "late": 1, "duplicate": 1, "conflict": 1, "rejected": 1, "throttled": 1,
			}}
		}
		metrics := append(m.Metrics(time.Second, items), meter.Metric{Name: "ColdStart", Unit: meter.Count, Values: []int{1}})
		for _, own := range map[string][]string{
			"check-durability": {"DurabilityHeartbeat", "DurabilityCheckMs"},
			"reconcile-boards": {"ReconciledProducts", "BoardDifferences", "OrphanURLsRemoved"},
		}[name] {
			metrics = append(metrics, meter.Metric{Name: own, Unit: meter.Count, Values: []int{1}})
		}
		for _, attrs := range (meter.Source{Environment: "x", Function: function.Name}).Lines(time.Unix(0, 0), metrics) {
			values := map[string]string{}
			var described []byte
			for _, a := range attrs {
				values[a.Key] = a.Value.String()
				if raw, ok := a.Value.Any().(json.RawMessage); ok && a.Key == "_aws" {
					described = raw
				}
			}
			var aws struct {
				CloudWatchMetrics []struct {
					Dimensions [][]string
					Metrics    []struct{ Name string }
				}
			}
			if err := json.Unmarshal(described, &aws); err != nil {
				return 0, 0, fmt.Errorf("the metrics of %s: %w", name, err)
			}
			for _, d := range aws.CloudWatchMetrics {
				for _, dimensions := range d.Dimensions {
					for _, metric := range d.Metrics {
						key := metric.Name
						for _, of := range dimensions {
							key += " " + of + "=" + values[of]
						}
						if !seen[key] && slices.Contains(dimensions, meter.Function) {
							byFunction++
						} else if !seen[key] {
							all++
						}
						seen[key] = true
					}
				}
			}
		}
	}
	return all, byFunction, nil
}
