// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/stats"
)

type spanKey struct{ trace, span string }

// addScores joins the scores of the selected calls; of several with one name on
// one call the latest counts.
func (s *source) addScores(ctx context.Context, where string, args []any, calls []Call) error {
	bounds := "NULL"
	if s.scored["range"] {
		bounds = "sc.range"
	}
	statement := fmt.Sprintf(`SELECT sc.trace_id, sc.span_id, sc.name, sc.value, coalesce(sc.label, ''), coalesce(sc.evaluator_version, ''),
		coalesce(sc.kind, ''), coalesce(sc.direction, ''), coalesce(%s, ''), coalesce(sc.sampling_probability, 1), coalesce(sc.error_type, '')
		FROM scores sc JOIN (SELECT trace_id, span_id FROM lean_spans WHERE %s) c ON c.trace_id = sc.trace_id AND c.span_id = sc.span_id
		ORDER BY sc.time, sc.evaluation_id`, bounds, where)
	rows, err := s.db.QueryContext(ctx, statement, args...)
	if err != nil {
		return fmt.Errorf("read scores: %w", err)
	}
	defer rows.Close()
	index := make(map[spanKey]int, len(calls))
	for i := range calls {
		index[spanKey{calls[i].TraceID, calls[i].SpanID}] = i
	}
	for rows.Next() {
		var trace, span, name, limits, failure string
		var value sql.NullFloat64
		score := Score{}
		if err := rows.Scan(&trace, &span, &name, &value, &score.Label, &score.Version, &score.Kind, &score.Direction, &limits, &score.Probability, &failure); err != nil {
			return fmt.Errorf("read scores: %w", err)
		}
		i, ok := index[spanKey{trace, span}]
		if !ok {
			continue
		}
		score.Value, score.HasNumeric = math.NaN(), value.Valid && !math.IsNaN(value.Float64) && !math.IsInf(value.Float64, 0)
		if score.HasNumeric {
			score.Value = value.Float64
		}
		score.EvaluationFailed = failure != ""
		if !(score.Probability > 0 && score.Probability <= 1) {
			score.Probability = 1
		}
		score.RangeLow, score.RangeHigh = parseRange(limits)
		if calls[i].Scores == nil {
			calls[i].Scores = map[string]Score{}
		}
		calls[i].Scores[name] = score
	}
	return rows.Err()
}

// parseRange reads "min..max"; an open or unreadable end is NaN.
func parseRange(text string) (low, high float64) {
	low, high = math.NaN(), math.NaN()
	first, second, ok := strings.Cut(text, "..")
	if !ok {
		return low, high
	}
	if v, err := strconv.ParseFloat(first, 64); err == nil && stats.Finite(v) {
		low = v
	}
	if v, err := strconv.ParseFloat(second, 64); err == nil && stats.Finite(v) {
		high = v
	}
	return low, high
}

// addToolFailures finds failed tool executions in the calls' traces and counts
// each on the call that asked for it: the latest before it in the trace whose
// answer names the tool.
func (s *source) addToolFailures(ctx context.Context, where string, args []any, calls []Call) error {
	statement := fmt.Sprintf(`SELECT trace_id, tool_name, start_time FROM lean_spans
		WHERE operation = 'execute_tool' AND coalesce(is_replay, false) = false AND tool_name IS NOT NULL
		AND (status = 'error' OR coalesce(error_type, '') <> '')
		AND trace_id IN (SELECT trace_id FROM lean_spans WHERE %s) ORDER BY start_time, trace_id, span_id`, where)
	rows, err := s.db.QueryContext(ctx, statement, args...)
	if err != nil {
		return fmt.Errorf("read tool results: %w", err)
	}
	defer rows.Close()
	traces := map[string][]int{}
	for i := range calls {
		if len(calls[i].Tools) > 0 {
			traces[calls[i].TraceID] = append(traces[calls[i].TraceID], i)
		}
	}
	for rows.Next() {
		var trace, tool string
		var at time.Time
		if err := rows.Scan(&trace, &tool, &at); err != nil {
			return fmt.Errorf("read tool results: %w", err)
		}
		blame(calls, traces[trace], tool, at)
	}
	return rows.Err()
}

func blame(calls []Call, candidates []int, tool string, at time.Time) {
	for i := len(candidates) - 1; i >= 0; i-- {
		call := &calls[candidates[i]]
		if call.Start.After(at) {
			continue
		}
		for _, name := range call.Tools {
			if name == tool {
				call.FailedTools++
				return
			}
		}
	}
}
