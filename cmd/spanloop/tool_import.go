// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/report"
)

// maxToolList bounds a list of tools.
const maxToolList = 64 << 20

// toolImport is what became of one tool of a list.
type toolImport struct {
	Tool    string           `json:"tool"`
	Version string           `json:"version"`
	Outcome registry.Outcome `json:"outcome"`
	// Changes are those since the version before.
	Changes []registry.Change `json:"changes"`
	Reason  string            `json:"reason"`
}

// toolImportFlags are the flags of `tool import`.
type toolImportFlags struct {
	prefix, author, message string
	dry                     bool
}

func newToolImportCommand(a *app) *cobra.Command {
	f := &toolImportFlags{}
	cmd := &cobra.Command{
		Use:   "import FILE|-",
		Short: "Register the tools of a list: an MCP server's, a provider's request",
		Long: `Registers every tool of a list whose definition no version of it has, as its next
version, and says what a model may do differently. FILE, or standard input, is the
answer of an MCP server to tools/list, the whole message or its result; a provider's
request, of which the tools are read; or a list of definitions in any of the shapes
that providers use. Running it again writes what is new and nothing else. A tool that
the list is without is left as it is.

Applications often offer the tools of a server under longer names, such as
mcp__github__search: --prefix puts that before the names of the list, so that they are
those on the spans.`,
		Example: `  spanloop tool import tools.json -m 'Release 2.4 of the server' --dry-run
  curl -s "$SERVER" -H 'Content-Type: application/json' -H 'Accept: application/json' \
    -d '{"jsonrpc":"2.0","id":1,"method":"tools/list"}' | spanloop tool import - --prefix mcp__github__`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.importTools(cmd, args[0], f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.prefix, "prefix", "", "what the application puts before the `name` of each tool")
	flags.StringVar(&f.author, "author", "", "who made the versions (default git's user.name, else the system's user)")
	flags.StringVarP(&f.message, "message", "m", "", "what changed and why")
	flags.BoolVar(&f.dry, "dry-run", false, "say what would be imported and write nothing")
	return cmd
}

func (a *app) importTools(cmd *cobra.Command, file string, f *toolImportFlags) error {
	text, err := a.readInput(file, maxToolList)
	if err != nil {
		return err
	}
	list, err := registry.ReadToolList(text)
	if err != nil {
		return usage(fmt.Errorf("%s: %w", file, err))
	}
	author := a.author(cmd.Context(), f.author)
	imported := []toolImport{}
	for i := range list.Tools {
		done, err := a.importTool(&list.Tools[i], author, f)
		if err != nil {
			return errors.Join(a.toolsImported(imported, list.More, f.dry), registryError(err))
		}
		imported = append(imported, done)
	}
	if err := a.toolsImported(imported, list.More, f.dry); err != nil {
		return err
	}
	for _, t := range imported {
		if t.Outcome != registry.Added && t.Outcome != registry.Unchanged {
			return &exitError{Code: exitFinding}
		}
	}
	return nil
}

func (a *app) importTool(d *genai.ToolDefinition, author string, f *toolImportFlags) (toolImport, error) {
	name := f.prefix + d.Name
	t := toolImport{Tool: name, Changes: []registry.Change{}}
	if d.Name == "" {
		t.Outcome, t.Reason = registry.Unfit, "it has no name"
		return t, nil
	}
	definition, err := registry.Named(d, name)
	if err != nil {
		t.Outcome, t.Reason = registry.Unfit, err.Error()
		return t, nil
	}
	result, err := registry.Importer{Dir: a.Registry, Dry: f.dry}.Tool(registry.NewTool{
		Name: name, Author: author, Message: f.message, Time: a.Now(), Definition: definition,
	})
	if err != nil {
		return t, err
	}
	t.Outcome, t.Reason, t.Changes = result.Outcome, result.Reason, notNil(result.Changes)
	if result.Version != nil {
		t.Version = result.Version.Version
	}
	return t, nil
}

// toolsImported prints what became of the tools.
func (a *app) toolsImported(tools []toolImport, more, dry bool) error {
	counts := map[registry.Outcome]int{}
	for _, t := range tools {
		counts[t.Outcome]++
	}
	if a.Format == string(report.FormatJSON) {
		return report.WriteJSON(a.Out, "spanloop.tool.import/1", map[string]any{
			"dry_run": dry, "complete": !more, "tools": tools,
			"counts": map[string]int{
				"imported": counts[registry.Added], "unchanged": counts[registry.Unchanged], "refused": counts[registry.Refused],
				"not_carried_over": counts[registry.Unfit],
			},
		})
	}
	title := fmt.Sprintf("%d imported, %d unchanged, %d refused, %d not carried over", counts[registry.Added], counts[registry.Unchanged],
		counts[registry.Refused], counts[registry.Unfit])
	if dry {
		title += " (dry run: nothing was written)"
	}
	if more {
		title += "; the list goes on: it has a nextCursor, import its other pages too"
	}
	table := &report.Table{Title: title, Columns: []report.Column{{Name: "tool"}, {Name: "version"}, {Name: "outcome"}, {Name: "what is new"}}}
	for _, t := range tools {
		said := []string{t.Reason}
		for i, c := range t.Changes {
			if i == 0 {
				said = nil
			}
			said = append(said, c.Text)
		}
		table.Rows = append(table.Rows, []report.Cell{
			report.Text(t.Tool), report.Text(t.Version), report.Text(string(t.Outcome)), report.Text(said[0]),
		})
		for _, more := range said[1:] {
			table.Rows = append(table.Rows, []report.Cell{report.Text(""), report.Text(""), report.Text(""), report.Text(more)})
		}
	}
	return a.print(table)
}
