// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"errors"
	"regexp"
	"regexp/syntax"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Bounds on the size of compiled patterns, in instructions: one of a schema, and
// all of it. A short text like ((a{99}){99}){99} compiles to many megabytes.
const (
	maxPatternSize  = 4000
	maxPatternsSize = 40000
)

var errPatternSize = errors.New("pattern is too large")

// pattern is a compiled pattern that knows what a match costs.
type pattern struct {
	*regexp.Regexp
	size uint64
}

// newPatternEngine compiles the patterns of one schema as RE2.
func newPatternEngine() jsonschema.RegexpEngine {
	var total uint64
	return func(text string) (jsonschema.Regexp, error) {
		expression, size, err := compilePattern(text)
		if err != nil {
			return nil, err
		}
		if total += size; total > maxPatternsSize {
			return nil, errPatternSize
		}
		return &pattern{Regexp: expression, size: size}, nil
	}
}

// compilePattern compiles an expression and returns its size.
func compilePattern(text string) (*regexp.Regexp, uint64, error) {
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, 0, err
	}
	size := patternSize(tree)
	if size > maxPatternSize {
		return nil, 0, errPatternSize
	}
	expression, err := regexp.Compile(text)
	return expression, size, err
}

// patternSize estimates the instructions that a pattern compiles to. The parser
// bounds its nesting.
func patternSize(tree *syntax.Regexp) uint64 {
	size := uint64(1) + uint64(len(tree.Rune))/2
	for _, sub := range tree.Sub {
		size = addCost(size, patternSize(sub))
	}
	if tree.Op == syntax.OpRepeat {
		size = mulCost(size, uint64(max(tree.Max, tree.Min+1, 1)))
	}
	return size
}
