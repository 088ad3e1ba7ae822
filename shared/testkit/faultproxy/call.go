package faultproxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"hash/crc32"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Call is one attempt that reached a Proxy.
type Call struct {
	Operation  string // "UpdateItem"
	Item       string // the kind of item, for calls about a single one: its sort key up to the first "#"
	SK         string // the sort key, for calls about a single one
	Keys       []Key  // what it reads or writes: of a Query or Scan the table alone
	Consistent bool   // a strongly consistent read
	Before     int    // how many attempts of that operation on that kind of item came before
	Remote     string // the client's end of the connection, for faults of old connections
	Send       func() // sends the call to the engine, now or later; the answer goes nowhere

	body    []byte
	request request
}

// Key is one item, or a table alone.
type Key struct{ Table, PK, SK string }

// Is reports whether the call is the attempt number n, counted from 0, of an operation on a kind of item.
func (c Call) Is(operation, item string, n int) bool {
	return c.Operation == operation && c.Item == item && c.Before == n
}

// Content is the same text for bodies that differ in the order of their members alone.
func (c Call) Content() string {
	var v any
	_ = json.Unmarshal(c.body, &v) // the SDK writes JSON
	text, _ := json.Marshal(v)     // of what was JSON
	return string(text)
}

// Target is what the call does to what: the operation and the keys. Unlike Content it is the same in every run when what is
// written holds random or temporal parts, such as a writer's mark.
func (c Call) Target() string {
	all := []string{}
	for _, k := range c.Keys {
		all = append(all, k.Table+" "+k.PK+" "+k.SK)
	}
	slices.Sort(all)
	return c.Operation + "\n" + strings.Join(all, "\n")
}

// Writes reports whether the call changes items.
func (c Call) Writes() bool {
	switch c.Operation {
	case "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems":
		return true
	}
	return false
}

// keyed is an item or a key of one, of a table whose keys are two texts, pk and sk.
type keyed struct {
	PK struct{ S string } `json:"pk"`
	SK struct{ S string } `json:"sk"`
}

// request is what the proxy wants to know of a call's body.
type request struct {
	TableName      string
	Key, Item      keyed
	ConsistentRead bool
	RequestItems   map[string]json.RawMessage // of a batch: get or []write by table
	TransactItems  []map[string]struct {      // by Put, Update, Delete, ConditionCheck, Get
		TableName string
		Key, Item keyed
	}
}

// get is a BatchGetItem's question to one table.
type get struct {
	Keys                     []json.RawMessage
	ConsistentRead           bool              `json:",omitempty"`
	AttributesToGet          json.RawMessage   `json:",omitempty"`
	ExpressionAttributeNames map[string]string `json:",omitempty"`
	ProjectionExpression     string            `json:",omitempty"`
}

func read(r *http.Request, body []byte) Call {
	operation := r.Header.Get("X-Amz-Target")
	c := Call{Operation: operation[strings.LastIndexByte(operation, '.')+1:], Remote: r.RemoteAddr, body: body}
	_ = json.Unmarshal(body, &c.request) // calls of other forms leave it empty
	c.Consistent = c.request.ConsistentRead
	switch {
	case c.request.RequestItems != nil:
		c.readBatch()
	case c.request.TransactItems != nil:
		for _, action := range c.request.TransactItems {
			for _, a := range action {
				c.Keys = append(c.Keys, key(a.TableName, a.Key, a.Item))
			}
		}
	case c.request.TableName != "":
		k := key(c.request.TableName, c.request.Key, c.request.Item)
		c.Keys = []Key{k}
		c.SK = k.SK
		c.Item, _, _ = strings.Cut(k.SK, "#")
	}
	return c
}

// key joins what a call has: a key or an item, not both.
func key(table string, k, item keyed) Key {
	return Key{table, k.PK.S + item.PK.S, k.SK.S + item.SK.S}
}

func (c *Call) readBatch() {
	for _, table := range c.request.tables() {
		var g get
		if json.Unmarshal(c.request.RequestItems[table], &g) == nil { // an object, so a BatchGetItem
			c.Consistent = g.ConsistentRead
			for _, text := range g.Keys {
				var k keyed
				_ = json.Unmarshal(text, &k) // other forms leave it empty
				c.Keys = append(c.Keys, key(table, k, keyed{}))
			}
			continue
		}
		var writes []struct {
			PutRequest    struct{ Item keyed }
			DeleteRequest struct{ Key keyed }
		}
		_ = json.Unmarshal(c.request.RequestItems[table], &writes) // other forms leave it empty
		for _, w := range writes {
			c.Keys = append(c.Keys, key(table, w.DeleteRequest.Key, w.PutRequest.Item))
		}
	}
}

