// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"math"
	"time"

	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/traffic"
)

// Verdict is a word of a report.
type Verdict string

// Verdicts of a whole report.
const (
	NoDrift          Verdict = "no drift"
	Drift            Verdict = "drift"
	InputDriftOnly   Verdict = "input drift only"
	EvaluatorChanged Verdict = "evaluator changed"
	NotEnoughData    Verdict = "not enough data"
	CannotTell       Verdict = "cannot tell"
)

// Verdicts of a channel. BelowMargin is a certain difference that is too small
// to matter.
const (
	Moved       Verdict = "moved"
	BelowMargin Verdict = "below the margin"
	NoChange    Verdict = "no change seen"
	TooFew      Verdict = "not enough data"
	// NotTested is for estimates beside an automatic search that found nothing.
	NotTested Verdict = "not tested"
)

// Modes of a report.
const (
	ModeWindows   = "windows"
	ModeAutomatic = "automatic"
)

// Report is an analysis of drift; its JSON form has the schema spanloop.drift/1.
type Report struct {
	Prompt      string `json:"prompt"`
	Version     string `json:"version"`
	Environment string `json:"environment,omitempty"`
	// Mode is windows (compared as given) or automatic (searched for changes).
	Mode     string  `json:"mode"`
	Verdict  Verdict `json:"verdict"`
	ExitCode int     `json:"exit_code"`
	Reason   string  `json:"reason"`
	// Alpha is the probability of an alarm when nothing changed.
	Alpha    float64        `json:"alpha"`
	Baseline Window         `json:"baseline"`
	Current  Window         `json:"current"`
	Strata   Strata         `json:"strata"`
	Gates    []traffic.Gate `json:"gates"`
	// Evaluators are those whose scores cannot be compared over time.
	Evaluators []EvaluatorChange `json:"evaluators"`
	Inputs     Group             `json:"inputs"`
	Behaviour  Group             `json:"behaviour"`
	// Changes are in time order.
	Changes []Change `json:"changes"`
	// Identities are the recorded dimensions that took several values.
	Identities []Identity `json:"identities"`
	// Timeline holds block means of channels over all calls.
	Timeline []Series `json:"timeline"`
	// Seed is a hash of the data; every random number comes from it.
	Seed uint64 `json:"seed"`
}

// Window is one side.
type Window struct {
	// First and Last are the starts of the first and the last call.
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	Calls    int       `json:"calls"`
	Clusters int       `json:"clusters"`
}

// Strata says how the mix of inputs was held equal.
type Strata struct {
	Keys   []string `json:"keys,omitempty"`
	Inputs int      `json:"input_groups"`
	Count  int      `json:"count"`
	// Overlap is the share of the current window's clusters in strata that
	// both windows have.
	Overlap traffic.Number `json:"overlap"`
}

// Group is a family of channels that one error rate covers.
type Group struct {
	Drifted  bool      `json:"drifted"`
	Channels []Channel `json:"channels"`
}

// undecided marks estimates that nothing was tested with.
func (g *Group) undecided() {
	g.Drifted = false
	for i := range g.Channels {
		c := &g.Channels[i]
		c.Verdict, c.P, c.PAdjusted = NotTested, traffic.Number(math.NaN()), traffic.Number(math.NaN())
	}
}

// Channel is one thing that may have moved, before against after.
type Channel struct {
	Name string       `json:"name"`
	Kind traffic.Kind `json:"kind"`
	Unit string       `json:"unit,omitempty"`
	// Direction says which way is better.
	Direction string `json:"direction,omitempty"`
	Before    Side   `json:"before"`
	After     Side   `json:"after"`
	// Effect is given the inputs: a difference (binary, mean), a ratio
	// (ratio), the probability that a later value exceeds an earlier one
	// (rank), the share that moved above chance (category) or the area under
	// the curve (text). Low and High bound it at 95% where they can be said,
	// usual wander included.
	Effect traffic.Number `json:"effect"`
	Low    traffic.Number `json:"low"`
	High   traffic.Number `json:"high"`
	// Raw is the effect without regard to the inputs.
	Raw traffic.Number `json:"raw"`
	// Margin is the effect that matters, from no effect on.
	Margin traffic.Number `json:"margin"`
	// P is the permutation p-value with the usual wander, PAdjusted after Holm.
	P         traffic.Number `json:"p"`
	PAdjusted traffic.Number `json:"p_adjusted"`
	// Wander is how much more the baseline's own blocks differ than chance
	// lets them, as a factor on the standard error.
	Wander  traffic.Number `json:"wander"`
	Verdict Verdict        `json:"verdict"`
	// Categories are the largest movers of a category.
	Categories []Category `json:"categories,omitempty"`
	Note       string     `json:"note,omitempty"`

	// strength orders channels: the effect in margins.
	strength float64
	// least says that no relabeling came close: P is as small as it can be.
	least bool
}

