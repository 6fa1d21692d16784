// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/spanloop/spanloop/internal/report"
	"github.com/spanloop/spanloop/internal/traffic"
)

// WriteHTML prints the report as a page that loads nothing.
func (r *Report) WriteHTML(w io.Writer) error {
	return report.Page{
		Title: r.headline(), Banner: strings.ToUpper(string(r.Verdict)) + ": " + r.Reason, BannerStyle: r.Verdict.style(),
		Sections: r.Sections(),
	}.Write(w)
}

// Sections are the parts of the page, for pages that show several reports.
func (r *Report) Sections() []report.Section {
	var sections []report.Section
	if len(r.Metrics) > 0 {
		sections = append(sections,
			report.Section{Title: "Effects", Text: []string{r.basis(), r.Looks.Statement}, Figure: report.ForestPlot(r.forest())},
			report.Section{Title: "Metrics", Table: r.metricsTable(report.Options{}), Text: r.mixNotes()})
	}
	for i := range r.Metrics {
		if m := &r.Metrics[i]; len(m.Categories) > 1 && m.Verdict != NoChange && m.Verdict != NotEnoughData {
			sections = append(sections, report.Section{Title: m.Name, Table: m.categoryTable(r)})
		}
	}
	sections = append(sections, report.Section{Title: "Conditions", Table: r.gateTable()})
	if len(r.WorstSpans) > 0 {
		sections = append(sections, report.Section{Table: r.worstTable(report.Options{}), Title: "Worst spans of " + r.VersionB,
			Text: []string{"replay one: spanloop replay TRACE:SPAN --prompt-version " + r.VersionA}})
	}
	if len(r.Strata.Rows) > 1 {
		sections = append(sections, report.Section{Title: "Input strata", Table: r.strataTable()})
	}
	return sections
}

// forest are the metrics' effects in margins, the good direction to the right
// where there is one.
func (r *Report) forest() []report.Interval {
	var rows []report.Interval
	for i := range r.Metrics {
		m := &r.Metrics[i]
		if m.Kind == KindCategory || !(m.marginScale > 0) || math.IsNaN(m.effectScale) {
			continue
		}
		low, high, effect := m.lowScale/m.marginScale, m.highScale/m.marginScale, m.effectScale/m.marginScale
		if m.Direction == lower {
			low, high, effect = -high, -low, -effect
		}
		label := m.Name
		if m.Decides {
			label += " *"
		}
		rows = append(rows, report.Interval{Label: label, Low: low, Estimate: effect, High: high,
			Text: m.change(float64(m.Effect)) + "  " + string(m.Verdict), Style: m.Verdict.style()})
	}
	return rows
}

func (m *Metric) categoryTable(r *Report) *report.Table {
	t := &report.Table{Columns: []report.Column{{Name: m.Name}, {Name: "a", Title: r.VersionA, Align: report.Right}, {Name: "b", Title: r.VersionB, Align: report.Right}}}
	for _, c := range m.Categories {
		t.Rows = append(t.Rows, []report.Cell{report.Text(c.Name), report.Text(traffic.Percent(float64(c.A))), report.Text(traffic.Percent(float64(c.B)))})
	}
	return t
}

func (r *Report) gateTable() *report.Table {
	t := &report.Table{Columns: []report.Column{{Name: "condition"}, {Name: "status"}, {Name: "what was seen"}}}
	for _, g := range r.Gates {
		style := map[string]report.Style{GateWarns: report.Strong, GateBlocks: report.Bad}[g.Status]
		t.Rows = append(t.Rows, []report.Cell{report.Text(g.Name), {Text: g.Status, Style: style}, report.Text(g.Text)})
	}
	for i := range r.Metrics {
		if m := &r.Metrics[i]; m.Note != "" {
			t.Rows = append(t.Rows, []report.Cell{report.Text(m.Name), report.Text("note"), report.Text(m.Note)})
		}
	}
	t.Notes = []string{fmt.Sprintf("error rate %g over all decision metrics; seed %d", r.Looks.Alpha, r.Seed)}
	return t
}

func (r *Report) strataTable() *report.Table {
	t := &report.Table{Columns: []report.Column{{Name: "keys"}, {Name: "a", Title: r.VersionA, Align: report.Right}, {Name: "b", Title: r.VersionB, Align: report.Right}, {Name: "example span"}}}
	for _, s := range r.Strata.Rows {
		t.Rows = append(t.Rows, []report.Cell{report.Text(strings.Join(s.Keys, ", ")), report.Text(traffic.Percent(float64(s.ShareA))), report.Text(traffic.Percent(float64(s.ShareB))), report.Text(s.SpanID)})
	}
	return t
}
