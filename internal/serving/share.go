// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/stats"
)

// term is the time of one release, with the keys that began in it.
type term struct {
	bound
	release registry.Release
	// by counts keys by version and block; unknown ones are those without a version.
	by      map[string]*[blocks + 1]float64
	unknown int64
	// changes counts the keys whose version is another one than that of the key before.
	changes map[[2]string]float64
	// minutes are those in which keys began.
	minutes int64
}

// terms are the releases under which keys began, in order.
func (j *judge) terms() []*term {
	index := map[bound]*term{}
	var out []*term
	for _, t := range j.tallies {
		at := slices.IndexFunc(j.bounds, func(b bound) bool { return b.place == t.place && b.at.Truncate(time.Microsecond).Equal(t.at) })
		if at < 0 {
			continue
		}
		b := j.bounds[at]
		if index[b] == nil {
			release, _ := j.snapshot.LiveAt(t.prompt, t.environment, b.at)
			index[b] = &term{bound: b, release: release, by: map[string]*[blocks + 1]float64{}, changes: map[[2]string]float64{}}
			index[b].minutes = j.minutes[bound{place: b.place, at: t.at}]
			out = append(out, index[b])
		}
		if t.before.Valid && t.before.String != t.version {
			before, _ := j.canonical(t.prompt, t.before.String)
			after, _ := j.canonical(t.prompt, t.version)
			index[b].changes[[2]string{before, after}] += float64(t.keys)
		}
		if t.version == "" {
			index[b].unknown += t.keys
			continue
		}
		version, _ := j.canonical(t.prompt, t.version)
		if index[b].by[version] == nil {
			index[b].by[version] = &[blocks + 1]float64{}
		}
		index[b].by[version][t.block] += float64(t.keys)
	}
	return out
}

// shares tests the share of every released version under each release, at one
// error rate over all (Holm 1979), and finds versions that never came.
func (j *judge) shares() {
	terms := j.terms()
	unseen := j.neverSeen(terms)
	var tests []Share
	for _, t := range terms {
		for _, target := range tested(t.release.Targets) {
			if !unseen[versionAt{t.place, target.Version}] {
				tests = append(tests, j.test(t, target.Version))
			}
		}
	}
	p := make([]float64, len(tests))
	for i := range tests {
		p[i] = tests[i].P
	}
	for i, adjusted := range stats.Holm(p) {
		s := &tests[i]
		s.PAdjusted = adjusted
		off := math.Abs(s.Share-s.Weight) > min(j.options.Margin, s.Weight/2, (1-s.Weight)/2)
		s.Off = adjusted < j.options.Alpha && off
		if s.Off {
			j.find(j.off(s))
		}
	}
	j.report.Shares = append(j.report.Shares, tests...)
}

// tested are the targets whose shares say it all: of two the lighter one, since the
// other has the rest.
func tested(targets []registry.Target) []registry.Target {
	switch {
	case len(targets) < 2:
		return nil
	case len(targets) > 2:
		return targets
	case targets[0].Weight < targets[1].Weight:
		return targets[:1]
	}
	return targets[1:]
}

// off says that a share is not its weight.
func (j *judge) off(s *Share) Finding {
	text := fmt.Sprintf("%s@%s gets %.1f %% of the %s in %s (%d of %d, %s interval %.1f to %.1f %%), released are %.4g %% (p %.2g)", s.Prompt, s.Version, 100*s.Share,
		keyNoun(j.options.Key), s.Environment, s.ThisVersion, s.Keys, "exact", 100*s.Low, 100*s.High, 100*s.Weight, s.PAdjusted)
	if s.Unresolved > 0 {
		text += fmt.Sprintf("; also if all of %d more of unknown version counted for the release", s.Unresolved)
	}
	return Finding{Kind: ShareOff, Prompt: s.Prompt, Environment: s.Environment, Version: s.Version, Text: text}
}

// keyNoun is what a key stands for, in plural.
func keyNoun(key string) string {
	switch key {
	case KeyInstance:
		return "instances"
	case KeyUser, KeyWidest:
		return "users, sessions or traces"
	case KeySession:
		return "sessions"
	}
	return "traces"
}

