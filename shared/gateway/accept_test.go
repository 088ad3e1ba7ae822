package gateway

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNegotiate(t *testing.T) {
	t.Parallel()
	const json, csv = "application/json", "text/csv"
	for accept, want := range map[string]string{
		"":                                       json,
		" ":                                      json,
		"*/*":                                    json,
		"*":                                      json,
		"application/json":                       json,
		"application/*":                          json,
		"text/csv":                               csv,
		"TEXT/CSV":                               csv,
		"text/*":                                 csv,
		"text/csv;charset=utf-8;header=present":  csv,
		"text/csv, */*":                          csv,
		"*/*, text/csv":                          csv,
		"text/*, */*":                            csv,
		"application/json, text/csv":             json,
		"text/csv, application/json":             json,
		"text/csv;q=1, application/json; q=0.9":  csv,
		"text/csv;q=0.5, application/json;q=0.6": json,
		"text/csv;q=0.5, */*;q=0.6":              json,
		"text/csv;q=0.5, */*;q=0.4":              csv,
		"*/*;q=0.1, application/json;q=0":        csv,
		"text/csv;q=0, */*":                      json,
		"text/csv;q=0, text/*":                   "",
		"text/html, image/gif, *; q=.2, */*;q=0": json,
		"application/json, text/plain, */*":      json,
		"text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8": json,
		"application/xml":         "",
		"application/xml, text/x": "",
		"text/csv;q=0":            "",
		"text/csv;q=0.000":        "",
		"*/*;q=0":                 "",
		"text/csv;q=2":            "",
		"text/csv;q=-1":           "",
		"text/csv;q=NaN":          "",
		"text/csv;q=x, */*":       json,
		"text/csv;q":              "",
		"csv":                     "",
		",,":                      "",
		`text/csv;x="a`:           "",
	} {
		assert.Equal(t, want, negotiate(accept, []string{json, csv}), accept)
	}
}

func FuzzNegotiate(f *testing.F) {
	for _, accept := range []string{"", "*/*;q=0.1, text/csv", `text/csv;x="a,b";q=1`} {
		f.Add(accept)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		types := []string{"application/json", "text/csv"}
		chosen := negotiate(accept, types)
		require.True(t, chosen == "" || slices.Contains(types, chosen))
		for _, media := range types {
			q, exact := weight(accept, media)
			require.True(t, q >= 0 && q <= 1 && exact >= 0 && exact <= 3)
		}
	})
}
