// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/wire/jsondoc"
)

// Text is one text of a request that an edit can address.
type Text struct {
	// Role is that of the message; "system" for system instructions.
	Role string
	// Pointer leads to the text; Message to its message, or to the system
	// instructions.
	Pointer, Message string
	// Index is the message's place in the history, -1 for system instructions.
	Index int
	// Only is true when the message holds nothing but this text.
	Only bool
	Text string
}

// Texts lists the texts of a request in order: system instructions, then the
// messages. Tool calls and results are left out.
func Texts(dialectName string, body *jsondoc.Value) []Text {
	d, err := dialectOf(dialectName)
	if err != nil {
		return nil
	}
	var list []Text
	if d.systemAt != "" {
		at := jsondoc.Join("", d.systemAt)
		list = appendTexts(list, Text{Role: "system", Message: at, Index: -1}, at, body.Member(d.systemAt))
	}
	for i, m := range body.Member("messages").Items() {
		role := m.Member("role").Str()
		if role == "tool" || role == "function" {
			continue
		}
		at := jsondoc.JoinIndex("/messages", i)
		list = appendTexts(list, Text{Role: role, Message: at, Index: i}, at+"/content", m.Member("content"))
	}
	return list
}

func appendTexts(list []Text, text Text, at string, content *jsondoc.Value) []Text {
	if content.Is(jsondoc.String) {
		text.Pointer, text.Text, text.Only = at, content.Str(), true
		return append(list, text)
	}
	for i, part := range content.Items() {
		if part.Member("type").Str() == "text" && part.Member("text").Is(jsondoc.String) {
			text.Pointer, text.Text = jsondoc.JoinIndex(at, i)+"/text", part.Member("text").Str()
			text.Only = content.Len() == 1
			list = append(list, text)
		}
	}
	return list
}

// NewMessage returns a message with one text.
func NewMessage(role, text string) *jsondoc.Value {
	return jsondoc.NewObject().Put("role", jsondoc.NewString(role)).Put("content", jsondoc.NewString(text))
}

// SystemMember is where a dialect keeps system instructions apart from the
// history; empty when they are its first messages.
func SystemMember(dialectName string) string {
	if d, err := dialectOf(dialectName); err == nil {
		return d.systemAt
	}
	return ""
}

// Tools returns pointers to the definitions of a tool, by name.
func Tools(body *jsondoc.Value, name string) []string {
	var pointers []string
	for i, tool := range body.Member("tools").Items() {
		if toolName(tool) == name {
			pointers = append(pointers, jsondoc.JoinIndex("/tools", i))
		}
	}
	return pointers
}

// ToolNames lists the names of the tools that a request offers.
func ToolNames(body *jsondoc.Value) []string {
	var names []string
	for _, tool := range body.Member("tools").Items() {
		names = append(names, toolName(tool))
	}
	return names
}

func toolName(tool *jsondoc.Value) string {
	if name := tool.Member("function").Member("name"); name != nil {
		return name.Str()
	}
	return tool.Member("name").Str()
}

// ErrTool is returned for a tool definition that cannot be used.
var ErrTool = errors.New("tool definition")

// Tool turns one tool definition, in any provider's shape or OpenTelemetry's,
// into that of a dialect.
func Tool(dialectName string, definition []byte) (*jsondoc.Value, error) {
	d, err := dialectOf(dialectName)
	if err != nil {
		return nil, err
	}
	document, err := jsondoc.Parse(definition)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTool, err)
	}
	if !document.Is(jsondoc.Object) {
		return nil, fmt.Errorf("%w: %s instead of an object", ErrTool, document.Kind())
	}
	call := &genai.Call{Tools: genai.ToolDefinitionsFromJSON(document.Text())}
	body, _ := d.base(call)
	tools := body.Member("tools")
	if tools.Len() != 1 || toolName(tools.Items()[0]) == "" {
		return nil, fmt.Errorf("%w: one definition with a name is expected", ErrTool)
	}
	return tools.Items()[0], nil
}

// ParamPointer is where a request parameter stands, by its OpenTelemetry name or
// the API's own. A parameter that the request has under another name of the
// same meaning is found there.
func ParamPointer(dialectName string, body *jsondoc.Value, name string) string {
	d, err := dialectOf(dialectName)
	if err != nil {
		return ""
	}
	var names []string
	for own, otel := range d.params {
		if otel == name || own == name {
			names = append(names, own)
		}
	}
	slices.Sort(names)
	for _, own := range names {
		if body.Member(own) != nil {
			return jsondoc.Join("", own)
		}
	}
	if slices.Contains(names, name) || len(names) == 0 {
		return jsondoc.Join("", name)
	}
	return jsondoc.Join("", names[len(names)-1])
}

// WithStream returns a copy of a request that asks for a streamed answer.
func WithStream(dialectName string, body *jsondoc.Value) *jsondoc.Value {
	copied := body.Clone().Put("stream", jsondoc.NewBool(true))
	if dialectName == OpenAIChat {
		copied.Put("stream_options", jsondoc.NewObject().Put("include_usage", jsondoc.NewBool(true)))
	}
	return copied
}

// ParseValue reads a value given on a command line: JSON, else text.
func ParseValue(text string) *jsondoc.Value {
	if json.Valid([]byte(text)) {
		if v, err := jsondoc.ParseString(text); err == nil {
			return v
		}
	}
	return jsondoc.NewString(text)
}
