// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"io"
	"slices"
	"strconv"
	"strings"
)

const (
	// gap stands between two columns.
	gap = "  "
	// leastWidth is how narrow a text column may get before a table is printed
	// as records instead.
	leastWidth = 8
	// defaultCell is the width of a cell when none is given.
	defaultCell = 60
)

func (t *Table) writeText(w io.Writer, o Options) error {
	var b strings.Builder
	if t.Title != "" {
		b.WriteString(styled(cellText(t.Title, -1), Strong, o.Color) + "\n")
	}
	if len(t.Columns) > 0 {
		grid := t.grid(o)
		if widths, fits := t.widths(grid, o); fits {
			t.writeGrid(&b, grid, widths, o)
		} else {
			t.writeRecords(&b, o)
		}
	}
	for _, note := range t.Notes {
		b.WriteString(EscapeTerminal(note) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (o Options) maxCell() int {
	if o.MaxCell == 0 {
		return defaultCell
	}
	return o.MaxCell
}

// grid holds the texts of all cells, the titles first.
func (t *Table) grid(o Options) [][]string {
	grid := make([][]string, 0, len(t.Rows)+1)
	titles := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		titles[i] = cellText(c.title(), o.maxCell())
	}
	grid = append(grid, titles)
	for _, row := range t.Rows {
		texts := make([]string, len(t.Columns))
		for i := range min(len(row), len(texts)) {
			texts[i] = cellText(row[i].Text, o.maxCell())
		}
		grid = append(grid, texts)
	}
	return grid
}

// widths fits the columns into the terminal: the widest text columns give way
// first. It is false when they would get too narrow.
func (t *Table) widths(grid [][]string, o Options) ([]int, bool) {
	widths := make([]int, len(t.Columns))
	for _, row := range grid {
		for i, text := range row {
			widths[i] = max(widths[i], Width(text))
		}
	}
	limit := o.Width - len(gap)*(len(widths)-1)
	for o.Width > 0 && sum(widths) > limit {
		widest := -1
		for i, w := range widths {
			if t.Columns[i].Align == Left && w > leastWidth && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return nil, false
		}
		widths[widest]--
	}
	return widths, true
}

func sum(numbers []int) int {
	total := 0
	for _, n := range numbers {
		total += n
	}
	return total
}

func (t *Table) writeGrid(b *strings.Builder, grid [][]string, widths []int, o Options) {
	for r, row := range grid {
		var line strings.Builder
		for i, text := range row {
			style := Muted
			if r > 0 {
				style = t.style(r-1, i)
			}
			text = Truncate(text, widths[i])
			pad := strings.Repeat(" ", widths[i]-Width(text))
			text = styled(text, style, o.Color)
			if i > 0 {
				line.WriteString(gap)
			}
			if t.Columns[i].Align == Right {
				line.WriteString(pad + text)
			} else {
				line.WriteString(text + pad)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

func (t *Table) style(row, column int) Style {
	if column < len(t.Rows[row]) {
		return t.Rows[row][column].Style
	}
	return Plain
}

// writeRecords prints each row as a list of its columns, for tables that are too
// wide for the terminal.
func (t *Table) writeRecords(b *strings.Builder, o Options) {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = cellText(c.title(), 30)
	}
	widest := Width(slices.MaxFunc(names, func(x, y string) int { return Width(x) - Width(y) }))
	room := max(leastWidth, o.Width-widest-len(gap))
	for r, row := range t.Rows {
		b.WriteString(styled("row "+strconv.Itoa(r+1), Strong, o.Color) + "\n")
		for i := range min(len(row), len(names)) {
			name := names[i] + strings.Repeat(" ", widest-Width(names[i]))
			line := styled(name, Muted, o.Color) + gap + styled(cellText(row[i].Text, room), row[i].Style, o.Color)
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
	}
}

// sgr are the terminal's codes of the styles.
var sgr = map[Style]string{Good: "32", Bad: "31;1", Muted: "2", Strong: "1"}

// styled wraps text in SGR sequences.
// Paint makes one line of text harmless and gives it a style.
func Paint(text string, style Style, o Options) string {
	return styled(EscapeTerminal(text), style, o.Color)
}

func styled(text string, style Style, color bool) string {
	code, ok := sgr[style]
	if !color || !ok || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
