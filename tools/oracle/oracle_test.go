package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/testkit/oracle"
)

var now = time.Date(2026, 7, 7, 12, 0, 0, 0, time.UTC)

// made is an observation of one offer, written short: time of the day, source and confidence, price in USD.
func made(t *testing.T, at, source, confidence, price string) oracle.Observation {
	t.Helper()
	text := fmt.Sprintf(`{"productId":"P","competitorId":"shop","availability":"InStock","price":{"amount":%q,"currency":"USD"},
		"source":{"id":%q,"kind":"crawler","confidence":%q},"observedAt":"2026-07-06T%s"}`, price, source, confidence, at)
	if confidence == "" {
		text = strings.Replace(text, `,"confidence":""`, "", 1)
	}
	o, err := observe([]byte(text), now, 400*24*time.Hour)
	require.NoError(t, err)
	return o
}

// TestIdentity has the ids from another implementation of SHA-256 and base32 (Python's).
func TestIdentity(t *testing.T) {
	o := oracle.Observation{Key: oracle.Key{Product: "ZU-1042", Competitor: "bigmart", Condition: "New", Audience: "public"},
		At: time.Date(2026, 7, 6, 9, 14, 3, 0, time.UTC), Source: "crawler-a"}
	assert.Equal(t, "S00QHBD2S1ZM830832P5XWKM8Z", oracle.Identity(o))
	o.Seller = "Marano’s Fuel"
	o.Region = "AU-QLD"
	assert.Equal(t, "QCP8RQXEF2VJK2B5P88AYFEMKP", oracle.Identity(o))
}

func TestFold(t *testing.T) {
	id := func(at, source string) string { return made(t, at, source, "", "1").ID }
	smaller, greater := "a", "b" // which of two sources has the greater id at 10:00
	if id("10:00:00Z", smaller) > id("10:00:00Z", greater) {
		smaller, greater = greater, smaller
	}
	type seen struct{ at, source, confidence, price string }
	tests := map[string]struct {
		seen                                                 []seen // in order of arrival, which must not matter
		price, previous, current, firstSeen, changed, source string
	}{
		"one": {
			seen:  []seen{{"09:00:00Z", "a", "", "5"}},
			price: "5.00", current: "09:00", firstSeen: "09:00", changed: "09:00", source: "a",
		},
		"unchanged, then changed, then unchanged": {
			seen:  []seen{{"09:00:00Z", "a", "", "5"}, {"10:00:00Z", "a", "", "5.0"}, {"11:00:00Z", "a", "", "6"}, {"12:00:00Z", "a", "", "6.00"}},
			price: "6.00", previous: "5.00", current: "12:00", firstSeen: "09:00", changed: "11:00", source: "a",
		},
		"back to an earlier price": {
			seen:  []seen{{"09:00:00Z", "a", "", "5"}, {"10:00:00Z", "a", "", "6"}, {"11:00:00Z", "a", "", "5"}},
			price: "5.00", previous: "6.00", current: "11:00", firstSeen: "09:00", changed: "11:00", source: "a",
		},
		"late, splits the current run": {
			seen:  []seen{{"09:00:00Z", "a", "", "5"}, {"11:00:00Z", "a", "", "5"}, {"10:00:00Z", "a", "", "4"}},
			price: "5.00", previous: "4.00", current: "11:00", firstSeen: "09:00", changed: "11:00", source: "a",
		},
		"late, lengthens the current run": {
			seen:  []seen{{"09:00:00Z", "a", "", "5"}, {"11:00:00Z", "a", "", "6"}, {"10:00:00Z", "a", "", "6"}},
			price: "6.00", previous: "5.00", current: "11:00", firstSeen: "09:00", changed: "10:00", source: "a",
		},
		"late, before all": {
			seen:  []seen{{"09:00:00Z", "a", "", "5"}, {"08:00:00+02:00", "a", "", "7"}},
			price: "5.00", previous: "7.00", current: "09:00", firstSeen: "06:00", changed: "09:00", source: "a",
		},
		"same time, the higher confidence is newer": {
			seen:  []seen{{"10:00:00Z", "a", "0.9", "5"}, {"10:00:00Z", "b", "0.35", "6"}},
			price: "5.00", previous: "6.00", current: "10:00", firstSeen: "10:00", changed: "10:00", source: "a",
		},
		"same time, none is the lowest confidence": {
			seen:  []seen{{"10:00:00Z", greater, "", "6"}, {"10:00:00Z", smaller, "0", "5"}},
			price: "5.00", previous: "6.00", current: "10:00", firstSeen: "10:00", changed: "10:00", source: smaller,
		},
		"same time and confidence, the greater id is newer": {
			seen:  []seen{{"10:00:00Z", greater, "0.50", "5"}, {"10:00:00Z", smaller, "0.5", "6"}},
			price: "5.00", previous: "6.00", current: "10:00", firstSeen: "10:00", changed: "10:00", source: greater,
		},
		"same millisecond": {
			seen:  []seen{{"10:00:00.0009Z", smaller, "", "6"}, {"10:00:00.0001Z", greater, "", "5"}},
			price: "5.00", previous: "6.00", current: "10:00", firstSeen: "10:00", changed: "10:00", source: greater,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var all []oracle.Observation
			for _, s := range tt.seen {
				all = append(all, made(t, s.at, s.source, s.confidence, s.price))
			}
			for range len(all) {
				all = append(all[1:], all[0])
				row := offerRow(oracle.Fold(all), defaultFreshFor, now)
				stamped := func(clock string) string { return "2026-07-06T" + clock + ":00.000Z" }
				assert.Equal(t, map[string]any{"amount": tt.price, "currency": "USD"}, row["price"])
				if tt.previous == "" {
					assert.Nil(t, row["previousPrice"])
				} else {
					assert.Equal(t, map[string]any{"amount": tt.previous, "currency": "USD"}, row["previousPrice"])
				}
				assert.Equal(t, stamped(tt.current), row["observedAt"])
				assert.Equal(t, stamped(tt.current), row["lastSeenAt"])
				assert.Equal(t, stamped(tt.firstSeen), row["firstSeenAt"])
				assert.Equal(t, stamped(tt.changed), row["lastChangedAt"])
				assert.Equal(t, tt.source, row["source"].(map[string]any)["id"])
			}
		})
	}
}

