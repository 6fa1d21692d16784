// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package evaluator scores calls. Each evaluator is one file; every score
// carries the version of the evaluator that made it.
package evaluator

import "github.com/spanloop/spanloop/internal/genai"

// Attributes and event of a score. The gen_ai names are OpenTelemetry's
// (semantic-conventions-genai, event gen_ai.evaluation.result).
const (
	EventName = "gen_ai.evaluation.result"

	AttrName        = "gen_ai.evaluation.name"
	AttrScoreValue  = "gen_ai.evaluation.score.value"
	AttrScoreLabel  = "gen_ai.evaluation.score.label"
	AttrExplanation = "gen_ai.evaluation.explanation"
	AttrErrorType   = "error.type"

	AttrEvaluatorVersion   = "spanloop.evaluator.version"
	AttrEvaluatorKind      = "spanloop.evaluator.kind"
	AttrEvaluatorRange     = "spanloop.evaluator.range"
	AttrEvaluatorDirection = "spanloop.evaluator.direction"
	AttrSamplingRule       = "spanloop.sampling.rule"
	AttrProbability        = "spanloop.sampling.probability"
	AttrEvaluationID       = "spanloop.evaluation.id"
	// AttrDecisions is a list of "rule=decision" on every candidate span.
	AttrDecisions = "spanloop.evaluation.decisions"
	// AttrJudgeCall marks the spans of our own judges' calls, which nothing
	// scores.
	AttrJudgeCall = "spanloop.evaluator.call"
	// AttrFlatPrefix starts the flat spanloop.eval.<name>.score and .label.
	AttrFlatPrefix = "spanloop.eval."
)

// Kinds of evaluators.
const (
	KindCode     = "code"
	KindJudge    = "judge"
	KindHuman    = "human"
	KindExternal = "external"
)

// Directions of a score: which way is better.
const (
	HigherIsBetter = "higher"
	LowerIsBetter  = "lower"
	Neutral        = "neutral"
)

// Labels of a deterministic check.
const (
	LabelPass    = "pass"
	LabelFail    = "fail"
	LabelUnknown = "unknown"
)

// Score is one evaluator's result on one span.
type Score struct {
	Name        string
	Value       genai.Opt[float64]
	Label       string
	Explanation string
	// ErrorType is set when the evaluation failed; then there is no Value.
	ErrorType string

	EvaluatorVersion string
	Kind             string
	// Range is "min..max", open ends left out ("0..", "0..1").
	Range     string
	Direction string

	SamplingRule string
	// Probability is the probability with which the span was chosen, 0 < p <= 1.
	Probability float64
	// EvaluationID is deterministic in (trace id, span id, name, evaluator
	// version): readers deduplicate by it.
	EvaluationID string
}
