// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package sources

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/spanloop/spanloop/internal/registry"
)

var phoenix = system{
	name: "phoenix", address: "http://localhost:6006", addressVars: []string{"PHOENIX_COLLECTOR_ENDPOINT", "PHOENIX_BASE_URL"},
	login: optional(key("Authorization", "Bearer ", "PHOENIX_API_KEY")),
	open:  func(c *client) fetch { return phoenixReader{c}.prompts },
}

type phoenixReader struct{ c *client }

type phoenixPrompt struct {
	ID          string          `json:"id"`
	Name        string          `json:"name"`
	Description text            `json:"description"`
	Metadata    json.RawMessage `json:"metadata"`
}

type phoenixVersion struct {
	ID            string          `json:"id"`
	Description   text            `json:"description"`
	Metadata      json.RawMessage `json:"metadata"`
	ModelProvider text            `json:"model_provider"`
	ModelName     json.RawMessage `json:"model_name"`
	Template      struct {
		Type     text              `json:"type"`
		Template json.RawMessage   `json:"template"`
		Messages []json.RawMessage `json:"messages"`
	} `json:"template"`
	TemplateFormat text            `json:"template_format"`
	Invocation     json.RawMessage `json:"invocation_parameters"`
	Tools          json.RawMessage `json:"tools"`
	ResponseFormat json.RawMessage `json:"response_format"`
}

func (r phoenixReader) prompts(ctx context.Context, wanted func(string) bool) list {
	return func(yield func(*Prompt, error) bool) {
		err := phoenixPages(ctx, r.c, "/v1/prompts", func(page []phoenixPrompt) (bool, error) {
			for i := range page {
				if !wanted(page[i].Name) {
					continue
				}
				p, err := r.prompt(ctx, &page[i])
				if err != nil {
					return false, err
				}
				if !yield(p, nil) {
					return false, nil
				}
			}
			return true, nil
		})
		if err != nil {
			yield(nil, err)
		}
	}
}

// phoenixPages reads a list to its end, or until a page says that it is enough.
func phoenixPages[T any](ctx context.Context, c *client, path string, page func([]T) (bool, error)) error {
	paged := pages{c: c, what: path}
	query := url.Values{"limit": {"100"}}
	for {
		var answer struct {
			Data       []T  `json:"data"`
			NextCursor text `json:"next_cursor"`
		}
		if err := c.get(ctx, path, query, &answer); err != nil {
			return err
		}
		if more, err := page(answer.Data); err != nil || !more {
			return err
		}
		if answer.NextCursor == "" {
			return nil
		}
		if err := paged.next(string(answer.NextCursor)); err != nil {
			return err
		}
		query.Set("cursor", string(answer.NextCursor))
	}
}

func (r phoenixReader) prompt(ctx context.Context, raw *phoenixPrompt) (*Prompt, error) {
	p := &Prompt{Name: raw.Name, ID: raw.ID, Description: string(raw.Description)}
	if !isEmpty(raw.Metadata) {
		p.gap("metadata", "the registry has descriptions and tags only")
	}
	made, err := r.made(ctx, raw.ID)
	if err != nil {
		p.gap("authors and times", "Phoenix tells them over GraphQL only, which failed: %v", err)
	}
	err = phoenixPages(ctx, r.c, "/v1/prompts/"+url.PathEscape(raw.ID)+"/versions", func(page []phoenixVersion) (bool, error) {
		for i := range page {
			v := &Version{
				Number: page[i].ID, ID: page[i].ID, Message: string(page[i].Description), Author: made[page[i].ID].author,
				Time: parseTime(made[page[i].ID].at),
			}
			v.phoenix(&page[i])
			labels, err := r.tags(ctx, page[i].ID)
			if err != nil {
				return false, err
			}
			v.Labels = labels
			p.Versions = append(p.Versions, v)
		}
		return true, nil
	})
	slices.Reverse(p.Versions)
	return p, err
}

func (r phoenixReader) tags(ctx context.Context, version string) ([]Label, error) {
	var labels []Label
	path := "/v1/prompt_versions/" + url.PathEscape(version) + "/tags"
	err := phoenixPages(ctx, r.c, path, func(page []struct {
		Name string `json:"name"`
	},
	) (bool, error) {
		for _, tag := range page {
			labels = append(labels, Label{Name: tag.Name})
		}
		return true, nil
	})
	return labels, err
}

type phoenixMade struct{ at, author string }

