package main

import (
	_ "embed" // style.css
	"encoding/xml"
	"strconv"

	"pricing/shared/price"
)

// style is the picture's style sheet. The colours are those of Okabe and Ito, which people with any kind of colour vision can tell
// apart; in the place of their yellow, which nobody sees on white, there is a grey. Each line also has a dash pattern of its own,
// over a thin line without gaps: where there is nothing at all, nothing was seen. What is out of stock is thin alone.
//
// The background is opaque: on an unknown one no text is safe to read. A picture follows the reader's system in light and dark, which
// need not be what the page around it does. It is white unless the system is dark, so on paper too.
//
//go:embed style.css
var style string

// draw draws a picture as SVG: without a script, and with nothing from elsewhere. The same view gives the same bytes.
func draw(v view) []byte {
	d := drawing{view: v, layout: layOut(v), out: make([]byte, 0, 16<<10)}
	d.head()
	d.axes()
	for i := len(d.lines) - 1; i >= 0; i-- { // our own last, over all others
		d.offer(i)
	}
	if d.hidden > 0 {
		d.text(d.right+d.lead(), tenths(d.height)*px-d.margin()+d.size*px/3, `class="soft"`, "and "+strconv.Itoa(d.hidden)+" more")
	}
	if len(d.lines) == 0 {
		d.text((d.left+d.right)/2, (d.top+d.bottom)/2, `class="soft" text-anchor="middle"`, d.nothing())
	}
	d.raw("</svg>\n")
	return d.out
}

// drawing is a picture as it is written.
type drawing struct {
	view
	layout
	out []byte
}

// Write takes escaped text.
func (d *drawing) Write(b []byte) (int, error) {
	d.out = append(d.out, b...)
	return len(b), nil
}

func (d *drawing) raw(parts ...string) {
	for _, part := range parts {
		d.out = append(d.out, part...)
	}
}

// escaped writes what somebody else may have written. What XML cannot hold becomes U+FFFD.
func (d *drawing) escaped(text string) { _ = xml.EscapeText(d, []byte(text)) } // Write takes everything

// number writes a length in pixels.
func (d *drawing) number(n tenths) {
	if n < 0 {
		d.raw("-")
		n = -n
	}
	d.out = strconv.AppendInt(d.out, n/px, 10)
	if rest := n % px; rest != 0 {
		d.out = append(d.out, '.', byte('0'+rest))
	}
}

// command writes a command of a path with its lengths.
func (d *drawing) command(letter byte, lengths ...tenths) {
	d.out = append(d.out, letter)
	for i, n := range lengths {
		if i > 0 {
			d.raw(" ")
		}
		d.number(n)
	}
}

func (d *drawing) text(x, y tenths, attributes, text string) {
	d.raw(`<text x="`)
	d.number(x)
	d.raw(`" y="`)
	d.number(y)
	d.raw(`" `, attributes, `>`)
	d.escaped(text)
	d.raw("</text>\n")
}

// head writes what comes before the plot: title and description with ids of the product's own, since several pictures may stand in
// one page.
func (d *drawing) head() {
	width, height := strconv.Itoa(d.width), strconv.Itoa(d.height)
	d.raw(`<svg xmlns="http://www.w3.org/2000/svg" xml:lang="en" class="ph" role="img" aria-labelledby="title-`, d.productID,
		` desc-`, d.productID, `" width="`, width, `" height="`, height, `" viewBox="0 0 `, width, ` `, height, `" font-size="`,
		strconv.FormatInt(d.size, 10), "\">\n",
		`<title id="title-`, d.productID, `">Price history of `, d.productID, "</title>\n", `<desc id="desc-`, d.productID, `">`)
	d.escaped(d.words())
	d.raw("</desc>\n<style>\n", style, "</style>\n", `<rect class="paper" width="100%" height="100%"/>`, "\n")
	for i, line := range d.header {
		class := `class="soft"`
		if i == 0 {
			class = `class="bold"`
		}
		d.text(d.margin(), d.margin()+d.size*px*4/5+d.lineHeight()*tenths(i), class, line)
	}
}

