// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package sources

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

var braintrust = system{
	name: "braintrust", address: "https://api.braintrust.dev", addressVars: []string{"BRAINTRUST_API_URL"},
	login: key("Authorization", "Bearer ", "BRAINTRUST_API_KEY"),
	open:  func(c *client) fetch { return braintrustReader{c}.prompts },
}

type braintrustReader struct{ c *client }

type braintrustPrompt struct {
	ID          string          `json:"id"`
	XactID      text            `json:"_xact_id"`
	ProjectID   string          `json:"project_id"`
	Name        text            `json:"name"`
	Slug        string          `json:"slug"`
	Description text            `json:"description"`
	Data        json.RawMessage `json:"prompt_data"`
	Tags        []string        `json:"tags"`
	Metadata    json.RawMessage `json:"metadata"`
}

// braintrustPages reads a list whose next page begins after the last object.
func braintrustPages[T any](ctx context.Context, c *client, path string, id func(*T) string, each func(*T) (bool, error)) error {
	paged := pages{c: c, what: path}
	query := url.Values{"limit": {"100"}}
	for {
		var answer struct {
			Objects []T `json:"objects"`
		}
		if err := c.get(ctx, path, query, &answer); err != nil {
			return err
		}
		for i := range answer.Objects {
			if more, err := each(&answer.Objects[i]); err != nil || !more {
				return err
			}
		}
		if len(answer.Objects) < 100 {
			return nil
		}
		last := id(&answer.Objects[len(answer.Objects)-1])
		if err := paged.next(last); err != nil {
			return err
		}
		query.Set("starting_after", last)
	}
}

func (r braintrustReader) prompts(ctx context.Context, wanted func(string) bool) list {
	return func(yield func(*Prompt, error) bool) {
		projects, err := r.projects(ctx)
		var environments []string
		if err == nil {
			environments, err = r.environments(ctx)
		}
		if err == nil {
			err = braintrustPages(ctx, r.c, "/v1/prompt", func(p *braintrustPrompt) string { return p.ID }, func(raw *braintrustPrompt) (bool, error) {
				project := projects[raw.ProjectID]
				if project == "" {
					project = raw.ProjectID
				}
				// Slugs are unique in a project only.
				name := project + "/" + raw.Slug
				if !wanted(name) {
					return true, nil
				}
				p, err := r.prompt(ctx, name, raw, environments)
				if err != nil {
					return false, err
				}
				return yield(p, nil), nil
			})
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func (r braintrustReader) projects(ctx context.Context) (map[string]string, error) {
	type project struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	names := map[string]string{}
	return names, braintrustPages(ctx, r.c, "/v1/project", func(p *project) string { return p.ID }, func(p *project) (bool, error) {
		names[p.ID] = p.Name
		return true, nil
	})
}

// environments are the slugs; none where there are no environments.
func (r braintrustReader) environments(ctx context.Context) ([]string, error) {
	var answer struct {
		Objects []struct {
			Slug    string `json:"slug"`
			Deleted text   `json:"deleted_at"`
		} `json:"objects"`
	}
	err := r.c.get(ctx, "/environment", nil, &answer)
	if hasStatus(err, http.StatusNotFound, http.StatusForbidden) {
		return nil, nil
	}
	var slugs []string
	for _, e := range answer.Objects {
		if e.Deleted == "" {
			slugs = append(slugs, e.Slug)
		}
	}
	return slugs, err
}

func hasStatus(err error, statuses ...int) bool {
	var status *statusError
	return errors.As(err, &status) && slices.Contains(statuses, status.status)
}

// prompt has the newest version and those that environments serve: Braintrust's API
// lists no others.
func (r braintrustReader) prompt(ctx context.Context, name string, raw *braintrustPrompt, environments []string) (*Prompt, error) {
	p := &Prompt{Name: name, ID: raw.ID, Description: string(raw.Description), Tags: raw.Tags}
	p.gap("history", "Braintrust's API lists the newest version and those of environments: import again after each change")
	p.gap("authors", "Braintrust's API does not tell who made a version")
	if !isEmpty(raw.Metadata) {
		p.gap("metadata", "the registry has descriptions and tags only")
	}
	newest := newBraintrustVersion(raw)
	p.Versions = []*Version{newest}
	for _, slug := range environments {
		served := &braintrustPrompt{}
		err := r.c.get(ctx, "/v1/prompt/"+url.PathEscape(raw.ID), url.Values{"environment": {slug}}, served)
		if hasStatus(err, http.StatusNotFound, http.StatusBadRequest) {
			continue
		}
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(p.Versions, func(v *Version) bool { return v.Number == string(served.XactID) })
		if at < 0 {
			at = len(p.Versions)
			p.Versions = append(p.Versions, newBraintrustVersion(served))
		}
		p.Versions[at].Labels = append(p.Versions[at].Labels, Label{Name: slug})
	}
	return p, nil
}

// xactTime is when a transaction was made: its id holds the seconds.
func xactTime(id string) time.Time {
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil || n>>48 != 0x0de1 {
		return time.Time{}
	}
	return time.Unix(int64(n>>16&0xffffffff), 0).UTC()
}

func newBraintrustVersion(raw *braintrustPrompt) *Version {
	v := &Version{Number: string(raw.XactID), ID: raw.ID + "@" + string(raw.XactID), Time: xactTime(string(raw.XactID))}
	var data struct {
		Prompt struct {
			Type     text              `json:"type"`
			Content  json.RawMessage   `json:"content"`
			Messages []json.RawMessage `json:"messages"`
			Tools    json.RawMessage   `json:"tools"`
		} `json:"prompt"`
		Options struct {
			Model  json.RawMessage `json:"model"`
			Params json.RawMessage `json:"params"`
		} `json:"options"`
		Parser         json.RawMessage `json:"parser"`
		ToolFunctions  json.RawMessage `json:"tool_functions"`
		MCP            json.RawMessage `json:"mcp"`
		TemplateFormat text            `json:"template_format"`
	}
	if err := json.Unmarshal(raw.Data, &data); err != nil {
		v.unfit("its prompt_data has another form than documented: %v", err)
		return v
	}
	if data.Prompt.Type == "completion" {
		v.Template, _ = v.content(0, data.Prompt.Content)
	} else {
		v.addChat(data.Prompt.Messages)
	}
	switch data.TemplateFormat {
	case "", "mustache":
		v.Format = formatMustache
	case "none":
		v.asLiteral()
	case "nunjucks":
		// Nunjucks is Jinja in JavaScript: what the registry takes renders the same.
		v.Format = formatJinja
		v.adapted("template_format", "Nunjucks is read as Jinja; values print as in Python, not as in JavaScript")
	default:
		v.unfit("its template language %q is not known", string(data.TemplateFormat))
	}
	params := []member{{"model", data.Options.Model}}
	if list, err := members(data.Options.Params); err == nil {
		for _, m := range list {
			if m.name == "use_cache" {
				v.gap("use_cache", "it is a setting of Braintrust's proxy")
				continue
			}
			params = append(params, m)
		}
	}
	v.addTools(data.Prompt.Tools)
	v.takeParams(params)
	for _, m := range []member{{"parser", data.Parser}, {"tool_functions", data.ToolFunctions}, {"mcp", data.MCP}} {
		if !isEmpty(m.value) {
			v.gap(m.name, "the registry has no place for it")
		}
	}
	return v
}
