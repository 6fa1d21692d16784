// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package sources

import (
	"context"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// respan was called Keywords AI.
var respan = system{
	name: "respan", address: "https://api.respan.ai", addressVars: []string{"RESPAN_BASE_URL", "KEYWORDSAI_BASE_URL"},
	login: key("Authorization", "Bearer ", "RESPAN_API_KEY", "KEYWORDSAI_API_KEY"),
	open:  func(c *client) fetch { return respanReader{c}.prompts },
}

type respanReader struct{ c *client }

type respanPrompt struct {
	ID          text   `json:"id"`
	PromptID    text   `json:"prompt_id"`
	Name        string `json:"name"`
	Description text   `json:"description"`
	Tags        []struct {
		Name string `json:"name"`
	} `json:"tags"`
}

func (r respanReader) prompts(ctx context.Context, wanted func(string) bool) list {
	return func(yield func(*Prompt, error) bool) {
		paged := pages{c: r.c, what: "prompts"}
		for page := 1; ; page++ {
			var answer struct {
				Next    text           `json:"next"`
				Results []respanPrompt `json:"results"`
			}
			query := url.Values{"page": {itoa(page)}, "page_size": {"100"}}
			if err := r.c.post(ctx, "/api/prompts/list/", query, map[string]any{}, &answer); err != nil {
				yield(nil, err)
				return
			}
			for i := range answer.Results {
				if !wanted(answer.Results[i].Name) {
					continue
				}
				p, err := r.prompt(ctx, &answer.Results[i])
				if !yield(p, err) || err != nil {
					return
				}
			}
			if answer.Next == "" || len(answer.Results) == 0 {
				return
			}
			if err := paged.next(itoa(page + 1)); err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

type respanVersion struct {
	PromptVersionID text            `json:"prompt_version_id"`
	ID              text            `json:"id"`
	Version         text            `json:"version"`
	Description     text            `json:"description"`
	CreatedAt       text            `json:"created_at"`
	EditedBy        json.RawMessage `json:"edited_by"`
	ReadOnly        *bool           `json:"readonly"`
	IsDeployed      bool            `json:"is_deployed"`
	whole           json.RawMessage
}

// UnmarshalJSON keeps the whole version beside what is known of it.
func (v *respanVersion) UnmarshalJSON(data []byte) error {
	type plain respanVersion
	v.whole = slices.Clone(data)
	return json.Unmarshal(data, (*plain)(v))
}

func (r respanReader) prompt(ctx context.Context, raw *respanPrompt) (*Prompt, error) {
	id := raw.PromptID
	if id == "" {
		id = raw.ID
	}
	p := &Prompt{Name: raw.Name, ID: string(id), Description: string(raw.Description)}
	for _, tag := range raw.Tags {
		p.Tags = append(p.Tags, tag.Name)
	}
	paged := pages{c: r.c, what: "versions of " + raw.Name}
	for page := 1; ; page++ {
		var answer struct {
			Next    text            `json:"next"`
			Results []respanVersion `json:"results"`
		}
		path := "/api/prompts/" + url.PathEscape(string(id)) + "/versions/"
		if err := r.c.get(ctx, path, url.Values{"page": {itoa(page)}, "page_size": {"100"}}, &answer); err != nil {
			return nil, err
		}
		for i := range answer.Results {
			p.Versions = append(p.Versions, newRespanVersion(&answer.Results[i]))
		}
		if answer.Next == "" || len(answer.Results) == 0 {
			slices.Reverse(p.Versions)
			return p, nil
		}
		if err := paged.next(itoa(page + 1)); err != nil {
			return nil, err
		}
	}
}

// respanParams are the members of a version that are parameters of its request; the
// others say how Respan's gateway sends it.
var respanParams = []string{
	"model", "temperature", "max_tokens", "top_p", "frequency_penalty", "presence_penalty", "reasoning_effort", "verbosity", "seed", "stop",
	"thinking", "tools", "tool_choice", "response_format", "parallel_tool_calls",
}

// respanKnown are the members that are read, or that say nothing of the prompt.
var respanKnown = []string{
	"id", "prompt_version_id", "version", "description", "messages", "variables", "readonly", "is_deployed", "edited_by", "created_at", "updated_at",
	"prompt", "stream", "parent_prompt", "is_enforcing_response_format", "unique_organization_id",
}

func newRespanVersion(raw *respanVersion) *Version {
	v := &Version{Number: string(raw.Version), ID: string(raw.PromptVersionID), Message: string(raw.Description), Time: parseTime(string(raw.CreatedAt)), Author: person(raw.EditedBy)}
	if v.ID == "" {
		v.ID = string(raw.ID)
	}
	if raw.IsDeployed {
		v.Labels = []Label{{Name: "production"}}
	}
	if raw.ReadOnly != nil && !*raw.ReadOnly {
		v.unfit("it is a draft, which still changes: commit it in Respan")
		return v
	}
	list, err := members(raw.whole)
	if err != nil {
		v.unfit("it is no JSON object")
		return v
	}
	var params []member
	var others []string
	for _, m := range list {
		switch {
		case m.name == "messages":
			var chat []json.RawMessage
			if err := json.Unmarshal(m.value, &chat); err != nil {
				v.unfit("its messages are no list")
				return v
			}
			v.addChat(chat)
		case m.name == "variables":
			v.respanVariables(m.value)
		case m.name == "json_schema":
			if !isEmpty(m.value) && v.ResponseFormat == nil {
				v.schema(m.value, "response")
			}
		case slices.Contains(respanParams, m.name):
			params = append(params, m)
		case !slices.Contains(respanKnown, m.name) && !isEmpty(m.value):
			others = append(others, m.name)
		}
	}
	if len(v.Messages) == 0 {
		v.unfit("it has no messages")
	}
	v.takeParams(params)
	if len(others) > 0 {
		v.gap("settings", "the registry has no place for %s", strings.Join(others, ", "))
	}
	v.Format = formatMustache
	if v.anyText(func(s string) bool { return jinjaTag.MatchString(doubleBrace.ReplaceAllString(s, "")) }) {
		// Respan's templates are Jinja's; with nothing but names they are Mustache's too.
		v.Format = formatJinja
	}
	return v
}

var jinjaTag = regexp.MustCompile(`\{[{%#]`)

// respanVariables are defaults; an empty one is none.
func (v *Version) respanVariables(raw json.RawMessage) {
	list, err := members(raw)
	if err != nil {
		return
	}
	for _, m := range list {
		if s, ok := stringOf(m.value); ok {
			v.variable(m.name, "", s)
		} else if !isEmpty(m.value) {
			v.gap("variable "+m.name, "its default is no text")
		}
	}
}

// person is somebody's address or name, whichever a system tells.
func person(raw json.RawMessage) string {
	if s, ok := stringOf(raw); ok {
		return s
	}
	var p struct {
		Email     text `json:"email"`
		Address   text `json:"email_address"`
		FullName  text `json:"full_name"`
		Name      text `json:"name"`
		FirstName text `json:"first_name"`
		LastName  text `json:"last_name"`
		Username  text `json:"username"`
		ID        text `json:"id"`
	}
	if isNull(raw) || json.Unmarshal(raw, &p) != nil {
		return ""
	}
	for _, name := range []text{p.Email, p.Address, p.FullName, p.Name, text(strings.TrimSpace(string(p.FirstName + " " + p.LastName))), p.Username, p.ID} {
		if name != "" {
			return string(name)
		}
	}
	return ""
}
