// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/replay"
	"github.com/spanloop/spanloop/internal/report"
	"github.com/spanloop/spanloop/internal/wire"
)

// replayFlags are the flags of the replay command.
type replayFlags struct {
	worst, promptVersion, model, dialect, endpoint, export, otlp string
	edits, sets, tools, params, headers                          []string
	check, dryRun, commit, yes, stream, pinModel                 bool
	runs, concurrency, maxCalls                                  int
	timeout                                                      time.Duration
}

// newReplayCommand replays a recorded call.
func newReplayCommand(a *app) *cobra.Command {
	f := &replayFlags{}
	c := &cobra.Command{
		Use:   "replay [SPAN_ID | TRACE_ID:SPAN_ID]",
		Short: "Rebuild a recorded call, change one thing, run both and compare",
		Long: `replay rebuilds the provider request of a recorded call, says how faithful that
is, and runs it again: unchanged as the control arm and changed as the treatment
arm, in turn. Both are scored by the evaluators that score production calls. All
else is held equal, which is asserted before anything is sent.

Requests go to --endpoint, else to OPENAI_BASE_URL or ANTHROPIC_BASE_URL, else to
the provider, with the key in OPENAI_API_KEY or ANTHROPIC_API_KEY; never to an
address that a span names. docs/replay.md describes attributes, grades, findings
and the JSON.

Exit codes: 0 equal, better or nothing changed; 1 worse; 2 bad usage; 3 not
faithful or not enough runs; 4 failed, or an arm got no answer.`,
		Example: `  spanloop replay 4f1c2a9be07d3355 --check
  spanloop replay --worst tool_args_schema:support@3.2 --prompt-version 3.1
  spanloop replay 4f1c2a9be07d3355 --edit 'be brief=>be brief and cite the order id' -n 10 --commit`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.replay(cmd.Context(), f, args) },
	}
	flags := c.Flags()
	flags.StringVar(&f.worst, "worst", "", "replay the call with the worst `SCORE:PROMPT@VERSION`, instead of a span id")
	flags.BoolVar(&f.check, "check", false, "only say how faithfully the request can be restored")
	flags.BoolVar(&f.dryRun, "dry-run", false, "print the requests and their difference, send nothing")
	flags.StringVar(&f.promptVersion, "prompt-version", "", "another `version` of the prompt, with the recorded variables")
	flags.StringArrayVar(&f.edits, "edit", nil, "replace a fragment of the prompt: `'old=>new'`, or @FILE with a unified diff; must match once")
	flags.StringArrayVar(&f.sets, "set", nil, "another value of a prompt variable: `name=value`")
	flags.StringArrayVar(&f.tools, "tool", nil, "another definition of a tool: `NAME=file.json`, or NAME=@version of the registry")
	flags.StringVar(&f.model, "model", "", "another `model` in the treatment arm")
	flags.BoolVar(&f.pinModel, "pin-model", false, "both arms ask for the model that the recorded answer names, instead of an alias of it")
	flags.StringArrayVar(&f.params, "param", nil, "another request parameter: `name=value`, JSON or text")
	flags.IntVarP(&f.runs, "runs", "n", 5, "runs of each arm")
	flags.IntVar(&f.concurrency, "concurrency", 2, "requests under way at a time")
	flags.IntVar(&f.maxCalls, "max-calls", 100, "refuse to send more requests than this")
	flags.BoolVar(&f.stream, "stream", false, "ask for streamed answers")
	flags.BoolVar(&f.commit, "commit", false, "add the edited prompt to the registry as a new version, unless it is worse")
	flags.BoolVarP(&f.yes, "yes", "y", false, "send without asking, although it costs money")
	flags.StringVar(&f.endpoint, "endpoint", "", "base `URL` of the provider's API")
	flags.StringArrayVar(&f.headers, "header", nil, "a further request header, `'name: value'`, as some providers' previews need")
	flags.StringVar(&f.dialect, "dialect", "", "provider API, when the span does not say: "+strings.Join(wire.Dialects(), ", "))
	flags.DurationVar(&f.timeout, "timeout", wire.DefaultTimeout, "longest time for one answer")
	flags.StringVar(&f.export, "export", "", "where the replay's spans go: otlp, dataset or none (default otlp when an OTLP endpoint is known, else dataset)")
	flags.StringVar(&f.otlp, "otlp-endpoint", "", "OTLP/HTTP `URL` (OTEL_EXPORTER_OTLP_ENDPOINT)")
	return c
}

