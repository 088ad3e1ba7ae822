package lambdaruntime_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/samkit/local/lambdaruntime"
)

// programs are the bootstraps of testdata.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := filepath.Abs(filepath.Join("testdata", "bin"))
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-tags", "lambda.norpc", "-o", dir+"/", "./testdata/worker", "./testdata/raw")
	out, err := build.CombinedOutput()
	if err != nil {
		return "", &lambdaruntime.Error{Type: "build", Message: string(out)}
	}
	return dir, nil
})

// patience is how long a busy machine may take for what takes milliseconds. No test that passes waits so long.
const patience = time.Minute

const arn = "arn:aws:lambda:eu-west-1:123456789012:function:worker:live"

func function(t *testing.T, program string) lambdaruntime.Function {
	t.Helper()
	dir, err := programs()
	require.NoError(t, err)
	return lambdaruntime.Function{Name: "worker", ARN: arn, Binary: filepath.Join(dir, program), Directory: t.TempDir(),
		Environment: []string{"AWS_LAMBDA_FUNCTION_NAME=worker", "ONLY=this"}, Timeout: patience, InitTimeout: patience, Log: io.Discard}
}

func pool(t *testing.T, change func(*lambdaruntime.Function)) *lambdaruntime.Pool {
	t.Helper()
	f := function(t, "worker")
	if change != nil {
		change(&f)
	}
	p := lambdaruntime.New(f)
	t.Cleanup(func() { p.Close(time.Second) })
	return p
}

type reply struct {
	Text          string   `json:"text"`
	Calls         int      `json:"calls"`
	PID           int      `json:"pid"`
	Environment   []string `json:"environment"` // before the first invocation
	Deadline      int64    `json:"deadline"`
	RequestID     string   `json:"requestId"`
	ARN           string   `json:"arn"`
	Trace         string   `json:"trace"`
	TraceVariable string   `json:"traceVariable"`
}

func call(t *testing.T, p *lambdaruntime.Pool, event string) (reply, bool) {
	t.Helper()
	result, err := p.Invoke(t.Context(), "r-1", "Root=1-0-0", []byte(event))
	require.NoError(t, err)
	var r reply
	require.NoError(t, json.Unmarshal(result.Payload, &r))
	return r, result.Cold
}

// failure calls and wants an error document.
func failure(t *testing.T, p *lambdaruntime.Pool, event string) *lambdaruntime.Error {
	t.Helper()
	_, err := p.Invoke(t.Context(), "r-2", "", []byte(event))
	var failed *lambdaruntime.Error
	require.ErrorAs(t, err, &failed)
	return failed
}

func gone(t *testing.T, pid int) {
	t.Helper()
	require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH)
}

// lines is a log that hands each line on.
type lines chan string

func (l lines) Write(line []byte) (int, error) {
	l <- strings.TrimSpace(string(line))
	return len(line), nil
}

// pipe makes a named pipe: who reads it waits until it is written.
func pipe(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	return path
}

// write lets go on who reads the pipe, and waits for such a reader.
func write(t *testing.T, pipe string) {
	t.Helper()
	require.NoError(t, os.WriteFile(pipe, nil, 0o600))
}

// cases are what is known of Lambda's Runtime API and its processes.
var cases = []struct {
	name  string
	holds func(*testing.T)
}{
	{"4 GET invocation/next: the event, and the headers of the invocation", next},
	{"4 headers of next: the library takes id, deadline, ARN with the alias, trace id", library},
	{"4 POST response and POST error: 202, once for each invocation", responseAndError},
	{"4 POST response: chunked, with trailers when it failed midway; POST error: X-Ray cause; 1.7 a result over 6,291,556 bytes", results},
	{"4 POST init/error", initError},
	{"4 POST extension/register, GET extension/event/next: WithEnableSIGTERM", extension},
	{"4 the environment is what is given and nothing of the shell's", exactEnvironment},
	{"4 one invocation at a time, more processes up to the reserved concurrency", oneAtATime},
	{"4 no concurrency at all when 0 is reserved", reservedZero},
	{"4 a process stays warm", warm},
	{"4 a process that has answered is busy until it asks for more work", answeredIsBusy},
	{"4 handler error, panic, exit, timeout", failures},
	{"4 a panic is answered, then exits: its exit is waited for", panicThenExit},
	{"4 the integration's timeout comes first: the process runs on", runsOn},
	{"4 the integration's timeout comes first, in the init phase", runsOnDuringInit},
	{"4 init", initPhase},
	{"4 the children end with the gateway", closeEndsAll},
}

