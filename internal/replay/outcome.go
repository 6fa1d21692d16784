// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"fmt"
	"slices"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/wire"
)

// compareRecorded says when the unchanged request no longer does what was
// recorded: the change is not what made the difference then.
func (r *Result) compareRecorded(recorded []evaluator.Score) {
	p := r.plan
	control := r.Arms[0]
	if model := p.Source.Call.ResponseModel; model != "" && len(control.Models) > 0 && !slices.Contains(control.Models, model) {
		r.Notes = append(r.Notes, wire.Note{ID: "model-moved", Severity: wire.Warning,
			Text: "the unchanged request is answered by " + quote(control.Models[0]) + " now, the recorded answer came from " + quote(model)})
	}
	if p.Source.Call.Output.Empty() || p.Source.Call.ErrorType != "" {
		return
	}
	if control.Answered > 0 && control.SameAction < 0.5 {
		r.Notes = append(r.Notes, wire.Note{ID: "not-reproduced", Severity: wire.Warning,
			Text: fmt.Sprintf("the unchanged request does what was recorded in %.0f of %d runs: the model moved, or the recorded answer was a rare one",
				control.SameAction*float64(control.Answered), control.Answered)})
	}
	for _, m := range r.Scores {
		if m.Quality && m.Recorded != nil && m.Control.Runs > 0 && m.Control.Mean != *m.Recorded {
			r.Notes = append(r.Notes, wire.Note{ID: "score-not-reproduced", Severity: wire.Info,
				Text: fmt.Sprintf("%s was %g on the recorded call and is %.3g on average over %d unchanged runs", m.Name, *m.Recorded, m.Control.Mean, m.Control.Runs)})
		}
	}
	for _, s := range p.Source.Scores {
		if !slices.ContainsFunc(recorded, func(own evaluator.Score) bool {
			return own.Name == s.Name && own.EvaluatorVersion == s.EvaluatorVersion
		}) {
			r.Notes = append(r.Notes, wire.Note{ID: "evaluator-not-rerun", Severity: wire.Info,
				Text: "the recorded score " + quote(s.Name) + " came from evaluator version " + quote(s.EvaluatorVersion) + ", which was not run here"})
		}
	}
}

// outcome sums up the quality scores.
func (r *Result) outcome() string {
	if r.plan.Treatment == nil {
		return OutcomeRepeated
	}
	better, undecided, any := false, false, false
	for _, m := range r.Scores {
		if !m.Quality {
			continue
		}
		any = true
		switch m.Verdict {
		case Worse:
			return Worse
		case Better:
			better = true
		case NotEnoughRuns:
			undecided = true
		}
	}
	switch {
	case better:
		return Better
	case undecided || !any:
		return NotEnoughRuns
	}
	return Equal
}

// ExitCode is the command's exit code for the outcome.
func (r *Result) ExitCode() int {
	switch r.Outcome {
	case Worse:
		return 1
	case NotEnoughRuns, OutcomeUnfaithful:
		return 3
	case OutcomeFailed:
		return 4
	}
	if r.Request.Grade == wire.Mismatch {
		return 3
	}
	return 0
}
