// Command forward looks after logs that Logstash did not take.
//
//	go run ./tools/forward -redrive -env NAME [-keep FOLDER] [-for 7m]
//
// The deliveries wait in the queue pricing-NAME-failed-logs, which the function forward-logs works off by itself, every six minutes. This
// sends them at once, by calling the function, which has the address, the credentials and the network. It deletes what Logstash has
// acknowledged, prints what is left and why, and ends with status 1 if anything is. With -keep, what nobody will ever be able to open goes
// into a file and out of the queue. A message that the function has just tried is hidden; -for is how long to wait for such.
//
// It takes credentials and region as the AWS CLI does. They have to allow sqs:GetQueueUrl, sqs:GetQueueAttributes, sqs:ReceiveMessage and
// sqs:DeleteMessage for the queue, and lambda:InvokeFunction.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"pricing/shared/forward"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "forward:", err)
		}
		os.Exit(1) //nolint:gocritic // stop only undoes NotifyContext
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("forward", flag.ContinueOnError)
	again := flags.Bool("redrive", false, "send what waits in the queue")
	environment := flags.String("env", "", "`name` of the environment (DeployEnv)")
	keep := flags.String("keep", "", "`folder` for messages that cannot be opened, which leave the queue")
	patience := flags.Duration("for", 7*time.Minute, "how long to wait for messages that the function has just tried")
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp // flags has told
	}
	if !*again || *environment == "" || flags.NArg() > 0 {
		return errors.New("say -redrive and -env NAME")
	}
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return fmt.Errorf("read the settings of AWS: %w", err)
	}
	r := redrive{
		queue: sqs.NewFromConfig(settings), functions: lambda.NewFromConfig(settings), function: "pricing-" + *environment + "-forward-logs",
		keep: *keep, until: time.Now().Add(*patience), out: out, left: map[string]string{},
	}
	return r.run(ctx, "pricing-"+*environment+"-failed-logs")
}

type redrive struct {
	queue     *sqs.Client
	functions *lambda.Client
	function  string
	keep      string
	until     time.Time
	out       io.Writer

	url        *string
	sent, kept int
	left       map[string]string // by message, why it is left
}

func (r *redrive) run(ctx context.Context, name string) error {
	found, err := r.queue.GetQueueUrl(ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	if err != nil {
		return fmt.Errorf("find the queue: %w", err)
	}
	r.url = found.QueueUrl
	for told := 0; ; {
		in, err := r.queue.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: r.url, MaxNumberOfMessages: 10, WaitTimeSeconds: 1})
		if err != nil {
			return fmt.Errorf("receive messages: %w", err)
		}
		for _, m := range in.Messages {
			if err := r.message(ctx, m); err != nil {
				return err
			}
		}
		if len(in.Messages) > 0 {
			continue
		}
		others, err := r.others(ctx)
		if err != nil {
			return err
		}
		if others <= 0 || time.Now().After(r.until) {
			return r.end(others)
		}
		if others != told {
			told = others
			_, _ = fmt.Fprintf(r.out, "%d more were tried a moment ago and are hidden; waiting until %s\n", others, r.until.Format(time.TimeOnly))
		}
	}
}

// others is how many messages are in the queue besides those that are left of this run.
func (r *redrive) others(ctx context.Context) (int, error) {
	names := []types.QueueAttributeName{
		types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
	}
	got, err := r.queue.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: r.url, AttributeNames: names})
	if err != nil {
		return 0, fmt.Errorf("count messages: %w", err)
	}
	n := -len(r.left)
	for _, name := range names {
		some, err := strconv.Atoi(got.Attributes[string(name)])
		if err != nil {
			return 0, fmt.Errorf("count messages: %w", err)
		}
		n += some
	}
	return n, nil
}

// message sends one message's delivery, and deletes it when Logstash has it.
func (r *redrive) message(ctx context.Context, m types.Message) error {
	id := aws.ToString(m.MessageId)
	if why := unreadable(aws.ToString(m.Body)); why != nil {
		return r.setAside(ctx, m, why)
	}
	taken, err := r.call(ctx, m)
	if err != nil {
		return err
	}
	if !taken {
		r.left[id] = "Logstash did not take it; the log of " + r.function + " says why"
		return nil
	}
	delete(r.left, id)
	r.sent++
	return r.delete(ctx, m)
}

// unreadable says why nobody will ever be able to open the delivery of a message, or nothing.
func unreadable(body string) error {
	packed, err := forward.Failed(body)
	if err != nil {
		return err
	}
	d, err := forward.Open(packed)
	if err != nil {
		return err
	}
	return d.Documents(func([]byte, time.Time) error { return nil })
}

// setAside moves a message into a file, if there is a folder for it.
func (r *redrive) setAside(ctx context.Context, m types.Message, why error) error {
	id := aws.ToString(m.MessageId)
	r.left[id] = "it cannot be opened: " + why.Error()
	if r.keep == "" {
		return nil
	}
	if !regexp.MustCompile(`^[\w-]+$`).MatchString(id) {
		return fmt.Errorf("keep a message: %q is no id", id)
	}
	if err := os.MkdirAll(r.keep, 0o700); err != nil {
		return fmt.Errorf("keep a message: %w", err)
	}
	file := filepath.Join(r.keep, id+".json")
	if err := os.WriteFile(file, []byte(aws.ToString(m.Body)), 0o600); err != nil {
		return fmt.Errorf("keep a message: %w", err)
	}
	delete(r.left, id)
	r.kept++
	_, _ = fmt.Fprintf(r.out, "%s: it cannot be opened: %v\n", file, why)
	return r.delete(ctx, m)
}

// call hands a message to the function as its queue does, and reports whether the function keeps it no longer.
func (r *redrive) call(ctx context.Context, m types.Message) (taken bool, err error) {
	type record struct {
		ID   string `json:"messageId"`
		Body string `json:"body"`
	}
	event, err := json.Marshal(map[string][]record{"Records": {{aws.ToString(m.MessageId), aws.ToString(m.Body)}}})
	if err != nil {
		return false, fmt.Errorf("write an event: %w", err)
	}
	out, err := r.functions.Invoke(ctx, &lambda.InvokeInput{FunctionName: &r.function, Qualifier: aws.String("live"), Payload: event})
	if err != nil {
		return false, fmt.Errorf("call %s: %w", r.function, err)
	}
	var answer struct {
		Failures *[]json.RawMessage `json:"batchItemFailures"`
	}
	if out.FunctionError != nil || json.Unmarshal(out.Payload, &answer) != nil || answer.Failures == nil {
		return false, fmt.Errorf("call %s: it answers %.300s", r.function, out.Payload)
	}
	return len(*answer.Failures) == 0, nil
}

func (r *redrive) delete(ctx context.Context, m types.Message) error {
	if _, err := r.queue.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: r.url, ReceiptHandle: m.ReceiptHandle}); err != nil {
		return fmt.Errorf("delete a message: %w", err)
	}
	return nil
}

// end tells what became of the queue.
func (r *redrive) end(others int) error {
	_, _ = fmt.Fprintf(r.out, "%d deliveries sent, %d set aside\n", r.sent, r.kept)
	for _, id := range slices.Sorted(maps.Keys(r.left)) {
		_, _ = fmt.Fprintf(r.out, "%s: %s\n", id, r.left[id])
	}
	if n := len(r.left) + max(0, others); n > 0 {
		return fmt.Errorf("%d deliveries are left; the function tries them again every six minutes", n)
	}
	return nil
}
