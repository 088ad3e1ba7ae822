// Package traffic reads requests that were recorded: JSON lines, HAR files and access logs.
//
// A JSON line is {"method": "PUT", "path": "/products/p1?x=1", "headers": {"Accept": "text/csv"}, "body": "..."}, or "json": with a
// document in the place of "body". A HAR file is what browsers save. An access log is in the common or combined format, as most servers
// write it.
//
// What surprises: an access log has no bodies, so only GET and HEAD can be sent again from it; the rest is skipped and counted. Headers
// of a connection, such as Host and Content-Length, are left out, since they are made anew. What is no request is an error with its
// line; of an access log, which anybody's requests write, it is skipped.
package traffic

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Request is one to send again.
type Request struct {
	Method string
	Path   string // escaped, with its query
	Header http.Header
	Body   []byte
}

// Read reads all requests in a format: jsonl, har or log. skipped counts what is not sent again, by the reason.
func Read(r io.Reader, format string) (all []Request, skipped map[string]int, err error) {
	switch format {
	case "jsonl":
		all, err = readLines(r)
	case "har":
		all, err = readHAR(r)
	case "log":
		return readLog(r)
	default:
		err = fmt.Errorf("%q is none of the formats jsonl, har, log", format)
	}
	return all, nil, err
}

// Format guesses a format from the name of a file.
func Format(file string) string {
	switch strings.ToLower(filepath.Ext(file)) {
	case ".har":
		return "har"
	case ".jsonl", ".ndjson", ".json":
		return "jsonl"
	}
	return "log"
}

// longest is how long a line may be.
const longest = 16 << 20

func lines(r io.Reader, each func(number int, line []byte) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, longest)
	number := 0
	for s.Scan() {
		number++
		if len(bytes.TrimSpace(s.Bytes())) == 0 {
			continue
		}
		if err := each(number, s.Bytes()); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("line %d: %w", number+1, err)
	}
	return nil
}

func readLines(r io.Reader) (all []Request, err error) {
	err = lines(r, func(_ int, line []byte) error {
		var in struct {
			Method  string            `json:"method"`
			Path    string            `json:"path"`
			Headers map[string]string `json:"headers"`
			Body    *string           `json:"body"`
			JSON    json.RawMessage   `json:"json"`
		}
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&in); err != nil {
			var wrong *json.UnmarshalTypeError
			if errors.As(err, &wrong) {
				return fmt.Errorf("%s: a %s stands where a %s must be", wrong.Field, wrong.Value, wrong.Type.Kind())
			}
			return errors.New(strings.TrimPrefix(err.Error(), "json: "))
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return errors.New("something stands behind the request; a line has one")
		}
		request := Request{Method: in.Method, Path: in.Path, Header: http.Header{}}
		switch {
		case in.Body != nil && in.JSON != nil:
			return errors.New("body and json are both there")
		case in.Body != nil:
			request.Body = []byte(*in.Body)
		case in.JSON != nil:
			request.Body = in.JSON
			request.Header.Set("Content-Type", "application/json")
		}
		for _, name := range slices.Sorted(maps.Keys(in.Headers)) {
			if err := request.add(name, in.Headers[name]); err != nil {
				return err
			}
		}
		all = append(all, request)
		return request.check()
	})
	return all, err
}

// connection are the headers that a request to another server does not take with it.
var connection = []string{
	"Host", "Connection", "Content-Length", "Transfer-Encoding", "Keep-Alive", "Te", "Trailer", "Upgrade", "Proxy-Connection",
	"Proxy-Authorization", "Expect",
}

var token = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

func (r *Request) add(name, value string) error {
	if strings.HasPrefix(name, ":") || slices.Contains(connection, http.CanonicalHeaderKey(name)) {
		return nil
	}
	if !token.MatchString(name) || strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
		return fmt.Errorf("headers: %q is no header, or its value has characters that none may have", name)
	}
	r.Header.Add(name, value)
	return nil
}

func (r *Request) check() error {
	if !token.MatchString(r.Method) || r.Method == http.MethodConnect {
		return fmt.Errorf("method: %q is none", r.Method)
	}
	u, err := url.ParseRequestURI(r.Path)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(r.Path, "/") || strings.HasPrefix(r.Path, "//") ||
		strings.Contains(r.Path, "#") {
		return fmt.Errorf("path: %q is no path", r.Path)
	}
	return nil
}

func readHAR(r io.Reader) (all []Request, err error) {
	var in struct {
		Log *struct {
			Entries []struct {
				Request struct {
					Method  string `json:"method"`
					URL     string `json:"url"`
					Headers []struct {
						Name  string `json:"name"`
						Value string `json:"value"`
					} `json:"headers"`
					PostData *struct {
						Text     string `json:"text"`
						Encoding string `json:"encoding"`
						MimeType string `json:"mimeType"`
						Params   []any  `json:"params"`
					} `json:"postData"`
				} `json:"request"`
			} `json:"entries"`
		} `json:"log"`
	}
	if err := json.NewDecoder(r).Decode(&in); err != nil {
		return nil, fmt.Errorf("this is no HAR file: %w", err)
	}
	if in.Log == nil {
		return nil, errors.New("this is no HAR file: log is missing")
	}
	for i, e := range in.Log.Entries {
		wrong := func(err error) error { return fmt.Errorf("entry %d: %w", i+1, err) }
		u, err := url.Parse(e.Request.URL)
		if err != nil {
			return nil, wrong(fmt.Errorf("url: %q is none", e.Request.URL))
		}
		request := Request{Method: e.Request.Method, Path: u.RequestURI(), Header: http.Header{}}
		for _, h := range e.Request.Headers {
			if err := request.add(h.Name, h.Value); err != nil {
				return nil, wrong(err)
			}
		}
		if post := e.Request.PostData; post != nil {
			request.Body = []byte(post.Text)
			if post.Encoding == "base64" {
				if request.Body, err = base64.StdEncoding.DecodeString(post.Text); err != nil {
					return nil, wrong(errors.New("postData: text is no base64"))
				}
			}
			if post.Text == "" && len(post.Params) > 0 {
				return nil, wrong(errors.New("postData: only params were saved, not the text that was sent"))
			}
			if post.MimeType != "" && request.Header.Get("Content-Type") == "" {
				if err := request.add("Content-Type", post.MimeType); err != nil {
					return nil, wrong(err)
				}
			}
		}
		if err := request.check(); err != nil {
			return nil, wrong(err)
		}
		all = append(all, request)
	}
	return all, nil
}

// entry is a line of the common or combined format up to the request. A quotation mark in it is escaped.
var entry = regexp.MustCompile(`^\S+ \S+ .*?\[[^\]]*\] "([A-Z]+) (\S+) HTTP/[0-9.]+" [0-9]{3} `)

func readLog(r io.Reader) (all []Request, skipped map[string]int, err error) {
	skipped = map[string]int{}
	err = lines(r, func(_ int, line []byte) error {
		m := entry.FindSubmatch(append(line, ' '))
		if m == nil {
			skipped["no line of an access log"]++
			return nil
		}
		request := Request{Method: string(m[1]), Path: string(m[2]), Header: http.Header{}}
		if request.Method != http.MethodGet && request.Method != http.MethodHead {
			skipped[request.Method+": the log has no bodies"]++
			return nil
		}
		if request.check() != nil {
			skipped["no path"]++
			return nil
		}
		all = append(all, request)
		return nil
	})
	return all, skipped, err
}
