// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// ToolContent is what makes one version of a tool: its name, description, input
// schema and strictness, and for a provider's built-in tool its whole
// definition.
type ToolContent struct {
	// Type is function, or the provider's word for a built-in tool.
	Type        string
	Name        string
	Description string
	// Parameters is the JSON schema of the arguments; nil without one.
	Parameters json.RawMessage
	Strict     bool
	// Raw is the whole definition; it is only read for built-in tools.
	Raw json.RawMessage
}

// ToolContentFromJSON reads a definition in any of the shapes that providers
// and frameworks use: flat, or inside "function", and the schema as parameters,
// inputSchema, input_schema, parameters_json_schema or parametersJsonSchema.
func ToolContentFromJSON(definition []byte) (ToolContent, error) {
	var outer struct {
		Type     string          `json:"type"`
		Function json.RawMessage `json:"function"`
	}
	if err := json.Unmarshal(definition, &outer); err != nil {
		return ToolContent{}, fmt.Errorf("a tool definition is a JSON object: %w", err)
	}
	body := definition
	if len(outer.Function) > 0 && outer.Function[0] == '{' {
		body = outer.Function
	}
	var d struct {
		Name        string          `json:"name"`
		Description string          `json:"description"`
		Strict      *bool           `json:"strict"`
		P1          json.RawMessage `json:"parameters"`
		P2          json.RawMessage `json:"inputSchema"`
		P3          json.RawMessage `json:"input_schema"`
		P4          json.RawMessage `json:"parameters_json_schema"`
		P5          json.RawMessage `json:"parametersJsonSchema"`
	}
	if err := json.Unmarshal(body, &d); err != nil {
		return ToolContent{}, fmt.Errorf("tool definition: %w", err)
	}
	c := ToolContent{Type: outer.Type, Name: d.Name, Description: d.Description, Raw: definition}
	c.Strict = d.Strict != nil && *d.Strict
	for _, schema := range []json.RawMessage{d.P1, d.P2, d.P3, d.P4, d.P5} {
		if len(schema) > 0 && string(schema) != "null" {
			c.Parameters = schema
			break
		}
	}
	return c, nil
}

// Hash is the identity of the tool version: sha256: and hex over the RFC 8785
// form of its content. Key order, white space, "$schema", a schema's closing
// "additionalProperties": false at its top and Gemini's upper-case type names
// make no difference, since instrumentations add and change them.
func (c ToolContent) Hash() (string, error) {
	content, err := c.Normal()
	if err != nil {
		return "", err
	}
	return HashJSON(content)
}

// Normal is what Hash hashes, as one JSON object whatever shape the definition
// came in: name, description, strict, parameters, and for a built-in tool its
// type and definition.
func (c ToolContent) Normal() (json.RawMessage, error) {
	if c.Name == "" && (c.Type == "" || c.Type == "function") {
		return nil, errors.New("a tool without a name has no version")
	}
	content := map[string]any{"name": c.Name}
	if c.Description != "" {
		content["description"] = c.Description
	}
	if c.Strict {
		content["strict"] = true
	}
	schema, err := normalSchema(c.Parameters)
	if err != nil {
		return nil, err
	}
	if schema != nil {
		content["parameters"] = schema
	}
	if c.Type != "" && c.Type != "function" {
		content["type"] = c.Type
		if c.Parameters == nil && json.Valid(c.Raw) {
			content["definition"] = c.Raw
		}
	}
	return marshal(content), nil
}

// normalSchema decodes a JSON schema (which may be a JSON string that holds
// one) and drops what instrumentations add. nil stands for no schema.
func normalSchema(text json.RawMessage) (any, error) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 || string(text) == "null" {
		return nil, nil
	}
	var inner string
	if text[0] == '"' && json.Unmarshal(text, &inner) == nil {
		text = []byte(inner)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var schema any
	if err := d.Decode(&schema); err != nil {
		return nil, fmt.Errorf("input schema: %w", err)
	}
	root, ok := schema.(map[string]any)
	if !ok {
		return schema, nil
	}
	delete(root, "$schema")
	if closed, isBool := root["additionalProperties"].(bool); isBool && !closed {
		delete(root, "additionalProperties")
	}
	if len(root) == 0 {
		return nil, nil
	}
	lowerTypes(root)
	return root, nil
}

// lowerTypes writes Gemini's OBJECT, STRING, ... as JSON schema does. It enters
// only places where a schema can stand.
func lowerTypes(schema map[string]any) {
	if word, ok := schema["type"].(string); ok {
		switch word {
		case "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL":
			schema["type"] = strings.ToLower(word)
		}
	}
	for key, value := range schema {
		switch key {
		case "properties", "patternProperties", "$defs", "definitions":
			if members, ok := value.(map[string]any); ok {
				for _, member := range members {
					lowerAny(member)
				}
			}
		case "items", "prefixItems", "additionalProperties", "anyOf", "oneOf", "allOf", "not", "if", "then", "else":
			lowerAny(value)
		}
	}
}

func lowerAny(value any) {
	switch v := value.(type) {
	case map[string]any:
		lowerTypes(v)
	case []any:
		for _, item := range v {
			lowerAny(item)
		}
	}
}
