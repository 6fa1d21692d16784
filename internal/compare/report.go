// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"time"

	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic"
)

// Verdict is a word of a comparison.
type Verdict string

// Verdicts. Changed and NoChange are for metrics without a better direction.
const (
	Better        Verdict = "better"
	Worse         Verdict = "worse"
	Equivalent    Verdict = "equivalent"
	NotEnoughData Verdict = "not enough data"
	NotComparable Verdict = "not comparable"
	Changed       Verdict = "changed"
	NoChange      Verdict = "no change seen"
)

// Report is a comparison; its JSON form has the schema spanloop.compare/1.
type Report struct {
	Prompt      string    `json:"prompt"`
	VersionA    string    `json:"version_a"`
	VersionB    string    `json:"version_b"`
	Environment string    `json:"environment,omitempty"`
	From        time.Time `json:"from,omitzero"`
	Until       time.Time `json:"until,omitzero"`
	// Verdict and ExitCode are those of the whole; Reason is why.
	Verdict  Verdict `json:"verdict"`
	ExitCode int     `json:"exit_code"`
	Reason   string  `json:"reason"`
	Looks    Looks   `json:"looks"`
	A        Arm     `json:"a"`
	B        Arm     `json:"b"`
	Strata   Strata  `json:"strata"`
	Gates    []Gate  `json:"gates"`
	// Metrics are the decision metrics first.
	Metrics []Metric `json:"metrics"`
	// WorstSpans are calls of B, the worst first.
	WorstSpans []WorstSpan `json:"worst_spans"`
	// Seed is a hash of the data; every random number comes from it.
	Seed uint64 `json:"seed"`
}

// Looks says which error rate is kept and how often one may look.
type Looks struct {
	Kind      stats.Look `json:"kind"`
	Alpha     float64    `json:"alpha"`
	Horizon   int        `json:"horizon,omitempty"`
	Statement string     `json:"statement"`
}

// Arm is the traffic of one version.
type Arm struct {
	Version string `json:"version"`
	// AllCalls and AllClusters are all in --since and --until.
	AllCalls    int       `json:"all_calls"`
	AllClusters int       `json:"all_clusters"`
	First       time.Time `json:"first,omitzero"`
	Last        time.Time `json:"last,omitzero"`
	// Calls and Clusters are what was compared.
	Calls        int `json:"calls"`
	Clusters     int `json:"clusters"`
	SampledOneIn int `json:"sampled_one_in"`
	usedClusters int
}

func (a *Arm) all(e traffic.Extent) {
	a.AllCalls, a.AllClusters, a.First, a.Last = e.Calls, e.Clusters, e.First, e.Last
}

func (a *Arm) used(e traffic.Extent, loaded int) {
	a.Calls, a.SampledOneIn, a.usedClusters = loaded, e.SampledOneIn, e.Clusters
}

// Strata says how the mix of inputs was held equal.
type Strata struct {
	Keys       []string `json:"keys,omitempty"`
	Inputs     int      `json:"input_groups"`
	TimeBlocks int      `json:"time_blocks"`
	Count      int      `json:"count"`
	// OverlapB is the share of B's clusters in strata that both arms have.
	OverlapB traffic.Number `json:"overlap_b"`
	// Rows are the strata, the largest first.
	Rows []Stratum `json:"rows,omitempty"`
}

// Stratum is one stratum's share of each arm.
type Stratum struct {
	ShareA traffic.Number `json:"share_a"`
	ShareB traffic.Number `json:"share_b"`
	// TraceID and SpanID are an example.
	TraceID string   `json:"trace_id"`
	SpanID  string   `json:"span_id"`
	Keys    []string `json:"keys,omitempty"`
}

// Statuses of a gate.
const (
	GatePasses = traffic.GatePasses
	GateWarns  = traffic.GateWarns
	GateBlocks = traffic.GateBlocks
)

// Gate is one condition for a fair comparison.
type Gate = traffic.Gate

