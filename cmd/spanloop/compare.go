// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/compare"
	"github.com/spanloop/spanloop/internal/query"
	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/report"
	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic"
)

// compareFlags are the flags of the compare command.
type compareFlags struct {
	environment, look, split, alpha string
	metrics, margins, keys          []string
	horizon, maxCalls, worst        int
	sequential                      bool
}

func newCompareCommand(a *app) *cobra.Command {
	f := &compareFlags{}
	c := &cobra.Command{
		Use:   "compare PROMPT [A B]",
		Short: "Say whether version B of a prompt is better than version A",
		Long: `compare looks at the production calls of two versions of a prompt in the time in
which both ran. Per metric it prints both estimates, the difference within alike
inputs, an interval that counts sessions and not calls, and a verdict: better,
worse, equivalent (within the margin) or not enough data, with about how many
more sessions would decide. Metrics marked * decide the overall verdict together
at one error rate; the others are exploratory. Without A and B every pair of the
versions seen is compared, at one error rate over all pairs.

The intervals hold however often you look, unless --look says once. What is
computed, and what it cannot tell, is in docs/statistics.md.

Exit codes: 0 better, equivalent or changed; 1 worse; 2 bad usage; 3 not enough data or
not comparable; 4 failed.`,
		Example: `  spanloop compare support 3.1 3.2
  spanloop compare support 3.1 3.2 --environment production --since 7d
  spanloop compare support 3.1 3.2 --metric tool_call_accuracy --metric latency --margin latency=20%
  spanloop compare support 3.1 3.2 --look horizon --horizon 2000 --split 10%
  spanloop compare support 3.1 3.2 --stratify var:tier --format html > compare.html
  spanloop compare support`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 && len(args) != 3 {
				return usage(fmt.Errorf("compare: PROMPT A B, or PROMPT for all pairs, is expected, not %d arguments", len(args)))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.compare(cmd.Context(), f, args) },
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			return a.completeVersions(cmd.Context(), args), cobra.ShellCompDirectiveNoFileComp
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.environment, "environment", "", "only calls of this `environment`")
	flags.StringArrayVar(&f.metrics, "metric", nil, "a `metric` that decides (at most 5); default: tool-call accuracy, errors, latency and two scores")
	flags.StringArrayVar(&f.margins, "margin", nil, "what difference of a metric matters: `METRIC=VALUE`, like latency=20%, error_rate=1% or helpful=0.05")
	flags.StringVar(&f.look, "look", "", "how often the result may be looked at while the error rate holds: `anytime` (default), horizon or once")
	flags.IntVar(&f.horizon, "horizon", 0, "planned number of `sessions` over both versions; implies --look horizon")
	flags.StringVar(&f.alpha, "alpha", "0.05", "error `rate` of the whole decision")
	flags.StringArrayVar(&f.keys, "stratify", nil, "compare within the values of a `column`, var:NAME (a prompt variable) or attr:NAME")
	flags.StringVar(&f.split, "split", "", "planned `share` of B, like 10%; default: that of the release")
	flags.BoolVar(&f.sequential, "sequential", false, "compare versions that did not run at the same time (before with after)")
	flags.IntVar(&f.maxCalls, "max-calls", 0, "above so many `calls` a version is sampled by session (default 20000)")
	flags.IntVar(&f.worst, "worst", 10, "list so many of B's worst `spans`")
	_ = c.RegisterFlagCompletionFunc("look", cobra.FixedCompletions([]string{"anytime", "horizon", "once"}, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("metric", cobra.FixedCompletions(traffic.BuiltInNames(), cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("stratify", cobra.FixedCompletions(traffic.Keys(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (a *app) compare(ctx context.Context, f *compareFlags, args []string) error {
	o, err := a.compareOptions(f, args)
	if err != nil {
		return usage(err)
	}
	db, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := a.checkVersions(ctx, db, &o); err != nil {
		return err
	}
	if o.A == "" {
		all, err := compare.RunAll(ctx, db.SQL(), o)
		if err != nil {
			return compareError(err)
		}
		return a.finishCompare(all, compare.SchemaAll, all.ExitCode)
	}
	result, err := compare.Run(ctx, db.SQL(), o)
	if err != nil {
		return compareError(err)
	}
	return a.finishCompare(result, compare.Schema, result.ExitCode)
}

// compared is what compare prints.
type compared interface {
	WriteText(w io.Writer, o report.Options, quiet bool) error
	WriteCSV(w io.Writer, o report.Options) error
	WriteHTML(w io.Writer) error
}

// finishCompare prints a result and ends with its exit code.
func (a *app) finishCompare(result compared, schema string, code int) error {
	var err error
	switch report.Format(a.Format) {
	case report.FormatJSON:
		err = report.WriteJSON(a.Out, schema, result)
	case report.FormatCSV:
		err = result.WriteCSV(a.Out, a.options())
	case report.FormatHTML:
		err = result.WriteHTML(a.Out)
	default:
		err = result.WriteText(a.Out, a.options(), a.Quiet)
	}
	if err == nil && code != exitDone {
		return &exitError{Code: code}
	}
	return err
}

// compareError tells bad usage from failures.
func compareError(err error) error {
	if errors.Is(err, compare.ErrOptions) || errors.Is(err, compare.ErrNoPrompt) {
		return usage(err)
	}
	return err
}

func (a *app) compareOptions(f *compareFlags, args []string) (compare.Options, error) {
	o := compare.Options{
		Prompt: args[0], Environment: f.environment, Metrics: f.metrics, Look: stats.Look(f.look), Horizon: f.horizon,
		Keys: f.keys, Sequential: f.sequential, MaxCalls: f.maxCalls, Worst: f.worst,
	}
	if len(args) == 3 {
		o.A, o.B = args[1], args[2]
	}
	var err error
	if o.Since, o.Until, err = a.window(); err != nil {
		return o, err
	}
	if o.Alpha, err = parseShare("--alpha", f.alpha); err != nil {
		return o, err
	}
	if f.split != "" {
		if o.Split, err = parseShare("--split", f.split); err != nil {
			return o, err
		}
	}
	for _, given := range f.margins {
		name, text, found := strings.Cut(given, "=")
		if !found {
			return o, fmt.Errorf("--margin %q: METRIC=VALUE is expected, like latency=20%%", given)
		}
		value, err := parseShare("--margin "+name, text)
		if err != nil {
			return o, err
		}
		if o.Margins == nil {
			o.Margins = map[string]float64{}
		}
		o.Margins[name] = value
	}
	return o, nil
}

// parseShare reads a number, or a percentage.
func parseShare(flag, text string) (float64, error) {
	digits, isPercent := strings.CutSuffix(strings.TrimSpace(text), "%")
	value, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if err != nil || !stats.Finite(value) {
		return 0, fmt.Errorf("%s %q: a number or a percentage is expected", flag, text)
	}
	if isPercent {
		value /= 100
	}
	return value, nil
}

// checkVersions refuses names that no call bears, with those that are most like
// them. A version that only the registry knows has no data yet, and is no
// mistake.
func (a *app) checkVersions(ctx context.Context, db *query.DB, o *compare.Options) error {
	prompts, err := seenNames(traffic.SeenPrompts(ctx, db.SQL(), traffic.Arm{}))
	if err != nil {
		return err
	}
	snapshot, _ := registry.Load(a.Registry)
	if !slices.Contains(prompts, o.Prompt) {
		if snapshot.Prompt(o.Prompt) == nil {
			return usage(fmt.Errorf("prompt %q: no production call is of it%s", o.Prompt, suggest(o.Prompt, prompts)))
		}
		return &exitError{Code: exitCannotTell, Err: fmt.Errorf("prompt %q is in the registry, but no production call is of it yet", o.Prompt)}
	}
	if o.Environment != "" {
		environments, err := seenNames(traffic.SeenEnvironments(ctx, db.SQL(), traffic.Arm{Prompt: o.Prompt}))
		if err != nil {
			return err
		}
		if !slices.Contains(environments, o.Environment) {
			return usage(fmt.Errorf("--environment %q: no production call of %q is of it%s", o.Environment, o.Prompt, suggest(o.Environment, environments)))
		}
	}
	versions, err := seenNames(traffic.SeenVersions(ctx, db.SQL(), traffic.Arm{Prompt: o.Prompt}))
	if err != nil || o.A == "" {
		return err
	}
	for _, version := range []string{o.A, o.B} {
		if slices.Contains(versions, version) || registered(snapshot, o.Prompt, version) {
			continue
		}
		return usage(fmt.Errorf("prompt %q has no version %q%s", o.Prompt, version, suggest(version, versions)))
	}
	return nil
}

func registered(s *registry.Snapshot, prompt, version string) bool {
	p := s.Prompt(prompt)
	return p != nil && p.Version(version) != nil
}

func seenNames(seen []traffic.Seen, err error) ([]string, error) {
	var names []string
	for _, s := range seen {
		names = append(names, s.Name)
	}
	return names, err
}

// completeVersions offers prompts, then their versions.
func (a *app) completeVersions(ctx context.Context, args []string) []string {
	db, err := a.open(ctx)
	if err != nil {
		return nil
	}
	defer db.Close()
	var names []string
	if len(args) == 0 {
		names, _ = seenNames(traffic.SeenPrompts(ctx, db.SQL(), traffic.Arm{}))
	} else if len(args) < 3 {
		names, _ = seenNames(traffic.SeenVersions(ctx, db.SQL(), traffic.Arm{Prompt: args[0]}))
	}
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(args[min(1, len(args)):], name) })
}
