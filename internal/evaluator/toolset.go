// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"strings"
	"sync"

	"github.com/spanloop/spanloop/internal/genai"
)

// maxToolsetBytes bounds the tool definitions of one call that are read.
const maxToolsetBytes = 4 << 20

// toolsets keeps the tools of recent calls: about 32 MiB in each generation,
// which is some hundred different toolsets.
var toolsets = cache[*toolset]{limit: 32 << 20}

// toolset is what a call's tool definitions say, worked out once for each
// different text.
type toolset struct {
	tools map[string]*tool
	// nameless is true when a definition has a type only (a provider's built-in
	// tool): calls of it may go under any name.
	nameless bool
}

// tool is one definition; its schema is compiled when it is first called.
type tool struct {
	parameters string
	once       sync.Once
	compiled   *schema
	err        error
}

// schema returns the tool's compiled schema; nil without error when it has none.
func (t *tool) schema() (*schema, error) {
	t.once.Do(func() {
		if t.parameters != "" {
			t.compiled, t.err = compileSchema(t.parameters)
		}
	})
	return t.compiled, t.err
}

// toolsetOf returns the call's toolset, or why there is none.
func toolsetOf(c *genai.Call) (*toolset, string) {
	if c.Tools.Empty() {
		return nil, "no tool definitions on the span"
	}
	text := c.Tools.Text()
	if text == "" {
		text = c.Tools.JSON()
	}
	if len(text) > maxToolsetBytes {
		return nil, "the tool definitions on the span are too large"
	}
	set := toolsets.get(text, toolsetWeight, newToolset)
	if set == nil {
		return nil, "the tool definitions on the span cannot be read"
	}
	return set, ""
}

// toolsetWeight estimates the memory of a compiled toolset: its text twice, and
// about a kilobyte for each subschema.
func toolsetWeight(text string) int { return 2*len(text) + 1024*(1+strings.Count(text, "{")) }

// newToolset reads definitions; nil when that cannot be done.
func newToolset(text string) *toolset {
	definitions := genai.ToolDefinitionsFromJSON(text)
	list, err := definitions.List()
	if err != nil || len(list) == 0 {
		return nil
	}
	set := &toolset{tools: make(map[string]*tool, len(list))}
	for i := range list {
		if list[i].Name == "" {
			set.nameless = true
			continue
		}
		set.tools[list[i].Name] = &tool{parameters: string(list[i].Parameters)}
	}
	return set
}
