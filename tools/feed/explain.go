package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"pricing/tools/feed/mapping"
	"pricing/tools/feed/rows"
)

// explain shows the row at a line, what each rule of the mapping makes of it, and the observations.
func (f *feed) explain() error {
	name, line := f.settings.files[0], f.settings.explain
	if err := f.observer.begin(name); err != nil {
		return err
	}
	firstLine, lastLine := 0, 0
	var out bytes.Buffer
	err := f.read(name, func(one rows.Row, err error) error {
		if firstLine == 0 {
			firstLine = one.Line
		}
		lastLine = one.Last
		if line < one.Line || line > one.Last {
			if err == nil {
				_, _ = f.observer.observe(one.Text) // it may claim an id
			}
			return nil
		}
		f.explainRow(&out, one, err)
		return errEnough
	})
	if errors.Is(err, errEnough) {
		_, err = out.WriteTo(f.stdout)
		return err
	}
	if err == nil && firstLine == 0 {
		err = fmt.Errorf("%s has no rows", name)
	} else if err == nil {
		err = fmt.Errorf("there is no row at line %d: the rows of %s are at lines %d to %d", line, name, firstLine, lastLine)
	}
	return err
}

func (f *feed) explainRow(out io.Writer, one rows.Row, err error) {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) } // out is a buffer
	say("The row at line %d:", one.Line)
	var pretty bytes.Buffer
	if json.Indent(&pretty, one.Text, "  ", "  ") != nil {
		pretty.Reset()
		pretty.Write(one.Text)
	}
	say("  %s", pretty.Bytes())
	if err != nil {
		say("It is refused: %v", err)
		return
	}
	var all []mapping.Explanation
	var skipped string
	if m, ok := f.observer.(*mapped); ok {
		doc, e := object(one.Text)
		if e == nil {
			all, skipped, e = m.mapper.Explain(doc)
		}
		err = e
	} else {
		made, e := f.observer.observe(one.Text)
		for _, o := range made.Observations {
			all = append(all, mapping.Explanation{Observation: o})
		}
		err = e
	}
	switch {
	case err != nil:
		say("It is refused: %v", err)
	case len(all) == 0:
		say("It is skipped: %s", skipped)
	}
	for _, e := range all {
		if column := e.Observation.Column; column != "" {
			say("From its column %s:", column)
		}
		if len(e.Steps) > 0 {
			say("What the rules make of it:")
			table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
			for _, s := range e.Steps {
				text := ""
				if s.Column != "" {
					text = fmt.Sprintf("%s %q", s.Column, s.Text)
				}
				_, _ = fmt.Fprintf(table, "  %s\t%s\t%s\t-> %s\n", s.Field, s.Rule, text, s.Result)
			}
			_ = table.Flush() // out is a buffer
		}
		if len(e.Faults) > 0 {
			say("It is refused: %s", problemOf(one.Text, e.Faults...))
			continue
		}
		say("The observation:\n  %s", e.JSON)
		if broken := judge(e.JSON, f.now()); broken != nil {
			say("The API would refuse it: %s", f.ofTheRow(item{row: &row{text: one.Text}}, judged(broken)))
		}
	}
}
