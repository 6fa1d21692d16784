// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"io"
	"strings"

	"github.com/spanloop/spanloop/internal/report"
	"github.com/spanloop/spanloop/internal/stats"
)

// WriteText prints the report for a terminal; quiet leaves out what passed and
// what to do next.
func (r *Report) WriteText(w io.Writer, o report.Options, quiet bool) error {
	if o.MaxCell == 0 {
		o.MaxCell = 100
	}
	var b strings.Builder
	b.WriteString(report.EscapeTerminal(r.headline()) + "\n")
	if r.A.Clusters > 0 {
		b.WriteString(report.EscapeTerminal(r.basis()) + "\n")
	}
	b.WriteString("\n")
	if len(r.Metrics) > 0 {
		if err := r.metricsTable(o).Write(&b, report.FormatTable, o); err != nil {
			return err
		}
		b.WriteString("\n")
	}
	verdict := report.Table{Columns: []report.Column{{Name: "verdict"}}, Rows: [][]report.Cell{{{Text: strings.ToUpper(string(r.Verdict)) + ": " + r.Reason, Style: r.Verdict.style()}}}}
	if err := verdict.Write(&b, report.FormatTable, report.Options{Color: o.Color, MaxCell: -1}); err != nil {
		return err
	}
	for _, note := range r.notes(quiet) {
		fmt.Fprintf(&b, "  %s\n", report.EscapeTerminal(note))
	}
	if len(r.WorstSpans) > 0 {
		b.WriteString("\n")
		if err := r.worstTable(o).Write(&b, report.FormatTable, o); err != nil {
			return err
		}
		if !quiet {
			fmt.Fprintf(&b, "\nreplay the worst: spanloop replay %s:%s --prompt-version %s\n",
				report.EscapeTerminal(r.WorstSpans[0].TraceID), report.EscapeTerminal(r.WorstSpans[0].SpanID), report.EscapeTerminal(r.VersionA))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// notes are the mix effects, the gates and what the intervals mean.
func (r *Report) notes(quiet bool) []string {
	notes := r.mixNotes()
	for _, g := range r.Gates {
		if g.Status != GatePasses || !quiet {
			notes = append(notes, fmt.Sprintf("%s %s: %s", g.Name, g.Status, g.Text))
		}
	}
	for i := range r.Metrics {
		if m := &r.Metrics[i]; m.Note != "" && m.Decides {
			notes = append(notes, m.Name+": "+m.Note)
		}
	}
	if len(r.Metrics) > 0 && !quiet {
		notes = append(notes, "* decides; "+r.Looks.Statement+fmt.Sprintf(" (error rate %g%% over all that decide)", 100*r.Looks.Alpha))
	}
	return notes
}

// intervalTitle names the intervals' column.
func (r *Report) intervalTitle() string {
	kind := map[stats.Look]string{stats.LookOnce: "interval", stats.LookAnytime: "anytime interval", stats.LookHorizon: "horizon interval"}[r.Looks.Kind]
	return fmt.Sprintf("%g%% %s", 100*(1-r.Looks.Alpha), kind)
}

// narrow is the width in columns below which tables leave out what matters less.
const narrow = 120

func isNarrow(o report.Options) bool { return o.Width > 0 && o.Width < narrow }

// metricsTable is one row a metric, for people.
func (r *Report) metricsTable(o report.Options) *report.Table {
	t := &report.Table{Columns: []report.Column{
		{Name: "metric"}, {Name: "a", Title: r.VersionA, Align: report.Right}, {Name: "b", Title: r.VersionB, Align: report.Right},
		{Name: "change", Align: report.Right}, {Name: "interval", Title: r.intervalTitle(), Align: report.Right}, {Name: "verdict"},
	}}
	if !isNarrow(o) {
		t.Columns = append(t.Columns, report.Column{Name: "margin", Align: report.Right}, report.Column{Name: "details"})
	}
	for i := range r.Metrics {
		m := &r.Metrics[i]
		name := m.Name
		if m.Decides {
			name += " *"
		}
		row := []report.Cell{
			report.Text(name), report.Text(m.amount(float64(m.A.Adjusted))), report.Text(m.amount(float64(m.B.Adjusted))),
			report.Text(m.change(float64(m.Effect))), report.Text(m.interval()), {Text: string(m.Verdict), Style: m.Verdict.style()},
			report.Text(m.margin()), report.Text(m.details()),
		}
		t.Rows = append(t.Rows, row[:len(t.Columns)])
	}
	return t
}

// rawTable is one row a metric of each report, for machines.
func rawTable(reports ...*Report) *report.Table {
	t := &report.Table{Schema: Schema}
	for _, name := range []string{"version_a", "version_b", "metric", "kind", "unit", "direction", "decides", "a", "b", "adjusted_a", "adjusted_b", "effect", "low", "high", "level", "raw", "mix_effect", "p", "p_adjusted",
		"margin", "design_effect", "calls_a", "calls_b", "clusters_a", "clusters_b", "missing_a", "missing_b", "verdict", "more_clusters", "evaluator_version", "note"} {
		t.Columns = append(t.Columns, report.Column{Name: name})
	}
	for _, r := range reports {
		for i := range r.Metrics {
			t.Rows = append(t.Rows, append([]report.Cell{report.Text(r.VersionA), report.Text(r.VersionB)}, r.Metrics[i].rawRow()...))
		}
	}
	return t
}

func (m *Metric) rawRow() []report.Cell {
	count := func(n int) report.Cell { return report.Number(int64(n), "%d") }
	return []report.Cell{
		report.Text(m.Name), report.Text(string(m.Kind)), report.Text(m.Unit), report.Text(m.Direction), {Value: m.Decides},
		number(m.A.Estimate), number(m.B.Estimate), number(m.A.Adjusted), number(m.B.Adjusted), number(m.Effect), number(m.Low), number(m.High), number(m.Level), number(m.Raw),
		number(m.MixEffect), number(m.P), number(m.PAdjusted), number(m.Margin), number(m.DesignEffect),
		count(m.A.Calls), count(m.B.Calls), count(m.A.Clusters), count(m.B.Clusters), count(m.A.Missing), count(m.B.Missing),
		report.Text(string(m.Verdict)), count(m.MoreClusters), report.Text(m.EvaluatorVersion), report.Text(m.Note),
	}
}

func (r *Report) worstTable(o report.Options) *report.Table {
	t := &report.Table{Title: "Worst spans of " + r.VersionB, Columns: []report.Column{{Name: "span"}, {Name: "reason"}}}
	if !isNarrow(o) {
		t.Columns = append(t.Columns, report.Column{Name: "start"}, report.Column{Name: "trace"})
	}
	for _, s := range r.WorstSpans {
		row := []report.Cell{report.Text(s.SpanID), report.Text(s.Reason), report.Text(stamp(s.Start)), report.Text(s.TraceID)}
		t.Rows = append(t.Rows, row[:len(t.Columns)])
	}
	return t
}

// WriteCSV prints one line a metric.
func (r *Report) WriteCSV(w io.Writer, o report.Options) error {
	return rawTable(r).Write(w, report.FormatCSV, o)
}