// made asks when and by whom versions were made: the REST API does not tell.
func (r phoenixReader) made(ctx context.Context, prompt string) (map[string]phoenixMade, error) {
	const question = `query($id: ID!, $after: String) { node(id: $id) { ... on Prompt {
		promptVersions(first: 100, after: $after) { pageInfo { hasNextPage endCursor } edges { node { id createdAt user { username email } } } } } } }`
	paged := pages{c: r.c, what: "versions of " + prompt}
	all := map[string]phoenixMade{}
	after := ""
	for {
		var answer struct {
			Data struct {
				Node struct {
					PromptVersions struct {
						PageInfo struct {
							HasNextPage bool `json:"hasNextPage"`
							EndCursor   text `json:"endCursor"`
						} `json:"pageInfo"`
						Edges []struct {
							Node struct {
								ID        string `json:"id"`
								CreatedAt text   `json:"createdAt"`
								User      struct {
									Username text `json:"username"`
									Email    text `json:"email"`
								} `json:"user"`
							} `json:"node"`
						} `json:"edges"`
					} `json:"promptVersions"`
				} `json:"node"`
			} `json:"data"`
			Errors []struct {
				Message string `json:"message"`
			} `json:"errors"`
		}
		variables := map[string]any{"id": prompt}
		if after != "" {
			variables["after"] = after
		}
		if err := r.c.post(ctx, "/graphql", nil, map[string]any{"query": question, "variables": variables}, &answer); err != nil {
			return nil, err
		}
		if len(answer.Errors) > 0 {
			return nil, fmt.Errorf("%s", r.c.excerpt([]byte(answer.Errors[0].Message)))
		}
		versions := &answer.Data.Node.PromptVersions
		for _, e := range versions.Edges {
			author := e.Node.User.Username
			if author == "" {
				author = e.Node.User.Email
			}
			all[e.Node.ID] = phoenixMade{string(e.Node.CreatedAt), string(author)}
		}
		if !versions.PageInfo.HasNextPage {
			return all, nil
		}
		after = string(versions.PageInfo.EndCursor)
		if err := paged.next(after); err != nil {
			return nil, err
		}
	}
}

// phoenix reads a version's template and settings.
func (v *Version) phoenix(raw *phoenixVersion) {
	if raw.Template.Type == "string" {
		s, ok := stringOf(raw.Template.Template)
		if !ok {
			v.unfit("its template is no text")
		}
		v.Template = s
	} else {
		v.addChat(raw.Template.Messages)
		v.roles(map[string]string{"ai": "assistant", "model": "assistant"})
	}
	switch raw.TemplateFormat {
	case "MUSTACHE":
		// Phoenix replaces {{name}} and knows no sections.
		if v.anyText(func(s string) bool { return strings.Contains(s, `\{{`) }) {
			v.unfit(`its texts escape braces with a backslash (\{{), which no template language of the registry does`)
		}
		v.asDoubleBrace(phoenixVariable)
	case "F_STRING":
		v.Format = formatFString
	case "NONE":
		v.asLiteral()
	default:
		v.unfit("its template language %q is not known", string(raw.TemplateFormat))
	}
	params := []member{{"model", raw.ModelName}}
	invocation, _ := members(raw.Invocation)
	for _, m := range invocation {
		if inner, err := members(m.value); err == nil {
			params = append(params, inner...)
		}
	}
	v.phoenixTools(raw.Tools, &params)
	v.takeParams(params)
	v.takeResponseFormat(raw.ResponseFormat)
	if raw.ModelProvider != "" {
		v.gap("model_provider", "the registry keeps request parameters only: %s", string(raw.ModelProvider))
	}
	if !isEmpty(raw.Metadata) {
		v.gap("metadata", "the registry has no metadata of versions")
	}
}

var phoenixVariable = regexp.MustCompile(`\{\{\s*([\pL\pN_]+)\s*\}\}`)

// roles writes roles as the registry spells them.
func (v *Version) roles(names map[string]string) {
	for i := range v.Messages {
		if name, ok := names[v.Messages[i].Role]; ok {
			v.Messages[i] = registry.TemplateMessage{Role: name, Content: v.Messages[i].Content}
		}
	}
}

// phoenixTools takes the definitions, and the choice in OpenAI's words.
func (v *Version) phoenixTools(raw json.RawMessage, params *[]member) {
	if isEmpty(raw) {
		return
	}
	var tools struct {
		Tools  json.RawMessage `json:"tools"`
		Choice struct {
			Type text `json:"type"`
			Name text `json:"function_name"`
		} `json:"tool_choice"`
		DisableParallel bool `json:"disable_parallel_tool_calls"`
	}
	if err := json.Unmarshal(raw, &tools); err != nil {
		v.gap("tools", "they have another form than documented: %v", err)
		return
	}
	v.addTools(tools.Tools)
	switch tools.Choice.Type {
	case "none":
		*params = append(*params, member{"tool_choice", quote("none")})
	case "zero_or_more":
		*params = append(*params, member{"tool_choice", quote("auto")})
	case "one_or_more":
		*params = append(*params, member{"tool_choice", quote("required")})
	case "specific_function":
		*params = append(*params, member{"tool_choice", object([]member{
			{"type", quote("function")}, {"function", object([]member{{"name", quote(string(tools.Choice.Name))}})},
		})})
	}
	if tools.DisableParallel {
		*params = append(*params, member{"parallel_tool_calls", json.RawMessage("false")})
	}
}
