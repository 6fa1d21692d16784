// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"math"
	"slices"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic"
)

// flipLevel is the error rate at which an evaluator that may waver by itself is
// said to have changed.
const flipLevel = 0.001

// verdictOf is what an evaluator says of a call, as text.
type scored struct {
	arm     int
	verdict string
}

// identical is what a score may depend on: equal keys must get equal scores.
type identical struct {
	input, output uint64
	toolset       string
}

// evaluatorChanges finds evaluators whose version differs between the sides, or
// that score identical calls differently.
func evaluatorChanges(f *traffic.Frame) []EvaluatorChange {
	versions := map[string]*[2]map[string]int{}
	kinds := map[string]string{}
	groups := map[string]map[identical][]scored{}
	for i := range f.Calls {
		c := &f.Calls[i]
		key := identical{c.InputHash, c.OutputHash, c.Identity.ToolsetHash}
		for name, score := range c.Scores {
			if score.EvaluationFailed {
				continue
			}
			if versions[name] == nil {
				versions[name] = &[2]map[string]int{{}, {}}
				groups[name] = map[identical][]scored{}
			}
			versions[name][c.Arm][score.Version]++
			kinds[name] = score.Kind
			if c.InputHash != 0 && c.OutputHash != 0 {
				groups[name][key] = append(groups[name][key], scored{c.Arm, verdictOf(score)})
			}
		}
	}
	changes := []EvaluatorChange{}
	for _, name := range sortedKeys(versions) {
		before, after := traffic.ByCount(versions[name][0]), traffic.ByCount(versions[name][1])
		if reason := changed(name, kinds[name], before, after, groups[name]); reason != "" {
			changes = append(changes, EvaluatorChange{Name: name, Reason: reason, Before: orEmpty(before), After: orEmpty(after)})
		}
	}
	return changes
}

func orEmpty(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func verdictOf(s traffic.Score) string {
	if v := s.Number(); !math.IsNaN(v) {
		return fmt.Sprintf("%.9g", v)
	}
	return s.Label
}

func changed(name, kind string, before, after []string, groups map[identical][]scored) string {
	if len(before) > 0 && len(after) > 0 {
		a, b := slices.Sorted(slices.Values(before)), slices.Sorted(slices.Values(after))
		if !slices.Equal(a, b) || len(a) > 1 {
			return "its version changed"
		}
	}
	// What these measure is not in the texts, or people's and services' to vary.
	if slices.Contains(traffic.Covered, name) && name != "refusal" && !slices.Contains(traffic.ToolEvaluators, name) {
		return ""
	}
	f := countFlips(groups)
	switch {
	case f.across == 0:
		return ""
	case kind == evaluator.KindCode && f.within == 0:
		return fmt.Sprintf("%d of %d identical calls were scored differently", f.across, f.pairs)
	case f.within+f.across < 5:
		return ""
	}
	p := stats.FisherExact(f.across, f.pairs-f.across, f.within, f.baseline-f.within)
	if p < flipLevel && float64(f.across)*float64(f.baseline) > float64(f.within)*float64(f.pairs) {
		return fmt.Sprintf("%d of %d identical calls were scored differently, %d of %d within the baseline", f.across, f.pairs, f.within, f.baseline)
	}
	return ""
}

// flips counts groups of identical calls: those on both sides and how many of
// them differ across, those twice in the baseline and how many differ within.
type flips struct{ across, pairs, within, baseline int }

func countFlips(groups map[identical][]scored) (f flips) {
	for _, calls := range groups {
		var sides [2][]string
		for _, c := range calls {
			sides[c.arm] = append(sides[c.arm], c.verdict)
		}
		if len(sides[0]) > 1 {
			f.baseline++
			if sides[0][0] != sides[0][1] {
				f.within++
			}
		}
		if len(sides[0]) > 0 && len(sides[1]) > 0 {
			f.pairs++
			if sides[0][0] != sides[1][0] {
				f.across++
			}
		}
	}
	return f
}
