// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/report"
)

func newPromptCheckCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Read the whole registry and say what is refused, with file, line and reason",
		Long: `Reads all prompts, partials, tools and releases as a collector does, and lists what
it refuses (errors) and what deserves attention (warnings). For continuous
integration of a registry that lives in git.

Exit codes: 0 nothing is refused, 2 something is.`,
		Example: "  spanloop prompt check --registry prompts/",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			snapshot, problems := registry.Load(a.Registry)
			refused := 0
			for _, p := range problems {
				if !p.Warning {
					refused++
				}
			}
			if err := a.checked(snapshot, problems, refused); err != nil {
				return err
			}
			if refused > 0 {
				return &exitError{Code: exitUsage}
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
}

func (a *app) checked(s *registry.Snapshot, problems []registry.Problem, refused int) error {
	list := newProblems(problems)
	versions := 0
	for _, p := range s.Prompts() {
		versions += len(p.Versions)
	}
	if a.Format == string(report.FormatJSON) {
		return report.WriteJSON(a.Out, "spanloop.prompt.check/1", struct {
			Registry string        `json:"registry"`
			Prompts  int           `json:"prompts"`
			Versions int           `json:"versions"`
			Partials int           `json:"partials"`
			Tools    int           `json:"tools"`
			Refused  int           `json:"refused"`
			Problems []problemInfo `json:"problems"`
		}{a.Registry, len(s.Prompts()), versions, len(s.Partials()), len(s.Tools()), refused, list})
	}
	t := &report.Table{
		Title: fmt.Sprintf("prompts %d, versions %d, partials %d, tools %d; problems %d, refused %d",
			len(s.Prompts()), versions, len(s.Partials()), len(s.Tools()), len(problems), refused),
		Columns: []report.Column{{Name: "level"}, {Name: "file"}, {Name: "line", Align: report.Right}, {Name: "problem"}},
	}
	for _, p := range list {
		style, line := report.Bad, report.Cell{}
		if p.Level == "warning" {
			style = report.Muted
		}
		if p.Line > 0 {
			line = report.Number(p.Line, "%d")
		}
		t.Rows = append(t.Rows, []report.Cell{{Text: p.Level, Value: p.Level, Style: style}, report.Text(p.File), line, report.Text(p.Problem)})
	}
	if len(t.Rows) == 0 && a.Format == string(report.FormatTable) {
		t.Columns = nil
	}
	o := a.options()
	o.MaxCell = 160
	return t.Write(a.Out, report.Format(a.Format), o)
}
