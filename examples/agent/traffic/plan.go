// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package traffic makes the example's sessions: who asks what, when on a
// simulated calendar, and which incidents happen on the way.
package traffic

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/spanloop/spanloop/examples/agent/support"
	"github.com/spanloop/spanloop/internal/registry"
)

// Days on which the incidents of the scenario begin, counted from 1. The canary
// is no incident: it begins when the registry's release says.
const (
	// BroadDay is when the description of search_docs begins to claim every
	// question, with the prompt unchanged.
	BroadDay = 8
	// SwitchDay is when the provider begins to answer from another model.
	SwitchDay = 11
)

// Shares of the sessions by how their spans name the prompt; the rest names the
// version.
const (
	labelShare   = 0.10
	nothingShare = 0.06
	// noteShare is how many sessions end with a hand-over note, whose prompt is
	// in no registry.
	noteShare = 0.15
)

// Config says what traffic to make.
type Config struct {
	Sessions int
	Seed     uint64
	// From is the first day (UTC midnight); Days how many there are.
	From time.Time
	Days int
	// Steady leaves the incidents out.
	Steady bool
}

func (c Config) check() error {
	switch {
	case c.Sessions < 1:
		return errors.New("at least one session is needed")
	case c.Days < 1:
		return errors.New("at least one day is needed")
	}
	return nil
}

// day is the start of a day, counted from 1.
func (c Config) day(n int) time.Time { return c.From.AddDate(0, 0, n-1) }

// Session is one customer's visit.
type Session struct {
	ID        string
	Start     time.Time
	Version   string
	Naming    support.Naming
	Customer  string
	Tier      string
	Questions []string
	// Think is how long the customer thinks before each question but the first.
	Think []time.Duration
	// Broad offers the broad description of search_docs.
	Broad bool
	// Note ends the session with a hand-over note.
	Note bool
	// Seed makes the session's ids.
	Seed uint64
}

// Plan lays out the sessions in order of time. It depends on the configuration
// and the registry's releases only.
func Plan(c Config, snapshot *registry.Snapshot) ([]Session, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(c.Seed, 0x7370616e6c6f6f70))
	sessions := make([]Session, c.Sessions)
	for i := range sessions {
		s := &sessions[i]
		s.Seed = rng.Uint64()
		s.ID = fmt.Sprintf("session-%016x", rng.Uint64())
		s.Start = c.moment((float64(i) + rng.Float64()) / float64(c.Sessions))
		s.customer(rng)
		s.Naming = naming(rng)
		s.Note = rng.Float64() < noteShare
		s.Broad = !c.Steady && !s.Start.Before(c.day(BroadDay))
		var err error
		if s.Version, err = support.VersionFor(snapshot, s.ID, s.Start); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(sessions, func(a, b Session) int { return a.Start.Compare(b.Start) })
	return sessions, nil
}

// moment maps a share of the whole span of time to a moment: the days are alike,
// and each is busiest at 14:00 UTC and quietest at night.
func (c Config) moment(share float64) time.Time {
	position := share * float64(c.Days)
	day := min(int(position), c.Days-1)
	return c.day(day + 1).Add(time.Duration(hourOf(position-float64(day)) * float64(time.Hour)))
}

// hourly is the relative traffic of each hour of a day.
var hourly = [24]float64{1, 1, 1, 1, 1, 1, 2, 4, 6, 8, 9, 9, 9, 10, 10, 10, 9, 9, 8, 7, 6, 4, 2, 1}

// hourOf is the hour by which that share of a day's traffic has come in.
func hourOf(share float64) float64 {
	total := 0.0
	for _, weight := range hourly {
		total += weight
	}
	left := share * total
	for hour, weight := range hourly {
		if left < weight {
			return float64(hour) + left/weight
		}
		left -= weight
	}
	return 24
}

func naming(rng *rand.Rand) support.Naming {
	switch p := rng.Float64(); {
	case p < labelShare:
		return support.NameLabel
	case p < labelShare+nothingShare:
		return support.NameNothing
	}
	return support.NameVersion
}

// Variables are the values of the session's prompt variables.
func (s *Session) Variables() []support.Variable {
	return []support.Variable{
		{Name: "customer_name", Value: s.Customer},
		{Name: "tier", Value: s.Tier},
		{Name: "today", Value: s.Start.Format(time.DateOnly)},
	}
}
