// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"io"
)

// Format is an output format.
type Format string

// Output formats.
const (
	FormatTable Format = "table"
	FormatJSON  Format = "json"
	FormatCSV   Format = "csv"
	FormatHTML  Format = "html"
)

// Formats lists all formats.
var Formats = []Format{FormatTable, FormatJSON, FormatCSV, FormatHTML}

// Options say how text is printed.
type Options struct {
	Color bool
	// MaxCell bounds a cell's width in columns; 0 means 60, negative no bound.
	MaxCell int
	// Width is the terminal's width in columns, into which tables are fitted;
	// 0 means no bound.
	Width int
	// Terminal is true when CSV goes to a terminal, and so must be harmless for
	// it.
	Terminal bool
	// Formulas leaves text in CSV that a spreadsheet would run as it is.
	Formulas bool
}

// Align says where a column's cells stand.
type Align uint8

// Alignments.
const (
	Left Align = iota
	Right
)

// Style marks a cell.
type Style uint8

// Styles.
const (
	Plain Style = iota
	Good
	Bad
	Muted
	Strong
)

// Column is one column of a table. Name is used in JSON and CSV, Title in text
// and HTML.
type Column struct {
	Name  string
	Title string
	Align Align
	// Type, when set, is listed in the JSON form.
	Type string
}

func (c Column) title() string {
	if c.Title != "" {
		return c.Title
	}
	return c.Name
}

// Cell is one value. Text is printed; Value, when set, stands in JSON and CSV
// instead.
type Cell struct {
	Text  string
	Value any
	Style Style
}

// Table is a table of results.
type Table struct {
	// Schema names the JSON form ("spanloop.coverage/1").
	Schema  string
	Title   string
	Columns []Column
	Rows    [][]Cell
	Notes   []string
}

// Text returns a plain cell.
func Text(s string) Cell { return Cell{Text: s, Value: s} }

// Number returns a cell with a number and how it is printed.
func Number(value any, format string) Cell {
	return Cell{Text: fmt.Sprintf(format, value), Value: value}
}

// Write prints the table.
func (t *Table) Write(w io.Writer, format Format, o Options) error {
	switch format {
	case FormatJSON, FormatCSV:
		return t.writeRows(w, format, o)
	case FormatHTML:
		title := t.Title
		if title == "" {
			title = t.Schema
		}
		return Page{Title: title, Sections: []Section{{Table: t}}}.Write(w)
	}
	return t.writeText(w, o)
}

func (t *Table) writeRows(w io.Writer, format Format, o Options) error {
	rows, err := NewRows(w, format, t.Schema, t.Columns, o)
	if err != nil {
		return err
	}
	for _, row := range t.Rows {
		if err := rows.Write(row); err != nil {
			return err
		}
	}
	return rows.Close(t.Notes)
}