func TestCases(t *testing.T) {
	t.Setenv("LEAKED", "from the shell")
	for _, c := range cases {
		t.Run(c.name, c.holds)
	}
}

func next(t *testing.T) {
	p := lambdaruntime.New(function(t, "raw"))
	defer p.Close(time.Second)
	before := time.Now()
	result, err := p.Invoke(t.Context(), "r-1", "Root=1-0-0;Sampled=0", []byte(`{"a":1}`))
	require.NoError(t, err)
	var seen struct {
		Status    int
		Event     string
		Headers   http.Header
		AnotherID string
	}
	require.NoError(t, json.Unmarshal(result.Payload, &seen))
	assert.Equal(t, 200, seen.Status)
	assert.Equal(t, `{"a":1}`, seen.Event)
	assert.Equal(t, "r-1", seen.Headers.Get("Lambda-Runtime-Aws-Request-Id"))
	assert.Equal(t, arn, seen.Headers.Get("Lambda-Runtime-Invoked-Function-Arn"), "with the alias")
	assert.Equal(t, "Root=1-0-0;Sampled=0", seen.Headers.Get("Lambda-Runtime-Trace-Id"))
	var deadline int64
	_, err = fmt.Sscan(seen.Headers.Get("Lambda-Runtime-Deadline-Ms"), &deadline)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, deadline, before.Add(patience).UnixMilli())
	for _, optional := range []string{"Client-Context", "Cognito-Identity", "Aws-Tenant-Id"} {
		assert.Empty(t, seen.Headers.Get("Lambda-Runtime-"+optional))
	}
	assert.Contains(t, seen.AnotherID, "400 ", "an answer to another invocation is refused")
	assert.Contains(t, seen.AnotherID, "InvalidRequestID")
}

func responseAndError(t *testing.T) {
	p := lambdaruntime.New(function(t, "raw"))
	defer p.Close(time.Second)
	invoke := func(event string) ([]byte, error) {
		result, err := p.Invoke(t.Context(), "r-1", "", []byte(event))
		return result.Payload, err
	}
	_, err := invoke(`1`)
	require.NoError(t, err)
	_, err = invoke(`"fail"`)
	require.EqualError(t, err, "Runtime.Unknown: no JSON")
	payload, err := invoke(`2`)
	require.NoError(t, err)
	var seen struct {
		Response, Error, Again string
		Headers                http.Header
	}
	require.NoError(t, json.Unmarshal(payload, &seen))
	assert.Equal(t, `202 {"status":"OK"}`, seen.Response)
	assert.Equal(t, `202 {"status":"OK"}`, seen.Error)
	assert.Contains(t, seen.Again, "400 ", "a second answer is not taken for the next invocation's")
	assert.NotContains(t, seen.Headers, "Lambda-Runtime-Trace-Id", "none was given")
}

func library(t *testing.T) {
	r, cold := call(t, pool(t, nil), `{"text":"a"}`)
	assert.True(t, cold)
	assert.Equal(t, "a", r.Text)
	assert.Equal(t, "r-1", r.RequestID)
	assert.Equal(t, arn, r.ARN)
	assert.Equal(t, "Root=1-0-0", r.Trace)
	assert.Equal(t, "Root=1-0-0", r.TraceVariable, "the library exports it")
	assert.Greater(t, r.Deadline, time.Now().UnixMilli())
}

func results(t *testing.T) {
	p := pool(t, nil)
	t.Run("streamed", func(t *testing.T) {
		result, err := p.Invoke(t.Context(), "r-1", "", []byte(`{"do":"stream","size":3000000}`))
		require.NoError(t, err)
		assert.Len(t, result.Payload, 3_000_000)
	})
	t.Run("streamed, failing midway: the trailers say so", func(t *testing.T) {
		failed := failure(t, p, `{"do":"break","size":3000000}`)
		assert.Equal(t, "errorString", failed.Type)
		assert.Equal(t, "as told", failed.Message)
	})
	t.Run("an X-Ray cause of nearly 1 MiB", func(t *testing.T) {
		failed := failure(t, p, fmt.Sprintf(`{"do":"fail at length","size":%d}`, 1<<20-600))
		assert.Len(t, failed.Message, 1<<20-600)
	})
	t.Run("an X-Ray cause over 1 MiB is left out by the library", func(t *testing.T) {
		assert.Len(t, failure(t, p, `{"do":"fail at length","size":2000000}`).Message, 2_000_000)
	})
	_, cold := call(t, p, `{}`)
	assert.False(t, cold, "every call was accepted: anything but 202 ends the process")
	t.Run("6,291,556 bytes", func(t *testing.T) {
		result, err := p.Invoke(t.Context(), "r-1", "", []byte(`{"do":"stream","size":6291556}`))
		require.NoError(t, err)
		assert.Len(t, result.Payload, lambdaruntime.MaxResult)
	})
	t.Run("one byte more", func(t *testing.T) {
		failed := failure(t, p, `{"do":"stream","size":6291557}`)
		assert.Equal(t, "Function.ResponseSizeTooLarge", failed.Type)
		assert.Equal(t, "Response payload size exceeded maximum allowed payload size (6291556 bytes).", failed.Message)
		_, cold := call(t, p, `{}`)
		assert.True(t, cold, "the library exits after a 413")
	})
}