// test compares one version's share with its weight. Keys of which the version is
// not known are given to whichever side speaks for the release.
func (j *judge) test(t *term, version string) Share {
	s := Share{
		Prompt: t.prompt, Environment: t.environment, Version: version, From: t.at.UTC(), Until: j.end().UTC(), Weight: weightOf(t.release, version),
		Unresolved: t.unknown,
	}
	if !t.next.IsZero() && t.next.Before(j.end()) {
		s.Until = t.next.UTC()
	}
	var own, all [blocks + 1]float64
	for _, target := range t.release.Targets {
		counts := t.by[target.Version]
		if counts == nil {
			continue
		}
		for b, keys := range counts {
			all[b] += keys
			s.Keys += int64(keys)
			if target.Version == version {
				own[b] += keys
				s.ThisVersion += int64(keys)
			}
		}
	}
	k, n, unknown := float64(s.ThisVersion), float64(s.Keys), float64(t.unknown)
	changes := 0.0
	for c, times := range t.changes {
		if (c[0] == version) != (c[1] == version) {
			changes += times
		}
	}
	s.Dispersion = max(stats.Dispersion(own[:], all[:]), stats.Clumping(k, n, changes))
	s.Low, s.High = stats.ClopperPearson(k/s.Dispersion, n/s.Dispersion, j.options.Alpha)
	if n > 0 {
		s.Share = k / n
	}
	below := s.Share < s.Weight
	if below {
		k += unknown
	}
	n += unknown
	s.P = 1
	if below == (k < s.Weight*n) {
		s.P = stats.BinomialTwoSided(k/s.Dispersion, n/s.Dispersion, s.Weight)
	}
	return s
}

// versionAt is a version in a place.
type versionAt struct {
	place
	version string
}

// neverSeen returns the released versions that no call has, and finds those of which
// chance does not explain it, given how many keys began under their releases.
func (j *judge) neverSeen(terms []*term) map[versionAt]bool {
	seen := map[versionAt]bool{}
	for _, v := range j.versions {
		name, _ := j.canonical(v.Prompt, v.Version)
		seen[versionAt{place{v.Prompt, v.Environment}, name}] = true
	}
	type chance struct {
		log           float64
		keys, unknown int64
	}
	chances := map[versionAt]*chance{}
	var order []versionAt
	for _, t := range terms {
		keys := 0.0
		for _, counts := range t.by {
			for _, n := range counts {
				keys += n
			}
		}
		for _, target := range t.release.Targets {
			k := versionAt{t.place, target.Version}
			if seen[k] {
				continue
			}
			if chances[k] == nil {
				chances[k] = &chance{}
				order = append(order, k)
			}
			c := chances[k]
			c.keys += int64(keys)
			c.unknown += t.unknown
			if keys > 0 {
				// Applications that fetch without a key keep what they got for a minute.
				c.log += min(keys, float64(t.minutes)) * math.Log1p(-weightOf(t.release, target.Version))
			}
		}
	}
	unseen := map[versionAt]bool{}
	for _, k := range order {
		unseen[k] = true
		c := chances[k]
		p := min(1, float64(len(order))*math.Exp(c.log))
		f := Finding{Kind: NeverSeen, Prompt: k.prompt, Environment: k.environment, Version: k.version}
		name := k.prompt + "@" + k.version
		switch {
		case c.keys > 0 && c.unknown == 0 && p < j.options.Alpha:
			f.Text = fmt.Sprintf("%s is released in %s, and none of %d %s got it (by chance: p %.2g)", name, k.environment, c.keys, keyNoun(j.options.Key), p)
			j.find(f)
		case c.unknown > 0:
			f.Text = fmt.Sprintf("%s is released in %s and was not seen, which %d %s of unknown version may explain", name, k.environment, c.unknown, keyNoun(j.options.Key))
			f.Kind = unresolvedVersions
			j.remark(f)
		default:
			f.Text = fmt.Sprintf("%s is released in %s and was not seen yet: %d %s are too few to tell (by chance: p %.2g)", name, k.environment, c.keys, keyNoun(j.options.Key), p)
			f.Kind = tooFew
			j.remark(f)
		}
	}
	return unseen
}
