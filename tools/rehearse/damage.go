package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"pricing/shared/store"
	"pricing/tools/internal/tablestore"
)

// damaged rehearses the runbook's "One product is damaged": a board that cannot be read is put back from a copy of the table. What only
// that board held is named as lost.
func (r *rehearsal) damaged(ctx context.Context, env string) (string, error) {
	table := "pricing-" + env
	copied, err := r.copyProduct(ctx, table)
	if err != nil {
		return "", err
	}
	if err := r.exported(ctx, table, 1); err != nil {
		return "", err
	}
	if _, err := r.write(ctx, env); err != nil { // which the copy does not have
		return "", err
	}
	lost := r.observed[env]

	_, err = r.aws(ctx, "dynamodb", "update-item", "--table-name", table, "--key", `{"pk":{"S":"p#`+product+`"},"sk":{"S":"board"}}`,
		"--update-expression", "SET h = :h", "--expression-attribute-values", `{":h":{"B":"////"}}`)
	if err != nil {
		return "", err
	}
	status, text, err := r.send(ctx, env, http.MethodGet, "/v1/products/"+product+"/offers", "")
	if err != nil {
		return "", err
	}
	if status != http.StatusInternalServerError {
		return "", fmt.Errorf("a board that cannot be read is answered with %d: %s", status, text)
	}

	restore := []string{"run", "./tools/restore", "-table", table, "-from", copied, "-product", product, "-history-days", "400"}
	plan, err := r.must(ctx, nil, "go", append(restore, "-plan")...)
	if err != nil {
		return "", err
	}
	if !strings.Contains(plan, "it is lost:\n  board: self-check = 19.95 EUR") {
		return "", fmt.Errorf("the plan does not name what was observed at %s\n%s", lost, last(plan))
	}
	done, err := r.must(ctx, nil, "go", restore...)
	if err == nil && !strings.HasSuffix(done, "\nrestored\n") {
		err = errors.New("nothing was restored\n" + last(done))
	}
	if err != nil {
		return "", err
	}
	if err := r.exported(ctx, table, 1); err != nil {
		return "", err
	}
	if _, err := r.write(ctx, env); err != nil {
		return "", err
	}
	return "500, planned, restored, written again", r.read(ctx, env)
}

// copyProduct makes a second table with a product's items, as a restoration to an earlier moment does with all.
func (r *rehearsal) copyProduct(ctx context.Context, table string) (copied string, err error) {
	copied = table + "-restored"
	if err := r.emptyCopy(ctx, copied); err != nil {
		return "", err
	}
	client := r.dynamo()
	items, err := store.New(client, store.Options{Table: table}).Items(ctx, store.ProductPartition(product))
	if err != nil || len(items) == 0 {
		return "", errors.Join(err, fmt.Errorf("%d items of %s", len(items), product))
	}
	for _, it := range items {
		if _, err := client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &copied, Item: it}); err != nil {
			return "", fmt.Errorf("copy %s: %w", product, err)
		}
	}
	return copied, nil
}

// emptyCopy makes a table as a restoration without indexes does: with the keys alone.
func (r *rehearsal) emptyCopy(ctx context.Context, name string) error {
	_, err := r.aws(ctx, "dynamodb", "create-table", "--table-name", name, "--billing-mode", "PAY_PER_REQUEST",
		"--attribute-definitions", "AttributeName=pk,AttributeType=S", "AttributeName=sk,AttributeType=S",
		"--key-schema", "AttributeName=pk,KeyType=HASH", "AttributeName=sk,KeyType=RANGE")
	return err
}

// dynamo is a client of the emulator's DynamoDB.
func (r *rehearsal) dynamo() *dynamodb.Client {
	environment := map[string]string{}
	for _, variable := range r.environment() {
		name, value, _ := strings.Cut(variable, "=")
		environment[name] = value
	}
	return tablestore.Client(func(name string) string { return environment[name] }, time.Minute)
}

// exported asserts how many observations an export of the product has.
func (r *rehearsal) exported(ctx context.Context, table string, want int) error {
	out, err := os.MkdirTemp(r.dir, "export-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	_, err = r.must(ctx, nil, "go", "run", "./tools/export", "-table", table, "-out", out, "-product", product, "-source", "rehearsal")
	if err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(out, "observations-*.ndjson"))
	if err != nil || len(files) != 1 {
		return errors.Join(err, fmt.Errorf("the export has the files %v", files))
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		return fmt.Errorf("read the export: %w", err)
	}
	if n := strings.Count(string(text), "\n"); n != want {
		return fmt.Errorf("%d observations were exported, not %d:\n%s", n, want, text)
	}
	return nil
}
