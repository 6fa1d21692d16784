// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/export"
	"github.com/spanloop/spanloop/internal/query"
)

// exportMemory bounds DuckDB's memory while rows are exported, unless --memory does;
// what needs more goes to temporary files.
const exportMemory = "1GB"

// exporting is one export.
type exporting struct {
	app                            *app
	selection                      export.Selection
	as, output                     string
	format                         export.Format
	replace, skipDamaged, formulas bool

	said time.Time
}

func newDatasetExportCommand(a *app) *cobra.Command {
	e := &exporting{app: a}
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write spans as OTLP, or rows as CSV, JSON lines or Arrow",
		Long: `Writes what the dataset holds for other programs. Spans are written as they were
received (otlp-json: one OTLP object a line; otlp-proto: each message after its
length in four bytes, as the collector's file exporter does), or as rows of the
view like the other tables: csv, jsonl, arrow (IPC file) or arrow-stream.

A file appears under its name when it is complete. Text in CSV that a spreadsheet
would run as a formula gets an apostrophe before it; --formulas leaves it as it is.`,
		Example: `  spanloop dataset export --prompt support-agent --since 7d -o calls.jsonl
  spanloop dataset export --table scores --as csv -o scores.csv
  spanloop dataset export --trace 0af7651916cd43dd8448eb211c80319c | jq .`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := e.check(cmd.Flags().Changed("format")); err != nil {
				return err
			}
			return e.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&e.output, "output", "o", "-", "`file` to write; - is standard output")
	flags.StringVar(&e.as, "as", "", "`form`: otlp-json, otlp-proto, csv, jsonl, arrow or arrow-stream (default by the file's name, else otlp-json for spans, jsonl for others)")
	flags.StringVar(&e.selection.Table, "table", dataset.TableSpans, "`view` to write: "+strings.Join(query.Views, ", "))
	flags.StringVar(&e.selection.Prompt, "prompt", "", "only calls of this `prompt`")
	flags.StringVar(&e.selection.Version, "prompt-version", "", "only calls of this `version`")
	flags.StringArrayVar(&e.selection.SpanIDs, "span", nil, "only the span with this `id`; repeatable")
	flags.StringArrayVar(&e.selection.TraceIDs, "trace", nil, "only the trace with this `id`; repeatable")
	flags.BoolVar(&e.replace, "force", false, "replace a file that exists")
	flags.BoolVar(&e.skipDamaged, "skip-damaged", false, "with OTLP: leave out damaged files of the dataset instead of stopping")
	flags.BoolVar(&e.formulas, "formulas", false, "in CSV: leave text that a spreadsheet would run as it is")
	_ = cmd.RegisterFlagCompletionFunc("as", cobra.FixedCompletions(formatNames(), cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("table", cobra.FixedCompletions(query.Views, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func formatNames() []string {
	names := make([]string, len(export.Formats))
	for i, f := range export.Formats {
		names[i] = string(f)
	}
	return names
}

// check reads the flags.
func (e *exporting) check(formatGiven bool) (err error) {
	a, s := e.app, &e.selection
	if formatGiven {
		return usage(errors.New("--format says how results are printed; an export's form is --as " + strings.Join(formatNames(), "|")))
	}
	if !slices.Contains(query.Views, s.Table) {
		return usage(fmt.Errorf("--table %q: one of %s is expected", s.Table, strings.Join(query.Views, ", ")))
	}
	e.format = export.FormatFor(e.output, s.Table)
	if e.as != "" {
		if e.format, err = export.ParseFormat(e.as); err != nil {
			return usage(fmt.Errorf("--as: %w", err))
		}
	}
	if e.format.IsOTLP() && s.Table != dataset.TableSpans {
		return usage(fmt.Errorf("--as %s holds spans; for %s use csv, jsonl, arrow or arrow-stream", e.format, s.Table))
	}
	if e.format.IsBinary() && e.output == "-" && a.Terminal {
		return usage(fmt.Errorf("--as %s is binary and no terminal's; name a file with -o", e.format))
	}
	if s.Since, s.Until, err = a.window(); err != nil {
		return err
	}
	for _, id := range []struct {
		flag   string
		values []string
		digits int
	}{{"--span", s.SpanIDs, 16}, {"--trace", s.TraceIDs, 32}} {
		for i, value := range id.values {
			id.values[i] = strings.ToLower(value)
			if len(value) != id.digits || strings.Trim(id.values[i], "0123456789abcdef") != "" {
				return usage(fmt.Errorf("%s %q: %d hexadecimal digits are expected", id.flag, value, id.digits))
			}
		}
	}
	return nil
}

// run writes the output and says what it holds.
func (e *exporting) run(ctx context.Context) error {
	e.said = e.app.Now()
	target, finish := e.app.Out, func() error { return nil }
	if e.output != "-" {
		file, err := export.Create(e.output, e.replace)
		if errors.Is(err, export.ErrExists) {
			return usage(fmt.Errorf("-o %w; --force replaces it", err))
		}
		if err != nil {
			return usage(fmt.Errorf("-o: %w", err))
		}
		defer file.Discard()
		target, finish = file, file.Commit
	}
	result, err := e.write(ctx, target)
	if errors.Is(err, export.ErrSelection) {
		return usage(err)
	}
	if err != nil {
		return err
	}
	if err := finish(); err != nil {
		return fmt.Errorf("-o: %w", err)
	}
	what := "rows"
	if e.format.IsOTLP() {
		what = "spans"
	}
	e.app.note("%d %s of %s exported as %s", result.Rows, what, e.selection.Table, e.format)
	for _, damage := range result.Damaged {
		e.app.note("left out: %v", damage)
	}
	if len(result.Damaged) > 0 {
		return &exitError{Code: exitFinding}
	}
	return nil
}

func (e *exporting) write(ctx context.Context, target io.Writer) (export.Result, error) {
	a, s := e.app, e.selection
	if e.format.IsOTLP() {
		d, err := dataset.Open(a.Dataset)
		if err != nil {
			return export.Result{}, err
		}
		return export.Spans(ctx, d, s, e.format, e.skipDamaged, target, func(files, of int, spans int64) {
			e.progress("%d of %d files, %d spans", files, of, spans)
		})
	}
	db, err := query.Open(ctx, query.Options{Dataset: a.Dataset, Registry: a.Registry, Since: s.Since, Until: s.Until, MemoryLimit: cmp.Or(a.Memory, exportMemory)})
	if err != nil {
		return export.Result{}, err
	}
	defer db.Close()
	options := export.RowOptions{Format: e.format, Formulas: e.formulas, Progress: func(rows int64) { e.progress("%d rows", rows) }}
	return export.Rows(ctx, db, s, options, target)
}

// progress says how far the export is, at most every five seconds.
func (e *exporting) progress(format string, args ...any) {
	if now := e.app.Now(); now.Sub(e.said) >= 5*time.Second {
		e.said = now
		e.app.note(format, args...)
	}
}
