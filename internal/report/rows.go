// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Rows prints a result row by row, as CSV or JSON, so that one of any size needs
// little memory.
type Rows struct {
	out     *bufio.Writer
	csv     *csv.Writer
	keys    [][]byte
	columns int
	count   int
	options Options
}

// NewRows prints the beginning of a result. The JSON form is an object with the
// schema, the columns when their types are known, the rows as objects with the
// columns in order, and, when there are any, notes. A column whose name was used
// before gets a number.
func NewRows(w io.Writer, format Format, schema string, columns []Column, o Options) (*Rows, error) {
	r := &Rows{out: bufio.NewWriter(w), columns: len(columns), options: o}
	names := uniqueNames(columns)
	if format == FormatCSV {
		r.csv = csv.NewWriter(r.out)
		for i, name := range names {
			names[i] = r.csvText(name)
		}
		return r, r.csv.Write(names)
	}
	return r, r.beginJSON(schema, names, columns)
}

func (r *Rows) beginJSON(schema string, names []string, columns []Column) error {
	type typed struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
	var list []typed
	for i, name := range names {
		key, err := Marshal(name)
		if err != nil {
			return err
		}
		r.keys = append(r.keys, key)
		if columns[i].Type != "" {
			list = append(list, typed{name, columns[i].Type})
		}
	}
	encoded, err := Marshal(schema)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(r.out, "{\n  \"schema\": %s,", encoded)
	if list != nil {
		if encoded, err = Marshal(list); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(r.out, "\n  \"columns\": %s,", encoded)
	}
	_, err = r.out.WriteString("\n  \"rows\": [")
	return err
}

func uniqueNames(columns []Column) []string {
	names := make([]string, len(columns))
	used := map[string]bool{}
	for i, c := range columns {
		names[i] = c.Name
		for n := 2; used[names[i]]; n++ {
			names[i] = c.Name + "_" + strconv.Itoa(n)
		}
		used[names[i]] = true
	}
	return names
}

// Write prints one row.
func (r *Rows) Write(row []Cell) error {
	r.count++
	if r.csv != nil {
		line := make([]string, r.columns)
		for i := range min(len(row), len(line)) {
			line[i] = r.csvValue(row[i])
		}
		return r.writeLine(line)
	}
	separator := ",\n    {"
	if r.count == 1 {
		separator = "\n    {"
	}
	_, _ = r.out.WriteString(separator)
	for i, key := range r.keys {
		if i > 0 {
			_, _ = r.out.WriteString(", ")
		}
		_, _ = r.out.Write(key)
		_, _ = r.out.WriteString(": ")
		var cell Cell
		if i < len(row) {
			cell = row[i]
		}
		value, err := Marshal(cell.json())
		if err != nil {
			return err
		}
		_, _ = r.out.Write(value)
	}
	_, err := r.out.WriteString("}")
	return err
}

// writeLine prints a line of CSV. A line of one empty field is quoted: readers
// skip empty lines.
func (r *Rows) writeLine(line []string) error {
	if len(line) != 1 || line[0] != "" {
		return r.csv.Write(line)
	}
	if r.csv.Flush(); r.csv.Error() != nil {
		return r.csv.Error()
	}
	_, err := r.out.WriteString("\"\"\n")
	return err
}

// Close prints the end.
func (r *Rows) Close(notes []string) error {
	if r.csv != nil {
		r.csv.Flush()
		if err := r.csv.Error(); err != nil {
			return err
		}
		return r.out.Flush()
	}
	end := "\n  ]"
	if r.count == 0 {
		end = "]"
	}
	_, _ = r.out.WriteString(end)
	if len(notes) > 0 {
		encoded, err := Marshal(notes)
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(r.out, ",\n  \"notes\": %s", encoded)
	}
	_, _ = r.out.WriteString("\n}\n")
	return r.out.Flush()
}

// json is the cell's value in JSON.
func (c Cell) json() any {
	if c.Value == nil && c.Text != "" {
		return c.Text
	}
	return c.Value
}

// csvText makes text harmless for spreadsheets, unless formulas are wanted, and
// for a terminal.
func (r *Rows) csvText(s string) string {
	if !r.options.Formulas {
		s = guardFormula(s)
	}
	if r.options.Terminal {
		return EscapeTerminal(s)
	}
	return s
}

// csvValue prints a cell; null is empty.
func (r *Rows) csvValue(c Cell) string {
	switch value := c.Value.(type) {
	case nil:
		return r.csvText(c.Text)
	case string:
		return r.csvText(value)
	case bool, int, int64:
		return fmt.Sprint(value)
	case float64:
		return strconv.FormatFloat(value, 'g', -1, 64)
	case time.Time:
		return value.UTC().Format(time.RFC3339Nano)
	}
	encoded, err := json.Marshal(finite(c.Value))
	if err != nil {
		return r.csvText(c.Text)
	}
	if r.options.Terminal {
		return EscapeTerminal(string(encoded))
	}
	return string(encoded)
}

// guardFormula puts an apostrophe before text that a spreadsheet would run.
func guardFormula(s string) string {
	if s == "" || !strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return s
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return s
	}
	return "'" + s
}
