// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strings"

	"github.com/tidwall/gjson"
)

// textPart reads the text of a flattened message. OpenLLMetry writes a list of
// content blocks as JSON text and Koog a list of tool calls; other text stays
// text, even if it looks like JSON.
func textPart(text string) []Part {
	if blocks := blocksIn(text); blocks.Exists() {
		return partsOf(blocks)
	}
	return []Part{{Type: PartText, Content: text}}
}

// blocksIn returns the content blocks that text holds when it is the JSON of a
// list of nothing else.
func blocksIn(text string) gjson.Result {
	if !strings.HasPrefix(text, "[") || !looksClosed(text) || !ValidJSON(text) {
		return gjson.Result{}
	}
	list := gjson.Parse(text)
	blocks := false
	list.ForEach(func(_, item gjson.Result) bool {
		blocks = isBlock(item)
		return blocks
	})
	if !blocks {
		return gjson.Result{}
	}
	return list
}

// isBlock tells whether an object is a content block of a provider.
func isBlock(item gjson.Result) bool {
	if !item.IsObject() {
		return false
	}
	switch item.Get("type").Str {
	case "text", "input_text", "output_text":
		return firstOf(item, "text", "content").Type == gjson.String
	case "tool_use", "toolUse", "tool_call":
		return item.Get("name").Exists()
	case "tool_result", "toolResult", "tool_call_response":
		return firstOf(item, "tool_use_id", "toolUseId", "id").Exists()
	case "thinking":
		return item.Get("thinking").Exists()
	case "image", "image_url", "input_image", "input_file", "document":
		return firstOf(item, "source", "image_url", "image", "content", "file_id", "file_data").Exists()
	case "function":
		return item.Get("function").IsObject()
	case "":
		return isBedrockBlock(item)
	}
	return false
}

// isBedrockBlock tells whether an object is a block of Bedrock, which names its
// type by its only member.
func isBedrockBlock(item gjson.Result) bool {
	members, known := 0, false
	item.ForEach(func(key, _ gjson.Result) bool {
		switch key.Str {
		case "text", "toolUse", "toolResult", "image", "document", "reasoningContent":
			known = true
		}
		members++
		return members < 2
	})
	return known && members == 1
}
