// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package sources

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var agenta = system{
	name: "agenta", address: "https://cloud.agenta.ai", addressVars: []string{"AGENTA_HOST"},
	login: key("Authorization", "ApiKey ", "AGENTA_API_KEY"),
	open:  func(c *client) fetch { return agentaReader{c}.prompts },
}

type agentaReader struct{ c *client }

type agentaApplication struct {
	ID          string          `json:"id"`
	Slug        string          `json:"slug"`
	Name        text            `json:"name"`
	Description text            `json:"description"`
	Tags        json.RawMessage `json:"tags"`
}

type agentaRevision struct {
	ID          string `json:"id"`
	Version     text   `json:"version"`
	VariantID   text   `json:"application_variant_id"`
	OtherID     text   `json:"variant_id"`
	VariantSlug text   `json:"application_variant_slug"`
	OtherSlug   text   `json:"variant_slug"`
	Author      text   `json:"author"`
	CreatedBy   text   `json:"created_by_id"`
	Date        text   `json:"date"`
	CreatedAt   text   `json:"created_at"`
	Message     text   `json:"message"`
	Data        struct {
		Parameters json.RawMessage `json:"parameters"`
		References map[string]map[string]struct {
			ID      text `json:"id"`
			Version text `json:"version"`
		} `json:"references"`
	} `json:"data"`
	EnvironmentID   text `json:"environment_id"`
	EnvironmentSlug text `json:"environment_slug"`
	ArtifactSlug    text `json:"artifact_slug"`
}

func (r *agentaRevision) variant() string {
	if r.VariantID != "" {
		return string(r.VariantID)
	}
	return string(r.OtherID)
}

func (r *agentaRevision) author() string {
	if r.Author != "" {
		return string(r.Author)
	}
	return string(r.CreatedBy)
}

func (r *agentaRevision) time() time.Time {
	if t := parseTime(string(r.Date)); !t.IsZero() {
		return t
	}
	return parseTime(string(r.CreatedAt))
}

const agentaPage = 100

// agentaQuery reads a list whose next page begins after the id of its last row.
func agentaQuery[T any](ctx context.Context, c *client, path, member string, body map[string]any, id func(*T) string) ([]T, error) {
	paged := pages{c: c, what: path}
	var all []T
	windowing := map[string]any{"limit": agentaPage, "order": "ascending"}
	for {
		body["windowing"] = windowing
		var answer map[string]json.RawMessage
		if err := c.post(ctx, path, nil, body, &answer); err != nil {
			return nil, err
		}
		var page []T
		if !isNull(answer[member]) {
			if err := json.Unmarshal(answer[member], &page); err != nil {
				return nil, c.masked(fmt.Errorf("%s: POST %s: %w", c.system, path, nonsense(answer[member], err)))
			}
		}
		all = append(all, page...)
		if len(page) < agentaPage {
			return all, nil
		}
		last := id(&page[len(page)-1])
		if err := paged.next(last); err != nil {
			return nil, err
		}
		windowing["next"] = last
	}
}

func (r agentaReader) prompts(ctx context.Context, wanted func(string) bool) list {
	return func(yield func(*Prompt, error) bool) {
		applications, err := agentaQuery(ctx, r.c, "/api/applications/query", "applications", map[string]any{}, func(a *agentaApplication) string { return a.ID })
		var deployed map[string][]Label
		if err == nil {
			deployed, err = r.deployed(ctx)
		}
		if err != nil {
			yield(nil, err)
			return
		}
		for i := range applications {
			a := &applications[i]
			revisions, err := agentaQuery(ctx, r.c, "/api/applications/revisions/query", "application_revisions",
				map[string]any{"application_refs": []map[string]string{{"id": a.ID}}}, func(r *agentaRevision) string { return r.ID })
			if err != nil {
				yield(nil, err)
				return
			}
			for _, p := range agentaPrompts(a, revisions, deployed) {
				if wanted(p.Name) && !yield(p, nil) {
					return
				}
			}
		}
	}
}

// deployed are the environments by the revision that each serves now.
func (r agentaReader) deployed(ctx context.Context) (map[string][]Label, error) {
	revisions, err := agentaQuery(ctx, r.c, "/api/environments/revisions/query", "environment_revisions", map[string]any{}, func(r *agentaRevision) string { return r.ID })
	if err != nil && !notFound(err) {
		return nil, err
	}
	newest := map[string]*agentaRevision{}
	for i := range revisions {
		e := &revisions[i]
		name := string(e.EnvironmentSlug)
		if name == "" {
			name = string(e.ArtifactSlug)
		}
		if name == "" {
			continue
		}
		if old := newest[name]; old == nil || number(e.Version) > number(old.Version) {
			newest[name] = e
		}
	}
	labels := map[string][]Label{}
	for _, name := range slices.Sorted(maps.Keys(newest)) {
		e := newest[name]
		for _, application := range slices.Sorted(maps.Keys(e.Data.References)) {
			id := string(e.Data.References[application]["application_revision"].ID)
			at := r.first(revisions, name, application, id, e)
			labels[id] = append(labels[id], Label{Name: name, Time: at.time(), Author: at.author()})
		}
	}
	return labels, nil
}

