package lambdaruntime_test

import (
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/tools/local/lambdaruntime"
)

var worker = sync.OnceValues(func() (string, error) {
	dir, err := filepath.Abs(filepath.Join("testdata", "bin"))
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, "bootstrap")
	out, err := exec.Command("go", "build", "-tags", "lambda.norpc", "-o", binary, "./testdata/worker").CombinedOutput()
	if err != nil {
		return "", &lambdaruntime.Error{Type: "build", Message: string(out)}
	}
	return binary, nil
})

func pool(t *testing.T, change func(*lambdaruntime.Function)) *lambdaruntime.Pool {
	t.Helper()
	binary, err := worker()
	require.NoError(t, err)
	f := lambdaruntime.Function{Name: "worker", ARN: "arn:aws:lambda:eu-west-1:123456789012:function:worker:live", Binary: binary, Directory: t.TempDir(),
		Environment: []string{"AWS_LAMBDA_FUNCTION_NAME=worker", "ONLY=this"}, Timeout: 20 * time.Second, Log: io.Discard}
	if change != nil {
		change(&f)
	}
	p := lambdaruntime.New(f)
	t.Cleanup(func() { p.Close(time.Second) })
	return p
}

type reply struct {
	Text        string   `json:"text"`
	Calls       int      `json:"calls"`
	PID         int      `json:"pid"`
	Environment []string `json:"environment"`
	Deadline    int64    `json:"deadline"`
}

func call(t *testing.T, p *lambdaruntime.Pool, event string) (reply, bool) {
	t.Helper()
	result, err := p.Invoke(t.Context(), "r-1", "Root=1-0-0", []byte(event))
	require.NoError(t, err)
	var r reply
	require.NoError(t, json.Unmarshal(result.Payload, &r))
	return r, result.Cold
}

func TestPool_Invoke_KeepsAProcessWarm(t *testing.T) {
	t.Parallel()
	p := pool(t, nil)
	first, cold := call(t, p, `{"text":"a"}`)
	assert.True(t, cold)
	assert.Equal(t, "a", first.Text)
	second, cold := call(t, p, `{"text":"b"}`)
	assert.False(t, cold)
	assert.Equal(t, first.PID, second.PID)
	assert.Equal(t, 2, second.Calls)
	assert.WithinDuration(t, time.Now().Add(20*time.Second), time.UnixMilli(second.Deadline), 19*time.Second)
}

func TestPool_Invoke_GivesExactlyTheEnvironment(t *testing.T) {
	t.Setenv("LEAKED", "from the shell")
	r, _ := call(t, pool(t, nil), `{}`)
	for _, variable := range r.Environment {
		name, _, _ := strings.Cut(variable, "=")
		// the runtime library itself sets the trace id of the invocation at work
		assert.Contains(t, []string{"AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME", "ONLY", "_X_AMZN_TRACE_ID"}, name)
	}
}

func TestPool_Invoke_FailuresCostOneInvocation(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		event    string
		wantType string
		wantText string
		survives bool
	}{
		"an error":  {`{"do":"fail"}`, "errorString", "as told", true},
		"a panic":   {`{"do":"panic"}`, "string", "as told", false},
		"an exit":   {`{"do":"exit"}`, "Runtime.ExitError", "exit status 7", false},
		"a timeout": {`{"do":"hang"}`, "Sandbox.Timedout", "Task timed out after 1.00 seconds", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := pool(t, func(f *lambdaruntime.Function) { f.Timeout = time.Second })
			before, _ := call(t, p, `{}`)
			_, err := p.Invoke(t.Context(), "r-2", "", []byte(tt.event))
			var failed *lambdaruntime.Error
			require.ErrorAs(t, err, &failed)
			assert.Equal(t, tt.wantType, failed.Type)
			assert.Contains(t, failed.Message, tt.wantText)
			after, cold := call(t, p, `{}`)
			assert.Equal(t, tt.survives, !cold)
			assert.Equal(t, tt.survives, before.PID == after.PID)
		})
	}
}

func TestPool_Invoke_InitFailure(t *testing.T) {
	t.Parallel()
	p := pool(t, func(f *lambdaruntime.Function) { f.Environment = append(f.Environment, "BROKEN=exit") })
	_, err := p.Invoke(t.Context(), "r-1", "", []byte(`{}`))
	var failed *lambdaruntime.Error
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, "Runtime.ExitError", failed.Type)
	assert.Contains(t, failed.Message, "exit status 3")

	_, err = pool(t, func(f *lambdaruntime.Function) { f.Binary = filepath.Join(t.TempDir(), "bootstrap") }).Invoke(t.Context(), "r-1", "", []byte(`{}`))
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, "Runtime.InvalidEntrypoint", failed.Type)
}

// lines is a log that hands each line on.
type lines chan string

func (l lines) Write(line []byte) (int, error) {
	l <- strings.TrimSpace(string(line))
	return len(line), nil
}

func TestPool_Invoke_OneAtATimePerProcess(t *testing.T) {
	t.Parallel()
	log := make(lines, 10)
	p := pool(t, func(f *lambdaruntime.Function) { f.Timeout, f.Concurrency, f.Log = 2*time.Second, 2, log })
	busy := make(chan error, 2)
	for range 2 { // both processes hang until their timeout
		go func() {
			_, err := p.Invoke(t.Context(), "r-1", "", []byte(`{"do":"hang"}`))
			busy <- err
		}()
		require.Equal(t, "hanging", <-log)
	}
	_, err := p.Invoke(t.Context(), "r-2", "", []byte(`{}`))
	require.ErrorIs(t, err, lambdaruntime.ErrThrottled)
	for range 2 {
		require.ErrorContains(t, <-busy, "Sandbox.Timedout")
	}
	_, cold := call(t, p, `{}`)
	assert.True(t, cold, "a process that timed out is gone")
}

func TestPool_Replace_TakesTheNextInvocationElsewhere(t *testing.T) {
	t.Parallel()
	binary, err := worker()
	require.NoError(t, err)
	p := pool(t, nil)
	before, _ := call(t, p, `{}`)
	p.Replace(lambdaruntime.Function{Name: "worker", Binary: binary, Directory: t.TempDir(), Environment: []string{"ONLY=that"}, Timeout: time.Second, Log: io.Discard})
	after, cold := call(t, p, `{}`)
	assert.True(t, cold)
	assert.NotEqual(t, before.PID, after.PID)
	assert.Contains(t, after.Environment, "ONLY=that")
}

func TestPool_Close_EndsEveryProcess(t *testing.T) {
	t.Parallel()
	p := pool(t, nil)
	r, _ := call(t, p, `{}`)
	p.Close(time.Second)
	require.ErrorIs(t, syscall.Kill(r.PID, 0), syscall.ESRCH)
	_, err := p.Invoke(t.Context(), "r-9", "", []byte(`{}`))
	require.Error(t, err)
}