func TestFold_terms(t *testing.T) {
	first := made(t, "09:00:00Z", "a", "", "5")
	price := *first.Price
	for name, change := range map[string]func(*oracle.Observation){
		"price":        func(o *oracle.Observation) { o.Price = &oracle.Money{Minor: 501, Currency: "USD"} },
		"no price":     func(o *oracle.Observation) { o.Price = nil },
		"currency":     func(o *oracle.Observation) { o.Price = &oracle.Money{Minor: 500, Currency: "EUR"} },
		"shipping":     func(o *oracle.Observation) { o.Shipping = &oracle.Money{Minor: 0, Currency: "USD"} },
		"listPrice":    func(o *oracle.Observation) { o.ListPrice = &price },
		"availability": func(o *oracle.Observation) { o.Availability = "SoldOut" },
		"priceType":    func(o *oracle.Observation) { o.PriceType = "clearance" },
		"promotion":    func(o *oracle.Observation) { o.Promotion = &oracle.Promotion{} },
	} {
		second := made(t, "10:00:00Z", "a", "", "5")
		change(&second)
		assert.Equal(t, second.At, oracle.Fold([]oracle.Observation{first, second}).LastChanged, name)
	}
	for name, change := range map[string]func(*oracle.Observation){
		"url":        func(o *oracle.Observation) { o.URL = "https://shop.example" },
		"source":     func(o *oracle.Observation) { o.Source = "b" },
		"confidence": func(o *oracle.Observation) { o.Confidence = "1" },
	} {
		second := made(t, "10:00:00Z", "a", "", "5")
		change(&second)
		assert.Equal(t, first.At, oracle.Fold([]oracle.Observation{first, second}).LastChanged, name+" is not of the terms")
	}
}