// first is the revision of an environment since which it serves a revision without a
// break.
func (agentaReader) first(revisions []agentaRevision, environment, application, id string, newest *agentaRevision) *agentaRevision {
	at := newest
	sorted := make([]*agentaRevision, 0, len(revisions))
	for i := range revisions {
		e := &revisions[i]
		if string(e.EnvironmentSlug) == environment || e.EnvironmentSlug == "" && string(e.ArtifactSlug) == environment {
			sorted = append(sorted, e)
		}
	}
	slices.SortFunc(sorted, func(x, y *agentaRevision) int { return number(y.Version) - number(x.Version) })
	for _, e := range sorted {
		if string(e.Data.References[application]["application_revision"].ID) != id {
			break
		}
		at = e
	}
	return at
}

func number(t text) int {
	n, _ := strconv.Atoi(string(t))
	return n
}

// agentaPrompts makes a prompt of each variant of an application: each counts its
// revisions by itself.
func agentaPrompts(a *agentaApplication, revisions []agentaRevision, deployed map[string][]Label) []*Prompt {
	var prompts []*Prompt
	byName := map[string]*Prompt{}
	slices.SortStableFunc(revisions, func(x, y agentaRevision) int { return number(x.Version) - number(y.Version) })
	for i := range revisions {
		raw := &revisions[i]
		slug := string(raw.VariantSlug)
		if slug == "" {
			slug = string(raw.OtherSlug)
		}
		slug = strings.TrimPrefix(slug, a.Slug+".")
		if slug == "" {
			slug = raw.variant()
		}
		for _, part := range agentaTemplates(raw) {
			name := a.Slug + "/" + slug
			if part.key != "" {
				name += "/" + part.key
			}
			p := byName[name]
			if p == nil {
				p = &Prompt{Name: name, ID: raw.variant(), Description: string(a.Description)}
				if tags, err := members(a.Tags); err == nil {
					for _, tag := range tags {
						p.Tags = append(p.Tags, tag.name)
					}
				}
				byName[name] = p
				prompts = append(prompts, p)
			}
			v := &Version{Number: string(raw.Version), ID: raw.ID, Author: raw.author(), Time: raw.time(), Message: string(raw.Message), Labels: deployed[raw.ID]}
			v.agenta(part)
			p.Versions = append(p.Versions, v)
		}
	}
	return prompts
}

// agentaTemplate is one prompt among the parameters of an application.
type agentaTemplate struct {
	// key is its name among several; empty for the only one.
	key    string
	value  json.RawMessage
	others []string
}

func agentaTemplates(raw *agentaRevision) []agentaTemplate {
	list, err := members(raw.Data.Parameters)
	if err != nil {
		return []agentaTemplate{{}}
	}
	var found []agentaTemplate
	var others []string
	for _, m := range list {
		var probe struct {
			Messages json.RawMessage `json:"messages"`
		}
		if json.Unmarshal(m.value, &probe) == nil && !isNull(probe.Messages) {
			found = append(found, agentaTemplate{key: m.name, value: m.value})
		} else if !isEmpty(m.value) {
			others = append(others, m.name)
		}
	}
	if len(found) == 0 {
		return []agentaTemplate{{others: others}}
	}
	if len(found) == 1 {
		found[0].key = ""
	}
	for i := range found {
		found[i].others = others
	}
	return found
}

var (
	// agentaPath is a JSONPath in place of a name.
	agentaPath = regexp.MustCompile(`\{\{\s*\$`)
	agentaTag  = regexp.MustCompile(`\{\{[^{}]*\}\}`)
)

func (v *Version) agenta(part agentaTemplate) {
	if part.value == nil {
		v.unfit("it holds no prompt")
		return
	}
	var t struct {
		Messages       []json.RawMessage `json:"messages"`
		TemplateFormat text              `json:"template_format"`
		LLMConfig      json.RawMessage   `json:"llm_config"`
		Fallbacks      json.RawMessage   `json:"fallback_configs"`
	}
	if err := json.Unmarshal(part.value, &t); err != nil {
		v.unfit("it has another form than documented: %v", err)
		return
	}
	v.addChat(t.Messages)
	if v.anyText(agentaPath.MatchString) && t.TemplateFormat != "fstring" {
		v.unfit("its texts look into their inputs by a path ({{$…}}), which no template language of the registry can")
	}
	switch t.TemplateFormat {
	case "", "curly":
		// Any other tag is an error when Agenta renders it.
		if v.anyText(func(s string) bool { return agentaTag.MatchString(doubleBrace.ReplaceAllString(s, "")) }) {
			v.unfit("its texts hold tags that are more than a name")
		}
		v.asDoubleBrace(doubleBrace)
	case "mustache":
		v.Format = formatMustache
	default:
		v.setFormat(string(t.TemplateFormat))
	}
	var params []member
	if list, err := members(t.LLMConfig); err == nil {
		for _, m := range list {
			switch m.name {
			case "connection", "stream":
				if !isEmpty(m.value) {
					v.gap(m.name, "how the model is reached is not part of a prompt")
				}
			default:
				params = append(params, m)
			}
		}
	}
	v.takeParams(params)
	if !isEmpty(t.Fallbacks) {
		v.gap("fallback_configs", "the registry has no place for it")
	}
	if len(part.others) > 0 {
		v.gap("parameters", "the registry has no place for %s", strings.Join(part.others, ", "))
	}
}
