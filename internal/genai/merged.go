// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"encoding/json"
	"strings"

	"github.com/tidwall/gjson"
)

// splitMergedCalls takes apart parallel tool calls that Langfuse's JavaScript
// SDK merges into one when it streams: one call without an id whose arguments
// are several JSON objects one after the other. The name of each is that of the
// merged call, which is all the span holds.
func (c *Call) splitMergedCalls() bool {
	list, err := c.Output.List()
	if err != nil {
		return false
	}
	split := false
	for i := range list {
		var parts []Part
		for _, part := range list[i].Parts {
			arguments := mergedArguments(&part)
			if len(arguments) < 2 {
				parts = append(parts, part)
				continue
			}
			split = true
			for _, one := range arguments {
				parts = append(parts, Part{Type: PartToolCall, Name: part.Name, Arguments: one})
			}
		}
		list[i].Parts = parts
	}
	if split {
		c.Output = NewMessages(list)
	}
	return split
}

// mergedArguments returns the JSON objects of which a call's arguments are the
// concatenation, each as JSON text in a string; nil when they are not.
func mergedArguments(part *Part) []json.RawMessage {
	if part.Type != PartToolCall || part.ID != "" || len(part.Arguments) == 0 || part.Arguments[0] != '"' {
		return nil
	}
	text := gjson.ParseBytes(part.Arguments).Str
	if !strings.Contains(text, "}{") || ValidJSON(text) {
		return nil
	}
	var objects []json.RawMessage
	for rest := strings.TrimSpace(text); rest != ""; {
		end := skipValue(rest, 0)
		if rest[0] != '{' || !ValidJSON(rest[:end]) || len(objects) >= maxIndex {
			return nil
		}
		objects = append(objects, appendString(nil, rest[:end]))
		rest = strings.TrimSpace(rest[end:])
	}
	return objects
}
