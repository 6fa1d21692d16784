// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/report"
)

// loggedTool is a version with what changed since the one before it.
type loggedTool struct {
	toolVersion
	ComparedWith string            `json:"compared_with,omitempty"`
	Changes      []registry.Change `json:"changes"`
}

func newToolLogCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "log NAME",
		Short: "Versions of a tool, newest first: registered when, seen when, what changed",
		Long: `Lists every definition that a tool ever had, whether it was registered or only seen
in traffic: when it was made and by whom, when it was first and last offered, by
how many calls of which prompts, and what it changed in the definition before it.`,
		Example: "  spanloop tool log refund_order\n  spanloop tool log refund_order --format json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			tools, err := a.toolHistories(cmd.Context())
			if err != nil {
				return err
			}
			noteRenames(tools)
			h, err := findTool(tools, args[0])
			if err != nil {
				return err
			}
			log := h.log()
			if a.Format == string(report.FormatJSON) {
				return report.WriteJSON(a.Out, "spanloop.tool.log/1", map[string]any{"tool": h.name, "versions": log})
			}
			return toolLogTable(h.name, log).Write(a.Out, report.Format(a.Format), a.wholeCells())
		},
		ValidArgsFunction: a.completeTools(1),
	}
}

func (h *toolHistory) log() []loggedTool {
	log := []loggedTool{}
	var before *toolVersion
	for _, v := range h.versions {
		logged := loggedTool{toolVersion: *v, Changes: []registry.Change{}}
		if len(v.Definition) > 0 {
			if before != nil {
				logged.ComparedWith = before.Version
				logged.Changes = notNil(registry.DiffTools(before.comparable(), v.comparable()))
			}
			before = v
		}
		log = append(log, logged)
	}
	slices.Reverse(log)
	return log
}

func toolLogTable(name string, log []loggedTool) *report.Table {
	t := &report.Table{
		Title: fmt.Sprintf("%s: %d versions", name, len(log)),
		Columns: []report.Column{
			{Name: "version"}, {Name: "from"}, {Name: "time"}, {Name: "author"}, {Name: "message"}, {Name: "first_seen", Title: "first seen"},
			{Name: "last_seen", Title: "last seen"}, {Name: "calls", Align: report.Right}, {Name: "executions", Align: report.Right},
			{Name: "prompts"}, {Name: "changes"},
		},
	}
	for _, v := range log {
		version := v.Version
		if v.NamesOnly {
			version = "(name only)"
		}
		changes := changeSummary(v.Changes)
		if v.ComparedWith != "" && changes != "" {
			changes = "since " + v.ComparedWith + ": " + changes
		}
		if v.RenamedFrom != "" {
			changes = strings.TrimPrefix(changes+"; renamed from "+v.RenamedFrom, "; ")
		}
		t.Rows = append(t.Rows, []report.Cell{
			{Text: version, Value: version, Style: report.Strong}, report.Text(v.From), seenCell(v.Time), report.Text(v.Author), report.Text(v.Message),
			seenCell(v.FirstSeen), seenCell(v.LastSeen), report.Number(v.Calls, "%d"), report.Number(v.Executions, "%d"),
			report.Text(usersText(v.Prompts)), report.Text(changes),
		})
	}
	return t
}

// usersText is "support-agent@v3.1 (912), support-agent@v3.2 (88)".
func usersText(users []toolUser) string {
	var parts []string
	for i, u := range users {
		if i == 6 {
			parts = append(parts, fmt.Sprintf("%d more", len(users)-i))
			break
		}
		parts = append(parts, fmt.Sprintf("%s (%d)", u.name(), u.Calls))
	}
	return strings.Join(parts, ", ")
}

func (u toolUser) name() string {
	switch {
	case u.Prompt == "":
		return "no prompt"
	case u.Version == "":
		return u.Prompt
	}
	return u.Prompt + "@" + u.Version
}
