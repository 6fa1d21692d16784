// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"github.com/spanloop/spanloop/internal/report"
	"github.com/spanloop/spanloop/internal/wire"
	"github.com/spanloop/spanloop/internal/wire/jsondoc"
)

// WriteFidelity prints only what was restored: it is printed before anything is
// sent.
func (r *Result) WriteFidelity(w io.Writer) error {
	var b strings.Builder
	r.writeHead(&b)
	r.writeChanges(&b)
	_, err := io.WriteString(w, report.EscapeTerminal(b.String()))
	return err
}

// WriteRuns prints what the runs found out.
func (r *Result) WriteRuns(w io.Writer, o report.Options) error {
	if err := r.writeRuns(w, o); err != nil {
		return err
	}
	var b strings.Builder
	r.writeTail(&b)
	_, err := io.WriteString(w, report.EscapeTerminal(b.String()))
	return err
}

func (r *Result) writeHead(b *strings.Builder) {
	fmt.Fprintf(b, "Replay of span %s (trace %s)\n", r.SpanID, r.TraceID)
	if r.Prompt.Name != "" {
		fmt.Fprintf(b, "  prompt    %s@%s\n", r.Prompt.Name, r.Prompt.Version)
	}
	fmt.Fprintf(b, "  recorded  %s\n", action(r.plan.Source.Call))
	grade := map[wire.Grade]string{
		wire.Exact:    "exact: proved equal to the recorded request by its hash",
		wire.Modelled: "modelled: no request hash was recorded; it may differ from what was sent",
		wire.Mismatch: "MISMATCH: not the recorded request; nothing will be sent",
	}[r.Request.Grade]
	if r.Request.Bytes {
		grade += ", byte for byte"
	}
	fmt.Fprintf(b, "  request   %s, %s\n", r.Request.Dialect, grade)
	r.writeNotes(b)
}

// writeNotes prints the notes that were not printed yet.
func (r *Result) writeNotes(b *strings.Builder) {
	for _, n := range r.Notes[r.shown:] {
		at := ""
		if n.Pointer != "" {
			at = " (" + n.Pointer + ")"
		}
		fmt.Fprintf(b, "  %-8s  %s: %s%s\n", n.Severity, n.ID, n.Text, at)
	}
	r.shown = len(r.Notes)
}

// writeChanges prints what is changed, and that nothing else is.
func (r *Result) writeChanges(b *strings.Builder) {
	if len(r.Modifications) == 0 {
		return
	}
	b.WriteString("\nChanged, all else equal:\n")
	for _, m := range r.Modifications {
		fmt.Fprintf(b, "  %s: %s\n", m.Kind, m.Text)
	}
	for _, c := range r.plan.Changes {
		fmt.Fprintf(b, "  at %s\n", c.Pointer)
		writeDiff(b, c)
	}
}

func writeDiff(b *strings.Builder, c jsondoc.Change) {
	if !c.Before.Is(jsondoc.String) || !c.After.Is(jsondoc.String) {
		if c.Before != nil {
			fmt.Fprintf(b, "    - %s\n", cut(c.Before.Text(), 2000))
		}
		if c.After != nil {
			fmt.Fprintf(b, "    + %s\n", cut(c.After.Text(), 2000))
		}
		return
	}
	before, after := c.Before.Str()+"\n", c.After.Str()+"\n"
	for i, l := range strings.Split(strings.TrimRight(udiff.Unified("a", "b", before, after), "\n"), "\n") {
		if i > 1 {
			fmt.Fprintf(b, "    %s\n", cut(l, 2000))
		}
	}
}

func cut(text string, n int) string {
	if len(text) > n {
		return text[:n] + "…"
	}
	return text
}

func (r *Result) writeRuns(w io.Writer, o report.Options) error {
	arms := &report.Table{
		Title: "Answers",
		Columns: []report.Column{
			{Name: "arm"}, {Name: "runs", Align: report.Right}, {Name: "as recorded", Align: report.Right}, {Name: "first difference"}, {Name: "strip"}, {Name: "model"},
		},
	}
	for _, a := range r.Arms {
		arms.Rows = append(arms.Rows, []report.Cell{
			report.Text(a.Arm), report.Text(fmt.Sprintf("%d/%d", a.Answered, a.Runs)),
			report.Text(fmt.Sprintf("%.0f %% (%.0f–%.0f)", 100*a.SameAction, 100*a.Low, 100*a.High)),
			report.Text(kinds(a.Divergence)), report.Text(r.strip(a.Arm)), report.Text(strings.Join(a.Models, ", ")),
		})
	}
	if _, err := io.WriteString(w, "\n"); err != nil {
		return err
	}
	if err := arms.Write(w, report.FormatTable, o); err != nil {
		return err
	}
	if _, err := io.WriteString(w, "\n"); err != nil {
		return err
	}
	return r.scoreTable().Write(w, report.FormatTable, o)
}

