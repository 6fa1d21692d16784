// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"encoding/json"
	"errors"
	"math"
	"math/bits"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// cost is what a schema takes: steps for each value, and steps of patterns for
// each character.
type cost struct{ value, char uint64 }

func (c cost) plus(other cost) cost {
	return cost{addCost(c.value, other.value), addCost(c.char, other.char)}
}

// schemaCosts bounds what validation can take. Combined schemas (allOf, anyOf,
// references) may visit the same value again and again: thirty definitions of
// which each refers twice to the next one visit it 2^30 times. Element d is what
// the whole schema takes when the value nests to d levels and each subschema
// applies to all of it. The last element holds for deeper values when settled.
type schemaCosts struct {
	byDepth []cost
	settled bool
}

// maxCostDepth is to which depth costs are worked out; schemas without
// recursion settle at their own depth.
const maxCostDepth = 48

// charsPerStep is how many characters are compared or matched in the time of
// one step: a step of a value takes some 70 ns, one of a pattern up to 12.
const charsPerStep = 4

// of bounds the steps for a value of a shape and a text length.
func (c schemaCosts) of(shape shapeOf, length int) uint64 {
	depth := shape.depth
	if depth >= len(c.byDepth) {
		if !c.settled {
			return math.MaxUint64
		}
		depth = len(c.byDepth) - 1
	}
	total := c.byDepth[depth]
	values := mulCost(total.value, uint64(shape.values)+uint64(length)/256)
	return addCost(values, mulCost(total.char, uint64(length))/charsPerStep)
}

// subschemas are a schema's own: those for the same value, and those for the
// values inside it.
type subschemas struct {
	own          cost
	same, nested []*jsonschema.Schema
}

var errDynamic = errors.New("dynamic references are not supported")

// costsOf works the costs out level by level.
func costsOf(root *jsonschema.Schema) (schemaCosts, error) {
	all := map[*jsonschema.Schema]*subschemas{}
	order := []*jsonschema.Schema{root}
	all[root] = nil
	for i := 0; i < len(order); i++ {
		s := order[i]
		if s.DynamicRef != nil || s.RecursiveRef != nil {
			return schemaCosts{}, errDynamic
		}
		subs := subschemasOf(s)
		all[s] = subs
		for _, list := range [...][]*jsonschema.Schema{subs.same, subs.nested} {
			for _, sub := range list {
				if _, known := all[sub]; !known {
					all[sub] = nil
					order = append(order, sub)
				}
			}
		}
	}
	if isCyclic(all) {
		return schemaCosts{}, errCycle
	}
	costs := schemaCosts{}
	below := map[*jsonschema.Schema]cost{}
	for depth := 0; depth <= maxCostDepth && !costs.settled; depth++ {
		level := costLevel{all: all, below: below, here: make(map[*jsonschema.Schema]cost, len(order))}
		costs.settled = depth > 0
		for _, s := range order {
			if level.cost(s) != below[s] {
				costs.settled = false
			}
		}
		costs.byDepth = append(costs.byDepth, level.here[root])
		below = level.here
	}
	return costs, nil
}

// isCyclic tells whether a schema refers to itself for the same value, so that
// no value ever fits or fails: {"not": {"$ref": "#"}}.
func isCyclic(all map[*jsonschema.Schema]*subschemas) bool {
	const open, closed = 1, 2
	state := make(map[*jsonschema.Schema]int, len(all))
	var visit func(*jsonschema.Schema) bool
	visit = func(s *jsonschema.Schema) bool {
		state[s] = open
		for _, sub := range all[s].same {
			if state[sub] == open || state[sub] == 0 && visit(sub) {
				return true
			}
		}
		state[s] = closed
		return false
	}
	for s := range all {
		if state[s] == 0 && visit(s) {
			return true
		}
	}
	return false
}

// costLevel holds the costs for values of one depth.
type costLevel struct {
	all         map[*jsonschema.Schema]*subschemas
	below, here map[*jsonschema.Schema]cost
}