func (d *drawing) axes() {
	if read := d.x(d.window, d.read); read > d.left {
		d.raw(`<rect class="unread" x="`)
		d.number(d.left)
		d.raw(`" y="`)
		d.number(d.top)
		d.raw(`" width="`)
		d.number(read - d.left)
		d.raw(`" height="`)
		d.number(d.bottom - d.top)
		d.raw("\"/>\n")
	}
	if len(d.amounts) > 0 {
		d.raw(`<path class="grid" d="`)
		for _, t := range d.amounts {
			d.command('M', d.left, d.y(t.at))
			d.command('H', d.right)
		}
		d.raw("\"/>\n")
	}
	d.raw(`<path class="axis" d="`)
	d.command('M', d.left, d.bottom)
	d.command('H', d.right)
	for _, t := range d.moments {
		d.command('M', d.x(d.window, price.Timestamp(t.at)), d.bottom)
		d.command('v', d.size*px/3)
	}
	d.raw("\"/>\n")
	for _, t := range d.amounts {
		d.text(d.left-d.margin(), d.y(t.at)+d.size*px/3, `class="soft amount" text-anchor="end"`, t.text)
	}
	for _, t := range d.moments {
		x := d.x(d.window, price.Timestamp(t.at))
		if x+widthOf(t.text, d.size)/2 > d.right+d.lead() && len(d.lines) > 0 {
			continue // it would touch a label
		}
		d.text(x, d.bottom+d.size*px*4/3, `class="soft moment" text-anchor="middle"`, t.text)
	}
}

// offer draws the line of an offer, its marks and its label.
func (d *drawing) offer(n int) {
	of := d.lines[n]
	d.raw(`<g class="offer `, d.looks(n), "\">\n")
	id := "line-" + strconv.Itoa(n+1) + "-" + d.productID
	if d.path(of, false, `<g class="thin"><path id="`, id, `"`) {
		d.raw(`</g><use href="#`, id, "\" class=\"line\"/>\n")
	}
	d.path(of, true, `<path class="thin out"`)
	for i, s := range of.steps {
		if s.out && (i == 0 || !of.steps[i-1].out || of.steps[i-1].until != s.from) {
			d.circle("mark", d.x(d.window, s.from), d.y(d.level(of, i)), d.size*px*3/10)
		}
	}
	if last := of.steps[len(of.steps)-1]; last.priced {
		d.circle("end", d.x(d.window, last.until), d.y(last.minor), d.size*px/4)
	}
	for _, l := range d.labels {
		if l.line == n {
			d.label(l)
		}
	}
	d.raw("</g>\n")
}

// looks is the class of a line: the colour of the text for our own, and a dash pattern that no other has.
func (d *drawing) looks(n int) string {
	own := 0
	for own < len(d.lines) && isOwn(d.lines[own].key) {
		own++
	}
	dash := strconv.Itoa(n + 1)
	if n < own {
		return "own k0 d" + dash
	}
	return "k" + strconv.Itoa((n-own+1)%mostLines) + " d" + dash
}

// path draws the steps of a line in which the offer is in stock, or those in which it is not, if there are any. It goes level while a
// price holds and straight up or down where another follows at once, so that no price is shown that nobody has seen.
func (d *drawing) path(of line, out bool, opening ...string) (any bool) {
	for i, s := range of.steps {
		if s.out != out || !s.priced {
			continue
		}
		if !any {
			d.raw(opening...)
			d.raw(` d="`)
			any = true
		}
		if i == 0 || !of.steps[i-1].priced || of.steps[i-1].until != s.from { // it begins here
			d.command('M', d.x(d.window, s.from), d.y(s.minor))
		} else {
			before := of.steps[i-1]
			if before.out != out { // it goes on from the other path
				d.command('M', d.x(d.window, s.from), d.y(before.minor))
			}
			if before.minor != s.minor {
				d.command('V', d.y(s.minor))
			}
		}
		d.command('H', d.x(d.window, s.until))
	}
	if any {
		d.raw("\"/>\n")
	}
	return any
}

func (d *drawing) circle(class string, x, y, radius tenths) {
	d.raw(`<circle class="`, class, `" cx="`)
	d.number(x)
	d.raw(`" cy="`)
	d.number(y)
	d.raw(`" r="`)
	d.number(radius)
	d.raw("\"/>\n")
}

// label draws a label, a piece of its line before it and, if the line reaches the plot's end, the way from there.
func (d *drawing) label(l label) {
	of := d.lines[l.line]
	at := d.right + d.lead()
	if !of.ended(d.window) {
		d.raw(`<path class="lead" d="`)
		d.command('M', d.right+d.size*px/3, l.end)
		d.command('L', at-d.gap()/2, l.at)
		d.raw("\"/>\n")
	}
	for _, class := range []string{"thin", "line"} {
		d.raw(`<path class="`, class, `" d="`)
		d.command('M', at, l.at)
		d.command('h', d.piece())
		d.raw("\"/>\n")
	}
	class := `class="label"`
	if isOwn(of.key) {
		class = `class="label bold"`
	}
	d.text(at+d.piece()+d.gap(), l.at+d.size*px/3, class, l.text)
}