// Metric is one metric's result. Effects are B minus A, or B over A for the kind
// ratio; shares are between 0 and 1.
type Metric struct {
	Name      string `json:"name"`
	Kind      Kind   `json:"kind"`
	Unit      string `json:"unit,omitempty"`
	Direction string `json:"direction"`
	Decides   bool   `json:"decides"`
	// EvaluatorVersion is that of both arms' scores.
	EvaluatorVersion string      `json:"evaluator_version,omitempty"`
	A                ArmEstimate `json:"a"`
	B                ArmEstimate `json:"b"`
	// Effect is adjusted for the mix of inputs, with the interval Low to High
	// at Level (1-Level is the confidence).
	Effect traffic.Number `json:"effect"`
	Low    traffic.Number `json:"low"`
	High   traffic.Number `json:"high"`
	Level  traffic.Number `json:"level"`
	// Raw is the unadjusted effect; MixEffect what of it the mix explains.
	Raw       traffic.Number `json:"raw"`
	MixEffect traffic.Number `json:"mix_effect"`
	// P is the p-value by itself, PAdjusted after Holm (decision metrics, one
	// look), Bonferroni (decision metrics, sequential looks) or Benjamini and
	// Hochberg (the others).
	P         traffic.Number `json:"p"`
	PAdjusted traffic.Number `json:"p_adjusted"`
	// Margin is the effect that matters, as a difference or as a ratio minus 1.
	Margin       traffic.Number `json:"margin"`
	DesignEffect traffic.Number `json:"design_effect"`
	Verdict      Verdict        `json:"verdict"`
	// ByMargin says that the whole interval lies beyond the margin.
	ByMargin bool `json:"by_margin"`
	// MoreClusters is about how many more clusters of B, at the present split,
	// would decide; 0 when decided or unknown.
	MoreClusters int `json:"more_clusters,omitempty"`
	// DecidedAt is when the verdict was reached first (sequential looks,
	// decision metrics).
	DecidedAt *Decided `json:"decided_at,omitempty"`
	Note      string   `json:"note,omitempty"`
	// Categories are the largest movers of a category.
	Categories []Category `json:"categories,omitempty"`

	marginScale, effectScale, lowScale, highScale float64
}

// Decided is a moment in the traffic.
type Decided struct {
	// Time is the start of the last call that was needed.
	Time time.Time `json:"time"`
	// Calls and Clusters are those of both arms until then.
	Calls    int `json:"calls"`
	Clusters int `json:"clusters"`
}

// ArmEstimate is one arm of a metric.
type ArmEstimate struct {
	// Estimate is the raw mean, share or geometric mean, Adjusted that with the
	// mix of inputs held equal; P50 and P95 are quantiles (kind ratio).
	Estimate traffic.Number `json:"estimate"`
	Adjusted traffic.Number `json:"adjusted"`
	P50      traffic.Number `json:"p50,omitzero"`
	P95      traffic.Number `json:"p95,omitzero"`
	// Calls and Clusters have a value; Missing calls have none.
	Calls    int `json:"calls"`
	Clusters int `json:"clusters"`
	Missing  int `json:"missing"`
}

// Category is one value's share of each arm.
type Category struct {
	Name string         `json:"name"`
	A    traffic.Number `json:"a"`
	B    traffic.Number `json:"b"`
}

// WorstSpan is a call of B that did badly.
type WorstSpan struct {
	TraceID string         `json:"trace_id"`
	SpanID  string         `json:"span_id"`
	Version string         `json:"version"`
	Start   time.Time      `json:"start"`
	Score   traffic.Number `json:"score"`
	Reason  string         `json:"reason"`
}

func newReport(o Options) *Report {
	r := &Report{Prompt: o.Prompt, VersionA: o.A, VersionB: o.B, Environment: o.Environment, From: o.Since, Until: o.Until,
		A: Arm{Version: o.A}, B: Arm{Version: o.B}, Gates: []Gate{}, Metrics: []Metric{}, WorstSpans: []WorstSpan{},
		Looks: Looks{Kind: o.Look, Alpha: o.Alpha, Horizon: o.Horizon}, Strata: Strata{Keys: o.Keys, TimeBlocks: 1}}
	switch o.Look {
	case stats.LookOnce:
		r.Looks.Statement = "intervals hold for one planned look; looking again and again at a growing dataset makes false verdicts more frequent"
	case stats.LookAnytime:
		r.Looks.Statement = "intervals hold however often one looks"
	case stats.LookHorizon:
		r.Looks.Statement = "intervals hold however often one looks, and are narrowest at the declared horizon"
	}
	return r
}

func (r *Report) gate(name, status, text string) {
	r.Gates = append(r.Gates, Gate{Name: name, Status: status, Text: text})
}

// stop ends a comparison that cannot be made.
func (r *Report) stop(v Verdict, reason string) {
	r.Verdict, r.Reason, r.ExitCode = v, reason, 3
}
