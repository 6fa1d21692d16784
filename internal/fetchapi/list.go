// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package fetchapi

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/registry"
)

// listAnswer is a page of the registry's prompts, by name.
type listAnswer struct {
	Schema  string   `json:"schema"`
	Prompts []listed `json:"prompts"`
	// Next is what after is to be for the next page; empty on the last one.
	Next string `json:"next,omitempty"`
}

type listed struct {
	Name        string        `json:"name"`
	Description string        `json:"description,omitempty"`
	Tags        []string      `json:"tags"`
	Versions    []string      `json:"versions"`
	Live        []liveRelease `json:"live"`
}

type liveRelease struct {
	Label   string       `json:"label"`
	Time    time.Time    `json:"time"`
	Targets []liveTarget `json:"targets"`
}

type liveTarget struct {
	Version string  `json:"version"`
	Weight  float64 `json:"weight"`
}

func (a *api) list(w http.ResponseWriter, r *http.Request) {
	query, refused := readQuery(r, "prefix", "tag", "label", "after", "limit")
	if refused != nil {
		refused.write(w)
		return
	}
	limit, refused := readCount("limit", query.Get("limit"), 100, 1000)
	if refused != nil {
		refused.write(w)
		return
	}
	snapshot, refused := a.open()
	if refused != nil {
		refused.write(w)
		return
	}
	out, now := listAnswer{Schema: "spanloop.prompts/1", Prompts: []listed{}}, a.now()
	for _, p := range snapshot.Prompts() {
		if p.Name <= query.Get("after") || !strings.HasPrefix(p.Name, query.Get("prefix")) || !has(p.Tags, query.Get("tag")) {
			continue
		}
		l := newListed(snapshot, p, now)
		if label := query.Get("label"); label != "" && !slices.ContainsFunc(l.Live, func(r liveRelease) bool { return r.Label == label }) {
			continue
		}
		if len(out.Prompts) == limit {
			out.Next = out.Prompts[limit-1].Name
			break
		}
		out.Prompts = append(out.Prompts, l)
	}
	answer(w, r, out)
}

// has is true without a wanted text.
func has(texts []string, wanted string) bool { return wanted == "" || slices.Contains(texts, wanted) }

func newListed(s *registry.Snapshot, p *registry.Prompt, now time.Time) listed {
	out := listed{Name: p.Name, Description: p.Description, Tags: append([]string{}, p.Tags...), Versions: []string{}, Live: []liveRelease{}}
	for _, v := range p.Versions {
		out.Versions = append(out.Versions, v.Version)
	}
	for _, label := range s.Environments(p.Name) {
		release, ok := s.LiveAt(p.Name, label, now)
		if !ok {
			continue
		}
		live := liveRelease{Label: label, Time: release.Time.UTC()}
		for _, t := range release.Targets {
			live.Targets = append(live.Targets, liveTarget{t.Version, t.Weight})
		}
		out.Live = append(out.Live, live)
	}
	return out
}
