// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/report"
)

// Kinds of findings of `tool check`.
const (
	toolUnregistered = "unregistered"
	toolChanged      = "changed"
	toolRenamed      = "renamed"
)

// toolFinding is a definition in traffic that nobody registered.
type toolFinding struct {
	Kind    string `json:"kind"`
	Tool    string `json:"tool"`
	Version string `json:"version"`
	// ComparedWith is the version before, or for a rename NAME@VERSION.
	ComparedWith string            `json:"compared_with"`
	Changes      []registry.Change `json:"changes"`
	FirstSeen    *time.Time        `json:"first_seen"`
	LastSeen     *time.Time        `json:"last_seen"`
	Calls        int64             `json:"calls"`
	Executions   int64             `json:"executions"`
	Prompts      []toolUser        `json:"prompts"`
	Text         string            `json:"text"`
}

func newToolCheckCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "check [NAME]...",
		Short: "Find definitions that changed in traffic without a registered version",
		Long: `Looks at the definitions that production calls between --since and --until offered, of
all tools or of the named ones, and finds those that changed without anybody
registering them: of a registered tool one that is no version of it (unregistered), of
another tool one that came after a different one (changed), and one that is the
definition of another tool under a new name (renamed). Each with what a model may do
differently and the prompts that it reaches. For continuous integration and alerts.

Exit codes: 0 nothing, 1 a finding, 2 bad usage.`,
		Example: "  spanloop tool check --since 24h\n  spanloop tool check refund_order search_docs --format json",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			tools, err := a.toolHistories(cmd.Context())
			if err != nil {
				return err
			}
			for _, name := range args {
				if _, err := findTool(tools, name); err != nil {
					return err
				}
			}
			noteRenames(tools)
			findings, checked := checkTools(tools, args)
			if a.Format == string(report.FormatJSON) {
				err = report.WriteJSON(a.Out, "spanloop.tool.check/1", map[string]any{"tools": checked, "findings": findings})
			} else {
				err = toolCheckTable(checked, findings).Write(a.Out, report.Format(a.Format), a.wholeCells())
			}
			if err == nil && len(findings) > 0 {
				return &exitError{Code: exitFinding}
			}
			return err
		},
		ValidArgsFunction: func(cmd *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
			return a.completeTools(1)(cmd, nil, word)
		},
	}
}

// checkTools finds what changed, among the named tools or all; and counts them.
func checkTools(tools []*toolHistory, names []string) ([]toolFinding, int) {
	findings, checked := []toolFinding{}, 0
	for _, h := range tools {
		if len(names) > 0 && !slices.Contains(names, h.name) {
			continue
		}
		checked++
		for i, v := range h.versions {
			if v.Calls == 0 || v.registered != nil || v.NamesOnly {
				continue
			}
			if f, ok := h.finding(tools, i); ok {
				findings = append(findings, f)
			}
		}
	}
	return findings, checked
}

// finding says what an unregistered version changed; false when it is the first of
// a tool that nobody registered.
func (h *toolHistory) finding(tools []*toolHistory, at int) (toolFinding, bool) {
	v := h.versions[at]
	f := toolFinding{
		Tool: h.name, Version: v.Version, Changes: []registry.Change{}, FirstSeen: v.FirstSeen, LastSeen: v.LastSeen,
		Calls: v.Calls, Executions: v.Executions, Prompts: v.Prompts,
	}
	before := h.latestRegistered()
	if before != nil {
		f.Kind = toolUnregistered
	} else if before = h.definedBefore(at); before != nil {
		f.Kind = toolChanged
	}
	switch {
	case before != nil:
		f.ComparedWith = before.Version
	case v.RenamedFrom != "":
		f.Kind, f.ComparedWith = toolRenamed, v.RenamedFrom
		before = versionNamed(tools, v.RenamedFrom)
	default:
		return f, false
	}
	if before != nil && len(before.Definition) > 0 && len(v.Definition) > 0 {
		f.Changes = notNil(registry.DiffTools(before.comparable(), v.comparable()))
	}
	f.Text = f.sentence()
	return f, true
}

func (f *toolFinding) sentence() string {
	seen := fmt.Sprintf("%d calls", f.Calls)
	if f.FirstSeen != nil {
		seen += " since " + moment(*f.FirstSeen)
	}
	changes := changeSummary(f.Changes)
	if changes != "" {
		changes = ": " + changes
	}
	switch f.Kind {
	case toolRenamed:
		return fmt.Sprintf("%s@%s is %s under another name, in %s", f.Tool, f.Version, f.ComparedWith, seen)
	case toolUnregistered:
		return fmt.Sprintf("%s@%s is offered in %s and not registered; since %s%s", f.Tool, f.Version, seen, f.ComparedWith, changes)
	}
	return fmt.Sprintf("%s@%s is offered in %s instead of %s%s", f.Tool, f.Version, seen, f.ComparedWith, changes)
}

func (h *toolHistory) latestRegistered() *toolVersion {
	for i := len(h.versions) - 1; i >= 0; i-- {
		if h.versions[i].registered != nil {
			return h.versions[i]
		}
	}
	return nil
}

// definedBefore is the version before one.
func (h *toolHistory) definedBefore(at int) *toolVersion {
	for i := at - 1; i >= 0; i-- {
		if !h.versions[i].NamesOnly {
			return h.versions[i]
		}
	}
	return nil
}

// versionNamed is the version that NAME@VERSION names; nil for none.
func versionNamed(tools []*toolHistory, label string) *toolVersion {
	for _, h := range tools {
		for _, v := range h.versions {
			if v.Name+"@"+v.Version == label {
				return v
			}
		}
	}
	return nil
}

func toolCheckTable(checked int, findings []toolFinding) *report.Table {
	t := &report.Table{
		Title: fmt.Sprintf("%d tools, findings %d", checked, len(findings)),
		Columns: []report.Column{
			{Name: "finding"}, {Name: "tool"}, {Name: "version"}, {Name: "compared_with", Title: "compared with"}, {Name: "first_seen", Title: "first seen"},
			{Name: "last_seen", Title: "last seen"}, {Name: "calls", Align: report.Right}, {Name: "prompts"}, {Name: "changes"},
		},
	}
	for _, f := range findings {
		t.Rows = append(t.Rows, []report.Cell{
			{Text: f.Kind, Value: f.Kind, Style: report.Bad}, {Text: f.Tool, Value: f.Tool, Style: report.Strong}, report.Text(f.Version), report.Text(f.ComparedWith),
			seenCell(f.FirstSeen), seenCell(f.LastSeen), report.Number(f.Calls, "%d"), report.Text(usersText(f.Prompts)), report.Text(changeSummary(f.Changes)),
		})
	}
	return t
}