// replay runs the command.
func (a *app) replay(ctx context.Context, f *replayFlags, args []string) error {
	if err := f.checkUsage(a, args); err != nil {
		return usage(err)
	}
	snapshot, problems := registry.Load(a.Registry)
	if _, err := os.Stat(a.Registry); err == nil {
		for _, p := range problems {
			a.note("%s", p)
		}
	}
	plan, err := a.plan(ctx, f, args, snapshot)
	if err != nil {
		return replayError(err)
	}
	result := plan.Result(f.runs, f.dryRun)
	if f.check {
		result.Outcome, result.Calls = replay.OutcomeChecked, 0
		if plan.Refused() {
			result.Outcome = replay.OutcomeUnfaithful
		}
	}
	text := a.Format == "table"
	if text {
		if err := result.WriteFidelity(a.Out); err != nil {
			return err
		}
	}
	if f.check || f.dryRun || plan.Refused() {
		if text && f.dryRun {
			a.printRequests(plan)
		}
		return a.finishReplay(result, text)
	}
	runs, err := a.runReplay(ctx, f, plan, result)
	if err != nil && !result.Answered() {
		return replayError(err)
	}
	// What was paid for is shown even when an arm failed or it cannot be kept.
	failed := errors.Join(err, a.exportReplay(context.WithoutCancel(ctx), f, plan, result, runs, snapshot))
	if err == nil {
		failed = errors.Join(failed, a.commitReplay(ctx, f, plan, result))
	}
	if text {
		if err := result.WriteRuns(a.Out, a.options()); err != nil {
			return err
		}
	}
	if err := a.finishReplay(result, text); failed == nil {
		return err
	}
	return replayError(failed)
}

// finishReplay prints JSON, when asked for, and sets the exit code.
func (a *app) finishReplay(result *replay.Result, text bool) error {
	if !text {
		if err := report.WriteJSON(a.Out, replay.Schema, result); err != nil {
			return err
		}
	}
	if code := result.ExitCode(); code != exitDone {
		return &exitError{Code: code}
	}
	return nil
}

// printRequests prints what would be sent.
func (a *app) printRequests(plan *replay.Plan) {
	fmt.Fprintf(a.Out, "\nControl request:\n%s\n", report.EscapeTerminal(plan.Control.Pretty()))
	if plan.Treatment != nil {
		fmt.Fprintf(a.Out, "\nTreatment request:\n%s\n", report.EscapeTerminal(plan.Treatment.Pretty()))
	}
	fmt.Fprintln(a.Out, "\nDry run: nothing was sent. The requests are indented for reading.")
}

// replayError gives errors their exit codes.
func replayError(err error) error {
	var exit *exitError
	switch {
	case errors.As(err, &exit):
		return err
	case errors.Is(err, replay.ErrUnfaithful), errors.Is(err, replay.ErrNoContent):
		return &exitError{Code: exitCannotTell, Err: err}
	case errors.Is(err, replay.ErrSpanID), errors.Is(err, replay.ErrNotFound), errors.Is(err, replay.ErrNotACall),
		errors.Is(err, replay.ErrChange), errors.Is(err, replay.ErrBudget), errors.Is(err, wire.ErrDialect),
		errors.Is(err, wire.ErrEndpoint), errors.Is(err, dataset.ErrNoDataset):
		return usage(err)
	}
	return &exitError{Code: exitFailed, Err: err}
}
