// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package jinja

import (
	"math/big"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spanloop/spanloop/internal/registry/python"
)

// maxText bounds a text that an expression makes.
const maxText = 1 << 20

func (r *renderer) filter(e *expr, args []any) (any, error) {
	value := args[0]
	_, missing := value.(undefined)
	switch e.name {
	case "default", "d":
		return standard(args, missing), nil
	case "length", "count":
		return length(e, value)
	case "first", "last":
		return end(e, value)
	case "join":
		return r.join(e, args)
	}
	if missing {
		return nil, syntax(e.line, "%s", kindOf(value))
	}
	if e.name == "tojson" {
		var b strings.Builder
		writeJSON(&b, value)
		return b.String(), nil
	}
	s := python.Str(value)
	if err := r.charge(e, len(s)); err != nil {
		return nil, err
	}
	switch e.name {
	case "trim":
		return strings.TrimFunc(s, isSpace), nil
	case "upper":
		return mapCase(e, s, unicode.ToUpper)
	case "lower":
		return mapCase(e, s, unicode.ToLower)
	case "replace":
		return r.replace(e, s, args)
	}
	return s, nil
}

func standard(args []any, missing bool) any {
	otherwise := any("")
	if len(args) > 1 {
		otherwise = args[1]
	}
	if missing || len(args) > 2 && truthy(args[2]) && !truthy(args[0]) {
		return otherwise
	}
	return args[0]
}

func length(e *expr, value any) (any, error) {
	n := 0
	switch v := value.(type) {
	case string:
		n = utf8.RuneCountInString(v)
	case python.List:
		n = len(v)
	case *python.Dict:
		n = len(v.Keys)
	default:
		return nil, syntax(e.line, "the length of %s", kindOf(value))
	}
	return big.NewInt(int64(n)), nil
}

func end(e *expr, value any) (any, error) {
	list, ok := value.(python.List)
	switch {
	case !ok:
		return nil, syntax(e.line, "the %s of %s", e.name, kindOf(value))
	case len(list) == 0:
		return undefined{e.args[0].path() + "|" + e.name}, nil
	case e.name == "first":
		return list[0], nil
	}
	return list[len(list)-1], nil
}

func (r *renderer) join(e *expr, args []any) (any, error) {
	list, ok := args[0].(python.List)
	if !ok {
		return nil, syntax(e.line, "join of %s, which is no list", kindOf(args[0]))
	}
	between := ""
	if len(args) > 1 {
		if between, ok = args[1].(string); !ok {
			return nil, syntax(e.line, "join with %s, which is no text", kindOf(args[1]))
		}
	}
	var b strings.Builder
	for i, item := range list {
		if i > 0 {
			b.WriteString(between)
		}
		b.WriteString(python.Str(item))
		if b.Len() > maxText {
			break
		}
	}
	return b.String(), r.charge(e, b.Len())
}

func (r *renderer) replace(e *expr, s string, args []any) (any, error) {
	before, ok := args[1].(string)
	after, also := args[2].(string)
	if !ok || !also {
		return nil, syntax(e.line, "replace takes texts")
	}
	if n := strings.Count(s, before); len(s)+n*len(after) > maxText {
		return nil, syntax(e.line, "a text longer than 1 MiB within an expression")
	}
	return strings.ReplaceAll(s, before, after), nil
}

// special are letters whose case changes into several letters, or depends on
// the letters around.
func special(r rune) bool {
	return r == 'ß' || r == 'İ' || r == 'ŉ' || r == 'ǰ' || r == 'Σ' || r == 'ΐ' || r == 'ΰ' || r == 'և' || r == 'ẞ' ||
		r >= 0x1e96 && r <= 0x1e9a || r >= 0x1f50 && r <= 0x1fff || r >= 0xfb00 && r <= 0xfb17
}

func mapCase(e *expr, s string, change func(rune) rune) (any, error) {
	if at := strings.IndexFunc(s, special); at >= 0 {
		r, _ := utf8.DecodeRuneInString(s[at:])
		return nil, syntax(e.line, "%s of a text with %q is not supported", e.name, string(r))
	}
	return strings.Map(change, s), nil
}

// writeJSON is Python's json.dumps with sorted keys, safe within HTML.
func writeJSON(b *strings.Builder, value any) {
	switch v := value.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		if v {
			b.WriteString("true")
		} else {
			b.WriteString("false")
		}
	case string:
		writeString(b, v)
	case python.List:
		b.WriteByte('[')
		for i, item := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			writeJSON(b, item)
		}
		b.WriteByte(']')
	case *python.Dict:
		keys := append([]string(nil), v.Keys...)
		sort.Strings(keys)
		b.WriteByte('{')
		for i, key := range keys {
			if i > 0 {
				b.WriteString(", ")
			}
			writeString(b, key)
			b.WriteString(": ")
			writeJSON(b, v.Values[key])
		}
		b.WriteByte('}')
	default:
		b.WriteString(python.Str(value))
	}
}

const hexDigits = "0123456789abcdef"

func writeString(b *strings.Builder, s string) {
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\b':
			b.WriteString(`\b`)
		case r == '\f':
			b.WriteString(`\f`)
		case r < ' ' || r > '~' && r != 0x7f || strings.ContainsRune(`<>&'`, r):
			if r > 0xffff {
				r -= 0x10000
				writeUnit(b, 0xd800+r>>10)
				r = 0xdc00 + r&0x3ff
			}
			writeUnit(b, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}

func writeUnit(b *strings.Builder, r rune) {
	b.WriteString(`\u`)
	for shift := 12; shift >= 0; shift -= 4 {
		b.WriteByte(hexDigits[r>>shift&15])
	}
}
