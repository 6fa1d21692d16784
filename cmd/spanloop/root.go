// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/dataset/store"
	"github.com/spanloop/spanloop/internal/query"
	"github.com/spanloop/spanloop/internal/report"
)

// Exit codes of every command (docs/commands.md).
const (
	exitDone       = 0
	exitFinding    = 1
	exitUsage      = 2
	exitCannotTell = 3
	exitFailed     = 4
)

// app holds what all commands share.
type app struct {
	Dataset, Registry, Format, Since, Until, Memory string
	NoColor, Quiet                                  bool

	In       io.Reader
	Out, Err io.Writer
	Now      func() time.Time
	// Terminal is true when Out is a terminal, Width its columns; 0 when not
	// known.
	Terminal bool
	Width    int
}

// exitError ends the command with a code. Without an error nothing is printed:
// the finding is in the output already.
type exitError struct {
	Code int
	Err  error
}

func (e *exitError) Error() string {
	if e.Err == nil {
		return "exit " + strconv.Itoa(e.Code)
	}
	return e.Err.Error()
}

func (e *exitError) Unwrap() error { return e.Err }

// usage makes an error of bad usage or configuration.
func usage(err error) error { return &exitError{Code: exitUsage, Err: err} }

// run executes a command line and returns its exit code.
func run(ctx context.Context, a *app, args []string) int {
	root := newRoot(a)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	var exit *exitError
	if !errors.As(err, &exit) {
		exit = &exitError{Code: exitFailed, Err: err}
		if errors.Is(err, dataset.ErrNoDataset) || errors.Is(err, store.ErrUnsupported) || isUsageError(err) {
			exit.Code = exitUsage
		}
	}
	if exit.Err != nil {
		fmt.Fprintln(a.Err, "spanloop: "+report.EscapeTerminal(exit.Err.Error()))
	}
	return exit.Code
}

// isUsageError recognises the errors that cobra makes of bad usage.
func isUsageError(err error) bool {
	text := err.Error()
	return slices.ContainsFunc([]string{"unknown command", "unknown flag", "unknown shorthand", "accepts ", "requires at least", "required flag", "invalid argument", "flag needs an argument"},
		func(s string) bool { return strings.HasPrefix(text, s) })
}

// newRoot returns the whole command tree.
func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "spanloop",
		Short: "Say whether a prompt version is better, what drifted, and replay the span that failed",
		Long: `spanloop reads the dataset that the collector's genai_parquet exporter writes
and the registry of prompts and tools beside it.

Exit codes: 0 done, nothing to act on; 1 a finding (worse, drift, mismatch);
2 bad usage or configuration; 3 cannot tell (not enough data, confounded,
unfaithful); 4 failed.`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		Version:           version,
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.check() },
	}
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	flags := root.PersistentFlags()
	flags.StringVar(&a.Dataset, "dataset", orEnv("SPANLOOP_DATASET", "./spanloop-data"), "dataset `folder`, or s3://, gs:// or azblob://BUCKET/PREFIX (SPANLOOP_DATASET)")
	flags.StringVar(&a.Registry, "registry", orEnv("SPANLOOP_REGISTRY", "./spanloop-registry"), "registry `folder` (SPANLOOP_REGISTRY)")
	flags.StringVar(&a.Format, "format", "table", "output `format`: table, json, csv or html")
	flags.StringVar(&a.Since, "since", "", "only spans from this `time` on: 2026-11-01, RFC 3339, or a duration back from now (24h, 7d)")
	flags.StringVar(&a.Until, "until", "", "only spans before this `time`")
	flags.StringVar(&a.Memory, "memory", os.Getenv("SPANLOOP_MEMORY"), "most memory of a query, a `size` such as 2GB; what needs more uses temporary files (SPANLOOP_MEMORY, else 80 % of the machine's)")
	flags.BoolVar(&a.NoColor, "no-color", os.Getenv("NO_COLOR") != "", "no colours (NO_COLOR)")
	flags.BoolVarP(&a.Quiet, "quiet", "q", false, "print results only")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	_ = root.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"table", "json", "csv", "html"}, cobra.ShellCompDirectiveNoFileComp))
	root.AddCommand(
		newQueryCommand(a), newCoverageCommand(a), newCompareCommand(a), newDriftCommand(a), newReplayCommand(a),
		newPromptCommand(a), newToolCommand(a), newDatasetCommand(a), newVersionCommand(a),
	)
	return root
}

func orEnv(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// check validates the flags that all commands share.
func (a *app) check() error {
	if !slices.Contains([]string{"table", "json", "csv", "html"}, a.Format) {
		return usage(fmt.Errorf("--format %q: one of table, json, csv, html is expected", a.Format))
	}
	if a.Memory != "" && !memorySize.MatchString(a.Memory) {
		return usage(fmt.Errorf("--memory %q: a size such as 500MB, 2GB or 1.5GiB is expected", a.Memory))
	}
	_, _, err := a.window()
	return err
}

// memorySize is a size as DuckDB takes it.
var memorySize = regexp.MustCompile(`(?i)^[0-9]{1,9}(\.[0-9]{1,3})? ?[KMGT]i?B$`)

// window returns the times of --since and --until; zero when not given.
func (a *app) window() (since, until time.Time, err error) {
	if since, err = a.moment("--since", a.Since); err != nil {
		return since, until, err
	}
	if until, err = a.moment("--until", a.Until); err != nil {
		return since, until, err
	}
	if !since.IsZero() && !until.IsZero() && !since.Before(until) {
		return since, until, usage(fmt.Errorf("--since %s is not before --until %s", a.Since, a.Until))
	}
	return since, until, nil
}

// moment reads a time of a flag.
func (a *app) moment(flag, text string) (time.Time, error) {
	t, err := dataset.ParseMoment(text, a.Now())
	if err != nil {
		return time.Time{}, usage(fmt.Errorf("%s %w", flag, err))
	}
	return t, nil
}

// open opens the dataset with the registry's releases.
func (a *app) open(ctx context.Context) (*query.DB, error) {
	return query.Open(ctx, query.Options{Dataset: a.Dataset, Registry: a.Registry, MemoryLimit: a.Memory})
}

// options are the report's options for this output.
func (a *app) options() report.Options {
	return report.Options{Color: a.Terminal && !a.NoColor && a.Format == "table", Width: a.Width, Terminal: a.Terminal}
}

// print prints a table in the output's format.
func (a *app) print(t *report.Table) error {
	return t.Write(a.Out, report.Format(a.Format), a.options())
}

// note prints a remark beside the results, unless only results are wanted.
func (a *app) note(format string, args ...any) {
	if !a.Quiet {
		fmt.Fprintln(a.Err, report.EscapeTerminal(fmt.Sprintf(format, args...)))
	}
}

func newVersionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(a.Out, "spanloop "+version)
			return err
		},
	}
}
