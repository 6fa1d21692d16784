// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package jinja

import (
	"math/big"
	"strings"

	"github.com/spanloop/spanloop/internal/registry/python"
)

func (r *renderer) eval(e *expr) (any, error) {
	if err := r.spend(e.line, 1); err != nil {
		return nil, err
	}
	switch e.op {
	case literalOp:
		return e.value, nil
	case nameOp:
		return r.lookup(e.name), nil
	case loopOp:
		return r.top().loop.attribute(e.name), nil
	case attributeOp:
		if value, _, ok := r.flat(e); ok && value != nil {
			return value, nil
		}
	case andOp, orOp:
		left, err := r.eval(e.args[0])
		if err != nil || truthy(left) == (e.op == orOp) {
			return left, err
		}
		return r.eval(e.args[1])
	case chooseOp:
		cond, err := r.eval(e.args[0])
		if err != nil {
			return nil, err
		}
		if truthy(cond) {
			return r.eval(e.args[1])
		}
		return r.eval(e.args[2])
	}
	args := make([]any, len(e.args))
	for i, a := range e.args {
		var err error
		if args[i], err = r.eval(a); err != nil {
			return nil, err
		}
	}
	return r.apply(e, args)
}

func (l *loop) attribute(name string) any {
	number := func(n int) any { return big.NewInt(int64(n)) }
	switch name {
	case "index":
		return number(l.index + 1)
	case "index0":
		return number(l.index)
	case "revindex":
		return number(l.length - l.index)
	case "revindex0":
		return number(l.length - l.index - 1)
	case "first":
		return l.index == 0
	case "last":
		return l.index == l.length-1
	}
	return number(l.length)
}

func (r *renderer) apply(e *expr, args []any) (any, error) {
	switch e.op {
	case attributeOp:
		return attribute(e, args[0])
	case indexOp:
		return index(e, args[0], args[1])
	case filterOp:
		return r.filter(e, args)
	case testOp:
		return test(e.name, args[0]), nil
	case notOp:
		return !truthy(args[0]), nil
	case compareOp:
		return compare(e, args[0], args[1])
	case rangeOp:
		return r.span(e, args)
	}
	return r.combine(e, args[0], args[1])
}

func attribute(e *expr, value any) (any, error) {
	d, ok := value.(*python.Dict)
	if !ok {
		return nil, syntax(e.line, "the attribute %s of %s", e.name, kindOf(value))
	}
	if found, ok := d.Values[e.name]; ok {
		return found, nil
	}
	return undefined{e.path()}, nil
}

// path is an expression as it stands in messages.
func (e *expr) path() string {
	switch e.op {
	case nameOp:
		return e.name
	case attributeOp:
		return e.args[0].path() + "." + e.name
	case indexOp:
		return e.args[0].path() + "[…]"
	}
	return "…"
}

func index(e *expr, value, key any) (any, error) {
	switch v := value.(type) {
	case *python.Dict:
		name, ok := key.(string)
		if !ok {
			break
		}
		if found, ok := v.Values[name]; ok {
			return found, nil
		}
		if methods[name] || strings.HasPrefix(name, "_") {
			return nil, syntax(e.line, "an object without the key %q, which is an attribute of Python's own", name)
		}
		return undefined{e.path()}, nil
	case python.List:
		n, ok := key.(*big.Int)
		if !ok || !n.IsInt64() {
			break
		}
		i := n.Int64()
		if i < 0 {
			i += int64(len(v))
		}
		if i < 0 || i >= int64(len(v)) {
			return undefined{e.path()}, nil
		}
		return v[i], nil
	}
	return nil, syntax(e.line, "%s within %s", kindOf(key), kindOf(value))
}

func test(name string, value any) bool {
	_, missing := value.(undefined)
	switch name {
	case "defined":
		return !missing
	case "undefined":
		return missing
	case "none":
		return value == nil
	case "string":
		_, ok := value.(string)
		return ok
	case "mapping":
		_, ok := value.(*python.Dict)
		return ok
	}
	switch value.(type) {
	case bool, float64, *big.Int:
		return true
	}
	return false
}

