// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/registry"
)

// judge compares counts with releases.
type judge struct {
	report   *Report
	options  Options
	snapshot *registry.Snapshot
	reader   *reader

	versions []Served
	segments []segment
	tallies  []tally
	minutes  map[bound]int64
	nameless []nameless
	// places are those that have calls or, within the window, a release.
	places []place
	bounds []bound
	// names are the environments of all calls of the prompts, whichever was asked for.
	names []string
}

func (j *judge) read(ctx context.Context) error {
	var err error
	if j.nameless, err = j.reader.nameless(ctx); err != nil {
		return err
	}
	all, err := j.reader.sources(ctx)
	if err != nil {
		return err
	}
	places, sources := map[source]place{}, all[:0:0]
	for _, s := range all {
		p := placeOf(j.snapshot, s.prompt, s.environment, s.label)
		if !slices.Contains(j.names, p.environment) {
			j.names = append(j.names, p.environment)
		}
		if j.wanted(p) {
			places[s] = p
			sources = append(sources, s)
			j.place(p)
		}
	}
	for _, prompt := range j.snapshot.Prompts() {
		for _, environment := range j.snapshot.Environments(prompt.Name) {
			if p := (place{prompt.Name, environment}); j.wanted(p) && (j.options.Prompt == "" || j.options.Prompt == prompt.Name) {
				j.place(p)
			}
		}
	}
	if j.options.Environment != "" && len(j.places) == 0 {
		return fmt.Errorf("%w of environment %q", ErrNotSeen, j.options.Environment)
	}
	for _, p := range j.places {
		j.bounds = append(j.bounds, j.boundsOf(p)...)
	}
	if len(sources) == 0 {
		return nil
	}
	j.reader.begin(places, sources, j.bounds)
	if j.versions, err = j.reader.versions(ctx); err != nil {
		return err
	}
	if j.segments, err = j.reader.segments(ctx); err != nil {
		return err
	}
	if j.tallies, err = j.reader.tallies(ctx); err != nil {
		return err
	}
	j.minutes, err = j.reader.minutes(ctx)
	return err
}

func (j *judge) wanted(p place) bool {
	return j.options.Environment == "" || p.environment == j.options.Environment ||
		p.environment != "" && released(j.snapshot, p.prompt, j.options.Environment) == p.environment
}

func (j *judge) place(p place) {
	if !slices.Contains(j.places, p) {
		j.places = append(j.places, p)
	}
}

// history are the releases of a place, oldest first.
func (j *judge) history(p place) []registry.Release {
	var out []registry.Release
	for _, r := range j.snapshot.Releases(p.prompt) {
		if r.Environment == p.environment {
			out = append(out, r)
		}
	}
	return out
}

// boundsOf are the releases of a place that change what it serves.
func (j *judge) boundsOf(p place) []bound {
	var out []bound
	var before []registry.Target
	for _, r := range j.history(p) {
		if len(out) > 0 && slices.EqualFunc(before, r.Targets, func(x, y registry.Target) bool { return x.Version == y.Version && x.Weight == y.Weight }) {
			continue
		}
		if len(out) > 0 {
			out[len(out)-1].next = r.Time
		}
		out, before = append(out, bound{place: p, at: r.Time}), r.Targets
	}
	return out
}

// canonical is a version as the registry calls it; false when it has none such.
func (j *judge) canonical(prompt, version string) (string, bool) {
	p := j.snapshot.Prompt(prompt)
	if p == nil {
		return version, false
	}
	if v := p.Numbered(version); v != nil {
		return v.Version, true
	}
	return version, false
}

// weightAt is what a version gets of the traffic at a time, of 1; false when
// nothing was released.
func (j *judge) weightAt(p place, version string, at time.Time) (float64, bool) {
	var live *registry.Release
	for _, r := range j.history(p) {
		if !r.Time.After(at) {
			live = &r
		}
	}
	if live == nil {
		return 0, false
	}
	return weightOf(*live, version), true
}

func weightOf(r registry.Release, version string) float64 {
	total, own := 0.0, 0.0
	for _, t := range r.Targets {
		total += t.Weight
		if t.Version == version {
			own += t.Weight
		}
	}
	return own / total
}

// end is the last moment of the window.
func (j *judge) end() time.Time {
	if !j.options.Until.IsZero() && j.options.Until.Before(j.options.Now) {
		return j.options.Until.Add(-time.Nanosecond)
	}
	return j.options.Now
}

