// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/report"
)

func newDatasetCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dataset",
		Short: "Describe, verify, compact, prune and export the dataset",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDatasetInfoCommand(a), newDatasetVerifyCommand(a), newDatasetCompactCommand(a), newDatasetPruneCommand(a), newDatasetExportCommand(a))
	return cmd
}

func newDatasetInfoCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "info",
		Short:   "Rows, files, bytes and times of each table, from the manifest",
		Example: "  spanloop dataset info --dataset /data/spanloop",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d, err := dataset.Open(a.Dataset)
			if err != nil {
				return err
			}
			info, err := d.Info(cmd.Context())
			if err != nil {
				return err
			}
			if a.Format == string(report.FormatJSON) {
				return report.WriteJSON(a.Out, "spanloop.dataset.info/1", info)
			}
			return infoTable(info).Write(a.Out, report.Format(a.Format), a.options())
		},
	}
}

func infoTable(info dataset.Info) *report.Table {
	t := &report.Table{
		Title: fmt.Sprintf("%s (format %d)", info.Root, info.Format),
		Columns: []report.Column{
			{Name: "table"}, {Name: "rows", Align: report.Right}, {Name: "files", Align: report.Right},
			{Name: "partitions", Align: report.Right}, {Name: "bytes", Align: report.Right}, {Name: "from"}, {Name: "to"},
		},
	}
	for _, table := range info.Tables {
		t.Rows = append(t.Rows, []report.Cell{
			report.Text(table.Table), report.Number(table.Rows, "%d"), report.Number(table.Files, "%d"),
			report.Number(table.Partitions, "%d"), report.Number(table.Bytes, "%d"),
			report.Text(moment(table.MinTime)), report.Text(moment(table.MaxTime)),
		})
	}
	if info.Rejected > 0 {
		t.Notes = append(t.Notes, fmt.Sprintf("%d reject files in _rejected: spans that could not be rows, with their reasons", info.Rejected))
	}
	return t
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateTime)
}
