// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/query"
	"github.com/spanloop/spanloop/internal/report"
)

func newCoverageCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "coverage",
		Short: "How many model calls are resolved, by which rung, and how many can be replayed",
		Long: `Counts production model calls by the rung that resolved their prompt, and the
rest by reason; the shares add up to 100 %. Then how far each call could be
replayed: exactly (the span carries the request's hash and residual), modelled
(its messages are there), or not.`,
		Example: "  spanloop coverage\n  spanloop coverage --since 24h --format json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			db, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			defer db.Close()
			since, until, err := a.window()
			if err != nil {
				return err
			}
			c, err := readCoverage(cmd.Context(), db, since, until)
			if err != nil {
				return err
			}
			if a.Format == string(report.FormatJSON) {
				return report.WriteJSON(a.Out, "spanloop.coverage/1", c)
			}
			return c.write(a)
		},
	}
}

// share is one line of a breakdown.
type share struct {
	Name    string  `json:"name"`
	Reason  string  `json:"reason,omitempty"`
	Calls   int64   `json:"calls"`
	Percent float64 `json:"percent"`
}

// coverage is the report.
type coverage struct {
	Calls      int64   `json:"calls"`
	Resolved   int64   `json:"resolved"`
	Resolution []share `json:"resolution"`
	Prompts    []share `json:"prompts"`
	Tools      []share `json:"tools"`
	Replayable []share `json:"replayable"`
}

// callFilter selects production model calls of a window.
const callFilter = `call_kind = 'inference' AND counted AND NOT is_replay
	AND ($1 IS NULL OR start_time >= $1) AND ($2 IS NULL OR start_time < $2)`

func readCoverage(ctx context.Context, db *query.DB, since, until time.Time) (*coverage, error) {
	c := &coverage{Resolution: []share{}, Prompts: []share{}, Tools: []share{}, Replayable: []share{}}
	breakdowns := []struct {
		into   *[]share
		name   string
		reason string
	}{
		{&c.Resolution, "coalesce(prompt_resolution, 'not stamped')", "coalesce(prompt_unresolved_reason, '')"},
		{&c.Prompts, "coalesce(prompt_name || '@' || coalesce(prompt_version, '?'), '(unresolved)')", "''"},
		{&c.Tools, "coalesce(toolset_completeness, 'not stamped')", "''"},
		{&c.Replayable, `CASE WHEN attributes['spanloop.request.sha256'] IS NOT NULL THEN 'exact' WHEN input_messages IS NOT NULL THEN 'modelled' ELSE 'not' END`,
			`CASE WHEN input_messages IS NULL THEN 'no messages on the span' ELSE '' END`},
	}
	for _, b := range breakdowns {
		statement := fmt.Sprintf(`SELECT %s AS name, %s AS reason, count(*) AS calls FROM spans WHERE %s
			GROUP BY 1, 2 ORDER BY calls DESC, name, reason`, b.name, b.reason, callFilter)
		result, err := db.Query(ctx, statement, nullable(since), nullable(until))
		if err != nil {
			return nil, fmt.Errorf("coverage: %w", err)
		}
		for _, row := range result.Rows {
			calls, _ := row[2].(int64)
			*b.into = append(*b.into, share{Name: textOf(row[0]), Reason: textOf(row[1]), Calls: calls})
		}
	}
	for _, s := range c.Resolution {
		c.Calls += s.Calls
		switch s.Name {
		case "explicit", "label", "hash", "template", "fingerprint":
			c.Resolved += s.Calls
		}
	}
	for _, b := range breakdowns {
		for i := range *b.into {
			(*b.into)[i].Percent = 100 * float64((*b.into)[i].Calls) / float64(max(c.Calls, 1))
		}
	}
	return c, nil
}

func nullable(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC()
}

// write prints the breakdowns one below the other; as CSV they are one table.
func (c *coverage) write(a *app) error {
	sections := []struct {
		name, title string
		rows        []share
	}{
		{"resolution", "Prompt resolved by", c.Resolution}, {"prompts", "Prompts", c.Prompts},
		{"tools", "Tool definitions", c.Tools}, {"replayable", "Replayable", c.Replayable},
	}
	d := document{
		title: fmt.Sprintf("Coverage: %d of %d model calls resolved", c.Resolved, c.Calls),
		csv:   &report.Table{Columns: []report.Column{{Name: "section"}, {Name: "name"}, {Name: "calls"}, {Name: "percent"}, {Name: "reason"}}},
	}
	for _, s := range sections {
		d.parts = append(d.parts, part{title: s.title, table: shareTable(top(s.rows, 20))})
		for _, r := range s.rows {
			d.csv.Rows = append(d.csv.Rows, []report.Cell{
				report.Text(s.name), report.Text(r.Name), report.Number(r.Calls, "%d"), report.Number(r.Percent, "%g"), report.Text(r.Reason),
			})
		}
	}
	if c.Calls == 0 {
		a.note("no production model calls%s", map[bool]string{true: " between --since and --until"}[a.Since != "" || a.Until != ""])
	}
	return a.document(d)
}

// top keeps the first rows and sums up the rest.
func top(rows []share, n int) []share {
	if len(rows) <= n {
		return rows
	}
	rest := share{Name: fmt.Sprintf("(%d more)", len(rows)-n)}
	for _, s := range rows[n:] {
		rest.Calls += s.Calls
		rest.Percent += s.Percent
	}
	return append(rows[:n:n], rest)
}

func shareTable(rows []share) *report.Table {
	t := &report.Table{
		Columns: []report.Column{{Name: "name"}, {Name: "calls", Align: report.Right}, {Name: "percent", Title: "share", Align: report.Right}, {Name: "reason"}},
	}
	total, sum := int64(0), 0.0
	for _, s := range rows {
		t.Rows = append(t.Rows, []report.Cell{report.Text(s.Name), report.Number(s.Calls, "%d"), report.Number(s.Percent, "%.1f %%"), report.Text(s.Reason)})
		total += s.Calls
		sum += s.Percent
	}
	t.Rows = append(t.Rows, []report.Cell{{Text: "total", Value: "total", Style: report.Strong}, report.Number(total, "%d"), report.Number(sum, "%.1f %%"), report.Text("")})
	return t
}
