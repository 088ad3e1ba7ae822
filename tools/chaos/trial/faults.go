package trial

import (
	"pricing/shared/testkit/faultproxy"
	"pricing/tools/chaos/plan"
)

// faults decides about every call of a run.
type faults struct {
	due   map[string]map[int]faultproxy.Action // by operation and number of the call
	seen  map[string]int                       // calls, by operation
	met   map[string]int                       // faults, by kind
	stale bool                                 // some are old answers
}

func newFaults(planned []plan.Fault) *faults {
	f := &faults{due: map[string]map[int]faultproxy.Action{}, seen: map[string]int{}, met: map[string]int{}}
	for _, p := range planned {
		if f.due[p.Operation] == nil {
			f.due[p.Operation] = map[int]faultproxy.Action{}
		}
		f.due[p.Operation][p.Nth] = p.Action
		f.stale = f.stale || p.Action.Kind == faultproxy.Stale
	}
	return f
}

// decide is asked about one call at a time.
func (f *faults) decide(c faultproxy.Call) faultproxy.Action {
	n := f.seen[c.Operation]
	f.seen[c.Operation]++
	a, ok := f.due[c.Operation][n]
	old := a.Kind == faultproxy.Stale || a.Kind == faultproxy.Missing
	if !ok || old && c.Consistent { // a strongly consistent read is never old
		return faultproxy.Action{Kind: faultproxy.Pass}
	}
	f.met[string(a.Kind)]++
	return a
}
