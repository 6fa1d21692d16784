// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/spanloop/spanloop/internal/wire/jsondoc"
)

// A layout is what JSON equality does not see: how a serializer spaces and
// escapes, the order of members, the notation of scalars, and the transport
// members. It is an object with style, order (pointer to list of names), raw
// (pointer to source text), transport (the members) and sha256 (of the bytes).

// styles are the layouts of the serializers that clients use.
var styles = map[string]jsondoc.Style{
	"compact":         jsondoc.Compact,
	"compact-ascii":   {Comma: ",", Colon: ":", Escape: jsondoc.EscapeASCII},
	"compact-html":    {Comma: ",", Colon: ":", Escape: jsondoc.EscapeHTML},
	"spaced":          {Comma: ", ", Colon: ": "},
	"spaced-ascii":    {Comma: ", ", Colon: ": ", Escape: jsondoc.EscapeASCII},
	"indented":        {Comma: ",", Colon: ": ", Indent: "  "},
	"indented-ascii":  {Comma: ",", Colon: ": ", Indent: "  ", Escape: jsondoc.EscapeASCII},
	"indented4":       {Comma: ",", Colon: ": ", Indent: "    "},
	"indented4-ascii": {Comma: ",", Colon: ": ", Indent: "    ", Escape: jsondoc.EscapeASCII},
	"tabbed":          {Comma: ",", Colon: ": ", Indent: "\t"},
}

// styleOrder is the order in which styles are tried.
var styleOrder = []string{
	"compact", "spaced", "spaced-ascii", "compact-ascii", "compact-html", "indented", "indented-ascii",
	"indented4", "indented4-ascii", "tabbed",
}

// errLayout is returned for a layout that does not fit the request.
var errLayout = errors.New("request layout")

// newLayout describes how want was written, seen from the rebuilt request that
// equals it as JSON; empty when no known style writes it so.
func newLayout(rebuilt, want *jsondoc.Value, source []byte) string {
	layout := jsondoc.NewObject()
	for _, name := range styleOrder {
		if bytes.Equal(want.Format(styles[name]), source) {
			layout.Put("style", jsondoc.NewString(name))
			break
		}
	}
	if layout.Len() == 0 {
		return ""
	}
	copied := rebuilt.Clone()
	if members := transportOf(want); members.Len() > 0 {
		layout.Put("transport", members)
		for _, m := range members.Members() {
			copied.Put(m.Name, m.Value)
		}
	}
	order, raw := jsondoc.NewObject(), jsondoc.NewObject()
	layoutOf(order, raw, "", copied, want)
	if order.Len() > 0 {
		layout.Put("order", order)
	}
	if raw.Len() > 0 {
		layout.Put("raw", raw)
	}
	sum := sha256.Sum256(source)
	return layout.Put("sha256", jsondoc.NewString(hex.EncodeToString(sum[:]))).Text()
}

func transportOf(body *jsondoc.Value) *jsondoc.Value {
	members := jsondoc.NewObject()
	for _, m := range body.Members() {
		if isTransport(m.Name) {
			members.Put(m.Name, m.Value)
		}
	}
	return members
}

func layoutOf(order, raw *jsondoc.Value, at string, a, b *jsondoc.Value) {
	switch b.Kind() {
	case jsondoc.Number:
		if a.Text() != b.Text() {
			raw.Put(at, jsondoc.NewString(b.Text()))
		}
	case jsondoc.Array:
		for i, item := range b.Items() {
			if i < a.Len() {
				layoutOf(order, raw, jsondoc.JoinIndex(at, i), a.Items()[i], item)
			}
		}
	case jsondoc.Object:
		names, same := jsondoc.NewArray(), a.Len() == b.Len()
		for i, m := range b.Members() {
			same = same && a.Members()[i].Name == m.Name
			names.Append(jsondoc.NewString(m.Name))
			layoutOf(order, raw, jsondoc.Join(at, m.Name), a.Member(m.Name), m.Value)
		}
		if !same {
			order.Put(at, names)
		}
	}
}

// applyLayout writes body as the layout says; the bytes are returned only when
// their hash proves them.
func applyLayout(body *jsondoc.Value, text string) ([]byte, error) {
	layout, err := jsondoc.ParseString(text)
	if err != nil {
		return nil, errors.Join(errLayout, err)
	}
	style, ok := styles[layout.Member("style").Str()]
	if !ok {
		return nil, errLayout
	}
	body = body.Clone()
	for _, m := range layout.Member("transport").Members() {
		if isTransport(m.Name) {
			body.Put(m.Name, m.Value)
		}
	}
	for _, m := range layout.Member("raw").Members() {
		number, err := jsondoc.ParseString(m.Value.Str())
		if err != nil || !number.Is(jsondoc.Number) {
			return nil, errLayout
		}
		if err := body.Set(m.Name, number); err != nil {
			return nil, errors.Join(errLayout, err)
		}
	}
	for _, m := range layout.Member("order").Members() {
		body.At(m.Name).Reorder(m.Value)
	}
	out := body.Format(style)
	sum := sha256.Sum256(out)
	if hex.EncodeToString(sum[:]) != layout.Member("sha256").Str() {
		return nil, errLayout
	}
	return out, nil
}
