// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package compare says whether one version of a prompt does better than another
// on production traffic: per metric an estimate, an interval and a verdict, after
// adjusting for a different mix of inputs. How, and what it cannot tell, is in
// docs/statistics.md.
package compare

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic"
)

// Schema names the JSON form of a Report.
const Schema = "spanloop.compare/1"

// Errors of bad usage.
var (
	ErrOptions   = errors.New("compare")
	ErrNoPrompt  = errors.New("no production calls of this prompt")
	errSameArms  = fmt.Errorf("%w: the two versions are the same", ErrOptions)
	errAlpha     = fmt.Errorf("%w: alpha must lie between 0 and 0.5", ErrOptions)
	errNoMetric  = fmt.Errorf("%w: no such metric", ErrOptions)
	errManyAsked = fmt.Errorf("%w: too many decision metrics", ErrOptions)
	errOneLook   = fmt.Errorf("%w: only a one-look test", ErrOptions)
)

// maxDecision is how many metrics may decide: each one widens the intervals of
// all.
const maxDecision = 5

// Options say what to compare.
type Options struct {
	// Prompt has the versions A (the baseline) and B.
	Prompt, A, B string
	Environment  string
	// Since and Until bound the calls' start times; zero is open.
	Since, Until time.Time
	// Metrics decide the overall verdict; empty takes the default ones.
	Metrics []string
	// Margins override what difference matters, by metric: a ratio of 0.1 for
	// latency, tokens and cost, an absolute difference for the others.
	Margins map[string]float64
	// Alpha is the error rate of the whole decision; 0 means 0.05.
	Alpha float64
	// Look says how often the report may be read; empty means anytime.
	Look stats.Look
	// Horizon is the planned number of clusters over both arms for LookHorizon.
	Horizon int
	// Keys are declared stratum keys (traffic.Options).
	Keys []string
	// Split is the planned share of B; 0 means unknown.
	Split float64
	// Sequential compares versions that did not run at the same time.
	Sequential bool
	// MaxCalls is the number of calls of an arm above which it is sampled.
	MaxCalls int
	// Worst is how many of B's worst spans to list; 0 means 10.
	Worst int
}

func (o *Options) complete() error {
	if o.Prompt == "" || o.A == "" || o.B == "" {
		return fmt.Errorf("%w: a prompt and two versions are needed", ErrOptions)
	}
	if o.A == o.B {
		return errSameArms
	}
	if o.Alpha == 0 {
		o.Alpha = 0.05
	}
	if !(o.Alpha > 0 && o.Alpha < 0.5) {
		return errAlpha
	}
	switch o.Look {
	case "":
		o.Look = stats.LookAnytime
		if o.Horizon > 0 {
			o.Look = stats.LookHorizon
		}
	case stats.LookOnce, stats.LookAnytime, stats.LookHorizon:
	default:
		return fmt.Errorf("%w: look %q: one of once, anytime, horizon is expected", ErrOptions, o.Look)
	}
	if o.Look == stats.LookHorizon && o.Horizon <= 0 {
		return fmt.Errorf("%w: a horizon needs the planned number of sessions", ErrOptions)
	}
	if o.Horizon < 0 || o.MaxCalls < 0 || o.Worst < 0 {
		return fmt.Errorf("%w: horizon, calls and spans are counts, not below 0", ErrOptions)
	}
	if len(o.Metrics) > maxDecision {
		return fmt.Errorf("%w: %d given, at most %d", errManyAsked, len(o.Metrics), maxDecision)
	}
	if !(o.Split >= 0 && o.Split < 1) {
		return fmt.Errorf("%w: the split is B's share, between 0 and 1", ErrOptions)
	}
	if o.Worst <= 0 {
		o.Worst = 10
	}
	return nil
}

// Run compares two versions on the calls of the views spans and scores.
func Run(ctx context.Context, db traffic.Querier, o Options) (*Report, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	r := newReport(o)
	window, err := r.findWindow(ctx, db, o)
	if err != nil {
		return nil, err
	}
	if r.Verdict != "" {
		return r, nil
	}
	frame, err := r.load(ctx, db, o, window)
	if err != nil {
		return nil, err
	}
	if r.Verdict != "" {
		return r, nil
	}
	if o.Split == 0 {
		o.Split = releasedSplit(ctx, db, o, window)
	}
	return r, r.judge(frame, o)
}

