package boot_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pricing/shared/boot"
	"pricing/shared/testkit/metertest"
	"pricing/shared/testkit/storetest"
)

// bootstrap is get-health as it is deployed, compiled once for all tests. TestMain removes it.
var bootstrap = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(binaries, "bootstrap")
	cmd := exec.Command("go", "build", "-tags=lambda.norpc", "-o", binary, "./functions/get-health")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return binary, nil
})

var binaries string // folder

func TestMain(m *testing.M) {
	var err error
	if binaries, err = os.MkdirTemp("", "boot-"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(binaries) // what is left is temporary
	os.Exit(code)
}

// serve runs a real bootstrap of get-health, with more of an environment, until it has answered so many invocations, and returns the
// answers.
func serve(t *testing.T, stdout *os.File, invocations int, env ...string) (answers []string) {
	t.Helper()
	_, table := storetest.Table(t)
	event, err := os.ReadFile("../../events/get-health/ok.json")
	require.NoError(t, err)
	answered := make(chan string, invocations)
	served := 0
	runtime := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/invocation/next"):
			if served++; served > invocations {
				<-r.Context().Done()
				return
			}
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", "id")
			w.Header().Set("Lambda-Runtime-Deadline-Ms", "99999999999999")
			_, _ = w.Write(event) // the test fails if the child is gone
		default:
			body, _ := io.ReadAll(r.Body) // a part of it fails the test as well
			answered <- string(body)
			w.WriteHeader(http.StatusAccepted)
		}
	}))
	binary, err := bootstrap()
	require.NoError(t, err)
	cmd := exec.Command(binary)
	cmd.Stdout = stdout
	cmd.Stderr = stdout
	cmd.Env = append([]string{
		"AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(runtime.URL, "http://"), "TABLE_NAME=" + table, "DEPLOY_ENV=dev", "HISTORY_DAYS=400",
		"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_ENDPOINT_URL_DYNAMODB=" + storetest.Endpoint(t),
		"AWS_LAMBDA_FUNCTION_NAME=" + metertest.Source.Function, "AWS_LAMBDA_LOG_FORMAT=JSON",
	}, env...)
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer func() {
		_ = cmd.Process.Kill() // still waiting for work
		runtime.CloseClientConnections()
		runtime.Close()
	}()
	_ = stdout.Close() // the child has its own
	for len(answers) < invocations {
		select {
		case answer := <-answered:
			answers = append(answers, answer)
		case err := <-ended:
			require.Fail(t, "the process has died", "%v", err)
		}
	}
	return answers
}

// TestStart_SurvivesAClosedLog runs a real bootstrap whose standard output nobody reads any more. A Go process dies of
// SIGPIPE at its next write then, unless it ignores the signal.
func TestStart_SurvivesAClosedLog(t *testing.T) {
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, reader.Close())
	for _, answer := range serve(t, writer, 3) {
		assert.Contains(t, answer, `"statusCode":200`)
	}
}

// TestStart_IDs: a line has the id that the client knows, and those of the invocation and of the slowest call of DynamoDB under names
// of their own.
func TestStart_IDs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	stdout, err := os.Create(file)
	require.NoError(t, err)
	answers := serve(t, stdout, 1) // a second one would read the table or not, by the clock
	log, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, id := range []string{
		`"requestId":"KHn2hG4wDoEFt9A="`, `"lambdaRequestId":"id"`, `"dynamodbRequestId":`, `"timestamp":`, `"message":"request"`,
	} {
		assert.Equal(t, 1, bytes.Count(log, []byte(id)), id)
	}
	assert.Equal(t, 3, bytes.Count(log, []byte(`equestId"`)), "no other id of a request")
	for _, answer := range answers {
		assert.Contains(t, answer, `"x-request-id":"KHn2hG4wDoEFt9A="`)
	}
}

// TestStart_Metrics: the log of a real bootstrap gives CloudWatch the function's metrics, one cold start among them.
func TestStart_Metrics(t *testing.T) {
	file := filepath.Join(t.TempDir(), "log")
	stdout, err := os.Create(file)
	require.NoError(t, err)
	serve(t, stdout, 3)
	log, err := os.ReadFile(file)
	require.NoError(t, err)
	samples := metertest.Extract(t, log)
	assert.Equal(t, 1, samples.Sum("ColdStart"))
	assert.Len(t, samples["DeadlineLeftMs Environment=dev"], 3)
	assert.Equal(t, 3, bytes.Count(log, []byte("\n")), "one line per request")
}

func TestWidth(t *testing.T) {
	for memoryMB, want := range map[int]int{0: 4, 512: 4, 1023: 4, 1024: 8, 1769: 8} {
		assert.Equal(t, want, boot.Width(memoryMB), memoryMB)
	}
}

// TestStart_Trust: DynamoDB is believed to be itself by Amazon's certificates alone, or by the machine's where the settings say so.
// Either way the function signs with the role's keys, and reads once before its first event, to open the connection.
func TestStart_Trust(t *testing.T) {
	var reads atomic.Int64
	db := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reads.Add(1)
		assert.Contains(t, r.Header.Get("Authorization"), "Credential=AKIDROLE/")
		assert.Equal(t, "session", r.Header.Get("X-Amz-Security-Token"))
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = io.WriteString(w, "{}") // there is no such item
	}))
	db.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that the client breaks off
	db.StartTLS()
	defer db.Close()
	authority := filepath.Join(t.TempDir(), "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: db.Certificate().Raw})
	require.NoError(t, os.WriteFile(authority, certificate, 0o600))
	for trust, want := range map[string]string{"system": `"statusCode":200`, "embedded": `"statusCode":503`} {
		reads.Store(0)
		stdout, err := os.Create(filepath.Join(t.TempDir(), "log"))
		require.NoError(t, err)
		for _, answer := range serve(t, stdout, 1, "TRUST_STORE="+trust, "SSL_CERT_FILE="+authority, "AWS_ENDPOINT_URL_DYNAMODB="+db.URL,
			"AWS_ACCESS_KEY_ID=AKIDROLE", "AWS_SESSION_TOKEN=session") {
			assert.Contains(t, answer, want, trust)
		}
		read := map[string]int64{"system": 2, "embedded": 0}
		assert.Equal(t, read[trust], reads.Load(), trust)
	}
}

func TestStart_NamesWhatIsMissing(t *testing.T) {
	binary, err := bootstrap()
	require.NoError(t, err)
	cmd := exec.Command(binary)
	cmd.Env = []string{"AWS_LAMBDA_RUNTIME_API=127.0.0.1:1"}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	assert.Equal(t, 1, exit.ExitCode())
	for _, name := range []string{"TABLE_NAME", "DEPLOY_ENV", "HISTORY_DAYS", "AWS_REGION"} {
		assert.Contains(t, string(out), name)
	}
}

// TestRoots checks the embedded trust store: five self-signed roots, all valid for years to come.
func TestRoots(t *testing.T) {
	rest, err := os.ReadFile("roots.pem")
	require.NoError(t, err)
	var names []string
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		c, err := x509.ParseCertificate(block.Bytes)
		require.NoError(t, err)
		assert.True(t, c.IsCA)
		assert.Equal(t, c.Subject.String(), c.Issuer.String())
		assert.True(t, c.NotAfter.After(time.Date(2037, 1, 1, 0, 0, 0, 0, time.UTC)), c.Subject.CommonName)
		names = append(names, c.Subject.CommonName)
	}
	assert.Equal(t, []string{"Amazon Root CA 1", "Amazon Root CA 2", "Amazon Root CA 3", "Amazon Root CA 4",
		"Starfield Services Root Certificate Authority - G2"}, names)
}
