// Command worker is a Lambda function that does what its event says.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing/iotest"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Do   string `json:"do"`
	Text string `json:"text"`
	Size int    `json:"size"`
}

var calls int

func main() {
	if os.Getenv("BROKEN") == "exit" {
		os.Exit(3)
	}
	var options []lambda.Option
	switch os.Getenv("SIGTERM") {
	case "obey":
		options = append(options, lambda.WithEnableSIGTERM(func() {
			fmt.Println("terminating")
			os.Exit(0)
		}))
	case "ignore":
		options = append(options, lambda.WithEnableSIGTERM(func() { fmt.Println("ignoring") }))
	}
	atStart := os.Environ()
	lambda.StartWithOptions(func(ctx context.Context, e event) (any, error) {
		calls++
		switch e.Do {
		case "panic":
			panic("as told")
		case "exit":
			os.Exit(7)
		case "abandon", "lose": // ends while a child of its own holds the output open; a lost one is in a session of its own
			child := exec.Command("/bin/sleep", "1000")
			child.Stdout, child.SysProcAttr = os.Stdout, &syscall.SysProcAttr{Setsid: e.Do == "lose"}
			if err := child.Start(); err != nil {
				return nil, err
			}
			fmt.Println(child.Process.Pid)
			os.Exit(7)
		case "hang":
			fmt.Println("hanging")
			select {}
		case "wait": // until the pipe called e.Text is written
			fmt.Println("waiting")
			_, err := os.ReadFile(e.Text)
			return "waited", err
		case "fail":
			return nil, errors.New("as told")
		case "fail at length":
			return nil, errors.New(strings.Repeat("x", e.Size))
		case "stream":
			return strings.NewReader(strings.Repeat("x", e.Size)), nil
		case "break":
			return io.MultiReader(bytes.NewReader(make([]byte, e.Size)), iotest.ErrReader(errors.New("as told"))), nil
		case "talk":
			fmt.Println(strings.Repeat("x", e.Size))
		}
		deadline, _ := ctx.Deadline()
		lc, _ := lambdacontext.FromContext(ctx)
		trace, _ := ctx.Value("x-amzn-trace-id").(string)
		return map[string]any{
			"text": e.Text, "calls": calls, "pid": os.Getpid(), "environment": atStart, "deadline": deadline.UnixMilli(),
			"requestId": lc.AwsRequestID, "arn": lc.InvokedFunctionArn, "trace": trace, "traceVariable": os.Getenv("_X_AMZN_TRACE_ID"),
		}, nil
	}, options...)
}
