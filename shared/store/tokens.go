package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/fault"
	"pricing/shared/token"
)

const tokenPrefix = "t#"

func tokenKey(keyID string) item { return key(tokenPrefix+keyID, "token") }

// tokensKey lists the tokens: one item per key id, beside the record, so that a person can be shown them all without
// reading the whole table.
const tokensKey = "tokens"

// PutToken stores a token's record and lists it.
func (s *Store) PutToken(ctx context.Context, r token.Record) error {
	for _, it := range []item{key(tokensKey, r.KeyID), tokenItem(r)} { // listed first: an entry without a record is shown nowhere
		if _, err := s.put(ctx, it); err != nil {
			return fmt.Errorf("put token: %w", err)
		}
	}
	return nil
}

// ListTokens returns the records of all tokens, by key id.
func (s *Store) ListTokens(ctx context.Context) ([]token.Record, error) {
	var ids []string
	if err := s.query(ctx, tokensKey, " ", "~", queryOptions{consistent: true}, func(it item) (bool, error) {
		ids = append(ids, text(it, "sk"))
		return true, nil
	}); err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	var records []token.Record
	for _, id := range ids {
		r, err := s.FindToken(ctx, id)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	return records, nil
}

// FindToken returns a token's record; an unknown key id is a NotFound fault.
func (s *Store) FindToken(ctx context.Context, keyID string) (token.Record, error) {
	it, err := s.find(ctx, tokenPrefix+keyID, "token", false)
	if err != nil {
		return token.Record{}, fmt.Errorf("find token: %w", err)
	}
	return decodeToken(keyID, it)
}

func tokenItem(r token.Record) item {
	it := tokenKey(r.KeyID)
	it["digest"] = bin(r.Digest)
	it["client"] = str(r.Client)
	it["scopes"] = str(strings.Join(r.Scopes, " "))
	it["notBefore"] = number(r.NotBefore.Unix())
	it["notAfter"] = number(r.Expires.Unix()) // not `expires`: the record outlives its token, so that a late use can be told
	status := "active"
	if !r.Active {
		status = "revoked"
	}
	it["status"] = str(status)
	return it
}

func decodeToken(keyID string, it item) (token.Record, error) {
	r := token.Record{
		KeyID: keyID, Digest: blob(it, "digest"), Client: text(it, "client"),
		Scopes: strings.Fields(text(it, "scopes")), Active: text(it, "status") == "active",
	}
	for name, field := range map[string]*time.Time{"notBefore": &r.NotBefore, "notAfter": &r.Expires} {
		seconds, err := integer(it, name)
		if err != nil {
			return token.Record{}, fmt.Errorf("token %s: %w", keyID, err)
		}
		*field = time.Unix(seconds, 0)
	}
	if seconds, err := integer(it, "lastUsed"); err == nil {
		r.LastUsed = time.Unix(seconds, 0)
	}
	return r, nil
}

// TouchToken notes, to the minute, that a token was used. It creates no record.
func (s *Store) TouchToken(ctx context.Context, r token.Record, now time.Time) error {
	now = now.Truncate(time.Minute)
	if !r.LastUsed.Before(now) {
		return nil
	}
	return s.updateToken(ctx, r.KeyID, "SET lastUsed = :v", number(now.Unix()))
}

// RevokeToken makes a token invalid; gateways may honour their cached answer for AuthorizerTtlSeconds.
func (s *Store) RevokeToken(ctx context.Context, keyID string) error {
	return s.updateToken(ctx, keyID, "SET #s = :v", str("revoked"))
}

func (s *Store) updateToken(ctx context.Context, keyID, set string, value types.AttributeValue) error {
	in := &dynamodb.UpdateItemInput{
		TableName:                 s.table,
		Key:                       tokenKey(keyID),
		UpdateExpression:          aws.String(set),
		ConditionExpression:       aws.String("attribute_exists(digest)"),
		ExpressionAttributeValues: item{":v": value},
		ReturnConsumedCapacity:    types.ReturnConsumedCapacityTotal,
	}
	if strings.Contains(set, "#s") {
		in.ExpressionAttributeNames = map[string]string{"#s": "status"}
	}
	out, err := s.db.UpdateItem(ctx, in)
	if err != nil {
		return s.failed(ctx, "update token", err)
	}
	wrote(ctx, out.ConsumedCapacity)
	return nil
}
