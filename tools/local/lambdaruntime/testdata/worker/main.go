// Command worker is a Lambda function that does what its event says.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
)

type event struct {
	Do   string `json:"do"`
	Text string `json:"text"`
}

var calls int

func main() {
	if os.Getenv("BROKEN") == "exit" {
		os.Exit(3)
	}
	lambda.Start(func(ctx context.Context, e event) (map[string]any, error) {
		calls++
		switch e.Do {
		case "panic":
			panic("as told")
		case "exit":
			os.Exit(7)
		case "hang":
			fmt.Println("hanging")
			select {}
		case "fail":
			return nil, errors.New("as told")
		}
		deadline, _ := ctx.Deadline()
		return map[string]any{"text": e.Text, "calls": calls, "pid": os.Getpid(), "environment": os.Environ(), "deadline": deadline.UnixMilli()}, nil
	})
}
