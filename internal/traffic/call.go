// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package traffic reads production model calls and their scores from a dataset,
// in the form in which compare and drift work on them: one row a call with its
// numbers, a hashed form of its texts and its identity, grouped into clusters.
package traffic

import (
	"math"
	"time"

	"github.com/spanloop/spanloop/internal/stats"
)

// Dimensions of hashed text.
const (
	InputDimension  = 512
	OutputDimension = 1024
)

// Call is one production model call. Numbers that the span does not hold are
// NaN; texts are kept as hashed features only.
type Call struct {
	TraceID, SpanID string
	// Cluster is the session, else the trace, else the span: what is
	// independent of other clusters.
	Cluster uint64
	// Arm is 0 for the baseline or reference, 1 for the other.
	Arm     int
	Version string
	Start   time.Time

	// DurationNS and TimeToFirstTokenNS are in nanoseconds, CostUSD in US
	// dollars, InputTokens and OutputTokens count.
	DurationNS, TimeToFirstTokenNS, CostUSD float64
	InputTokens, OutputTokens               float64
	Failed                                  bool
	ErrorType                               string
	FinishReason                            string
	// Tools are the names of the answer's tool calls, in order.
	Tools []string
	// FailedTools counts tool executions of this answer that failed.
	FailedTools int
	// Refused is NaN when the answer has no text to tell from.
	Refused float64

	// Input is hashed from the last user message, Output from the answer's
	// text; nil without such text.
	Input, Output []stats.Feature
	InputStyle    Style
	OutputStyle   Style
	// InputHash covers instructions and history, OutputHash text and tool
	// calls; 0 when absent.
	InputHash, OutputHash uint64
	// VisibleInput are the sizes in bytes of instructions, history and tool
	// definitions.
	VisibleInput [3]float64
	// ContentMode says what was stored of the texts: full, redacted or hashes.
	ContentMode string
	// Keys are the values of the declared stratum keys.
	Keys []string

	Identity Identity
	Scores   map[string]Score
}

// Identity is what produced a call besides its prompt version.
type Identity struct {
	Provider, RequestModel, ResponseModel, Fingerprint string
	Service, ParamsHash, ToolsetHash, PromptHash       string
	// Params are the request parameters as JSON text.
	Params string
	// ServiceVersion is the application's release, SDK the instrumentation
	// library with its version, Server the host that was called, DataSource
	// what was retrieved from.
	ServiceVersion, SDK, Server, DataSource string
	// Tools maps each offered tool to its version.
	Tools map[string]string
}

// Score is one evaluator's result on a call.
type Score struct {
	// Value is NaN when the evaluation failed or has only a label.
	Value                        float64
	Label                        string
	Version, Kind, Direction     string
	RangeLow, RangeHigh          float64
	Probability                  float64
	EvaluationFailed, HasNumeric bool
}

// Number is the score's value, or 1 and 0 for the labels pass and fail.
func (s Score) Number() float64 {
	switch {
	case s.EvaluationFailed:
		return math.NaN()
	case s.HasNumeric:
		return s.Value
	case s.Label == "pass":
		return 1
	case s.Label == "fail":
		return 0
	}
	return math.NaN()
}

// ToolEvaluators are the evaluators that make up tool-call accuracy.
var ToolEvaluators = []string{"tool_args_schema", "tool_known", "tool_call_loop"}

// ToolAccuracy is 1 when every check of the answer's tool calls passed and no
// execution failed, 0 when one did not, and NaN without tool calls or without
// checks; scored says whether any call of the comparison has tool checks. The
// probability is that with which the call was chosen for the checks.
func (c *Call) ToolAccuracy(scored bool) (value, probability float64) {
	if len(c.Tools) == 0 {
		return math.NaN(), 1
	}
	checked, passed := false, c.FailedTools == 0
	probability = 1
	for _, name := range ToolEvaluators {
		score, ok := c.Scores[name]
		if !ok || (score.Label != "pass" && score.Label != "fail") {
			continue
		}
		checked = true
		passed = passed && score.Label == "pass"
		probability = min(probability, score.Probability)
	}
	if !checked && scored {
		return math.NaN(), 1
	}
	if passed {
		return 1, probability
	}
	return 0, probability
}
