// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package jsondoc

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrPointer is returned for a pointer that leads nowhere.
var ErrPointer = errors.New("JSON pointer")

// Pointer is an RFC 6901 pointer, split into its tokens.
type Pointer []string

// ParsePointer reads a pointer: empty, or "/" before each token.
func ParsePointer(text string) (Pointer, error) {
	if text == "" {
		return nil, nil
	}
	if text[0] != '/' {
		return nil, fmt.Errorf("%w %q: begins without '/'", ErrPointer, text)
	}
	tokens := strings.Split(text[1:], "/")
	if len(tokens) > MaxDepth {
		return nil, fmt.Errorf("%w: more than %d tokens", ErrPointer, MaxDepth)
	}
	for i, token := range tokens {
		tokens[i] = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
	}
	return tokens, nil
}

// Join appends one token to the pointer's text.
func Join(pointer, token string) string {
	return pointer + "/" + strings.ReplaceAll(strings.ReplaceAll(token, "~", "~0"), "/", "~1")
}

// JoinIndex appends an array index.
func JoinIndex(pointer string, i int) string { return pointer + "/" + strconv.Itoa(i) }

// At returns the value that a pointer leads to, or nil.
func (v *Value) At(pointer string) *Value {
	tokens, err := ParsePointer(pointer)
	if err != nil {
		return nil
	}
	for _, token := range tokens {
		if v = v.child(token); v == nil {
			return nil
		}
	}
	return v
}

func (v *Value) child(token string) *Value {
	switch v.Kind() {
	case Object:
		return v.Member(token)
	case Array:
		if i, ok := index(token, len(v.items)); ok {
			return v.items[i]
		}
	}
	return nil
}

// index reads an array index below n; leading zeros are refused (RFC 6901 §4).
func index(token string, n int) (int, bool) {
	if token == "" || len(token) > 1 && token[0] == '0' || token[0] == '+' || token[0] == '-' {
		return 0, false
	}
	i, err := strconv.Atoi(token)
	return i, err == nil && i >= 0 && i < n
}

// Set puts a value where the pointer leads: a member is replaced or appended,
// an item replaced or, one past the end or at "-", appended.
func (v *Value) Set(pointer string, value *Value) error {
	return v.edit(pointer, func(parent *Value, token string) error {
		if parent.kind == Object {
			parent.Put(token, value)
			return nil
		}
		if token == "-" {
			token = strconv.Itoa(len(parent.items))
		}
		i, ok := index(token, len(parent.items)+1)
		if !ok {
			return fmt.Errorf("%w %q: no such item", ErrPointer, pointer)
		}
		if i == len(parent.items) {
			parent.items = append(parent.items, value)
		} else {
			parent.items[i] = value
		}
		return nil
	})
}

// Remove takes the value away that the pointer leads to. Items after it move up.
func (v *Value) Remove(pointer string) error {
	return v.edit(pointer, func(parent *Value, token string) error {
		if parent.kind == Array {
			i, ok := index(token, len(parent.items))
			if !ok {
				return fmt.Errorf("%w %q: no such item", ErrPointer, pointer)
			}
			parent.items = append(parent.items[:i:i], parent.items[i+1:]...)
			return nil
		}
		kept := parent.members[:0:0]
		for _, m := range parent.members {
			if m.Name != token {
				kept = append(kept, m)
			}
		}
		if len(kept) == len(parent.members) {
			return fmt.Errorf("%w %q: no such member", ErrPointer, pointer)
		}
		parent.members = kept
		return nil
	})
}

// Splice replaces the items [from, to) of the array at the pointer.
func (v *Value) Splice(pointer string, from, to int, items ...*Value) error {
	array := v.At(pointer)
	if !array.Is(Array) || from < 0 || to < from || to > len(array.items) {
		return fmt.Errorf("%w %q: no items %d to %d", ErrPointer, pointer, from, to)
	}
	list := make([]*Value, 0, len(array.items)-(to-from)+len(items))
	list = append(append(append(list, array.items[:from]...), items...), array.items[to:]...)
	if pointer == "" {
		v.items, v.text = list, ""
		return nil
	}
	return v.Set(pointer, NewArray(list...))
}

// edit walks to the parent of what the pointer names, drops the source text on
// the way and lets change work on the parent.
func (v *Value) edit(pointer string, change func(parent *Value, token string) error) error {
	tokens, err := ParsePointer(pointer)
	if err != nil {
		return err
	}
	if len(tokens) == 0 {
		return fmt.Errorf("%w: the whole document cannot be edited", ErrPointer)
	}
	path := []*Value{v}
	for _, token := range tokens[:len(tokens)-1] {
		if v = v.child(token); v == nil {
			return fmt.Errorf("%w %q: %q leads nowhere", ErrPointer, pointer, token)
		}
		path = append(path, v)
	}
	if v.kind != Object && v.kind != Array {
		return fmt.Errorf("%w %q: the parent is a %s", ErrPointer, pointer, v.kind)
	}
	if err := change(v, tokens[len(tokens)-1]); err != nil {
		return err
	}
	for _, above := range path {
		above.text = ""
	}
	return nil
}
