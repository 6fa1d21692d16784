// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/report"
	"github.com/spanloop/spanloop/internal/sources"
)

// importFlags are the flags of `prompt import`.
type importFlags struct {
	url, file, name string
	dry, plainHTTP  bool
}

func newPromptImportCommand(a *app) *cobra.Command {
	f := &importFlags{}
	cmd := &cobra.Command{
		Use:   "import SYSTEM",
		Short: "Import prompts from another system: " + strings.Join(sources.Systems(), ", "),
		Long: `Reads prompts with their versions from SYSTEM and writes those that are not in the
registry yet: ids, authors, times and messages as they are there, labels as
releases. Running it again writes what is new and nothing else. What is here under
the same name with another content is refused, and what has no place in the
registry is listed (docs/sources.md).

Credentials come from the environment variables that the system's own clients
read, such as LANGFUSE_SECRET_KEY.`,
		Example: `  LANGFUSE_PUBLIC_KEY=pk-… LANGFUSE_SECRET_KEY=sk-… spanloop prompt import langfuse --dry-run
  spanloop prompt import mlflow --url http://localhost:5000 --name 'support/*'
  spanloop prompt import humanloop --file ./humanloop-export`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.importPrompts(cmd.Context(), args[0], f) },
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return sources.Systems(), cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.url, "url", "", "`address` of the system (default what its environment variable says, else its vendor's)")
	flags.StringVar(&f.file, "file", "", "an export, a `file` or a folder, instead of the system itself")
	flags.StringVar(&f.name, "name", "", "only prompts whose name in the system is like this `pattern` with * and ?")
	flags.BoolVar(&f.dry, "dry-run", false, "say what would be imported and write nothing")
	flags.BoolVar(&f.plainHTTP, "allow-plain-http", false, "send credentials over http:// to another machine")
	return cmd
}

func (a *app) importPrompts(ctx context.Context, system string, f *importFlags) error {
	source, err := sources.Open(system, sources.Options{
		URL: f.url, File: f.file, PlainHTTP: f.plainHTTP, Getenv: os.Getenv, Agent: "spanloop/" + version,
	})
	if err != nil {
		return usage(err)
	}
	run := sources.Import{Registry: a.Registry, Dry: f.dry, Wanted: sources.Wanted(f.name), Now: a.Now()}
	findings, failed := run.Run(ctx, source)
	if err := a.imported(source, f.dry, findings, failed == nil); err != nil {
		return err
	}
	if failed != nil {
		failed = fmt.Errorf("%w; what is listed as imported is written and whole, the rest comes with the next import", failed)
		if f.file != "" {
			return usage(failed)
		}
		return failed
	}
	for _, found := range findings {
		if found.Outcome == registry.Refused {
			return &exitError{Code: exitFinding}
		}
	}
	return nil
}

// imported prints what became of everything that was found.
func (a *app) imported(source *sources.Source, dry bool, findings []sources.Finding, complete bool) error {
	counts := map[registry.Outcome]int{}
	for _, f := range findings {
		counts[f.Outcome]++
	}
	if a.Format == string(report.FormatJSON) {
		return report.WriteJSON(a.Out, "spanloop.prompt.import/1", map[string]any{
			"system": source.System, "url": source.URL, "dry_run": dry, "complete": complete, "findings": notNil(findings),
			"counts": map[string]int{
				"imported": counts[registry.Added], "unchanged": counts[registry.Unchanged], "refused": counts[registry.Refused],
				"not_carried_over": counts[sources.NotCarriedOver], "adapted": counts[sources.Adapted],
			},
		})
	}
	title := fmt.Sprintf("%s: %d imported, %d unchanged, %d refused, %d not carried over, %d adapted", source.System,
		counts[registry.Added], counts[registry.Unchanged], counts[registry.Refused], counts[sources.NotCarriedOver], counts[sources.Adapted])
	if dry {
		title += " (dry run: nothing was written)"
	}
	t := &report.Table{
		Title:   title,
		Columns: []report.Column{{Name: "prompt"}, {Name: "version"}, {Name: "what"}, {Name: "outcome"}, {Name: "reason"}},
	}
	for _, f := range findings {
		t.Rows = append(t.Rows, []report.Cell{
			report.Text(f.Prompt), report.Text(f.Version), report.Text(f.What), report.Text(string(f.Outcome)), report.Text(f.Reason),
		})
	}
	return a.print(t)
}