func (r *renderer) span(e *expr, args []any) (any, error) {
	bounds := [2]int64{}
	for i, a := range args {
		n, ok := a.(*big.Int)
		if !ok || !n.IsInt64() {
			return nil, syntax(e.line, "range of %s", kindOf(a))
		}
		bounds[i+2-len(args)] = n.Int64()
	}
	size := new(big.Int).Sub(big.NewInt(bounds[1]), big.NewInt(bounds[0]))
	if size.Cmp(big.NewInt(maxRange)) > 0 {
		return nil, syntax(e.line, "a range of more than 100,000 numbers")
	}
	out := python.List{}
	for n := bounds[0]; n < bounds[1]; n++ {
		out = append(out, big.NewInt(n))
	}
	return out, r.spend(e.line, len(out))
}

// combine is ~, + and -.
func (r *renderer) combine(e *expr, a, b any) (any, error) {
	if e.op == concatOp {
		x, err := text(e, a)
		if err != nil {
			return nil, err
		}
		y, err := text(e, b)
		if err != nil {
			return nil, err
		}
		return x + y, r.charge(e, len(x)+len(y))
	}
	x, isText := a.(string)
	y, alsoText := b.(string)
	if isText && alsoText && e.op == addOp {
		return x + y, r.charge(e, len(x)+len(y))
	}
	m, isInt := a.(*big.Int)
	n, alsoInt := b.(*big.Int)
	if isInt && alsoInt {
		if e.op == addOp {
			return new(big.Int).Add(m, n), nil
		}
		return new(big.Int).Sub(m, n), nil
	}
	return nil, syntax(e.line, "adding or subtracting %s and %s", kindOf(a), kindOf(b))
}

// charge bounds texts and the work of making them.
func (r *renderer) charge(e *expr, size int) error {
	if size > maxText {
		return syntax(e.line, "a text longer than 1 MiB within an expression")
	}
	return r.spend(e.line, size/256)
}

// text is a value as it prints.
func text(e *expr, value any) (string, error) {
	if _, missing := value.(undefined); missing {
		return "", syntax(e.line, "%s", kindOf(value))
	}
	return python.Str(value), nil
}

func number(value any) (*big.Rat, bool) {
	switch v := value.(type) {
	case bool:
		if v {
			return big.NewRat(1, 1), true
		}
		return new(big.Rat), true
	case *big.Int:
		return new(big.Rat).SetInt(v), true
	case float64:
		r := new(big.Rat).SetFloat64(v)
		return r, r != nil
	}
	return nil, false
}

func compare(e *expr, a, b any) (any, error) {
	switch e.name {
	case "==":
		return equal(a, b), nil
	case "!=":
		return !equal(a, b), nil
	case "in", "not in":
		found, err := contains(e, a, b)
		return found == (e.name == "in"), err
	}
	order := 0
	if x, ok := a.(string); ok {
		y, ok := b.(string)
		if !ok {
			return nil, syntax(e.line, "%s compared with %s", kindOf(a), kindOf(b))
		}
		order = strings.Compare(x, y)
	} else {
		x, ok := number(a)
		y, also := number(b)
		if !ok || !also {
			return nil, syntax(e.line, "%s compared with %s", kindOf(a), kindOf(b))
		}
		order = x.Cmp(y)
	}
	switch e.name {
	case "<":
		return order < 0, nil
	case "<=":
		return order <= 0, nil
	case ">":
		return order > 0, nil
	}
	return order >= 0, nil
}

func contains(e *expr, a, b any) (bool, error) {
	switch v := b.(type) {
	case string:
		if part, ok := a.(string); ok {
			return strings.Contains(v, part), nil
		}
	case python.List:
		for _, item := range v {
			if equal(a, item) {
				return true, nil
			}
		}
		return false, nil
	case *python.Dict:
		if key, ok := a.(string); ok {
			_, found := v.Values[key]
			return found, nil
		}
	}
	return false, syntax(e.line, "%s in %s", kindOf(a), kindOf(b))
}

func equal(a, b any) bool {
	if x, ok := number(a); ok {
		y, also := number(b)
		return also && x.Cmp(y) == 0
	}
	switch x := a.(type) {
	case nil:
		return b == nil
	case undefined:
		_, ok := b.(undefined)
		return ok
	case string:
		y, ok := b.(string)
		return ok && x == y
	case python.List:
		y, ok := b.(python.List)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !equal(x[i], y[i]) {
				return false
			}
		}
		return true
	case *python.Dict:
		y, ok := b.(*python.Dict)
		if !ok || len(x.Keys) != len(y.Keys) {
			return false
		}
		for key, value := range x.Values {
			other, found := y.Values[key]
			if !found || !equal(value, other) {
				return false
			}
		}
		return true
	}
	return false
}
