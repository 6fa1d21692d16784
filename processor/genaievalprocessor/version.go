// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaievalprocessor

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/spanloop/spanloop/internal/evaluator"
)

// comparator is one bound of a version range: ">=3.1".
var comparator = regexp.MustCompile(`^(>=|<=|>|<|=)?\s*v?(\d+(?:\.\d+)*)$`)

// parseVersionMatch reads a glob ("v3.*") or a range: bounds that must all hold,
// separated by spaces. It returns nil for an empty text.
func parseVersionMatch(text string) (func(string) bool, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, nil
	}
	if !strings.ContainsAny(text, "<>=") {
		return func(version string) bool { return evaluator.Glob(text, version) }, nil
	}
	var bounds []func(string) bool
	for field := range strings.FieldsSeq(text) {
		parts := comparator.FindStringSubmatch(field)
		if parts == nil {
			return nil, fmt.Errorf("%q is no bound like >=3.1; separate bounds by spaces", field)
		}
		bounds = append(bounds, bound(parts[1], parts[2]))
	}
	return func(version string) bool {
		for _, holds := range bounds {
			if !holds(version) {
				return false
			}
		}
		return true
	}, nil
}

var numeric = regexp.MustCompile(`^v?(\d+(?:\.\d+)*)`)

// bound compares by the number at the version's beginning; a version without
// one is in no range.
func bound(operator, limit string) func(string) bool {
	return func(version string) bool {
		parts := numeric.FindStringSubmatch(version)
		if parts == nil {
			return false
		}
		order := compareNumbers(parts[1], limit)
		switch operator {
		case ">=":
			return order >= 0
		case "<=":
			return order <= 0
		case ">":
			return order > 0
		case "<":
			return order < 0
		}
		return order == 0
	}
}

// compareNumbers compares dotted numbers of any size segment by segment; missing
// segments are zero.
func compareNumbers(a, b string) int {
	for a != "" || b != "" {
		var left, right string
		left, a, _ = strings.Cut(a, ".")
		right, b, _ = strings.Cut(b, ".")
		left, right = strings.TrimLeft(left, "0"), strings.TrimLeft(right, "0")
		if len(left) != len(right) {
			return len(left) - len(right)
		}
		if order := strings.Compare(left, right); order != 0 {
			return order
		}
	}
	return 0
}
