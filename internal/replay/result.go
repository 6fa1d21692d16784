// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/wire"
	"github.com/spanloop/spanloop/internal/wire/jsondoc"
)

// Schema names the JSON form of a Result.
const Schema = "spanloop.replay/1"

// Outcomes of a replay.
const (
	OutcomeChecked    = "checked"
	OutcomePlanned    = "planned"
	OutcomeUnfaithful = "unfaithful"
	OutcomeRepeated   = "repeated"
	OutcomeFailed     = "failed"
)

// Result is what a replay found out (docs/replay.md describes each member).
type Result struct {
	TraceID string        `json:"trace_id"`
	SpanID  string        `json:"span_id"`
	Prompt  PromptResult  `json:"prompt"`
	Request RequestResult `json:"request"`
	// Modifications and Changes are empty without a change.
	Modifications []Modification `json:"modifications"`
	Changes       []ChangeResult `json:"changes"`
	Endpoint      string         `json:"endpoint,omitempty"`
	// Calls is how many requests were, or would be, sent.
	Calls     int           `json:"calls"`
	RunID     string        `json:"run_id,omitempty"`
	Runs      []RunResult   `json:"runs"`
	Arms      []ArmResult   `json:"arms,omitempty"`
	Scores    []Measure     `json:"scores,omitempty"`
	Notes     []wire.Note   `json:"notes"`
	Outcome   string        `json:"outcome"`
	Exported  string        `json:"exported,omitempty"`
	Committed *CommitResult `json:"committed,omitempty"`

	plan *Plan
	// shown counts the notes that were printed.
	shown int
}

// PromptResult names the prompt.
type PromptResult struct {
	Name       string `json:"name"`
	Version    string `json:"version"`
	Treatment  string `json:"treatment,omitempty"`
	Resolution string `json:"resolution"`
}

// RequestResult says how faithful the rebuilt request is.
type RequestResult struct {
	Dialect string     `json:"dialect"`
	Grade   wire.Grade `json:"grade"`
	// SHA256 is the rebuilt request's hash, Recorded the span's.
	SHA256   string `json:"sha256"`
	Recorded string `json:"recorded_sha256,omitempty"`
	// Pinned is the model that both arms ask for in place of the recorded alias.
	Pinned string `json:"pinned_model,omitempty"`
	// Bytes is true when the recorded request was restored byte for byte.
	Bytes bool `json:"bytes"`
	// Control and Treatment are the requests; on a dry run only.
	Control   json.RawMessage `json:"control,omitempty"`
	Treatment json.RawMessage `json:"treatment,omitempty"`
}

// ChangeResult is one difference between the arms' requests.
type ChangeResult struct {
	Pointer string          `json:"pointer"`
	Before  json.RawMessage `json:"before,omitempty"`
	After   json.RawMessage `json:"after,omitempty"`
}

// RunResult is one answer.
type RunResult struct {
	Arm        string             `json:"arm"`
	N          int                `json:"n"`
	DurationMS float64            `json:"duration_ms"`
	Model      string             `json:"model,omitempty"`
	Finish     []string           `json:"finish_reasons,omitempty"`
	Output     string             `json:"output,omitempty"`
	Error      string             `json:"error,omitempty"`
	Divergence *Divergence        `json:"divergence,omitempty"`
	Scores     map[string]float64 `json:"scores,omitempty"`
}

// ArmResult sums up an arm.
type ArmResult struct {
	Arm      string `json:"arm"`
	Runs     int    `json:"runs"`
	Answered int    `json:"answered"`
	// Compared is how many answers could be compared with a recorded one.
	Compared int `json:"compared"`
	// SameAction is the share of those that do what the recorded one did, with
	// its 95 % Wilson interval.
	SameAction float64        `json:"same_action"`
	Low        float64        `json:"same_action_low"`
	High       float64        `json:"same_action_high"`
	Divergence map[string]int `json:"divergence"`
	Models     []string       `json:"models"`
}

// CommitResult names the version that was added to the registry.
type CommitResult struct {
	Prompt  string `json:"prompt"`
	Version string `json:"version"`
	File    string `json:"file"`
}

