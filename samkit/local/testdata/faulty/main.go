// Command faulty is a function that answers as its query says.
package main

import (
	"errors"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	lambda.Start(func(r events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		problem := func(status int, document string) (events.APIGatewayProxyResponse, error) {
			headers := map[string]string{"content-type": "application/problem+json; charset=utf-8"}
			return events.APIGatewayProxyResponse{StatusCode: status, Headers: headers, Body: document}, nil
		}
		switch r.QueryStringParameters["do"] {
		case "fail":
			return events.APIGatewayProxyResponse{}, errors.New("in\ntwo lines")
		case "urn":
			return problem(404, `{"type":"urn:problem:library:no-such-book","title":"No such book","detail":"There is no \u001b[2Jbook 7."}`)
		case "url":
			return problem(409, `{"type":"https://example.com/problems/lent/","title":"It is lent"}`)
		case "blank":
			return problem(400, `{"type":"about:blank","title":"Bad Request"}`)
		case "long":
			return problem(400, `{"title":"`+strings.Repeat("long ", 100)+`"}`)
		case "plain":
			return events.APIGatewayProxyResponse{StatusCode: 410, Body: "gone"}, nil
		}
		return events.APIGatewayProxyResponse{StatusCode: 200, Body: "{}"}, nil
	})
}
