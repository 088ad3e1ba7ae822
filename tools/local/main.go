// Command local is API Gateway and Lambda on a laptop: it serves the REST API of a SAM template with the real bootstrap
// binaries, warm, and the template's tables on the embedded DynamoDB engine.
//
//	go run ./tools/local [-template template.yaml] [-addr 127.0.0.1:3000] [-env dev] [-param Key=Value]... [-on-ready COMMAND]
//
// It reads everything from the template and knows nothing of any particular one. Data is kept in .local between runs
// (RESET=1 starts afresh), the functions' logs go to .local/log.ndjson. The command given to -on-ready gets URL,
// DEPLOY_ENV, TABLE_<LogicalId>, the AWS_* variables and AWS_ENDPOINT_URL_DYNAMODB.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"pricing/tools/local/apigateway"
	"pricing/tools/local/samtemplate"
)

type options struct {
	template   string
	addr       string
	parameters parameterFlag
	dynamodb   string
	onReady    string
	stagePath  bool
	quiet      bool
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
	environment := flag.String("env", "dev", "environment `name`, short for -param DeployEnv=name")
	flag.Var(o.parameters, "param", "template parameter as `Key=Value`, repeatable")
	flag.StringVar(&o.dynamodb, "dynamodb", os.Getenv("AWS_ENDPOINT_URL_DYNAMODB"), "`URL` of a DynamoDB engine; without one the embedded engine is started if the template has tables")
	flag.StringVar(&o.onReady, "on-ready", "", "shell `command` to run once requests are served")
	flag.BoolVar(&o.stagePath, "stage-path", false, "serve below /<stage>/ as the deployed URL does")
	flag.BoolVar(&o.quiet, "quiet", false, "print no line per request")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "local: unexpected argument", flag.Arg(0))
		os.Exit(2)
	}
	if _, ok := o.parameters["DeployEnv"]; !ok {
		o.parameters["DeployEnv"] = *environment
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "local:", err)
		os.Exit(1) //nolint:gocritic // stop only undoes NotifyContext
	}
}

// run serves until ctx ends. Whatever it started has ended when it returns.
func run(ctx context.Context, o options, out io.Writer) (err error) {
	t, err := loadTemplate(o)
	if err != nil {
		return err
	}
	if t.API == nil {
		return fmt.Errorf("%s: has no AWS::Serverless::Api", o.template)
	}
	listener, err := apigateway.Listen(o.addr)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("%s is in use: end what listens there or choose another port", o.addr)
		}
		return fmt.Errorf("listen: %w", err)
	}
	defer listener.Close() //nolint:errcheck // closed by the server as well
	root, err := filepath.Abs(filepath.Dir(o.template))
	if err != nil {
		return fmt.Errorf("find the project: %w", err)
	}
	w := workspace{root: root, dir: filepath.Join(root, ".local"), template: t}
	binaries, err := w.build(ctx)
	if err != nil {
		return err
	}
	endpoint, stopEngine, err := w.tables(ctx, o)
	if err != nil {
		return err
	}
	defer stopEngine()
	logs, err := os.Create(filepath.Join(w.dir, "log.ndjson"))
	if err != nil {
		return fmt.Errorf("open the functions' log: %w", err)
	}
	defer logs.Close() //nolint:errcheck // every line was written
	functions := newFunctions(w, binaries, endpoint, logs)
	defer functions.close()

	terminal := &lineWriter{w: out}
	gateway, err := apigateway.New(apigateway.Options{
		API: t.API, Functions: functions, StagePath: o.stagePath, Access: functions.access,
		Log: func(e apigateway.Entry) {
			if !o.quiet {
				terminal.println(describe(e))
			}
		},
	})
	if err != nil {
		return fmt.Errorf("%s: %w", o.template, err)
	}
	server := apigateway.Server(gateway)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	url := "http://" + listener.Addr().String()
	if o.stagePath {
		url += "/" + t.API.Stage
	}
	banner(terminal, t, url, w)
	ready := make(chan struct{})
	go func() {
		defer close(ready)
		if o.onReady != "" {
			onReady(ctx, o.onReady, w, endpoint, url, out, terminal)
		}
	}()
	select {
	case <-ctx.Done():
	case err = <-served:
	}
	stopping, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if shutdown := server.Shutdown(stopping); shutdown != nil {
		_ = server.Close() // requests that do not end are cut off
	}
	<-ready
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

// loadTemplate reads the template; -env is only given on where the template has the parameter.
func loadTemplate(o options) (*samtemplate.Template, error) {
	t, err := samtemplate.Load(o.template, o.parameters)
	if err != nil && strings.HasSuffix(err.Error(), "there is no parameter DeployEnv") {
		delete(o.parameters, "DeployEnv")
		return samtemplate.Load(o.template, o.parameters)
	}
	return t, err
}

func banner(terminal *lineWriter, t *samtemplate.Template, url string, w workspace) {
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

// onReady runs the command in a group of its own, so that it and what it starts can be ended together.
func onReady(ctx context.Context, command string, w workspace, endpoint, url string, out io.Writer, terminal *lineWriter) {
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Dir = w.root
	cmd.Env = append(os.Environ(), "URL="+url, "AWS_REGION="+samtemplate.Region, "AWS_ACCESS_KEY_ID=local", "AWS_SECRET_ACCESS_KEY=local")
	if endpoint != "" {
		cmd.Env = append(cmd.Env, "AWS_ENDPOINT_URL_DYNAMODB="+endpoint)
	}
	if environment, ok := w.template.Parameters["DeployEnv"]; ok {
		cmd.Env = append(cmd.Env, "DEPLOY_ENV="+environment)
	}
	for id, name := range w.template.Tables {
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

// describe is the terminal's line of a request.
func describe(e apigateway.Entry) string {
	how := "-"
	if e.Function != "" {
		how = e.Function + " warm"
		if e.Cold {
			how = e.Function + " cold"
		}
	}
	line := fmt.Sprintf("%-6s %s %d %s %.1fms", e.Method, e.Path, e.Status, how, float64(e.Duration.Microseconds())/1000)
	if e.Reason != "" {
		line += "  " + e.Reason
	}
	return line
}

// environment is what a function's process gets: the template's variables and those of Lambda itself, nothing else.
func environment(f samtemplate.Function, endpoint string) []string {
	variables := map[string]string{}
	for name, value := range f.Environment {
		variables[name] = value
	}
	if endpoint != "" {
		variables["AWS_ENDPOINT_URL_DYNAMODB"] = endpoint
	}
	for name, value := range map[string]string{
		"_HANDLER": f.Handler, "AWS_REGION": samtemplate.Region, "AWS_DEFAULT_REGION": samtemplate.Region,
		"AWS_LAMBDA_FUNCTION_NAME": f.Name, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": fmt.Sprint(f.MemoryMB), "AWS_LAMBDA_FUNCTION_VERSION": "1",
		"AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/" + f.Name, "AWS_LAMBDA_LOG_STREAM_NAME": "local",
		"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO", "LAMBDA_TASK_ROOT": "/var/task", "LAMBDA_RUNTIME_DIR": "/var/runtime",
		"TZ": ":UTC", "LANG": "en_US.UTF-8", "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_SESSION_TOKEN": "local",
		"AWS_EXECUTION_ENV": "AWS_Lambda_provided.al2023", "PATH": "/usr/local/bin:/usr/bin:/bin",
	} {
		variables[name] = value
	}
	list := make([]string, 0, len(variables))
	for name, value := range variables {
		list = append(list, name+"="+value)
	}
	slices.Sort(list)
	return list
}
