// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/report"
)

func newDatasetCompactCommand(a *app) *cobra.Command {
	var options dataset.CompactOptions
	var target string
	cmd := &cobra.Command{
		Use:   "compact",
		Short: "Merge small files into few, and write late identity into rows",
		Long: `Merges the small files of each folder, compresses them more, drops rows that stand
twice, moves rows of mixed folders to their own when they are many, and merges the
manifest's entries. Before, it writes into rows what other spans of their trace
reveal: prompt, session, user, version of a tool. Rows whose prompt that changes go to
its folder. Traces of which a span ended within --settle are left for later, other
spans of a trace are looked for within a week around. Collectors write and readers read meanwhile: one manifest entry
puts the new files in the place of the old ones, which are deleted by the first run
after --grace. A run that is cut off has changed nothing or all of a folder; the
next one goes on.`,
		Example: `  spanloop dataset compact
  spanloop dataset compact --dry-run --format json
  spanloop dataset compact --grace 0s   # nobody reads: delete the old files at once`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			bytes, err := parseBytes(target)
			if err != nil {
				return usage(fmt.Errorf("--target-size: %w", err))
			}
			if options.Grace < 0 {
				return usage(fmt.Errorf("--grace: %s is below zero", options.Grace))
			}
			if options.Settle < 0 {
				return usage(fmt.Errorf("--settle: %s is below zero", options.Settle))
			}
			options.TargetBytes = bytes
			d, err := dataset.Open(a.Dataset)
			if err != nil {
				return err
			}
			defer d.Close()
			c, err := d.Compact(cmd.Context(), options)
			if err != nil {
				return err
			}
			if err := writeCompaction(a, c); err != nil {
				return err
			}
			if len(c.Skipped) > 0 {
				return &exitError{Code: exitFinding}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&options.DryRun, "dry-run", false, "count the files that would be merged, change nothing")
	cmd.Flags().DurationVar(&options.Grace, "grace", dataset.DefaultGrace, "how long replaced files stay for who reads them")
	cmd.Flags().DurationVar(&options.Settle, "settle", dataset.DefaultSettle, "how long no span of a trace must have ended until its rows get what its spans reveal")
	cmd.Flags().StringVar(&target, "target-size", "64MB", "`size` that files grow to; those of half of it stay as they are")
	return cmd
}

func writeCompaction(a *app, c dataset.Compaction) error {
	if c.Skipped == nil {
		c.Skipped = []dataset.Finding{}
	}
	if a.Format == string(report.FormatJSON) {
		return report.WriteJSON(a.Out, "spanloop.dataset.compact/1", c)
	}
	t := &report.Table{Columns: []report.Column{
		{Name: "table"}, {Name: "files before", Align: report.Right}, {Name: "after", Align: report.Right},
		{Name: "bytes before", Align: report.Right}, {Name: "after", Align: report.Right},
		{Name: "rows", Align: report.Right}, {Name: "duplicates", Align: report.Right},
	}}
	for _, n := range c.Tables {
		if n.FilesBefore == 0 {
			continue
		}
		t.Rows = append(t.Rows, []report.Cell{
			report.Text(n.Table), report.Number(n.FilesBefore, "%d"), report.Number(n.FilesAfter, "%d"),
			report.Number(n.BytesBefore, "%d"), report.Number(n.BytesAfter, "%d"),
			report.Number(n.Rows, "%d"), report.Number(n.Duplicates, "%d"),
		})
	}
	if len(t.Rows) == 0 {
		t.Columns, t.Title = nil, "nothing to merge"
	}
	late := c.Late
	if c.DryRun {
		keepColumns(t, "table", "files before", "bytes before")
		if late.Rows > 0 {
			t.Notes = append(t.Notes, fmt.Sprintf("late identity: %d spans would get what others of their trace reveal, in %d files", late.Rows, late.Files))
		}
		t.Notes = append(t.Notes, "dry run: these files would be merged; nothing was changed")
	} else {
		if late.Rows > 0 {
			t.Notes = append(t.Notes, fmt.Sprintf("late identity: %d spans got what others of their trace reveal, %d of them went to the folder of another prompt; %d files were written anew",
				late.Rows, late.Moved, late.Files))
		}
		t.Notes = append(t.Notes, fmt.Sprintf("manifest entries: %d before, %d after", c.EntriesBefore, c.EntriesAfter))
	}
	if c.Deleted > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%d replaced files were deleted", c.Deleted))
	}
	if c.Waiting > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%d replaced files (%d bytes) stay for their readers; the first run after --grace deletes them", c.Waiting, c.WaitingBytes))
	}
	for _, f := range c.Skipped {
		t.Notes = append(t.Notes, fmt.Sprintf("left as it is: %s: %s: %s", f.Path, f.Kind, f.Detail))
	}
	return t.Write(a.Out, report.Format(a.Format), a.options())
}

// keepColumns drops what a dry run cannot know: how large the new files are.
func keepColumns(t *report.Table, names ...string) {
	kept := *t
	t.Columns, t.Rows = nil, make([][]report.Cell, len(kept.Rows))
	for i, c := range kept.Columns {
		if !slices.Contains(names, c.Name) {
			continue
		}
		t.Columns = append(t.Columns, c)
		for n, row := range kept.Rows {
			t.Rows[n] = append(t.Rows[n], row[i])
		}
	}
}

// byteUnits are what sizes may end with.
var byteUnits = []struct {
	suffix string
	bytes  int64
}{
	{"KIB", 1 << 10}, {"MIB", 1 << 20}, {"GIB", 1 << 30}, {"TIB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// parseBytes reads a size such as 64MB or 50GiB.
func parseBytes(text string) (int64, error) {
	number, unit := strings.ToUpper(strings.TrimSpace(text)), int64(1)
	for _, u := range byteUnits {
		if rest, found := strings.CutSuffix(number, u.suffix); found {
			number, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !(n > 0) || n*float64(unit) >= 1<<62 {
		return 0, fmt.Errorf("%q is no size: a number above zero with B, KB, MB, GB, TB, KiB, MiB, GiB or TiB", text)
	}
	return max(int64(n*float64(unit)), 1), nil
}
