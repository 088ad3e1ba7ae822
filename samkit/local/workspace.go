package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"pricing/samkit/engine"
	"pricing/samkit/local/samtemplate"
)

// workspace is the project a template stands in, the folder in it that is ours, and the DynamoDB engine.
type workspace struct {
	template string // its file
	root     string // the folder it stands in
	dir      string // .local there
	endpoint string // of the engine; empty until one is needed
	engine   *engine.Engine
}

func newWorkspace(o options) (*workspace, error) {
	template, err := filepath.Abs(o.template)
	if err != nil {
		return nil, fmt.Errorf("find the project: %w", err)
	}
	if _, err := os.Stat(o.template); err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	root := filepath.Dir(template)
	w := &workspace{template: template, root: root, dir: filepath.Join(root, ".local"), endpoint: o.dynamodb}
	if err := os.MkdirAll(w.dir, 0o755); err != nil {
		return nil, fmt.Errorf("make a folder for builds and data: %w", err)
	}
	return w, nil
}

// tables makes the template's tables on the engine, the given one or our own, and returns its endpoint. It is empty
// when the template has no tables.
func (w *workspace) tables(ctx context.Context, t *samtemplate.Template) (endpoint string, err error) {
	if len(t.Tables) == 0 {
		return "", nil
	}
	if w.endpoint == "" {
		if err := w.startEngine(ctx); err != nil {
			return "", err
		}
	}
	text, err := os.ReadFile(w.template)
	if err != nil {
		return "", fmt.Errorf("read template: %w", err)
	}
	tables, err := engine.Tables(text)
	if err != nil {
		return "", err
	}
	client := dynamodb.New(dynamodb.Options{Region: samtemplate.Region, BaseEndpoint: &w.endpoint,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "local", SecretAccessKey: "local"}, nil
		})})
	for _, table := range tables {
		if name, wanted := t.Tables[table.LogicalID]; wanted {
			if err := engine.Create(ctx, client, table, name); err != nil {
				return "", err
			}
		}
	}
	return w.endpoint, nil
}

// startEngine starts the engine that the project of the working directory has, which need not be the template's.
func (w *workspace) startEngine(ctx context.Context) error {
	data := filepath.Join(w.dir, "dynamodb.db")
	if os.Getenv("RESET") == "1" {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			if err := os.Remove(data + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("start afresh: %w", err)
			}
		}
	}
	root, err := engine.Root()
	if err == nil {
		w.engine, err = engine.Start(ctx, root, data)
	}
	if err != nil {
		return fmt.Errorf("the template has tables; give -dynamodb URL, or: %w", err)
	}
	w.endpoint = w.engine.Endpoint()
	return nil
}

// stopEngine stops the engine if it is ours.
func (w *workspace) stopEngine() {
	if w.engine != nil {
		w.engine.Stop()
	}
}
