package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"pricing/shared/fault"
	"pricing/shared/gateway"
	"pricing/shared/jsondoc"
	"pricing/shared/price"
	"pricing/shared/store"
)

// Bulk is a query about many products: a body whose members productIds and gtins name up to QueryIDs of them, and say with others
// what is wanted of each. Read those others from it, as from a URL's parameters, then ask Err once, then Answer.
//
// Each id is a position of its own, those of productIds before those of gtins: an ill-formed or unknown one is a problem of its
// position and spoils no other, and one that is named twice is answered twice.
type Bulk struct {
	gateway.Values // of the body's members

	reader    jsondoc.Reader // of faults of the whole body
	root      jsondoc.Members
	positions []bulkPosition
}

// bulkPosition is one of the products asked for.
type bulkPosition struct {
	at      jsondoc.Value // where it stands
	sent    string        // its gtin, cut to a sane length; empty: it was asked for by productId
	gtin    price.GTIN    // of sent, if that is one
	product string        // its id; empty: that is not known, and err says why
	err     error
}

// ReadBulk reads the body of a bulk query whose other members have the names. Its error refuses the whole request.
func ReadBulk(body []byte, names ...string) (*Bulk, error) {
	document, err := jsondoc.Parse(body)
	if err != nil {
		return nil, err
	}
	b := &Bulk{}
	root, ok := b.reader.At(document, "").Object(append([]string{"productIds", "gtins"}, names...)...)
	b.root = root
	b.Values = gateway.Members(root)
	if ok {
		b.readPositions()
	}
	return b, nil
}

// Object reads a member that is an object of further values, which have the names. An absent one has none of them.
func (b *Bulk) Object(member string, names ...string) gateway.Values {
	object, _ := b.root.Optional(member).NotNull().Object(names...)
	return gateway.Members(object)
}

// Err returns the faults of the whole body, or nil.
func (b *Bulk) Err() error { return b.reader.Err() }

func (b *Bulk) readPositions() {
	productIDs := b.root.Optional("productIds").NotNull()
	gtins := b.root.Optional("gtins").NotNull()
	if productIDs.Absent() && gtins.Absent() {
		productIDs.Fault(fault.CodeMissingField, `One of "productIds" and "gtins" is required.`)
		return
	}
	ids, isList := productIDs.Array()
	byGTIN, isList2 := gtins.Array()
	n := len(ids) + len(byGTIN)
	sent := productIDs // where a fault of both stands
	if productIDs.Absent() {
		sent = gtins
	}
	switch {
	case n == 0 && (isList || productIDs.Absent()) && (isList2 || gtins.Absent()):
		sent.Fault(fault.CodeInvalidField, "There is no id.")
	case n > QueryIDs:
		sent.Fault(fault.CodeTooManyItems, fmt.Sprintf("At most %d products are asked for at once, not %d.", QueryIDs, n))
	}
	for _, v := range ids {
		b.positions = append(b.positions, readID(v))
	}
	for _, v := range byGTIN {
		b.positions = append(b.positions, readGTIN(v))
	}
}

func readID(v jsondoc.Value) (p bulkPosition) {
	p.at = v
	p.product, p.err = element(v, func(text string) *fault.Field {
		if price.CheckProductID(text) {
			return nil
		}
		return &fault.Field{Code: fault.CodeInvalidField, Detail: jsondoc.Quote(text) + " is no productId, which has " + price.ProductRule + "."}
	})
	return p
}

func readGTIN(v jsondoc.Value) (p bulkPosition) {
	p.at = v
	_, p.err = element(v, func(text string) (wrong *fault.Field) {
		p.sent = jsondoc.Cut(text)
		p.gtin, wrong = price.ParseGTIN(text)
		return wrong
	})
	return p
}

// element reads a text of a list; its fault is one of the element alone.
func element(v jsondoc.Value, check func(string) *fault.Field) (string, error) {
	var faults jsondoc.Reader
	v = v.With(&faults)
	text, ok := v.String()
	if ok {
		if wrong := check(text); wrong != nil {
			v.Fault(wrong.Code, wrong.Detail)
		}
	}
	if err := faults.Err(); err != nil {
		return "", itemFault(err)
	}
	return text, nil
}

// BulkReader is what a bulk query needs of a store.
type BulkReader interface {
	Products(ctx context.Context, ids []string, urls bool, visit func(id string, p store.Product, err error)) error
	ProductsOfGTINs(ctx context.Context, gtins []price.GTIN) (map[price.GTIN]string, error)
}

