package faultproxy

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"
)

// Rule is a fault and the calls that it befalls. An empty condition holds for every call that reads or writes items.
type Rule struct {
	Op          string        `yaml:"op,omitempty"`          // the operation, such as UpdateItem
	Table       string        `yaml:"table,omitempty"`       // one of the call's tables
	Item        string        `yaml:"item,omitempty"`        // the kind of item: its sort key up to the first "#"
	Nth         int           `yaml:"nth,omitempty"`         // only the nth call that meets the conditions, from 1
	Probability float64       `yaml:"probability,omitempty"` // of befalling a call; 0 and no Nth: all of them
	Do          Kind          `yaml:"do"`
	Wait        time.Duration `yaml:"wait,omitempty"` // of delay and late-apply; "200ms" in YAML
	Keep        float64       `yaml:"keep,omitempty"` // of leave
}

// Check says what is wrong with a rule.
func (r Rule) Check() error {
	switch {
	case !r.Do.known():
		return fmt.Errorf("do: %q is none of %q", r.Do, kinds())
	case r.Op != "" && operations[r.Op] == nil:
		return fmt.Errorf("op: %q is no operation that reads or writes items", r.Op)
	case r.Op != "" && !r.Do.Fits(r.Op):
		return fmt.Errorf("do: %q does not fit %s", r.Do, r.Op)
	case r.Nth != 0 && r.Probability != 0:
		return errors.New("give nth or probability, not both")
	case r.Nth < 0:
		return fmt.Errorf("nth: %d is not at least 1", r.Nth)
	case !within(r.Probability, 1):
		return fmt.Errorf("probability: %v is not between 0 and 1", r.Probability)
	case r.Wait < 0 || r.Wait != 0 && r.Do != Delay && r.Do != LateApply:
		return fmt.Errorf("wait: %v; delay and late-apply wait, for a time that is not negative", r.Wait)
	case !within(r.Keep, 1) || r.Keep != 0 && r.Do != Leave:
		return fmt.Errorf("keep: %v; leave keeps a share between 0 and 1", r.Keep)
	}
	return nil
}

// within reports whether a number lies between 0 and a limit; NaN does not.
func within(x, limit float64) bool { return x >= 0 && x <= limit }

// file is rules as they are kept in a file.
type file struct {
	Rules []Rule `yaml:"rules"`
}

// ReadRules reads rules in YAML, or JSON, which is YAML: {rules: [{op: UpdateItem, probability: 0.1, do: drop-answer}]}.
func ReadRules(text []byte) ([]Rule, error) {
	var file file
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the rules: %w", err)
	}
	for i, r := range file.Rules {
		if err := r.Check(); err != nil {
			return nil, fmt.Errorf("rule %d: %w", i+1, err)
		}
	}
	return file.Rules, nil
}

// WriteRules writes rules so that ReadRules reads them.
func WriteRules(rules []Rule) []byte {
	text, _ := yaml.Marshal(file{rules}) // plain data
	return text
}

// Decision is what a Schedule decided about a call, for a log.
type Decision struct {
	N         int    `json:"n"` // counted from 1
	Operation string `json:"operation"`
	Keys      []Key  `json:"keys"`
	Seen      int    `json:"seen,omitempty"` // how often this call has come, if a rule has a probability
	Rule      int    `json:"rule,omitempty"` // counted from 1; 0: none, so it passed
	Do        Kind   `json:"do"`
}

// Schedule decides by rules: the first that befalls a call. A probability is decided by a hash of the seed, the rule, the call's
// identity and how often that was seen, and not by a stream of random numbers: calls that arrive in another order meet the same
// faults, and so they do when another rule is taken away.
type Schedule struct {
	Seed  uint64
	Rules []Rule
	// Identity is what makes two calls the same. Nil: their Content. Call.Target is for clients that write random marks or the
	// time of day.
	Identity func(Call) string
	// Log is told every decision, one at a time. May be nil.
	Log func(Decision)

	mu      sync.Mutex
	n       int
	matched []int            // by rule
	seen    map[[32]byte]int // by identity
}

// Remembers reports whether a rule gives earlier answers again, for which a Proxy has to Remember them.
func (s *Schedule) Remembers() bool {
	return slices.ContainsFunc(s.Rules, func(r Rule) bool { return r.Do == Stale })
}

// Decide is asked by a Proxy.
func (s *Schedule) Decide(c Call) Action {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	d := Decision{N: s.n, Operation: c.Operation, Keys: c.Keys, Do: Pass}
	action := Action{Kind: Pass}
	var identity [32]byte
	if slices.ContainsFunc(s.Rules, func(r Rule) bool { return r.Probability != 0 }) {
		identity = s.identify(c)
		if s.seen == nil {
			s.seen = map[[32]byte]int{}
		}
		s.seen[identity]++
		d.Seen = s.seen[identity]
	}
	for i, r := range s.Rules {
		if s.matches(i, r, c) && s.befalls(r, identity, d.Seen) {
			d.Rule, d.Do = i+1, r.Do
			action = Action{r.Do, r.Wait, r.Keep}
			break
		}
	}
	if s.Log != nil {
		s.Log(d)
	}
	return action
}

// matches reports whether a call meets a rule's conditions, all but the probability.
func (s *Schedule) matches(i int, r Rule, c Call) bool {
	if operations[c.Operation] == nil || !r.Do.Fits(c.Operation) || r.Op != "" && r.Op != c.Operation ||
		r.Item != "" && r.Item != c.Item || c.Consistent && (r.Do == Stale || r.Do == Missing) ||
		r.Table != "" && !slices.ContainsFunc(c.Keys, func(k Key) bool { return k.Table == r.Table }) {
		return false
	}
	if s.matched == nil {
		s.matched = make([]int, len(s.Rules))
	}
	s.matched[i]++
	return r.Nth == 0 || r.Nth == s.matched[i]
}

func (s *Schedule) identify(c Call) [32]byte {
	if s.Identity != nil {
		return sha256.Sum256([]byte(s.Identity(c)))
	}
	return sha256.Sum256([]byte(c.Operation + c.Content()))
}

// befalls decides whether a rule befalls a call that meets its conditions.
func (s *Schedule) befalls(r Rule, identity [32]byte, seen int) bool {
	if r.Probability == 0 {
		return true
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %d %x %+v", s.Seed, seen, identity, r))
	return float64(binary.BigEndian.Uint64(sum[:])>>11)/(1<<53) < r.Probability
}