// served makes the rows: what was seen, and what is released without having been.
func (j *judge) served() {
	r := j.report
	totals := map[place]int64{}
	for _, v := range j.versions {
		totals[place{v.Prompt, v.Environment}] += v.Calls
		r.Calls += v.Calls
	}
	for _, p := range j.places {
		seen := map[string]bool{}
		for _, v := range j.versions {
			if v.Prompt != p.prompt || v.Environment != p.environment {
				continue
			}
			name, _ := j.canonical(v.Prompt, v.Version)
			seen[name] = true
			v.Percent = 100 * float64(v.Calls) / float64(totals[p])
			if w, ok := j.weightAt(p, name, j.end()); ok && v.Version != "" {
				w *= 100
				v.Weight = &w
			}
			r.Served = append(r.Served, v)
		}
		for _, version := range j.liveVersions(p) {
			if w, _ := j.weightAt(p, version, j.end()); !seen[version] {
				w *= 100
				r.Served = append(r.Served, Served{Prompt: p.prompt, Environment: p.environment, Version: version, Weight: &w, Resolution: []Rung{}})
			}
		}
		if totals[p] == 0 && len(j.liveVersions(p)) > 0 {
			j.remark(Finding{Kind: noCalls, Prompt: p.prompt, Environment: p.environment, Text: fmt.Sprintf("no call of %s, which serves %s", p, strings.Join(j.liveVersions(p), ", "))})
		}
	}
}

// liveVersions are what a place serves at the end of the window.
func (j *judge) liveVersions(p place) []string {
	var out []string
	if live, ok := j.snapshot.LiveAt(p.prompt, p.environment, j.end()); ok && live.Environment == p.environment {
		for _, t := range live.Targets {
			out = append(out, t.Version)
		}
	}
	return out
}

func (j *judge) find(f Finding)   { j.report.Findings = append(j.report.Findings, f) }
func (j *judge) remark(f Finding) { j.report.Remarks = append(j.report.Remarks, f) }

// placed finds versions that are served without being released.
func (j *judge) placed() {
	for _, v := range j.versions {
		if _, known := j.canonical(v.Prompt, v.Version); known || v.Version == "" {
			continue
		}
		f := Finding{Kind: VersionUnknown, Prompt: v.Prompt, Environment: v.Environment, Version: v.Version, Calls: v.Calls}
		f.Text = fmt.Sprintf("%s is served in %s, and is no version in the registry", v.Prompt+"@"+v.Version, calls(v.Calls))
		if j.snapshot.Prompt(v.Prompt) == nil {
			f.Kind = PromptUnknown
			f.Text = fmt.Sprintf("%s is served in %s, and the registry has no such prompt", v.Prompt+"@"+v.Version, calls(v.Calls))
		}
		j.find(f)
	}
	type key struct {
		place
		version, kind string
	}
	merged := map[key]*Finding{}
	var order []key
	continued := map[key]int64{}
	first, last := map[key]time.Time{}, map[key]time.Time{}
	since := map[key]time.Time{}
	for _, s := range j.segments {
		version, known := j.canonical(s.prompt, s.version)
		if !known {
			continue
		}
		kind, from := j.standing(s.place, version, s.at)
		if kind == "" {
			continue
		}
		k := key{s.place, version, kind}
		if merged[k] == nil {
			merged[k] = &Finding{Kind: kind, Prompt: s.prompt, Environment: s.environment, Version: version}
			order = append(order, k)
			first[k] = s.first
		}
		since[k] = from
		if s.last.After(last[k]) {
			last[k] = s.last
		}
		merged[k].Calls += s.settled
		continued[k] += s.continued
	}
	for _, k := range order {
		f := merged[k]
		when := fmt.Sprintf("%s from %s to %s", calls(f.Calls), stamp(first[k]), stamp(last[k]))
		name := f.Prompt + "@" + f.Version
		switch f.Kind {
		case Withdrawn:
			f.Text = fmt.Sprintf("%s is still served in %s although the releases name it no more since %s: %s", name, f.Environment, stamp(since[k]), when)
			if n := continued[k]; n > 0 {
				f.Text += fmt.Sprintf("; of these %d in sessions that began before", n)
			}
		case NotReleased:
			f.Text = fmt.Sprintf("%s is served%s, and no release names it for that time: %s", name, in(f.Environment), when)
		case noRelease:
			f.Text = fmt.Sprintf("%s is served%s, which has no releases: %s", name, in(f.Environment), when)
		default:
			f.Text = fmt.Sprintf("%s is served%s, and the prompt was never released: %s", name, in(f.Environment), when)
		}
		if f.Kind == Withdrawn || f.Kind == NotReleased {
			j.find(*f)
		} else {
			j.remark(*f)
		}
	}
}

