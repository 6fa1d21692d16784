// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// NewRelease is a change of what an environment serves.
type NewRelease struct {
	Environment string
	Targets     []Target
	Author      string
	Reason      string
	// ReviewedBy names who reviewed the release; a protected label needs
	// somebody other than the author.
	ReviewedBy string
	// Time is when the release takes effect; zero for now.
	Time time.Time
}

type releaseFile struct {
	Environment string       `yaml:"environment"`
	Time        string       `yaml:"time"`
	Author      string       `yaml:"author,omitempty"`
	Reason      string       `yaml:"reason,omitempty"`
	Targets     []targetFile `yaml:"targets"`
}

type targetFile struct {
	Version string  `yaml:"version"`
	Weight  float64 `yaml:"weight"`
	Hash    string  `yaml:"hash,omitempty"`
}

// AddRelease appends to a prompt's history of releases and pins the content of
// the released versions. What it returns is what was written.
func AddRelease(dir, prompt string, r NewRelease) (Release, error) {
	if err := CheckName(prompt); err != nil {
		return Release{}, fmt.Errorf("registry: prompt %w", err)
	}
	f, err := openFolder(dir)
	if err != nil {
		return Release{}, err
	}
	defer f.close()
	snapshot, _ := f.read(ofPrompt(prompt))
	p, err := releasable(snapshot, prompt)
	if err != nil {
		return Release{}, err
	}
	if slices.Contains(p.ProtectedLabels, r.Environment) && (r.ReviewedBy == "" || r.ReviewedBy == r.Author) {
		return Release{}, fmt.Errorf("registry: %s of prompt %s is protected: a release needs a reviewer who is not its author", show(r.Environment), prompt)
	}
	if r.ReviewedBy != "" {
		r.Reason = strings.TrimSpace(r.Reason + " (reviewed by " + r.ReviewedBy + ")")
	}
	return f.appendRelease(snapshot, p, r)
}

// Rollback releases again what an environment served before its current
// targets. It asks for no reviewer: those targets were released before.
func Rollback(dir, prompt, environment, author, reason string, now time.Time) (Release, error) {
	if err := CheckName(prompt); err != nil {
		return Release{}, fmt.Errorf("registry: prompt %w", err)
	}
	f, err := openFolder(dir)
	if err != nil {
		return Release{}, err
	}
	defer f.close()
	snapshot, _ := f.read(ofPrompt(prompt))
	p, err := releasable(snapshot, prompt)
	if err != nil {
		return Release{}, err
	}
	current, ok := snapshot.LiveAt(prompt, environment, now)
	if !ok {
		return Release{}, fmt.Errorf("registry: prompt %s has no release in %s to roll back", prompt, show(environment))
	}
	previous, ok := previousTargets(snapshot.Releases(prompt), current)
	if !ok {
		return Release{}, fmt.Errorf("registry: %s of prompt %s never served anything else", show(current.Environment), prompt)
	}
	if reason == "" {
		reason = "rollback to the release of " + previous.Time.UTC().Format(time.RFC3339)
	}
	next := NewRelease{Environment: current.Environment, Targets: previous.Targets, Author: author, Reason: reason, Time: now}
	return f.appendRelease(snapshot, p, next)
}

// previousTargets is the last release before the current one with other targets.
func previousTargets(history []Release, current Release) (Release, bool) {
	passed := false
	for i := len(history) - 1; i >= 0; i-- {
		r := history[i]
		if r.Environment != current.Environment {
			continue
		}
		if !passed {
			passed = r.Time.Equal(current.Time) && sameTargets(r.Targets, current.Targets)
			continue
		}
		if !sameTargets(r.Targets, current.Targets) {
			return r, true
		}
	}
	return Release{}, false
}

func sameTargets(a, b []Target) bool {
	return slices.EqualFunc(a, b, func(x, y Target) bool { return x.Version == y.Version && x.Weight == y.Weight })
}

// releasable refuses to build on a prompt whose files are broken.
func releasable(snapshot *Snapshot, prompt string) (*Prompt, error) {
	for _, p := range snapshot.problems {
		if !p.Warning && (p.unit == promptsFolder+"/"+prompt || p.unit == wholeRegistry) {
			return nil, fmt.Errorf("registry: repair this first: %s", p)
		}
	}
	p := snapshot.Prompt(prompt)
	if p == nil {
		return nil, fmt.Errorf("registry: there is no prompt %s", show(prompt))
	}
	return p, nil
}

func (f *folder) appendRelease(snapshot *Snapshot, p *Prompt, r NewRelease) (Release, error) {
	if r.Time.IsZero() {
		r.Time = time.Now()
	}
	added := Release{Environment: r.Environment, Time: r.Time.UTC(), Author: r.Author, Reason: r.Reason}
	entry := releaseFile{Environment: r.Environment, Time: stamp(r.Time), Author: r.Author, Reason: r.Reason}
	for _, target := range r.Targets {
		v := p.Version(target.Version)
		if v == nil {
			return Release{}, fmt.Errorf("registry: prompt %s has no version %s", p.Name, show(target.Version))
		}
		if target.Weight == 0 && len(r.Targets) == 1 {
			target.Weight = 100
		}
		entry.Targets = append(entry.Targets, targetFile{v.Version, target.Weight, v.Hash})
		added.Targets = append(added.Targets, Target{v.Version, target.Weight, v.Hash})
	}
	for _, before := range snapshot.Releases(p.Name) {
		if before.Environment == r.Environment && r.Time.Before(before.Time) {
			return Release{}, fmt.Errorf("registry: %s of prompt %s was released at %s already: the history only grows", show(r.Environment), p.Name, stamp(before.Time))
		}
	}
	file := f.releasePath(p.Name)
	history, err := f.root.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return Release{}, fmt.Errorf("registry: %w", err)
	}
	if len(history) > 0 && history[len(history)-1] != '\n' {
		history = append(history, '\n')
	}
	history = append(history, encode([]releaseFile{entry})...)
	if _, err := parseReleases(history); err != nil {
		return Release{}, fmt.Errorf("registry: release of prompt %s: %w", p.Name, err)
	}
	return added, f.replace(file, history)
}

// releasePath is the file of a prompt's releases: the one that exists, in either
// spelling.
func (f *folder) releasePath(prompt string) string {
	base := path.Join(releasesFolder, prompt)
	if _, err := f.root.Lstat(base + ".yml"); err == nil {
		return base + ".yml"
	}
	return base + ".yaml"
}
