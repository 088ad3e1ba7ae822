package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

// restored rehearses the runbook's "The whole table is restored": a copy of the table becomes the environment's, stays it through a
// rollback, and gives way to the stack's own table again. Nothing is written to the table that is not used.
func (r *rehearsal) restored(ctx context.Context, env string, v version) (string, error) {
	own := "pricing-" + env
	copied := own + "-whole"
	if err := r.copyTable(ctx, own, copied); err != nil {
		return "", err
	}
	before := r.observed[env]
	if _, err := r.write(ctx, env); err != nil { // after the moment of the copy
		return "", err
	}
	since := r.observed[env]

	if err := r.prepare(ctx, env, own, copied, v); err != nil {
		return "", err
	}
	roles, err := r.useTable(ctx, env, copied, v)
	if err != nil {
		return "", err
	}
	r.observed[env] = before
	if err := r.read(ctx, env); err != nil {
		return "", fmt.Errorf("the copy is not used: %w", err)
	}
	if _, err := r.write(ctx, env); err != nil {
		return "", err
	}
	// The commit's samconfig.toml knows nothing of the copy.
	if _, err := r.script(ctx, nil, "rollback.sh", env, bucket, r.tokenFile(env), v.commit); err != nil {
		return "", err
	}
	if err := r.read(ctx, env); err != nil {
		return "", fmt.Errorf("a rollback has left the copy: %w", err)
	}

	if _, err := r.useTable(ctx, env, "", v); err != nil {
		return "", err
	}
	r.observed[env] = since
	if err := r.read(ctx, env); err != nil {
		return "", fmt.Errorf("the stack's own table is not what it was: %w", err)
	}
	return fmt.Sprintf("refused until complete and %d roles named; read, kept, and back", roles), nil
}

// copyTable makes a second table with all items of a table, but no index.
func (r *rehearsal) copyTable(ctx context.Context, from, to string) error {
	if err := r.emptyCopy(ctx, to); err != nil {
		return err
	}
	client := r.dynamo()
	pages := dynamodb.NewScanPaginator(client, &dynamodb.ScanInput{TableName: &from})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("copy %s: %w", from, err)
		}
		for _, it := range page.Items {
			if _, err := client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &to, Item: it}); err != nil {
				return fmt.Errorf("copy %s: %w", from, err)
			}
		}
	}
	return nil
}

// prepare gives the copy what the stack's own table has. Before, it is refused.
func (r *rehearsal) prepare(ctx context.Context, env, own, copied string, v version) error {
	if err := r.refused(ctx, copied+" lacks recovery, TTL, protection, index: run `ops/pipeline/table.sh",
		"env", given("ExistingTable="+copied), "ops/pipeline/changeset.sh", env, bucket, v.commit); err != nil {
		return err
	}
	var text string
	for range 2 { // the second time it finds nothing to do
		var err error
		if text, err = r.script(ctx, nil, "table.sh", env, copied); err != nil {
			return err
		}
	}
	if strings.Contains(text, "gets:") {
		return fmt.Errorf("table.sh is not done\n%s", last(text))
	}
	// Recovery and TTL are not compared, since the emulator does not set them on the stack's own table. table.sh has read them back.
	var described [2]string
	for i, table := range []string{own, copied} {
		var err error
		described[i], err = r.aws(ctx, "dynamodb", "describe-table", "--table-name", table, "--output", "json", "--query",
			"Table.[KeySchema, GlobalSecondaryIndexes[].[IndexName, KeySchema, Projection], sort_by(AttributeDefinitions, &AttributeName)]")
		if err != nil {
			return err
		}
	}
	if described[0] != described[1] {
		return fmt.Errorf("the copy differs from the stack's own table:\n%s\n%s", described[0], described[1])
	}
	return nil
}

// useTable deploys a version with another table, or with the stack's own if the name is empty. It returns how many roles change, which the
// guard refuses until they are named. The stack's own table must not be among the changes.
func (r *rehearsal) useTable(ctx context.Context, env, table string, v version) (int, error) {
	use := given("ExistingTable=" + table)
	text, err := r.command(ctx, []string{use}, filepath.Join("ops", "pipeline", "changeset.sh"), env, bucket, v.commit)
	if err == nil {
		return 0, fmt.Errorf("roles change without being named\n%s", last(text))
	}
	var roles []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, "AWS::DynamoDB::Table") {
			return 0, fmt.Errorf("the stack's own table changes: %s", line)
		}
		if strings.Contains(line, "REFUSED: ") {
			roles = append(roles, strings.Fields(line)[1])
		}
	}
	if _, err := r.script(ctx, []string{use, "ALLOW_CHANGES=" + strings.Join(roles, ",")}, "deploy.sh", env, bucket, v.commit); err != nil {
		return 0, err
	}
	outputs, err := os.ReadFile(filepath.Join(r.copy, ".build", "outputs-"+env+".json"))
	if err != nil {
		return 0, fmt.Errorf("read the stack's outputs: %w", err)
	}
	if table != "" && !strings.Contains(string(outputs), `"`+table+`"`) {
		return 0, fmt.Errorf("the outputs do not name %s: %s", table, outputs)
	}
	return len(roles), nil
}
