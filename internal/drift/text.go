// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/spanloop/spanloop/internal/report"
	"github.com/spanloop/spanloop/internal/traffic"
)

// WriteText prints the report for a terminal; quiet leaves out what passed and
// what to do next.
func (r *Report) WriteText(w io.Writer, o report.Options, quiet bool) error {
	t := &text{o: o}
	t.line(r.headline(), report.Plain)
	for _, line := range r.basis() {
		t.line(line, report.Muted)
	}
	t.space()
	t.line(strings.ToUpper(string(r.Verdict))+": "+r.Reason, r.Verdict.style())
	for _, line := range r.summary() {
		t.line("  "+line, report.Plain)
	}
	for i := range r.Changes {
		t.space()
		t.change(i+1, &r.Changes[i])
	}
	if r.Inputs.Drifted {
		t.space()
		t.table(channelTable("Inputs", movedOf(r.Inputs.Channels)))
	}
	if len(r.Changes) == 0 && !quiet && len(r.Behaviour.Channels) > 0 {
		t.space()
		t.table(channelTable(r.behaviourTitle(), r.Behaviour.Channels[:min(8, len(r.Behaviour.Channels))]))
	}
	for _, g := range r.Gates {
		if g.Status != traffic.GatePasses || !quiet {
			t.line(fmt.Sprintf("  %s %s: %s", g.Name, g.Status, g.Text), report.Muted)
		}
	}
	if next := r.next(); next != "" && !quiet {
		t.space()
		t.line(next, report.Plain)
	}
	if t.err != nil {
		return t.err
	}
	_, err := io.WriteString(w, t.b.String())
	return err
}

// text collects lines and tables.
type text struct {
	b   strings.Builder
	o   report.Options
	err error
}

func (t *text) space() { t.b.WriteString("\n") }

func (t *text) line(text string, style report.Style) {
	if style == report.Plain || !t.o.Color {
		t.b.WriteString(report.EscapeTerminal(strings.ReplaceAll(text, "\n", " ")) + "\n")
		return
	}
	line := report.Table{Columns: []report.Column{{Name: "line"}}, Rows: [][]report.Cell{{{Text: text, Style: style}}}}
	var b strings.Builder
	if err := line.Write(&b, report.FormatTable, report.Options{Color: true, MaxCell: -1}); err != nil {
		t.err = err
	}
	// The first line is the column's name.
	_, rest, _ := strings.Cut(b.String(), "\n")
	t.b.WriteString(rest)
}

func (t *text) table(table *report.Table) {
	if err := table.Write(&t.b, report.FormatTable, t.o); err != nil {
		t.err = err
	}
}

func (t *text) change(n int, c *Change) {
	t.line(c.title(n), report.Strong)
	t.line("  cause: "+c.Cause.Text, c.Cause.style())
	for _, line := range c.Cause.differences() {
		t.line("    "+line, report.Muted)
	}
	t.table(channelTable("", c.Channels[:min(8, len(c.Channels))]))
	if more := len(c.Channels) - 8; more > 0 {
		t.line(fmt.Sprintf("  and %d more", more), report.Muted)
	}
	if len(c.Examples) > 0 {
		t.table(exampleTable(c.Examples))
	}
}

// title dates a change.
func (c *Change) title(n int) string {
	switch c.DatedBy {
	case ByBehaviour:
		return fmt.Sprintf("Change %d: %s (90%%: %s to %s)", n, stamp(c.At), stamp(c.From), stamp(c.Until))
	case ByCause:
		return fmt.Sprintf("Change %d: %s (when its cause switched; by behaviour alone, 90%%: %s to %s)", n, stamp(c.At), stamp(c.From), stamp(c.Until))
	}
	return fmt.Sprintf("Change %d: between the two windows; no one moment explains it", n)
}

// maxQuoted bounds what is quoted of a tool's definition, in columns.
const maxQuoted = 150

// differences quotes what changed in the definitions of tools.
func (c *Cause) differences() []string {
	var lines []string
	for _, d := range c.Dimensions {
		for _, x := range d.Differences {
			for _, side := range []struct{ sign, text string }{{"- ", x.Before}, {"+ ", x.After}} {
				if side.text != "" && len(lines) < 6 {
					lines = append(lines, side.sign+x.Path+": "+report.Truncate(side.text, maxQuoted))
				}
			}
		}
	}
	return lines
}

func (c *Cause) style() report.Style {
	if c.Kind == CauseRecorded {
		return report.Strong
	}
	return report.Bad
}

func (v Verdict) style() report.Style {
	switch v {
	case NoDrift:
		return report.Good
	case Drift, EvaluatorChanged, Moved:
		return report.Bad
	case InputDriftOnly, CannotTell:
		return report.Strong
	case NoChange, BelowMargin, NotTested, TooFew:
		return report.Muted
	}
	return report.Plain
}

func (r *Report) headline() string {
	text := fmt.Sprintf("drift %s@%s", r.Prompt, orNone(r.Version))
	if r.Environment != "" {
		text += " in " + r.Environment
	}
	return text
}

