// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/report"
)

// releaseFlags are the flags of `prompt release` and `prompt rollback`.
type releaseFlags struct {
	environment, author, reason, reviewer, at string
	targets                                   []string
	weight                                    float64
}

func (f *releaseFlags) register(a *app, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.environment, "environment", "e", "", "`environment` (or label) that serves it: production, staging, …")
	flags.StringVar(&f.author, "author", "", "who releases (default git's user.name, else the system's user)")
	flags.StringVarP(&f.reason, "message", "m", "", "why")
	flags.StringVar(&f.at, "at", "", "when it takes effect: a `time`, instead of now")
	_ = cmd.MarkFlagRequired("environment")
	_ = cmd.RegisterFlagCompletionFunc("environment", func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		snapshot, _ := registry.Load(a.Registry)
		known := []string{"production", "staging", "dev"}
		if len(args) > 0 {
			known = append(snapshot.Environments(args[0]), known...)
		}
		slices.Sort(known)
		return slices.Compact(known), cobra.ShellCompDirectiveNoFileComp
	})
}

func newPromptReleaseCommand(a *app) *cobra.Command {
	f := &releaseFlags{}
	cmd := &cobra.Command{
		Use:   "release NAME VERSION[=WEIGHT]...",
		Short: "Say which version, or versions by weight, an environment serves",
		Long: `Appends to the prompt's history of releases; nothing is taken out of it. One
version serves all of the environment. Several versions share it by their
weights. --weight makes one version a canary: it gets that many percent, and what
is live now shares the rest as before.

The content of each version is pinned by its hash: when its file is changed
afterwards, it is refused. A protected environment needs --reviewed-by somebody
who is not the author.`,
		Example: `  spanloop prompt release support-agent v3.1 -e production -m 'held up in staging'
  spanloop prompt release support-agent v3.2 -e production --weight 10
  spanloop prompt release support-agent v3.1=90 v3.2=10 -e production`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.release(cmd.Context(), f, args[0], append(args[1:], f.targets...), cmd.Flags().Changed("weight"))
		},
		ValidArgsFunction: a.completePrompts(8),
	}
	f.register(a, cmd)
	cmd.Flags().StringArrayVar(&f.targets, "target", nil, "the same as a further argument: `VERSION=WEIGHT`")
	cmd.Flags().Float64Var(&f.weight, "weight", 0, "`percent` of the traffic for one version beside what is live")
	cmd.Flags().StringVar(&f.reviewer, "reviewed-by", "", "who reviewed the release")
	return cmd
}

func newPromptRollbackCommand(a *app) *cobra.Command {
	f := &releaseFlags{}
	cmd := &cobra.Command{
		Use:   "rollback NAME",
		Short: "Release again what an environment served before",
		Long: `Appends a release with the versions and weights that the environment served before
its present ones. The history keeps both.`,
		Example: "  spanloop prompt rollback support-agent -e production -m 'v3.2 calls tools with wrong arguments'",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			snapshot, at, err := a.releasing(f, args[0])
			if err != nil {
				return err
			}
			before := liveIn(snapshot, args[0], f.environment, at)
			r, err := registry.Rollback(a.Registry, args[0], f.environment, a.author(cmd.Context(), f.author), f.reason, at)
			if err != nil {
				return registryError(err)
			}
			return a.released("spanloop.prompt.rollback/1", args[0], before, newReleaseInfo(r))
		},
		ValidArgsFunction: a.completePrompts(1),
	}
	f.register(a, cmd)
	return cmd
}

// releasing loads what a release builds on.
func (a *app) releasing(f *releaseFlags, prompt string) (*registry.Snapshot, time.Time, error) {
	at, err := a.at(f.at)
	if err != nil {
		return nil, at, err
	}
	snapshot, err := a.loadRegistry()
	if err != nil {
		return nil, at, err
	}
	_, err = findPrompt(snapshot, prompt)
	return snapshot, at, err
}

func liveIn(s *registry.Snapshot, prompt, environment string, at time.Time) *releaseInfo {
	if r, ok := s.LiveAt(prompt, environment, at); ok && s.HasEnvironment(prompt, r.Environment) {
		info := newReleaseInfo(r)
		return &info
	}
	return nil
}

func (a *app) release(ctx context.Context, f *releaseFlags, prompt string, targets []string, canary bool) error {
	snapshot, at, err := a.releasing(f, prompt)
	if err != nil {
		return err
	}
	r := registry.NewRelease{
		Environment: f.environment, Author: a.author(ctx, f.author), Reason: f.reason, ReviewedBy: f.reviewer, Time: at,
	}
	if r.Targets, err = readTargets(snapshot.Prompt(prompt), targets); err != nil {
		return usage(err)
	}
	before := liveIn(snapshot, prompt, f.environment, at)
	if canary {
		if r.Targets, err = beside(before, r.Targets, f.weight); err != nil {
			return usage(err)
		}
	}
	if before.serves(r.Targets) {
		a.note("%s of %s serves exactly that already: no release was added", f.environment, prompt)
		return a.released("spanloop.prompt.release/1", prompt, before, *before)
	}
	added, err := registry.AddRelease(a.Registry, prompt, r)
	if err != nil {
		return registryError(err)
	}
	return a.released("spanloop.prompt.release/1", prompt, before, newReleaseInfo(added))
}

