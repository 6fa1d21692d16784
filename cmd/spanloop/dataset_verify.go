// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/dataset/store"
	"github.com/spanloop/spanloop/internal/report"
)

// verifyFlags are those of dataset verify.
type verifyFlags struct {
	repair bool
	dataset.RepairOptions
}

func newDatasetVerifyCommand(a *app) *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Compare every file with the manifest, and repair what can be",
		Long: `Reads every file and compares it with the manifest: missing, truncated, altered
(SHA-256), another number of rows, stored twice, moved, in a folder that its rows
do not belong in, named by no manifest, left unfinished by a crash; and looks for
messages that spans refer to and no file holds. Exit code 1 when something is found.

With --repair it removes unfinished files, moves files back to where they are
missing and what is no part of the dataset to _quarantine, and names files again
whose manifest entry is broken. No row of the dataset is lost by that; files that
are missing or damaged stay in the manifest unless --accept-loss says otherwise.`,
		Example: "  spanloop dataset verify && echo sound\n  spanloop dataset verify --repair --dry-run",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return f.run(cmd.Context(), a) },
	}
	cmd.Flags().BoolVar(&f.repair, "repair", false, "repair what can be repaired safely")
	cmd.Flags().BoolVar(&f.DryRun, "dry-run", false, "only say what --repair would do")
	cmd.Flags().BoolVar(&f.AcceptLoss, "accept-loss", false, "with --repair, take missing and damaged files out of the manifest")
	cmd.Flags().DurationVar(&f.MinAge, "min-age", store.StaleAfter, "--repair leaves files alone that no manifest names and that are younger than this `duration`")
	return cmd
}

func (f *verifyFlags) run(ctx context.Context, a *app) error {
	if !f.repair && (f.DryRun || f.AcceptLoss) {
		return usage(errors.New("--dry-run and --accept-loss say how to --repair: give that too"))
	}
	d, err := dataset.Open(a.Dataset)
	if err != nil {
		return err
	}
	defer d.Close()
	v, err := d.Verify(ctx)
	if err != nil {
		return err
	}
	result := verification{Verification: v, Repairs: []dataset.Step{}}
	if f.repair && len(v.Findings) > 0 {
		if result.Repairs, err = d.Repair(ctx, v.Findings, f.RepairOptions); err != nil {
			return errors.Join(err, result.write(a))
		}
		if !f.DryRun {
			if result.Verification, err = d.Verify(ctx); err != nil {
				return err
			}
		}
	}
	if err := result.write(a); err != nil {
		return err
	}
	if len(result.Findings) > 0 {
		return &exitError{Code: exitFinding}
	}
	return nil
}

// verification is what the command prints: the state after the repairs.
type verification struct {
	dataset.Verification
	Repairs []dataset.Step `json:"repairs"`
}

func (v verification) write(a *app) error {
	if a.Format == string(report.FormatJSON) {
		if v.Findings == nil {
			v.Findings = []dataset.Finding{}
		}
		if v.Remarks == nil {
			v.Remarks = []dataset.Finding{}
		}
		return report.WriteJSON(a.Out, "spanloop.dataset.verify/1", v)
	}
	options := report.Options{Color: a.options().Color, MaxCell: 160}
	return v.table().Write(a.Out, report.Format(a.Format), options)
}

// table has a line for each repair, finding and remark.
func (v verification) table() *report.Table {
	t := &report.Table{
		Title:   fmt.Sprintf("%d files, %d rows, %d bytes: %d findings", v.Files, v.Rows, v.Bytes, len(v.Findings)),
		Columns: []report.Column{{Name: "finding"}, {Name: "path"}, {Name: "detail"}, {Name: "what to do"}},
	}
	for _, s := range v.Repairs {
		done := "not done"
		if s.Done {
			done = "done"
		}
		t.Rows = append(t.Rows, []report.Cell{report.Text("repair: " + s.Action), report.Text(s.Path), report.Text(s.Detail), report.Text(done)})
	}
	for _, f := range v.Findings {
		t.Rows = append(t.Rows, []report.Cell{{Text: f.Kind, Value: f.Kind, Style: report.Bad}, report.Text(f.Path), report.Text(f.Detail), report.Text(f.Advice)})
	}
	for _, f := range v.Remarks {
		t.Rows = append(t.Rows, []report.Cell{report.Text("remark: " + f.Kind), report.Text(f.Path), report.Text(f.Detail), report.Text(f.Advice)})
	}
	if len(t.Rows) == 0 {
		t.Columns = nil
	}
	return t
}
