// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package serving compares what production serves, as the spans of a dataset
// show it, with what the registry's releases say it should.
package serving

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/traffic"
)

// ErrNotSeen says that no production call is of the environment that was asked for.
var ErrNotSeen = errors.New("no production call")

// What may be assigned to a version as a whole, beside KeyWidest.
const (
	KeyUser    = "user"
	KeySession = "session"
	KeyTrace   = "trace"
	// KeyInstance is the process, which draws for all when it fetches without a key.
	KeyInstance = "instance"
	// KeyWidest is the user where the span names one, else the session, else the
	// trace: a version that is drawn for less is drawn for the first call of it too.
	KeyWidest = "widest"
)

// Keys are the keys that traffic may be assigned by.
func Keys() []string { return []string{KeyWidest, KeyUser, KeySession, KeyTrace, KeyInstance} }

// Options say what to look at, and what to call a finding.
type Options struct {
	// Prompt and Environment are empty for all.
	Prompt, Environment string
	// Since is the first moment, Until the first one after; zero is open.
	Since, Until time.Time
	// Now is when a release without a successor ends.
	Now time.Time
	// Grace is how long after a release the version before may still be served.
	Grace time.Duration
	// Key is one of the Key constants; empty means KeyWidest.
	Key string
	// Alpha is the probability of a finding about shares while all are as released.
	Alpha float64
	// Margin is by how much a share may be off without being a finding.
	Margin float64
	// Unresolved is the part of a prompt's calls that may be unresolved.
	Unresolved float64
}

// Kinds of findings.
const (
	NotReleased        = "not_released"
	Withdrawn          = "withdrawn"
	NeverSeen          = "never_seen"
	ShareOff           = "share"
	Unresolved         = "unresolved"
	VersionUnknown     = "version_unknown"
	PromptUnknown      = "prompt_unknown"
	noReleases         = "no_releases"
	noRelease          = "no_release"
	noCalls            = "no_calls"
	tooFew             = "too_few"
	unnamed            = "unnamed"
	unresolvedVersions = "unresolved_share"
)

// Finding is one thing that is not as the releases say, or a remark about what
// could not be told.
type Finding struct {
	Kind        string `json:"kind"`
	Prompt      string `json:"prompt,omitempty"`
	Environment string `json:"environment,omitempty"`
	Version     string `json:"version,omitempty"`
	Calls       int64  `json:"calls,omitempty"`
	Text        string `json:"text"`
}

// Served is one version of a prompt in one environment.
type Served struct {
	Prompt string `json:"prompt"`
	// Environment is the one of the releases that the calls were served by: the
	// label that they asked for, else the environment of the span; "" for neither.
	Environment string `json:"environment"`
	// Version is empty for calls of which it is not known.
	Version string `json:"version"`
	Calls   int64  `json:"calls"`
	Traces  int64  `json:"traces"`
	// Percent is the part of the prompt's calls in the environment.
	Percent float64 `json:"percent"`
	// Weight is what the release that was live at the end of the window gives the
	// version, in percent; nil when there was none.
	Weight    *float64   `json:"weight"`
	FirstSeen *time.Time `json:"first_seen"`
	LastSeen  *time.Time `json:"last_seen"`
	// Resolution counts the calls by rung.
	Resolution []Rung `json:"resolution"`
}

// Rung is a rung of the resolution with its calls.
type Rung struct {
	Rung   string `json:"rung"`
	Reason string `json:"reason,omitempty"`
	Calls  int64  `json:"calls"`
}

// Share is the test of one version's share under one release.
type Share struct {
	Prompt      string    `json:"prompt"`
	Environment string    `json:"environment"`
	Version     string    `json:"version"`
	From        time.Time `json:"from"`
	Until       time.Time `json:"until"`
	// Weight is the released share, Share the one of the keys that began under the
	// release, with its interval; all of 1.
	Weight float64 `json:"weight"`
	Share  float64 `json:"share"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	// Keys are the users, sessions or traces that count, of which ThisVersion got
	// this version; Unresolved are further ones whose version is not known.
	Keys        int64 `json:"keys"`
	ThisVersion int64 `json:"this_version"`
	Unresolved  int64 `json:"unresolved"`
	// Dispersion is how much more the share varies over time, or stands in longer
	// runs, than chance allows; as much less do keys count.
	Dispersion float64 `json:"dispersion"`
	P          float64 `json:"p"`
	PAdjusted  float64 `json:"p_adjusted"`
	Off        bool    `json:"off"`
}

// Report is what is served.
type Report struct {
	Prompt      string     `json:"prompt,omitempty"`
	Environment string     `json:"environment,omitempty"`
	Since       *time.Time `json:"since"`
	Until       *time.Time `json:"until"`
	// ClusteredBy is the key of Options; shares count these, not calls.
	ClusteredBy string    `json:"clustered_by"`
	Alpha       float64   `json:"alpha"`
	Margin      float64   `json:"margin"`
	Grace       string    `json:"grace"`
	Calls       int64     `json:"calls"`
	Served      []Served  `json:"served"`
	Shares      []Share   `json:"shares"`
	Findings    []Finding `json:"findings"`
	Remarks     []Finding `json:"remarks"`
	ExitCode    int       `json:"exit_code"`
}

// Run reads the calls and judges them.
func Run(ctx context.Context, db traffic.Querier, s *registry.Snapshot, o Options) (*Report, error) {
	if o.Key == "" {
		o.Key = KeyWidest
	}
	r := &Report{
		Prompt: o.Prompt, Environment: o.Environment, Since: given(o.Since), Until: given(o.Until), ClusteredBy: o.Key, Alpha: o.Alpha, Margin: o.Margin,
		Grace: o.Grace.String(), Served: []Served{}, Shares: []Share{}, Findings: []Finding{}, Remarks: []Finding{},
	}
	j := &judge{report: r, options: o, snapshot: s, reader: &reader{db: db, options: o}}
	if err := j.read(ctx); err != nil {
		return nil, err
	}
	j.served()
	j.placed()
	j.unresolved()
	j.shares()
	j.sort()
	switch {
	case len(r.Findings) > 0:
		r.ExitCode = 1
	case r.Calls == 0:
		r.ExitCode = 3
	}
	return r, nil
}

func given(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// place is a prompt in an environment of its releases.
type place struct{ prompt, environment string }

// placeOf is the release environment that a call was served by: the label it asked
// for when that is one, else the environment of its span.
func placeOf(s *registry.Snapshot, prompt, environment, label string) place {
	for _, name := range []string{label, environment} {
		if known := released(s, prompt, name); known != "" {
			return place{prompt, known}
		}
	}
	if environment == "" {
		environment = label
	}
	return place{prompt, environment}
}

// released is the environment of a prompt's releases that a name stands for, in
// either of its spellings; empty for none.
func released(s *registry.Snapshot, prompt, name string) string {
	if name == "" || strings.EqualFold(name, "latest") && !s.HasEnvironment(prompt, name) {
		return ""
	}
	for _, r := range s.Releases(prompt) {
		if live, ok := s.LiveAt(prompt, name, r.Time); ok {
			return live.Environment
		}
	}
	return ""
}

func (p place) String() string {
	if p.environment == "" {
		return p.prompt
	}
	return fmt.Sprintf("%s in %s", p.prompt, p.environment)
}
