// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/report"
)

// pruneFlags are those of dataset prune.
type pruneFlags struct {
	olderThan, maxSize string
	dataset.PruneOptions
}

func newDatasetPruneCommand(a *app) *cobra.Command {
	var f pruneFlags
	cmd := &cobra.Command{
		Use:   "prune",
		Short: "Remove spans by age, by prompt and version, or by size",
		Long: `Removes the spans that meet all conditions given, with their scores, their content
from log events, the messages that no other span of their partition refers to, and
the texts of prompt versions that have no span left. --since and --until are
conditions too; one of --older-than, --until, --prompt and --max-size has to be given.

Collectors write and readers read meanwhile: one manifest entry takes spans out
together with their scores. What goes is no part of the dataset at once; its files
are deleted by the first run of prune or compact after --grace. A run that is cut
off leaves a whole dataset, and the same command finishes it.`,
		Example: `  spanloop dataset prune --older-than 90d --dry-run
  spanloop dataset prune --prompt support-agent --prompt-version 3.1
  spanloop dataset prune --max-size 50GB
  spanloop dataset prune --older-than 30d --grace 0s   # nobody reads: delete the files at once`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.check(a); err != nil {
				return err
			}
			return f.run(cmd.Context(), a)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.olderThan, "older-than", "", "only spans that started before this `time`: 90d, 12w, 36h, or a date")
	flags.StringVar(&f.Prompt, "prompt", "", "only spans of this `prompt`; "+dataset.Unresolved+" for those of none")
	flags.StringVar(&f.Version, "prompt-version", "", "only spans of this `version` of --prompt")
	flags.StringVar(&f.maxSize, "max-size", "", "only so many, the oldest first, that the dataset has at most this `size`")
	flags.BoolVar(&f.DryRun, "dry-run", false, "count what would go, change nothing")
	flags.DurationVar(&f.Grace, "grace", dataset.DefaultGrace, "how long removed files stay for who reads them")
	return cmd
}

// check makes options of the flags.
func (f *pruneFlags) check(a *app) (err error) {
	if f.Grace < 0 {
		return usage(fmt.Errorf("--grace: %s is below zero", f.Grace))
	}
	if f.maxSize != "" {
		if f.MaxBytes, err = parseBytes(f.maxSize); err != nil {
			return usage(fmt.Errorf("--max-size: %w", err))
		}
	}
	if f.Since, f.Until, err = a.window(); err != nil {
		return err
	}
	before, err := a.moment("--older-than", f.olderThan)
	if err != nil {
		return err
	}
	if f.olderThan != "" && !before.Before(a.Now()) {
		return usage(fmt.Errorf("--older-than %s would take all spans there are; if that is what you want, say so with --until and a time to come", f.olderThan))
	}
	if f.olderThan != "" && (f.Until.IsZero() || before.Before(f.Until)) {
		f.Until = before
	}
	if !f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until) {
		return usage(fmt.Errorf("no span is from --since %s on and before %s", a.Since, f.Until.Format(time.RFC3339)))
	}
	switch {
	case f.Version != "" && f.Prompt == "":
		return usage(errors.New("--prompt-version needs its --prompt"))
	case f.Until.IsZero() && f.Prompt == "" && f.MaxBytes == 0:
		return usage(errors.New("what is to go? give --older-than, --until, --prompt or --max-size; --dry-run shows what it means"))
	}
	return nil
}

func (f *pruneFlags) run(ctx context.Context, a *app) error {
	d, err := dataset.Open(a.Dataset)
	if err != nil {
		return err
	}
	defer d.Close()
	p, err := d.Prune(ctx, f.PruneOptions)
	if err != nil {
		return err
	}
	if err := f.write(a, p); err != nil {
		return err
	}
	if len(p.Skipped) > 0 {
		return &exitError{Code: exitFinding}
	}
	return nil
}

func (f *pruneFlags) write(a *app, p dataset.Pruning) error {
	if p.Prompts == nil {
		p.Prompts = []dataset.PromptPruning{}
	}
	if p.Skipped == nil {
		p.Skipped = []dataset.Finding{}
	}
	if a.Format == string(report.FormatJSON) {
		return report.WriteJSON(a.Out, "spanloop.dataset.prune/1", p)
	}
	tables := pruneTables(p)
	d := document{title: f.title(p), csv: tables}
	if len(p.Prompts) > 0 || len(tables.Rows) > 0 {
		d.parts = append(d.parts, part{table: tables})
	}
	if len(p.Prompts) > 0 {
		d.parts = append(d.parts, part{title: "Spans by prompt", table: prunePrompts(p.Prompts)})
	}
	if notes := f.notes(p); len(notes) > 0 {
		d.parts = append(d.parts, part{lines: notes})
	}
	return a.document(d)
}