func (l *costLevel) cost(s *jsonschema.Schema) cost {
	if known, ok := l.here[s]; ok {
		return known
	}
	subs := l.all[s]
	total := subs.own
	for _, sub := range subs.same {
		total = total.plus(l.cost(sub))
	}
	for _, sub := range subs.nested {
		total = total.plus(l.below[sub])
	}
	l.here[s] = total
	return total
}

// subschemasOf lists a schema's subschemas and what its own rules cost.
func subschemasOf(s *jsonschema.Schema) *subschemas {
	out := &subschemas{own: ownCost(s)}
	same := func(list ...*jsonschema.Schema) { out.same = appendSchemas(out.same, list...) }
	nested := func(list ...*jsonschema.Schema) { out.nested = appendSchemas(out.nested, list...) }
	same(s.Ref, s.Not, s.If, s.Then, s.Else)
	same(s.AllOf...)
	same(s.AnyOf...)
	same(s.OneOf...)
	for _, dependency := range s.Dependencies {
		switch dependency := dependency.(type) {
		case *jsonschema.Schema:
			same(dependency)
		case []string:
			out.own.value += uint64(len(dependency))
		}
	}
	for _, names := range s.DependentRequired {
		out.own.value += uint64(len(names))
	}
	for _, sub := range s.DependentSchemas {
		same(sub)
	}
	nested(s.PropertyNames, s.UnevaluatedProperties, s.Contains, s.Items2020, s.UnevaluatedItems, s.ContentSchema)
	nested(s.PrefixItems...)
	for _, sub := range s.Properties {
		nested(sub)
	}
	for expression, sub := range s.PatternProperties {
		out.own.char = addCost(out.own.char, patternCost(expression))
		nested(sub)
	}
	for _, sub := range [...]any{s.AdditionalProperties, s.Items, s.AdditionalItems} {
		switch sub := sub.(type) {
		case *jsonschema.Schema:
			nested(sub)
		case []*jsonschema.Schema:
			nested(sub...)
		}
	}
	return out
}

func appendSchemas(to []*jsonschema.Schema, list ...*jsonschema.Schema) []*jsonschema.Schema {
	for _, s := range list {
		if s != nil {
			to = append(to, s)
		}
	}
	return to
}

// ownCost is the cost of a schema's own rules: of comparing with enumerated
// values, and of patterns.
func ownCost(s *jsonschema.Schema) cost {
	own := cost{value: 1 + uint64(len(s.Required))}
	if s.Enum != nil {
		for _, value := range s.Enum.Values {
			own.value += valueCost(value)
		}
	}
	if s.Const != nil {
		own.value += valueCost(*s.Const)
	}
	if s.Pattern != nil {
		own.char = patternCost(s.Pattern)
	}
	if s.Format != nil {
		own.char = addCost(own.char, 4)
	}
	if s.UniqueItems {
		own.value += 20
	}
	return own
}

// valueCost counts the nodes of a value; a number is compared as a fraction,
// which takes about as long as twenty texts.
func valueCost(value any) uint64 {
	cost := uint64(1)
	switch value := value.(type) {
	case json.Number:
		return 20
	case []any:
		for _, item := range value {
			cost += valueCost(item)
		}
	case map[string]any:
		for _, member := range value {
			cost += valueCost(member)
		}
	}
	return cost
}

func patternCost(expression jsonschema.Regexp) uint64 {
	if p, ok := expression.(*pattern); ok {
		return p.size
	}
	return maxPatternSize
}

// addCost and mulCost stay at the largest number instead of overflowing.
func addCost(a, b uint64) uint64 {
	if sum, carry := bits.Add64(a, b, 0); carry == 0 {
		return sum
	}
	return math.MaxUint64
}

func mulCost(a, b uint64) uint64 {
	if high, low := bits.Mul64(a, b); high == 0 {
		return low
	}
	return math.MaxUint64
}
