// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultInterval is how often a Store looks for changes.
const DefaultInterval = 2 * time.Second

// Store keeps a registry directory live: it reads it again when files change.
// A prompt, partial or tool in which an edit breaks something stays as it was
// before the edit, and everything else moves on.
type Store struct {
	loader   *loader
	interval time.Duration
	logger   func(Problem)
	ticks    <-chan time.Time

	live     atomic.Pointer[Snapshot]
	mu       sync.Mutex
	problems []Problem
	// accepted are the problems that each live unit has had since it was read.
	accepted map[string]map[string]bool
	known    map[string]bool

	stop chan struct{}
	done sync.WaitGroup
	once sync.Once
}

// Option changes how a Store works.
type Option func(*Store)

// WithInterval sets how often the directory is looked at; one so large that this
// takes more than a twentieth of the time is looked at less often.
func WithInterval(d time.Duration) Option { return func(s *Store) { s.interval = d } }

// WithLogger has a function called once for each new problem, from the Store's
// goroutine (and from Open for the first ones).
func WithLogger(f func(Problem)) Option { return func(s *Store) { s.logger = f } }

// withTicks replaces the clock in tests.
func withTicks(ticks <-chan time.Time) Option { return func(s *Store) { s.ticks = ticks } }

// Open reads a registry directory and keeps it live until Close. A directory
// that does not exist is a problem, not an error: it is read when it appears.
func Open(dir string, opts ...Option) (*Store, error) {
	if dir == "" {
		return nil, errors.New("registry: the path is empty")
	}
	s := &Store{loader: newLoader(dir), interval: DefaultInterval, logger: func(Problem) {}, stop: make(chan struct{}), known: map[string]bool{}}
	for _, opt := range opts {
		opt(s)
	}
	if s.interval <= 0 {
		return nil, errors.New("registry: the interval must be above zero")
	}
	s.adopt(s.loader.load())
	s.done.Go(s.watch)
	return s, nil
}

// Snapshot returns the live state.
func (s *Store) Snapshot() *Snapshot { return s.live.Load() }

// Problems returns what is wrong in the directory now.
func (s *Store) Problems() []Problem {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.problems)
}

// Close ends the watching. The last snapshot stays usable.
func (s *Store) Close() error {
	s.once.Do(func() { close(s.stop) })
	s.done.Wait()
	return nil
}

// maxShare is how much of the time may go into looking for changes: one part in
// so many. A very large registry is looked at less often than the interval says.
const maxShare = 20

func (s *Store) watch() {
	ticks := s.ticks
	var timer *time.Timer
	if ticks == nil {
		timer = time.NewTimer(s.interval)
		defer timer.Stop()
		ticks = timer.C
	}
	for {
		select {
		case <-s.stop:
			return
		case <-ticks:
			start := time.Now()
			if next, changed := s.loader.reload(false); changed {
				s.adopt(next)
			}
			if timer != nil {
				timer.Reset(max(s.interval, maxShare*time.Since(start)))
			}
		}
	}
}

// adopt makes a snapshot live, except for the units that its edit broke.
func (s *Store) adopt(next *Snapshot) {
	old := s.live.Load()
	found := problemsByUnit(next.problems)
	if old != nil {
		kept := s.keepBroken(old, next, found)
		if kept {
			next.index()
		}
	} else {
		s.accepted = found
	}
	s.live.Store(next)
	s.mu.Lock()
	s.problems = next.problems
	s.mu.Unlock()
	for _, p := range next.problems {
		if key := p.String(); !s.known[key] {
			s.logger(p)
		}
	}
	clear(s.known)
	for _, p := range next.problems {
		s.known[p.String()] = true
	}
}

// problemsByUnit holds the errors of each unit, without their lines: a line
// that moves is no new problem.
func problemsByUnit(problems []Problem) map[string]map[string]bool {
	units := map[string]map[string]bool{}
	for _, p := range problems {
		if p.Warning || p.unit == "" {
			continue
		}
		if units[p.unit] == nil {
			units[p.unit] = map[string]bool{}
		}
		units[p.unit][p.File+"\x00"+p.Reason] = true
	}
	return units
}

// keepBroken moves units with new problems from the old snapshot to the next
// and reports whether there were any.
func (s *Store) keepBroken(old, next *Snapshot, found map[string]map[string]bool) bool {
	kept := false
	accepted := maps.Clone(found)
	for unit, problems := range found {
		if !hasNew(problems, s.accepted[unit]) {
			continue
		}
		accepted[unit] = s.accepted[unit]
		kept = next.keep(old, unit) || kept
	}
	s.accepted = accepted
	return kept
}

func hasNew(problems, accepted map[string]bool) bool {
	for p := range problems {
		if !accepted[p] {
			return true
		}
	}
	return false
}

// keep takes one unit over from an older snapshot.
func (s *Snapshot) keep(old *Snapshot, unit string) bool {
	if unit == wholeRegistry {
		s.prompts, s.partials, s.tools, s.releases = old.prompts, old.partials, old.tools, old.releases
		return true
	}
	folder, name, _ := strings.Cut(unit, "/")
	switch folder {
	case partialsFolder:
		return keepOne(s.partials, old.partials, name)
	case toolsFolder:
		return keepOne(s.tools, old.tools, name)
	}
	if releases, ok := old.releases[name]; ok {
		s.releases[name] = releases
	}
	return keepOne(s.prompts, old.prompts, name)
}

func keepOne[T any](into, from map[string]T, name string) bool {
	value, ok := from[name]
	if ok {
		into[name] = value
	}
	return ok
}