func kinds(counts map[string]int) string {
	var texts []string
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		texts = append(texts, fmt.Sprintf("%s %d", kind, counts[kind]))
	}
	return strings.Join(texts, ", ")
}

// strip shows each run of an arm: = as recorded, ~ other words, ≠ another
// action, ! no answer.
func (r *Result) strip(arm string) string {
	var b strings.Builder
	for _, run := range r.Runs {
		switch {
		case run.Arm != arm:
		case run.Divergence == nil || run.Error != "":
			b.WriteString("!")
		case run.Divergence.Kind == Identical:
			b.WriteString("=")
		case run.Divergence.Kind == Final:
			b.WriteString("~")
		default:
			b.WriteString("≠")
		}
	}
	return b.String()
}

func (r *Result) scoreTable() *report.Table {
	t := &report.Table{
		Title: "Scores",
		Columns: []report.Column{
			{Name: "score"}, {Name: "recorded", Align: report.Right}, {Name: "control", Align: report.Right}, {Name: "treatment", Align: report.Right},
			{Name: "difference (95 %)", Align: report.Right}, {Name: "p", Align: report.Right}, {Name: "verdict"},
		},
	}
	for _, m := range r.Scores {
		if m.Recorded == nil && m.Control.Runs == 0 && m.Treatment == nil {
			continue
		}
		treatment, difference, p := "", "", ""
		if m.Treatment != nil {
			treatment = number(m.Treatment.Mean)
		}
		if m.Difference != nil {
			difference = signed(*m.Difference)
			if m.Low != nil {
				difference += fmt.Sprintf(" (%s to %s)", signed(*m.Low), signed(*m.High))
			}
		}
		if m.P != nil {
			p = fmt.Sprintf("%.3f", *m.P)
		}
		verdict, style := m.Verdict, report.Plain
		switch {
		case m.Verdict == NotEnoughRuns && m.RunsNeeded > 0:
			verdict += fmt.Sprintf(" (%d an arm would show this)", m.RunsNeeded)
		case m.Verdict == Better:
			style = report.Good
		case m.Verdict == Worse:
			style = report.Bad
		}
		recorded := ""
		if m.Recorded != nil {
			recorded = number(*m.Recorded)
		}
		t.Rows = append(t.Rows, []report.Cell{
			report.Text(m.Name), report.Text(recorded), report.Text(number(m.Control.Mean)), report.Text(treatment),
			report.Text(difference), report.Text(p), {Text: verdict, Style: style},
		})
	}
	return t
}

func number(x float64) string { return fmt.Sprintf("%.4g", x) }
func signed(x float64) string { return fmt.Sprintf("%+.3g", x) }

func (r *Result) writeTail(b *strings.Builder) {
	r.writeNotes(b)
	failures := map[string]int{}
	for _, run := range r.Runs {
		if run.Error != "" {
			failures[cut(run.Error, 300)]++
		}
	}
	for _, text := range slices.Sorted(maps.Keys(failures)) {
		fmt.Fprintf(b, "\n%d runs failed: %s\n", failures[text], text)
	}
	fmt.Fprintf(b, "\nResult: %s.\n", r.sentence())
	if r.Exported != "" {
		fmt.Fprintf(b, "Spans of run %s: %s\n", r.RunID, r.Exported)
	}
	if r.Committed != nil {
		fmt.Fprintf(b, "Committed as %s@%s (%s)\n", r.Committed.Prompt, r.Committed.Version, r.Committed.File)
	}
}

func (r *Result) sentence() string {
	switch r.Outcome {
	case OutcomeRepeated:
		return fmt.Sprintf("the unchanged request was repeated %d times", r.Calls)
	case Better:
		return "the change is better on at least one quality score and worse on none"
	case Worse:
		return "the change is worse"
	case Equal:
		return "no quality score differs in any run"
	case NotEnoughRuns:
		return "not enough runs to tell; repeat with a larger -n"
	case OutcomeUnfaithful:
		return "the request cannot be restored faithfully; nothing was sent"
	}
	return r.Outcome
}