func TestObserve_leftOut(t *testing.T) {
	good := `{"productId":"P","competitorId":"shop","availability":"InStock","price":{"amount":"1.00","currency":"USD"},
		"source":{"id":"s","kind":"feed"},"observedAt":"2026-07-06T09:00:00Z"}`
	for name, tt := range map[string]struct {
		from, to string
		want     error
	}{
		"good":          {"", "", nil},
		"precision":     {"1.00", "1.000", errPrecision},
		"yen":           {"USD", "JPY", errPrecision},
		"dinar":         {`1.00","currency":"USD"`, `1.000","currency":"KWD"`, nil},
		"range":         {"1.00", "10000000000.00", errAmount},
		"no offset":     {"00Z", "00", errTime},
		"unknown local": {"00Z", "00-00:00", errTime},
		"future":        {"2026-07-06T09:00:00Z", "2026-07-07T12:05:01Z", errFuture},
		"near future":   {"2026-07-06T09:00:00Z", "2026-07-07T12:05:00Z", nil},
		"too old":       {"2026-07-06", "2025-06-01", errTooOld},
		"gtin":          {`"productId":"P"`, `"gtin":"6291041500213"`, errNoProduct},
		"no JSON":       {"{", "", errMalformed},
		"lower case":    {"2026-07-06T09:00:00Z", "2026-07-06t09:00:00.5z", nil},
		"offset of 24":  {"00Z", "00+24:00", errTime},
		"offset of :60": {"00Z", "00+02:60", errTime},
		"leap second":   {"00Z", "60Z", errTime},
		"comma":         {"00Z", "00,5Z", errTime},
		"lev":           {"USD", "BGN", errCurrency},
		"lev, when it was one": {`"USD"},
		"source":{"id":"s","kind":"feed"},"observedAt":"2026-07-06`, `"BGN"},
		"source":{"id":"s","kind":"feed"},"observedAt":"2025-12-31`, nil},
		"seller":              {`"P"`, `"P","sellerId":"Otto & Söhne"`, nil},
		"seller in Latin-1":   {`"P"`, "\"P\",\"sellerId\":\"M\xfcller\"", errText},
		"seller with a space": {`"P"`, `"P","sellerId":"Shop "`, errText},
		"seller with a mark":  {`"P"`, `"P","sellerId":"Shop\u200e"`, errText},
		"our own":             {`"shop"`, `"own"`, nil},
		"our own of a seller": {`"shop"`, `"own","sellerId":"us"`, errText},
		"url":                 {`"P"`, `"P","url":"https://h:8080/a?b#c"`, nil},
		"url without a host":  {`"P"`, `"P","url":"/p/77"`, errText},
		"url with user info":  {`"P"`, `"P","url":"https://user@h/"`, errText},
		"label":               {`"P"`, `"P","promotion":{"label":"a\tb"}`, errText},
	} {
		_, err := observe([]byte(strings.Replace(good, tt.from, tt.to, 1)), now, 400*24*time.Hour)
		assert.Equal(t, tt.want, err, name)
	}
}

// What is empty is absent.
func TestObserve_empty(t *testing.T) {
	line := `{"productId":"P","competitorId":"shop","availability":"InStock","price":{"amount":"1.00","currency":"USD"},
		"source":{"id":"s","kind":"feed"},"observedAt":"2026-07-06T09:00:00Z"`
	plain, err := observe([]byte(line+"}"), now, 400*24*time.Hour)
	require.NoError(t, err)
	for _, empty := range []string{`"promotion":{}`, `"promotion":{"label":"","minQuantity":null}`, `"shipping":{}`, `"listPrice":{}`,
		`"sellerId":""`,
		`"url":""`, `"itemCondition":""`} {
		got, err := observe([]byte(line+","+empty+"}"), now, 400*24*time.Hour)
		require.NoError(t, err, empty)
		assert.Equal(t, plain, got, empty)
	}
}

func TestMoney(t *testing.T) {
	for in, want := range map[string]string{
		"9.9 USD": "9.90", "0 USD": "0.00", "0.05 USD": "0.05", "120 JPY": "120", "1.5 KWD": "1.500", "0 CLF": "0.0000",
	} {
		text, currency, _ := strings.Cut(in, " ")
		m, err := amount(&lineMoney{text, currency}, now)
		require.NoError(t, err)
		assert.Equal(t, map[string]any{"amount": want, "currency": currency}, moneyJSON(m))
	}
}

func TestDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{
		"PT26H": 26 * time.Hour, "P30D": 720 * time.Hour, "P1DT2H3M4S": 26*time.Hour + 3*time.Minute + 4*time.Second, "P2W": 336 * time.Hour,
	} {
		got, err := duration(in)
		require.NoError(t, err)
		assert.Equal(t, want, got, in)
	}
	for _, in := range []string{"", "P", "26H", "PT26", "PTH", "P1H", "PT1D", "P1Y"} {
		_, err := duration(in)
		assert.Error(t, err, in)
	}
}

// What is sent is in testdata/observations.ndjson: two products, ties, late data, a repetition with another url, a conflict, one
// row that the API refuses. answers is what the API must answer then, worked out by hand; shop09 and the like stand for ids.
var answers = map[string]string{
	"/v1/products/P/history":   recorded("p-history.json"),
	"/v1/products/P/days":      recorded("p-days.json"), // the history with view=daily
	"/v1/products/P/offers":    recorded("p-offers.json"),
	"/v1/products/Q 1/history": recorded("q-history.json"),
	"/v1/products/Q 1/days":    recorded("q-days.json"),
	"/v1/products/Q 1/offers":  recorded("q-offers.json"),
	"/v1/products/P/summary":   recorded("p-summary.json"),
	"/v1/products/Q 1/summary": recorded("q-summary.json"),

	"/v1/products/P/changes":       recorded("p-changes.json"), // the history with view=changes
	"/v1/products/Q 1/changes":     recorded("q-changes.json"),
	"/v1/products/P/raw.csv":       recorded("p-raw.csv"),
	"/v1/products/Q 1/raw.csv":     recorded("q-raw.csv"),
	"/v1/products/P/daily.csv":     recorded("p-daily.csv"),
	"/v1/products/Q 1/daily.csv":   recorded("q-daily.csv"),
	"/v1/products/P/history.svg":   recorded("p-history.svg"),
	"/v1/products/Q 1/history.svg": recorded("q-history.svg"),
	"/v1/offers/query":             offersQuery(recorded("p-offers.json"), recorded("q-offers.json")),
	"/v1/summaries/query":          summariesQuery(recorded("p-summary.json"), recorded("q-summary.json")),
}

// offersQuery is a bulk answer of the offers of P and Q 1.
func offersQuery(p, q string) string {
	return fmt.Sprintf(`{"results":[{"index":0,"productId":"P","status":200,"matched":2,"offers":%s,"truncated":false},
		{"index":1,"productId":"Q 1","status":200,"matched":1,"offers":%s,"truncated":false}],"retry":false}`, p, q)
}

