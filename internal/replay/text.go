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
	if r.Outcome == OutcomeUnfaithful || r.Outcome == OutcomeChecked {
		fmt.Fprintf(&b, "\nResult: %s.\n", r.sentence())
	}
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

// grades say what a grade means.
var grades = map[wire.Grade]string{
	wire.Exact:    "exact: proved equal to the recorded request by its hash",
	wire.Modelled: "modelled: no request hash was recorded, it may differ from what was sent",
	wire.Mismatch: "MISMATCH: not the recorded request, nothing will be sent",
}

func (r *Result) writeHead(b *strings.Builder) {
	grade := grades[r.Request.Grade]
	if r.Request.Bytes {
		grade += ", byte for byte"
	}
	fmt.Fprintf(b, "Fidelity: %s\n", grade)
	fmt.Fprintf(b, "  span      %s (trace %s)\n", r.SpanID, r.TraceID)
	if r.Prompt.Name != "" {
		fmt.Fprintf(b, "  prompt    %s@%s\n", r.Prompt.Name, r.Prompt.Version)
	}
	fmt.Fprintf(b, "  request   %s, model %s\n", r.Request.Dialect, line(r.plan.Control.Member("model").Str()))
	fmt.Fprintf(b, "  recorded  %s\n", action(r.plan.Source.Call))
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
	for _, table := range []*report.Table{r.armTable(), r.scoreTable()} {
		if _, err := io.WriteString(w, "\n"); err != nil {
			return err
		}
		if err := table.Write(w, report.FormatTable, o); err != nil {
			return err
		}
	}
	return nil
}

func (r *Result) writeTail(b *strings.Builder) {
	if r.shown < len(r.Notes) {
		b.WriteString("\nFindings:\n")
		r.writeNotes(b)
	}
	failures := map[string]int{}
	for _, run := range r.Runs {
		if run.Error != "" {
			failures[run.Arm+" arm: "+cut(run.Error, 300)]++
		}
	}
	if len(failures) > 0 {
		b.WriteString("\nWithout an answer:\n")
	}
	for _, text := range slices.Sorted(maps.Keys(failures)) {
		fmt.Fprintf(b, "  %d of the %s\n", failures[text], text)
	}
	fmt.Fprintf(b, "\nResult: %s.\n", r.sentence())
	if r.Exported != "" {
		fmt.Fprintf(b, "Kept: %s, run %s\n", r.Exported, r.RunID)
	}
	if r.Committed != nil {
		fmt.Fprintf(b, "Committed: %s@%s, %s\n", r.Committed.Prompt, r.Committed.Version, r.Committed.File)
	}
}

func (r *Result) sentence() string {
	switch r.Outcome {
	case OutcomeRepeated:
		return fmt.Sprintf("the unchanged request was repeated %d times", r.Arms[0].Answered)
	case OutcomeFailed:
		return "failed: not all arms were answered"
	case Better:
		return "the change is better on at least one quality score; none is significantly worse"
	case Worse:
		return "the change is worse"
	case Equal:
		return "no quality score differs between the arms in any run"
	case NotEnoughRuns:
		return "not enough runs to tell; repeat with a larger -n"
	case OutcomeChecked:
		return "the call can be replayed; nothing was sent"
	case OutcomeUnfaithful:
		return "the request cannot be restored faithfully; nothing was sent"
	}
	return r.Outcome
}
