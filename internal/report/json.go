// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
)

// WriteJSON prints an object with its schema's name first. The body must encode
// to a JSON object.
func WriteJSON(w io.Writer, schema string, body any) error {
	encoded, err := Marshal(body)
	if err != nil {
		return err
	}
	if len(encoded) < 2 || encoded[0] != '{' {
		return fmt.Errorf("print JSON: %s is no object", schema)
	}
	name, err := Marshal(schema)
	if err != nil {
		return err
	}
	document := append([]byte(`{"schema":`), name...)
	if len(encoded) > 2 {
		document = append(document, ',')
	}
	document = append(document, encoded[1:]...)
	var out bytes.Buffer
	if err := json.Indent(&out, document, "", "  "); err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	out.WriteByte('\n')
	_, err = w.Write(out.Bytes())
	return err
}

// Marshal encodes a value as JSON in which every character that could harm a
// terminal is escaped. Numbers that JSON lacks become text.
func Marshal(v any) ([]byte, error) {
	encoded, err := json.Marshal(finite(v))
	if err != nil {
		return nil, fmt.Errorf("print JSON: %w", err)
	}
	return escapeJSON(encoded), nil
}

// escapeJSON replaces hostile characters, which only strings can hold, by their
// escapes.
func escapeJSON(encoded []byte) []byte {
	if !bytes.ContainsFunc(encoded, isHostile) {
		return encoded
	}
	out := make([]byte, 0, len(encoded)+64)
	for len(encoded) > 0 {
		r, size := utf8.DecodeRune(encoded)
		if !isHostile(r) {
			out = append(out, encoded[:size]...)
		} else if high, low := utf16.EncodeRune(r); r > 0xffff {
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		} else {
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		encoded = encoded[size:]
	}
	return out
}

// finite replaces numbers that JSON lacks, within the values of query results.
func finite(v any) any {
	switch v := v.(type) {
	case float64:
		switch {
		case math.IsNaN(v):
			return "NaN"
		case math.IsInf(v, 1):
			return "Infinity"
		case math.IsInf(v, -1):
			return "-Infinity"
		}
	case []any:
		out := slices.Clone(v)
		for i := range out {
			out[i] = finite(out[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			out[key] = finite(value)
		}
		return out
	}
	return v
}
