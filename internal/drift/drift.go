// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package drift says what changed under a prompt version that did not: first in
// the evaluators, then in the inputs, then in the behaviour given the inputs; on
// which day, and which recorded part of a call's identity explains it. How, and
// what it cannot tell, is in docs/drift.md.
package drift

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/traffic"
)

// Schema names the JSON form of a Report.
const Schema = "spanloop.drift/1"

// Errors of bad usage.
var (
	ErrOptions  = errors.New("drift")
	ErrNoPrompt = errors.New("no production calls of this prompt")
)

// Options say where to look for drift.
type Options struct {
	// Prompt and Version name what did not change; an empty version takes the
	// one that was called last.
	Prompt, Version, Environment string
	// BaselineSince and BaselineUntil bound the calls' start times of the
	// baseline, Since and Until those of the current window. Without a baseline
	// all calls between Since and Until are searched for changes.
	BaselineSince, BaselineUntil time.Time
	Since, Until                 time.Time
	// Alpha is the probability of an alarm when nothing changed; 0 means 0.05.
	Alpha float64
	// Keys are declared stratum keys (traffic.Options).
	Keys []string
	// MaxCalls is the number of calls above which clusters are sampled; 0
	// means 40000.
	MaxCalls int
}

const defaultMaxCalls = 40000

func (o *Options) windowed() bool { return !o.BaselineSince.IsZero() || !o.BaselineUntil.IsZero() }

func (o *Options) complete() error {
	if o.Prompt == "" {
		return fmt.Errorf("%w: a prompt is needed", ErrOptions)
	}
	if o.Alpha == 0 {
		o.Alpha = 0.05
	}
	if !(o.Alpha > 0 && o.Alpha < 0.5) {
		return fmt.Errorf("%w: alpha must lie between 0 and 0.5", ErrOptions)
	}
	if o.MaxCalls <= 0 {
		o.MaxCalls = defaultMaxCalls
	}
	if !o.windowed() {
		return nil
	}
	if o.BaselineUntil.IsZero() {
		o.BaselineUntil = o.Since
	}
	if o.Since.IsZero() {
		o.Since = o.BaselineUntil
	}
	switch {
	case o.BaselineUntil.IsZero():
		return fmt.Errorf("%w: a baseline needs its end (--baseline-until) or the start of the current window (--since)", ErrOptions)
	case !o.BaselineSince.IsZero() && !o.BaselineSince.Before(o.BaselineUntil):
		return fmt.Errorf("%w: the baseline ends before it begins", ErrOptions)
	case o.Since.Before(o.BaselineUntil):
		return fmt.Errorf("%w: the current window begins before the baseline ends", ErrOptions)
	}
	return nil
}

