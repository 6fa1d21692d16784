// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/traffic"
)

// graded makes pairs of identical calls, one a side, with the verdicts that the
// function gives the i-th pair on each side.
func graded(n int, kind string, verdict func(i, side int) float64) *traffic.Frame {
	var calls []traffic.Call
	for i := range n {
		for side := range 2 {
			for copied := range 2 {
				calls = append(calls, traffic.Call{
					TraceID: fmt.Sprint(i, side, copied), SpanID: "s", Cluster: uint64(len(calls) + 1), Arm: side, InputHash: uint64(i + 1), OutputHash: uint64(i + 1),
					Scores: map[string]traffic.Score{"grade": {Value: verdict(2*i+copied, side), HasNumeric: true, Version: "g1", Kind: kind, Probability: 1}},
				})
			}
		}
	}
	return traffic.NewFrame(calls)
}

func TestIdenticalCallsScoredDifferently(t *testing.T) {
	random := seeded(1)
	for _, tc := range []struct {
		name    string
		kind    string
		verdict func(i, side int) float64
		reason  string
	}{
		{"the same verdicts", evaluator.KindCode, func(int, int) float64 { return 1 }, ""},
		{"one of a deterministic evaluator flips", evaluator.KindCode, func(i, side int) float64 {
			if i/2 == 3 {
				return float64(side)
			}
			return 1
		}, "1 of 40 identical calls were scored differently"},
		{"a judge that wavers as it always did", evaluator.KindJudge, func(int, int) float64 { return float64(random.IntN(2)) }, ""},
		{"a judge that wavers only now", evaluator.KindJudge, func(_, side int) float64 {
			if side == 0 {
				return 1
			}
			return float64(random.IntN(2))
		}, "identical calls were scored differently"},
		{"a deterministic evaluator that never was", evaluator.KindCode, func(int, int) float64 { return float64(random.IntN(2)) }, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			changes := evaluatorChanges(graded(40, tc.kind, tc.verdict))
			if tc.reason == "" {
				require.Empty(t, changes)
				return
			}
			require.Len(t, changes, 1)
			require.Contains(t, changes[0].Reason, tc.reason)
		})
	}
}

func TestScoresThatMayDiffer(t *testing.T) {
	frame := graded(40, evaluator.KindCode, func(_, side int) float64 { return float64(side) })
	for i := range frame.Calls {
		c := &frame.Calls[i]
		c.Scores["latency_ms"] = traffic.Score{Value: float64(i), HasNumeric: true, Version: "1", Kind: evaluator.KindCode}
		c.Scores["failed"] = traffic.Score{EvaluationFailed: true, Version: fmt.Sprint(c.Arm)}
		if c.Arm == 1 {
			// Checks of tool calls depend on the tools that were offered.
			c.Identity.ToolsetHash = "other"
		}
	}
	require.Empty(t, evaluatorChanges(frame))
}

func TestScoresOfOneSide(t *testing.T) {
	frame := graded(30, evaluator.KindCode, func(int, int) float64 { return 1 })
	for i := range frame.Calls {
		if frame.Calls[i].Arm == 0 {
			frame.Calls[i].Scores = nil
		}
	}
	require.Empty(t, evaluatorChanges(frame), "an evaluator that is new has not changed")
}
