// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/report"
)

// toolInfo is one tool in `tool list`.
type toolInfo struct {
	Name string `json:"name"`
	// From is where it is known from: registry, traffic, or both.
	From     string `json:"from"`
	Versions int    `json:"versions"`
	Latest   string `json:"latest"`
	// Unregistered is the number of versions that are only known from traffic.
	Unregistered int        `json:"unregistered"`
	FirstSeen    *time.Time `json:"first_seen,omitempty"`
	LastSeen     *time.Time `json:"last_seen,omitempty"`
	Calls        int64      `json:"calls"`
	Executions   int64      `json:"executions"`
	Prompts      []string   `json:"prompts"`
	RenamedFrom  string     `json:"renamed_from,omitempty"`
}

func newToolListCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "All tools, registered or seen, with their latest version and who is offered them",
		Long: `Lists tools of the registry and of the dataset: how many versions each has, when it
was first and last offered to a model, by how many calls and which prompts, and
how often it was executed. --since and --until bound the spans that count.`,
		Example: "  spanloop tool list\n  spanloop tool list --since 7d --format json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			tools, err := a.toolHistories(cmd.Context())
			if err != nil {
				return err
			}
			noteRenames(tools)
			list := []toolInfo{}
			for _, h := range tools {
				list = append(list, h.info())
			}
			if a.Format == string(report.FormatJSON) {
				return report.WriteJSON(a.Out, "spanloop.tool.list/1", map[string]any{"tools": list})
			}
			return a.print(toolTable(list))
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
}

func (h *toolHistory) info() toolInfo {
	info := toolInfo{Name: h.name, Prompts: []string{}}
	registered := false
	for _, v := range h.versions {
		if !v.NamesOnly {
			info.Versions++
			info.Latest = v.Version
		}
		if v.registered != nil {
			registered = true
		} else if !v.NamesOnly {
			info.Unregistered++
		}
		info.Calls += v.Calls
		info.Executions += v.Executions
		if v.FirstSeen != nil && (info.FirstSeen == nil || v.FirstSeen.Before(*info.FirstSeen)) {
			info.FirstSeen = v.FirstSeen
		}
		if v.LastSeen != nil && (info.LastSeen == nil || v.LastSeen.After(*info.LastSeen)) {
			info.LastSeen = v.LastSeen
		}
		if name, _, _ := strings.Cut(v.RenamedFrom, "@"); name != "" {
			info.RenamedFrom = name
		}
		for _, user := range v.Prompts {
			if user.Prompt != "" && !slices.Contains(info.Prompts, user.Prompt) {
				info.Prompts = append(info.Prompts, user.Prompt)
			}
		}
	}
	slices.Sort(info.Prompts)
	switch {
	case !registered:
		info.From = fromTraffic
	case info.FirstSeen == nil:
		info.From = fromRegistry
	default:
		info.From = fromBoth
	}
	return info
}

func toolTable(list []toolInfo) *report.Table {
	t := &report.Table{
		Title: fmt.Sprintf("%d tools", len(list)),
		Columns: []report.Column{
			{Name: "tool"}, {Name: "versions", Align: report.Right}, {Name: "latest"}, {Name: "from"}, {Name: "first_seen", Title: "first seen"},
			{Name: "last_seen", Title: "last seen"}, {Name: "calls", Align: report.Right}, {Name: "executions", Align: report.Right},
			{Name: "prompts"}, {Name: "remark"},
		},
	}
	for _, info := range list {
		var remarks []string
		if info.Unregistered > 0 && info.From != fromTraffic {
			remarks = append(remarks, fmt.Sprintf("%d not registered", info.Unregistered))
		}
		if info.RenamedFrom != "" {
			remarks = append(remarks, "renamed from "+info.RenamedFrom)
		}
		if info.Versions == 0 {
			remarks = append(remarks, "spans hold its name only: no version")
		}
		t.Rows = append(t.Rows, []report.Cell{
			{Text: info.Name, Value: info.Name, Style: report.Strong}, report.Number(info.Versions, "%d"), report.Text(info.Latest), report.Text(info.From),
			seenCell(info.FirstSeen), seenCell(info.LastSeen), report.Number(info.Calls, "%d"), report.Number(info.Executions, "%d"),
			report.Text(strings.Join(info.Prompts, ", ")), report.Text(strings.Join(remarks, "; ")),
		})
	}
	return t
}

// seenCell is empty for what was never seen.
func seenCell(t *time.Time) report.Cell {
	if t == nil {
		return report.Cell{}
	}
	return timeCell(*t)
}

// completeTools completes tool names and, behind one, its versions.
func (a *app) completeTools(most int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		quiet := *a
		quiet.Quiet = true
		tools, err := quiet.toolHistories(cmd.Context())
		if err != nil || len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for _, h := range tools {
			switch {
			case len(args) == 0:
				names = append(names, h.name)
			case h.name == args[0]:
				for _, v := range h.versions {
					names = append(names, v.Version)
				}
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}
