// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spanloop/spanloop/internal/report"
)

func (r *Result) armTable() *report.Table {
	arms := &report.Table{
		Title: "Answers",
		Columns: []report.Column{
			{Name: "arm"}, {Name: "answered", Align: report.Right}, {Name: "as recorded (95 %)", Align: report.Right}, {Name: "first difference"}, {Name: "runs"}, {Name: "model"},
		},
		Notes: []string{"runs: = as recorded, ~ other words, ≠ another action, o nothing recorded, ! no answer, . not sent"},
	}
	for _, a := range r.Arms {
		arms.Rows = append(arms.Rows, []report.Cell{
			report.Text(a.Arm), report.Text(fmt.Sprintf("%d/%d", a.Answered, a.Runs)), report.Text(sameAction(a)),
			report.Text(kinds(a.Divergence)), report.Text(r.strip(a.Arm)), report.Text(strings.Join(a.Models, ", ")),
		})
	}
	return arms
}

func sameAction(a ArmResult) string {
	if a.Compared == 0 {
		return "–"
	}
	return fmt.Sprintf("%.0f %% (%.0f–%.0f)", 100*a.SameAction, 100*a.Low, 100*a.High)
}

func kinds(counts map[string]int) string {
	var texts []string
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		texts = append(texts, fmt.Sprintf("%s %d", kind, counts[kind]))
	}
	return strings.Join(texts, ", ")
}

// strip shows each run of an arm: = as recorded, ~ other words, ≠ another
// action, o nothing recorded to compare with, ! no answer, . not sent.
func (r *Result) strip(arm string) string {
	var b strings.Builder
	for _, run := range r.Runs {
		switch {
		case run.Arm != arm:
		case run.Error == ErrNotSent.Error():
			b.WriteString(".")
		case run.Divergence == nil || run.Error != "":
			b.WriteString("!")
		case run.Divergence.Kind == Identical:
			b.WriteString("=")
		case run.Divergence.Kind == Final:
			b.WriteString("~")
		case run.Divergence.Kind == Unrecorded:
			b.WriteString("o")
		default:
			b.WriteString("≠")
		}
	}
	return b.String()
}

func (r *Result) scoreTable() *report.Table {
	t := &report.Table{Title: "Scores", Columns: []report.Column{
		{Name: "score"}, {Name: "recorded", Align: report.Right}, {Name: "control", Align: report.Right},
	}}
	compared := len(r.Arms) > 1
	if compared {
		t.Columns = append(t.Columns, report.Column{Name: "treatment", Align: report.Right},
			report.Column{Name: "difference (95 %)", Align: report.Right}, report.Column{Name: "p", Align: report.Right}, report.Column{Name: "verdict"})
	} else {
		t.Columns = append(t.Columns, report.Column{Name: "sd", Align: report.Right})
	}
	for i := range r.Scores {
		m := &r.Scores[i]
		recorded := "–"
		if m.Recorded != nil {
			recorded = number(*m.Recorded)
		}
		row := []report.Cell{report.Text(m.Name), report.Text(recorded), report.Text(r.mean(0, &m.Control))}
		if compared {
			row = append(row, report.Text(r.mean(1, m.Treatment)), report.Text(m.differenceText()), report.Text(probability(m.P)), m.verdictCell())
		} else {
			row = append(row, report.Text(number(m.Control.SD)))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// mean shows an arm's mean, with the number of answers where not all have the
// score.
func (r *Result) mean(arm int, s *ArmScore) string {
	switch {
	case s == nil || s.Runs == 0:
		return "–"
	case s.Runs < r.Arms[arm].Answered:
		return fmt.Sprintf("%s (n %d)", number(s.Mean), s.Runs)
	}
	return number(s.Mean)
}

func (m *Measure) differenceText() string {
	switch {
	case m.Difference == nil:
		return "–"
	case m.Low == nil:
		return signed(*m.Difference)
	}
	return fmt.Sprintf("%s (%s to %s)", signed(*m.Difference), signed(*m.Low), signed(*m.High))
}

func probability(p *float64) string {
	switch {
	case p == nil:
		return "–"
	case *p < 0.001:
		return "<0.001"
	}
	return fmt.Sprintf("%.3f", *p)
}

// mostRuns is the largest number of runs that is worth advising.
const mostRuns = 1000

func (m *Measure) verdictCell() report.Cell {
	text, style := m.Verdict, report.Plain
	switch {
	case m.Verdict == NotEnoughRuns && m.RunsNeeded > 0 && m.RunsNeeded <= mostRuns:
		text += fmt.Sprintf(" (%d an arm would show this)", m.RunsNeeded)
	case m.Verdict == Better:
		style = report.Good
	case m.Verdict == Worse:
		style = report.Bad
	}
	return report.Cell{Text: text, Value: text, Style: style}
}

func number(x float64) string { return fmt.Sprintf("%.4g", x) }
func signed(x float64) string { return fmt.Sprintf("%+.3g", x) }
