// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"encoding/base64"
	"fmt"
	"hash/maphash"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Letters of attribute_types.
const (
	letterString = 's'
	letterInt    = 'i'
	letterDouble = 'd'
	letterBool   = 'b'
	letterJSON   = 'j'
	letterBytes  = 'y'
	letterEmpty  = 'e'
)

// appendPrinted prints an attribute value for the attributes column and returns
// the letter of its type.
func appendPrinted(dst []byte, v pcommon.Value) ([]byte, byte) {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return append(dst, v.Str()...), letterString
	case pcommon.ValueTypeInt:
		return strconv.AppendInt(dst, v.Int(), 10), letterInt
	case pcommon.ValueTypeDouble:
		return strconv.AppendFloat(dst, v.Double(), 'g', -1, 64), letterDouble
	case pcommon.ValueTypeBool:
		return strconv.AppendBool(dst, v.Bool()), letterBool
	case pcommon.ValueTypeBytes:
		return base64.StdEncoding.AppendEncode(dst, v.Bytes().AsRaw()), letterBytes
	case pcommon.ValueTypeSlice, pcommon.ValueTypeMap:
		return appendTyped(dst, v, 0), letterJSON
	}
	return dst, letterEmpty
}

// decodeValue is the inverse of appendPrinted.
func decodeValue(text string, letter byte, into pcommon.Value) error {
	switch letter {
	case letterString:
		into.SetStr(text)
	case letterInt:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return fmt.Errorf("attribute value: %w", err)
		}
		into.SetInt(n)
	case letterDouble:
		f, err := parseDouble(text)
		if err != nil {
			return err
		}
		into.SetDouble(f)
	case letterBool:
		into.SetBool(text == "true")
	case letterBytes:
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return fmt.Errorf("attribute value: %w", err)
		}
		into.SetEmptyBytes().FromRaw(raw)
	case letterJSON:
		return decodeTyped(gjson.Parse(text), into)
	case letterEmpty:
	default:
		return fmt.Errorf("attribute type %q is unknown", letter)
	}
	return nil
}

func formatDouble(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

func parseDouble(text string) (float64, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("attribute value: %w", err)
	}
	return f, nil
}

// appendTyped prints a value as JSON that reads back with its type: doubles
// always have a point or an exponent, what JSON lacks is an object with a
// member $double or $bytes, and a map whose keys begin with $ is in $map.
func appendTyped(dst []byte, v pcommon.Value, depth int) []byte {
	if depth > maxDepth+1 {
		return append(dst, "null"...)
	}
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return appendJSONString(dst, v.Str())
	case pcommon.ValueTypeBool:
		return strconv.AppendBool(dst, v.Bool())
	case pcommon.ValueTypeInt:
		return strconv.AppendInt(dst, v.Int(), 10)
	case pcommon.ValueTypeDouble:
		return appendTypedDouble(dst, v.Double())
	case pcommon.ValueTypeBytes:
		encoded := base64.StdEncoding.EncodeToString(v.Bytes().AsRaw())
		return append(append(append(dst, `{"$bytes":"`...), encoded...), `"}`...)
	case pcommon.ValueTypeSlice:
		dst = append(dst, '[')
		for i, item := range v.Slice().All() {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendTyped(dst, item, depth+1)
		}
		return append(dst, ']')
	case pcommon.ValueTypeMap:
		return appendTypedMap(dst, v.Map(), depth)
	}
	return append(dst, "null"...)
}

func appendTypedDouble(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(append(append(dst, `{"$double":"`...), formatDouble(f)...), `"}`...)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'g', -1, 64)
	if !strings.ContainsAny(string(dst[start:]), ".e") {
		dst = append(dst, '.', '0')
	}
	return dst
}

func appendTypedMap(dst []byte, m pcommon.Map, depth int) []byte {
	reserved := false
	for key := range m.All() {
		if strings.HasPrefix(key, "$") {
			reserved = true
		}
	}
	if reserved {
		dst = append(dst, `{"$map":`...)
	}
	dst = append(dst, '{')
	first := true
	for key, value := range m.All() {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(appendJSONString(dst, key), ':')
		dst = appendTyped(dst, value, depth+1)
	}
	dst = append(dst, '}')
	if reserved {
		dst = append(dst, '}')
	}
	return dst
}

