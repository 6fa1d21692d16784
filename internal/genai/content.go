// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

// Messages is a chat history. When it arrived as JSON text in the OpenTelemetry
// shape that text is kept and parsed only when somebody asks.
type Messages struct {
	text   string
	list   []Message
	parsed bool
	err    error
}

// Parts is a list of message parts (system instructions), kept like Messages.
type Parts struct {
	text   string
	list   []Part
	parsed bool
	err    error
}

// ToolDefinitions are the tools offered in one call, kept like Messages.
type ToolDefinitions struct {
	text   string
	list   []ToolDefinition
	parsed bool
	err    error
	// Completeness is one of the Tools constants.
	Completeness string
}
