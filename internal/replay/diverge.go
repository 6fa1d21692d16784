// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"slices"
	"strings"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/wire/jsondoc"
)

// Kinds of divergence, by what an answer does first that the other does not.
const (
	Identical    = "identical"
	TextVsTool   = "text-vs-tool"
	OtherTool    = "tool"
	Arguments    = "args"
	Order        = "order"
	Extra        = "extra"
	Missing      = "missing"
	StopReason   = "stop-reason"
	Final        = "final"
	Failed       = "error"
	Unrecorded   = "unrecorded"
	maxPathBytes = 200
)

// Divergence is the first difference between two answers.
type Divergence struct {
	Kind string `json:"kind"`
	// Index is the place of the tool call that differs.
	Index int `json:"index"`
	// Path is the JSON pointer into its arguments.
	Path string `json:"path,omitempty"`
	// Before and After show what differs, cut to a line.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

// Diverge finds the first difference between the recorded answer and another.
// Without a recorded answer there is none to find: Unrecorded. Tool calls are
// compared before words: text beside equal calls does not count as another
// action.
func Diverge(before, after *genai.Call) Divergence {
	if before.ErrorType == "" && before.Output.Empty() {
		return Divergence{Kind: Unrecorded}
	}
	if before.ErrorType != after.ErrorType {
		return Divergence{Kind: Failed, Before: before.ErrorType, After: after.ErrorType}
	}
	a, b := firstChoice(before), firstChoice(after)
	switch {
	case len(a) == 0 && len(b) > 0:
		return Divergence{Kind: TextVsTool, Before: line(before.OutputText()), After: callLine(b[0])}
	case len(a) > 0 && len(b) == 0:
		return Divergence{Kind: TextVsTool, Before: callLine(a[0]), After: line(after.OutputText())}
	}
	if d := divergeCalls(a, b); d.Kind != Identical {
		return d
	}
	if x, y := strings.Join(before.FinishReasons, ","), strings.Join(after.FinishReasons, ","); x != y {
		return Divergence{Kind: StopReason, Index: len(a), Before: x, After: y}
	}
	if len(a) == 0 && strings.TrimSpace(before.OutputText()) != strings.TrimSpace(after.OutputText()) {
		return Divergence{Kind: Final, Before: line(before.OutputText()), After: line(after.OutputText())}
	}
	return Divergence{Kind: Identical}
}

func firstChoice(c *genai.Call) []genai.ToolCall {
	return slices.DeleteFunc(c.ToolCalls(), func(t genai.ToolCall) bool { return t.Choice != 0 })
}

// divergeCalls compares two lists of tool calls.
func divergeCalls(a, b []genai.ToolCall) Divergence {
	for i := 0; i < len(a) || i < len(b); i++ {
		switch {
		case i >= len(b):
			return Divergence{Kind: Missing, Index: i, Before: callLine(a[i])}
		case i >= len(a):
			return Divergence{Kind: Extra, Index: i, After: callLine(b[i])}
		case sameCall(a[i], b[i]):
			continue
		}
		d := Divergence{Kind: OtherTool, Index: i, Before: callLine(a[i]), After: callLine(b[i])}
		switch {
		case samePermuted(a, b):
			d.Kind = Order
		case slices.ContainsFunc(b[i+1:], func(t genai.ToolCall) bool { return sameCall(t, a[i]) }) && len(b) > len(a):
			d.Kind, d.Before = Extra, ""
		case slices.ContainsFunc(a[i+1:], func(t genai.ToolCall) bool { return sameCall(t, b[i]) }) && len(a) > len(b):
			d.Kind, d.After = Missing, ""
		case a[i].Name == b[i].Name:
			d.Kind = Arguments
			d.Path, d.Before, d.After = argumentsDiff(a[i].Arguments, b[i].Arguments)
		}
		return d
	}
	return Divergence{Kind: Identical}
}

// sameCall compares name and arguments; arguments as JSON where they are.
func sameCall(a, b genai.ToolCall) bool {
	if a.Name != b.Name {
		return false
	}
	if a.Arguments == b.Arguments {
		return true
	}
	x, errX := jsondoc.ParseString(a.Arguments)
	y, errY := jsondoc.ParseString(b.Arguments)
	return errX == nil && errY == nil && jsondoc.Equal(x, y)
}

// samePermuted tells whether two lists hold the same calls in another order.
func samePermuted(a, b []genai.ToolCall) bool {
	if len(a) != len(b) {
		return false
	}
	rest := slices.Clone(b)
	for _, call := range a {
		i := slices.IndexFunc(rest, func(t genai.ToolCall) bool { return sameCall(call, t) })
		if i < 0 {
			return false
		}
		rest = slices.Delete(rest, i, i+1)
	}
	return true
}

func argumentsDiff(a, b string) (path, before, after string) {
	x, errX := jsondoc.ParseString(a)
	y, errY := jsondoc.ParseString(b)
	if errX != nil || errY != nil {
		return "", line(a), line(b)
	}
	changes := jsondoc.Diff(x, y)
	if len(changes) == 0 {
		return "", line(a), line(b)
	}
	path = changes[0].Pointer
	return path[:min(len(path), maxPathBytes)], valueLine(changes[0].Before), valueLine(changes[0].After)
}

func valueLine(v *jsondoc.Value) string {
	if v == nil {
		return "(absent)"
	}
	return line(v.Text())
}

func callLine(c genai.ToolCall) string { return line(c.Name + "(" + c.Arguments + ")") }

// line cuts text to one short line.
func line(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > 120 {
		return string(runes[:119]) + "…"
	}
	return text
}