// basis says on what the report rests.
func (r *Report) basis() []string {
	var lines []string
	for _, w := range []struct {
		name string
		Window
	}{{"baseline", r.Baseline}, {"current ", r.Current}} {
		if w.Calls > 0 {
			lines = append(lines, fmt.Sprintf("%s %s to %s, %s sessions or traces, %s calls", w.name, stamp(w.First), stamp(w.Last), report.Group(int64(w.Clusters)), report.Group(int64(w.Calls))))
		}
	}
	return lines
}

// summary is one line each for evaluators, inputs and behaviour.
func (r *Report) summary() []string {
	if len(r.Behaviour.Channels) == 0 {
		return nil
	}
	evaluators := "evaluators: unchanged"
	if len(r.Evaluators) > 0 {
		var parts []string
		for _, e := range r.Evaluators {
			parts = append(parts, e.Name+" ("+e.Reason+")")
		}
		evaluators = "evaluators: changed: " + strings.Join(parts, "; ")
	}
	inputs := fmt.Sprintf("inputs: no drift in %d channels", len(r.Inputs.Channels))
	if r.Inputs.Drifted {
		inputs = "inputs: drifted: " + strings.Join(movedNames(r.Inputs.Channels), ", ")
	}
	behaviour := fmt.Sprintf("behaviour given the input: no drift in %d channels", len(r.Behaviour.Channels))
	if len(r.Changes) > 0 {
		behaviour = "behaviour given the input: " + plural(len(r.Changes), "change") + " of " + fmt.Sprintf("%d channels", len(r.Behaviour.Channels))
	}
	return []string{evaluators, inputs, behaviour + fmt.Sprintf(" (%s, error rate %.2g over all)", plural(r.Strata.Count, "input group"), r.Alpha)}
}

// next says what to do with a finding.
func (r *Report) next() string {
	for _, c := range r.Changes {
		for _, e := range c.Examples {
			if e.Side == "after" {
				return fmt.Sprintf("replay one: spanloop replay %s:%s", e.TraceID, e.SpanID)
			}
		}
	}
	return ""
}

func movedOf(channels []Channel) []Channel {
	var moved []Channel
	for _, c := range channels {
		if c.Verdict == Moved {
			moved = append(moved, c)
		}
	}
	return moved
}

// behaviourTitle says what the table of all behaviour compares.
func (r *Report) behaviourTitle() string {
	if r.Mode == ModeAutomatic && len(r.Changes) == 0 {
		return "Behaviour given the input, first half before, second half after"
	}
	return "Behaviour given the input, baseline before, current after"
}

// channelTable is one row a channel, for people. The usual wander has a column
// when there is any.
func channelTable(title string, channels []Channel) *report.Table {
	t := &report.Table{Title: title, Columns: []report.Column{
		{Name: "channel"}, {Name: "before", Align: report.Right}, {Name: "after", Align: report.Right}, {Name: "change", Align: report.Right},
		{Name: "95% interval", Align: report.Right}, {Name: "p", Title: "p (Holm)", Align: report.Right}, {Name: "verdict"},
	}}
	wanders := slices.ContainsFunc(channels, func(c Channel) bool { return c.Wander > 1 })
	if wanders {
		t.Columns = append(t.Columns, report.Column{Name: "wander", Title: "usual wander"})
	}
	for i := range channels {
		c := &channels[i]
		verdict := string(c.Verdict)
		if c.Note != "" {
			verdict += ", " + c.Note
		}
		row := []report.Cell{
			report.Text(c.Name), report.Text(c.side(c.Before, 0)), report.Text(c.side(c.After, 1)), report.Text(c.Kind.Change(float64(c.Effect))),
			report.Text(c.Kind.Interval(float64(c.Low), float64(c.High))), report.Text(c.pText()), {Text: verdict, Style: c.Verdict.style()},
		}
		if wanders {
			row = append(row, report.Text(c.wander()))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// side prints one side: for categories the share of the largest mover.
func (c *Channel) side(s Side, g int) string {
	if c.Kind == traffic.KindCategory && len(c.Categories) > 0 {
		share := c.Categories[0].Before
		if g == 1 {
			share = c.Categories[0].After
		}
		return c.Categories[0].Name + " " + traffic.Percent(float64(share))
	}
	return c.Kind.Amount(float64(s.Estimate), c.Unit)
}

func (c *Channel) wander() string {
	if !(c.Wander > 1) {
		return ""
	}
	return fmt.Sprintf("x%.1f", float64(c.Wander))
}

func (c *Channel) pText() string {
	p := float64(c.PAdjusted)
	switch {
	case math.IsNaN(p):
		return traffic.NoNumber
	case p < 0.0005:
		return "<.001"
	}
	text := strings.TrimPrefix(fmt.Sprintf("%.3f", p), "0")
	if c.least {
		// As small as the number of relabelings lets it be.
		return "<" + text
	}
	return text
}

func exampleTable(examples []Example) *report.Table {
	t := &report.Table{Columns: []report.Column{{Name: "example"}, {Name: "trace"}, {Name: "span"}, {Name: "start"}, {Name: "what"}}}
	for _, e := range examples {
		t.Rows = append(t.Rows, []report.Cell{report.Text(e.Side), report.Text(e.TraceID), report.Text(e.SpanID), report.Text(stamp(e.Start)), report.Text(e.What)})
	}
	return t
}
