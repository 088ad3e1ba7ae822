package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"go.yaml.in/yaml/v3"
)

// Table is a table as a template declares it. Intrinsic functions in its name are left to the caller.
type Table struct {
	LogicalID string
	Create    dynamodb.CreateTableInput // without a name
}

// Tables reads the AWS::DynamoDB::Table resources of a template, sorted by logical id. Billing is always on demand. What the
// engine has no use for (recovery, encryption, TTL) is left out.
func Tables(template []byte) ([]Table, error) {
	var doc struct {
		Resources map[string]struct {
			Type       string    `yaml:"Type"`
			Properties yaml.Node `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(template, &doc); err != nil {
		return nil, fmt.Errorf("read tables of the template: %w", err)
	}
	var tables []Table
	for id, resource := range doc.Resources {
		if resource.Type != "AWS::DynamoDB::Table" {
			continue
		}
		var p tableProperties
		if err := resource.Properties.Decode(&p); err != nil {
			return nil, fmt.Errorf("read table %s: %w", id, err)
		}
		tables = append(tables, Table{LogicalID: id, Create: p.create()})
	}
	sort.Slice(tables, func(i, j int) bool { return tables[i].LogicalID < tables[j].LogicalID })
	return tables, nil
}

// OnlyTable returns the table of the template.yaml in a folder, which has to be its only one.
func OnlyTable(root string) (Table, error) {
	template, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	if err != nil {
		return Table{}, fmt.Errorf("read the template: %w", err)
	}
	tables, err := Tables(template)
	if err != nil {
		return Table{}, err
	}
	if len(tables) != 1 {
		return Table{}, fmt.Errorf("the template has %d tables, not one", len(tables))
	}
	return tables[0], nil
}

type tableProperties struct {
	AttributeDefinitions []struct {
		AttributeName string `yaml:"AttributeName"`
		AttributeType string `yaml:"AttributeType"`
	} `yaml:"AttributeDefinitions"`
	KeySchema              []keyElement `yaml:"KeySchema"`
	GlobalSecondaryIndexes []struct {
		IndexName  string       `yaml:"IndexName"`
		KeySchema  []keyElement `yaml:"KeySchema"`
		Projection struct {
			ProjectionType   string   `yaml:"ProjectionType"`
			NonKeyAttributes []string `yaml:"NonKeyAttributes"`
		} `yaml:"Projection"`
	} `yaml:"GlobalSecondaryIndexes"`
}

type keyElement struct {
	AttributeName string `yaml:"AttributeName"`
	KeyType       string `yaml:"KeyType"`
}

func (p tableProperties) create() dynamodb.CreateTableInput {
	in := dynamodb.CreateTableInput{BillingMode: types.BillingModePayPerRequest, KeySchema: keySchema(p.KeySchema)}
	for _, a := range p.AttributeDefinitions {
		in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{
			AttributeName: &a.AttributeName, AttributeType: types.ScalarAttributeType(a.AttributeType),
		})
	}
	for _, index := range p.GlobalSecondaryIndexes {
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, types.GlobalSecondaryIndex{
			IndexName: &index.IndexName, KeySchema: keySchema(index.KeySchema),
			Projection: &types.Projection{
				ProjectionType: types.ProjectionType(index.Projection.ProjectionType), NonKeyAttributes: index.Projection.NonKeyAttributes,
			},
		})
	}
	return in
}

func keySchema(elements []keyElement) []types.KeySchemaElement {
	var schema []types.KeySchemaElement
	for _, e := range elements {
		schema = append(schema, types.KeySchemaElement{AttributeName: &e.AttributeName, KeyType: types.KeyType(e.KeyType)})
	}
	return schema
}

// Create makes the table under the name unless it is there already.
func Create(ctx context.Context, client *dynamodb.Client, t Table, name string) error {
	in := t.Create
	in.TableName = &name
	var exists *types.ResourceInUseException
	if _, err := client.CreateTable(ctx, &in); err != nil && !errors.As(err, &exists) {
		return fmt.Errorf("create table %s: %w", name, err)
	}
	return nil
}
