package main

import (
	"strings"
	"unicode"
)

// tenths is a length in tenths of a pixel. All places are computed in whole ones, so that a picture is the same everywhere.
type tenths = int64

const px tenths = 10

// widthOf returns how wide a text is at most, in a font of a size in pixels. No font is at hand here, so each letter counts as wide as
// in a wide one.
func widthOf(text string, size tenths) tenths {
	var thousandths int64
	for _, r := range text {
		thousandths += widthOfRune(r)
	}
	return (thousandths*size*px + 999) / 1000
}

// widthOfRune is in thousandths of the font's size.
func widthOfRune(r rune) int64 {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Cf):
		return 0
	case strings.ContainsRune(" ijlI.,:;'|![]()/", r):
		return 400
	case strings.ContainsRune("mwMW@%…—", r):
		return 1000
	case r < 0x80 && !unicode.IsUpper(r):
		return 640
	case r < 0x1100:
		return 780
	default:
		return 1300
	}
}

// cut returns a text, or as much of it with … behind it as is at most so wide.
func cut(text string, most, size tenths) string {
	if widthOf(text, size) <= most {
		return text
	}
	most -= widthOf("…", size)
	fits := 0
	for end := range text {
		if widthOf(text[:end], size) > most {
			break
		}
		fits = end
	}
	return strings.TrimRight(text[:fits], " ") + "…"
}

// wrap puts the words of a text into lines that are at most so wide, a longer word aside: it is cut. Of more than so many lines
// the last says that there was more.
func wrap(text string, most, size tenths, lines int) []string {
	var out []string
	for _, word := range strings.Fields(text) {
		if n := len(out); n > 0 && widthOf(out[n-1]+" "+word, size) <= most {
			out[n-1] += " " + word
			continue
		}
		out = append(out, cut(word, most, size))
	}
	if len(out) <= lines {
		return out
	}
	if lines <= 0 {
		return nil
	}
	out = out[:lines]
	out[lines-1] = cut(out[lines-1]+"…", most, size)
	return out
}