// serves tells whether these are the release's versions with its shares.
func (r *releaseInfo) serves(targets []registry.Target) bool {
	if r == nil {
		return false
	}
	other := newReleaseInfo(registry.Release{Targets: targets})
	return slices.EqualFunc(r.Targets, other.Targets, func(x, y targetInfo) bool { return x.Version == y.Version && x.Percent == y.Percent })
}

// readTargets reads VERSION and VERSION=WEIGHT.
func readTargets(p *registry.Prompt, texts []string) ([]registry.Target, error) {
	if len(texts) == 0 {
		return nil, fmt.Errorf("which version? prompt %q has %s", p.Name, strings.Join(lastOf(versionNames(p), 5), ", "))
	}
	var targets []registry.Target
	for _, text := range texts {
		t := registry.Target{Version: text}
		if at := strings.LastIndexByte(text, '='); at >= 0 && p.Version(text) == nil {
			weight, err := strconv.ParseFloat(strings.TrimSuffix(text[at+1:], "%"), 64)
			if err != nil || !(weight > 0 && weight < 1e9) {
				return nil, fmt.Errorf("%q: the weight of version %s must be a number above zero", text, text[:at])
			}
			t.Version, t.Weight = text[:at], weight
		}
		v, err := findVersion(p, t.Version)
		if err != nil {
			return nil, err
		}
		t.Version, t.Hash = v.Version, v.Hash
		if t.Weight == 0 {
			if len(texts) > 1 {
				return nil, fmt.Errorf("version %s has no weight: several versions need one each, as in %s=90", t.Version, t.Version)
			}
			t.Weight = 100
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// beside gives one version some percent; what was live shares the rest as it
// did before.
func beside(live *releaseInfo, targets []registry.Target, weight float64) ([]registry.Target, error) {
	if len(targets) != 1 {
		return nil, errors.New("--weight is for one version; several versions carry theirs, as in v1=90 v2=10")
	}
	if !(weight > 0 && weight <= 100) {
		return nil, fmt.Errorf("--weight %v: a percentage above 0, up to 100, is expected", weight)
	}
	canary := targets[0]
	canary.Weight = weight
	if weight == 100 {
		return []registry.Target{canary}, nil
	}
	rest := 0.0
	if live != nil {
		for _, t := range live.Targets {
			if t.Version != canary.Version {
				rest += t.Weight
			}
		}
	}
	if rest == 0 {
		return nil, errors.New("--weight: no other version is live there to serve the rest; release without --weight, or name all versions as in v1=90 v2=10")
	}
	var out []registry.Target
	for _, t := range live.Targets {
		if t.Version != canary.Version {
			out = append(out, registry.Target{Version: t.Version, Weight: (100 - weight) * t.Weight / rest, Hash: t.Hash})
		}
	}
	return append(out, canary), nil
}

func lastOf(list []string, n int) []string { return list[max(0, len(list)-n):] }

// released prints a release and what it took over from.
func (a *app) released(schema, prompt string, before *releaseInfo, r releaseInfo) error {
	if a.Format == string(report.FormatJSON) {
		return report.WriteJSON(a.Out, schema, struct {
			Prompt  string       `json:"prompt"`
			Release releaseInfo  `json:"release"`
			Before  *releaseInfo `json:"before"`
		}{prompt, r, before})
	}
	t := &report.Table{
		Title:   fmt.Sprintf("%s in %s: %s", prompt, r.Environment, r),
		Columns: []report.Column{{Name: "version"}, {Name: "weight", Align: report.Right}, {Name: "share", Align: report.Right}, {Name: "hash"}},
	}
	for _, target := range r.Targets {
		t.Rows = append(t.Rows, []report.Cell{
			report.Text(target.Version), report.Number(target.Weight, "%g"), {Text: percent(target.Percent), Value: target.Percent},
			{Text: registry.ShortHash(target.Hash), Value: target.Hash},
		})
	}
	was := "it served nothing before"
	if before != nil && before.Time.Equal(r.Time) {
		was = "unchanged"
	} else if before != nil {
		was = "it served " + before.String() + " before; `spanloop prompt rollback " + prompt + " -e " + r.Environment + "` goes back"
	}
	t.Notes = append(t.Notes, "since "+moment(r.Time)+"; "+was)
	return a.print(t)
}
