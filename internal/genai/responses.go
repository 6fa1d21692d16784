// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strings"

	"github.com/tidwall/gjson"
)

// isResponsesItem tells the items of the OpenAI Responses API that are no messages.
func isResponsesItem(itemType string) bool {
	switch itemType {
	case "function_call", "function_call_output", "reasoning", "custom_tool_call", "custom_tool_call_output":
		return true
	}
	return false
}

// responsesItem reads an item of the OpenAI Responses API that is no message.
func responsesItem(item gjson.Result, itemType string) Message {
	switch itemType {
	case "function_call", "custom_tool_call":
		return Message{Role: "assistant", Parts: []Part{{
			Type: PartToolCall, ID: firstOf(item, "call_id", "id").String(),
			Name: item.Get("name").Str, Arguments: raw(firstOf(item, "arguments", "input")),
		}}}
	case "function_call_output", "custom_tool_call_output":
		return Message{Role: "tool", Parts: []Part{{
			Type: PartToolCallResponse, ID: item.Get("call_id").Str, Response: raw(item.Get("output")),
		}}}
	}
	var texts []string
	item.Get("summary").ForEach(func(_, part gjson.Result) bool {
		texts = append(texts, part.Get("text").Str)
		return true
	})
	return Message{Role: "assistant", Parts: []Part{{Type: PartReasoning, Content: strings.Join(texts, "\n")}}}
}
