package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

var client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{}} // no proxy

// api is the base URL of an environment, from what deploy.sh wrote.
func (r *rehearsal) api(env string) (string, error) {
	text, err := os.ReadFile(filepath.Join(r.copy, ".build", "outputs-"+env+".json"))
	if err != nil {
		return "", fmt.Errorf("read the stack's outputs: %w", err)
	}
	var stack struct {
		Outputs []struct{ OutputKey, OutputValue string }
	}
	if err := json.Unmarshal(text, &stack); err != nil {
		return "", fmt.Errorf("read the stack's outputs: %w", err)
	}
	for _, o := range stack.Outputs {
		if o.OutputKey == "ApiId" {
			return r.emulator.API(o.OutputValue, env), nil
		}
	}
	return "", fmt.Errorf("the stack has no output ApiId: %s", text)
}

// send sends a request to an environment's API.
func (r *rehearsal) send(ctx context.Context, env, method, path, body string) (int, []byte, error) {
	url, err := r.api(env)
	if err != nil {
		return 0, nil, err
	}
	token, err := os.ReadFile(r.tokenFile(env))
	if err != nil {
		return 0, nil, fmt.Errorf("read the token: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, url+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, text, err
}

// product has the offer that must outlive all deployments.
const product = "self-check-rehearsal"

// write records the observation of that offer.
func (r *rehearsal) write(ctx context.Context, env string) (string, error) {
	r.observed[env] = time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	status, text, err := r.send(ctx, env, http.MethodPost, "/v1/observations", fmt.Sprintf(
		`{"productId":%q,"competitorId":"self-check","availability":"InStock","price":{"amount":"19.95","currency":"EUR"},`+
			`"source":{"id":"rehearsal","kind":"manual"},"observedAt":%q}`, product, r.observed[env]))
	if err == nil && status != http.StatusCreated {
		err = fmt.Errorf("status %d: %s", status, text)
	}
	return "one observation", err
}

// read asserts that the offer is as it was written.
func (r *rehearsal) read(ctx context.Context, env string) error {
	status, text, err := r.send(ctx, env, http.MethodGet, "/v1/products/"+product+"/offers", "")
	if err != nil {
		return err
	}
	var answer struct {
		Offers []struct {
			ObservedAt string
			Price      struct{ Amount string }
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil || status != http.StatusOK {
		return fmt.Errorf("status %d: %s", status, text)
	}
	if len(answer.Offers) != 1 || answer.Offers[0].ObservedAt != r.observed[env] || answer.Offers[0].Price.Amount != "19.95" {
		return fmt.Errorf("the offer observed at %s is not there: %s", r.observed[env], text)
	}
	return nil
}
