package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// serve runs VictoriaLogs and gives it the log's lines, those that are there and those to come, until ctx ends. What it has stored of an
// earlier time is removed: the log has it all.
func serve(ctx context.Context, o options, out io.Writer) error {
	data := filepath.Join(filepath.Dir(o.file), "victoria-logs")
	if err := os.RemoveAll(data); err != nil {
		return fmt.Errorf("remove earlier data: %w", err)
	}
	said, err := os.Create(filepath.Join(filepath.Dir(o.file), "victoria-logs.log"))
	if err != nil {
		return fmt.Errorf("write its log: %w", err)
	}
	defer said.Close() //nolint:errcheck // the child has its own
	// A log may be old: VictoriaLogs would refuse what is beyond its retention.
	cmd := exec.CommandContext(ctx, o.serve, "-httpListenAddr="+o.addr, "-storageDataPath="+data, "-retentionPeriod=100y")
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true} // own group: Ctrl-C is ours to pass on
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start VictoriaLogs: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	f := follower{path: o.file, url: "http://" + o.addr}
	_, _ = fmt.Fprintf(out, "The lines of %s, as they come (Ctrl-C ends it):\n\n"+
		"http://%s/select/vmui/#/?query=status%%3A%%3E%%3D400&g0.range_input=7d&g0.relative_time=last_7_days\n\n"+
		"Other questions: * (all), errorType:AUTHORIZER_FAILURE, clientId:local status:>=500, durationMs:>1000\n", o.file, o.addr)
	for {
		select {
		case err := <-ended:
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("VictoriaLogs has ended, %s says why: %w", said.Name(), err)
		case <-time.After(300 * time.Millisecond):
			_ = f.send(ctx) // a line that was not taken is sent again
		}
	}
}

// follower sends what is added to a log, and all of it again when it begins anew.
type follower struct {
	path, url string
	sent      int64 // bytes
}

// atOnce is how much is sent at once at most.
const atOnce = 4 << 20

// send sends the whole lines that were added since.
func (f *follower) send(ctx context.Context) error {
	in, err := os.Open(f.path)
	if errors.Is(err, os.ErrNotExist) {
		f.sent = 0
		return nil
	}
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	info, err := in.Stat()
	if err != nil {
		return err
	}
	if info.Size() < f.sent {
		f.sent = 0 // RESET=1 make run
	}
	for f.sent < info.Size() {
		block := make([]byte, min(atOnce, info.Size()-f.sent))
		if _, err := in.ReadAt(block, f.sent); err != nil {
			return err
		}
		end := bytes.LastIndexByte(block, '\n') + 1
		if end == 0 {
			return nil // the line is still being written
		}
		var body bytes.Buffer
		for line := range bytes.Lines(block[:end]) {
			body.Write(indexed(string(line)))
		}
		if err := f.post(ctx, &body); err != nil {
			return err
		}
		f.sent += int64(end)
	}
	return nil
}

func (f *follower) post(ctx context.Context, body io.Reader) error {
	const path = "/insert/jsonline?_stream_fields=function&_msg_field=_msg&_time_field=_time&ignore_fields=_aws.*"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url+path, body)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close() // it was read
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("VictoriaLogs answered %s", resp.Status)
	}
	return nil
}

// indexed is a line with its time and a text for people, which are what VictoriaLogs needs of it; the lines have several forms of both.
func indexed(line string) []byte {
	e := read(line, "")
	if e.at.IsZero() {
		e.at = time.Now()
	}
	add, _ := json.Marshal(map[string]string{"_time": e.at.Format(time.RFC3339Nano), "_msg": e.summary()}) // cannot fail: texts
	if !strings.HasPrefix(e.text, "{") || !json.Valid([]byte(e.text)) {
		return append(add, '\n')
	}
	return append(append(add[:len(add)-1], ','), e.text[1:]+"\n"...)
}

// summary is a line in a few words.
func (e *entry) summary() string {
	var words []string
	for _, word := range []text{text(e.log), e.Type, e.Message, e.Record.Status, e.Record.ErrorType, e.Status, e.Route, e.ResourcePath,
		e.ErrorType, e.Outcome, text(brief(e.Error))} {
		if word != "" {
			words = append(words, firstLine(string(word)))
		}
	}
	return strings.Join(words, " ")
}
