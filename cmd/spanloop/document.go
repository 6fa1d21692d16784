// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"strings"

	"github.com/spanloop/spanloop/internal/report"
)

// document is a result of several parts.
type document struct {
	title string
	parts []part
	// csv is the table that stands for the document as CSV.
	csv *report.Table
}

// part is lines of text, a table, or both.
type part struct {
	title string
	lines []report.Cell
	table *report.Table
}

// document prints the parts one below the other as text, as one page of HTML,
// or its table as CSV.
func (a *app) document(d document) error {
	switch report.Format(a.Format) {
	case report.FormatHTML:
		return d.page().Write(a.Out)
	case report.FormatCSV:
		return d.csv.Write(a.Out, report.FormatCSV, a.options())
	}
	var b strings.Builder
	b.WriteString(report.Paint(d.title, report.Strong, a.options()) + "\n")
	for i, p := range d.parts {
		if p.title != "" || i > 0 {
			b.WriteString("\n")
		}
		if p.title != "" {
			b.WriteString(report.Paint(p.title, report.Muted, a.options()) + "\n")
		}
		for _, line := range p.lines {
			b.WriteString(report.Paint(line.Text, line.Style, a.options()) + "\n")
		}
		if p.table != nil {
			if err := p.table.Write(&b, report.FormatTable, a.wholeCells()); err != nil {
				return err
			}
		}
	}
	_, err := io.WriteString(a.Out, b.String())
	return err
}

// wholeCells are options under which text is cut by the terminal's width alone.
func (a *app) wholeCells() report.Options {
	o := a.options()
	o.MaxCell = -1
	return o
}

func (d document) page() report.Page {
	page := report.Page{Title: d.title}
	for _, p := range d.parts {
		title := p.title
		if len(p.lines) > 0 {
			lines := &report.Table{Columns: []report.Column{{Name: "text", Title: title}}}
			for _, line := range p.lines {
				lines.Rows = append(lines.Rows, []report.Cell{line})
			}
			page.Sections = append(page.Sections, report.Section{Table: lines})
			title = ""
		}
		if p.table != nil {
			page.Sections = append(page.Sections, report.Section{Title: title, Table: p.table})
		}
	}
	return page
}

// sourceLines splits a text into lines.
func sourceLines(text string) []report.Cell {
	var out []report.Cell
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		out = append(out, report.Text(strings.TrimSuffix(line, "\r")))
	}
	return out
}

// diffLines are the lines of a unified diff in its colours.
func diffLines(unified string) []report.Cell {
	if unified == "" {
		return nil
	}
	lines := sourceLines(unified)
	for i := range lines {
		switch text := lines[i].Text; {
		case strings.HasPrefix(text, "+++"), strings.HasPrefix(text, "---"), strings.HasPrefix(text, "@@"):
			lines[i].Style = report.Muted
		case strings.HasPrefix(text, "+"):
			lines[i].Style = report.Good
		case strings.HasPrefix(text, "-"):
			lines[i].Style = report.Bad
		}
	}
	return lines
}
