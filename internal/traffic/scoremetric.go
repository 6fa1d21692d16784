// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"math"
	"slices"
	"strings"

	"github.com/spanloop/spanloop/internal/evaluator"
)

// margins of scores, as shares of their range.
const (
	marginScore = 0.05
	marginJudge = 0.03
)

// scoreSeen is what a pass over the calls learns about a score.
type scoreSeen struct {
	kind, direction string
	low, high       float64
	numeric, binary bool
	// probabilities are the least and the largest with which a call was
	// sampled.
	probabilities [2]float64
	versions      [2]map[string]int
}

// scoreMetrics makes one metric of every score name, judges and people first,
// then by name.
func scoreMetrics(frame *Frame) []Metric {
	seen := map[string]*scoreSeen{}
	for i := range frame.Calls {
		c := &frame.Calls[i]
		for name, score := range c.Scores {
			if score.EvaluationFailed {
				continue
			}
			s := seen[name]
			if s == nil {
				s = &scoreSeen{binary: true, low: math.NaN(), high: math.NaN(), probabilities: [2]float64{1, 0}, versions: [2]map[string]int{{}, {}}}
				seen[name] = s
			}
			s.add(score, c.Arm)
		}
	}
	names := make([]string, 0, len(seen))
	for name := range seen {
		names = append(names, name)
	}
	rank := func(kind string) int {
		return slices.Index([]string{evaluator.KindCode, "", evaluator.KindExternal}, kind)
	}
	slices.SortFunc(names, func(a, b string) int {
		if c := rank(seen[a].kind) - rank(seen[b].kind); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	var metrics []Metric
	for _, name := range names {
		metrics = append(metrics, seen[name].metric(name))
	}
	return metrics
}

func (s *scoreSeen) add(score Score, arm int) {
	s.kind = score.Kind
	if score.Direction != "" {
		s.direction = score.Direction
	}
	s.versions[arm][score.Version]++
	s.probabilities = [2]float64{min(s.probabilities[0], score.Probability), max(s.probabilities[1], score.Probability)}
	v := score.Number()
	if math.IsNaN(v) {
		return
	}
	s.numeric = true
	s.binary = s.binary && (v == 0 || v == 1)
	if !math.IsNaN(score.RangeLow) {
		s.low = score.RangeLow
	}
	if !math.IsNaN(score.RangeHigh) {
		s.high = score.RangeHigh
	}
}

func (s *scoreSeen) metric(name string) Metric {
	m := Metric{Name: "score:" + name, Kind: KindMean, Direction: s.direction, Low: s.low, High: s.high, Weighted: s.probabilities[0] < s.probabilities[1],
		Versions: [2][]string{ByCount(s.versions[0]), ByCount(s.versions[1])}}
	if m.Direction == "" {
		m.Direction = neutral
	}
	m.Value = func(c *Call) (float64, float64) {
		score, ok := c.Scores[name]
		if !ok {
			return math.NaN(), 1
		}
		return score.Number(), 1 / score.Probability
	}
	switch {
	case !s.numeric:
		m.Kind, m.Margin = KindCategory, 0.05
		m.Category = func(c *Call) string { return c.Scores[name].Label }
		m.Direction = neutral
	case s.binary && !(s.low < 0) && !(s.high > 1):
		m.Kind, m.Margin, m.Low, m.High = KindBinary, marginPoints, 0, 1
	case !math.IsNaN(s.low) && !math.IsNaN(s.high) && s.high > s.low:
		m.Margin = marginScore * (s.high - s.low)
		if s.kind == evaluator.KindJudge {
			m.Margin = marginJudge * (s.high - s.low)
		}
	}
	// An unbounded score gets its margin from the data: see newEstimate.
	return m
}

// ByCount lists names, the most frequent first.
func ByCount(counts map[string]int) []string {
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if c := counts[b] - counts[a]; c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	return names
}

// toolVersionsOf joins the versions of the evaluators behind tool-call accuracy.
func toolVersionsOf(scores []Metric) (versions [2][]string) {
	for _, m := range scores {
		name := strings.TrimPrefix(m.Name, "score:")
		if !slices.Contains(ToolEvaluators, name) {
			continue
		}
		for g := range versions {
			for _, v := range m.Versions[g] {
				versions[g] = append(versions[g], name+" "+v)
			}
		}
	}
	return versions
}
