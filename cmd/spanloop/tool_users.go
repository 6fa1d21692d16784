// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/query"
	"github.com/spanloop/spanloop/internal/report"
)

// toolUsers are a version of a tool and who was offered it.
type toolUsers struct {
	Version   string     `json:"version"`
	Name      string     `json:"name"`
	Hash      string     `json:"hash,omitempty"`
	From      string     `json:"from"`
	FirstSeen *time.Time `json:"first_seen"`
	LastSeen  *time.Time `json:"last_seen"`
	Calls     int64      `json:"calls"`
	// Executions are the tool spans of the version, Failed those that failed.
	Executions  int64      `json:"executions"`
	Failed      int64      `json:"failed_executions"`
	RenamedFrom string     `json:"renamed_from,omitempty"`
	RenamedTo   string     `json:"renamed_to,omitempty"`
	Users       []toolUsed `json:"users"`
}

// toolUsed is a version of a prompt, where it runs, with the calls that offered a
// version of a tool.
type toolUsed struct {
	Prompt      string    `json:"prompt"`
	Version     string    `json:"version"`
	Environment string    `json:"environment"`
	Service     string    `json:"service"`
	Calls       int64     `json:"calls"`
	Traces      int64     `json:"traces"`
	Sessions    int64     `json:"sessions"`
	FirstSeen   time.Time `json:"first_seen"`
	LastSeen    time.Time `json:"last_seen"`
	// Spans are the latest ones, TRACE_ID:SPAN_ID, as `replay` takes them.
	Spans []string `json:"spans"`
}

func newToolUsersCommand(a *app) *cobra.Command {
	spans := 3
	cmd := &cobra.Command{
		Use:   "users NAME [VERSION]",
		Short: "Who was offered a tool: prompts, environments, services and spans, by version",
		Long: `Says what a change of a tool reaches: for each version, or for one, the versions of
prompts whose production calls offered it, in which environment and service, in how
many calls, traces and sessions, since when and until when, the latest of these spans,
and how often it was executed and failed. --since and --until bound the spans that count.`,
		Example: `  spanloop tool users refund_order
  spanloop tool users refund_order v2 --since 7d
  spanloop tool users search_docs 5c0a3d2b91ff --format json | jq -r '.versions[].users[].spans[0]'`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if spans < 0 || spans > 1000 {
				return usage(fmt.Errorf("--spans %d: 0 to 1000 are expected", spans))
			}
			tools, index, err := a.toolIndexed(cmd.Context())
			if err != nil {
				return err
			}
			noteRenames(tools)
			h, err := findTool(tools, args[0])
			if err != nil {
				return err
			}
			versions := h.versions
			if len(args) == 2 {
				v, err := h.find(args[1])
				if err != nil {
					return err
				}
				versions = []*toolVersion{v}
			}
			list, err := a.usersOf(cmd.Context(), tools, index, versions, spans)
			if err != nil {
				return err
			}
			if a.Format == string(report.FormatJSON) {
				return report.WriteJSON(a.Out, "spanloop.tool.users/1", map[string]any{"tool": h.name, "versions": list})
			}
			return a.document(usersDocument(h.name, list))
		},
		ValidArgsFunction: a.completeTools(2),
	}
	cmd.Flags().IntVar(&spans, "spans", spans, "list so many of the latest `spans` of each")
	return cmd
}

