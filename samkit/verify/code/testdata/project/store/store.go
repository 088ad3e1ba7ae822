// Package store has one method for each call that functions make.
package store

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// Store works on one table.
type Store struct {
	DB    *dynamodb.Client
	Table string
}

// New returns a store on a table.
func New(table string) *Store { return &Store{dynamodb.New(dynamodb.Options{}), table} }

func key(id string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: id}}
}

// Get reads.
func (s *Store) Get(ctx context.Context, id string) error {
	_, err := s.DB.GetItem(ctx, &dynamodb.GetItemInput{TableName: &s.Table, Key: key(id)})
	return err
}

// Put writes.
func (s *Store) Put(ctx context.Context, id string) error {
	_, err := s.DB.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.Table, Item: key(id)})
	return err
}

// Touch changes.
func (s *Store) Touch(ctx context.Context, id string) error {
	_, err := s.DB.UpdateItem(ctx, &dynamodb.UpdateItemInput{TableName: &s.Table, Key: key(id)})
	return err
}

// Delete removes.
func (s *Store) Delete(ctx context.Context, id string) error {
	_, err := s.DB.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &s.Table, Key: key(id)})
	return err
}

// Scan reads everything. No function calls it.
func (s *Store) Scan(ctx context.Context) error {
	_, err := s.DB.Scan(ctx, &dynamodb.ScanInput{TableName: &s.Table})
	return err
}

// All pages through a partition.
func (s *Store) All(ctx context.Context) error {
	for pages := dynamodb.NewQueryPaginator(s.DB, &dynamodb.QueryInput{TableName: &s.Table}); pages.HasMorePages(); {
		if _, err := pages.NextPage(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Move puts one item and, if it has to, checks another.
func (s *Store) Move(ctx context.Context, id string) error {
	writes := []types.TransactWriteItem{{Put: &types.Put{TableName: &s.Table, Item: key(id)}}}
	var checked types.TransactWriteItem
	checked.ConditionCheck = &types.ConditionCheck{TableName: &s.Table, Key: key("other"), ConditionExpression: aws.String("attribute_exists(pk)")}
	writes = append(writes, checked)
	for i := range writes {
		if writes[i].Update != nil { // a look at a member makes none
			writes[i].Delete = nil
		}
	}
	_, err := s.DB.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: writes})
	return err
}

// Replace removes in a transaction. No function calls it.
func (s *Store) Replace(ctx context.Context, id string) error {
	_, err := s.DB.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{
		TransactItems: []types.TransactWriteItem{{Delete: &types.Delete{TableName: &s.Table, Key: key(id)}}},
	})
	return err
}

// Pair reads two items as one.
func (s *Store) Pair(ctx context.Context, id string) error {
	_, err := s.DB.TransactGetItems(ctx, &dynamodb.TransactGetItemsInput{
		TransactItems: []types.TransactGetItem{{Get: &types.Get{TableName: &s.Table, Key: key(id)}}},
	})
	return err
}

// State asks for the table, not for an item.
func (s *Store) State(ctx context.Context) error {
	_, err := s.DB.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &s.Table})
	return err
}

// Run runs a statement, whose text says what it does.
func (s *Store) Run(ctx context.Context, statement string) error {
	_, err := s.DB.ExecuteStatement(ctx, &dynamodb.ExecuteStatementInput{Statement: &statement})
	return err
}