// title says what went in one line.
func (f *pruneFlags) title(p dataset.Pruning) string {
	rows := int64(p.Rejected)
	for _, t := range p.Tables {
		rows += t.Rows
	}
	switch {
	case rows == 0 && f.MaxBytes > 0 && p.BytesBefore <= f.MaxBytes:
		return fmt.Sprintf("Nothing to prune: the dataset has %d bytes", p.BytesBefore)
	case rows == 0:
		return "Nothing to prune: no span meets the conditions"
	case p.DryRun:
		return fmt.Sprintf("Dry run, nothing was changed: %d of %d bytes would go, about", p.BytesBefore-p.BytesAfter, p.BytesBefore)
	}
	return fmt.Sprintf("%d bytes before, %d after", p.BytesBefore, p.BytesAfter)
}

func pruneTables(p dataset.Pruning) *report.Table {
	t := &report.Table{Columns: []report.Column{
		{Name: "table"}, {Name: "rows", Title: "rows gone", Align: report.Right}, {Name: "files", Title: "files gone", Align: report.Right},
		{Name: "bytes", Align: report.Right}, {Name: "rewritten_files", Title: "rewritten", Align: report.Right},
		{Name: "rewritten_bytes_before", Title: "bytes before", Align: report.Right}, {Name: "rewritten_bytes_after", Title: "after", Align: report.Right},
		{Name: "rows_left", Title: "rows left", Align: report.Right}, {Name: "oldest_left", Title: "from"}, {Name: "newest_left", Title: "to"},
	}}
	for _, n := range p.Tables {
		if n.Rows == 0 {
			continue
		}
		t.Rows = append(t.Rows, []report.Cell{
			report.Text(n.Table), report.Number(n.Rows, "%d"), report.Number(n.Files, "%d"), report.Number(n.Bytes, "%d"),
			report.Number(n.Rewritten, "%d"), report.Number(n.BytesBefore, "%d"), report.Number(n.BytesAfter, "%d"),
			report.Number(n.RowsLeft, "%d"), report.Text(moment(n.OldestLeft)), report.Text(moment(n.NewestLeft)),
		})
	}
	return t
}

// shownPrompts bounds the versions that are printed; JSON has them all.
const shownPrompts = 20

func prunePrompts(prompts []dataset.PromptPruning) *report.Table {
	t := &report.Table{Columns: []report.Column{
		{Name: "prompt"}, {Name: "version"}, {Name: "rows", Title: "gone", Align: report.Right}, {Name: "rows_left", Title: "left", Align: report.Right},
	}}
	for _, n := range prompts[:min(len(prompts), shownPrompts)] {
		t.Rows = append(t.Rows, []report.Cell{
			report.Text(n.Prompt), report.Text(n.Version), report.Number(n.Rows, "%d"), report.Number(n.RowsLeft, "%d"),
		})
	}
	if more := len(prompts) - shownPrompts; more > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%d more versions; --format json lists them", more))
	}
	return t
}

// notes are remarks about what is left to do.
func (f *pruneFlags) notes(p dataset.Pruning) (lines []report.Cell) {
	add := func(style report.Style, format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		lines = append(lines, report.Cell{Text: text, Value: text, Style: style})
	}
	if f.MaxBytes > 0 && p.BytesAfter > f.MaxBytes {
		add(report.Plain, "%d bytes are left, more than --max-size %s: no more spans meet the conditions, or the rest goes in a later run", p.BytesAfter, f.maxSize)
	}
	if p.WaitingMessages > 0 {
		add(report.Plain, "%d messages are needed no more; they stay until their files are two hours old, the first run after that removes them", p.WaitingMessages)
	}
	if p.Rejected > 0 {
		add(report.Plain, "%d reject files of that time", p.Rejected)
	}
	if p.Deleted > 0 {
		add(report.Plain, "%d removed files were deleted", p.Deleted)
	}
	if p.Waiting > 0 {
		add(report.Plain, "%d removed files (%d bytes) stay for their readers; the first run after --grace deletes them", p.Waiting, p.WaitingBytes)
	}
	for _, s := range p.Skipped {
		add(report.Bad, "left as it is: %s: %s: %s", s.Path, s.Kind, s.Detail)
	}
	return lines
}
