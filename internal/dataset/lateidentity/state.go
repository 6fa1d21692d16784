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

// State is what a row holds in the columns that other spans may fill in.
type State struct {
	Session, User, ToolVersion, Variant Text
	Prompt                              Prompt
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
)

// texts are the columns of a state but for the variables, in the order in which
// late_identity has them.
func (s *State) texts() []struct {
	column string
	text   *Text
} {
	return []struct {
		column string
		text   *Text
	}{
		{columnSession, &s.Session},
		{columnUser, &s.User},
		{columnName, &s.Prompt.Name},
		{columnVersion, &s.Prompt.Version},
		{columnHash, &s.Prompt.Hash},
		{columnLabel, &s.Prompt.Label},
		{columnResolution, &s.Prompt.Resolution},
		{columnReason, &s.Prompt.Reason},
		{columnVariables, nil},
		{columnVariant, &s.Variant},
		{columnToolVersion, &s.ToolVersion},
	}
}

// Marker is late_identity of a row whose span gave own and which holds s: the
// columns that differ, each with what the span gave. It is Null when none does.
func (s State) Marker(own State) Text {
	if s == own {
		return Null
	}
	var b strings.Builder
	before := own.texts()
	for i, field := range s.texts() {
		value := Null
		switch {
		case field.text == nil && s.Prompt.Variables == own.Prompt.Variables:
			continue
		case field.text != nil:
			if value = *before[i].text; value == *field.text {
				continue
			}
		}
		b.WriteString(`,"` + field.column + `":` + value.json())
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
	for _, field := range s.texts() {
		value, filled := before[field.column]
		switch {
		case !filled:
		case field.text == nil:
			// They are filled in where there are none only.
			s.Prompt.Variables = ""
		default:
			*field.text = value
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

// EncodeVariables makes one comparable text of names and values.
func EncodeVariables(names, values []string) string {
	var b []byte
	for i, name := range names {
		for _, text := range []string{name, values[i]} {
			b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
		}
	}
	return string(b)
}

// DecodeVariables is the inverse of EncodeVariables.
func DecodeVariables(encoded string) (names, values []string) {
	rest := []byte(encoded)
	next := func() string {
		size, n := binary.Uvarint(rest)
		text := string(rest[n:][:size])
		rest = rest[n+int(size):]
		return text
	}
	for len(rest) > 0 {
		names = append(names, next())
		values = append(values, next())
	}
	return names, values
}
