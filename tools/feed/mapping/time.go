package mapping

import "time"

// Time is replaced by the one of another branch.
type Time struct {
	Layout string `yaml:"layout"`
}

func (t *Time) check() error { return nil }

func (t *Time) moment(text string) (time.Time, bool, error) {
	m, err := time.Parse(t.Layout, text)
	return m, false, err
}

func printed(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
