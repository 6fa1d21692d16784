// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strings"

	"github.com/tidwall/gjson"
)

// ToolCall is one call of a tool that the model asked for.
type ToolCall struct {
	ID   string
	Name string
	// Arguments is JSON text, unwrapped when it arrived inside a string; text
	// that is no JSON is kept as it is.
	Arguments string
	// Choice is the index of the answer that holds the call.
	Choice int
}

// ToolCalls returns the tool calls of the answer, in order.
func (c *Call) ToolCalls() []ToolCall {
	list, err := c.Output.List()
	if err != nil {
		return nil
	}
	return appendToolCalls(nil, list)
}

func appendToolCalls(calls []ToolCall, list []Message) []ToolCall {
	for choice := range list {
		for i := range list[choice].Parts {
			if part := &list[choice].Parts[i]; part.Type == PartToolCall {
				calls = append(calls, ToolCall{ID: part.ID, Name: part.Name, Arguments: argumentsText(part), Choice: choice})
			}
		}
	}
	return calls
}

func argumentsText(part *Part) string {
	if len(part.Arguments) == 0 || part.Arguments[0] != '"' {
		return textOfRaw(part.Arguments)
	}
	return gjson.ParseBytes(part.Arguments).Str
}

// OutputText returns the text of the answer; several choices are joined by
// newlines.
func (c *Call) OutputText() string { return c.Output.Text() }

// SystemText returns the system instructions: those sent apart, else the system
// and developer messages at the head of the history.
func (c *Call) SystemText() string {
	if !c.System.Empty() {
		return c.System.Text()
	}
	var texts []string
	for n := 1; ; n++ {
		list, err := c.Input.Head(n)
		if err != nil || len(list) < n || list[n-1].Role != "system" && list[n-1].Role != "developer" {
			return strings.Join(texts, "\n")
		}
		texts = appendTexts(texts, list[n-1].Parts)
	}
}
