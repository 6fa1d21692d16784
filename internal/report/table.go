// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
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

// Options say how text is printed.
type Options struct {
	Color bool
	// MaxCell bounds a cell's width in columns; 0 means 60, negative no bound.
	MaxCell int
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
}

// Cell is one value. Text is printed; Value, when set, stands in JSON instead.
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
	case FormatJSON:
		return t.writeJSON(w)
	case FormatCSV:
		return t.writeCSV(w)
	case FormatHTML:
		return Page{Title: t.Title, Sections: []Section{{Table: t}}}.Write(w)
	}
	return t.writeText(w, o)
}

func (t *Table) writeText(w io.Writer, o Options) error {
	var b strings.Builder
	if t.Title != "" {
		b.WriteString(styled(cellText(t.Title), Strong, o.Color) + "\n")
	}
	widths := t.widths(o)
	titles := make([]Cell, len(t.Columns))
	for i, c := range t.Columns {
		titles[i] = Cell{Text: c.title(), Style: Muted}
	}
	if len(t.Columns) > 0 {
		t.writeLine(&b, titles, widths, o)
	}
	for _, row := range t.Rows {
		t.writeLine(&b, row, widths, o)
	}
	for _, note := range t.Notes {
		b.WriteString(EscapeTerminal(note) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (c Column) title() string {
	if c.Title != "" {
		return c.Title
	}
	return c.Name
}

func (o Options) maxCell() int {
	if o.MaxCell == 0 {
		return 60
	}
	return o.MaxCell
}

func (t *Table) widths(o Options) []int {
	widths := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		widths[i] = Width(c.title())
	}
	for _, row := range t.Rows {
		for i := range min(len(row), len(widths)) {
			widths[i] = max(widths[i], Width(Truncate(cellText(row[i].Text), o.maxCell())))
		}
	}
	return widths
}

func (t *Table) writeLine(b *strings.Builder, cells []Cell, widths []int, o Options) {
	var line strings.Builder
	for i, cell := range cells {
		if i >= len(widths) {
			break
		}
		text := Truncate(cellText(cell.Text), o.maxCell())
		pad := strings.Repeat(" ", max(0, widths[i]-Width(text)))
		text = styled(text, cell.Style, o.Color)
		if i > 0 {
			line.WriteString("  ")
		}
		if t.Columns[i].Align == Right {
			line.WriteString(pad + text)
		} else {
			line.WriteString(text + pad)
		}
	}
	b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
}

// styled wraps text in SGR sequences.
func styled(text string, style Style, color bool) string {
	codes := map[Style]string{Good: "32", Bad: "31;1", Muted: "2", Strong: "1"}
	code, ok := codes[style]
	if !color || !ok || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (t *Table) writeCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	head := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		head[i] = c.Name
	}
	if err := out.Write(head); err != nil {
		return err
	}
	for _, row := range t.Rows {
		line := make([]string, len(t.Columns))
		for i := range min(len(row), len(line)) {
			line[i] = csvText(row[i])
		}
		if err := out.Write(line); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// csvText prints a cell. A spreadsheet would run text that begins like a
// formula: it gets an apostrophe.
func csvText(c Cell) string {
	switch value := c.Value.(type) {
	case nil:
		return c.Text
	case string:
		if value != "" && strings.ContainsRune("=+-@\t\r", rune(value[0])) {
			return "'" + value
		}
		return value
	case []any, map[string]any, []string:
		encoded, err := json.Marshal(value)
		if err != nil {
			return c.Text
		}
		return string(encoded)
	}
	return fmt.Sprint(c.Value)
}

func (t *Table) writeJSON(w io.Writer) error {
	rows := make([]map[string]any, len(t.Rows))
	for i, row := range t.Rows {
		rows[i] = map[string]any{}
		for j := range min(len(row), len(t.Columns)) {
			value := row[j].Value
			if value == nil && row[j].Text != "" {
				value = row[j].Text
			}
			rows[i][t.Columns[j].Name] = value
		}
	}
	body := map[string]any{"rows": rows}
	if len(t.Notes) > 0 {
		body["notes"] = t.Notes
	}
	return WriteJSON(w, t.Schema, body)
}

// WriteJSON prints an object with its schema's name first.
func WriteJSON(w io.Writer, schema string, body any) error {
	encoded, err := json.MarshalIndent(body, "", "  ")
	if err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	name, err := json.Marshal(schema)
	if err != nil {
		return err
	}
	inner := strings.TrimPrefix(string(encoded), "{")
	separator := ","
	if strings.TrimSpace(inner) == "}" {
		separator = "\n"
	}
	_, err = fmt.Fprintf(w, "{\n  \"schema\": %s%s%s\n", name, separator, inner)
	return err
}

// WriteRows prints the rows as CSV, with the head first if asked: for results
// that are printed in blocks.
func (t *Table) WriteRows(w io.Writer, head bool) error {
	if head {
		return t.writeCSV(w)
	}
	var b strings.Builder
	if err := t.writeCSV(&b); err != nil {
		return err
	}
	_, rows, _ := strings.Cut(b.String(), "\n")
	_, err := io.WriteString(w, rows)
	return err
}
