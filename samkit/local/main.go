// Command local is API Gateway and Lambda on a laptop: it serves the REST API of a SAM template with the real bootstrap
// binaries, kept warm, and has the template's tables on the embedded DynamoDB engine.
//
//	go run ./samkit/local [-template template.yaml] [-addr 127.0.0.1:3000] [-env dev] [-param Key=Value]... [-watch]
//	go run ./samkit/local -invoke NAME [-event FILE]
//
// It reads everything from the template and knows nothing of any particular one; go.mod stands beside the template, or
// in or above a function's CodeUri. It prints a line for each request; the line of a refused or failed one ends with the
// error code of a problem document (RFC 9457), the reason and the request id. With -json the lines are JSON objects, with
// -quiet there are none. With -watch a function whose source has changed is built before its next request while the
// others stay warm, and a changed template is read again.
//
// Data, builds and the functions' logs are kept in .local beside the template. Each run appends to the log, log.ndjson, which also has the
// gateway's access lines and, of functions whose LogFormat is JSON, Lambda's reports as SystemLogLevel asks for them;
// RESET=1 starts without data and log. An engine that dies is started again at the same address.
//
// -invoke runs one function, by logical id, name or the folder of its code, whether or not it has a route. It prints the answer,
// the log to the standard error, and ends with status 1 if the function failed. The event is the file, the standard input, or
// that of a schedule. The command given to -on-ready gets URL, DEPLOY_ENV, TABLE_<LogicalId>, the AWS_* variables and
// AWS_ENDPOINT_URL_DYNAMODB.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"pricing/samkit/local/apigateway"
	"pricing/samkit/local/samtemplate"
)

type options struct {
	template       string
	addr           string
	parameters     parameterFlag
	guessed        bool // DeployEnv has its value by default
	dynamodb       string
	invoke, event  string
	onReady        string
	stagePath      bool
	watch          bool
	quiet, objects bool
}

// parameterFlag collects -param Key=Value.
type parameterFlag map[string]string

// String is for package flag.
func (p parameterFlag) String() string { return "" }

// Set takes Key=Value.
func (p parameterFlag) Set(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok {
		return errors.New("write Key=Value")
	}
	p[name] = value
	return nil
}

func main() {
	o := options{parameters: parameterFlag{}}
	flag.StringVar(&o.template, "template", "template.yaml", "SAM `file`; go.mod stands beside it")
	flag.StringVar(&o.addr, "addr", "127.0.0.1:3000", "`host:port` to listen on")
	environment := flag.String("env", "", "environment `name` (default dev), short for -param DeployEnv=name")
	flag.Var(o.parameters, "param", "template parameter as `Key=Value`, repeatable")
	flag.StringVar(&o.dynamodb, "dynamodb", os.Getenv("AWS_ENDPOINT_URL_DYNAMODB"),
		"`URL` of a DynamoDB engine; without one the embedded engine is started if the template has tables")
	flag.StringVar(&o.onReady, "on-ready", "", "shell `command` to run once requests are served")
	flag.BoolVar(&o.stagePath, "stage-path", false, "serve below /<stage>/ as the deployed URL does")
	flag.StringVar(&o.invoke, "invoke", "", "run the function of this `name`, logical id or folder once instead of serving")
	flag.StringVar(&o.event, "event", "", "`file` of the event for -invoke")
	flag.BoolVar(&o.watch, "watch", false, "before each request, build and read again what has changed")
	flag.BoolVar(&o.quiet, "quiet", false, "print no line per request")
	flag.BoolVar(&o.objects, "json", false, "print a JSON object per request, all other lines to the standard error")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "local: unexpected argument", flag.Arg(0))
		os.Exit(2)
	}
	if _, ok := o.parameters["DeployEnv"]; !ok {
		o.parameters["DeployEnv"] = cmp.Or(*environment, "dev")
		o.guessed = *environment == ""
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // a terminal that has gone must not end it, see lineWriter
	var err error
	if o.invoke != "" {
		err = invoke(ctx, o, os.Stdin, os.Stdout, os.Stderr)
	} else {
		err = run(ctx, o, os.Stdout, os.Stderr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "local:", err)
		os.Exit(1) //nolint:gocritic // stop only undoes NotifyContext
	}
}