// Side is one side of a channel.
type Side struct {
	// Estimate is the mean, share or geometric mean; null for text.
	Estimate traffic.Number `json:"estimate"`
	// Clusters and Calls have a value; Missing calls have none.
	Clusters int `json:"clusters"`
	Calls    int `json:"calls"`
	Missing  int `json:"missing"`
}

// Category is one value's share of each side.
type Category struct {
	Name   string         `json:"name"`
	Before traffic.Number `json:"before"`
	After  traffic.Number `json:"after"`
}

// EvaluatorChange is an evaluator whose scores differ for another reason than
// what was scored.
type EvaluatorChange struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
	// Before and After are its versions.
	Before []string `json:"before"`
	After  []string `json:"after"`
}

// Change is one dated change.
type Change struct {
	// At is the start of the first session or trace after the change. By
	// behaviour alone it lies between From and Until with 90% confidence. All
	// are zero when the change could not be dated.
	At    time.Time `json:"at"`
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	// DatedBy is behaviour (the scan), cause (the moment at which the recorded
	// dimension that explains it switched) or empty (the windows differ, but no
	// one moment explains it).
	DatedBy string `json:"dated_by"`
	// P is the p-value of the scan between the neighbouring changes.
	P traffic.Number `json:"p"`
	// Channels moved from before to after, the strongest first.
	Channels []Channel `json:"channels"`
	Cause    Cause     `json:"cause"`
	Examples []Example `json:"examples"`
}

// What dates a change.
const (
	ByBehaviour = "behaviour"
	ByCause     = "cause"
)

// Kinds of causes.
const (
	CauseRecorded  = "recorded"
	CauseAmbiguous = "ambiguous"
	CauseSilent    = "silent"
)

// Cause is what explains a change.
type Cause struct {
	// Kind is recorded (one dimension explains it), ambiguous (several that
	// changed together) or silent (none that is recorded).
	Kind string `json:"kind"`
	// Text is one sentence.
	Text string `json:"text"`
	// Dimensions explain the change, the best first.
	Dimensions []CauseDimension `json:"dimensions"`
	// Ranked are all explanations that were weighed, the best first.
	Ranked []Explanation `json:"ranked"`
}

// CauseDimension is a recorded dimension that moved with the behaviour.
type CauseDimension struct {
	Name   string `json:"name"`
	Before string `json:"before"`
	After  string `json:"after"`
	// FirstSeen is the start of the first call with the new value.
	FirstSeen time.Time `json:"first_seen"`
	// Detail says what in the value differs; Differences are those of a tool's
	// definition.
	Detail      string            `json:"detail,omitempty"`
	Differences []registry.Change `json:"differences,omitempty"`
}

// Explanation is a candidate with its criterion above the best one's.
type Explanation struct {
	Name string `json:"name"`
	// Criterion is the Bayesian information criterion less the smallest.
	Criterion traffic.Number `json:"criterion"`
}

// Example is a call that is typical of one side of a change.
type Example struct {
	// Side is before or after.
	Side    string    `json:"side"`
	TraceID string    `json:"trace_id"`
	SpanID  string    `json:"span_id"`
	Start   time.Time `json:"start"`
	What    string    `json:"what"`
}

// Identity is a recorded dimension that took several values.
type Identity struct {
	Name   string          `json:"name"`
	Values []IdentityValue `json:"values"`
	// Change is the number, from 1, of the change that it explains; 0 when no
	// change of behaviour is explained by it.
	Change int `json:"change,omitempty"`
}

// IdentityValue is one value of a dimension.
type IdentityValue struct {
	Value     string         `json:"value"`
	Calls     int            `json:"calls"`
	Share     traffic.Number `json:"share"`
	FirstSeen time.Time      `json:"first_seen"`
	LastSeen  time.Time      `json:"last_seen"`
}

// Series is a channel over time.
type Series struct {
	Name string       `json:"name"`
	Kind traffic.Kind `json:"kind"`
	Unit string       `json:"unit,omitempty"`
	// Points are means of blocks of equally many sessions or traces.
	Points []SeriesPoint `json:"points"`
}

// SeriesPoint is the mean of one block, at the time of its middle.
type SeriesPoint struct {
	Time  time.Time      `json:"time"`
	Value traffic.Number `json:"value"`
}
