package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pricing/shared/testkit/faultproxy"
)

// Action is what a Proxy does with a call.
type Action = faultproxy.Kind

// Call is one attempt that reached a Proxy.
type Call = faultproxy.Call

// The actions that tests of the store use.
const (
	Pass       = faultproxy.Pass
	Drop       = faultproxy.Drop
	DropAnswer = faultproxy.DropAnswer
	Throttle   = faultproxy.Throttle
	Fail       = faultproxy.Fail
	Deny       = faultproxy.Deny
	Hang       = faultproxy.Hang
	Truncate   = faultproxy.Truncate
	Conflict   = faultproxy.Conflict
	Cancel     = faultproxy.Cancel
	Collide    = faultproxy.Collide
	Stale      = faultproxy.Stale
	Missing    = faultproxy.Missing
	Leave      = faultproxy.Leave
)

// ThrottleReason is what a Proxy gives as DynamoDB's reason for a throttle.
const ThrottleReason = faultproxy.ThrottleReason

// Proxy starts a fault proxy between a store and the engine and returns its URL. decide is asked about every attempt, one at a
// time. It may act on the table itself, to let another writer come first, or keep the call and send it later.
func Proxy(tb testing.TB, decide func(Call) Action) string {
	tb.Helper()
	p := faultproxy.New(Endpoint(tb), func(c Call) faultproxy.Action { return faultproxy.Action{Kind: decide(c)} })
	p.Remember = true
	p.OnError = func(err error) { tb.Error(err) }
	url, err := p.Start("127.0.0.1:0")
	require.NoError(tb, err)
	tb.Cleanup(p.Close)
	return url
}
