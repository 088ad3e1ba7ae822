package storetest

import (
	"errors"
	"flag"
	"os"

	"pricing/samkit/engine"
)

// SkipExamples skips the Example functions of a test binary where its tests skip themselves for want of an engine, which an
// Example cannot do. TestMain calls it.
func SkipExamples() {
	if os.Getenv("AWS_ENDPOINT_URL_DYNAMODB") != "" || os.Getenv("CI") != "" {
		return
	}
	if _, err := shared(); errors.Is(err, engine.ErrMissing) {
		flag.Parse()
		skip := flag.Lookup("test.skip")
		pattern := "^Example"
		if skip.Value.String() != "" {
			pattern += "|" + skip.Value.String()
		}
		_ = skip.Value.Set(pattern) // any text will do
	}
}
