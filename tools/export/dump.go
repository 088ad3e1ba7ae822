package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"pricing/shared/store"
	"pricing/tools/internal/history"
)

// dump is the source that is a local copy of DynamoDB's own full export to S3: the folder with manifest-summary.json,
// manifest-files.json and data/*.json.gz.
//
// Its files are in no order, so the items are first divided by their partitions into heaps on the disk, and then one heap after the
// other is read into memory. That takes as much room below the folder of the output as the items have as text, and as much memory as
// one heap of 256.
type dump struct {
	folder  string
	name    string // of the export
	scratch string // the folder of the heaps
	product string // empty: all
	files   []dumpFile
}

type dumpFile struct {
	ItemCount     int    `json:"itemCount"`
	DataFileS3Key string `json:"dataFileS3Key"`
}

const (
	heaps         = 256
	heapBuffer    = 64 << 10
	scratchName   = "unsorted"
	longestLine   = 4 << 20 // an item has 400 KB at most, as text some more
	fullExport    = "FULL_EXPORT"
	dynamoDBJSON  = "DYNAMODB_JSON"
	summaryFile   = "manifest-summary.json"
	filesManifest = "manifest-files.json"
)

// openDump reads the manifests of an export. The heaps will be below out.
func openDump(folder, out string) (*dump, error) {
	text, err := os.ReadFile(filepath.Join(folder, summaryFile))
	if err != nil {
		return nil, usageError{fmt.Sprintf("-from-export: %v: give the folder of one export, which has %s, %s and data", err, summaryFile,
			filesManifest)}
	}
	var summary struct {
		ExportArn, OutputFormat, ExportType string
		ItemCount                           int
	}
	if err := json.Unmarshal(text, &summary); err != nil {
		return nil, fmt.Errorf("%s: %w", summaryFile, err)
	}
	if summary.OutputFormat != dynamoDBJSON || summary.ExportType != "" && summary.ExportType != fullExport {
		return nil, usageError{fmt.Sprintf("-from-export: it is a %s in %s: only a %s in %s has all items in a form that is read here",
			summary.ExportType, summary.OutputFormat, fullExport, dynamoDBJSON)}
	}
	d := &dump{folder: folder, name: "export " + summary.ExportArn, scratch: filepath.Join(out, scratchName)}
	text, err = os.ReadFile(filepath.Join(folder, filesManifest))
	if err != nil {
		return nil, usageError{fmt.Sprintf("-from-export: %v", err)}
	}
	items := 0
	lines := json.NewDecoder(bytes.NewReader(text))
	for {
		var f dumpFile
		err := lines.Decode(&f)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filesManifest, err)
		}
		items += f.ItemCount
		d.files = append(d.files, f)
	}
	if items != summary.ItemCount {
		return nil, fmt.Errorf("%s counts %d items, and %s %d: copy the whole export again", filesManifest, items, summaryFile, summary.ItemCount)
	}
	return d, nil
}

// Partitions calls each for every partition behind a place, in the order of the heaps, and in a heap of the keys.
func (d *dump) Partitions(ctx context.Context, after history.Place, each func(history.Partition, history.Place) error) (err error) {
	if err := errors.Join(os.RemoveAll(d.scratch), os.Mkdir(d.scratch, 0o755)); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(d.scratch)) }()
	if err := d.divide(ctx); err != nil {
		return err
	}
	first := 0
	if after.PK != "" {
		first = heapOf(after.PK)
	}
	for n := first; n < heaps; n++ {
		partitions, err := d.heap(ctx, n)
		if err != nil {
			return err
		}
		for _, pk := range slices.Sorted(maps.Keys(partitions)) {
			if n == first && pk <= after.PK {
				continue
			}
			p := partitions[pk]
			p.CheckWhole()
			if err := each(*p, history.Place{PK: pk}); err != nil {
				return err
			}
			delete(partitions, pk)
		}
	}
	return nil
}

func heapOf(pk string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(pk)) // never fails
	return int(h.Sum32() % heaps)
}

func (d *dump) heapPath(n int) string { return filepath.Join(d.scratch, fmt.Sprint(n)) }

