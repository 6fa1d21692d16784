// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/replay"
	"github.com/spanloop/spanloop/internal/report"
	"github.com/spanloop/spanloop/internal/wire"
)

// replayFlags are the flags of the replay command.
type replayFlags struct {
	worst, promptVersion, model, dialect, endpoint, export, otlp string
	edits, sets, tools, params, headers                          []string
	check, dryRun, commit, yes, stream                           bool
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
faithful or not enough runs; 4 failed.`,
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
	flags.StringVar(&f.model, "model", "", "another `model`; without other changes compared with the recorded one")
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
	snapshot, _ := registry.Load(a.Registry)
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
	if err != nil {
		return replayError(err)
	}
	// What was paid for is shown even when it cannot be kept.
	kept := errors.Join(a.exportReplay(ctx, f, plan, result, runs, snapshot), a.commitReplay(f, plan, result))
	if text {
		if err := result.WriteRuns(a.Out, a.options()); err != nil {
			return err
		}
	}
	if err := a.finishReplay(result, text); kept == nil {
		return err
	}
	return replayError(kept)
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
	fmt.Fprintf(a.Out, "\nControl request:\n%s\n", report.EscapeTerminal(plan.Control.Text()))
	if plan.Treatment != nil {
		fmt.Fprintf(a.Out, "\nTreatment request:\n%s\n", report.EscapeTerminal(plan.Treatment.Text()))
	}
	fmt.Fprintln(a.Out, "\nDry run: nothing was sent.")
}

func (f *replayFlags) checkUsage(a *app, args []string) error {
	switch {
	case len(args) == 0 && f.worst == "":
		return errors.New("replay: a span id is expected, or --worst SCORE:PROMPT@VERSION")
	case len(args) == 1 && f.worst != "":
		return errors.New("replay: a span id and --worst exclude each other")
	case f.runs < 1 || f.runs > 1000:
		return fmt.Errorf("replay: -n %d: 1 to 1000 runs are expected", f.runs)
	case f.concurrency < 1 || f.concurrency > 64:
		return fmt.Errorf("replay: --concurrency %d: 1 to 64 is expected", f.concurrency)
	case f.export != "" && !slices.Contains([]string{"otlp", "dataset", "none"}, f.export):
		return fmt.Errorf("replay: --export %q: otlp, dataset or none is expected", f.export)
	case a.Format != "table" && a.Format != "json":
		return fmt.Errorf("replay: --format %s: table or json is expected", a.Format)
	case f.commit && len(f.edits) == 0:
		return errors.New("replay: --commit needs --edit: there is no new prompt text otherwise")
	case f.commit && (f.check || f.dryRun):
		return errors.New("replay: --commit needs runs; leave out --check and --dry-run")
	}
	return nil
}

// plan finds the call, rebuilds its request and makes the changes.
func (a *app) plan(ctx context.Context, f *replayFlags, args []string, snapshot *registry.Snapshot) (*replay.Plan, error) {
	changes, err := f.changes(snapshot)
	if err != nil {
		return nil, err
	}
	id := f.worst
	if len(args) == 1 {
		id = args[0]
	} else if id, err = a.worst(ctx, f.worst); err != nil {
		return nil, err
	}
	d, err := dataset.Open(a.Dataset)
	if err != nil {
		return nil, err
	}
	source, err := replay.Find(ctx, d, id, snapshot)
	if err != nil {
		return nil, err
	}
	return replay.NewPlan(source, replay.PlanOptions{Changes: changes, Registry: snapshot, Dialect: f.dialect})
}

// changes reads the flags that say what is changed.
func (f *replayFlags) changes(snapshot *registry.Snapshot) (replay.Changes, error) {
	c := replay.Changes{PromptVersion: f.promptVersion, Model: f.model}
	var err error
	if c.Variables, err = pairs("--set", f.sets); err != nil {
		return c, err
	}
	if c.Params, err = pairs("--param", f.params); err != nil {
		return c, err
	}
	for _, text := range f.edits {
		edits, err := readEdit(text)
		if err != nil {
			return c, err
		}
		c.Edits = append(c.Edits, edits...)
	}
	tools, err := pairs("--tool", f.tools)
	if err != nil {
		return c, err
	}
	c.Tools = map[string][]byte{}
	for _, name := range slices.Sorted(maps.Keys(tools)) {
		version, registered := strings.CutPrefix(tools[name], "@")
		if !registered {
			if c.Tools[name], err = os.ReadFile(tools[name]); err != nil {
				return c, usage(fmt.Errorf("--tool %s: %w", name, err))
			}
			continue
		}
		found := snapshot.Tool(name).Version(version)
		if found == nil {
			return c, usage(fmt.Errorf("--tool %s: the registry has no version %q of it", name, version))
		}
		c.Tools[name] = found.Definition
	}
	return c, nil
}

func readEdit(text string) ([]replay.Edit, error) {
	file, isFile := strings.CutPrefix(text, "@")
	if !isFile {
		edit, err := replay.ParseEdit(text)
		return []replay.Edit{edit}, err
	}
	patch, err := os.ReadFile(file)
	if err != nil {
		return nil, usage(fmt.Errorf("--edit: %w", err))
	}
	return replay.ParsePatch(string(patch))
}

// pairs reads name=value flags.
func pairs(flag string, list []string) (map[string]string, error) {
	out := map[string]string{}
	for _, text := range list {
		name, value, found := strings.Cut(text, "=")
		if !found || name == "" {
			return nil, usage(fmt.Errorf("%s %q: name=value is expected", flag, text))
		}
		out[name] = value
	}
	return out, nil
}

// replayError gives errors their exit codes.
func replayError(err error) error {
	var exit *exitError
	switch {
	case errors.As(err, &exit):
		return err
	case errors.Is(err, replay.ErrUnfaithful):
		return &exitError{Code: exitCannotTell, Err: err}
	case errors.Is(err, replay.ErrSpanID), errors.Is(err, replay.ErrNotFound), errors.Is(err, replay.ErrNotACall),
		errors.Is(err, replay.ErrChange), errors.Is(err, replay.ErrBudget), errors.Is(err, wire.ErrDialect),
		errors.Is(err, wire.ErrEndpoint), errors.Is(err, dataset.ErrNoDataset):
		return usage(err)
	}
	return &exitError{Code: exitFailed, Err: err}
}

// worst finds the production call with the worst score of a prompt version.
func (a *app) worst(ctx context.Context, text string) (string, error) {
	score, prompt, version, err := replay.ParseWorst(text)
	if err != nil {
		return "", usage(err)
	}
	db, err := a.open(ctx)
	if err != nil {
		return "", err
	}
	defer db.Close()
	since, until, err := a.window()
	if err != nil {
		return "", err
	}
	result, err := db.Query(ctx, replay.WorstSQL(since, until), score, prompt, version)
	if err != nil {
		return "", err
	}
	if len(result.Rows) == 0 {
		return "", usage(fmt.Errorf("%w: no scored call of %s@%s has %s", replay.ErrNotFound, prompt, version, score))
	}
	row := result.Rows[0]
	a.note("worst %s of %s@%s: %v on span %v", score, prompt, version, row[2], row[1])
	return fmt.Sprintf("%v:%v", row[0], row[1]), nil
}

// runReplay sends the requests and adds what came of them.
func (a *app) runReplay(ctx context.Context, f *replayFlags, plan *replay.Plan, result *replay.Result) ([]replay.Run, error) {
	client, err := f.client(plan.Request.Dialect)
	if err != nil {
		return nil, err
	}
	defer client.CloseIdle()
	result.Endpoint = client.URL()
	if err := a.confirm(f, client.URL(), result.Calls); err != nil {
		return nil, err
	}
	evaluators := evaluator.Defaults()
	runs, err := plan.Execute(ctx, replay.RunOptions{
		Runs: f.runs, Concurrency: f.concurrency, MaxCalls: f.maxCalls, Stream: f.stream,
		Sender: client, Evaluators: evaluators, Progress: a.progress(),
	})
	if err != nil {
		return nil, err
	}
	result.RunID = replay.NewRunID()
	result.AddRuns(runs, evaluators)
	return runs, nil
}

// client is where requests go: only what the operator says.
func (f *replayFlags) client(dialect string) (*wire.Client, error) {
	prefix := "OPENAI"
	if dialect == wire.AnthropicMessages {
		prefix = "ANTHROPIC"
	}
	endpoint := f.endpoint
	if endpoint == "" {
		endpoint = orEnv(prefix+"_BASE_URL", wire.DefaultEndpoint(dialect))
	}
	headers := http.Header{}
	for _, text := range f.headers {
		name, value, found := strings.Cut(text, ":")
		if !found || strings.TrimSpace(name) == "" {
			return nil, usage(errors.New("--header: 'name: value' is expected"))
		}
		headers.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	key := os.Getenv(prefix + "_API_KEY")
	if key == "" && endpoint == wire.DefaultEndpoint(dialect) {
		return nil, usage(fmt.Errorf("set %s_API_KEY, or name another server with --endpoint", prefix))
	}
	return wire.NewClient(wire.ClientConfig{Dialect: dialect, Endpoint: endpoint, APIKey: key, Headers: headers, Timeout: f.timeout})
}

// confirm asks before requests leave the machine.
func (a *app) confirm(f *replayFlags, url string, calls int) error {
	if f.yes || wire.IsLoopback(url) {
		return nil
	}
	if !a.Terminal {
		return usage(fmt.Errorf("%d requests would go to %s and may cost money: give --yes", calls, url))
	}
	fmt.Fprintf(a.Err, "\nSend %d requests to %s? This may cost money. [y/N] ", calls, url)
	answer, _ := bufio.NewReader(a.In).ReadString('\n')
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		return usage(errors.New("replay: nothing was sent"))
	}
	return nil
}

// progress shows on a terminal how far the runs are.
func (a *app) progress() func(done, total int) {
	if a.Quiet || !a.Terminal {
		return nil
	}
	return func(done, total int) {
		end := ""
		if done == total {
			end = "\r\033[K"
		}
		fmt.Fprintf(a.Err, "\r%d of %d answers%s", done, total, end)
	}
}

// exportReplay writes the runs back as spans.
func (a *app) exportReplay(ctx context.Context, f *replayFlags, plan *replay.Plan, result *replay.Result, runs []replay.Run, snapshot *registry.Snapshot) error {
	endpoint := f.otlp
	if endpoint == "" {
		endpoint = orEnv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"))
	}
	export := f.export
	if export == "" {
		export = "dataset"
		if endpoint != "" {
			export = "otlp"
		}
	}
	if export == "none" {
		return nil
	}
	traces := plan.Traces(result.RunID, runs, snapshot)
	if export == "otlp" {
		if endpoint == "" {
			endpoint = "http://localhost:4318"
		}
		if err := replay.ExportOTLP(ctx, endpoint, replay.ParseHeaders(os.Getenv("OTEL_EXPORTER_OTLP_HEADERS")), traces); err != nil {
			return err
		}
		result.Exported = fmt.Sprintf("%d spans sent to %s", traces.SpanCount(), endpoint)
		return nil
	}
	writer, err := dataset.NewWriter(a.Dataset, dataset.WriterOptions{})
	if err != nil {
		return err
	}
	written, err := writer.WriteTraces(ctx, traces)
	if err = errors.Join(err, writer.Close()); err != nil {
		return err
	}
	result.Exported = fmt.Sprintf("%d written to dataset %s", written.Spans, a.Dataset)
	return nil
}

// commitReplay adds the edited prompt to the registry.
func (a *app) commitReplay(f *replayFlags, plan *replay.Plan, result *replay.Result) error {
	if !f.commit {
		return nil
	}
	if result.Outcome == replay.Worse {
		a.note("not committed: the change is worse")
		return nil
	}
	message := fmt.Sprintf("Replay of span %s: %s (%s, run %s)", plan.Source.ID(), plan.Describe(), result.Outcome, result.RunID)
	version, err := plan.NewVersion(orEnv("USER", "spanloop"), message)
	if err != nil {
		return err
	}
	added, err := registry.AddVersion(a.Registry, version)
	if err != nil {
		return err
	}
	result.Committed = &replay.CommitResult{Prompt: version.Prompt, Version: added.Version, File: added.File}
	return plan.Verify(added)
}
