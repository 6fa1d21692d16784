// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package fetchapi

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/spanloop/spanloop/internal/registry"
)

// langfuseMeta is a prompt in Langfuse's list.
type langfuseMeta struct {
	Name          string          `json:"name"`
	Type          string          `json:"type"`
	Versions      []int           `json:"versions"`
	Labels        []string        `json:"labels"`
	Tags          []string        `json:"tags"`
	LastUpdatedAt time.Time       `json:"lastUpdatedAt"`
	LastConfig    json.RawMessage `json:"lastConfig"`
}

type langfusePage struct {
	Page       int `json:"page"`
	Limit      int `json:"limit"`
	TotalItems int `json:"totalItems"`
	TotalPages int `json:"totalPages"`
}

func (a *api) langfuseList(w http.ResponseWriter, r *http.Request) {
	query, refused := readQuery(r)
	if refused != nil {
		refused.write(w)
		return
	}
	page, refused := readPage(query)
	if refused != nil {
		refused.write(w)
		return
	}
	data, refused := a.langfuseMetas(query)
	if refused != nil {
		refused.write(w)
		return
	}
	page.TotalItems = len(data)
	page.TotalPages = (page.TotalItems + page.Limit - 1) / page.Limit
	from := min((page.Page-1)*page.Limit, len(data))
	answer(w, r, map[string]any{"data": data[from:min(from+page.Limit, len(data))], "meta": page})
}

func readPage(query url.Values) (langfusePage, *failure) {
	page, refused := readCount("page", query.Get("page"), 1, 1_000_000)
	if refused != nil {
		return langfusePage{}, refused
	}
	limit, refused := readCount("limit", query.Get("limit"), 10, 100)
	return langfusePage{Page: page, Limit: limit}, refused
}

// langfuseMetas are the prompts that Langfuse's clients can fetch and that the
// query asks for.
func (a *api) langfuseMetas(query url.Values) ([]langfuseMeta, *failure) {
	snapshot, refused := a.open()
	if refused != nil {
		return nil, refused
	}
	from, refused := readTime("fromUpdatedAt", query.Get("fromUpdatedAt"), time.Time{})
	if refused != nil {
		return nil, refused
	}
	to, refused := readTime("toUpdatedAt", query.Get("toUpdatedAt"), time.Time{})
	if refused != nil {
		return nil, refused
	}
	out, now := []langfuseMeta{}, a.now()
	for _, p := range snapshot.Prompts() {
		if name := query.Get("name"); name != "" && name != p.Name || !has(p.Tags, query.Get("tag")) {
			continue
		}
		m := newLangfuseMeta(snapshot, p, query.Get("label"), now)
		if len(m.Versions) == 0 || m.LastUpdatedAt.Before(from) || !to.IsZero() && !m.LastUpdatedAt.Before(to) {
			continue
		}
		out = append(out, m)
	}
	return out, nil
}

// newLangfuseMeta sums up the versions that serve a label, or all.
func newLangfuseMeta(s *registry.Snapshot, p *registry.Prompt, label string, now time.Time) langfuseMeta {
	m := langfuseMeta{Name: p.Name, Versions: []int{}, Labels: []string{}, Tags: append([]string{}, p.Tags...)}
	for _, v := range p.Versions {
		number, err := strconv.Atoi(p.Number(v))
		if err != nil || !v.IsMustache() {
			continue
		}
		labels := chosen{snapshot: s, prompt: p, version: v}.labels(now)
		if !has(labels, label) {
			continue
		}
		m.Versions, m.LastUpdatedAt, m.LastConfig, m.Type = append(m.Versions, number), v.Time.UTC(), configOf(v), "chat"
		if v.IsText() {
			m.Type = "text"
		}
		for _, l := range labels {
			if !slices.Contains(m.Labels, l) {
				m.Labels = append(m.Labels, l)
			}
		}
	}
	return m
}
