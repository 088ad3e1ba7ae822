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

func tokenKey(keyID string) item { return key(TokenPartition(keyID), tokenSK) }

// PutToken stores a token's record and lists its key id in a partition of all tokens, so that a person can be shown them
// without reading the whole table.
func (s *Store) PutToken(ctx context.Context, r token.Record) error {
	for _, it := range []item{key(TokensPartition(), r.KeyID), tokenItem(r)} { // listed first: a key id without a record is shown nowhere
		if _, err := s.put(ctx, it); err != nil {
			return fmt.Errorf("put token: %w", err)
		}
	}
	return nil
}

// ListTokens returns the records of all tokens, by key id.
func (s *Store) ListTokens(ctx context.Context) ([]token.Record, error) {
	var ids []string
	if err := s.query(ctx, TokensPartition(), leastSK, greatestSK, queryOptions{consistent: true}, func(it item) (bool, error) {
		ids = append(ids, text(it, AttrSK))
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
	it, err := s.find(ctx, TokenPartition(keyID), tokenSK, false)
	if err != nil {
		return token.Record{}, fmt.Errorf("find token: %w", err)
	}
	return decodeToken(keyID, it)
}

func tokenItem(r token.Record) item {
	it := tokenKey(r.KeyID)
	it[AttrDigest] = bin(r.Digest)
	it[AttrClient] = str(r.Client)
	it[AttrScopes] = str(strings.Join(r.Scopes, " "))
	if len(r.Sources) > 0 {
		it[AttrSources] = str(strings.Join(r.Sources, " "))
	}
	it[AttrNotBefore] = number(r.NotBefore.Unix())
	it[AttrNotAfter] = number(r.Expires.Unix())
	status := "active"
	if !r.Active {
		status = "revoked"
	}
	it[AttrStatus] = str(status)
	return it
}

func decodeToken(keyID string, it item) (token.Record, error) {
	r := token.Record{
		KeyID: keyID, Digest: blob(it, AttrDigest), Client: text(it, AttrClient),
		Scopes: strings.Fields(text(it, AttrScopes)), Sources: strings.Fields(text(it, AttrSources)), Active: text(it, AttrStatus) == "active",
	}
	if _, bound := it[AttrSources]; bound && len(r.Sources) == 0 {
		return token.Record{}, fmt.Errorf("token %s: %s cannot be read", keyID, AttrSources)
	}
	for name, field := range map[string]*time.Time{AttrNotBefore: &r.NotBefore, AttrNotAfter: &r.Expires} {
		seconds, err := integer(it, name)
		if err != nil {
			return token.Record{}, fmt.Errorf("token %s: %w", keyID, err)
		}
		*field = time.Unix(seconds, 0)
	}
	if seconds, err := integer(it, AttrLastUsed); err == nil {
		r.LastUsed = time.Unix(seconds, 0)
	}
	return r, nil
}

// TouchToken notes, to the minute, that a token was used. It never creates a record: an unknown token is a NotFound fault.
func (s *Store) TouchToken(ctx context.Context, r token.Record, now time.Time) error {
	now = now.Truncate(time.Minute)
	if !r.LastUsed.Before(now) {
		return nil
	}
	return s.updateToken(ctx, r.KeyID, "SET lastUsed = :v", number(now.Unix()))
}

// RevokeToken makes a token invalid; an unknown one is a NotFound fault. API Gateway may still use its cached answer for
// AuthorizerTtlSeconds.
func (s *Store) RevokeToken(ctx context.Context, keyID string) error {
	return s.updateToken(ctx, keyID, "SET #s = :v", str("revoked"))
}

func (s *Store) updateToken(ctx context.Context, keyID, set string, value types.AttributeValue) error {
	in := &dynamodb.UpdateItemInput{
		Key:                       tokenKey(keyID),
		UpdateExpression:          aws.String(set),
		ConditionExpression:       aws.String("attribute_exists(digest)"),
		ExpressionAttributeValues: item{":v": value},
	}
	if strings.Contains(set, "#s") {
		in.ExpressionAttributeNames = map[string]string{"#s": AttrStatus}
	}
	return untilCommitted(ctx, func() (met, error) {
		met, _, err := s.update(ctx, "update token", in)
		if met == overtaken {
			err = fault.New(fault.NotFound, fault.CodeInternal, "There is no token "+keyID+".").Because(errMissing)
		}
		return met, err
	})
}
