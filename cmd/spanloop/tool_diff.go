// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/report"
)

// toolDiff compares two versions of a tool.
type toolDiff struct {
	Tool    string            `json:"tool"`
	A       *toolVersion      `json:"a"`
	B       *toolVersion      `json:"b"`
	Same    bool              `json:"same"`
	Changes []registry.Change `json:"changes"`
	Unified string            `json:"unified"`
}

func newToolDiffCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "diff NAME A B",
		Short: "What a model may do differently between two versions of a tool, and who is affected",
		Long: `Says what changed in terms of what a model may now do: a description broadened, an
argument that became optional, an enum that got wider, a rename; and, when there
is a dataset, which prompts were offered either version in how many calls.

A and B are versions as ` + "`spanloop tool log`" + ` names them, or the beginning of a hash.
B may be a version of another tool, OTHER@VERSION, to look at a rename.

Exit codes: 0 the same definition, 1 different definitions, 2 bad usage.`,
		Example: "  spanloop tool diff refund_order v1 v2\n  spanloop tool diff search_docs v1 5c0a3d2b91ff --format json",
		Args:    cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			tools, err := a.toolHistories(cmd.Context())
			if err != nil {
				return err
			}
			d, err := diffTool(tools, args[0], args[1], args[2])
			if err != nil {
				return err
			}
			if a.Format == string(report.FormatJSON) {
				err = report.WriteJSON(a.Out, "spanloop.tool.diff/1", d)
			} else {
				err = a.document(d.document())
			}
			if err == nil && !d.Same {
				return &exitError{Code: exitFinding}
			}
			return err
		},
		ValidArgsFunction: a.completeTools(3),
	}
}

func diffTool(tools []*toolHistory, name, before, after string) (*toolDiff, error) {
	h, err := findTool(tools, name)
	if err != nil {
		return nil, err
	}
	x, err := h.find(before)
	if err != nil {
		return nil, err
	}
	other := h
	if at := strings.LastIndexByte(after, '@'); at > 0 {
		if other, err = findTool(tools, after[:at]); err != nil {
			return nil, err
		}
		after = after[at+1:]
	}
	y, err := other.find(after)
	if err != nil {
		return nil, err
	}
	for _, v := range []*toolVersion{x, y} {
		if len(v.Definition) == 0 {
			return nil, usage(fmt.Errorf("the definition of %s@%s is not known: the dataset holds its name only", v.Name, v.Version))
		}
	}
	d := &toolDiff{Tool: name, A: x, B: y, Same: x.Hash == y.Hash, Changes: []registry.Change{}}
	if !d.Same {
		d.Changes = notNil(registry.DiffTools(x.comparable(), y.comparable()))
		d.Unified = udiff.Unified(x.Version, y.Version, indented(x.Definition), indented(y.Definition))
	}
	return d, nil
}

// indented is what counts in a definition, whatever shape it came in, with sorted
// keys and a line for each.
func indented(definition json.RawMessage) string {
	text := definition
	if content, err := registry.ToolContentFromJSON(definition); err == nil {
		if normal, err := content.Normal(); err == nil {
			text = normal
		}
	}
	var out bytes.Buffer
	if err := json.Indent(&out, text, "", "  "); err != nil {
		return string(definition) + "\n"
	}
	return out.String() + "\n"
}

func (d *toolDiff) document() document {
	out := document{title: fmt.Sprintf("%s: %s → %s", d.Tool, d.A.Version, d.B.Version)}
	changes := changeTable(d.Changes)
	out.csv = changes
	if d.Same {
		out.parts = append(out.parts, part{lines: []report.Cell{report.Text("the definition is the same (" + registry.ShortHash(d.A.Hash) + ")")}})
	}
	if len(d.Changes) > 0 {
		out.parts = append(out.parts, part{table: changes})
	}
	if lines := diffLines(d.Unified); lines != nil {
		out.parts = append(out.parts, part{lines: lines})
	}
	reach := &report.Table{Columns: []report.Column{
		{Name: "version"}, {Name: "prompt"}, {Name: "calls", Align: report.Right}, {Name: "first_seen", Title: "first seen"}, {Name: "last_seen", Title: "last seen"},
	}}
	for _, v := range []*toolVersion{d.A, d.B} {
		for _, u := range v.Prompts {
			reach.Rows = append(reach.Rows, []report.Cell{
				report.Text(v.Version), report.Text(u.name()), report.Number(u.Calls, "%d"), seenCell(v.FirstSeen), seenCell(v.LastSeen),
			})
		}
	}
	if len(reach.Rows) > 0 {
		out.parts = append(out.parts, part{title: "Offered by", table: reach})
	}
	return out
}