func calls(n int64) string {
	if n == 1 {
		return "1 call"
	}
	return fmt.Sprintf("%d calls", n)
}

func in(environment string) string {
	if environment == "" {
		return ""
	}
	return " in " + environment
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// standing says what is wrong with a version that is served under the release of
// a time, and since when it is not released any more; "" when nothing is.
func (j *judge) standing(p place, version string, at time.Time) (kind string, since time.Time) {
	history := j.history(p)
	if len(history) == 0 {
		everywhere := j.snapshot.Releases(p.prompt)
		switch {
		case len(everywhere) == 0:
			return noReleases, since
		case slices.ContainsFunc(everywhere, func(r registry.Release) bool { return weightOf(r, version) > 0 }):
			return noRelease, since
		}
		return NotReleased, since
	}
	named := false
	for _, r := range history {
		if r.Time.After(at) {
			break
		}
		switch now := weightOf(r, version) > 0; {
		case named && !now:
			since = r.Time
			named = false
		case now:
			named, since = true, time.Time{}
		}
	}
	switch {
	case named && !at.IsZero():
		return "", since
	case since.IsZero():
		return NotReleased, since
	}
	return Withdrawn, since
}

// unresolved finds prompts with too many calls of which the version is not known.
func (j *judge) unresolved() {
	type counts struct {
		calls, unresolved int64
		why               map[string]int64
	}
	byPlace := map[place]*counts{}
	at := func(p place) *counts {
		if byPlace[p] == nil {
			byPlace[p] = &counts{why: map[string]int64{}}
		}
		return byPlace[p]
	}
	for _, v := range j.versions {
		c := at(place{v.Prompt, v.Environment})
		c.calls += v.Calls
		if v.Version == "" {
			c.unresolved += v.Calls
			for _, rung := range v.Resolution {
				c.why[cmp.Or(rung.Reason, rung.Rung, "not stamped")] += rung.Calls
			}
		}
	}
	anonymous := int64(0)
	for _, n := range j.nameless {
		named := false
		for _, prompt := range n.prompts {
			p := placeOf(j.snapshot, prompt, n.environment, "")
			if !j.wanted(p) || j.options.Prompt != "" && j.options.Prompt != prompt {
				continue
			}
			named = true
			c := at(p)
			c.calls += n.calls
			c.unresolved += n.calls
			c.why["ambiguous"] += n.calls
		}
		if !named && (j.options.Environment == "" || j.options.Environment == n.environment) {
			anonymous += n.calls
		}
	}
	for p, c := range byPlace {
		if c.unresolved == 0 {
			continue
		}
		var why []string
		for reason, calls := range c.why {
			why = append(why, fmt.Sprintf("%s %d", reason, calls))
		}
		slices.Sort(why)
		share := float64(c.unresolved) / float64(c.calls)
		f := Finding{Kind: Unresolved, Prompt: p.prompt, Environment: p.environment, Calls: c.unresolved}
		f.Text = fmt.Sprintf("of %d of %d calls of %s (%.3g %%) the version is not known: %s", c.unresolved, c.calls, p, 100*share, strings.Join(why, ", "))
		if share > j.options.Unresolved {
			j.find(f)
		} else {
			j.remark(f)
		}
	}
	if anonymous > 0 && j.options.Prompt == "" {
		j.remark(Finding{Kind: unnamed, Calls: anonymous, Text: fmt.Sprintf("%s of no registered prompt: `spanloop prompt discover` proposes prompts for them", calls(anonymous))})
	}
}

// sort puts findings and remarks in an order that depends on nothing else.
func (j *judge) sort() {
	order := []string{PromptUnknown, VersionUnknown, Withdrawn, NotReleased, NeverSeen, ShareOff, Unresolved}
	for _, list := range [][]Finding{j.report.Findings, j.report.Remarks} {
		slices.SortStableFunc(list, func(x, y Finding) int {
			return cmp.Or(cmp.Compare(slices.Index(order, x.Kind), slices.Index(order, y.Kind)), cmp.Compare(x.Prompt, y.Prompt),
				cmp.Compare(x.Environment, y.Environment), cmp.Compare(x.Version, y.Version), cmp.Compare(x.Kind, y.Kind))
		})
	}
	slices.SortStableFunc(j.report.Served, func(x, y Served) int {
		return cmp.Or(cmp.Compare(x.Prompt, y.Prompt), cmp.Compare(x.Environment, y.Environment), -cmp.Compare(x.Calls, y.Calls), cmp.Compare(x.Version, y.Version))
	})
}