// tables are those of a batch, sorted.
func (r request) tables() []string {
	var tables []string
	for table := range r.RequestItems {
		tables = append(tables, table)
	}
	slices.Sort(tables)
	return tables
}

// nothing is the answer of a read that finds nothing.
func (r request) nothing() []byte {
	responses := map[string][]any{}
	for table := range r.RequestItems {
		responses[table] = []any{}
	}
	body, _ := json.Marshal(map[string]any{ // plain data
		"Items": []any{}, "Count": 0, "Responses": responses, "UnprocessedKeys": map[string]any{},
	})
	return body
}

// batch is what a batch asks of each table: get or []write.
type batch map[string]json.RawMessage

// divide divides a batch into its first entries, a share of them rounded down, and the rest. A half without entries is nil.
func (r request) divide(keep float64) (first, rest batch, err error) {
	total := 0
	for _, table := range r.tables() {
		_, entries, err := entriesOf(r.RequestItems[table])
		if err != nil {
			return nil, nil, err
		}
		total += len(entries)
	}
	left := int(keep * float64(total))
	add := func(to *batch, table string, with func([]json.RawMessage) json.RawMessage, entries []json.RawMessage) {
		if len(entries) == 0 {
			return
		}
		if *to == nil {
			*to = batch{}
		}
		(*to)[table] = with(entries)
	}
	for _, table := range r.tables() {
		with, entries, _ := entriesOf(r.RequestItems[table]) // it went well above
		n := min(left, len(entries))
		left -= n
		add(&first, table, with, entries[:n])
		add(&rest, table, with, entries[n:])
	}
	return first, rest, nil
}

// entriesOf gives the keys or writes that a batch has for one table, and how to put others in their place.
func entriesOf(text json.RawMessage) (with func([]json.RawMessage) json.RawMessage, entries []json.RawMessage, err error) {
	marshal := func(v any) json.RawMessage {
		text, _ := json.Marshal(v) // plain data
		return text
	}
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) {
		err = json.Unmarshal(text, &entries)
		return func(e []json.RawMessage) json.RawMessage { return marshal(e) }, entries, err
	}
	var g get
	err = json.Unmarshal(text, &g)
	return func(e []json.RawMessage) json.RawMessage {
		g.Keys = e
		return marshal(g)
	}, g.Keys, err
}

// withLeftovers is the engine's answer to the first part of a batch with the rest as unprocessed.
func (r request) withLeftovers(answer []byte, rest batch) ([]byte, error) {
	var found struct{ UnprocessedItems, UnprocessedKeys batch }
	if err := json.Unmarshal(answer, &found); err != nil {
		return nil, err
	}
	if len(found.UnprocessedItems)+len(found.UnprocessedKeys) > 0 {
		return nil, errors.New("it has leftovers of its own")
	}
	member := "UnprocessedKeys"
	for _, text := range r.RequestItems {
		if bytes.HasPrefix(bytes.TrimSpace(text), []byte("[")) {
			member = "UnprocessedItems"
		}
	}
	if rest == nil {
		rest = batch{}
	}
	return replace(answer, member, rest)
}

// replace puts another value in the place of a member of a JSON object.
func replace(object []byte, member string, value any) ([]byte, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(object, &members); err != nil {
		return nil, err
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	members[member] = text
	return json.Marshal(members)
}

// answer is an answer to a call.
type answer struct {
	status int
	header http.Header
	body   []byte
}

const checksumHeader = "X-Amz-Crc32"

// withBody is the answer with another body and its checksum.
func (a answer) withBody(body []byte) answer {
	a.body = body
	return a.withChecksum(a.checksum())
}

// withChecksum is the answer with a checksum, right or wrong.
func (a answer) withChecksum(sum uint32) answer {
	a.header = a.header.Clone()
	a.header.Set(checksumHeader, strconv.FormatUint(uint64(sum), 10))
	return a
}

func (a answer) checksum() uint32 { return crc32.ChecksumIEEE(a.body) }