// run serves until ctx ends. Everything that it started has ended when it returns.
func run(ctx context.Context, o options, out, errOut io.Writer) (err error) {
	listener, err := apigateway.Listen(o.addr)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("%s is in use: end what listens there or choose another port", o.addr)
		}
		return fmt.Errorf("listen: %w", err)
	}
	defer listener.Close() //nolint:errcheck // closed by the server as well
	requests := newLineWriter(out)
	defer requests.close()
	people := out // where everything but the requests' lines goes
	terminal := requests
	line := describe
	if o.objects {
		people = errOut
		terminal = newLineWriter(people)
		defer terminal.close()
		line = object
	}
	w, err := newWorkspace(o, terminal.println)
	if err != nil {
		return err
	}
	defer w.stopEngine()
	file, err := w.openLog()
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // every line was written
	s := &server{ctx: ctx, o: o, w: w, terminal: terminal, functions: newLineWriter(file), end: make(chan struct{})}
	defer s.functions.close()
	if !o.quiet {
		s.requests = func(e apigateway.Entry) { requests.println(line(e)) }
	}
	defer s.close()
	if s.current, err = s.open(); err != nil {
		return err
	}
	first := s.current // later ones come with a changed template
	httpServer := apigateway.Server(s)
	served := make(chan error, 1)
	go func() { served <- httpServer.Serve(listener) }()
	url := "http://" + listener.Addr().String()
	if o.stagePath {
		url += "/" + first.template.API.Stage
	}
	banner(terminal, first.template, url, w)
	ready := make(chan struct{})
	go func() {
		defer close(ready)
		if o.onReady != "" {
			onReady(ctx, o.onReady, w, first, url, people, terminal)
		}
	}()
	select {
	case <-ctx.Done():
	case err = <-served:
	}
	stopping, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if shutdown := httpServer.Shutdown(stopping); shutdown != nil {
		_ = httpServer.Close() // requests that do not end are cut off
	}
	<-ready
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

// loadTemplate reads the template. A template without the parameter DeployEnv is an error only if somebody gave its value.
func loadTemplate(o options) (*samtemplate.Template, error) {
	t, err := samtemplate.Load(o.template, o.parameters)
	if err != nil && o.guessed && strings.HasSuffix(err.Error(), "there is no parameter DeployEnv") {
		without := maps.Clone(o.parameters)
		delete(without, "DeployEnv")
		return samtemplate.Load(o.template, without)
	}
	return t, err
}

func banner(terminal *lineWriter, t *samtemplate.Template, url string, w *workspace) {
	width := 0
	for _, m := range t.API.Methods {
		width = max(width, len(m.Path))
	}
	for _, m := range t.API.Methods {
		terminal.println(fmt.Sprintf("  %-7s %-*s  %s", m.HTTPMethod, width, m.Path, target(m)))
	}
	terminal.println("Serving " + url + " (Ctrl-C ends it); functions log to " + filepath.Join(relative(w.dir), "log.ndjson"))
}

// target names what answers a method.
func target(m samtemplate.Method) string {
	switch m.Integration.Type {
	case samtemplate.HTTPProxy:
		return m.Integration.URI
	case samtemplate.Mock:
		return "mock"
	}
	return m.Integration.Function
}

func relative(path string) string {
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, path); err == nil {
			return rel
		}
	}
	return path
}

// onReady runs the command in a process group of its own, so that it and what it starts can be ended together.
func onReady(ctx context.Context, command string, w *workspace, p *deployment, url string, out io.Writer, terminal *lineWriter) {
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Dir = w.root
	cmd.Env = append(os.Environ(), "URL="+url, "AWS_REGION="+samtemplate.Region,
		"AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local")
	if p.endpoint != "" {
		cmd.Env = append(cmd.Env, "AWS_ENDPOINT_URL_DYNAMODB="+p.endpoint)
	}
	if environment, ok := p.template.Parameters["DeployEnv"]; ok {
		cmd.Env = append(cmd.Env, "DEPLOY_ENV="+environment)
	}
	for id, name := range p.template.Tables {
		cmd.Env = append(cmd.Env, "TABLE_"+id+"="+name)
	}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil && ctx.Err() == nil {
		terminal.println("local: -on-ready: " + err.Error())
	}
}
