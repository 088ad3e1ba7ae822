package api

import (
	"fmt"
	"time"

	"pricing/shared/board"
	"pricing/shared/fault"
	"pricing/shared/gateway"
	"pricing/shared/price"
)

// SpanParams are the query parameters of a span of time.
var SpanParams = []string{"from", "to"}

// UsualDays is how many days of the history are read unless a request says which.
const UsualDays = 30

// ReadSpan reads from and to, both included. Without to the span ends at end, and without from it has the 30 UTC days that end with that
// of its end, or is as long as the retention if that is less. It is never longer than the retention, though it may reach in front of it.
func ReadSpan(p *gateway.Params, end price.Timestamp, clock price.Clock) board.Span {
	to := timeParam(p, "to", end)
	from := timeParam(p, "from", max(to.Day()-(UsualDays-1)*price.OneDay, to.Add(-clock.Retention)))
	switch {
	case from > to:
		p.Fault("from", fault.CodeInvalidField, "Must not be later than to.")
	case from < to.Add(-clock.Retention):
		p.Fault("from", fault.CodeInvalidField, fmt.Sprintf("At most %d days are kept and can be asked for at once.",
			clock.Retention/(24*time.Hour)))
	}
	return board.Span{From: from, To: to}
}

func timeParam(p *gateway.Params, name string, otherwise price.Timestamp) price.Timestamp {
	text, ok := p.Text(name)
	if !ok {
		return otherwise
	}
	t, err := price.ParseTimestamp(text)
	if err != nil {
		p.Fault(name, fault.CodeTimestampInvalid, "The parameter "+err.Error()+"; write + as %2B.")
		return otherwise
	}
	return t
}

// SuspectCause is the error behind an answer from a history with segments that their board cannot have flushed; nil without any.
// Its rows are all there are.
func SuspectCause(segments []string) error {
	if len(segments) == 0 {
		return nil
	}
	return fmt.Errorf("%d segments are not older than the board that they were flushed from, the first is %s; was an older board put back?",
		len(segments), segments[0])
}