func initError(t *testing.T) {
	f := function(t, "raw")
	f.Environment = append(f.Environment, "INIT=error")
	p := lambdaruntime.New(f)
	defer p.Close(time.Second)
	failed := failure(t, p, `{}`)
	assert.Equal(t, "Runtime.NoSuchHandler: as told", failed.Error())
}

func extension(t *testing.T) {
	serve := func(t *testing.T, behaviour string) (p *lambdaruntime.Pool, pid int, log lines) {
		log = make(lines, 10)
		p = pool(t, func(f *lambdaruntime.Function) {
			f.Log, f.Environment = log, append(f.Environment, "SIGTERM="+behaviour)
		})
		r, _ := call(t, p, `{}`)
		return p, r.PID, log
	}
	t.Run("obey", func(t *testing.T) {
		t.Parallel()
		p, pid, log := serve(t, "obey")
		p.Close(patience)
		assert.Equal(t, "terminating", <-log, "no warning about a failed registration before")
		gone(t, pid)
	})
	t.Run("ignore", func(t *testing.T) {
		t.Parallel()
		p, pid, log := serve(t, "ignore")
		require.NoError(t, syscall.Kill(pid, syscall.SIGTERM))
		assert.Equal(t, "ignoring", <-log, "no warning about a failed registration before")
		p.Close(time.Millisecond)
		gone(t, pid)
	})
}

func warm(t *testing.T) {
	p := pool(t, nil)
	first, cold := call(t, p, `{}`)
	assert.True(t, cold)
	for i := range 20 {
		again, cold := call(t, p, `{}`)
		assert.False(t, cold)
		assert.Equal(t, first.PID, again.PID)
		assert.Equal(t, 2+i, again.Calls)
	}
}

func exactEnvironment(t *testing.T) {
	r, _ := call(t, pool(t, nil), `{}`)
	var names []string
	for _, variable := range r.Environment {
		name, _, _ := strings.Cut(variable, "=")
		names = append(names, name)
	}
	slices.Sort(names)
	assert.Equal(t, []string{"AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_RUNTIME_API", "ONLY"}, names)
}

func failures(t *testing.T) {
	const exited = "RequestId: r-2 Error: Runtime exited with error: exit status 7"
	tests := map[string]struct {
		event    string
		wantType string
		wantText string
		survives bool
	}{
		"an error":                  {`{"do":"fail"}`, "errorString", "as told", true},
		"a panic":                   {`{"do":"panic"}`, "string", "as told", false},
		"an exit":                   {`{"do":"exit"}`, "Runtime.ExitError", exited, false},
		"an exit leaving a process": {`{"do":"abandon"}`, "Runtime.ExitError", exited, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := pool(t, nil)
			before, _ := call(t, p, `{}`)
			failed := failure(t, p, tt.event)
			assert.Equal(t, tt.wantType, failed.Type)
			assert.Equal(t, tt.wantText, failed.Message)
			after, cold := call(t, p, `{}`)
			assert.Equal(t, tt.survives, !cold)
			assert.Equal(t, tt.survives, before.PID == after.PID)
			if !tt.survives {
				gone(t, before.PID)
			}
		})
	}
	t.Run("an exit losing a process that holds the output open", func(t *testing.T) {
		t.Parallel()
		log := make(lines, 10)
		p := pool(t, func(f *lambdaruntime.Function) { f.Log = log })
		assert.Equal(t, exited, failure(t, p, `{"do":"lose"}`).Message)
		lost, err := strconv.Atoi(<-log)
		require.NoError(t, err)
		require.NoError(t, syscall.Kill(lost, syscall.SIGKILL), "nobody waits for it")
	})
	t.Run("a timeout", func(t *testing.T) {
		t.Parallel()
		p := pool(t, func(f *lambdaruntime.Function) { f.Timeout = 100 * time.Millisecond })
		for range 2 { // the second finds the first one's process gone
			result, err := p.Invoke(t.Context(), "r-2", "", []byte(`{"do":"hang"}`))
			require.EqualError(t, err, "Sandbox.Timedout: RequestId: r-2 Error: Task timed out after 0.10 seconds")
			assert.True(t, result.Cold)
		}
	})
}

