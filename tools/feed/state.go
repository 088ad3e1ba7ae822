package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"pricing/tools/internal/durable"
)

// identity says what a state belongs to. Rows may be left out only if they are the same, made in the same way, and sent to the
// same API.
type identity struct {
	URL     string `json:"url"`
	Name    string `json:"name"` // of the file: a mapping may take from it
	Form    string `json:"form"` // as the command and the mapping say it
	Size    int64  `json:"size"`
	File    string `json:"file"`    // SHA-256 of the bytes on disk
	Mapping string `json:"mapping"` // SHA-256 of the mapping; "" if there is none
}

// differs names the parts in which now is different, "" if there are none.
func (i identity) differs(now identity) string {
	var what []string
	for _, part := range []struct {
		name  string
		other bool
	}{
		{"the API's address", i.URL != now.URL},
		{"the file's name", i.Name != now.Name},
		{"the form", i.Form != now.Form},
		{"the file", i.Size != now.Size || i.File != now.File},
		{"the mapping", i.Mapping != now.Mapping},
	} {
		if part.other {
			what = append(what, part.name)
		}
	}
	return strings.Join(what, ", ")
}

// stateVersion is the version of the form below. A state of another version is not used.
const stateVersion = 3

// saved is the content of the state file. The ranges count observations in the order of sending, so that Done is short even for a
// large file. Order makes sure that the order is the same in the next run.
type saved struct {
	Version      int      `json:"version"`
	Of           identity `json:"of"`
	Order        string   `json:"order"`        // SHA-256 over line number, text and part of every observation, in the order of sending
	Observations int      `json:"observations"` // how many can be sent
	Done         [][2]int `json:"done"`         // acknowledged: the first, and the one after the last
	Refused      int64    `json:"refused"`      // length of the file of refused rows as it was with Done
	RefusedHash  string   `json:"refusedHash"`  // SHA-256 of that many bytes of it
	Rejected     int      `json:"rejected"`     // how many of Done the API refused
}

// state remembers durably for which observations of a file the API has answered with an outcome. It is written after an answer, so
// after a crash it may know too little but never too much: what it does not know is sent again, which is harmless. A nil
// state remembers nothing.
type state struct {
	path   string
	lock   *os.File
	saved  saved
	done   []bool
	resume bool // an earlier run left something to resume
}

// openState takes the state of a file for this process alone, until close. The content of the state file is used if it belongs
// to the same input; otherwise invalid says why not.
func openState(path string, of identity, restart bool) (s *state, invalid string, err error) {
	lock, err := durable.Lock(path + ".lock")
	if err != nil {
		return nil, "", err
	}
	s = (&state{path: path, lock: lock}).forget(of)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) || restart && err == nil {
		return s, "", nil
	}
	if err != nil {
		return nil, "", errors.Join(err, s.close())
	}
	var old saved
	if json.Unmarshal(text, &old) != nil || old.Version != stateVersion || !old.sound() {
		return s, "it cannot be read", nil
	}
	if what := old.Of.differs(of); what != "" {
		return s, what + " changed", nil
	}
	s.saved = old
	s.resume = true
	return s, "", nil
}

// acknowledged is the number of observations that are done.
func (s saved) acknowledged() int {
	n := 0
	for _, r := range s.Done {
		n += r[1] - r[0]
	}
	return n
}

// forget discards what was read from the state file.
func (s *state) forget(of identity) *state {
	s.saved = saved{Version: stateVersion, Of: of, Done: [][2]int{}}
	s.resume = false
	return s
}

func (s saved) sound() bool {
	last := 0
	for _, r := range s.Done {
		if r[0] < last || r[1] <= r[0] || r[1] > s.Observations {
			return false
		}
		last = r[1]
	}
	return s.Refused >= 0 && s.Rejected >= 0
}

// start matches the state with the observations that are about to be sent. It fails if it is not certain which of them are done.
func (s *state) start(items []item) error {
	hash := sha256.New()
	var head [24]byte
	for _, i := range items {
		binary.BigEndian.PutUint64(head[:8], uint64(i.line))   //nolint:gosec // lines are counted from 1
		binary.BigEndian.PutUint64(head[8:16], uint64(i.part)) //nolint:gosec // counted from 0
		binary.BigEndian.PutUint64(head[16:], uint64(len(i.text)))
		hash.Write(head[:])
		hash.Write(i.text)
	}
	order := hex.EncodeToString(hash.Sum(nil))
	s.done = make([]bool, len(items))
	if s.resume {
		if order != s.saved.Order || len(items) != s.saved.Observations {
			return fmt.Errorf("its rows are not those that %s describes: use -restart", s.path)
		}
		for _, r := range s.saved.Done {
			for i := r[0]; i < r[1]; i++ {
				s.done[i] = true
			}
		}
		return nil
	}
	s.saved.Order, s.saved.Observations = order, len(items)
	return nil
}

// acknowledge remembers observations that have an outcome, some of them refused. The file of refused rows has at any time exactly the
// refused ones of what is done. It is made durable first, or a refusal could count as done and be lost.
func (s *state) acknowledge(r *report, done []item, rejected int) error {
	if s == nil || len(done) == 0 {
		return nil
	}
	length, hash, err := r.sync()
	if err != nil {
		return err // none is marked as done, so the next run sends these again
	}
	for _, one := range done {
		s.done[one.index] = true
	}
	s.saved.Rejected += rejected
	s.saved.Refused = length
	s.saved.RefusedHash = hash
	return s.write()
}

// write replaces the state file in one step, so that a crash leaves either the old one or the new one.
func (s *state) write() (err error) {
	s.saved.Done = [][2]int{}
	for i := 0; i < len(s.done); i++ {
		if !s.done[i] {
			continue
		}
		from := i
		for i < len(s.done) && s.done[i] {
			i++
		}
		s.saved.Done = append(s.saved.Done, [2]int{from, i})
	}
	text, err := json.Marshal(s.saved)
	if err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	if err := durable.WriteFile(s.path, append(text, '\n')); err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	return nil
}

// remaining is the number of observations without an outcome.
func (s *state) remaining() int {
	n := 0
	for _, done := range s.done {
		if !done {
			n++
		}
	}
	return n
}

// remove removes the state file, whose content is done or no longer valid.
func (s *state) remove() error {
	if err := os.Remove(s.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the state: %w", err)
	}
	return nil
}

// close releases the state.
func (s *state) close() error {
	return durable.Unlock(s.lock)
}

// beginning returns the digest of the first n bytes of a file, and how many there were.
func beginning(path string, n int64) (string, int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer func() { _ = file.Close() }() // it was only read
	return digest(io.LimitReader(file, n))
}

// digest returns the SHA-256 of all bytes of r, and how many there were.
func digest(r io.Reader) (string, int64, error) {
	hash := sha256.New()
	n, err := io.Copy(hash, r)
	return hex.EncodeToString(hash.Sum(nil)), n, err
}