// judge estimates every metric and decides.
func (r *Report) judge(frame *traffic.Frame, o Options) error {
	byTime := !o.Sequential && timesDiffer(frame)
	frame.Stratify(byTime)
	r.describeStrata(frame, byTime)
	metrics, err := chooseMetrics(frame, o)
	if err != nil {
		return err
	}
	r.trafficGates(frame, o)
	r.identityWarnings(frame)
	blocked := slices.ContainsFunc(r.Gates, func(g Gate) bool { return g.Status == GateBlocks })
	results := make([]*estimate, len(metrics))
	for i := range metrics {
		results[i] = newEstimate(frame, &metrics[i])
	}
	r.settle(frame, results, o, blocked)
	r.missingness(frame, results)
	r.WorstSpans = worstSpans(frame, metrics, o.Worst)
	r.decide(blocked)
	return nil
}

// findWindow limits both arms to the time in which both ran, since only
// concurrent traffic can be compared.
func (r *Report) findWindow(ctx context.Context, db traffic.Querier, o Options) (window [2]time.Time, err error) {
	var extents [2]traffic.Extent
	for g, version := range []string{o.A, o.B} {
		extents[g], err = traffic.Measure(ctx, db, traffic.Arm{Prompt: o.Prompt, Version: version, Environment: o.Environment, From: o.Since, Until: o.Until})
		if err != nil {
			return window, err
		}
	}
	r.A.all(extents[0])
	r.B.all(extents[1])
	for g, e := range extents {
		if e.Calls > 0 {
			continue
		}
		seen, err := traffic.Versions(ctx, db, o.Prompt)
		if err != nil {
			return window, err
		}
		if len(seen) == 0 {
			return window, fmt.Errorf("%w: %q", ErrNoPrompt, o.Prompt)
		}
		r.stop(NotEnoughData, fmt.Sprintf("no production calls of version %s in this window; seen: %s", []string{o.A, o.B}[g], strings.Join(seen, ", ")))
		return window, nil
	}
	window = [2]time.Time{o.Since, o.Until}
	if o.Sequential {
		r.gate("concurrent traffic", GateWarns, "before/after comparison: what changed with time is not told from what the version changed")
		return window, nil
	}
	from, to := later(extents[0].First, extents[1].First), earlier(extents[0].Last, extents[1].Last)
	if from.After(to) {
		r.gate("concurrent traffic", GateBlocks, fmt.Sprintf("%s and %s never ran at the same time (%s: %s to %s, %s: %s to %s)", o.A, o.B,
			o.A, stamp(extents[0].First), stamp(extents[0].Last), o.B, stamp(extents[1].First), stamp(extents[1].Last)))
		r.stop(NotComparable, "the versions never ran at the same time; --sequential compares before with after")
		return window, nil
	}
	window = [2]time.Time{from, to.Add(time.Microsecond)}
	r.gate("concurrent traffic", GatePasses, fmt.Sprintf("both ran from %s to %s; only these calls are compared", stamp(from), stamp(to)))
	return window, nil
}

func (r *Report) load(ctx context.Context, db traffic.Querier, o Options, window [2]time.Time) (*traffic.Frame, error) {
	r.From, r.Until = window[0], window[1]
	var calls []traffic.Call
	for g, version := range []string{o.A, o.B} {
		arm := traffic.Arm{Prompt: o.Prompt, Version: version, Environment: o.Environment, From: window[0], Until: window[1]}
		list, extent, err := traffic.Load(ctx, db, arm, traffic.Options{Keys: o.Keys, MaxCalls: o.MaxCalls})
		if errors.Is(err, traffic.ErrUnknownKey) {
			return nil, fmt.Errorf("%w: %w", ErrOptions, err)
		}
		if err != nil {
			return nil, err
		}
		for i := range list {
			list[i].Arm = g
		}
		[]*Arm{&r.A, &r.B}[g].used(extent, len(list))
		calls = append(calls, list...)
	}
	slices.SortStableFunc(calls, func(a, b traffic.Call) int {
		if c := a.Start.Compare(b.Start); c != 0 {
			return c
		}
		return strings.Compare(a.TraceID+a.SpanID, b.TraceID+b.SpanID)
	})
	if gate, ok := traffic.ContentGate(calls); ok {
		r.Gates = append(r.Gates, gate)
	}
	frame := traffic.NewFrame(calls)
	counts := frame.Clusters()
	if counts[0] == 0 || counts[1] == 0 {
		r.stop(NotEnoughData, "one version has no calls in the time in which both ran")
	}
	r.Seed = frame.Seed
	return frame, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }
