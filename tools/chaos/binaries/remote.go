package binaries

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"pricing/client"
	"pricing/shared/price"
	"pricing/tools/chaos/trial"
)

// remote sends a worker's requests to a served API. Products are put by a process of its own.
type remote struct {
	trial.Process
	url    string
	tokens map[string]string // by client
	client *http.Client
}

// Malformed is the outcome of every observation of a request whose answer does not fit it.
const Malformed = "malformed answer"

// Record sends a single observation by the endpoint for these, others as a batch.
func (r remote) Record(ctx context.Context, sender string, observations []price.Observation, _ price.Timestamp) ([]trial.Answer, error) {
	submissions := make([]client.Submission, len(observations))
	for i, o := range observations {
		submissions[i] = submission(o)
	}
	answers := make([]trial.Answer, len(observations))
	if len(observations) == 1 {
		status, body, err := r.post(ctx, sender, "/v1/observations", submissions[0])
		if err != nil {
			return nil, err
		}
		var recorded client.Recorded
		if status < http.StatusMultipleChoices && json.Unmarshal(body, &recorded) == nil && recorded.Outcome != "" {
			answers[0] = trial.Answer{Outcome: recorded.Outcome, Stored: recorded.ObservationID}
			return answers, nil
		}
		switch status {
		case http.StatusConflict:
			answers[0].Outcome = "conflict"
		case http.StatusUnprocessableEntity:
			answers[0].Outcome = "rejected"
		default:
			return nil, statusError(status, body)
		}
		return answers, nil
	}
	status, body, err := r.post(ctx, sender, "/v1/observations/batch", map[string]any{"observations": submissions})
	if err != nil {
		return nil, err
	}
	if status >= http.StatusMultipleChoices {
		return nil, statusError(status, body)
	}
	var recorded client.BatchRecorded
	fits := json.Unmarshal(body, &recorded) == nil && len(recorded.Results) == len(observations)
	for i, result := range recorded.Results {
		fits = fits && result.Index == i
		if fits {
			answers[i] = trial.Answer{Outcome: result.Outcome, Stored: result.ObservationID}
		}
	}
	if !fits {
		for i := range answers {
			answers[i] = trial.Answer{Outcome: Malformed}
		}
	}
	return answers, nil
}

// PutCompetitor puts a competitor by the API.
func (r remote) PutCompetitor(ctx context.Context, c price.Competitor) error {
	settings := client.CompetitorSettings{Name: c.Name, Kind: client.CompetitorSettingsKind(c.Kind.String()),
		FreshFor: price.FormatDuration(c.FreshFor), Status: "active"}
	if !c.Active {
		settings.Status = "inactive"
	}
	var token string
	for _, token = range r.tokens { // any
		break
	}
	status, body, err := r.send(ctx, http.MethodPut, token, "/v1/competitors/"+c.ID, settings)
	if err == nil && status >= http.StatusMultipleChoices {
		err = statusError(status, body)
	}
	return err
}

func statusError(status int, body []byte) error {
	return fmt.Errorf("status %d: %.200s", status, body)
}

func (r remote) post(ctx context.Context, sender, path string, body any) (status int, answer []byte, err error) {
	return r.send(ctx, http.MethodPost, r.tokens[sender], path, body)
}

// send makes one request; nothing is repeated.
func (r remote) send(ctx context.Context, method, token, path string, body any) (status int, answer []byte, err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return 0, nil, fmt.Errorf("send: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, r.url+path, bytes.NewReader(text))
	if err != nil {
		return 0, nil, fmt.Errorf("send: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.client.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("send: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	answer, err = io.ReadAll(resp.Body)
	if err != nil {
		return 0, nil, fmt.Errorf("read the answer: %w", err)
	}
	return resp.StatusCode, answer, nil
}

// submission is an observation as a client sends it.
func submission(o price.Observation) client.Submission {
	s := client.Submission{
		ProductID: o.Key.ProductID, CompetitorID: o.Key.CompetitorID, SellerID: o.Key.SellerID, Region: o.Key.Region,
		ItemCondition: client.ItemCondition(o.Key.Condition.String()), Audience: client.Audience(o.Key.Audience.String()),
		Availability: client.Availability(o.Terms.Availability.String()), PriceType: client.PriceType(o.Terms.PriceType.String()),
		Price: money(o.Terms.Price), Shipping: money(o.Terms.Shipping), ListPrice: money(o.Terms.ListPrice), URL: o.URL,
		ObservedAt: o.ObservedAt.Time(),
		Source:     client.Source{ID: o.Source.ID, Kind: client.SourceKind(o.Source.Kind.String()), Confidence: o.Source.Confidence.String()},
	}
	if p := o.Terms.Promotion; p.Present {
		s.Promotion = &client.Promotion{Label: p.Label, MinQuantity: p.MinQuantity}
		if p.ValidThrough != price.NoTime {
			s.Promotion.ValidThrough = p.ValidThrough.Time()
		}
	}
	return s
}

func money(m price.Money) *client.Money {
	if !m.Present() {
		return nil
	}
	return &client.Money{Amount: m.Amount(), Currency: m.Currency}
}
