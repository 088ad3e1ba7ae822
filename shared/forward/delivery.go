// Package forward turns what a subscription of CloudWatch Logs delivers into documents, one JSON line for each log event, and sends them
// to Logstash. It links nothing of the AWS SDK.
//
// What surprises: there is no repetition in here. A delivery that fails in any part fails as a whole, Lambda sends the whole again, and
// every document has the id of its event, so that what had arrived is the same document. What was acknowledged is never counted on.
package forward

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// MaxUnpacked is how many bytes a delivery may have when it is unpacked. It fits 128 MB, and is more than 60 times what one may have
// packed (Lambda takes asynchronous events of 1 MB, in base64); logs come to 10 or 20 times.
const MaxUnpacked = 48 << 20

// Delivery is what one call of a subscription has: events of one stream of a log group.
type Delivery struct {
	Type   string `json:"messageType"`
	Group  string `json:"logGroup"`
	Stream string `json:"logStream"`

	text []byte
}

// Failed is the packed delivery in a message of the queue, into which Lambda puts the event that it gives up. Its error means that nobody
// will ever find one there.
func Failed(message string) ([]byte, error) {
	var record struct {
		Payload struct {
			Logs struct {
				Data []byte `json:"data"`
			} `json:"awslogs"`
		} `json:"requestPayload"`
	}
	if err := json.Unmarshal([]byte(message), &record); err != nil {
		return nil, fmt.Errorf("read the message: %w", err)
	}
	if record.Payload.Logs.Data == nil {
		return nil, errors.New("read the message: it has no log events")
	}
	return record.Payload.Logs.Data, nil
}

// What Type may be. By a control message CloudWatch Logs sees whether the destination can be reached; it has no events.
const (
	dataMessage    = "DATA_MESSAGE"
	controlMessage = "CONTROL_MESSAGE"
)

// Open unpacks a delivery. Its error means that nothing of it can be read, now or later.
func Open(packed []byte) (Delivery, error) {
	text, err := unpack(packed)
	if err != nil {
		return Delivery{}, fmt.Errorf("unpack the delivery: %w", err)
	}
	d := Delivery{text: text}
	if err := json.Unmarshal(text, &d); err != nil {
		return Delivery{}, fmt.Errorf("read the delivery: %w", err)
	}
	switch {
	case d.Type == controlMessage:
	case d.Type != dataMessage:
		return Delivery{}, fmt.Errorf("read the delivery: its type is %q", d.Type)
	case d.Group == "" || d.Stream == "":
		return Delivery{}, errors.New("read the delivery: it names no log group or no stream")
	}
	return d, nil
}

// unpack takes the gzip off. What is longer than may be is refused before it fills the memory, whatever size it claims to have.
func unpack(packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint32(packed[len(packed)-4:]) // gzip says it at its end, and may lie
	text := make([]byte, 0, min(int(size), MaxUnpacked)+1)
	for {
		n, err := r.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		switch {
		case len(text) > MaxUnpacked:
			return nil, fmt.Errorf("it has more than %d bytes", MaxUnpacked)
		case errors.Is(err, io.EOF):
			return text, nil
		case err != nil:
			return nil, err
		case len(text) == cap(text): // once, so that there are never two large ones
			text = append(make([]byte, 0, MaxUnpacked+1), text...)
		}
	}
}

// event is one of the delivery's log events. The message stays as it is written, since its bytes are to arrive.
type event struct {
	ID        string          `json:"id"`
	Timestamp int64           `json:"timestamp"` // milliseconds
	Message   json.RawMessage `json:"message"`
}

// Documents gives the document of each event to f, in order, with when the event was. The line is f's until it returns. It ends with
// the first error of f.
func (d Delivery) Documents(f func(line []byte, at time.Time) error) error {
	if d.Type == controlMessage {
		return nil
	}
	w := newWriter(d.Group, d.Stream)
	return d.events(func(e *event) error {
		line, err := w.document(e)
		if err != nil {
			return fmt.Errorf("read an event: %w", err)
		}
		return f(line, time.UnixMilli(e.Timestamp))
	})
}

// events reads the events one after the other, each into the memory of the one before: all at once would take the delivery's bytes twice.
func (d Delivery) events(f func(*event) error) error {
	in := json.NewDecoder(bytes.NewReader(d.text))
	_, err := in.Token() // {
	for err == nil && in.More() {
		var name json.Token
		if name, err = in.Token(); name == "logEvents" {
			return each(in, f)
		}
		if err == nil {
			var other json.RawMessage
			err = in.Decode(&other)
		}
	}
	return fmt.Errorf("read the delivery: %w", cmp.Or(err, errors.New("it has no list of events")))
}

// each reads the array that the decoder stands before.
func each(in *json.Decoder, f func(*event) error) error {
	begin, err := in.Token()
	if err != nil || begin != json.Delim('[') {
		return fmt.Errorf("read the events: %w", errors.Join(err, errors.New("they are no list")))
	}
	var e event
	for in.More() {
		e = event{Message: e.Message[:0]}
		if err := in.Decode(&e); err != nil {
			return fmt.Errorf("read an event: %w", err)
		}
		if err := f(&e); err != nil {
			return err
		}
	}
	return nil
}
