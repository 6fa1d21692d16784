// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/wire/jsondoc"
)

// builder makes a request from what the semantic conventions carry.
type builder struct {
	call  *genai.Call
	body  *jsondoc.Value
	notes []Note
}

func (b *builder) note(severity Severity, id, pointer, format string, args ...any) {
	b.notes = note(b.notes, severity, id, pointer, format, args...)
}

// base builds the request without residual.
func (d *dialect) base(call *genai.Call) (*jsondoc.Value, []Note) {
	b := &builder{call: call, body: jsondoc.NewObject()}
	if call.RequestModel != "" {
		b.body.Put("model", jsondoc.NewString(call.RequestModel))
	}
	d.build(b)
	return b.body, b.notes
}

// value parses JSON that a span held; nil, with a note, when it is none.
func (b *builder) value(raw json.RawMessage, pointer string) *jsondoc.Value {
	if len(raw) == 0 {
		return nil
	}
	v, err := jsondoc.Parse(raw)
	if err != nil {
		b.note(Error, NoteMalformed, pointer, "%v", err)
		return nil
	}
	return v
}

// history returns the input messages; a note says when they cannot be read.
func (b *builder) history() []genai.Message {
	list, err := b.call.Input.List()
	if err != nil {
		b.note(Error, NoteMalformed, "/messages", "gen_ai.input.messages: %v", err)
	}
	return list
}

// systemParts returns the instructions that were sent apart from the history.
func (b *builder) systemParts() []genai.Part {
	parts, err := b.call.System.List()
	if err != nil {
		b.note(Error, NoteMalformed, "/system", "gen_ai.system_instructions: %v", err)
	}
	return parts
}

// definitions returns the tools; a note says when they cannot be read.
func (b *builder) definitions() []genai.ToolDefinition {
	list, err := b.call.Tools.List()
	if err != nil {
		b.note(Error, NoteMalformed, "/tools", "gen_ai.tool.definitions: %v", err)
	}
	return list
}

// put sets a member of the body unless the value is missing.
func (b *builder) put(name string, value *jsondoc.Value) {
	if value != nil {
		b.body.Put(name, value)
	}
}

// parameters puts the request parameters: those of the map under the API's
// name, those that the API calls the same as they are.
func (b *builder) parameters(names map[string]string, own []string) {
	for _, p := range b.call.Params {
		name, known := names[p.Name]
		if !known && slices.Contains(own, p.Name) {
			name, known = p.Name, true
		}
		switch {
		case isTransport(p.Name), p.Name == "output.type":
			// The kind of output is no member: its schema is, and was not recorded.
		case !known:
			b.note(Warning, NoteParamDropped, "", "parameter %q is none of this API and is left out", clip(p.Name))
		default:
			b.put(name, b.value(p.Value, jsondoc.Join("", name)))
		}
	}
}

// foreign returns a part that already is in a provider's shape, as the span held
// it: parts of types that the semantic conventions do not know.
func (b *builder) foreign(p *genai.Part, pointer string) *jsondoc.Value {
	v := b.value(p.Raw, pointer)
	if !v.Is(jsondoc.Object) || !v.Member("type").Is(jsondoc.String) {
		b.note(Warning, NotePartDropped, pointer, "a part of type %q cannot be put into this API and is left out", clip(p.Type))
		return nil
	}
	return v
}

// extras copies members that senders add to parts and that the API takes.
func (b *builder) extras(part *jsondoc.Value, p *genai.Part, names ...string) *jsondoc.Value {
	if len(p.Raw) == 0 {
		return part
	}
	raw := b.value(p.Raw, "")
	for _, name := range names {
		if v := raw.Member(name); v != nil && v.Kind() != jsondoc.Null {
			part.Put(name, v)
		}
	}
	return part
}

// argumentsText returns a tool call's arguments as text. Arguments that were
// recorded as an object lost their white space.
func (b *builder) argumentsText(p *genai.Part, pointer string) string {
	v := b.value(p.Arguments, pointer)
	switch v.Kind() {
	case jsondoc.String:
		return v.Str()
	case jsondoc.Null:
		return ""
	}
	b.note(Warning, NoteArguments, pointer, "arguments were recorded as %s: the model's own spacing is lost", v.Kind())
	return v.Text()
}

// result returns what a tool returned: text and lists of parts as they are,
// other JSON as text.
func (b *builder) result(p *genai.Part, pointer string) *jsondoc.Value {
	v := b.value(p.Response, pointer)
	switch {
	case v == nil, v.Is(jsondoc.String):
		return v
	case v.Is(jsondoc.Array) && isPartList(v):
		return v
	}
	return jsondoc.NewString(v.Text())
}

func isPartList(v *jsondoc.Value) bool {
	for _, item := range v.Items() {
		if !item.Member("type").Is(jsondoc.String) {
			return false
		}
	}
	return v.Len() > 0
}

// described tells whether a tool has a description, which may be an empty one.
func (b *builder) described(d *genai.ToolDefinition, pointer string) bool {
	if d.Description != "" || len(d.Raw) == 0 {
		return d.Description != ""
	}
	raw := b.value(d.Raw, pointer)
	return raw.Member("description").Is(jsondoc.String) || raw.Member("function").Member("description").Is(jsondoc.String)
}

func textPart(text string) *jsondoc.Value {
	return jsondoc.NewObject().Put("type", jsondoc.NewString("text")).Put("text", jsondoc.NewString(text))
}

// partsValue is a single text part as text, anything else as a list.
func partsValue(parts []*jsondoc.Value) *jsondoc.Value {
	if len(parts) == 1 && parts[0].Len() == 2 && parts[0].Member("type").Str() == "text" {
		return parts[0].Member("text")
	}
	return jsondoc.NewArray(parts...)
}

// clip bounds text from spans that goes into a message of ours.
func clip(text string) string {
	if len(text) > 64 {
		return text[:64] + "…"
	}
	return text
}

func at(format string, args ...any) string { return fmt.Sprintf(format, args...) }