// summariesQuery are the bulk answers to each question, of P and Q 1.
func summariesQuery(products ...string) string {
	all := map[string]map[string]any{}
	for i, content := range products {
		var byQuestion map[string]map[string]any
		if err := json.Unmarshal([]byte(content), &byQuestion); err != nil {
			panic(err)
		}
		for question, summary := range byQuestion {
			for _, name := range []string{"window", "windowOmitted", "excluded"} {
				delete(summary, name)
			}
			if all[question] == nil {
				all[question] = map[string]any{"results": []any{}, "retry": false}
			}
			results, _ := all[question]["results"].([]any)
			entry := map[string]any{"index": i, "productId": summary["productId"], "status": 200, "summary": summary}
			all[question]["results"] = append(results, entry)
		}
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// recorded reads a file of testdata.
func recorded(name string) string {
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		panic(err)
	}
	return string(text)
}

// service answers from a table, one row a page.
func service(t *testing.T, answers map[string]string) string {
	at := func(product, competitor, seller, day, hour string) string {
		when, err := time.Parse(time.RFC3339, "2026-07-"+day+"T"+hour+":00:00Z")
		require.NoError(t, err)
		key := oracle.Key{Product: product, Competitor: competitor, Seller: seller, Condition: "New", Audience: "public"}
		return oracle.Identity(oracle.Observation{Key: key, At: when, Source: "a"})
	}
	names := strings.NewReplacer("shop09", at("P", "shop", "", "06", "09"), "shop10", at("P", "shop", "", "06", "10"),
		"shop11", at("P", "shop", "", "06", "11"), "fair11", at("P", "fair", "S", "07", "11"), "q09", at("Q 1", "shop", "", "06", "09"))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "Bearer secret", r.Header.Get("Authorization"))
		query := r.URL.Query()
		switch r.URL.Path {
		case "/v1/health":
			_, _ = fmt.Fprint(w, `{"limits":{"historyDays":400}}`)
			return
		case "/v1/competitors":
			_, _ = fmt.Fprint(w, `{"competitors":[{"competitorId":"fair","freshFor":"PT2H","status":"active"},`+
				`{"competitorId":"shop","freshFor":null,"status":"active"}],"next":null}`)
			return
		}
		if r.Method == http.MethodPost {
			var asked struct {
				Basis, Per string
				ProductIDs []string
			}
			assert.NoError(t, json.NewDecoder(r.Body).Decode(&asked))
			content := answers[r.URL.Path]
			if r.URL.Path == "/v1/summaries/query" {
				content = answerTo(t, content, asked.Basis, asked.Per)
			}
			var answer map[string]any
			assert.NoError(t, json.Unmarshal([]byte(names.Replace(content)), &answer))
			results, _ := answer["results"].([]any)
			answer["results"] = slices.DeleteFunc(results, func(entry any) bool {
				id, _ := entry.(map[string]any)["productId"].(string)
				return !slices.Contains(asked.ProductIDs, id)
			})
			assert.NoError(t, json.NewEncoder(w).Encode(answer))
			return
		}
		path, list := r.URL.Path, "offers"
		if product, ok := strings.CutSuffix(path, "/history"); ok {
			list = "observations"
			view := query.Get("view")
			switch {
			case r.Header.Get("Accept") == "text/csv":
				path = product + "/" + view + ".csv"
			case view == "daily":
				list = "days"
				path = product + "/days"
			case view == "changes":
				path = product + "/changes"
			default:
				assert.Equal(t, "raw", view)
			}
			assert.Equal(t, "asc", query.Get("order"))
			assert.Equal(t, "2026-07-06T09:00:00.000Z", query.Get("from"))
		} else if strings.HasSuffix(path, "/offers") {
			assert.Equal(t, "true", query.Get("includeStale"))
			assert.Equal(t, "true", query.Get("includeOwn"))
		}
		content, ok := answers[path]
		page, _ := strconv.Atoi(query.Get("cursor"))
		switch {
		case !ok:
			w.WriteHeader(http.StatusNotFound)
		case strings.HasSuffix(path, "/summary"):
			_, _ = fmt.Fprint(w, answerTo(t, content, query.Get("basis"), query.Get("per")))
		case strings.HasSuffix(path, ".svg"):
			_, _ = fmt.Fprint(w, content)
		case strings.HasSuffix(path, ".csv"):
			lines := strings.SplitAfter(strings.TrimSuffix(names.Replace(content), "\r\n"), "\r\n")
			if page+2 < len(lines) {
				query.Set("cursor", strconv.Itoa(page+1))
				w.Header().Set("Link", "<?"+query.Encode()+`>; rel="next"`)
			}
			_, _ = fmt.Fprint(w, lines[0], lines[page+1])
		default:
			var rows []json.RawMessage
			assert.NoError(t, json.Unmarshal([]byte(names.Replace(content)), &rows))
			next := any(strconv.Itoa(page + 1))
			if page+1 >= len(rows) {
				next = nil
			}
			rows = rows[min(page, len(rows)):min(page+1, len(rows))]
			assert.NoError(t, json.NewEncoder(w).Encode(map[string]any{list: rows, "next": next}))
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// answerTo chooses the answer to one of the questions.
func answerTo(t *testing.T, content, basis, per string) string {
	var byQuestion map[string]json.RawMessage
	if err := json.Unmarshal([]byte(content), &byQuestion); err != nil {
		t.Error(err) // not the test's own goroutine, which alone may end it
	}
	return string(byQuestion[basis+" per "+per])
}

func ask(t *testing.T, answers map[string]string) (int, string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "token"), []byte("secret\n"), 0o600))
	var out, errs bytes.Buffer
	exit := run([]string{"-url", service(t, answers), "-token-file", filepath.Join(dir, "token"),
		"-now", now.Format(time.RFC3339), "testdata/observations.ndjson"}, &out, &errs)
	return exit, out.String() + errs.String()
}

