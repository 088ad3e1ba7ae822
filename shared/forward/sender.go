package forward

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"
)

// Sender sends documents to the http input of a Logstash.
type Sender struct {
	client         *http.Client
	url            string
	user, password string
}

// NewSender returns a sender to an address. The credentials are user:password, or nothing where none are asked for.
func NewSender(address, credentials string) (*Sender, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
		return nil, errors.New("the address of Logstash is not an http or https URL without credentials") // without the URL: it may have some
	}
	s := &Sender{url: address}
	if credentials != "" {
		var ok bool
		if s.user, s.password, ok = strings.Cut(credentials, ":"); !ok || s.user == "" {
			return nil, errors.New("the credentials for Logstash are not user:password")
		}
	}
	dialer := net.Dialer{Timeout: 5 * time.Second}
	s.client = &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second, MaxIdleConnsPerHost: 1, IdleConnTimeout: 50 * time.Second,
			DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // another address was not meant
	}
	return s, nil
}

// Send sends lines in one request. They have arrived if it returns nil: all was written, the answer is 200, and was read to its end. In
// any other case nothing is known.
func (s *Sender) Send(ctx context.Context, lines []byte) error {
	wrote := make(chan error, 1) // the request, which an answer may come before
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(i httptrace.WroteRequestInfo) {
		select {
		case <-wrote: //nolint:errcheck // of a first try, on a connection that had been closed meanwhile
		default:
		}
		wrote <- i.Err
	}})
	request, err := http.NewRequestWithContext(traced, http.MethodPost, s.url, bytes.NewReader(lines))
	if err != nil {
		return errors.New("make the request to Logstash")
	}
	request.Header.Set("Content-Type", "application/x-ndjson")
	if s.user != "" {
		request.SetBasicAuth(s.user, s.password)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return fmt.Errorf("send to Logstash: %w", err)
	}
	_, err = io.Copy(io.Discard, response.Body)
	err = errors.Join(err, response.Body.Close())
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("send to Logstash: it answers %s", response.Status)
	}
	if err != nil {
		return fmt.Errorf("read the answer of Logstash: %w", err)
	}
	select {
	case err = <-wrote:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("send to Logstash: it answers before it has all: %w", err)
	}
	return nil
}