// decodeTyped is the inverse of appendTyped.
func decodeTyped(v gjson.Result, into pcommon.Value) (err error) {
	switch v.Type {
	case gjson.String:
		into.SetStr(v.Str)
	case gjson.True, gjson.False:
		into.SetBool(v.Type == gjson.True)
	case gjson.Number:
		if strings.ContainsAny(v.Raw, ".eE") {
			into.SetDouble(v.Num)
			return nil
		}
		n, err := strconv.ParseInt(v.Raw, 10, 64)
		if err != nil {
			return fmt.Errorf("attribute value: %w", err)
		}
		into.SetInt(n)
	case gjson.JSON:
		if v.IsArray() {
			slice := into.SetEmptySlice()
			v.ForEach(func(_, item gjson.Result) bool {
				err = decodeTyped(item, slice.AppendEmpty())
				return err == nil
			})
			return err
		}
		return decodeTypedObject(v, into)
	}
	return nil
}

func decodeTypedObject(v gjson.Result, into pcommon.Value) (err error) {
	members := 0
	var key, value gjson.Result
	v.ForEach(func(k, val gjson.Result) bool {
		key, value = k, val
		members++
		return members < 2
	})
	if members == 1 {
		switch key.Str {
		case "$double":
			f, err := parseDouble(value.Str)
			into.SetDouble(f)
			return err
		case "$bytes":
			return decodeValue(value.Str, letterBytes, into)
		case "$map":
			v = value
		}
	}
	return decodeMap(v, into.SetEmptyMap())
}

func decodeMap(v gjson.Result, into pcommon.Map) (err error) {
	v.ForEach(func(key, value gjson.Result) bool {
		err = decodeTyped(value, into.PutEmpty(key.Str))
		return err == nil
	})
	return err
}

const hexDigits = "0123456789abcdef"

// appendJSONString appends a JSON string; the text must be valid UTF-8 to read
// back equal.
func appendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[start:i]...)
		start = i + 1
		if c == '"' || c == '\\' {
			dst = append(dst, '\\', c)
			continue
		}
		dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
	}
	return append(append(dst, s[start:]...), '"')
}

// faithful tells whether attributes read back equal from the columns: valid
// UTF-8, no key twice, not nested beyond reason, no NaN with a payload.
func faithful(m pcommon.Map) bool {
	if m.Len() > 1 && hasDuplicate(m) {
		return false
	}
	for key, value := range m.All() {
		if !utf8.ValidString(key) || !faithfulValue(value, 0) {
			return false
		}
	}
	return true
}

// maxDepth bounds the nesting that the columns hold as JSON.
const maxDepth = 32

func faithfulValue(v pcommon.Value, depth int) bool {
	if depth > maxDepth {
		return false
	}
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return validString(v.Str())
	case pcommon.ValueTypeDouble:
		return !math.IsNaN(v.Double())
	case pcommon.ValueTypeSlice:
		for _, item := range v.Slice().All() {
			if !faithfulValue(item, depth+1) {
				return false
			}
		}
	case pcommon.ValueTypeMap:
		if hasDuplicate(v.Map()) {
			return false
		}
		for key, item := range v.Map().All() {
			if !utf8.ValidString(key) || !faithfulValue(item, depth+1) {
				return false
			}
		}
	}
	return true
}

// slots is a power of two above twice the number of keys that hasDuplicate looks
// up without allocating.
const slots = 256

var keySeed = maphash.MakeSeed()

// hasDuplicate tells whether a key stands twice.
func hasDuplicate(m pcommon.Map) bool {
	if m.Len() > slots/2 {
		seen := make(map[string]struct{}, m.Len())
		for key := range m.All() {
			seen[key] = struct{}{}
		}
		return len(seen) < m.Len()
	}
	var table [slots]string
	empty := false
	for key := range m.All() {
		if key == "" {
			if empty {
				return true
			}
			empty = true
			continue
		}
		at := maphash.String(keySeed, key) % slots
		for ; table[at] != ""; at = (at + 1) % slots {
			if table[at] == key {
				return true
			}
		}
		table[at] = key
	}
	return false
}
