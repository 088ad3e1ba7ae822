package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"pricing/shared/api"
	"pricing/shared/board"
	"pricing/tools/internal/durable"
)

// part is one of the export's files, or for Parquet the files with one number.
type part interface {
	write(row board.Row) error
	// complete makes all that was written durable under its final name.
	complete() error
	// abandon closes what is not complete.
	abandon()
}

// formats make a part in a folder with its number, by the name of the format.
var formats = map[string]func(folder string, number int) (part, error){
	"ndjson": newNDJSON, "csv": newCSV, "parquet": newParquet,
}

// partName is the name of a file that has all months.
func partName(number int, format string) string {
	return fmt.Sprintf("observations-%06d.%s", number, format)
}

// document is an observation as NDJSON has it: what GET .../history?view=raw answers, with its product.
type document struct {
	ProductID string `json:"productId"`
	api.Observation
}

func newDocument(row board.Row) document {
	d := document{row.Key.ProductID, api.NewObservation(row)}
	d.Client = row.Observation.Client
	return d
}

// temporary is a file that gets its final name when it is complete.
type temporary struct {
	path string
	file *os.File
	*bufio.Writer
}

const bufferSize = 1 << 20

func newTemporary(folder, name string) (temporary, error) {
	path := filepath.Join(folder, name)
	file, err := os.Create(path + ".tmp")
	if err != nil {
		return temporary{}, err
	}
	return temporary{path, file, bufio.NewWriterSize(file, bufferSize)}, nil
}

func (t temporary) complete() error {
	if err := t.Flush(); err != nil {
		return errors.Join(err, t.file.Close())
	}
	return durable.Publish(t.file, t.path)
}

func (t temporary) abandon() { _ = t.file.Close() } // it is removed by the run that goes on

// ndjson writes a JSON object a line.
type ndjson struct {
	temporary
	encoder *json.Encoder
}

func newNDJSON(folder string, number int) (part, error) {
	t, err := newTemporary(folder, partName(number, "ndjson"))
	if err != nil {
		return nil, err
	}
	encoder := json.NewEncoder(t)
	encoder.SetEscapeHTML(false)
	return ndjson{t, encoder}, nil
}

func (n ndjson) write(row board.Row) error { return n.encoder.Encode(newDocument(row)) }

// csvPart writes CSV as GET .../history does.
type csvPart struct {
	temporary
	csv api.CSV
}

func newCSV(folder string, number int) (part, error) {
	t, err := newTemporary(folder, partName(number, "csv"))
	if err != nil {
		return nil, err
	}
	c, err := api.NewCSV(t, api.ObservationColumns())
	if err != nil {
		t.abandon()
		return nil, err
	}
	return csvPart{t, c}, nil
}

func (c csvPart) write(row board.Row) error {
	d := newDocument(row)
	return c.csv.Write(d.Cells(d.ProductID))
}

func (c csvPart) complete() error {
	if err := c.csv.Flush(); err != nil {
		c.abandon()
		return err
	}
	return c.temporary.complete()
}
