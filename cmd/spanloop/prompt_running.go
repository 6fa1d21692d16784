// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/query"
	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/report"
	"github.com/spanloop/spanloop/internal/serving"
	"github.com/spanloop/spanloop/internal/traffic"
)

// runningFlags are the flags of `prompt running`.
type runningFlags struct {
	environment, key, alpha, margin, unresolved, grace string
}

func newPromptRunningCommand(a *app) *cobra.Command {
	f := &runningFlags{}
	cmd := &cobra.Command{
		Use:   "running [NAME]",
		Short: "What production really serves, against what the releases say",
		Long: `Counts the production calls of each version of a prompt, or of all, by environment:
calls, traces, share of the traffic, first and last seen, how they were resolved, and
the weight that the release gives the version at the end of the window. The
environment is the label that a call asked for where it is one of the releases, else
the one of its span.

Findings: a version that no release names for that time, one that is still served
after the releases dropped it, a released one that never came, a share that is off
its weight beyond chance, a version or prompt that the registry does not have, and
calls of which the version is not known. Shares count users where spans name them,
else sessions, else traces, each once, by their first call under a release
(--key); they are tested with exact binomial tails at one error rate over all, and
keys count for less when versions come in longer runs, or shares vary more over time,
than chance allows (docs/statistics.md).

Exit codes: 0 as released, 1 a finding, 2 bad usage, 3 no call to judge by.`,
		Example: `  spanloop prompt running
  spanloop prompt running support-agent --since 24h
  spanloop prompt running support-agent --environment production --since 7d --key session
  spanloop prompt running --since 1h --grace 5m --format json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.running(cmd.Context(), f, args) },
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			names := a.completeVersions(cmd.Context(), nil)
			snapshot, _ := registry.Load(a.Registry)
			for _, name := range promptNames(snapshot) {
				if !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.environment, "environment", "", "only calls of this `environment`")
	flags.StringVar(&f.key, "key", serving.KeyWidest, "what a version is drawn for, which counts once: `user`, session, trace or instance; widest is the user where spans name one, else the session, else the trace")
	flags.StringVar(&f.alpha, "alpha", "0.01", "error `rate` of all findings about shares together")
	flags.StringVar(&f.margin, "margin", "1%", "a `share` may be off by this much")
	flags.StringVar(&f.unresolved, "unresolved", "1%", "this `share` of a prompt's calls may be of unknown version")
	flags.StringVar(&f.grace, "grace", "5m", "how long after a release the versions before may still be served (a `duration`)")
	_ = cmd.RegisterFlagCompletionFunc("key", cobra.FixedCompletions(serving.Keys(), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("environment", func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		return a.completeEnvironments(cmd.Context(), args), cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

// completeEnvironments offers the environments of the spans and of the releases.
func (a *app) completeEnvironments(ctx context.Context, args []string) []string {
	snapshot, _ := registry.Load(a.Registry)
	var names []string
	for _, p := range snapshot.Prompts() {
		if len(args) == 0 || args[0] == p.Name {
			names = append(names, snapshot.Environments(p.Name)...)
		}
	}
	if db, err := a.open(ctx); err == nil {
		defer db.Close()
		seen, _ := seenNames(traffic.SeenEnvironments(ctx, db.SQL(), traffic.Arm{}))
		names = append(names, seen...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (a *app) runningOptions(f *runningFlags, args []string) (serving.Options, error) {
	o := serving.Options{Environment: f.environment, Key: f.key, Now: a.Now().UTC()}
	if len(args) == 1 {
		o.Prompt = args[0]
	}
	if !slices.Contains(serving.Keys(), f.key) {
		return o, usage(fmt.Errorf("--key %q: one of %s is expected", f.key, strings.Join(serving.Keys(), ", ")))
	}
	var err error
	if o.Since, o.Until, err = a.window(); err != nil {
		return o, err
	}
	for _, share := range []struct {
		flag, text string
		into       *float64
	}{{"--alpha", f.alpha, &o.Alpha}, {"--margin", f.margin, &o.Margin}, {"--unresolved", f.unresolved, &o.Unresolved}} {
		if *share.into, err = parseShare(share.flag, share.text); err != nil {
			return o, usage(err)
		}
		if *share.into < 0 || *share.into >= 1 || share.flag == "--alpha" && *share.into == 0 {
			return o, usage(fmt.Errorf("%s %q: a share below 1 is expected", share.flag, share.text))
		}
	}
	if o.Grace, err = duration(f.grace); err != nil || o.Grace < 0 || o.Grace > 36500*24*time.Hour {
		return o, usage(fmt.Errorf("--grace %q: a duration is expected, like 5m, 24h or 7d", f.grace))
	}
	return o, nil
}

func (a *app) running(ctx context.Context, f *runningFlags, args []string) error {
	o, err := a.runningOptions(f, args)
	if err != nil {
		return err
	}
	snapshot, err := a.loadRegistry()
	if err != nil {
		return err
	}
	db, err := query.Open(ctx, query.Options{Dataset: a.Dataset, MemoryLimit: a.Memory})
	if err != nil {
		return err
	}
	defer db.Close()
	if o.Prompt != "" && snapshot.Prompt(o.Prompt) == nil {
		seen, err := seenNames(traffic.SeenPrompts(ctx, db.SQL(), traffic.Arm{}))
		if err != nil {
			return err
		}
		if !slices.Contains(seen, o.Prompt) {
			return usage(fmt.Errorf("prompt %q: it is not in the registry, and no production call is of it%s", o.Prompt, suggest(o.Prompt, append(promptNames(snapshot), seen...))))
		}
	}
	result, err := serving.Run(ctx, db.SQL(), snapshot, o)
	if errors.Is(err, serving.ErrNotSeen) {
		seen, _ := seenNames(traffic.SeenEnvironments(ctx, db.SQL(), traffic.Arm{Prompt: o.Prompt}))
		return usage(fmt.Errorf("--environment %q: no production call is of it, and no release%s", o.Environment, suggest(o.Environment, seen)))
	}
	if err != nil {
		return err
	}
	if a.Format == string(report.FormatJSON) {
		err = report.WriteJSON(a.Out, "spanloop.prompt.running/1", result)
	} else {
		if result.Calls == 0 {
			a.note("no production call of a named prompt%s", map[bool]string{true: " between --since and --until"}[a.Since != "" || a.Until != ""])
		}
		err = a.document(runningDocument(result))
	}
	if err == nil && result.ExitCode != exitDone {
		return &exitError{Code: result.ExitCode}
	}
	return err
}

func runningDocument(r *serving.Report) document {
	title := "Running: as released"
	switch {
	case len(r.Findings) == 1:
		title = "Running: 1 finding"
	case len(r.Findings) > 1:
		title = fmt.Sprintf("Running: %d findings", len(r.Findings))
	case r.Calls == 0:
		title = "Running: no call to judge by"
	}
	served := servedTable(r.Served)
	d := document{title: title, csv: served, parts: []part{{table: served}}}
	if shares := sharesTable(r); len(shares.Rows) > 0 {
		d.parts = append(d.parts, part{title: "Shares of keys that began under a release (" + r.ClusteredBy + ")", table: shares})
	}
	for _, list := range []struct {
		title    string
		findings []serving.Finding
		style    report.Style
	}{{"Findings", r.Findings, report.Bad}, {"Remarks", r.Remarks, report.Muted}} {
		if len(list.findings) == 0 {
			continue
		}
		p := part{title: list.title}
		for _, f := range list.findings {
			p.lines = append(p.lines, report.Cell{Text: f.Text, Value: f.Text, Style: list.style})
		}
		d.parts = append(d.parts, p)
	}
	return d
}

func servedTable(rows []serving.Served) *report.Table {
	t := &report.Table{Columns: []report.Column{
		{Name: "prompt"}, {Name: "environment"}, {Name: "version"}, {Name: "calls", Align: report.Right}, {Name: "traces", Align: report.Right},
		{Name: "percent", Title: "share", Align: report.Right}, {Name: "weight", Align: report.Right}, {Name: "first_seen", Title: "first seen"},
		{Name: "last_seen", Title: "last seen"}, {Name: "resolution", Title: "resolved by"},
	}}
	for _, s := range rows {
		version, weight := report.Text(s.Version), report.Cell{}
		if s.Version == "" {
			version = report.Cell{Text: "(not known)", Value: "", Style: report.Muted}
		}
		if s.Weight != nil {
			weight = report.Cell{Text: percent(*s.Weight), Value: *s.Weight}
		}
		var rungs []string
		for _, r := range s.Resolution {
			rungs = append(rungs, strings.TrimSpace(r.Rung+" "+r.Reason)+fmt.Sprintf(" (%d)", r.Calls))
		}
		t.Rows = append(t.Rows, []report.Cell{
			report.Text(s.Prompt), report.Text(s.Environment), version, report.Number(s.Calls, "%d"), report.Number(s.Traces, "%d"),
			report.Number(s.Percent, "%.1f %%"), weight, seenCell(s.FirstSeen), seenCell(s.LastSeen), report.Text(strings.Join(rungs, ", ")),
		})
	}
	return t
}

func sharesTable(r *serving.Report) *report.Table {
	t := &report.Table{Columns: []report.Column{
		{Name: "prompt"}, {Name: "environment"}, {Name: "version"}, {Name: "from", Title: "released"}, {Name: "keys", Align: report.Right},
		{Name: "share", Align: report.Right}, {Name: "interval", Align: report.Right}, {Name: "weight", Align: report.Right}, {Name: "p", Align: report.Right},
	}}
	for _, s := range r.Shares {
		style := report.Plain
		if s.Off {
			style = report.Bad
		}
		t.Rows = append(t.Rows, []report.Cell{
			report.Text(s.Prompt), report.Text(s.Environment), report.Text(s.Version), timeCell(s.From), report.Number(s.Keys, "%d"),
			{Text: percent(100 * s.Share), Value: s.Share, Style: style}, report.Text(fmt.Sprintf("%.1f to %.1f %%", 100*s.Low, 100*s.High)),
			{Text: percent(100 * s.Weight), Value: s.Weight}, report.Number(s.PAdjusted, "%.2g"),
		})
	}
	return t
}
