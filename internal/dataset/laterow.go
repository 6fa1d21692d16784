// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"slices"

	"github.com/spanloop/spanloop/internal/dataset/lateidentity"
	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
)

// Leaf columns that hold lists.
const (
	variableNames  = "prompt_variables.key_value.key"
	variableValues = "prompt_variables.key_value.value"
	toolsColumn    = "tool_versions.list.element"
)

// stateColumns are those that other spans may fill in, lateColumn among them.
var stateColumns = []string{
	"session_id", "user_id", "tool_version", "variant_id", "prompt_name", "prompt_version", "prompt_hash", "prompt_label",
	"prompt_resolution", "prompt_unresolved_reason", variableNames, variableValues, toolsColumn, "toolset_hash", "toolset_completeness",
	lateIdentityColumn,
}

// lateSpanColumns are what is read of the spans of a trace.
var lateSpanColumns = append([]string{
	"trace_id", "span_id", "parent_span_id", "start_unix_nano", "duration_ns", "call_kind", "counted", "is_replay",
	"tool_name", "model_hash", "params_hash",
}, stateColumns...)

// readState is what a row holds in the columns that other spans may fill in, and
// what its span itself gave.
func readState(rows *parquetfile.Rows, i int) (stored, own lateidentity.State) {
	stored = lateidentity.State{
		Session: textOf(rows, "session_id", i), User: textOf(rows, "user_id", i),
		ToolVersion: textOf(rows, "tool_version", i), Variant: textOf(rows, "variant_id", i),
		Prompt: promptAt(rows, i), Tools: toolsAt(rows, i),
	}
	return stored, stored.Before(textOf(rows, lateIdentityColumn, i))
}

func promptAt(rows *parquetfile.Rows, i int) lateidentity.Prompt {
	return lateidentity.Prompt{
		Name: but(textOf(rows, "prompt_name", i), Unresolved), Version: but(textOf(rows, "prompt_version", i), NoVersion),
		Hash: textOf(rows, "prompt_hash", i), Label: textOf(rows, "prompt_label", i),
		Resolution: textOf(rows, "prompt_resolution", i), Reason: textOf(rows, "prompt_unresolved_reason", i),
		Variables: lateidentity.EncodeVariables(rows.Texts(variableNames, i), rows.Texts(variableValues, i)),
	}
}

func toolsAt(rows *parquetfile.Rows, i int) lateidentity.Tools {
	return lateidentity.Tools{
		Versions: lateidentity.EncodeList(rows.Texts(toolsColumn, i)),
		Hash:     textOf(rows, "toolset_hash", i), Completeness: textOf(rows, "toolset_completeness", i),
	}
}

func textOf(rows *parquetfile.Rows, column string, i int) lateidentity.Text {
	if text, ok := rows.Text(column, i); ok {
		return lateidentity.Text(text)
	}
	return lateidentity.Null
}

// but is a text, null where the column has a word for none.
func but(text, none lateidentity.Text) lateidentity.Text {
	if text == none {
		return lateidentity.Null
	}
	return text
}

// writeState makes a row hold a state, with the marker of what was filled in.
func writeState(rows *parquetfile.Rows, i int, state, own lateidentity.State) {
	p := state.Prompt
	rows.SetText("prompt_name", i, orWord(p.Name, Unresolved))
	rows.SetText("prompt_version", i, orWord(p.Version, NoVersion))
	for _, c := range []struct {
		column string
		text   lateidentity.Text
	}{
		{"session_id", state.Session}, {"user_id", state.User}, {"tool_version", state.ToolVersion}, {"variant_id", state.Variant},
		{"prompt_hash", p.Hash}, {"prompt_label", p.Label}, {"prompt_resolution", p.Resolution}, {"prompt_unresolved_reason", p.Reason},
		{"toolset_hash", state.Tools.Hash}, {"toolset_completeness", state.Tools.Completeness},
		{lateIdentityColumn, state.Marker(own)},
	} {
		if c.text == lateidentity.Null {
			rows.SetNull(c.column, i)
		} else {
			rows.SetText(c.column, i, string(c.text))
		}
	}
	names, values := lateidentity.DecodeVariables(p.Variables)
	if !slices.Equal(names, rows.Texts(variableNames, i)) || !slices.Equal(values, rows.Texts(variableValues, i)) {
		rows.SetTexts(variableNames, i, names)
		rows.SetTexts(variableValues, i, values)
	}
	if offered := lateidentity.DecodeList(state.Tools.Versions); !slices.Equal(offered, rows.Texts(toolsColumn, i)) {
		rows.SetTexts(toolsColumn, i, offered)
	}
}

func orWord(text lateidentity.Text, none string) string {
	if text == lateidentity.Null {
		return none
	}
	return string(text)
}

// lateSpan reads a row as a span of its trace; key holds its ids.
func lateSpan(rows *parquetfile.Rows, i int, key spanKey) lateidentity.Span {
	s := lateidentity.Span{
		ID: key.span, Counted: rows.Bool("counted", i), Replay: rows.Bool("is_replay", i), ToolName: textOf(rows, "tool_name", i),
		Model: textOf(rows, "model_hash", i), Params: textOf(rows, "params_hash", i), Marker: textOf(rows, lateIdentityColumn, i),
	}
	s.Kind, _ = rows.Text("call_kind", i)
	s.Parent, _ = parentOf(rows, i)
	s.Began, _ = rows.Long("start_unix_nano", i)
	duration, _ := rows.Long("duration_ns", i)
	s.Ended = s.Began + duration
	s.Stored, s.Own = readState(rows, i)
	return s
}