// Run looks for drift in the calls of the views spans and scores.
func Run(ctx context.Context, db traffic.Querier, o Options) (*Report, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	arm := traffic.Arm{Prompt: o.Prompt, Version: o.Version, Environment: o.Environment, From: o.Since, Until: o.Until}
	if o.windowed() {
		arm.From = o.BaselineSince
	}
	if arm.Version == "" {
		latest, err := traffic.LatestVersion(ctx, db, arm)
		if err != nil {
			return nil, err
		}
		arm.Version, o.Version = latest, latest
	}
	calls, extent, err := traffic.Load(ctx, db, arm, traffic.Options{Keys: o.Keys, MaxCalls: o.MaxCalls})
	if errors.Is(err, traffic.ErrUnknownKey) {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	if err != nil {
		return nil, err
	}
	if len(calls) > 0 {
		r := analyse(calls, extent, o)
		return r, r.describeTools(ctx, db)
	}
	seen, err := traffic.Versions(ctx, db, o.Prompt)
	if err != nil {
		return nil, err
	}
	if len(seen) == 0 {
		return nil, fmt.Errorf("%w: %q", ErrNoPrompt, o.Prompt)
	}
	r := newReport(o)
	r.stop(NotEnoughData, fmt.Sprintf("no production calls of version %s in this window; seen: %s", orNone(o.Version), strings.Join(seen, ", ")))
	return r, nil
}

func orNone(version string) string {
	if version == "" {
		return "(none)"
	}
	return version
}

// analyse is the whole analysis of calls in time order.
func analyse(calls []traffic.Call, extent traffic.Extent, o Options) *Report {
	r := newReport(o)
	a := &analysis{report: r, options: o, line: newTimeline(calls)}
	r.Seed = a.line.frame.Seed
	if extent.SampledOneIn > 1 {
		r.gate("sample", traffic.GateWarns, fmt.Sprintf("%d calls: one session or trace in %d was read, chosen by hash", extent.Calls, extent.SampledOneIn))
	}
	if gate, ok := traffic.ContentGate(calls); ok {
		r.Gates = append(r.Gates, gate)
	}
	if o.windowed() {
		a.windows()
	} else {
		a.automatic()
	}
	return r
}

// analysis is one run.
type analysis struct {
	report  *Report
	options Options
	line    *timeline
}

// windows compares two windows that the user chose, then dates what moved.
func (a *analysis) windows() {
	pair := a.line.pair(func(start time.Time) int {
		switch {
		case start.Before(a.options.BaselineUntil):
			return 0
		case start.Before(a.options.Since):
			return -1
		}
		return 1
	})
	if !a.compare(pair, true) {
		return
	}
	moved := movedNames(a.report.Behaviour.Channels)
	if len(moved) > 0 {
		a.line.residualise(pair.excluded, moved)
		found, _ := a.line.segment(a.options.Alpha)
		a.line.settle(found, pair.excluded, a.options.Alpha)
		a.dated(found, pair)
	}
	a.conclude()
}

// automatic looks for the dates first and then compares what lies before the
// first with what lies after the last of them.
func (a *analysis) automatic() {
	total := len(a.line.frame.Units)
	if total < 2*minClusters {
		a.report.describeWindows(a.line.halves().frame)
		a.report.stop(NotEnoughData, fmt.Sprintf("%d sessions or traces; at least %d are needed", total, 2*minClusters))
		return
	}
	evaluators := evaluatorChanges(a.line.halves().frame)
	a.line.residualise(evaluators, nil)
	found, tooFew := a.line.segment(a.options.Alpha)
	if tooFew != nil {
		a.report.describeWindows(a.line.halves().frame)
		a.report.stop(NotEnoughData, fmt.Sprintf("something may have changed at %s, but fewer than %d sessions or traces lie on a side of it", stamp(a.line.start(tooFew.index)), minClusters))
		return
	}
	pair := a.line.halves()
	a.line.settle(found, evaluators, a.options.Alpha)
	if len(found) > 0 {
		first, last := a.line.start(found[0].index), a.line.start(found[len(found)-1].index)
		pair = a.line.pair(func(start time.Time) int {
			switch {
			case start.Before(first):
				return 0
			case start.Before(last):
				return -1
			}
			return 1
		})
	}
	if !a.compare(pair, len(found) > 0) {
		return
	}
	a.dated(found, pair)
	if len(a.report.Changes) == 0 {
		a.report.Behaviour.undecided()
	}
	a.conclude()
}

// compare looks at the two sides of a pair: evaluators, inputs and behaviour,
// which is only estimated when there is nothing to test.
func (a *analysis) compare(p *pair, tested bool) bool {
	r := a.report
	r.describeWindows(p.frame)
	counts := p.frame.Clusters()
	if min(counts[0], counts[1]) < minClusters {
		r.stop(NotEnoughData, fmt.Sprintf("%d and %d sessions or traces; at least %d a side are needed", counts[0], counts[1], minClusters))
		return false
	}
	r.Evaluators = evaluatorChanges(p.frame)
	p.excluded = r.Evaluators
	p.frame.Stratify(false)
	r.describeStrata(p.frame)
	r.Inputs = family{alpha: a.options.Alpha}.test(p.frame, inputChannels(p.frame, a.options.Keys))
	r.Behaviour = family{alpha: a.options.Alpha, stratified: true, estimate: !tested}.test(p.frame, behaviourChannels(p.frame, p.excluded))
	r.resolution()
	r.identities(a.line)
	return r.overlap(p.frame)
}

// dated tests each change between its neighbours and names its cause.
func (a *analysis) dated(found []located, whole *pair) {
	r := a.report
	for i := range found {
		c := a.line.change(found, i, whole.excluded, a.options.Alpha)
		if len(c.Channels) > 0 {
			r.Changes = append(r.Changes, c)
		}
	}
	if len(r.Changes) == 0 && a.options.windowed() {
		r.Changes = append(r.Changes, a.line.undated(whole, r.Behaviour.Channels))
	}
	r.markIdentities()
}

func movedNames(channels []Channel) []string {
	var names []string
	for _, c := range channels {
		if c.Verdict == Moved {
			names = append(names, c.Name)
		}
	}
	return slices.Clip(names)
}
