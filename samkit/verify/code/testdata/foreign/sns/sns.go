// Package sns has the shape of the SDK's client of another service.
package sns

import (
	"context"
	"os"
	"strings"
)

// Options are of the client.
type Options struct{}

// Client calls the service.
type Client struct{}

// PublishInput is what Publish needs.
type PublishInput struct{ Message string }

// PublishOutput is its answer.
type PublishOutput struct{}

// New returns a client.
func New(Options) *Client {
	for _, name := range []string{"region", "profile"} {
		_ = os.Getenv("AWS_" + strings.ToUpper(name))
	}
	return &Client{}
}

// Publish sends a message.
func (c *Client) Publish(context.Context, *PublishInput, ...func(*Options)) (*PublishOutput, error) {
	return &PublishOutput{}, nil
}
