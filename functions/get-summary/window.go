package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"pricing/shared/api"
	"pricing/shared/gateway"
)

// readDays reads how many UTC days the window has, today included; 0: the history is not read. At most as many are asked for as
// are kept.
func readDays(p *gateway.Params, retention time.Duration) int {
	most := int(retention / (24 * time.Hour))
	text, sent := p.Checked("window", func(s string) bool {
		days, ok := parseDays(s)
		return ok && days <= most
	}, fmt.Sprintf("none, or P1D to P%dD", most))
	if !sent {
		return min(api.UsualDays, most)
	}
	days, _ := parseDays(text)
	return days
}

// parseDays reads "P30D" or "none", which is 0.
func parseDays(s string) (days int, ok bool) {
	if s == "none" {
		return 0, true
	}
	text, begins := strings.CutPrefix(s, "P")
	text, ends := strings.CutSuffix(text, "D")
	days, err := strconv.Atoi(text)
	return days, begins && ends && err == nil && days > 0 && strconv.Itoa(days) == text
}
