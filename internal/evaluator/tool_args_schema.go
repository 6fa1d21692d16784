// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"fmt"
	"strings"

	"github.com/spanloop/spanloop/internal/genai"
)

var _ = register(definition{
	info: Info{
		Name:      "tool_args_schema",
		Summary:   "share of the answer's tool calls whose arguments fit the JSON schema of the definition that was offered",
		Range:     "0..1",
		Direction: HigherIsBetter,
	},
	revision: 1,
	build:    noParams(toolArgsSchema),
})

// toolset is what a call's tool definitions say, worked out once per text.
type toolset struct {
	schemas map[string]schema
	// missing lists tools whose definition has no schema.
	missing map[string]bool
	known   map[string]bool
}

var toolsets cache[*toolset]

// toolsetOf returns the call's toolset; nil when none was offered or it cannot
// be read.
func toolsetOf(c *genai.Call) *toolset {
	if c.Tools.Empty() {
		return nil
	}
	text := c.Tools.Text()
	if text == "" {
		text = c.Tools.JSON()
	}
	return toolsets.get(text, func(text string) *toolset {
		definitions := genai.ToolDefinitionsFromJSON(text)
		list, err := definitions.List()
		if err != nil || len(list) == 0 {
			return nil
		}
		return newToolset(list)
	})
}

func newToolset(list []genai.ToolDefinition) *toolset {
	set := &toolset{schemas: map[string]schema{}, missing: map[string]bool{}, known: map[string]bool{}}
	for _, d := range list {
		set.known[d.Name] = true
		if d.Parameters == nil {
			set.missing[d.Name] = true
			continue
		}
		compiled, err := compileSchema(string(d.Parameters))
		set.schemas[d.Name] = schema{compiled: compiled, err: err}
	}
	return set
}

// toolArgsSchema checks the arguments of each tool call. Calls of tools without
// a schema are not counted; when none can be checked the label is unknown.
func toolArgsSchema(in *Input) (Result, bool, error) {
	calls := in.toolCalls()
	if len(calls) == 0 {
		return Result{}, false, nil
	}
	set := toolsetOf(in.Call)
	if set == nil {
		return Result{Label: LabelUnknown, Explanation: "no tool definitions on the span"}, true, nil
	}
	checked, valid := 0, 0
	var faults []string
	for i, call := range calls {
		tool, ok := set.schemas[call.Name]
		if !ok {
			continue
		}
		if tool.err != nil {
			return Result{Label: LabelUnknown, Explanation: call.Name + ": the definition's schema cannot be used: " + tool.err.Error()}, true, nil
		}
		checked++
		arguments := call.Arguments
		if strings.TrimSpace(arguments) == "" {
			arguments = "{}"
		}
		if fits, why := validateJSON(tool.compiled, arguments); fits {
			valid++
		} else {
			faults = append(faults, fmt.Sprintf("call %d %s: %s", i+1, call.Name, why))
		}
	}
	if checked == 0 {
		return Result{Label: LabelUnknown, Explanation: "no schema for the tools that were called"}, true, nil
	}
	result := Result{Value: genai.Some(float64(valid) / float64(checked)), Label: LabelPass, Explanation: strings.Join(faults, "; ")}
	if valid < checked {
		result.Label = LabelFail
	}
	return result, true, nil
}