type frame struct {
	Path string
	Line int
}

func panicThenExit(t *testing.T) {
	p := pool(t, func(f *lambdaruntime.Function) { f.Concurrency = new(1) }) // a process not yet gone would be in the way
	for range 20 {
		failed := failure(t, p, `{"do":"panic"}`)
		assert.Equal(t, "string: as told", failed.Error())
		var frames []frame
		require.NoError(t, json.Unmarshal(failed.StackTrace, &frames))
		named := func(f frame) bool { return strings.HasSuffix(f.Path, "worker/main.go") && f.Line > 0 }
		assert.True(t, slices.ContainsFunc(frames, named), "the place is named")
	}
}

func initPhase(t *testing.T) {
	t.Run("an exit", func(t *testing.T) {
		p := pool(t, func(f *lambdaruntime.Function) { f.Environment = append(f.Environment, "BROKEN=exit") })
		assert.Equal(t, "Runtime.ExitError: RequestId: init Error: Runtime exited with error: exit status 3",
			failure(t, p, `{}`).Error())
	})
	t.Run("no binary", func(t *testing.T) {
		p := pool(t, func(f *lambdaruntime.Function) { f.Binary = filepath.Join(t.TempDir(), "bootstrap") })
		assert.Equal(t, "Runtime.InvalidEntrypoint", failure(t, p, `{}`).Type)
	})
	t.Run("never asking for work", func(t *testing.T) {
		f := function(t, "raw")
		f.InitTimeout, f.Environment = 50*time.Millisecond, []string{"INIT=hang"}
		p := lambdaruntime.New(f)
		defer p.Close(time.Second)
		assert.Equal(t, "Sandbox.Timedout: RequestId: init Error: the init phase took longer than 0.05 seconds",
			failure(t, p, `{}`).Error())
	})
}

func oneAtATime(t *testing.T) {
	log := make(lines, 10)
	p := pool(t, func(f *lambdaruntime.Function) { f.Concurrency, f.Log = new(2), log })
	pipes := []string{pipe(t), pipe(t)}
	busy := make(chan error, len(pipes))
	for _, pipe := range pipes {
		go func() {
			_, err := p.Invoke(t.Context(), "r-1", "", []byte(`{"do":"wait","text":"`+pipe+`"}`))
			busy <- err
		}()
		require.Equal(t, "waiting", <-log)
	}
	_, err := p.Invoke(t.Context(), "r-2", "", []byte(`{}`))
	require.ErrorIs(t, err, lambdaruntime.ErrThrottled)
	for _, pipe := range pipes {
		write(t, pipe)
		require.NoError(t, <-busy)
	}
	_, cold := call(t, p, `{}`)
	assert.False(t, cold)
}

// answeredIsBusy: calls wait for such a process, each for one, and only those beyond are refused. So a client that calls
// in turn is never refused, however long the process takes.
func answeredIsBusy(t *testing.T) {
	f := function(t, "raw")
	f.Concurrency = new(2)
	p := lambdaruntime.New(f)
	defer p.Close(time.Second)
	before, after := []string{pipe(t), pipe(t)}, []string{pipe(t), pipe(t)}
	answered := make(chan error, 2)
	var working []*os.File
	for i := range 2 {
		go func() {
			_, err := p.Invoke(t.Context(), "r-1", "", []byte(`{"before":"`+before[i]+`","after":"`+after[i]+`"}`))
			answered <- err
		}()
		file, err := os.OpenFile(before[i], os.O_WRONLY, 0) // once the process reads it
		require.NoError(t, err)
		working = append(working, file)
	}
	for _, file := range working {
		require.NoError(t, file.Close())
		require.NoError(t, <-answered)
	}

	impatient, leave := context.WithTimeout(t.Context(), time.Millisecond)
	defer leave()
	_, err := p.Invoke(impatient, "r-2", "", []byte(`{}`))
	require.ErrorIs(t, err, context.DeadlineExceeded, "it waits")
	type reached struct {
		cold bool
		err  error
	}
	calls := make(chan reached, 3)
	for range cap(calls) {
		go func() {
			result, err := p.Invoke(t.Context(), "r-3", "", []byte(`{}`))
			calls <- reached{result.Cold, err}
		}()
	}
	require.ErrorIs(t, (<-calls).err, lambdaruntime.ErrThrottled, "one more than there are processes")
	for _, pipe := range after {
		write(t, pipe)
	}
	for range 2 {
		assert.Equal(t, reached{}, <-calls, "warm")
	}
}

