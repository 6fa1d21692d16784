// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package lateidentity

import (
	"encoding/binary"
	"encoding/json"
	"strings"
)

// Text is a column's text.
type Text string

// Null is the text of a column that holds none: no valid UTF-8, as columns hold.
const Null Text = "\xff"

// or returns the first of two texts that is not null.
func (t Text) or(other Text) Text {
	if t != Null {
		return t
	}
	return other
}

// agrees tells whether a text is null or the other one.
func (t Text) agrees(other Text) bool { return t == Null || t == other }

// Prompt is what a row says of its prompt.
type Prompt struct {
	Name, Version, Hash, Label, Resolution, Reason Text
	// Variables are names and values one after the other, as EncodeVariables makes
	// them; empty for none.
	Variables string
}

// Tools is what a row says of the tools that its call offered.
type Tools struct {
	// Versions are name@version of each, as EncodeList makes them; empty for none.
	Versions           string
	Hash, Completeness Text
}

// State is what a row holds in the columns that other spans, or log events of its
// own, may fill in.
type State struct {
	Session, User, ToolVersion, Variant Text
	Prompt                              Prompt
	Tools                               Tools
}

// Names of the columns, as late_identity has them.
const (
	columnSession     = "session_id"
	columnUser        = "user_id"
	columnName        = "prompt_name"
	columnVersion     = "prompt_version"
	columnHash        = "prompt_hash"
	columnLabel       = "prompt_label"
	columnResolution  = "prompt_resolution"
	columnReason      = "prompt_unresolved_reason"
	columnVariables   = "prompt_variables"
	columnVariant     = "variant_id"
	columnToolVersion = "tool_version"
	columnTools       = "tool_versions"
	columnToolset     = "toolset_hash"
	columnComplete    = "toolset_completeness"
)

// stateColumn is a column of a state: a text, or a list of which only is told that
// the span gave none.
type stateColumn struct {
	name string
	text *Text
	list *string
}

// columns are those of a state in the order in which late_identity has them.
func (s *State) columns() []stateColumn {
	return []stateColumn{
		{columnSession, &s.Session, nil},
		{columnUser, &s.User, nil},
		{columnName, &s.Prompt.Name, nil},
		{columnVersion, &s.Prompt.Version, nil},
		{columnHash, &s.Prompt.Hash, nil},
		{columnLabel, &s.Prompt.Label, nil},
		{columnResolution, &s.Prompt.Resolution, nil},
		{columnReason, &s.Prompt.Reason, nil},
		{columnVariables, nil, &s.Prompt.Variables},
		{columnVariant, &s.Variant, nil},
		{columnToolVersion, &s.ToolVersion, nil},
		{columnTools, nil, &s.Tools.Versions},
		{columnToolset, &s.Tools.Hash, nil},
		{columnComplete, &s.Tools.Completeness, nil},
	}
}

// Marker is late_identity of a row whose span gave own and which holds s: the
// columns that differ, each with what the span gave. It is Null when none does.
func (s State) Marker(own State) Text {
	if s == own {
		return Null
	}
	var b strings.Builder
	before := own.columns()
	for i, c := range s.columns() {
		value := Null
		if c.text == nil {
			if *c.list == *before[i].list {
				continue
			}
		} else if value = *before[i].text; value == *c.text {
			continue
		}
		b.WriteString(`,"` + c.name + `":` + value.json())
	}
	return Text("{" + b.String()[1:] + "}")
}

// json is the text as JSON, as DuckDB's to_json writes it.
func (t Text) json() string {
	if t == Null {
		return "null"
	}
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	// A string can be encoded.
	_ = encoder.Encode(string(t))
	return strings.TrimSuffix(b.String(), "\n")
}

// Before is what the span itself gave, of a row that holds s with a marker. A
// marker that cannot be read says nothing.
func (s State) Before(marker Text) State {
	before := Said(marker)
	if len(before) == 0 {
		return s
	}
	for _, c := range s.columns() {
		value, filled := before[c.name]
		switch {
		case !filled:
		case c.text == nil:
			// Lists are filled in where there are none only.
			*c.list = ""
		default:
			*c.text = value
		}
	}
	return s
}

// Said are the columns that a marker names, each with what the span gave.
func Said(marker Text) map[string]Text {
	if marker == Null || marker == "" {
		return nil
	}
	var values map[string]*string
	if json.Unmarshal([]byte(marker), &values) != nil {
		return nil
	}
	said := make(map[string]Text, len(values))
	for column, value := range values {
		said[column] = Null
		if value != nil {
			said[column] = Text(*value)
		}
	}
	return said
}

// EncodeList makes one comparable text of texts.
func EncodeList(texts []string) string {
	var b []byte
	for _, text := range texts {
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
	}
	return string(b)
}

// DecodeList is the inverse of EncodeList.
func DecodeList(encoded string) (texts []string) {
	for rest := []byte(encoded); len(rest) > 0; {
		size, n := binary.Uvarint(rest)
		texts = append(texts, string(rest[n:][:size]))
		rest = rest[n+int(size):]
	}
	return texts
}

// EncodeVariables makes one comparable text of names and values.
func EncodeVariables(names, values []string) string {
	pairs := make([]string, 0, 2*len(names))
	for i, name := range names {
		pairs = append(pairs, name, values[i])
	}
	return EncodeList(pairs)
}

// DecodeVariables is the inverse of EncodeVariables.
func DecodeVariables(encoded string) (names, values []string) {
	pairs := DecodeList(encoded)
	for i := 0; i+1 < len(pairs); i += 2 {
		names = append(names, pairs[i])
		values = append(values, pairs[i+1])
	}
	return names, values
}
