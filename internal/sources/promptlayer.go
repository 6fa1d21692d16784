// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package sources

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/spanloop/spanloop/internal/registry"
)

var promptlayer = system{
	name: "promptlayer", address: "https://api.promptlayer.com", addressVars: []string{"PROMPTLAYER_BASE_URL"},
	login: key("X-API-KEY", "", "PROMPTLAYER_API_KEY"),
	open:  func(c *client) fetch { return promptlayerReader{c}.prompts },
}

type promptlayerReader struct{ c *client }

type promptlayerTemplate struct {
	ID            text              `json:"id"`
	PromptName    string            `json:"prompt_name"`
	Version       int               `json:"version"`
	Template      json.RawMessage   `json:"prompt_template"`
	Metadata      json.RawMessage   `json:"metadata"`
	CommitMessage text              `json:"commit_message"`
	Tags          []string          `json:"tags"`
	CreatedAt     text              `json:"created_at"`
	Snippets      []json.RawMessage `json:"snippets"`
}

func (r promptlayerReader) prompts(ctx context.Context, wanted func(string) bool) list {
	return func(yield func(*Prompt, error) bool) {
		paged := pages{c: r.c, what: "prompt templates"}
		for page := 1; ; page++ {
			var answer struct {
				Items   []promptlayerTemplate `json:"items"`
				HasNext bool                  `json:"has_next"`
			}
			if err := r.c.get(ctx, "/prompt-templates", url.Values{"page": {itoa(page)}, "per_page": {"100"}}, &answer); err != nil {
				yield(nil, err)
				return
			}
			for i := range answer.Items {
				if !wanted(answer.Items[i].PromptName) {
					continue
				}
				p, err := r.prompt(ctx, &answer.Items[i])
				if !yield(p, err) || err != nil {
					return
				}
			}
			if !answer.HasNext || len(answer.Items) == 0 {
				return
			}
			if err := paged.next(itoa(page + 1)); err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// prompt asks for each version up to the newest one, which the list names.
func (r promptlayerReader) prompt(ctx context.Context, newest *promptlayerTemplate) (*Prompt, error) {
	p := &Prompt{Name: newest.PromptName, ID: string(newest.ID), Tags: newest.Tags}
	p.gap("authors", "PromptLayer's API does not tell who made a version")
	path := "/prompt-templates/" + url.PathEscape(string(newest.ID))
	labels, err := r.labels(ctx, path)
	if err != nil {
		return nil, err
	}
	if newest.Version > maxPages {
		p.gap("versions", "only the first %d of %d are asked for", maxPages, newest.Version)
	}
	for number := 1; number <= min(newest.Version, maxPages); number++ {
		raw := &promptlayerTemplate{}
		err := r.c.get(ctx, path, url.Values{"version": {itoa(number)}}, raw)
		if notFound(err) {
			p.gap("version "+itoa(number), "it was deleted in PromptLayer")
			continue
		}
		if err != nil {
			return nil, err
		}
		v := &Version{
			Number: itoa(number), ID: string(newest.ID) + "/" + itoa(number), Message: string(raw.CommitMessage), Time: parseTime(string(raw.CreatedAt)), Labels: labels[number],
		}
		v.promptlayer(raw)
		p.Versions = append(p.Versions, v)
	}
	return p, nil
}

// labels are the release labels by version.
func (r promptlayerReader) labels(ctx context.Context, path string) (map[int][]Label, error) {
	var answer struct {
		Labels []struct {
			Number int    `json:"prompt_version_number"`
			Name   string `json:"release_label"`
		} `json:"release_labels"`
	}
	if err := r.c.get(ctx, path+"/labels", nil, &answer); err != nil && !notFound(err) {
		return nil, err
	}
	labels := map[int][]Label{}
	for _, l := range answer.Labels {
		labels[l.Number] = append(labels[l.Number], Label{Name: l.Name})
	}
	return labels, nil
}

func (v *Version) promptlayer(raw *promptlayerTemplate) {
	var template struct {
		Type         text              `json:"type"`
		Format       text              `json:"template_format"`
		Content      json.RawMessage   `json:"content"`
		Messages     []json.RawMessage `json:"messages"`
		Tools        json.RawMessage   `json:"tools"`
		ToolChoice   json.RawMessage   `json:"tool_choice"`
		Functions    json.RawMessage   `json:"functions"`
		FunctionCall json.RawMessage   `json:"function_call"`
	}
	if err := json.Unmarshal(raw.Template, &template); err != nil {
		v.unfit("its template has another form than documented: %v", err)
		return
	}
	if template.Type == "completion" {
		v.Template, _ = v.content(0, template.Content)
		v.setFormat(string(template.Format))
	} else {
		v.promptlayerMessages(template.Messages)
	}
	if len(raw.Snippets) > 0 {
		v.adapted("snippets", "the %d snippets that it includes are put in as text", len(raw.Snippets))
	}
	v.addTools(template.Tools)
	v.addTools(template.Functions)
	v.promptlayerSettings(raw.Metadata, []member{{"tool_choice", template.ToolChoice}, {"function_call", template.FunctionCall}})
}

// promptlayerMessages reads messages, each of which names its template language.
func (v *Version) promptlayerMessages(messages []json.RawMessage) {
	placeholders := map[int]string{}
	var chat []json.RawMessage
	format := ""
	for i, raw := range messages {
		var m struct {
			Role   text `json:"role"`
			Name   text `json:"name"`
			Format text `json:"template_format"`
		}
		if err := json.Unmarshal(raw, &m); err != nil {
			v.unfit("message %d has another form than documented: %v", i+1, err)
			return
		}
		if m.Role == "placeholder" {
			placeholders[i] = string(m.Name)
			chat = append(chat, json.RawMessage(`{"role":"placeholder"}`))
			continue
		}
		own := string(m.Format)
		if own == "" {
			own = formatFString
		}
		if format != "" && own != format {
			v.unfit("its messages are in several template languages (%s, %s); a version in the registry has one", format, own)
		}
		format = own
		chat = append(chat, raw)
	}
	v.addChat(chat)
	for i := range v.Messages {
		if name, ok := placeholders[i]; ok {
			v.Messages[i] = registry.TemplateMessage{Placeholder: name}
		}
	}
	v.dropGaps("template_format", "input_variables")
	v.setFormat(format)
}

// promptlayerSettings takes the model of the metadata.
func (v *Version) promptlayerSettings(metadata json.RawMessage, params []member) {
	var known struct {
		Model struct {
			Provider   text            `json:"provider"`
			Name       json.RawMessage `json:"name"`
			Parameters json.RawMessage `json:"parameters"`
		} `json:"model"`
	}
	if !isNull(metadata) {
		if err := json.Unmarshal(metadata, &known); err != nil {
			v.gap("metadata", "it has another form than documented: %v", err)
		}
	}
	params = append(params, member{"model", known.Model.Name})
	if parameters, err := members(known.Model.Parameters); err == nil {
		params = append(params, parameters...)
	}
	v.takeParams(params)
	if known.Model.Provider != "" {
		v.gap("provider", "the registry keeps request parameters only: %s", string(known.Model.Provider))
	}
	var others []string
	if list, err := members(metadata); err == nil {
		for _, m := range list {
			if m.name != "model" && !isEmpty(m.value) {
				others = append(others, m.name)
			}
		}
	}
	if len(others) > 0 {
		v.gap("metadata", "the registry has no metadata of versions: %s", strings.Join(others, ", "))
	}
}
