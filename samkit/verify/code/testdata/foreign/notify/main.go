// Command notify stands in a module of its own, with other folders than this project's.
package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sns"
)

func main() {
	_, _ = sns.New(sns.Options{}).Publish(context.Background(), &sns.PublishInput{Message: "GET /elsewhere"})
}