// divide writes every item to the heap of its partition.
func (d *dump) divide(ctx context.Context) (err error) {
	var files [heaps]*os.File
	var writers [heaps]*bufio.Writer
	defer func() {
		for n, f := range files {
			if f != nil {
				err = errors.Join(err, writers[n].Flush(), f.Close())
			}
		}
	}()
	for n := range files {
		if files[n], err = os.Create(d.heapPath(n)); err != nil {
			return err
		}
		writers[n] = bufio.NewWriterSize(files[n], heapBuffer)
	}
	wanted := store.ProductPartition(d.product)
	for _, f := range d.files {
		err := d.lines(ctx, f, func(pk string, line []byte) error {
			if d.product != "" && pk != wanted {
				return nil
			}
			w := writers[heapOf(pk)]
			_, err := w.Write(append(line, '\n'))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// lines calls each for every item of a data file, with its partition key. The line is valid only during the call.
func (d *dump) lines(ctx context.Context, f dumpFile, each func(pk string, line []byte) error) (err error) {
	name := path.Base(f.DataFileS3Key)
	file, err := os.Open(filepath.Join(d.folder, "data", name))
	if err != nil {
		return fmt.Errorf("%w: copy the whole export", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		return fmt.Errorf("data/%s: %w", name, err)
	}
	n := 0
	scanner := bufio.NewScanner(unpacked)
	scanner.Buffer(nil, longestLine)
	for scanner.Scan() && scanner.Err() == nil { // of a file that breaks off, the last line is not whole
		if err := ctx.Err(); err != nil {
			return err
		}
		n++
		var line struct {
			Item struct {
				PK struct{ S string } `json:"pk"`
				SK struct{ S string } `json:"sk"`
			}
		}
		err := json.Unmarshal(scanner.Bytes(), &line)
		if err == nil && (line.Item.PK.S == "" || line.Item.SK.S == "") {
			err = errors.New(`no "Item" with texts "pk" and "sk": is it an export of the stack's table?`)
		}
		if err == nil {
			err = each(line.Item.PK.S, scanner.Bytes())
		}
		if err != nil {
			return fmt.Errorf("data/%s line %d: %w", name, n, err)
		}
	}
	if err := scanner.Err(); err != nil {
		return fmt.Errorf("data/%s: %w", name, err)
	}
	if n != f.ItemCount {
		return fmt.Errorf("data/%s has %d items, and %s says %d: copy it again", name, n, filesManifest, f.ItemCount)
	}
	return nil
}

// heap reads the partitions of a heap.
func (d *dump) heap(ctx context.Context, n int) (map[string]*history.Partition, error) {
	file, err := os.Open(d.heapPath(n))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	partitions := map[string]*history.Partition{}
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, longestLine)
	for scanner.Scan() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		it, err := itemOfLine(scanner.Bytes())
		pk, sk := history.KeyOf(it)
		p := partitions[pk]
		if p == nil {
			p = &history.Partition{Key: pk}
			partitions[pk] = p
		}
		if err != nil {
			p.Refuse(sk, err)
			continue
		}
		p.Add(it)
	}
	return partitions, scanner.Err()
}

// itemOfLine reads a line of DynamoDB JSON. With an error, the item has the attributes that could be read.
func itemOfLine(line []byte) (map[string]types.AttributeValue, error) {
	var in struct{ Item map[string]json.RawMessage }
	if err := json.Unmarshal(line, &in); err != nil {
		return nil, err
	}
	return attributes(in.Item)
}

func attributes(in map[string]json.RawMessage) (map[string]types.AttributeValue, error) {
	out := make(map[string]types.AttributeValue, len(in))
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(in)) {
		v, err := attribute(in[name])
		if err != nil {
			errs = append(errs, fmt.Errorf("attribute %s: %w", name, err))
			continue
		}
		out[name] = v
	}
	return out, errors.Join(errs...)
}

// attribute reads a value such as {"S":"a text"}.
func attribute(text json.RawMessage) (types.AttributeValue, error) {
	var in map[string]json.RawMessage
	if err := json.Unmarshal(text, &in); err != nil {
		return nil, err
	}
	if len(in) != 1 {
		return nil, fmt.Errorf("%d types in the place of one", len(in))
	}
	for kind, value := range in {
		return attributeOf(kind, value)
	}
	return nil, nil // cannot happen: there is one
}

func attributeOf(kind string, value json.RawMessage) (types.AttributeValue, error) {
	switch kind {
	case "S":
		v := &types.AttributeValueMemberS{}
		return v, json.Unmarshal(value, &v.Value)
	case "N":
		v := &types.AttributeValueMemberN{}
		return v, json.Unmarshal(value, &v.Value)
	case "B":
		v := &types.AttributeValueMemberB{}
		return v, json.Unmarshal(value, &v.Value) // base64
	case "BOOL":
		v := &types.AttributeValueMemberBOOL{}
		return v, json.Unmarshal(value, &v.Value)
	case "NULL":
		v := &types.AttributeValueMemberNULL{}
		return v, json.Unmarshal(value, &v.Value)
	case "SS":
		v := &types.AttributeValueMemberSS{}
		return v, json.Unmarshal(value, &v.Value)
	case "NS":
		v := &types.AttributeValueMemberNS{}
		return v, json.Unmarshal(value, &v.Value)
	case "BS":
		v := &types.AttributeValueMemberBS{}
		return v, json.Unmarshal(value, &v.Value)
	case "M":
		var in map[string]json.RawMessage
		if err := json.Unmarshal(value, &in); err != nil {
			return nil, err
		}
		m, err := attributes(in)
		return &types.AttributeValueMemberM{Value: m}, err
	case "L":
		var in []json.RawMessage
		if err := json.Unmarshal(value, &in); err != nil {
			return nil, err
		}
		list := &types.AttributeValueMemberL{}
		for _, element := range in {
			v, err := attribute(element)
			if err != nil {
				return nil, err
			}
			list.Value = append(list.Value, v)
		}
		return list, nil
	}
	return nil, fmt.Errorf("the type %q is not known", kind)
}
