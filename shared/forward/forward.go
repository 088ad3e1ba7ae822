package forward

import (
	"context"
	"time"
)

// Limits of one request. Logstash takes 100 MB; what is less loses less when a connection breaks.
const (
	maxPart  = 1 << 20
	maxLines = 2000
)

// Report is what became of a delivery.
type Report struct {
	Group     string
	Documents int       // acknowledged by Logstash
	Parts     int       // requests that were acknowledged
	Bytes     int       // sent in them
	Newest    time.Time // of the events that are acknowledged
	Control   bool      // it had no events, and was not to have any
	Own       bool      // refused: its group is the forwarder's own
}

// Forwarder sends deliveries.
type Forwarder struct {
	Sender *Sender
	Own    string // the log group that this process writes to
}

// Forward sends a delivery in parts, one after the other. If it returns an error the delivery has to be sent again, all of it: the report
// then tells how far it came, and nothing more may be concluded from it.
func (f Forwarder) Forward(ctx context.Context, packed []byte) (Report, error) {
	d, err := Open(packed)
	if err != nil {
		return Report{}, err
	}
	r := Report{Group: d.Group, Control: d.Type == controlMessage, Own: d.Group == f.Own && f.Own != ""}
	if r.Control || r.Own {
		return r, nil
	}
	var part []byte
	lines := 0
	var newest time.Time
	send := func() error {
		if lines == 0 {
			return nil
		}
		if err := f.Sender.Send(ctx, part); err != nil {
			return err
		}
		r.Documents += lines
		r.Parts++
		r.Bytes += len(part)
		r.Newest = newest
		part, lines = part[:0], 0
		return nil
	}
	err = d.Documents(func(line []byte, at time.Time) error {
		if lines == maxLines || len(part)+len(line) > maxPart {
			if err := send(); err != nil {
				return err
			}
		}
		if at.After(newest) {
			newest = at
		}
		part = append(part, line...)
		lines++
		return nil
	})
	if err != nil {
		return r, err
	}
	return r, send()
}
