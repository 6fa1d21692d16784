// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/tidwall/gjson"

	"github.com/spanloop/spanloop/internal/genai"
)

// ToolList is a list of tools as a server or a request has it.
type ToolList struct {
	Tools []genai.ToolDefinition
	// More is true when the list is one page of several: MCP's nextCursor is set.
	More bool
}

// ReadToolList reads an MCP server's answer to tools/list, the whole message or its
// result, a provider's request, or a list of definitions in any of the shapes that
// providers use.
func ReadToolList(text []byte) (ToolList, error) {
	if !gjson.ValidBytes(text) {
		return ToolList{}, errors.New("not valid JSON")
	}
	root := gjson.ParseBytes(text)
	if failed := root.Get("error"); failed.IsObject() {
		return ToolList{}, fmt.Errorf("it is an error of the server: %q", failed.Get("message").String())
	}
	if result := root.Get("result"); result.IsObject() {
		root = result
	}
	list := ToolList{More: root.Get("nextCursor").String() != ""}
	tools := root
	if root.IsObject() {
		tools = root.Get("tools")
	}
	if !tools.IsArray() {
		return ToolList{}, errors.New("it holds no list of tools: a list, or an object with a list named tools, is expected")
	}
	definitions := genai.ToolDefinitionsFromJSON(tools.Raw)
	var err error
	list.Tools, err = definitions.List()
	return list, err
}

// ToolResult is what became of a tool that was imported.
type ToolResult struct {
	Outcome Outcome
	// Version is the added or the present version; nil when it was refused, and in a
	// dry run.
	Version *ToolVersion
	// Changes are what a model may do differently since the version before.
	Changes []Change
	// Reason says why it was refused.
	Reason string
}

// Tool imports a tool: its definition becomes the next version, unless one of its
// versions is the same. An error is one of reading or writing.
func (i Importer) Tool(t NewTool) (ToolResult, error) {
	fresh, err := newToolVersion(t)
	if err != nil {
		return ToolResult{Outcome: Unfit, Reason: err.Error()}, nil
	}
	held, err := i.tool(t.Name)
	if err != nil {
		return ToolResult{}, err
	}
	r := ToolResult{Outcome: Added}
	if held != nil {
		for _, v := range held.Versions {
			if v.Hash == fresh.Hash {
				return ToolResult{Outcome: Unchanged, Version: v}, nil
			}
		}
		r.Changes = DiffTools(held.Versions[len(held.Versions)-1], fresh)
	}
	if i.Dry {
		return r, nil
	}
	r.Version, err = AddTool(i.Dir, t)
	var io *fs.PathError
	switch {
	case errors.As(err, &io):
		return ToolResult{}, err
	case err != nil:
		return ToolResult{Outcome: Refused, Reason: err.Error()}, nil
	}
	return r, nil
}

// newToolVersion is the version that a tool would become.
func newToolVersion(t NewTool) (*ToolVersion, error) {
	if err := CheckName(t.Name); err != nil {
		return nil, err
	}
	content, err := ToolContentFromJSON(t.Definition)
	if err != nil {
		return nil, err
	}
	v := &ToolVersion{}
	if v.Definition, err = content.Normal(); err != nil {
		return nil, err
	}
	v.Hash, err = content.Hash()
	return v, err
}

// tool is a tool as the registry has it; nil when there is none.
func (i Importer) tool(name string) (*Tool, error) {
	f, err := Importer{Dir: i.Dir, Dry: true}.open()
	if err != nil || f == nil {
		return nil, err
	}
	defer f.close()
	snapshot, _ := f.read(func(file sourceFile) bool { return file.kind == kindTool && file.name == name })
	return snapshot.Tool(name), nil
}

// Named is the definition under another name, in one shape whatever shape it had.
func Named(d *genai.ToolDefinition, name string) (json.RawMessage, error) {
	if name == d.Name {
		return d.Raw, nil
	}
	renamed := map[string]any{"type": d.Type, "name": name}
	if d.Description != "" {
		renamed["description"] = d.Description
	}
	if d.Parameters != nil {
		renamed["parameters"] = d.Parameters
	}
	if d.Strict.Set {
		renamed["strict"] = d.Strict.Value
	}
	text, err := json.Marshal(renamed)
	if err != nil {
		return nil, fmt.Errorf("input schema: %w", err)
	}
	return text, nil
}
