// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/report"
	"github.com/spanloop/spanloop/internal/traffic"
)

// SchemaAll names the JSON form of an All.
const SchemaAll = "spanloop.compare-all/1"

// maxVersions is how many versions are compared in pairs: the most frequent.
const maxVersions = 6

// All is every pair of the versions of a prompt; its JSON form has the schema
// spanloop.compare-all/1.
type All struct {
	Prompt      string `json:"prompt"`
	Environment string `json:"environment,omitempty"`
	// Versions are in the order of their first call; Omitted had fewer calls
	// than those.
	Versions []string `json:"versions"`
	Omitted  []string `json:"omitted,omitempty"`
	// Alpha is the error rate over all pairs; each pair has an equal part.
	Alpha    float64 `json:"alpha"`
	ExitCode int     `json:"exit_code"`
	// Pairs compare each version with every later one.
	Pairs []*Report `json:"pairs"`
}

// RunAll compares every pair of the versions seen, the later one as B. The error
// rate is divided by the number of pairs.
func RunAll(ctx context.Context, db traffic.Querier, o Options) (*All, error) {
	o.A, o.B = "a", "b"
	if err := o.complete(); err != nil {
		return nil, err
	}
	seen, err := traffic.SeenVersions(ctx, db, traffic.Arm{Prompt: o.Prompt, Environment: o.Environment, From: o.Since, Until: o.Until})
	if err != nil {
		return nil, err
	}
	if len(seen) == 0 {
		return nil, fmt.Errorf("%w: %q", ErrNoPrompt, o.Prompt)
	}
	if len(seen) == 1 {
		return nil, fmt.Errorf("%w: %s@%s is the only version of these calls; two are needed", ErrOptions, o.Prompt, seen[0].Name)
	}
	all := &All{Prompt: o.Prompt, Environment: o.Environment, Alpha: o.Alpha, Pairs: []*Report{}}
	all.choose(seen)
	n := len(all.Versions)
	o.Alpha /= float64(n * (n - 1) / 2)
	for i, a := range all.Versions {
		for _, b := range all.Versions[i+1:] {
			o.A, o.B = a, b
			pair, err := Run(ctx, db, o)
			if err != nil {
				return nil, fmt.Errorf("%s and %s: %w", a, b, err)
			}
			all.Pairs = append(all.Pairs, pair)
		}
	}
	all.ExitCode = all.exitCode()
	return all, nil
}

// choose keeps the most frequent versions, in the order of their first call.
func (a *All) choose(seen []traffic.Seen) {
	frequent := slices.Clone(seen)
	slices.SortStableFunc(frequent, func(x, y traffic.Seen) int { return y.Calls - x.Calls })
	least := frequent[min(maxVersions, len(frequent))-1].Calls
	for _, v := range seen {
		if v.Calls >= least && len(a.Versions) < maxVersions {
			a.Versions = append(a.Versions, v.Name)
		} else {
			a.Omitted = append(a.Omitted, v.Name)
		}
	}
}

// exitCode is a finding when some version is worse than an earlier one, and
// "cannot tell" when nothing could be decided about any pair.
func (a *All) exitCode() int {
	code := 3
	for _, p := range a.Pairs {
		switch p.ExitCode {
		case 1:
			return 1
		case 0:
			code = 0
		}
	}
	return code
}

// WriteText prints one line a pair.
func (a *All) WriteText(w io.Writer, o report.Options, quiet bool) error {
	t := a.table()
	t.Title = "compare all versions of " + a.Prompt
	if quiet {
		t.Notes = nil
	}
	return t.Write(w, report.FormatTable, o)
}

func (a *All) table() *report.Table {
	t := &report.Table{Columns: []report.Column{
		{Name: "a"}, {Name: "b"}, {Name: "sessions", Align: report.Right}, {Name: "overlap"}, {Name: "verdict"}, {Name: "reason"},
	}}
	for _, p := range a.Pairs {
		overlap := traffic.NoNumber
		if p.A.Clusters > 0 && !p.From.IsZero() {
			overlap = p.From.Format(time.DateOnly) + " to " + p.Until.Format(time.DateOnly)
		}
		t.Rows = append(t.Rows, []report.Cell{
			report.Text(p.VersionA), report.Text(p.VersionB), report.Text(fmt.Sprintf("%s vs %s", report.Group(int64(p.A.Clusters)), report.Group(int64(p.B.Clusters)))),
			report.Text(overlap), {Text: string(p.Verdict), Value: string(p.Verdict), Style: p.Verdict.style()}, report.Text(p.Reason),
		})
	}
	t.Notes = []string{fmt.Sprintf("verdicts are about b; error rate %g%% over all pairs together", 100*a.Alpha)}
	if len(a.Omitted) > 0 {
		t.Notes = append(t.Notes, "not compared, fewer calls: "+strings.Join(a.Omitted, ", "))
	}
	return t
}

// WriteCSV prints one line a pair and metric.
func (a *All) WriteCSV(w io.Writer, o report.Options) error {
	t := rawTable(a.Pairs...)
	return t.Write(w, report.FormatCSV, o)
}

// WriteHTML prints all pairs on one page.
func (a *All) WriteHTML(w io.Writer) error {
	page := report.Page{Title: "compare all versions of " + a.Prompt, Sections: []report.Section{{Title: "Pairs", Table: a.table()}}}
	for _, p := range a.Pairs {
		page.Sections = append(page.Sections, report.Section{Title: p.headline(), Text: []string{string(p.Verdict) + ": " + p.Reason}})
		page.Sections = append(page.Sections, p.Sections()...)
	}
	return page.Write(w)
}