// usersOf reads who was offered the versions.
func (a *app) usersOf(ctx context.Context, tools []*toolHistory, index *toolIndex, versions []*toolVersion, spans int) ([]toolUsers, error) {
	at := map[*toolVersion]int{}
	list := []toolUsers{}
	for _, v := range versions {
		at[v] = len(list)
		list = append(list, toolUsers{
			Version: v.Version, Name: v.Name, Hash: v.Hash, From: v.From, FirstSeen: v.FirstSeen, LastSeen: v.LastSeen, Calls: v.Calls,
			Executions: v.Executions, RenamedFrom: v.RenamedFrom, RenamedTo: renamedTo(tools, v), Users: []toolUsed{},
		})
	}
	var labels []any
	for label, found := range index.labels {
		for _, v := range found {
			if _, ok := at[v]; ok {
				labels = append(labels, label)
				break
			}
		}
	}
	if len(labels) == 0 || index.empty {
		return list, nil
	}
	since, until, err := a.window()
	if err != nil {
		return nil, err
	}
	db, err := query.Open(ctx, query.Options{Dataset: a.Dataset, Since: since, Until: until, MemoryLimit: a.Memory})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	among := "(?" + strings.Repeat(", ?", len(labels)-1) + ")"
	result, err := db.Query(ctx, fmt.Sprintf(`SELECT tool, coalesce(prompt_name, ''), coalesce(prompt_version, ''), coalesce(environment, ''), coalesce(service_name, ''),
		count(*), count(DISTINCT trace_id), count(DISTINCT coalesce(nullif(session_id, ''), nullif(trace_id, ''), span_id)), min(start_time), max(start_time),
		max_by(trace_id || ':' || span_id, (start_time, span_id), %d)
		FROM (SELECT unnest(list_distinct(tool_versions)) AS tool, * FROM spans WHERE call_kind = 'inference' AND counted AND NOT is_replay)
		WHERE tool IN %s GROUP BY ALL ORDER BY 6 DESC, 2, 3, 4, 5, 1`, max(spans, 1), among), labels...)
	if err != nil {
		return nil, fmt.Errorf("users of the tool: %w", err)
	}
	for _, row := range result.Rows {
		u := toolUsed{Prompt: textOf(row[1]), Version: textOf(row[2]), Environment: textOf(row[3]), Service: textOf(row[4]), Spans: []string{}}
		u.Calls, _ = row[5].(int64)
		u.Traces, _ = row[6].(int64)
		u.Sessions, _ = row[7].(int64)
		u.FirstSeen, _ = row[8].(time.Time)
		u.LastSeen, _ = row[9].(time.Time)
		if ids, ok := row[10].([]any); ok {
			for _, id := range ids[:min(spans, len(ids))] {
				u.Spans = append(u.Spans, textOf(id))
			}
		}
		for _, v := range index.labels[textOf(row[0])] {
			if i, ok := at[v]; ok {
				list[i].Users = append(list[i].Users, u)
			}
		}
	}
	result, err = db.Query(ctx, `SELECT tool_name || CASE WHEN tool_version IS NULL THEN '' ELSE '@' || tool_version END AS tool, count(*) FROM spans
		WHERE call_kind = 'tool' AND NOT is_replay AND (status = 'error' OR error_type IS NOT NULL) AND tool IN `+among+` GROUP BY 1`, labels...)
	if err != nil {
		return nil, fmt.Errorf("executions of the tool: %w", err)
	}
	for _, row := range result.Rows {
		failed, _ := row[1].(int64)
		for _, v := range index.labels[textOf(row[0])] {
			if i, ok := at[v]; ok {
				list[i].Failed += failed
			}
		}
	}
	return list, nil
}

// renamedTo is the tool that has the definition of a version under another name by
// now; "" for none.
func renamedTo(tools []*toolHistory, v *toolVersion) string {
	for _, h := range tools {
		for _, other := range h.versions {
			if other.RenamedFrom == v.Name+"@"+v.Version {
				return other.Name + "@" + other.Version
			}
		}
	}
	return ""
}

func usersDocument(name string, list []toolUsers) document {
	out := document{title: name + ": offered to"}
	out.csv = usersTable()
	for _, v := range list {
		version := v.Version
		if version == "" {
			version = "(name only)"
		}
		p := part{title: fmt.Sprintf("%s, from %s: %d calls, %d executions, %d failed", version, v.From, v.Calls, v.Executions, v.Failed)}
		if v.RenamedFrom != "" {
			p.lines = append(p.lines, report.Text("renamed from "+v.RenamedFrom))
		}
		if v.RenamedTo != "" {
			p.lines = append(p.lines, report.Text("renamed to "+v.RenamedTo))
		}
		if len(v.Users) == 0 {
			p.lines = append(p.lines, report.Cell{Text: "offered by no call", Value: "offered by no call", Style: report.Muted})
		} else {
			p.table = usersTable()
			p.table.Columns = p.table.Columns[1:]
		}
		for _, u := range v.Users {
			row := []report.Cell{
				report.Text(v.Version), report.Text(toolUser{u.Prompt, u.Version, u.Calls}.name()), report.Text(u.Environment), report.Text(u.Service),
				report.Number(u.Calls, "%d"), report.Number(u.Traces, "%d"), report.Number(u.Sessions, "%d"), timeCell(u.FirstSeen), timeCell(u.LastSeen),
				report.Text(strings.Join(u.Spans, " ")),
			}
			out.csv.Rows = append(out.csv.Rows, row)
			p.table.Rows = append(p.table.Rows, row[1:])
		}
		out.parts = append(out.parts, p)
	}
	return out
}

func usersTable() *report.Table {
	return &report.Table{Columns: []report.Column{
		{Name: "version"}, {Name: "prompt"}, {Name: "environment"}, {Name: "service"}, {Name: "calls", Align: report.Right}, {Name: "traces", Align: report.Right},
		{Name: "sessions", Align: report.Right}, {Name: "first_seen", Title: "first seen"}, {Name: "last_seen", Title: "last seen"}, {Name: "spans", Title: "latest spans"},
	}}
}