func reservedZero(t *testing.T) {
	p := pool(t, func(f *lambdaruntime.Function) { f.Concurrency = new(0) })
	_, err := p.Invoke(t.Context(), "r-1", "", []byte(`{}`))
	require.ErrorIs(t, err, lambdaruntime.ErrThrottled)
}

func runsOn(t *testing.T) {
	log := make(lines, 10)
	p := pool(t, func(f *lambdaruntime.Function) { f.Log, f.Concurrency = log, new(1) })
	before, _ := call(t, p, `{}`)
	pipe := pipe(t)
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-log // it works
		leave()
	}()
	_, err := p.Invoke(ctx, "r-2", "", []byte(`{"do":"wait","text":"`+pipe+`"}`))
	require.ErrorIs(t, err, context.Canceled)
	_, err = p.Invoke(t.Context(), "r-3", "", []byte(`{}`))
	require.ErrorIs(t, err, lambdaruntime.ErrThrottled, "it runs on")
	write(t, pipe)
	var result lambdaruntime.Result
	require.Eventually(t, func() bool {
		result, err = p.Invoke(t.Context(), "r-4", "", []byte(`{}`))
		return err == nil
	}, patience, time.Millisecond)
	var after reply
	require.NoError(t, json.Unmarshal(result.Payload, &after))
	assert.Equal(t, before.PID, after.PID)
	assert.Equal(t, 3, after.Calls)
}

func runsOnDuringInit(t *testing.T) {
	f := function(t, "raw")
	f.Environment = append(f.Environment, "INIT=hang")
	p := lambdaruntime.New(f)
	defer p.Close(10 * time.Millisecond)
	ctx, leave := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer leave()
	result, err := p.Invoke(ctx, "r-1", "", []byte(`{}`))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.True(t, result.Cold)
}

func TestPool_Invoke_ManyAtOnce(t *testing.T) {
	t.Parallel()
	p := pool(t, nil)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for i := range 20 {
				text := fmt.Sprint(i)
				result, err := p.Invoke(t.Context(), "r-"+text, "", []byte(`{"text":"`+text+`"}`))
				if assert.NoError(t, err) {
					assert.Contains(t, string(result.Payload), `"text":"`+text+`"`)
				}
			}
		})
	}
	wg.Wait()
}

func TestPool_Invoke_AProcessKilledWhileIdle(t *testing.T) {
	t.Parallel()
	p := pool(t, nil)
	before, _ := call(t, p, `{}`)
	require.NoError(t, syscall.Kill(before.PID, syscall.SIGKILL))
	require.Eventually(t, func() bool { return syscall.Kill(before.PID, 0) != nil }, patience, time.Millisecond)
	require.Eventually(t, func() bool { // its end is noticed a moment later
		result, err := p.Invoke(t.Context(), "r-1", "", []byte(`{}`))
		return err == nil && result.Cold
	}, patience, time.Millisecond)
}

