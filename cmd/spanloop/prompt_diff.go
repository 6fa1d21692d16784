// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/report"
)

// promptDiff compares two versions of a prompt.
type promptDiff struct {
	Prompt  string            `json:"prompt"`
	A       versionInfo       `json:"a"`
	B       versionInfo       `json:"b"`
	Same    bool              `json:"same"`
	Changes []registry.Change `json:"changes"`
	Unified string            `json:"unified"`
}

func newPromptDiffCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "diff NAME A B",
		Short: "What changed between two versions of a prompt",
		Long: `Compares messages, partials, parameters and response format: as a list of changes
and as a unified diff.

Exit codes: 0 the same content, 1 different content, 2 bad usage.`,
		Example: "  spanloop prompt diff support-agent v3.1 v3.2\n  spanloop prompt diff support-agent v3.1 v3.2 --format json",
		Args:    cobra.ExactArgs(3),
		RunE: func(_ *cobra.Command, args []string) error {
			d, err := a.diffPrompt(args[0], args[1], args[2])
			if err != nil {
				return err
			}
			if a.Format == string(report.FormatJSON) {
				err = report.WriteJSON(a.Out, "spanloop.prompt.diff/1", d)
			} else {
				err = a.document(d.document())
			}
			if err == nil && !d.Same {
				return &exitError{Code: exitFinding}
			}
			return err
		},
		ValidArgsFunction: a.completePrompts(3),
	}
}

func (a *app) diffPrompt(name, before, after string) (*promptDiff, error) {
	snapshot, err := a.loadRegistry()
	if err != nil {
		return nil, err
	}
	p, err := findPrompt(snapshot, name)
	if err != nil {
		return nil, err
	}
	x, err := findVersion(p, before)
	if err != nil {
		return nil, err
	}
	y, err := findVersion(p, after)
	if err != nil {
		return nil, err
	}
	unified, changes := registry.DiffVersions(x, y)
	return &promptDiff{
		Prompt: p.Name, A: newVersionInfo(x), B: newVersionInfo(y), Same: x.Hash == y.Hash, Changes: notNil(changes), Unified: unified,
	}, nil
}

func (d *promptDiff) document() document {
	out := document{title: fmt.Sprintf("%s: %s → %s", d.Prompt, d.A.Version, d.B.Version)}
	if d.Same {
		out.parts = append(out.parts, part{lines: []report.Cell{report.Text("the content is the same (" + registry.ShortHash(d.A.Hash) + ")")}})
	}
	changes := changeTable(d.Changes)
	out.csv = changes
	if len(d.Changes) > 0 {
		out.parts = append(out.parts, part{table: changes})
	}
	if lines := diffLines(d.Unified); lines != nil {
		out.parts = append(out.parts, part{lines: lines})
	}
	return out
}