// BulkCounts counts what became of the positions of a bulk query.
type BulkCounts struct {
	Positions int `json:"positions"`
	Found     int `json:"found"`
	NotFound  int `json:"notFound"`
	Invalid   int `json:"invalid"`
	Throttled int `json:"throttled"`
	Failed    int `json:"failed"`
	TooLarge  int `json:"tooLarge"`
}

// add counts a position by its status.
func (c *BulkCounts) add(status int) {
	c.Positions++
	switch status {
	case http.StatusOK:
		c.Found++
	case http.StatusNotFound:
		c.NotFound++
	case http.StatusServiceUnavailable:
		c.Throttled++
	case http.StatusInternalServerError:
		c.Failed++
	case http.StatusRequestEntityTooLarge:
		c.TooLarge++
	default:
		c.Invalid++
	}
}

// status is the whole answer's: 200 when all were found, 503 when all are to be repeated, else 207.
func (c BulkCounts) status() int {
	switch c.Positions {
	case c.Found:
		return http.StatusOK
	case c.Throttled:
		return http.StatusServiceUnavailable
	}
	return http.StatusMultiStatus
}

// retryable reports whether a position of a status is worth another try.
func retryable(status int) bool {
	return status >= http.StatusInternalServerError || status == http.StatusRequestEntityTooLarge
}

// bulkHead is what every entry begins with.
type bulkHead struct {
	Index     int     `json:"index"`
	GTIN      string  `json:"gtin,omitempty"` // as sent
	ProductID *string `json:"productId"`      // null when it is not known
	Status    int     `json:"status"`
}

// bulkProblem is what the entry of a product has that was not found.
type bulkProblem struct {
	Retryable bool            `json:"retryable"`
	Problem   gateway.Problem `json:"problem"`
}

// Answer reads the products and answers with an entry for each position, in order. describe makes what the entry of a product
// holds beside the head that all have: a struct with a member or more. It is called as soon as a product was read, one at a time,
// in any order. An error means that nothing can be said of any product.
//
// The answer never passes gateway.MaxAnswer: entries that would not fit, and all behind them, say that they have to be asked for
// again.
func (b *Bulk) Answer(ctx context.Context, db BulkReader, urls bool, describe func(store.Product) any) (gateway.Answer, error) {
	if err := b.resolve(ctx, db); err != nil {
		return gateway.Answer{}, err
	}
	var ids []string
	read := map[string]*bulkRead{}
	for _, p := range b.positions {
		if p.err == nil && read[p.product] == nil {
			read[p.product] = &bulkRead{}
			ids = append(ids, p.product)
		}
	}
	err := db.Products(ctx, ids, urls, func(id string, p store.Product, err error) {
		read[id].err = err
		if err == nil {
			read[id].members = describe(p)
		}
	})
	if err != nil {
		return gateway.Answer{}, err
	}
	return b.assemble(read)
}

// resolve finds the products of the gtins.
func (b *Bulk) resolve(ctx context.Context, db BulkReader) error {
	var gtins []price.GTIN
	for _, p := range b.positions {
		if p.gtin != "" {
			gtins = append(gtins, p.gtin)
		}
	}
	if len(gtins) == 0 {
		return nil
	}
	products, err := db.ProductsOfGTINs(ctx, gtins)
	if err != nil && !fault.Is(err, fault.Unavailable) {
		return err
	}
	for i := range b.positions {
		p := &b.positions[i]
		if p.gtin == "" {
			continue
		}
		p.product = products[p.gtin]
		switch {
		case p.product != "":
		case err != nil:
			p.err = err
		default:
			p.err = fault.New(fault.NotFound, fault.CodeUnknownGTIN, "No product has the gtin "+p.sent+".")
		}
	}
	return nil
}

// bulkRead is what was read of a product.
type bulkRead struct {
	members any
	encoded []byte // the members, once they are needed
	err     error
}

// encode returns the product's members as JSON; a product that is asked for twice is encoded once.
func (r *bulkRead) encode() (err error) {
	if r.encoded == nil {
		r.encoded, err = json.Marshal(r.members)
	}
	return err
}

// assemble makes the answer of what was read.
func (b *Bulk) assemble(read map[string]*bulkRead) (gateway.Answer, error) {
	tooLarge, err := b.tooLarge()
	if err != nil {
		return gateway.Answer{}, err
	}
	out := newBulkAnswer(len(b.positions))
	left := 0 // bytes of what the entries would take that are not made yet, if each of them were too large
	for _, entry := range tooLarge {
		left += entry.length
	}
	most := fault.RequestFields
	for i, p := range b.positions {
		left -= tooLarge[i].length
		if out.counts.TooLarge == 0 {
			entry, err := b.entry(i, read[p.product], &most)
			if err != nil {
				return gateway.Answer{}, err
			}
			if out.fits(entry, left) {
				out.add(entry)
				continue
			}
		}
		out.add(tooLarge[i])
	}
	body, err := out.encode()
	return gateway.Answer{
		Status: out.counts.status(), Body: body, Retry: out.counts.Throttled > 0, Cause: b.cause(read),
	}, err
}