func TestRun(t *testing.T) {
	t.Run("equal", func(t *testing.T) {
		exit, out := ask(t, answers)
		assert.Equal(t, equal, exit)
		assert.Equal(t, `files:    8 observations, 1 of them repetitions, 1 ids with more than one content, 1 left out: amount-precision
compared: 2 products, 3 offers, 5 history rows, 4 changes, 3 days, 6 summaries
          8 rows of CSV, 2 plots with 3 lines, 8 entries of bulk queries
differences: 0
`, out)
	})
	changed := func(path, from, to string) map[string]string {
		other := map[string]string{}
		for p, content := range answers {
			if p == path {
				require.Contains(t, content, from)
				content = strings.Replace(content, from, to, 1)
			}
			other[p] = content
		}
		return other
	}
	const p = "/v1/products/P/offers"
	const h = "/v1/products/P/history"
	const days = "/v1/products/P/days"
	const sum = "/v1/products/P/summary"
	const ch = "/v1/products/P/changes"
	const raw = "/v1/products/P/raw.csv"
	const svg = "/v1/products/P/history.svg"
	const oq = "/v1/offers/query"
	const sq = "/v1/summaries/query"
	rawFirst := strings.SplitAfter(answers[raw], "\n")[1]
	tests := map[string]struct{ path, from, to, want string }{
		"price": {p, `"price":{"amount":"6.00"`, `"price":{"amount":"6.01"`,
			`P: offer shop||New||public: price: want {"amount":"6.00","currency":"USD"}, got {"amount":"6.01","currency":"USD"}`},
		"print of price": {p, `"price":{"amount":"6.00"`, `"price":{"amount":"6.0"`, "price: want"},
		"previous price": {p, `"previousPrice":{"amount":"5.00","currency":"USD"}`, `"previousPrice":null`,
			`previousPrice: want {"amount":"5.00","currency":"USD"}, got null`},
		"last changed": {p, `"lastChangedAt":"2026-07-06T10`, `"lastChangedAt":"2026-07-06T11`,
			"lastChangedAt: want 2026-07-06T10:00:00.000Z, got 2026-07-06T11:00:00.000Z"},
		"first seen":     {p, `"firstSeenAt":"2026-07-06T09`, `"firstSeenAt":"2026-07-06T10`, "firstSeenAt"},
		"stale at":       {p, `"staleAt":"2026-07-07T13`, `"staleAt":"2026-07-08T13`, "staleAt"},
		"stale":          {p, `"stale":false`, `"stale":true`, "stale"},
		"landed":         {p, `"landed":{"amount":"5.50"`, `"landed":{"amount":"4.00"`, "landed"},
		"url":            {p, `"https://fair.example/1"`, `"https://x.example"`, "url: want https://fair.example/1, got https://x.example"},
		"no url":         {p, `"https://fair.example/1"`, `null`, "url: want https://fair.example/1, got null"},
		"the lesser url": {p, `"https://shop.example/11"`, `"https://shop.example/10"`, "url: want https://shop.example/11, got"},
		"url of a conflict": {"/v1/products/Q 1/offers", `"https://q.example/1"`, `"https://q.example/2"`,
			"url: want https://q.example/1, got https://q.example/2"},
		"confidence":         {p, `"confidence":"0.9"`, `"confidence":"0.8"`, "source"},
		"field missing":      {p, `"stale":false,`, ``, "stale: want false, got no such field"},
		"field too many":     {p, `"stale":false,`, `"stale":false,"x":1,`, "x: want no such field, got 1"},
		"other seller":       {p, `"sellerId":"S"`, `"sellerId":null`, "offer fair|S|New||public: row: want"},
		"history price":      {h, `"5.00"`, `"5.01"`, "price: want"},
		"received":           {h, `"receivedAt":"2026-07-07T11:59:00.000Z"`, `"receivedAt":null`, "receivedAt: want a timestamp, got null"},
		"client":             {h, `"client":"night-run"`, `"client":""`, "client: want a name, got"},
		"client of offer":    {p, `"stale":false,`, `"stale":false,"client":"night-run",`, "client: want no such field, got night-run"},
		"other id":           {h, `shop10`, `XYZ`, "history XYZ: row: want none"},
		"row twice":          {h, `shop10`, `shop09`, "observationId: want once, got again"},
		"open":               {days, `"open":"5.00"`, `"open":"6.00"`, "P: day 2026-07-06 shop||New||public USD: open: want 5.00, got 6.00"},
		"low":                {days, `"low":"5.00"`, `"low":"4.99"`, "low: want 5.00, got 4.99"},
		"fraction":           {days, `"1.0000"`, `"1"`, "inStockFraction: want 1.0000, got 1"},
		"n":                  {days, `"n":3`, `"n":4`, "n: want 3, got 4"},
		"other day":          {days, `"date":"2026-07-06"`, `"date":"2026-07-05"`, "day 2026-07-06 shop||New||public USD: row: want"},
		"a day too many":     {days, `"currency":"USD"`, `"currency":"EUR"`, "day 2026-07-06 shop||New||public EUR: row: want none"},
		"a day twice":        {days, `"date":"2026-07-07"`, `"date":"2026-07-06"`, "day 2026-07-06 fair|S|New||public USD: row: want none"},
		"no days":            {days, answers[days], "[]", "got missing"},
		"a price":            {"/v1/products/Q 1/days", `"close":null`, `"close":"0.00"`, "close: want null, got 0.00"},
		"all gone":           {h, answers[h], "[]", "got missing"},
		"no such product":    {p, answers[p], "[]", "got missing"},
		"statistics":         {sum, `"median":"5.50"`, `"median":"5.51"`, `summary landed per competitor: market: want {"cheapest":["fair"]`},
		"window":             {sum, `"changes":1`, `"changes":2`, "summary landed per competitor: window: want"},
		"changes":            {ch, `"amount":"6.00"`, `"amount":"6.01"`, `P: changes HGN0B7409C36851VZ6V7JCWM8A: price: want {"amount":"6.00"`},
		"a change missing":   {ch, answers[ch], "[]", "P: changes: rows: want 3, got 0"},
		"received otherwise": {ch, "11:59", "11:58", "receivedAt: want 2026-07-07T11:59:00.000Z, got 2026-07-07T11:58:00.000Z"},
		"client of a change": {ch, `"price"`, `"client":"night-run","price"`, "client: want no such field, got night-run"},
		"csv":                {raw, ",5.00,", ",5.0,", "P: csv raw row 0: price.amount: want 5.00, got 5.0"},
		"csv null":           {raw, ",InStock,regular,,", ",InStock,regular,null,", "promotion.label: want , got null"},
		"csv column":         {raw, "source.kind", "kind", "kind: want , got crawler"},
		"csv row missing":    {raw, rawFirst, "", "P: csv raw: rows: want 4, got 3"},
		"csv of days":        {"/v1/products/Q 1/daily.csv", "0.0000", "0", "Q 1: csv daily row 0: inStockFraction: want 0.0000, got 0"},
		"plot words":         {svg, "lowest 5.00", "lowest 4.00", "shop: last price 6.00, lowest 5.00, highest 6.00; 3 observations"},
		"plot order":         {svg, "fair \u2068S\u2069: last", "fair: last", "P: plot: words"},
		"plot level":         {svg, "V42H", "V43H", "P: plot shop: step 1: want"},
		"plot moment":        {svg, "H110.6", "H111", "P: plot shop: step 0: want"},
		"plot stock":         {svg, `<g class="thin"><path id="line-1-P"`, `<g class="x"><path class="thin out"`, "steps: want 1, got 0"},
		"plot step":          {svg, "V42", "H1000V42", "P: plot shop: steps: want 2, got 3"},
		"plot lines":         {svg, `"offer k2 d2"`, `"k2 d2"`, "P: plot: lines: want 2, got 1"},
		"bulk offers":        {oq, `"landed":{"amount":"5.50"`, `"landed":{"amount":"5.51"`, "P: bulk offer fair|S|New||public: landed: want"},
		"bulk matched":       {oq, `"matched":2`, `"matched":3`, "P: bulk offers: matched, shown, truncated: want 2 2 false, got 3 2 false"},
		"bulk status":        {oq, `"status":200,"matched":1`, `"status":404,"matched":1`, "Q 1: bulk: entry: want Q 1 200, got Q 1 404"},
		"bulk summary":       {sq, `"median":"5.50"`, `"median":"5.51"`, "P: bulk summary landed per competitor: market: want"},
		"bulk window":        {sq, `"own":null`, `"own":null,"window":null`, "window: want no such field, got null"},
		"too large in vain":  {sum, `"windowOmitted":null`, `"windowOmitted":"too-large"`, "window: want null, got"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			exit, out := ask(t, changed(tt.path, tt.from, tt.to))
			assert.Equal(t, different, exit)
			assert.Contains(t, out, tt.want)
		})
	}
	for path, want := range map[string]string{p: "P: offers: order, row 0: want fair", h: "P: history: order, row 0",
		days: "P: days: order, row 0: want 2026-07-06"} {
		t.Run("order of "+path, func(t *testing.T) {
			var rows []json.RawMessage
			require.NoError(t, json.Unmarshal([]byte(answers[path]), &rows))
			slices.Reverse(rows)
			text, err := json.Marshal(rows)
			require.NoError(t, err)
			exit, out := ask(t, changed(path, answers[path], string(text)))
			assert.Equal(t, different, exit)
			assert.Contains(t, out, want)
		})
	}
	t.Run("the other content of a conflict", func(t *testing.T) {
		other := changed("/v1/products/Q 1/history", `"price":null`, `"price":{"amount":"7.00","currency":"EUR"}`)
		const promotion = `{"label":null,"validThrough":"2026-08-01T00:00:00.000Z","minQuantity":2}`
		row := strings.NewReplacer("SoldOut", "InStock", promotion, "null", `"price":null`, `"price":{"amount":"7.00","currency":"EUR"}`)
		other["/v1/products/Q 1/history"] = row.Replace(other["/v1/products/Q 1/history"])
		exit, out := ask(t, other)
		assert.Equal(t, different, exit, "history and offer do not agree")
		assert.Contains(t, out, `price: want {"amount":"7.00","currency":"EUR"}, got null`)
		day := strings.NewReplacer(`"currency":null,"open":null,"low":null,"high":null,"close":null,"inStockFraction":"0.0000"`,
			`"currency":"EUR","open":"7.00","low":"7.00","high":"7.00","close":"7.00","inStockFraction":"1.0000"`)
		other["/v1/products/Q 1/changes"] = row.Replace(other["/v1/products/Q 1/changes"])
		other["/v1/products/Q 1/days"] = day.Replace(other["/v1/products/Q 1/days"])
		offer := strings.NewReplacer("SoldOut", "InStock", `"price":null`, `"price":{"amount":"7.00","currency":"EUR"}`, promotion, "null",
			"q.example/1", "q.example/2")
		other["/v1/products/Q 1/offers"] = offer.Replace(other["/v1/products/Q 1/offers"])
		other["/v1/products/Q 1/summary"] = recorded("q-summary-other.json")
		other["/v1/products/Q 1/raw.csv"] = recorded("q-raw-other.csv")
		other["/v1/products/Q 1/daily.csv"] = recorded("q-daily-other.csv")
		other["/v1/products/Q 1/history.svg"] = recorded("q-history-other.svg")
		other["/v1/offers/query"] = offersQuery(recorded("p-offers.json"), other["/v1/products/Q 1/offers"])
		other["/v1/summaries/query"] = summariesQuery(recorded("p-summary.json"), recorded("q-summary-other.json"))
		exit, out = ask(t, other)
		assert.Equal(t, equal, exit, out)
	})
	t.Run("unknown to the API", func(t *testing.T) {
		exit, out := ask(t, map[string]string{})
		assert.Equal(t, different, exit)
		assert.Contains(t, out, "got missing")
	})
	t.Run("no token", func(t *testing.T) {
		var errs bytes.Buffer
		assert.Equal(t, unknown, run([]string{"-token-file", "nowhere", "x"}, &errs, &errs))
	})
}

func TestOfferRow_Own(t *testing.T) {
	old := now.AddDate(-1, 0, 0)
	for competitor, want := range map[string]struct {
		staleAt any
		stale   bool
	}{"shop": {oracle.Stamp(old.Add(time.Hour)), true}, "own": {nil, false}} {
		row := offerRow(oracle.Offer{Current: oracle.Observation{Key: oracle.Key{Competitor: competitor}, At: old}}, time.Hour, now)
		assert.Equal(t, want.staleAt, row["staleAt"], competitor)
		assert.Equal(t, want.stale, row["stale"], competitor)
	}
}