// Result returns the result of a plan before anything was sent. With bodies it
// holds the requests.
func (p *Plan) Result(runs int, bodies bool) *Result {
	id := p.Source.Identity
	r := &Result{
		TraceID: p.Source.Span.TraceID().String(), SpanID: p.Source.Span.SpanID().String(),
		Prompt: PromptResult{Name: id.PromptName, Version: id.PromptVersion, Resolution: id.Resolution},
		Request: RequestResult{
			Dialect: p.Request.Dialect, Grade: p.Request.Grade, SHA256: p.Request.SHA256,
			Recorded: p.Request.Recorded, Bytes: p.Request.Source != nil, Pinned: p.Pinned,
		},
		Modifications: []Modification{}, Changes: []ChangeResult{}, Runs: []RunResult{},
		Calls: p.Calls(runs), Notes: slices.Clone(p.Notes), Outcome: OutcomePlanned, plan: p,
	}
	if r.Notes == nil {
		r.Notes = []wire.Note{}
	}
	if p.Treatment != nil {
		r.Prompt.Treatment = p.Version(ArmTreatment)
	}
	r.Modifications = append(r.Modifications, p.Modifications...)
	for _, c := range p.Changes {
		r.Changes = append(r.Changes, ChangeResult{Pointer: c.Pointer, Before: rawOf(c.Before), After: rawOf(c.After)})
	}
	if bodies {
		r.Request.Control, r.Request.Treatment = rawOf(p.Control), rawOf(p.Treatment)
	}
	if p.Refused() {
		r.Outcome, r.Calls = OutcomeUnfaithful, 0
	}
	return r
}

func rawOf(v *jsondoc.Value) json.RawMessage {
	if v == nil {
		return nil
	}
	return v.Bytes()
}

// AddRuns adds what the runs found out. The evaluators that scored them score
// the recorded call too, so that the same version judges all.
func (r *Result) AddRuns(runs []Run, evaluators []*evaluator.Evaluator) {
	p := r.plan
	recorded := score(evaluators, evaluator.NewInput(p.Source.Span, p.Source.Call))
	for i := range runs {
		r.Runs = append(r.Runs, runResult(&runs[i]))
	}
	for _, arm := range p.arms() {
		r.Arms = append(r.Arms, armResult(arm, runs))
	}
	r.Calls = sent(runs)
	r.Scores = measureScores(recorded, runs, p.Treatment != nil)
	r.compareRecorded(recorded)
	r.Outcome = r.outcome()
}

// Answered tells whether any request was answered.
func (r *Result) Answered() bool {
	return slices.ContainsFunc(r.Arms, func(a ArmResult) bool { return a.Answered > 0 })
}

// sent counts the requests that left, retries included.
func sent(runs []Run) int {
	n := 0
	for i := range runs {
		switch {
		case runs[i].Response != nil:
			n += max(1, runs[i].Response.Attempts)
		case !runs[i].Start.IsZero():
			n++
		}
	}
	return n
}

func runResult(run *Run) RunResult {
	out := RunResult{Arm: run.Arm, N: run.N, DurationMS: float64(run.End.Sub(run.Start).Microseconds()) / 1000}
	if run.Err != nil {
		out.Error = run.Err.Error()
	}
	if run.Call == nil {
		return out
	}
	out.Model, out.Finish, out.Output = run.Call.ResponseModel, run.Call.FinishReasons, action(run.Call)
	out.Divergence = &run.Divergence
	out.Scores = map[string]float64{}
	for _, s := range run.Scores {
		if s.Value.Set {
			out.Scores[s.Name] = s.Value.Value
		}
	}
	return out
}

// action is what an answer does, in one line.
func action(c *genai.Call) string {
	if c.Output.Empty() {
		return "no answer" + errorText(c)
	}
	if calls := firstChoice(c); len(calls) > 0 {
		text := callLine(calls[0])
		if len(calls) > 1 {
			text += fmt.Sprintf(" and %d more", len(calls)-1)
		}
		return text
	}
	return line(c.OutputText())
}

func errorText(c *genai.Call) string {
	if c.ErrorType == "" {
		return ""
	}
	return ": " + line(c.ErrorType)
}

func armResult(arm string, runs []Run) ArmResult {
	out := ArmResult{Arm: arm, Divergence: map[string]int{}, Models: []string{}}
	same := 0
	for i := range runs {
		if runs[i].Arm != arm {
			continue
		}
		out.Runs++
		if runs[i].Err != nil || runs[i].Call == nil {
			continue
		}
		out.Answered++
		kind := runs[i].Divergence.Kind
		out.Divergence[kind]++
		if kind != Unrecorded {
			out.Compared++
		}
		if kind == Identical || kind == Final {
			same++
		}
		if model := runs[i].Call.ResponseModel; model != "" && !slices.Contains(out.Models, model) {
			out.Models = append(out.Models, model)
		}
	}
	if out.Compared > 0 {
		out.SameAction = float64(same) / float64(out.Compared)
	}
	out.Low, out.High = stats.Wilson(out.SameAction, float64(out.Compared), stats.NormalQuantile(1-alpha/2))
	return out
}
