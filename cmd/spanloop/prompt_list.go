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

// promptInfo is one prompt in `prompt list`.
type promptInfo struct {
	Name        string        `json:"name"`
	Description string        `json:"description,omitempty"`
	Tags        []string      `json:"tags"`
	Versions    int           `json:"versions"`
	Latest      *versionInfo  `json:"latest"`
	Live        []releaseInfo `json:"live"`
	// Uses are the versions that include the partial of --uses.
	Uses []string `json:"uses,omitempty"`
}

func newPromptListCommand(a *app) *cobra.Command {
	var at, tag, uses string
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "All prompts, their latest version and what each environment serves",
		Long: `Lists the prompts of the registry with their latest version and the versions that
each environment serves now, or served at --at. Shares are of the traffic.`,
		Example: "  spanloop prompt list\n  spanloop prompt list --at 2026-11-01 --format json\n  spanloop prompt list --uses shop-policy@v2",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			prompts, err := a.listPrompts(at, tag, uses)
			if err != nil {
				return err
			}
			if a.Format == string(report.FormatJSON) {
				return report.WriteJSON(a.Out, "spanloop.prompt.list/1", struct {
					Registry string       `json:"registry"`
					Prompts  []promptInfo `json:"prompts"`
				}{a.Registry, prompts})
			}
			if len(prompts) == 0 {
				a.note("no prompts in registry %s; `spanloop prompt add NAME FILE` adds one", a.Registry)
			}
			return a.print(promptTable(prompts))
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().StringVar(&at, "at", "", "what was live at this `time`, instead of now")
	cmd.Flags().StringVar(&tag, "tag", "", "only prompts with this `tag`")
	cmd.Flags().StringVar(&uses, "uses", "", "only prompts with versions that include this `partial` (NAME or NAME@VERSION), directly or not")
	return cmd
}

func (a *app) listPrompts(atText, tag, uses string) ([]promptInfo, error) {
	at, err := a.at(atText)
	if err != nil {
		return nil, err
	}
	snapshot, err := a.loadRegistry()
	if err != nil {
		return nil, err
	}
	users, err := partialUsers(snapshot, uses)
	if err != nil {
		return nil, err
	}
	prompts := []promptInfo{}
	for _, p := range snapshot.Prompts() {
		if tag != "" && !slices.Contains(p.Tags, tag) || uses != "" && users[p.Name] == nil {
			continue
		}
		info := promptInfo{Name: p.Name, Description: p.Description, Tags: notNil(p.Tags), Versions: len(p.Versions), Live: liveReleases(snapshot, p.Name, at), Uses: users[p.Name]}
		if latest := p.Latest(); latest != nil {
			v := newVersionInfo(latest)
			info.Latest = &v
		}
		prompts = append(prompts, info)
	}
	return prompts, nil
}

// partialUsers are the versions that include a partial, by prompt.
func partialUsers(s *registry.Snapshot, partial string) (map[string][]string, error) {
	users := map[string][]string{}
	if partial == "" {
		return users, nil
	}
	name, version, _ := strings.Cut(partial, "@")
	known := s.Partial(name)
	if known == nil {
		var names []string
		for _, p := range s.Partials() {
			names = append(names, p.Name)
		}
		return nil, usage(fmt.Errorf("no partial %q in the registry%s", name, suggest(name, names)))
	}
	if version != "" && known.Version(version) == nil {
		var names []string
		for _, v := range known.Versions {
			names = append(names, v.Version)
		}
		return nil, usage(fmt.Errorf("partial %q has no version %q%s", name, version, suggest(version, names)))
	}
	for _, ref := range s.UsersOf(name, version) {
		users[ref.Prompt.Name] = append(users[ref.Prompt.Name], ref.Version.Version)
	}
	return users, nil
}

func promptTable(prompts []promptInfo) *report.Table {
	t := &report.Table{
		Title: fmt.Sprintf("%d prompts", len(prompts)),
		Columns: []report.Column{
			{Name: "prompt"}, {Name: "versions", Align: report.Right}, {Name: "latest"}, {Name: "time"}, {Name: "author"},
			{Name: "live"}, {Name: "tags"},
		},
	}
	if len(prompts) == 1 {
		t.Title = "1 prompt"
	}
	if len(prompts) > 0 && prompts[0].Uses != nil {
		t.Columns = append(t.Columns, report.Column{Name: "uses", Title: "uses it"})
	}
	for _, p := range prompts {
		latest := versionInfo{}
		if p.Latest != nil {
			latest = *p.Latest
		}
		t.Rows = append(t.Rows, []report.Cell{
			{Text: p.Name, Value: p.Name, Style: report.Strong}, report.Number(p.Versions, "%d"), report.Text(latest.Version),
			timeCell(latest.Time), report.Text(latest.Author), report.Text(liveText(p.Live)), report.Text(strings.Join(p.Tags, ", ")),
			report.Text(strings.Join(p.Uses, ", ")),
		}[:len(t.Columns)])
	}
	return t
}
