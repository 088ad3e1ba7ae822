// Command get tells how long a book may be kept.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

func main() { lambda.Start(get) }

func get(_ context.Context, r events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
	body := fmt.Sprintf(`{"isbn":%q,"days":%q,"greeting":%q,"reader":%q}`,
		r.PathParameters["isbn"], os.Getenv("LOAN_DAYS"), os.Getenv("GREETING"), r.RequestContext.Authorizer["principalId"])
	return events.APIGatewayProxyResponse{StatusCode: 200, Body: body}, nil
}
