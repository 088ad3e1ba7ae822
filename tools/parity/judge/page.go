package judge

import (
	_ "embed" // the page
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
)

//go:embed page.tmpl
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"count": count, "percent": percent, "short": short, "deref": func(v *float64) string { return short(*v) },
	"est": (*Estimate).String,
	"top": func(all []Path) []Path { return all[:min(mostShown, len(all))] },
}).Parse(pageText))

// HTML writes the report as one page that needs nothing else.
func (r Report) HTML(w io.Writer) error {
	type routeView struct {
		Route
		StatusText, MismatchText, SlowerText, TText string
		Percentiles, Tail                           template.HTML
	}
	view := struct {
		Report
		Heading, Fixed, Not string
		Forest              template.HTML
		Views               []routeView
	}{Report: r, Heading: r.heading(), Fixed: r.fixed(), Not: r.notCompared(), Forest: forest(r.Routes)}
	for _, route := range r.Routes {
		v := routeView{Route: route, StatusText: route.statuses(), MismatchText: route.Mismatch.sentence()}
		if route.Slower != nil {
			v.SlowerText = route.Slower.sentence()
		}
		if route.T != nil {
			v.TText = route.T.sentence()
		}
		v.Percentiles, v.Tail = percentiles(route), tails(route)
		view.Views = append(view.Views, v)
	}
	if err := page.Execute(w, view); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// The colours of Okabe and Ito, which colour-blind people tell apart; the marks differ, too.
const (
	legacyColour = "#0072B2"
	newColour    = "#D55E00"
	greyColour   = "#666"
)

// svg collects the parts of a picture. All that is text in it goes through text or numbers.
type svg struct {
	strings.Builder
	width, height float64
}

func (s *svg) add(format string, args ...any) { _, _ = fmt.Fprintf(s, format, args...) }

func (s *svg) line(x1, y1, x2, y2 float64, colour string, style string) {
	s.add(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" %s/>`, x1, y1, x2, y2, colour, style)
}

func (s *svg) text(x, y float64, anchor, colour, text string) {
	s.add(`<text x="%.1f" y="%.1f" text-anchor="%s" fill="%s">%s</text>`, x, y, anchor, colour, template.HTMLEscapeString(text))
}

func (s *svg) mark(x, y float64, colour string, square bool) {
	if square {
		s.add(`<rect x="%.1f" y="%.1f" width="9" height="9" fill="%s"/>`, x-4.5, y-4.5, colour)
		return
	}
	s.add(`<circle cx="%.1f" cy="%.1f" r="5" fill="%s"/>`, x, y, colour)
}

func (s *svg) html(title string) template.HTML {
	return template.HTML(fmt.Sprintf(`<svg viewBox="0 0 %.0f %.0f" role="img" aria-label="%s">%s</svg>`, //nolint:gosec // text was escaped
		s.width, s.height, template.HTMLEscapeString(title), s.String()))
}

// logScale is an axis from low to high, between two places of a picture.
type logScale struct{ low, high, from, to float64 }

func (l logScale) at(v float64) float64 {
	v = min(max(v, l.low), l.high)
	return l.from + (l.to-l.from)*math.Log(v/l.low)/math.Log(l.high/l.low)
}

// ticks are 1, 2 and 5 of each power of ten, or fewer if there were too many.
func (l logScale) ticks() []float64 {
	for _, steps := range [][]float64{{1, 2, 5}, {1, 3}, {1}} {
		var all []float64
		for power := math.Floor(math.Log10(l.low)); power <= math.Log10(l.high); power++ {
			for _, step := range steps {
				if v := step * math.Pow(10, power); v >= l.low*0.999 && v <= l.high*1.001 {
					all = append(all, v)
				}
			}
		}
		if len(all) <= 8 {
			return all
		}
	}
	return nil
}

// forest shows of each route the rate of answers that differ, with its limits and the budget.
func forest(routes []Route) template.HTML {
	const row, left = 34, 330
	s := &svg{width: 900, height: float64(row*len(routes)) + 60}
	axis := logScale{0.0001, 1, left, 860}
	bottom := s.height - 34
	for _, v := range axis.ticks() {
		s.line(axis.at(v), 16, axis.at(v), bottom, "#ddd", "")
		s.text(axis.at(v), bottom+16, "middle", greyColour, percent(v))
	}
	s.text((axis.from+axis.to)/2, bottom+31, "middle", greyColour, "answers that differ (at the left edge: 0.01 % or fewer)")
	for i, route := range routes {
		y := float64(i*row) + 34
		s.text(left-14, y+4, "end", "#222", cut(route.Name, 46))
		c := route.Mismatch
		if !c.Judged || c.Of == 0 {
			s.text(left+6, y+4, "start", greyColour, "not judged")
			continue
		}
		s.line(axis.at(c.Limits.Low), y, axis.at(c.Limits.High), y, newColour, `stroke-width="3"`)
		s.mark(axis.at(c.Value), y, newColour, true)
		s.line(axis.at(c.Budget), y-12, axis.at(c.Budget), y+12, "#222", `stroke-dasharray="4 3" stroke-width="2"`)
		label := fmt.Sprintf("%s of %s", count(c.Count), count(c.Of))
		x, anchor := axis.at(c.Limits.High)+9, "start"
		if x > 760 {
			x, anchor = axis.at(c.Limits.Low)-9, "end"
		}
		s.text(x, y-7, anchor, newColour, label)
		if i == 0 {
			s.text(axis.at(c.Budget), 14, "middle", "#222", "budget")
		}
	}
	return s.html("Answers that differ, by route")
}

func cut(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// percentiles shows those of both sides with their intervals, and T.
func percentiles(route Route) template.HTML {
	low, high := math.Inf(1), 0.0
	for _, p := range route.Latency {
		for _, e := range []*Estimate{p.Legacy, p.New} {
			if e != nil {
				low, high = min(low, e.Low), max(high, e.High)
			}
		}
	}
	if high == 0 {
		return ""
	}
	if route.T != nil {
		high = max(high, route.T.Value)
	}
	const row, left = 62, 64
	s := &svg{width: 520, height: float64(row*len(route.Latency)) + 62}
	axis := logScale{max(low, 0.001) / 1.25, high * 1.6, left, 505}
	bottom := s.height - 36
	for _, v := range axis.ticks() {
		s.line(axis.at(v), 22, axis.at(v), bottom, "#ddd", "")
		s.text(axis.at(v), bottom+16, "middle", greyColour, fmt.Sprintf("%g", v))
	}
	s.text((axis.from+axis.to)/2, bottom+31, "middle", greyColour, "ms, warm requests; bars hold the true value in 95 of 100 runs")
	if t := route.T; t != nil {
		s.line(axis.at(t.Value), 20, axis.at(t.Value), bottom, "#222", `stroke-dasharray="4 3" stroke-width="1.5"`)
		s.text(axis.at(t.Value), 14, "middle", "#222", "T "+short(t.Value))
	}
	for i, p := range route.Latency {
		y := float64(i*row) + 46
		s.text(left-12, y+16, "end", "#222", fmt.Sprintf("P%g", p.P))
		for j, e := range []*Estimate{p.Legacy, p.New} {
			colour, name := legacyColour, "legacy"
			if j == 1 {
				colour, name = newColour, "new"
			}
			at := y + float64(j)*26
			if e == nil {
				s.text(left+8, at+4, "start", colour, name+": not estimable")
				continue
			}
			s.line(axis.at(e.Low), at, axis.at(e.High), at, colour, `stroke-width="3"`)
			s.mark(axis.at(e.Value), at, colour, j == 1)
			label := name + " " + short(e.Value)
			if x := axis.at(e.High) + 9; x < 420 {
				s.text(x, at+4, "start", colour, label)
			} else {
				s.text(axis.at(e.Low)-9, at+4, "end", colour, label)
			}
		}
	}
	return s.html("Percentiles of " + route.Name)
}

// tailPoint says which share of requests takes longer.
type tailPoint struct{ ms, share float64 }

// tail has the shares that are slower, at about 150 places that a logarithmic axis shows evenly.
func tail(sorted []float64) []tailPoint {
	var out []tailPoint
	n := len(sorted)
	last := math.Inf(1)
	for i, v := range sorted {
		share := float64(n-i-1) / float64(n)
		if share > 0 && share <= last*0.95 || i == 0 {
			out = append(out, tailPoint{v, max(share, 1/float64(n))})
			last = share
		}
	}
	return out
}

// tails shows which share of the requests takes longer than a time.
func tails(route Route) template.HTML {
	legacy, fresh := route.tails[0], route.tails[1]
	if len(legacy) < 2 || len(fresh) < 2 {
		return ""
	}
	s := &svg{width: 520, height: 248}
	low, high := min(legacy[0].ms, fresh[0].ms), max(legacy[len(legacy)-1].ms, fresh[len(fresh)-1].ms)
	least := min(legacy[len(legacy)-1].share, fresh[len(fresh)-1].share)
	x := logScale{max(low, 0.001), max(high, low*1.01) * 1.02, 64, 505}
	y := logScale{least / 1.3, 1, 212, 16}
	for _, v := range x.ticks() {
		s.line(x.at(v), 16, x.at(v), 212, "#ddd", "")
		s.text(x.at(v), 228, "middle", greyColour, fmt.Sprintf("%g", v))
	}
	for share := 1.0; share >= least/1.3; share /= 10 {
		s.line(64, y.at(share), 505, y.at(share), "#ddd", "")
		s.text(58, y.at(share)+4, "end", greyColour, percent(share))
	}
	s.text(284, 243, "middle", greyColour, "share of warm requests that take longer than so many ms")
	for i, points := range [][]tailPoint{legacy, fresh} {
		colour, name, dash := legacyColour, "legacy", ""
		if i == 1 {
			colour, name, dash = newColour, "new", ` stroke-dasharray="7 3"`
		}
		var path []string
		for _, p := range points {
			path = append(path, fmt.Sprintf("%.1f,%.1f", x.at(p.ms), y.at(p.share)))
		}
		s.add(`<polyline points="%s" fill="none" stroke="%s" stroke-width="2"%s/>`, strings.Join(path, " "), colour, dash)
		// Labelled where the curves are apart from the frame: legacy on the left of its curve, new on the right.
		middle := points[len(points)*(2+i)/5]
		if i == 0 {
			s.text(x.at(middle.ms)-8, y.at(middle.share)+14, "end", colour, name)
		} else {
			s.text(x.at(middle.ms)+8, y.at(middle.share)-4, "start", colour, name)
		}
	}
	return s.html("Tail of " + route.Name)
}
