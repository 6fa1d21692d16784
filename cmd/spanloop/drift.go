// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/drift"
	"github.com/spanloop/spanloop/internal/traffic"
)

// driftFlags are the flags of the drift command.
type driftFlags struct {
	environment, baselineSince, baselineUntil, alpha, budget, every string
	keys                                                            []string
	maxCalls                                                        int
}

func newDriftCommand(a *app) *cobra.Command {
	f := &driftFlags{}
	c := &cobra.Command{
		Use:   "drift PROMPT [VERSION]",
		Short: "Say what changed under a prompt version that did not",
		Long: `drift looks at the production calls of one version of a prompt, by default the
one called last. It tells evaluators that changed from inputs that changed, and
both from behaviour that changed although the inputs are alike; dates each
change; and names the recorded part of the calls' identity that explains it:
responding model, tool definitions, parameters, provider, SDK, template. When
none does, it says so.

Without a baseline all calls between --since and --until are searched for the
moments at which behaviour changed. With --baseline-since or --baseline-until
the window from --since on is compared with that baseline.

How, and what it cannot tell, is in docs/drift.md. Exit codes: 0 no drift, or
only the inputs changed; 1 drift, or an evaluator changed; 2 bad usage; 3 not
enough data or cannot tell; 4 failed.`,
		Example: `  spanloop drift support
  spanloop drift support 3.1 --environment production --since 14d
  spanloop drift support 3.1 --baseline-since 28d --baseline-until 7d --since 7d
  spanloop drift support 3.1 --since 14d --alarm-budget 1/quarter --every 24h
  spanloop drift support 3.1 --stratify var:tier --format html > drift.html`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usage(fmt.Errorf("drift: PROMPT [VERSION] is expected, not %d arguments", len(args)))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.drift(cmd.Context(), f, args) },
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 1 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return a.completeVersions(cmd.Context(), args), cobra.ShellCompDirectiveNoFileComp
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.environment, "environment", "", "only calls of this `environment`")
	flags.StringVar(&f.baselineSince, "baseline-since", "", "the baseline begins at this `time` (like --since)")
	flags.StringVar(&f.baselineUntil, "baseline-until", "", "the baseline ends before this `time`; default: --since")
	flags.StringVar(&f.alpha, "alpha", "", "probability of an alarm when nothing changed (default 0.05)")
	flags.StringVar(&f.budget, "alarm-budget", "", "false alarms that are tolerated, `N/UNIT` like 1/quarter, with --every")
	flags.StringVar(&f.every, "every", "24h", "how often this command runs, for --alarm-budget (a `duration`: 1h, 24h, 7d)")
	flags.StringArrayVar(&f.keys, "stratify", nil, "compare within the values of a `column`, var:NAME (a prompt variable) or attr:NAME")
	flags.IntVar(&f.maxCalls, "max-calls", 0, "above so many `calls` they are sampled by session (default 40000)")
	_ = c.RegisterFlagCompletionFunc("stratify", cobra.FixedCompletions(traffic.Keys(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

func (a *app) drift(ctx context.Context, f *driftFlags, args []string) error {
	o, err := a.driftOptions(f, args)
	if err != nil {
		return usage(err)
	}
	db, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	result, err := drift.Run(ctx, db.SQL(), o)
	if errors.Is(err, drift.ErrNoPrompt) {
		prompts, _ := seenNames(traffic.SeenPrompts(ctx, db.SQL(), traffic.Arm{}))
		return usage(fmt.Errorf("prompt %q: no production call is of it%s", o.Prompt, suggest(o.Prompt, prompts)))
	}
	if errors.Is(err, drift.ErrOptions) {
		return usage(err)
	}
	if err != nil {
		return err
	}
	return a.finishCompare(result, drift.Schema, result.ExitCode)
}

func (a *app) driftOptions(f *driftFlags, args []string) (drift.Options, error) {
	o := drift.Options{Prompt: args[0], Environment: f.environment, Keys: f.keys, MaxCalls: f.maxCalls}
	if len(args) == 2 {
		o.Version = args[1]
	}
	// Times that count back from now have to count from one moment: --since 7d
	// is where --baseline-until 7d ends.
	now, frozen := a.Now(), *a
	frozen.Now = func() time.Time { return now }
	var err error
	if o.Since, o.Until, err = frozen.window(); err != nil {
		return o, err
	}
	if o.BaselineSince, err = frozen.moment("--baseline-since", f.baselineSince); err != nil {
		return o, err
	}
	if o.BaselineUntil, err = frozen.moment("--baseline-until", f.baselineUntil); err != nil {
		return o, err
	}
	switch {
	case f.alpha != "" && f.budget != "":
		return o, errors.New("drift: either --alpha or --alarm-budget, not both")
	case f.alpha != "":
		o.Alpha, err = parseShare("--alpha", f.alpha)
		if err == nil && o.Alpha <= 0 {
			err = fmt.Errorf("--alpha %q: a probability above 0 is expected", f.alpha)
		}
	case f.budget != "":
		o.Alpha, err = alarmBudget(f.budget, f.every)
	}
	return o, err
}

// units are the lengths of time in which alarms are budgeted.
var units = map[string]time.Duration{
	"day": 24 * time.Hour, "week": 7 * 24 * time.Hour, "month": 30 * 24 * time.Hour, "quarter": 91 * 24 * time.Hour, "year": 365 * 24 * time.Hour,
}

// alarmBudget turns tolerated false alarms in a length of time into the error
// rate of one run: the budget times the runs' interval.
func alarmBudget(budget, every string) (float64, error) {
	count, name, found := strings.Cut(budget, "/")
	alarms, err := strconv.ParseFloat(count, 64)
	unit, known := units[name]
	if !found || err != nil || !known || !(alarms > 0) {
		return 0, fmt.Errorf("--alarm-budget %q: N/day, N/week, N/month, N/quarter or N/year is expected, like 1/quarter", budget)
	}
	interval, err := duration(every)
	if err != nil || interval <= 0 {
		return 0, fmt.Errorf("--every %q: a duration is expected, like 1h, 24h or 7d", every)
	}
	// Beyond a fifth an alarm says too little.
	return min(0.2, alarms*interval.Hours()/unit.Hours()), nil
}

// duration reads a duration that may be in days.
func duration(text string) (time.Duration, error) {
	if days, isDays := strings.CutSuffix(text, "d"); isDays {
		n, err := strconv.ParseFloat(days, 64)
		if err != nil || !(n < 36500) {
			return 0, fmt.Errorf("%q is no duration", text)
		}
		return time.Duration(n * 24 * float64(time.Hour)), nil
	}
	return time.ParseDuration(text)
}