// TestPool_Log_HasLambdasReports: of calls that failed, with INFO of all; a process that dies at its start is told of apart.
func TestPool_Log_HasLambdasReports(t *testing.T) {
	t.Parallel()
	type line struct {
		Time, Type string
		Record     struct {
			RequestID, Phase, Status, ErrorType string
			Metrics                             map[string]float64
		}
	}
	reports := func(t *testing.T, level, event string, change func(*lambdaruntime.Function)) (told []string) {
		t.Helper()
		log := make(lines, 10)
		p := pool(t, func(f *lambdaruntime.Function) {
			f.Log, f.SystemLogLevel, f.MemoryMB = log, level, 512
			if change != nil {
				change(f)
			}
		})
		_, _ = p.Invoke(t.Context(), "r-1", "", []byte(event)) // whether it fails, the report says
		p.Close(time.Second)
		close(log)
		for text := range log {
			var l line
			if json.Unmarshal([]byte(text), &l) != nil {
				continue // of a panic
			}
			_, err := time.Parse(time.RFC3339, l.Time)
			require.NoError(t, err)
			assert.Contains(t, l.Record.Metrics, "durationMs")
			r := l.Record
			memory := fmt.Sprint(r.Metrics["memorySizeMB"])
			told = append(told, strings.Join([]string{l.Type, r.RequestID, r.Phase, r.Status, r.ErrorType, memory}, " "))
		}
		return told
	}
	const report = "platform.report r-1  "
	assert.Empty(t, reports(t, "WARN", `{}`, nil))
	assert.Empty(t, reports(t, "", `{"do":"fail"}`, nil))
	assert.Equal(t, []string{report + "success  512"}, reports(t, "INFO", `{}`, nil))
	assert.Equal(t, []string{report + "error errorString 512"}, reports(t, "WARN", `{"do":"fail"}`, nil))
	assert.Equal(t, []string{report + "error Runtime.ExitError 512"}, reports(t, "WARN", `{"do":"exit"}`, nil))
	assert.Equal(t, []string{report + "timeout  512"},
		reports(t, "WARN", `{"do":"hang"}`, func(f *lambdaruntime.Function) { f.Timeout = 100 * time.Millisecond }))
	assert.Equal(t, []string{"platform.initReport  init error Runtime.ExitError 0", report + "error Runtime.ExitError 512"},
		reports(t, "WARN", `{}`, func(f *lambdaruntime.Function) { f.Environment = append(f.Environment, "BROKEN=exit") }))
}

func TestPool_Log_TakesLines(t *testing.T) {
	t.Parallel()
	log := make(lines, 10)
	p := pool(t, func(f *lambdaruntime.Function) { f.Log = log })
	call(t, p, `{"do":"talk","size":200000}`)
	assert.Len(t, <-log, 200_000)
	call(t, p, `{"do":"talk","size":600000}`)
	assert.Len(t, <-log, 256<<10)
	assert.Len(t, <-log, 256<<10)
	assert.Len(t, <-log, 600_000-2*(256<<10))
}

func TestPool_Replace_TakesTheNextInvocationElsewhere(t *testing.T) {
	t.Parallel()
	log := make(lines, 10)
	p := pool(t, func(f *lambdaruntime.Function) { f.Log, f.Concurrency = log, new(2) })
	idle, _ := call(t, p, `{}`)
	pipe := pipe(t)
	busy := make(chan error)
	go func() {
		_, err := p.Invoke(t.Context(), "r-2", "", []byte(`{"do":"wait","text":"`+pipe+`"}`))
		busy <- err
	}()
	<-log // it works
	f := function(t, "worker")
	f.Environment, f.Concurrency = []string{"ONLY=that"}, new(1)
	p.Replace(f)
	after, cold := call(t, p, `{}`)
	assert.True(t, cold, "the busy one of the old build does not count")
	assert.NotEqual(t, idle.PID, after.PID)
	assert.Contains(t, after.Environment, "ONLY=that")
	write(t, pipe)
	require.NoError(t, <-busy, "it finishes its work")
	again, _ := call(t, p, `{}`)
	assert.Equal(t, after.PID, again.PID)
	require.Eventually(t, func() bool { return syscall.Kill(idle.PID, 0) != nil }, patience, time.Millisecond)
}

func closeEndsAll(t *testing.T) {
	log := make(lines, 10)
	p := pool(t, func(f *lambdaruntime.Function) { f.Log = log })
	r, _ := call(t, p, `{}`)
	busy := make(chan error)
	go func() {
		_, err := p.Invoke(t.Context(), "r-2", "", []byte(`{"do":"hang"}`))
		busy <- err
	}()
	<-log
	p.Close(time.Second)
	require.ErrorContains(t, <-busy, "Runtime.ExitError")
	gone(t, r.PID)
	_, err := p.Invoke(t.Context(), "r-9", "", []byte(`{}`))
	require.ErrorContains(t, err, "being stopped")
}

func TestError_IsLambdasDocument(t *testing.T) {
	text, err := json.Marshal(&lambdaruntime.Error{Type: "Runtime.ExitError", Message: "m"})
	require.NoError(t, err)
	assert.Equal(t, `{"errorType":"Runtime.ExitError","errorMessage":"m"}`, string(text)) //nolint:testifylint // its bytes
}
