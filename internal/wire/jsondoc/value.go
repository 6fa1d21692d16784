// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package jsondoc is a JSON document that keeps what encoding/json loses: the
// order of members, the source text of numbers and strings, and duplicate
// members. A document that was not edited is written back byte for byte.
package jsondoc

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// Kind is the type of a JSON value.
type Kind uint8

// Kinds of values.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// String names the kind as RFC 8259 does.
func (k Kind) String() string {
	return [...]string{"null", "boolean", "number", "string", "array", "object"}[k]
}

// Value is one JSON value. Values are not safe for concurrent edits.
type Value struct {
	kind Kind
	// text is the source text. That of an array or object is dropped as soon
	// as something below it is edited.
	text    string
	items   []*Value
	members []Member
}

// Member is one member of an object.
type Member struct {
	Name  string
	Value *Value
	// text is the name's source text, with quotes.
	text string
}

// NewString returns a string value.
func NewString(s string) *Value {
	return &Value{kind: String, text: string(appendString(nil, s, EscapeMinimal))}
}

// NewObject returns an empty object.
func NewObject() *Value { return &Value{kind: Object} }

// NewArray returns an array of the given values.
func NewArray(items ...*Value) *Value { return &Value{kind: Array, items: items} }

// Kind returns the value's type; Null for a nil Value.
func (v *Value) Kind() Kind {
	if v == nil {
		return Null
	}
	return v.kind
}

// Is tells whether the value exists and has that kind.
func (v *Value) Is(k Kind) bool { return v != nil && v.kind == k }

// Str returns a string's content; empty for other kinds.
func (v *Value) Str() string {
	if !v.Is(String) {
		return ""
	}
	return decodeString(v.text)
}

// Len counts the items of an array or the members of an object.
func (v *Value) Len() int {
	if v == nil {
		return 0
	}
	return max(len(v.items), len(v.members))
}

// Items are the values of an array, in order.
func (v *Value) Items() []*Value {
	if v == nil {
		return nil
	}
	return v.items
}

// Members are the members of an object, in order, duplicates included.
func (v *Value) Members() []Member {
	if v == nil {
		return nil
	}
	return v.members
}

// Member returns the named member, the last one when it is there twice, or nil.
func (v *Value) Member(name string) *Value {
	if v == nil {
		return nil
	}
	for i := len(v.members) - 1; i >= 0; i-- {
		if v.members[i].Name == name {
			return v.members[i].Value
		}
	}
	return nil
}

// Put sets a member in place, or appends it, without telling the values above:
// it is for building documents. Edit existing ones with Set.
func (v *Value) Put(name string, value *Value) *Value {
	v.text = ""
	for i := len(v.members) - 1; i >= 0; i-- {
		if v.members[i].Name == name {
			v.members[i].Value = value
			return v
		}
	}
	v.members = append(v.members, newMember(name, value))
	return v
}

// Append adds an item to an array that is being built.
func (v *Value) Append(item *Value) *Value {
	v.text = ""
	v.items = append(v.items, item)
	return v
}

func newMember(name string, value *Value) Member {
	return Member{Name: name, Value: value, text: string(appendString(nil, name, EscapeMinimal))}
}

// Clone returns a deep copy.
func (v *Value) Clone() *Value {
	if v == nil {
		return nil
	}
	c := &Value{kind: v.kind, text: v.text}
	if v.items != nil {
		c.items = make([]*Value, len(v.items))
		for i, item := range v.items {
			c.items[i] = item.Clone()
		}
	}
	if v.members != nil {
		c.members = make([]Member, len(v.members))
		for i, m := range v.members {
			c.members[i] = Member{Name: m.Name, text: m.text, Value: m.Value.Clone()}
		}
	}
	return c
}

// decodeString decodes a checked string literal. A lone surrogate becomes
// U+FFFD.
func decodeString(literal string) string {
	inner := literal[1 : len(literal)-1]
	if strings.IndexByte(inner, '\\') < 0 {
		return inner
	}
	var s string
	if json.Unmarshal([]byte(literal), &s) != nil {
		return inner
	}
	return s
}

// NewNull returns null.
func NewNull() *Value { return &Value{kind: Null, text: "null"} }

// Add appends a member to an object that is being built, even when there is one
// of that name already.
func (v *Value) Add(name string, value *Value) *Value {
	v.text = ""
	v.members = append(v.members, newMember(name, value))
	return v
}

// NewBool returns true or false.
func NewBool(b bool) *Value {
	if b {
		return &Value{kind: Bool, text: "true"}
	}
	return &Value{kind: Bool, text: "false"}
}

// Reorder puts the members of an object into the order of a list of names;
// members that it does not name come last, in their order.
func (v *Value) Reorder(names *Value) {
	if !v.Is(Object) {
		return
	}
	place := make(map[string]int, names.Len())
	for i, name := range names.Items() {
		place[name.Str()] = i
	}
	rank := func(m Member) int {
		if i, ok := place[m.Name]; ok {
			return i
		}
		return len(place)
	}
	slices.SortStableFunc(v.members, func(a, b Member) int { return rank(a) - rank(b) })
	v.text = ""
}

// NewInt returns a number.
func NewInt(n int64) *Value { return &Value{kind: Number, text: strconv.FormatInt(n, 10)} }
