// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/report"
)

func newPromptCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "prompt",
		Short: "List, compare, add, import, release and discover versions of prompts, and say what is served",
		Long: `Works on the registry: a folder of plain files, usually in git (docs/registry.md).
No dataset and no collector is needed, but for running and discover, which read
calls. A running collector takes changes up within seconds.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		newPromptListCommand(a), newPromptShowCommand(a), newPromptLogCommand(a), newPromptDiffCommand(a),
		newPromptAddCommand(a), newPromptImportCommand(a), newPromptReleaseCommand(a), newPromptRollbackCommand(a), newPromptCheckCommand(a),
		newPromptRunningCommand(a), newPromptDiscoverCommand(a),
	)
	return cmd
}

// releaseInfo is a release in the commands' JSON.
type releaseInfo struct {
	Environment string       `json:"environment"`
	Time        time.Time    `json:"time"`
	Author      string       `json:"author,omitempty"`
	Reason      string       `json:"reason,omitempty"`
	Targets     []targetInfo `json:"targets"`
}

// targetInfo is one version of a release.
type targetInfo struct {
	Version string  `json:"version"`
	Weight  float64 `json:"weight"`
	// Percent is the weight as a share of all weights of the release.
	Percent float64 `json:"percent"`
	Hash    string  `json:"hash,omitempty"`
}

func newReleaseInfo(r registry.Release) releaseInfo {
	info := releaseInfo{Environment: r.Environment, Time: r.Time.UTC(), Author: r.Author, Reason: r.Reason, Targets: []targetInfo{}}
	total := 0.0
	for _, t := range r.Targets {
		total += t.Weight
	}
	for _, t := range r.Targets {
		info.Targets = append(info.Targets, targetInfo{Version: t.Version, Weight: t.Weight, Percent: 100 * t.Weight / total, Hash: t.Hash})
	}
	return info
}

// String is "v3.1 90 %, v3.2 10 %", or the version alone.
func (r releaseInfo) String() string {
	if len(r.Targets) == 1 {
		return r.Targets[0].Version
	}
	var parts []string
	for _, t := range r.Targets {
		parts = append(parts, t.Version+" "+percent(t.Percent))
	}
	return strings.Join(parts, ", ")
}

func percent(p float64) string { return floatText(float64(int64(p*10+0.5))/10) + " %" }

// liveReleases is what each environment of a prompt serves at a time.
func liveReleases(s *registry.Snapshot, prompt string, at time.Time) []releaseInfo {
	out := []releaseInfo{}
	for _, environment := range s.Environments(prompt) {
		if r, ok := s.LiveAt(prompt, environment, at); ok {
			out = append(out, newReleaseInfo(r))
		}
	}
	return out
}

// liveText is "production: v3.1 90 %, v3.2 10 %; staging: v3.2".
func liveText(live []releaseInfo) string {
	var parts []string
	for _, r := range live {
		parts = append(parts, r.Environment+": "+r.String())
	}
	return strings.Join(parts, "; ")
}

// liveVersion says where one version is live: "production 10 %, staging".
func liveVersion(live []releaseInfo, version string) string {
	var parts []string
	for _, r := range live {
		for _, t := range r.Targets {
			switch {
			case t.Version != version:
			case len(r.Targets) == 1:
				parts = append(parts, r.Environment)
			default:
				parts = append(parts, r.Environment+" "+percent(t.Percent))
			}
		}
	}
	return strings.Join(parts, ", ")
}

// versionInfo is a version of a prompt without its text.
type versionInfo struct {
	Version string    `json:"version"`
	Time    time.Time `json:"time"`
	Author  string    `json:"author,omitempty"`
	Message string    `json:"message,omitempty"`
	Parent  string    `json:"parent,omitempty"`
	// TemplateFormat is the template language.
	TemplateFormat string `json:"template_format"`
	Hash           string `json:"hash"`
	File           string `json:"file"`
	// Origin is where it was imported from.
	Origin *originInfo `json:"origin,omitempty"`
}

type originInfo struct {
	System   string    `json:"system"`
	ID       string    `json:"id,omitempty"`
	Name     string    `json:"name,omitempty"`
	Version  string    `json:"version,omitempty"`
	URL      string    `json:"url,omitempty"`
	Imported time.Time `json:"imported"`
}

func newVersionInfo(v *registry.Version) versionInfo {
	info := versionInfo{Version: v.Version, Time: v.Time.UTC(), Author: v.Author, Message: v.Message, Parent: v.Parent, TemplateFormat: v.Format, Hash: v.Hash, File: v.File}
	if o := v.Origin; o != nil {
		info.Origin = &originInfo{System: o.System, ID: o.ID, Name: o.Name, Version: o.Version, URL: o.URL, Imported: o.Imported.UTC()}
	}
	return info
}

// problemInfo is something that the registry refuses or warns of.
type problemInfo struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Level   string `json:"level"`
	Problem string `json:"problem"`
}

func newProblems(problems []registry.Problem) []problemInfo {
	out := []problemInfo{}
	for _, p := range problems {
		level := "error"
		if p.Warning {
			level = "warning"
		}
		out = append(out, problemInfo{File: p.File, Line: p.Line, Level: level, Problem: p.Reason})
	}
	return out
}

// timeCell is empty for no time.
func timeCell(t time.Time) report.Cell {
	if t.IsZero() {
		return report.Cell{}
	}
	return report.Cell{Text: moment(t), Value: t.UTC()}
}

func changeTable(changes []registry.Change) *report.Table {
	t := &report.Table{Columns: []report.Column{{Name: "change"}, {Name: "path"}, {Name: "text"}}}
	for _, c := range changes {
		t.Rows = append(t.Rows, []report.Cell{report.Text(c.Kind), report.Text(c.Path), report.Text(c.Text)})
	}
	return t
}

// changeSummary is what changed, in a few words.
func changeSummary(changes []registry.Change) string {
	var texts []string
	for _, c := range changes {
		texts = append(texts, c.Text)
	}
	if len(texts) > 4 {
		texts = append(texts[:3], fmt.Sprintf("%d more", len(changes)-3))
	}
	return strings.Join(texts, "; ")
}

// notNil makes an absent list an empty one in JSON.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// rawJSON is JSON text for JSON output; nil for none.
func rawJSON(text json.RawMessage) json.RawMessage {
	if len(text) == 0 {
		return nil
	}
	return text
}
