package trial

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"pricing/tools/chaos/check"
)

// images reads the stream of a table: every image that any item ever had, in the order in which they were written. The SDK has
// streams in a module of their own, so the four calls are made by hand; the engine checks no signature.
func images(ctx context.Context, client *dynamodb.Client, endpoint, table string) ([]check.Image, error) {
	out, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &table})
	if err != nil {
		return nil, fmt.Errorf("find the stream: %w", err)
	}
	arn := aws.ToString(out.Table.LatestStreamArn)
	if arn == "" {
		return nil, errors.New("find the stream: the table has none")
	}
	call := func(operation string, in, out any) error { return streams(ctx, endpoint, operation, in, out) }
	var described struct {
		StreamDescription struct{ Shards []struct{ ShardId string } }
	}
	if err := call("DescribeStream", map[string]string{"StreamArn": arn}, &described); err != nil {
		return nil, err
	}
	var all []check.Image
	for _, shard := range described.StreamDescription.Shards {
		var at struct{ ShardIterator string }
		if err := call("GetShardIterator", map[string]string{
			"StreamArn": arn, "ShardId": shard.ShardId, "ShardIteratorType": "TRIM_HORIZON",
		}, &at); err != nil {
			return nil, err
		}
		for iterator := at.ShardIterator; iterator != ""; {
			var page struct {
				Records []struct {
					Dynamodb struct{ Keys, NewImage map[string]json.RawMessage }
				}
				NextShardIterator string
			}
			if err := call("GetRecords", map[string]string{"ShardIterator": iterator}, &page); err != nil {
				return nil, err
			}
			if len(page.Records) == 0 {
				break
			}
			for _, r := range page.Records {
				image, err := check.ReadImage(r.Dynamodb.Keys, r.Dynamodb.NewImage)
				if err != nil {
					return nil, err
				}
				all = append(all, image)
			}
			iterator = page.NextShardIterator
		}
	}
	return all, nil
}

// streams makes one call of DynamoDB Streams.
func streams(ctx context.Context, endpoint, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	req.Header.Set("X-Amz-Target", "DynamoDBStreams_20120810."+operation)
	req.Header.Set("X-Amz-Date", "20260101T000000Z")
	req.Header.Set("Authorization",
		"AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/dynamodb/aws4_request, SignedHeaders=host, Signature=x")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", operation, resp.Status, text)
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	return nil
}
