package judge

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// percent writes a rate with two digits that say something.
func percent(rate float64) string {
	v := 100 * rate
	digits := 1
	if v != 0 && math.Abs(v) < 10 {
		digits = min(5, 1-int(math.Floor(math.Log10(math.Abs(v)))))
	}
	text := strconv.FormatFloat(v, 'f', digits, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text + " %"
}

// count writes a number with commas.
func count(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// hours writes a time that is known roughly.
func hours(h float64) string {
	switch {
	case h >= 48:
		return fmt.Sprintf("%.1f days", h/24)
	case h >= 1:
		return fmt.Sprintf("%.1f h", h)
	case h >= 1.0/60:
		return fmt.Sprintf("%.0f min", math.Ceil(h*60))
	}
	return fmt.Sprintf("%.0f s", math.Ceil(h*3600))
}

func (e *Estimate) String() string {
	if e == nil {
		return "not estimable"
	}
	return fmt.Sprintf("%s [%s to %s]", short(e.Value), short(e.Low), short(e.High))
}

// short writes milliseconds with three digits.
func short(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// String says the rate with its interval.
func (r Rate) String() string {
	return fmt.Sprintf("%s of %s, %s [%s to %s]", count(r.Count), count(r.Of), percent(r.Value), percent(r.Interval.Low),
		percent(r.Interval.High))
}

// sentence says what a claim showed.
func (c *Claim) sentence() string {
	if !c.Judged {
		return "not judged"
	}
	text := fmt.Sprintf("between %s and %s, the budget is %s", percent(c.Limits.Low), percent(c.Limits.High), percent(c.Budget))
	if c.early {
		text += "; early look"
	}
	if c.Effect > 1.005 {
		text += fmt.Sprintf("; minutes differ, so %s requests count as %s", count(c.Of), count(int(float64(c.Of)/c.Effect)))
	}
	switch {
	case c.Hint != "":
		text += "; " + c.Hint
	case c.Needed > 0:
		text += fmt.Sprintf("; about %s more are needed, %s at this rate", count(c.Needed), hours(c.Hours))
	}
	return text
}

func (t *Threshold) sentence() string {
	text := fmt.Sprintf("T is %s ms", short(t.Value))
	if t.Agreed {
		return text + ", agreed before the run"
	}
	return text + fmt.Sprintf(", the legacy P99 of this run and the margin: known to be from %s to %s ms", short(t.Low), short(t.High))
}

// Heading is what the run was, in one line.
func (r Report) heading() string {
	mode := map[string]string{"proxy": "Proxy", "replay": "Replay", "aa": "A/A: legacy against legacy"}[r.Settings.Mode]
	text := fmt.Sprintf("%s, %s pairs compared in %s", mode,
		count(r.Compared), hours(r.Seconds/3600))
	if r.Early {
		text += ". An early look: the limits hold at any time and are wider for it"
	} else if r.Looks > 0 {
		text += fmt.Sprintf(". It was looked at before (%d times), so the limits are wider", r.Looks)
	}
	return text
}

// fixed is what was fixed before the run.
func (r Report) fixed() string {
	s := r.Settings
	latency := "latency is not judged"
	if s.P99Margin >= 0 {
		latency = "T is the legacy P99 + " + percent(s.P99Margin)
	}
	content := "answers are not judged"
	if s.MaxMismatch >= 0 {
		content = "answers that may differ " + percent(s.MaxMismatch)
	}
	return fmt.Sprintf("Fixed before the run: error of each claim %s, power %s, %s, %s. Legacy %s, new %s.", percent(s.Alpha),
		percent(s.Power),
		content, latency, s.Legacy, s.New)
}

func (r Report) notCompared() string {
	var parts []string
	for _, reason := range slices.Sorted(maps.Keys(r.NotCompared)) {
		parts = append(parts, fmt.Sprintf("%s: %s", reason, count(r.NotCompared[reason])))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

func (r Route) statuses() string {
	var parts []string
	for _, pair := range slices.Sorted(maps.Keys(r.Statuses)) {
		legacy, fresh, _ := strings.Cut(pair, "/")
		text := legacy + " and " + fresh
		if legacy == fresh {
			text = "both " + legacy
		}
		parts = append(parts, fmt.Sprintf("%s: %s", text, count(r.Statuses[pair])))
	}
	return strings.Join(parts, ", ")
}

// Markdown writes the report for a merge request.
func (r Report) Markdown(w io.Writer) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Old and new side by side: %s\n", r.Verdict)
	line("%s.\n", r.heading())
	for _, reason := range r.Reasons {
		line("- %s", reason)
	}
	line("\n%s\n\nNot compared: %s.\n", r.fixed(), r.notCompared())
	line("| route | verdict | pairs | agree | slower than T | P50 legacy, new | P95 | P99 |")
	line("|---|---|---|---|---|---|---|---|")
	for _, route := range r.Routes {
		cells := []string{"`" + route.Name + "`", string(route.Verdict), count(route.Compared),
			fmt.Sprintf("%s [%s to %s]", percent(route.Agreement.Value), percent(route.Agreement.Interval.Low),
				percent(route.Agreement.Interval.High))}
		if route.Slower == nil {
			cells = append(cells, "-", "-", "-", "-")
		} else {
			cells = append(cells, percent(route.Slower.Value))
			for _, p := range route.Latency {
				cells = append(cells, p.Legacy.String()+", "+p.New.String())
			}
		}
		line("| %s |", strings.Join(cells, " | "))
	}
	line("\nTimes are in ms of warm requests; brackets hold the true value in 95 of 100 runs.")
	for _, route := range r.Routes {
		line("\n## `%s`: %s\n", route.Name, route.Verdict)
		line("- Statuses: %s", route.statuses())
		line("- Answers that differ: %s; %s", route.Mismatch.Rate, route.Mismatch.sentence())
		if route.Noise != nil {
			line("- Noise, legacy against legacy: %s", route.Noise)
		}
		if route.Slower != nil {
			line("- Slower than T: %s; %s", route.Slower.Rate, route.Slower.sentence())
		}
		if t := route.T; t != nil {
			line("- %s; of the legacy side slower: %s; only the new one: %s, only legacy: %s (by chance p = %.2g)", t.sentence(), t.Legacy,
				count(t.OnlyNew), count(t.OnlyOld), t.McNemar)
		}
		if route.Paired != nil {
			line("- New minus legacy, median of the pairs: %s ms", route.Paired)
		}
		for _, p := range route.Latency {
			if p.Difference != nil {
				line("- P%g, new minus legacy: %s ms, by %s", p.P, p.Difference, route.Blocks)
			}
		}
		for _, c := range route.Cold {
			if c.Share.Count > 0 {
				line("- Cold or on a new connection, %s: %s; median %s, most %s ms", c.Side, c.Share, short(*c.Median), short(*c.Most))
			}
		}
		if len(route.Paths) > 0 {
			line("\n| differs in | kind | answers | noise | legacy, redacted | new, redacted |\n|---|---|---|---|---|---|")
			for _, p := range route.Paths[:min(mostShown, len(route.Paths))] {
				line("| `%s` | %s | %s | %s | `%s` | `%s` |", cell(p.Path), p.Kind, count(p.Count), count(p.Noise), cell(p.Legacy), cell(p.New))
			}
		}
		if len(route.RuledOut) > 0 {
			line("\n| ruled out | rule | answers |\n|---|---|---|")
			for _, p := range route.RuledOut {
				line("| `%s` | %s | %s |", cell(p.Path), p.Rule, count(p.Count))
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// mostShown is how many paths a page or table names; the JSON report has all.
const mostShown = 20

// cell is a text within a table.
func cell(text string) string {
	return strings.NewReplacer("|", "/", "`", "'", "\n", " ").Replace(text)
}

// Line is the report in one line.
func (r Report) Line() string {
	return fmt.Sprintf("%s: %s pairs in %s", r.Verdict, count(r.Compared), time.Duration(r.Seconds*float64(time.Second)).Round(time.Second))
}