// bulkEntry is what became of a position, encoded.
type bulkEntry struct {
	status int
	text   []byte
	length int // as it is returned
}

// entry encodes what became of a position. most is how many broken fields may be named yet.
func (b *Bulk) entry(index int, read *bulkRead, most *int) (bulkEntry, error) {
	p := b.positions[index]
	if p.err == nil && read.err == nil {
		if err := read.encode(); err != nil {
			return bulkEntry{}, err
		}
		return b.spliced(index, http.StatusOK, read.encoded)
	}
	failed := p.err
	if failed == nil {
		failed = read.err
	}
	problem := gateway.ItemProblem(failed, p.at.Pointer(), *most)
	*most -= min(*most, len(fault.Of(failed).Fields))
	members, err := json.Marshal(bulkProblem{retryable(problem.Status), problem})
	if err != nil {
		return bulkEntry{}, err
	}
	return b.spliced(index, problem.Status, members)
}

// tooLarge encodes, for each position, the entry that says that the answer had no room for it.
func (b *Bulk) tooLarge() ([]bulkEntry, error) {
	members, err := json.Marshal(bulkProblem{true, gateway.ProblemOf(fault.New(fault.TooLarge, fault.CodeTooLarge,
		"The answer had no room for it; ask again for what has this status, alone."))})
	entries := make([]bulkEntry, len(b.positions))
	for i := range entries {
		if err == nil {
			entries[i], err = b.spliced(i, http.StatusRequestEntityTooLarge, members)
		}
	}
	return entries, err
}

// spliced encodes an entry: its head, then the members of an encoded object.
func (b *Bulk) spliced(index, status int, members []byte) (bulkEntry, error) {
	p := b.positions[index]
	head, err := json.Marshal(bulkHead{Index: index, GTIN: p.sent, ProductID: orNull(p.product), Status: status})
	text := slices.Concat(head[:max(len(head)-1, 0)], []byte(","), members[1:])
	return bulkEntry{status, text, gateway.Returned(text)}, err
}

// cause returns the first store error behind a position that failed, else behind one that is throttled, for the log.
func (b *Bulk) cause(read map[string]*bulkRead) error {
	var throttled error
	for _, p := range b.positions {
		err := p.err
		if err == nil {
			err = read[p.product].err
		}
		switch {
		case fault.Is(err, fault.Internal):
			return err
		case fault.Is(err, fault.Unavailable) && throttled == nil:
			throttled = err
		}
	}
	return throttled
}

// bulkAnswer is the body of an answer as it grows.
type bulkAnswer struct {
	body   bytes.Buffer
	length int // as it is returned
	end    int // of what follows the entries, at most
	counts BulkCounts
	retry  bool
}

const bulkBegin = `{"results":[`

func newBulkAnswer(positions int) *bulkAnswer {
	a := &bulkAnswer{length: gateway.Returned([]byte(bulkBegin))}
	a.body.WriteString(bulkBegin)
	most := bulkAnswer{counts: BulkCounts{positions, positions, positions, positions, positions, positions, positions}}
	end, _ := most.tail() // numbers only
	a.end = gateway.Returned(end)
	return a
}

// fits reports whether an entry has room, beside so many bytes of others and the end.
func (a *bulkAnswer) fits(entry bulkEntry, others int) bool {
	const commas = QueryIDs
	return a.length+entry.length+others+commas+a.end <= gateway.MaxAnswer
}

func (a *bulkAnswer) add(entry bulkEntry) {
	if a.counts.Positions > 0 {
		a.body.WriteByte(',')
		a.length++
	}
	a.body.Write(entry.text)
	a.length += entry.length
	a.counts.add(entry.status)
	a.retry = a.retry || retryable(entry.status)
}

func (a *bulkAnswer) tail() ([]byte, error) {
	members, err := json.Marshal(struct {
		Counts BulkCounts `json:"counts"`
		Retry  bool       `json:"retry"`
	}{a.counts, a.retry})
	return slices.Concat([]byte("],"), members[min(1, len(members)):]), err
}

func (a *bulkAnswer) encode() (json.RawMessage, error) {
	tail, err := a.tail()
	a.body.Write(tail)
	return a.body.Bytes(), err
}
