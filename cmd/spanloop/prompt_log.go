// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/report"
)

// promptLog is the history of a prompt, newest first.
type promptLog struct {
	Prompt   string          `json:"prompt"`
	Versions []loggedVersion `json:"versions"`
	Releases []releaseInfo   `json:"releases"`
	// Live is what each environment serves now.
	Live []releaseInfo `json:"live"`
}

// loggedVersion is a version with what changed since the one it was made from.
type loggedVersion struct {
	versionInfo
	ComparedWith string            `json:"compared_with,omitempty"`
	Changes      []registry.Change `json:"changes"`
	Unified      string            `json:"unified,omitempty"`
}

func newPromptLogCommand(a *app) *cobra.Command {
	patch := false
	cmd := &cobra.Command{
		Use:   "log NAME",
		Short: "Versions and releases of a prompt, newest first",
		Long: `Lists when each version was made, by whom, why, and what it changed in the version
that it was made from; and each release with its versions and their shares. With
--patch each version's unified diff follows.`,
		Example: "  spanloop prompt log support-agent\n  spanloop prompt log support-agent --format json",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			snapshot, err := a.loadRegistry()
			if err != nil {
				return err
			}
			p, err := findPrompt(snapshot, args[0])
			if err != nil {
				return err
			}
			log := newPromptLog(snapshot, p, a.Now(), patch)
			if a.Format == string(report.FormatJSON) {
				return report.WriteJSON(a.Out, "spanloop.prompt.log/1", log)
			}
			if patch {
				return a.document(log.document())
			}
			return log.table().Write(a.Out, report.Format(a.Format), a.wholeCells())
		},
		ValidArgsFunction: a.completePrompts(1),
	}
	cmd.Flags().BoolVarP(&patch, "patch", "p", false, "with the unified diff of each version")
	return cmd
}

func newPromptLog(s *registry.Snapshot, p *registry.Prompt, now time.Time, patch bool) *promptLog {
	log := &promptLog{Prompt: p.Name, Versions: []loggedVersion{}, Releases: []releaseInfo{}, Live: liveReleases(s, p.Name, now)}
	for i, v := range p.Versions {
		logged := loggedVersion{versionInfo: newVersionInfo(v), Changes: []registry.Change{}}
		before := p.Version(v.Parent)
		if before == nil && i > 0 {
			before = p.Versions[i-1]
		}
		if before != nil {
			unified, changes := registry.DiffVersions(before, v)
			if patch {
				logged.Unified = unified
			}
			logged.ComparedWith, logged.Changes = before.Version, withoutTexts(changes)
		}
		log.Versions = append(log.Versions, logged)
	}
	slices.Reverse(log.Versions)
	for _, r := range s.Releases(p.Name) {
		log.Releases = append(log.Releases, newReleaseInfo(r))
	}
	slices.Reverse(log.Releases)
	return log
}

// document is the table with the diffs below it.
func (l *promptLog) document() document {
	t := l.table()
	d := document{title: t.Title, csv: t}
	t.Title = ""
	d.parts = append(d.parts, part{table: t})
	for _, v := range l.Versions {
		if v.Unified != "" {
			d.parts = append(d.parts, part{title: v.Version, lines: diffLines(v.Unified)})
		}
	}
	return d
}

// withoutTexts leaves the messages themselves to `prompt diff` and `prompt show`:
// a history of long prompts would repeat each twice.
func withoutTexts(changes []registry.Change) []registry.Change {
	for i := range changes {
		switch changes[i].Kind {
		case registry.ChangeMessage, registry.ChangeMessageAdded, registry.ChangeMessageRemoved:
			changes[i].Before, changes[i].After = "", ""
		}
	}
	return notNil(changes)
}

// table is one line of time with versions and releases.
func (l *promptLog) table() *report.Table {
	t := &report.Table{
		Title:   l.Prompt,
		Columns: []report.Column{{Name: "time"}, {Name: "event"}, {Name: "what"}, {Name: "author"}, {Name: "message"}, {Name: "changes"}},
	}
	if live := liveText(l.Live); live != "" {
		t.Title += " (live: " + live + ")"
	}
	type row struct {
		time  time.Time
		cells []report.Cell
	}
	var rows []row
	for _, r := range l.Releases {
		rows = append(rows, row{r.Time, []report.Cell{
			timeCell(r.Time), {Text: "release", Value: "release", Style: report.Muted}, report.Text(r.Environment + ": " + r.String()),
			report.Text(r.Author), report.Text(r.Reason), report.Text(""),
		}})
	}
	for _, v := range l.Versions {
		changes := changeSummary(v.Changes)
		if v.ComparedWith != "" {
			if changes == "" {
				changes = "same content"
			}
			changes = "since " + v.ComparedWith + ": " + changes
		}
		rows = append(rows, row{v.Time, []report.Cell{
			timeCell(v.Time), {Text: "version", Value: "version", Style: report.Strong}, {Text: v.Version, Value: v.Version, Style: report.Strong},
			report.Text(v.Author), report.Text(v.Message), report.Text(changes),
		}})
	}
	slices.SortStableFunc(rows, func(x, y row) int { return y.time.Compare(x.time) })
	for _, r := range rows {
		t.Rows = append(t.Rows, r.cells)
	}
	return t
}
