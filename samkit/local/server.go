package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"

	"pricing/samkit/local/apigateway"
	"pricing/samkit/local/samtemplate"
)

// server serves the API of the template as it is now.
type server struct {
	ctx       context.Context
	o         options
	w         *workspace
	terminal  *lineWriter // people's lines
	requests  func(apigateway.Entry)
	functions *lineWriter // what functions log

	mu      sync.RWMutex // held for writing while the template is read
	file    snapshot     // the template's
	current *deployment
	retired sync.WaitGroup // earlier deployments, which end with their last request
	end     chan struct{}  // closed to end them before that
}

// deployment is what one reading of the template gives.
type deployment struct {
	template  *samtemplate.Template
	endpoint  string
	functions *functions
	gateway   http.Handler
	active    sync.WaitGroup // requests
}

// open reads the template, builds its functions and makes its gateway.
func (s *server) open() (*deployment, error) {
	s.file = take(nil, []string{s.w.template}) // before it is read
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
	p.functions, err = newFunctions(s.ctx, s.w, t, p.endpoint, func(id string) functionLog { return functionLog{s.functions, id} })
	var broken *buildError
	switch {
	case errors.As(err, &broken) && s.o.watch: // to be mended while it is served
		s.terminal.println("local: " + notCompiling(broken).Error())
	case errors.As(err, &broken):
		return nil, notCompiling(broken)
	case err != nil:
		return nil, err
	}
	p.functions.watch = s.o.watch
	p.gateway, err = apigateway.New(apigateway.Options{
		API: t.API, Functions: p.functions, StagePath: s.o.stagePath, Access: functionLog{s.functions, "access"}.write, Log: s.requests,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.o.template, err)
	}
	return p, nil
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

// acquire returns what serves one request.
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
	if !s.file.holds() { // nobody else was first
		s.reload()
	}
	s.current.active.Add(1)
	return s.current
}

// reload takes the changed template; a broken one leaves the old one in place.
func (s *server) reload() {
	p, err := s.open()
	if err != nil {
		s.terminal.println("local: " + err.Error() + "; the template of before is served")
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
	s.mu.Lock() // no more of them
	defer s.mu.Unlock()
	if s.current != nil {
		s.current.functions.close()
	}
	s.retired.Wait()
}

// describe is the terminal's line of a request.
func describe(e apigateway.Entry) string {
	how := "-"
	if e.Function != "" {
		how = e.Function + " " + start(e)
	}
	line := fmt.Sprintf("%-6s %s %d %s %.1fms", e.Method, e.Path, e.Status, how, milliseconds(e))
	if e.Reason != "" {
		line += "  " + strings.ReplaceAll(e.Reason, "\n", " ") // a function may fail in several lines
	}
	return line
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
		Reason       string  `json:"reason,omitempty"`
	}{e.Method, e.Path, e.Status, e.Function, "", milliseconds(e), e.Reason}
	if e.Function != "" {
		line.Start = start(e)
	}
	text, _ := json.Marshal(line) // texts and numbers
	return string(text)
}

func start(e apigateway.Entry) string {
	if e.Cold {
		return "cold"
	}
	return "warm"
}

func milliseconds(e apigateway.Entry) float64 { return float64(e.Duration.Microseconds()) / 1000 }
