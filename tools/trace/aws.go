package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"pricing/tools/internal/tablestore"
)

// cloudwatch is the log groups of an environment on AWS. Each search is one query of Logs Insights over all of them.
type cloudwatch struct {
	client      *logs.Client
	environment string
	groups      []string
	from, to    time.Time
	pause       time.Duration // between questions whether a query has ended
	scanned     float64       // bytes
	queries     int
}

// mostLines is how many lines a query gives at most, the newest.
const mostLines = 1000

// open finds the groups of an environment. It takes the AWS_* variables, like the other tools.
func open(ctx context.Context, environment string, from, to time.Time, getenv func(string) string) (*cloudwatch, error) {
	options := logs.Options{Region: cmp.Or(getenv("AWS_REGION"), getenv("AWS_DEFAULT_REGION")),
		Credentials: tablestore.Credentials(getenv)}
	if options.Region == "" || getenv("AWS_ACCESS_KEY_ID") == "" {
		return nil, errors.New("-env needs AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY " +
			"(`aws configure export-credentials --format env` prints the latter)")
	}
	if endpoint := cmp.Or(getenv("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS"), getenv("AWS_ENDPOINT_URL")); endpoint != "" {
		options.BaseEndpoint = &endpoint
	}
	c := &cloudwatch{client: logs.New(options), environment: environment, from: from, to: to, pause: time.Second}
	for _, prefix := range []string{"/aws/lambda/pricing-" + environment + "-", "/aws/apigateway/pricing-" + environment,
		"API-Gateway-Execution-Logs_"} {
		pages := logs.NewDescribeLogGroupsPaginator(c.client, &logs.DescribeLogGroupsInput{LogGroupNamePrefix: &prefix})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, fmt.Errorf("list the log groups %s...: %w", prefix, err)
			}
			for _, g := range page.LogGroups {
				name := aws.ToString(g.LogGroupName)
				other := strings.HasPrefix(name, "/aws/apigateway/") && name != prefix || // of prod-two
					strings.HasPrefix(name, "API-") && !strings.HasSuffix(name, "/"+environment)
				if !other {
					c.groups = append(c.groups, name)
				}
			}
		}
	}
	if len(c.groups) == 0 {
		return nil, fmt.Errorf("there are no log groups /aws/lambda/pricing-%s-... in %s", environment, options.Region)
	}
	return c, nil
}

// find returns the lines in which one of the texts occurs.
func (c *cloudwatch) find(ctx context.Context, texts []string) ([]entry, error) {
	like := make([]string, len(texts))
	for i, t := range texts {
		like[i] = fmt.Sprintf("@message like %q", t)
	}
	return c.query(ctx, strings.Join(like, " or "), c.groups, c.from, c.to)
}

// similar returns the lines in which the text occurs whatever the case of its letters.
func (c *cloudwatch) similar(ctx context.Context, text string) ([]entry, error) {
	return c.query(ctx, "@message like /(?i)"+strings.ReplaceAll(regexp.QuoteMeta(text), "/", `\/`)+"/", c.groups, c.from, c.to)
}

// near returns what a function's processes wrote about their own end, or the gateway in its execution log.
func (c *cloudwatch) near(ctx context.Context, log string, from, to time.Time) ([]entry, error) {
	groups := []string{"/aws/lambda/" + log}
	if log == executionLog {
		groups = slices.DeleteFunc(slices.Clone(c.groups), func(name string) bool { return !strings.HasPrefix(name, "API-") })
	}
	if len(groups) == 0 {
		return nil, nil
	}
	return c.query(ctx, `message = "start" or @message like /panic|fatal error|Execution failed/`, groups, from, to)
}

// requests returns a client's lines of a time.
func (c *cloudwatch) requests(ctx context.Context, client string, from, to time.Time) ([]entry, error) {
	return c.query(ctx, fmt.Sprintf("clientId = %q", client), c.groups, from, to)
}

// where says what was searched.
func (c *cloudwatch) where() string {
	return fmt.Sprintf("%d log groups of %s, from %s to %s by %d queries over %.1f MB: %s", len(c.groups), c.environment, moment(c.from),
		moment(c.to), c.queries, c.scanned/1e6, strings.Join(c.groups, ", "))
}

// query runs a query and waits for its end.
func (c *cloudwatch) query(ctx context.Context, filter string, groups []string, from, to time.Time) ([]entry, error) {
	text := "fields @timestamp, @log, @message | filter " + filter + " | sort @timestamp desc"
	started, err := c.client.StartQuery(ctx, &logs.StartQueryInput{LogGroupNames: groups, QueryString: &text, Limit: aws.Int32(mostLines),
		StartTime: aws.Int64(from.Unix()), EndTime: aws.Int64(to.Unix() + 1)})
	if err != nil {
		return nil, fmt.Errorf("start a query of Logs Insights: %w", err)
	}
	c.queries++
	for {
		out, err := c.client.GetQueryResults(ctx, &logs.GetQueryResultsInput{QueryId: started.QueryId})
		if err != nil {
			return nil, fmt.Errorf("ask for the results of a query: %w", err)
		}
		switch out.Status {
		case types.QueryStatusScheduled, types.QueryStatusRunning, types.QueryStatusUnknown:
		case types.QueryStatusComplete:
			if out.Statistics != nil {
				c.scanned += out.Statistics.BytesScanned
			}
			return entries(out.Results), nil
		default:
			return nil, fmt.Errorf("a query of Logs Insights ended as %s: %s", out.Status, text)
		}
		select {
		case <-time.After(c.pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func entries(rows [][]types.ResultField) []entry {
	found := make([]entry, 0, len(rows))
	for _, row := range rows {
		fields := map[string]string{}
		for _, f := range row {
			fields[aws.ToString(f.Field)] = aws.ToString(f.Value)
		}
		e := read(fields["@message"], logOf(fields["@log"]))
		if e.at.IsZero() {
			e.at, _ = time.Parse("2006-01-02 15:04:05.000", fields["@timestamp"]) // else it has none
		}
		found = append(found, e)
	}
	return found
}
