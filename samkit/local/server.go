package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"pricing/samkit/local/apigateway"
	"pricing/samkit/local/samtemplate"
)

// server serves the API of the template as it is now.
type server struct {
	ctx       context.Context
	o         options
	w         *workspace
	terminal  *lineWriter            // lines for people
	requests  func(apigateway.Entry) // prints a request's line; nil: none is printed
	functions *lineWriter            // the functions' log

	mu      sync.RWMutex // held for writing while the template is read
	file    snapshot     // of the template
	current *deployment
	retired sync.WaitGroup // of earlier deployments, which end with their last request
	end     chan struct{}  // closed to end them sooner
}

// deployment is one reading of the template: its functions and its gateway.
type deployment struct {
	template  *samtemplate.Template
	endpoint  string
	functions *functions
	gateway   http.Handler
	active    sync.WaitGroup // of requests
}

// open reads the template, builds its functions and makes its gateway.
func (s *server) open() (*deployment, error) {
	s.file = take(nil, []string{s.w.template}) // before the template is read
	t, err := loadTemplate(s.o)
	if err != nil {
		return nil, err
	}
	if t.API == nil {
		return nil, fmt.Errorf("%s: has no AWS::Serverless::Api; -invoke runs a function without one", s.o.template)
	}
	for _, note := range t.Notes {
		s.terminal.println("local: " + note)
	}
	p := &deployment{template: t}
	if p.endpoint, err = s.w.tables(s.ctx, t); err != nil {
		return nil, err
	}
	s.terminal.println("Building " + count(len(t.Functions), "function") +
		". The first build takes longer: it compiles their libraries as well.")
	started := time.Now()
	p.functions, err = newFunctions(s.ctx, s.w, t, p.endpoint, func(id string) functionLog { return functionLog{s.functions, id} })
	var broken *buildError
	switch {
	case errors.As(err, &broken) && s.o.watch: // the developer mends it while the rest is served
		s.terminal.println("local: " + notCompiling(broken).Error())
	case errors.As(err, &broken):
		return nil, notCompiling(broken)
	case err != nil:
		return nil, err
	default:
		s.terminal.println(fmt.Sprintf("Built in %.1f s.", time.Since(started).Seconds()))
	}
	p.functions.watch = s.o.watch
	p.gateway, err = apigateway.New(apigateway.Options{
		API: t.API, Functions: p.functions, StagePath: s.o.stagePath,
		Access: functionLog{s.functions, "access"}.write, Log: s.requests,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.o.template, err)
	}
	return p, nil
}

func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}

func notCompiling(err *buildError) error {
	if len(err.lines) == 1 {
		return fmt.Errorf("the functions do not compile: %w", err)
	}
	return fmt.Errorf("the functions do not compile:%w", err)
}

// ServeHTTP answers with the project as its files are now.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := s.acquire()
	defer p.active.Done()
	p.gateway.ServeHTTP(w, r)
}

// acquire returns the deployment that serves one request.
func (s *server) acquire() *deployment {
	s.mu.RLock()
	if !s.o.watch || s.file.holds() {
		defer s.mu.RUnlock()
		s.current.active.Add(1)
		return s.current
	}
	s.mu.RUnlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.file.holds() { // no other request was first
		s.reload()
	}
	s.current.active.Add(1)
	return s.current
}

// reload takes the changed template; if that is broken, the old one stays in place.
func (s *server) reload() {
	p, err := s.open()
	if err != nil {
		s.terminal.println("local: " + err.Error() + "; the template is served as it was before")
		return
	}
	old := s.current
	s.current = p
	idle := make(chan struct{})
	go func() {
		old.active.Wait()
		close(idle)
	}()
	s.retired.Go(func() {
		select {
		case <-idle:
		case <-s.end:
		}
		old.functions.close()
	})
	s.terminal.println(filepath.Base(s.w.template) + " was read again")
}

// close ends every process.
func (s *server) close() {
	close(s.end)
	s.mu.Lock() // no more are made
	defer s.mu.Unlock()
	if s.current != nil {
		s.current.functions.close()
	}
	s.retired.Wait()
}

// describe is the terminal's line of a request. That of a refused or failed one ends with the error's code, the reason
// and the request id, by which the functions' log can be searched.
func describe(e apigateway.Entry) string {
	how := "-"
	if e.Function != "" {
		how = e.Function + " " + start(e)
	}
	line := fmt.Sprintf("%-6s %s %d %s %.1fms", e.Method, e.Path, e.Status, how, milliseconds(e))
	if e.Status < http.StatusBadRequest {
		return line
	}
	why := e.Reason
	if e.Code != "" {
		why = e.Code + ": " + why
	}
	if why != "" {
		line += "  " + oneLine(why)
	}
	return line + " (" + oneLine(e.RequestID) + ")"
}

// oneLine replaces what moves the cursor: functions fail with texts of several lines, and a backend may say anything.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// object is the JSON line of a request.
func object(e apigateway.Entry) string {
	line := struct {
		Method       string  `json:"method"`
		Path         string  `json:"path"`
		Status       int     `json:"status"`
		Function     string  `json:"function,omitempty"` // logical id
		Start        string  `json:"start,omitempty"`    // cold or warm
		Milliseconds float64 `json:"milliseconds"`
		Code         string  `json:"code,omitempty"`
		Reason       string  `json:"reason,omitempty"`
		RequestID    string  `json:"requestId"`
	}{e.Method, e.Path, e.Status, e.Function, "", milliseconds(e), e.Code, e.Reason, e.RequestID}
	if e.Function != "" {
		line.Start = start(e)
	}
	text, _ := json.Marshal(line) // cannot fail: texts and numbers
	return string(text)
}

func start(e apigateway.Entry) string {
	if e.Cold {
		return "cold"
	}
	return "warm"
}

func milliseconds(e apigateway.Entry) float64 { return float64(e.Duration.Microseconds()) / 1000 }
