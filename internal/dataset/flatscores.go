// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"math"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanloop/spanloop/internal/evaluator"
)

// flatScores compares flat attributes with the scores that rows hold.
type flatScores struct {
	scores []*scoreRow
	// at is the score that the next attribute is probably of.
	at, got int
	other   bool
}

// take looks for the score that an attribute is the value or label of.
func (f *flatScores) take(key string, value pcommon.Value) {
	name := key[len(evaluator.AttrFlatPrefix):]
	for range f.scores {
		if s := f.scores[f.at]; s.event != notInSpan && isFlatOf(name, value, s) {
			f.got++
			return
		}
		if f.at++; f.at == len(f.scores) {
			f.at = 0
		}
	}
	f.other = true
}

// all tells whether the attributes taken are just those of the scores.
func (f *flatScores) all() bool {
	if f.other {
		return false
	}
	want := 0
	for _, row := range f.scores {
		if row.event == notInSpan {
			continue
		}
		if row.value.Set {
			want++
		}
		if row.label != "" {
			want++
		}
	}
	return want == f.got
}

// isFlatOf tells whether an attribute is the flat score or label of a score.
func isFlatOf(name string, value pcommon.Value, s *scoreRow) bool {
	member, ok := strings.CutPrefix(name, s.kind.name)
	switch {
	case !ok:
		return false
	case member == ".score":
		return s.value.Set && value.Type() == pcommon.ValueTypeDouble && math.Float64bits(value.Double()) == math.Float64bits(s.value.Value)
	case member == ".label":
		return s.label != "" && value.Type() == pcommon.ValueTypeStr && value.Str() == s.label
	}
	return false
}
