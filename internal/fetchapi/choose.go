// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package fetchapi

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/spanloop/spanloop/internal/registry"
)

const (
	// maxText bounds names, labels and keys from outside, in bytes.
	maxText = 1024
	// headerKey says whose version is asked for, as the key parameter does.
	headerKey = "Spanloop-Key"
	// defaultLabel is what is asked for without a version and a label.
	defaultLabel = "production"
)

// wish is what a request asks for.
type wish struct {
	name, version, label string
	// key decides who gets which version of a canary: a session, a user.
	key string
	at  time.Time
}

// chosen is the version that answers a request, and the label it was asked by.
type chosen struct {
	snapshot *registry.Snapshot
	prompt   *registry.Prompt
	version  *registry.Version
	label    string
}

// readQuery takes a request's parameters, of which each may stand once. Without
// known, all names are taken.
func readQuery(r *http.Request, known ...string) (url.Values, *failure) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "the query is not well formed")
	}
	for name, values := range query {
		if len(known) > 0 && !slices.Contains(known, name) {
			return nil, refuse(http.StatusBadRequest, "%.40q is no parameter here; there are %q", name, known)
		}
		if len(values) > 1 || len(values[0]) > maxText {
			return nil, refuse(http.StatusBadRequest, "%.40q is given more than once or is longer than 1024 bytes", name)
		}
	}
	return query, nil
}

// readKey is the key of a request: the parameter, else the header.
func readKey(r *http.Request, parameter string) (string, *failure) {
	key := parameter
	if key == "" {
		key = r.Header.Get(headerKey)
	}
	if len(key) > maxText {
		return "", refuse(http.StatusBadRequest, "the key is longer than 1024 bytes")
	}
	return key, nil
}

func readTime(name, text string, otherwise time.Time) (time.Time, *failure) {
	if text == "" {
		return otherwise, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, refuse(http.StatusBadRequest, "%s: %.40q is not a time like 2026-01-31T12:00:00Z", name, text)
	}
	return at, nil
}

func readCount(name, text string, otherwise, most int) (int, *failure) {
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, refuse(http.StatusBadRequest, "%s: %.40q is not a number from 1 to %d", name, text, most)
	}
	return n, nil
}

// open returns the registry as it is now.
func (a *api) open() (*registry.Snapshot, *failure) {
	if snapshot := a.snapshot(); snapshot != nil {
		return snapshot, nil
	}
	return nil, refuse(http.StatusServiceUnavailable, "the registry is not open; try again")
}

// choose finds the version of a request: the one that find knows by the name that
// is asked for, else what the label (by default production) serves at the time.
func (a *api) choose(wanted wish, find func(*registry.Prompt, string) *registry.Version) (chosen, *failure) {
	switch {
	case wanted.name == "":
		return chosen{}, refuse(http.StatusBadRequest, "the prompt's name is missing")
	case len(wanted.name) > maxText:
		return chosen{}, refuse(http.StatusBadRequest, "the prompt's name is longer than 1024 bytes")
	case wanted.version != "" && wanted.label != "":
		return chosen{}, refuse(http.StatusBadRequest, "version and label are both given; give one")
	}
	snapshot, refused := a.open()
	if refused != nil {
		return chosen{}, refused
	}
	p := snapshot.Prompt(wanted.name)
	if p == nil {
		return chosen{}, refuse(http.StatusNotFound, "Prompt not found: %q is not in the registry", wanted.name)
	}
	if wanted.version != "" {
		if v := find(p, wanted.version); v != nil {
			return chosen{snapshot, p, v, ""}, nil
		}
		return chosen{}, refuse(http.StatusNotFound, "Prompt not found: %q has no version %q", wanted.name, wanted.version)
	}
	return a.live(snapshot, p, wanted)
}

// live is what a label serves to the key. Without a key it is drawn by weight.
func (a *api) live(snapshot *registry.Snapshot, p *registry.Prompt, wanted wish) (chosen, *failure) {
	label := wanted.label
	if label == "" {
		label = defaultLabel
	}
	release, ok := snapshot.LiveAt(p.Name, label, wanted.at)
	if !ok {
		return chosen{}, refuse(http.StatusNotFound, "Prompt not found: %q has no release under the label %q; release one (spanloop prompt release) or ask for a version", p.Name, label)
	}
	v := p.Version(a.pick(release, p.Name, wanted.key).Version)
	if v == nil {
		return chosen{}, refuse(http.StatusNotFound, "Prompt not found: the version of %q that %q serves cannot be read (spanloop prompt check says why)", p.Name, label)
	}
	return chosen{snapshot, p, v, label}, nil
}

func (a *api) pick(release registry.Release, prompt, key string) registry.Target {
	if key != "" {
		return release.Assign(prompt, key)
	}
	total := 0.0
	for _, t := range release.Targets {
		total += t.Weight
	}
	at := a.random() * total
	for _, t := range release.Targets[:len(release.Targets)-1] {
		if at -= t.Weight; at < 0 {
			return t
		}
	}
	return release.Targets[len(release.Targets)-1]
}
