// Package history is what the clients of a run know: what they sent and what they heard of it.
//
// It is a list of events. An observation that is sent makes an Invoke, and its answer one OK, Fail or Info. Info says that nothing is
// known: the observation may be stored, now or later, or not.
package history

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"pricing/shared/price"
)

// Type is a type of event.
type Type string

// The types.
const (
	Invoke Type = "invoke"
	OK     Type = "ok"   // stored: created, changed, unchanged, late or duplicate
	Fail   Type = "fail" // known not to be stored: rejected or conflict
	Info   Type = "info" // unknown: throttled, failed, an error, or the client was killed
)

// What a client may meet instead of an outcome.
const (
	Killed = "killed" // it was its process that died
	Error  = "error:" // then the error of the whole request
)

// Event is one line of a history.
type Event struct {
	Seq        int             `json:"seq"` // from 1
	Time       time.Time       `json:"time"`
	Worker     int             `json:"worker"`
	Request    int             `json:"request"` // its number in the plan
	Attempt    int             `json:"attempt"` // of the request, from 0
	Item       int             `json:"item"`    // within the attempt, from 0
	Key        string          `json:"key"`     // of an offer, or "product <id>", or "competitor <id>"
	ObservedAt price.Timestamp `json:"observedAt,omitempty"`
	ID         string          `json:"id,omitempty"` // observationId
	Content    string          `json:"content"`      // the same for equal contents
	URL        string          `json:"url,omitempty"`
	Type       Type            `json:"type"`
	Verdict    string          `json:"verdict,omitempty"` // the API's word, or what the client met instead

	Sent     Sent            `json:"-"`
	Received price.Timestamp `json:"-"` // Invoke: when it was received, if that is known; else 0
	Client   string          `json:"-"`
	Answered string          `json:"-"` // OK and Fail: the id, or id and content, of what the answer says is stored, if it does
	Version  int64           `json:"-"` // OK of a product: the version it has now
}

// Sent is what an event is about: one of them is set.
type Sent struct {
	Observation *price.Observation
	Product     string // its id
	Competitor  string // its id
	Restored    string // the id of a product: from the Invoke on a board of it may be unreadable
}

// History collects events. It is safe for concurrent use.
type History struct {
	mu     sync.Mutex
	events []Event
	lines  *json.Encoder // nil: none are wanted
	err    error
}

// New returns an empty history, which writes each event as a line of JSON to w unless that is nil.
func New(w io.Writer) *History {
	h := &History{}
	if w != nil {
		h.lines = json.NewEncoder(w)
	}
	return h
}

// Add numbers events and adds them.
func (h *History) Add(events ...Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range events {
		e.Seq = len(h.events) + 1
		e.Time = time.Now().UTC()
		h.events = append(h.events, e)
		if h.lines != nil && h.err == nil {
			h.err = h.lines.Encode(e)
		}
	}
}

// Events returns all events in their order. The error says why the lines are not complete.
func (h *History) Events() ([]Event, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.events, h.err
}

// Content is a text that is the same for observations of equal content, whatever their url.
func Content(o price.Observation) string {
	o.URL = ""
	sum := sha256.Sum256(fmt.Appendf(nil, "%#v", o))
	return hex.EncodeToString(sum[:6])
}

// String is the event as its line.
func (e Event) String() string {
	text, err := json.Marshal(e)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
