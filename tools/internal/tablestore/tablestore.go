// Package tablestore opens a stack's table for tools that people run.
//
// It takes the AWS_* variables of the environment as they are: no profile or configuration file is read, so export them
// (`aws configure export-credentials --format env` prints them).
package tablestore

import (
	"cmp"
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"pricing/shared/store"
)

// Open returns a store on a table. AWS_ENDPOINT_URL_DYNAMODB, or else AWS_ENDPOINT_URL, names another engine than AWS.
func Open(table string, getenv func(string) string) *store.Store {
	return store.New(Client(getenv, 0), store.Options{Table: table})
}

// Endpoint is the engine that the environment names; empty: AWS itself.
func Endpoint(getenv func(string) string) string {
	return cmp.Or(getenv("AWS_ENDPOINT_URL_DYNAMODB"), getenv("AWS_ENDPOINT_URL"))
}

// Client returns the client that Open uses, for calls that the store has no use for. An attempt may take so long; 0: as long as a
// function's.
func Client(getenv func(string) string, attempt time.Duration) *dynamodb.Client {
	return store.NewClient(store.ClientOptions{
		Region: getenv("AWS_REGION"), Endpoint: Endpoint(getenv), Width: 1, AttemptTimeout: attempt,
		Credentials: Credentials(getenv),
	})
}

// Credentials are those of the AWS_* variables, for clients of other services too.
func Credentials(getenv func(string) string) aws.CredentialsProvider {
	keys := aws.Credentials{AccessKeyID: getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken: getenv("AWS_SESSION_TOKEN")}
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return keys, nil })
}

// Local are the variables for an engine on this machine, which takes any credentials.
func Local(endpoint string) (getenv func(string) string) {
	return func(name string) string {
		return map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local",
			"AWS_ENDPOINT_URL_DYNAMODB": endpoint}[name]
	}
}
