// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"fmt"
	"strings"

	"github.com/tidwall/gjson"
)

// parseToolDefinitions reads a list of tool definitions in any provider's shape.
// An element may be JSON in a string (AI SDK); Gemini groups functions under
// function_declarations.
func parseToolDefinitions(text string) ([]ToolDefinition, error) {
	text = unquoted(strings.TrimSpace(text))
	if text == "" {
		return nil, nil
	}
	if !ValidJSON(text) {
		return nil, fmt.Errorf("tool definitions: %w", ErrMalformed)
	}
	root := gjson.Parse(text)
	if root.IsObject() {
		return toolDefinitionsOf(root), nil
	}
	if !root.IsArray() {
		return nil, fmt.Errorf("tool definitions: %w: not an array", ErrMalformed)
	}
	var list []ToolDefinition
	root.ForEach(func(_, item gjson.Result) bool {
		inString := item.Type == gjson.String
		if inString && looksClosed(item.Str) && ValidJSON(item.Str) {
			item = gjson.Parse(item.Str)
		}
		switch {
		case item.IsObject():
			list = append(list, toolDefinitionsOf(item)...)
		case inString && item.Str != "":
			// A list of names.
			list = append(list, ToolDefinition{Type: "function", Name: item.Str})
		}
		if inString && len(list) > 0 {
			list[len(list)-1].flat = false
		}
		return true
	})
	return list, nil
}

func toolDefinitionsOf(item gjson.Result) []ToolDefinition {
	group := firstOf(item, "function_declarations", "functionDeclarations")
	if !group.IsArray() {
		return []ToolDefinition{toolDefinition(item)}
	}
	var list []ToolDefinition
	group.ForEach(func(_, declaration gjson.Result) bool {
		list = append(list, toolDefinition(declaration))
		return true
	})
	return list
}

// toolDefinition reads one definition: flat, OpenAI's nested form, Anthropic's
// input_schema, Bedrock's toolSpec.
func toolDefinition(item gjson.Result) ToolDefinition {
	function := item
	if nested := firstOf(item, "function", "toolSpec"); nested.IsObject() {
		function = nested
	}
	d := ToolDefinition{Type: item.Get("type").String(), Raw: rawText(item.Raw)}
	if d.Type == "" {
		d.Type = "function"
	}
	function.ForEach(func(key, value gjson.Result) bool {
		switch key.Str {
		case "name":
			d.Name = value.String()
		case "description":
			d.Description = value.String()
		case "strict":
			if value.IsBool() {
				d.Strict = Some(value.Bool())
			}
		}
		return true
	})
	schema := firstOf(function, "parameters", "inputSchema", "input_schema", "parameters_json_schema", "parametersJsonSchema", "arguments")
	if nested := schema.Get("json"); schema.IsObject() && nested.IsObject() && function.Raw != item.Raw {
		schema = nested
	}
	d.Parameters = embedded(schema)
	d.flat = isFlat(item)
	return d
}

func appendToolDefinitions(dst []byte, list []ToolDefinition) []byte {
	dst = append(dst, '[')
	for i := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendToolDefinition(dst, &list[i])
	}
	return append(dst, ']')
}

func appendToolDefinition(dst []byte, d *ToolDefinition) []byte {
	if d.Raw != nil && isFlat(gjson.ParseBytes(d.Raw)) {
		return append(dst, d.Raw...)
	}
	dst = appendString(append(dst, `{"type":`...), d.Type)
	dst = appendString(append(dst, `,"name":`...), d.Name)
	if d.Description != "" {
		dst = appendString(append(dst, `,"description":`...), d.Description)
	}
	if d.Parameters != nil {
		dst = append(append(dst, `,"parameters":`...), d.Parameters...)
	}
	if d.Strict.Set {
		dst = append(dst, `,"strict":`...)
		if d.Strict.Value {
			dst = append(dst, "true"...)
		} else {
			dst = append(dst, "false"...)
		}
	}
	return append(dst, '}')
}

// isFlat tells whether a definition is already in the OpenTelemetry shape.
func isFlat(item gjson.Result) bool {
	return item.Get("type").Type == gjson.String && item.Get("name").Type == gjson.String &&
		!firstOf(item, "inputSchema", "input_schema", "parameters_json_schema", "parametersJsonSchema", "function").Exists()
}
