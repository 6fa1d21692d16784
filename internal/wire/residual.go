// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spanloop/spanloop/internal/wire/jsondoc"
)

// A residual is a JSON object. A key that is an RFC 6901 pointer sets the value
// there; the empty one stands for the whole request. Two other kinds of keys say what a value cannot: "-" before a pointer
// removes what stands there, and "[]" before one turns a string into a list
// with that one text part. All pointers are those of the finished request.
const (
	residualRemove = "-"
	residualWrap   = "[]"
)

// errResidual is returned for a residual that does not fit the request.
var errResidual = errors.New("request residual")

// newResidual returns what must be done to base to make it the same JSON as
// want; nil when nothing must be done.
func newResidual(base, want *jsondoc.Value) *jsondoc.Value {
	residual := jsondoc.NewObject()
	residualOf(residual, "", base, want)
	if residual.Len() == 0 {
		return nil
	}
	return residual
}

func residualOf(residual *jsondoc.Value, at string, base, want *jsondoc.Value) {
	switch {
	case jsondoc.Equal(base, want):
		return
	case base.Is(jsondoc.Object) && want.Is(jsondoc.Object):
		for _, m := range base.Members() {
			if want.Member(m.Name) == nil {
				residual.Put(residualRemove+jsondoc.Join(at, m.Name), jsondoc.NewNull())
			}
		}
		for _, m := range want.Members() {
			below := jsondoc.Join(at, m.Name)
			if before := base.Member(m.Name); before != nil {
				residualOf(residual, below, before, m.Value)
			} else {
				residual.Put(below, m.Value)
			}
		}
		return
	case base.Is(jsondoc.Array) && want.Is(jsondoc.Array) && base.Len() == want.Len():
		for i, item := range want.Items() {
			residualOf(residual, jsondoc.JoinIndex(at, i), base.Items()[i], item)
		}
		return
	case base.Is(jsondoc.String) && want.Is(jsondoc.Array) && want.Len() == 1 && want.Items()[0].Member("text").Str() == base.Str():
		residual.Put(residualWrap+at, jsondoc.NewNull())
		residualOf(residual, at, wrapped(base), want)
		return
	}
	residual.Put(at, want)
}

func wrapped(text *jsondoc.Value) *jsondoc.Value {
	return jsondoc.NewArray(jsondoc.NewObject().Put("type", jsondoc.NewString("text")).Put("text", text))
}

// applyResidual changes body as the residual says. Removals run in reverse
// order, so that indices stay what they were.
func applyResidual(body, residual *jsondoc.Value) error {
	if !residual.Is(jsondoc.Object) {
		return fmt.Errorf("%w: not an object", errResidual)
	}
	if whole := residual.Member(""); whole.Is(jsondoc.Object) {
		*body = *whole.Clone()
	}
	var removals []string
	for _, m := range residual.Members() {
		if pointer, ok := strings.CutPrefix(m.Name, residualWrap); ok {
			text := body.At(pointer)
			if !text.Is(jsondoc.String) {
				return fmt.Errorf("%w: %s is no string", errResidual, pointer)
			}
			if err := body.Set(pointer, wrapped(text)); err != nil {
				return fmt.Errorf("%w: %w", errResidual, err)
			}
		} else if pointer, ok := strings.CutPrefix(m.Name, residualRemove); ok {
			removals = append(removals, pointer)
		}
	}
	for i := len(removals) - 1; i >= 0; i-- {
		if err := body.Remove(removals[i]); err != nil {
			return fmt.Errorf("%w: %w", errResidual, err)
		}
	}
	for _, m := range residual.Members() {
		if strings.HasPrefix(m.Name, "/") {
			if err := body.Set(m.Name, m.Value.Clone()); err != nil {
				return fmt.Errorf("%w: %w", errResidual, err)
			}
		}
	}
	return nil
}
