// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package fetchapi

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/spanloop/spanloop/internal/registry"
)

// maxText bounds names, labels and keys from outside, in bytes.
const maxText = 1024

// chosen is the version that answers a request, and the label it was asked by.
type chosen struct {
	prompt  *registry.Prompt
	version *registry.Version
	label   string
}

// choose finds the version of a request: the one that is named, else what the
// label (by default production) serves at the time. A release with weights is
// shared by key; without a key its heaviest version answers.
func (a *api) choose(name string, query url.Values, at time.Time) (chosen, *failure) {
	if err := checkQuery(name, query); err != nil {
		return chosen{}, err
	}
	snapshot := a.snapshot()
	if snapshot == nil {
		return chosen{}, refuse(http.StatusServiceUnavailable, "the registry is not open; try again")
	}
	p := snapshot.Prompt(name)
	if p == nil {
		return chosen{}, refuse(http.StatusNotFound, fmt.Sprintf("Prompt not found: %q is not in the registry", name))
	}
	if version := query.Get("version"); version != "" {
		if v := p.Version(version); v != nil {
			return chosen{p, v, ""}, nil
		}
		return chosen{}, refuse(http.StatusNotFound, fmt.Sprintf("Prompt not found: %q has no version %q", name, version))
	}
	label := query.Get("label")
	if label == "" {
		label = "production"
	}
	release, ok := snapshot.LiveAt(name, label, at)
	if !ok {
		return chosen{}, refuse(http.StatusNotFound, fmt.Sprintf("Prompt not found: %q has no release under the label %q; release one (spanloop prompt release) or ask for a version", name, label))
	}
	v := p.Version(pick(release, name, query.Get("key")).Version)
	if v == nil {
		return chosen{}, refuse(http.StatusNotFound, fmt.Sprintf("Prompt not found: the version of %q that %q serves cannot be read (spanloop prompt check says why)", name, label))
	}
	return chosen{p, v, label}, nil
}

func checkQuery(name string, query url.Values) *failure {
	if len(name) > maxText {
		return refuse(http.StatusBadRequest, "the prompt's name is longer than 1024 bytes")
	}
	for key, values := range query {
		if len(values) > 1 || len(values[0]) > maxText {
			return refuse(http.StatusBadRequest, fmt.Sprintf("%.40q is given more than once or is longer than 1024 bytes", key))
		}
	}
	if query.Get("version") != "" && query.Get("label") != "" {
		return refuse(http.StatusBadRequest, "version and label are both given; give one")
	}
	return nil
}

func pick(release registry.Release, prompt, key string) registry.Target {
	if key != "" {
		return release.Assign(prompt, key)
	}
	return slices.MaxFunc(release.Targets, func(x, y registry.Target) int {
		switch {
		case x.Weight < y.Weight:
			return -1
		case x.Weight > y.Weight:
			return 1
		}
		return 0
	})
}

func versionsOf(release registry.Release) []string {
	var out []string
	for _, t := range release.Targets {
		out = append(out, t.Version)
	}
	return out
}
