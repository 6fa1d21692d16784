// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spanloop/spanloop/internal/traffic"
)

func newReport(o Options) *Report {
	r := &Report{Prompt: o.Prompt, Version: o.Version, Environment: o.Environment, Mode: ModeAutomatic, Alpha: o.Alpha,
		Strata: Strata{Keys: o.Keys, Overlap: traffic.Number(math.NaN())}, Gates: []traffic.Gate{}, Evaluators: []EvaluatorChange{}, Changes: []Change{},
		Inputs: Group{Channels: []Channel{}}, Behaviour: Group{Channels: []Channel{}}, Identities: []Identity{}, Timeline: []Series{}}
	if o.windowed() {
		r.Mode = ModeWindows
	}
	return r
}

func (r *Report) gate(name, status, text string) {
	r.Gates = append(r.Gates, traffic.Gate{Name: name, Status: status, Text: text})
}

// stop ends an analysis that cannot be made.
func (r *Report) stop(v Verdict, reason string) { r.Verdict, r.Reason, r.ExitCode = v, reason, 3 }

func (r *Report) describeWindows(f *traffic.Frame) {
	windows := [2]*Window{&r.Baseline, &r.Current}
	for i := range f.Calls {
		c := &f.Calls[i]
		w := windows[c.Arm]
		if w.Calls == 0 {
			w.First = c.Start
		}
		w.Last = c.Start
		w.Calls++
	}
	counts := f.Clusters()
	r.Baseline.Clusters, r.Current.Clusters = counts[0], counts[1]
}

func (r *Report) describeStrata(f *traffic.Frame) {
	r.Strata.Inputs, r.Strata.Count = f.Inputs, f.Strata
	r.Strata.Overlap = traffic.Number(1 - f.Alone(1))
}

// leastOverlap is the share of the current window that must have counterparts.
const leastOverlap = 0.5

// overlap stops when the windows' inputs have too little in common to tell
// behaviour from input.
func (r *Report) overlap(f *traffic.Frame) bool {
	share := 1 - f.Alone(1)
	text := fmt.Sprintf("%.0f%% of the current traffic has counterparts of alike input in the baseline", 100*share)
	if share >= leastOverlap {
		r.gate("input overlap", traffic.GatePasses, text)
		return true
	}
	r.gate("input overlap", traffic.GateBlocks, "only "+text)
	r.Behaviour.undecided()
	r.stop(CannotTell, "the inputs changed so much that behaviour cannot be told from input: only "+text)
	return false
}

// resolution warns when no p-value can get small enough.
func (r *Report) resolution() {
	tested := 0
	for _, c := range r.Behaviour.Channels {
		if c.Verdict != TooFew && c.Verdict != NotTested {
			tested++
		}
	}
	if tested > 0 && float64(tested)/float64(draws(tested, r.Alpha)+1) > r.Alpha {
		r.gate("resolution", traffic.GateWarns, fmt.Sprintf("alpha %.2g is too small for %d permutations over %d channels: nothing could alarm", r.Alpha, draws(tested, r.Alpha), tested))
	}
}

// conclude takes the verdict of the whole.
func (a *analysis) conclude() {
	r := a.report
	r.timeline(a.line)
	var evaluators []string
	for _, e := range r.Evaluators {
		evaluators = append(evaluators, e.Name)
	}
	switch {
	case len(r.Changes) > 0:
		r.Verdict, r.ExitCode = Drift, 1
		r.Reason = fmt.Sprintf("%s under an unchanged prompt version", plural(len(r.Changes), "change"))
		if r.Inputs.Drifted {
			r.Reason += "; the inputs changed too, and are allowed for"
		}
	case len(evaluators) > 0:
		r.Verdict, r.ExitCode = EvaluatorChanged, 1
		r.Reason = "scores before and after cannot be compared: " + strings.Join(evaluators, ", ")
	case r.Inputs.Drifted:
		r.Verdict = InputDriftOnly
		r.Reason = "the inputs changed (" + strings.Join(movedNames(r.Inputs.Channels), ", ") + "); given the input, the behaviour did not"
	default:
		r.Verdict, r.Reason = NoDrift, "nothing moved by more than its margin"
	}
	if len(r.Changes) > 0 && len(evaluators) > 0 {
		r.Reason += "; evaluators changed, their scores are left out: " + strings.Join(evaluators, ", ")
	}
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// sortByStrength puts the channels that moved most first.
func sortByStrength(channels []Channel) {
	slices.SortStableFunc(channels, func(a, b Channel) int {
		switch {
		case a.strength > b.strength:
			return -1
		case a.strength < b.strength:
			return 1
		}
		return 0
	})
}
