// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"encoding/json"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string. It escapes only what RFC 8259 asks
// for, so that text reads back as it was; invalid UTF-8 becomes U+FFFD.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, s[start:i]...), "\ufffd"...)
				start = i + 1
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[start:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}

// maxValueDepth bounds the nesting of structured attribute values.
const maxValueDepth = 64

// appendValue appends an attribute value as JSON, members in their order.
func appendValue(dst []byte, v pcommon.Value, depth int) []byte {
	if depth > maxValueDepth {
		return append(dst, "null"...)
	}
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return appendString(dst, v.Str())
	case pcommon.ValueTypeBool:
		return strconv.AppendBool(dst, v.Bool())
	case pcommon.ValueTypeInt:
		return strconv.AppendInt(dst, v.Int(), 10)
	case pcommon.ValueTypeDouble:
		return appendFloat(dst, v.Double())
	case pcommon.ValueTypeBytes:
		encoded, err := json.Marshal(v.Bytes().AsRaw())
		if err != nil {
			return append(dst, "null"...)
		}
		return append(dst, encoded...)
	case pcommon.ValueTypeSlice:
		dst = append(dst, '[')
		for i, item := range v.Slice().All() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendValue(dst, item, depth+1)
		}
		return append(dst, ']')
	case pcommon.ValueTypeMap:
		dst = append(dst, '{')
		first := true
		for key, item := range v.Map().All() {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = append(appendString(dst, key), ':')
			dst = appendValue(dst, item, depth+1)
		}
		return append(dst, '}')
	}
	return append(dst, "null"...)
}

func appendFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

// jsonText returns a value that should hold JSON as JSON text: a string as it
// is, anything structured encoded.
func jsonText(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return v.Str()
	case pcommon.ValueTypeEmpty:
		return ""
	}
	return string(appendValue(nil, v, 0))
}

// looksClosed tells cheaply whether text can be a whole JSON array or object:
// text that was cut off does not end with its closing bracket.
func looksClosed(text string) bool {
	first, last := byte(0), byte(0)
	for i := 0; i < len(text); i++ {
		if text[i] > ' ' {
			first = text[i]
			break
		}
	}
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] > ' ' {
			last = text[i]
			break
		}
	}
	return first == '[' && last == ']' || first == '{' && last == '}'
}

// unquoted decodes text that is a JSON string which itself holds an array or an
// object (JSON encoded twice); other text is returned as it is.
func unquoted(text string) string {
	if len(text) < 2 || text[0] != '"' {
		return text
	}
	inner := gjson.Parse(text)
	if inner.Type != gjson.String || !ValidJSON(text) {
		return text
	}
	if s := inner.Str; len(s) > 0 && (s[0] == '[' || s[0] == '{' || s[0] == '"') {
		return unquoted(s)
	}
	return text
}

// firstOf returns the first of the named members that is present and not null.
func firstOf(object gjson.Result, names ...string) gjson.Result {
	found := gjson.Result{}
	best := len(names)
	object.ForEach(func(key, value gjson.Result) bool {
		for i := 0; i < best; i++ {
			if key.Str == names[i] && value.Type != gjson.Null {
				found, best = value, i
				break
			}
		}
		return best > 0
	})
	return found
}

// raw returns the JSON text of a value, nil when it is absent.
func raw(v gjson.Result) json.RawMessage {
	if !v.Exists() || v.Type == gjson.Null {
		return nil
	}
	return rawText(v.Raw)
}

// embedded returns JSON that may have been put into a string: the string's
// content when that is JSON, otherwise the value as it is.
func embedded(v gjson.Result) json.RawMessage {
	if v.Type == gjson.String && looksClosed(v.Str) && ValidJSON(v.Str) {
		return json.RawMessage(v.Str)
	}
	return raw(v)
}
