package gateway

import (
	"mime"
	"strconv"
	"strings"
)

// negotiate returns which of the media types an Accept header prefers (RFC 9110, 12.5.1), or nothing if it takes none of them.
// Without the header it is the first. Of those that are liked alike it is the one that the header names most exactly, so that
// `text/csv, */*` means CSV, and else the first. Parameters other than q are not looked at, and what is malformed says nothing.
func negotiate(accept string, types []string) string {
	if strings.TrimSpace(accept) == "" {
		return types[0]
	}
	best, quality, exactness := "", 0.0, 0
	for _, media := range types {
		q, exact := weight(accept, media)
		if q > quality || q == quality && q > 0 && exact > exactness {
			best, quality, exactness = media, q, exact
		}
	}
	return best
}

// weight returns the q of the header's range that names a media type most exactly, 0 if none does, and how exact it is: 3 for the
// type, 2 for type/*, 1 for */*.
func weight(accept, media string) (q float64, exact int) {
	kind, _, _ := strings.Cut(media, "/")
	ranges := map[string]int{media: 3, kind + "/*": 2, "*/*": 1, "*": 1} // old clients write * alone
	for part := range strings.SplitSeq(accept, ",") {
		name, parameters, err := mime.ParseMediaType(part)
		if err != nil || ranges[name] <= exact {
			continue
		}
		one := 1.0
		if text, ok := parameters["q"]; ok {
			one, err = strconv.ParseFloat(text, 64)
			if err != nil || strings.Trim(text, "0123456789.") != "" || one > 1 {
				continue
			}
		}
		q = one
		exact = ranges[name]
	}
	return q, exact
}
