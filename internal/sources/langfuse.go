// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package sources

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/spanloop/spanloop/internal/registry"
)

var langfuse = system{
	name: "langfuse", address: "https://cloud.langfuse.com", addressVars: []string{"LANGFUSE_BASE_URL", "LANGFUSE_HOST"},
	login: func(env func(string) string) (credentials, error) {
		public, secret := strings.TrimSpace(env("LANGFUSE_PUBLIC_KEY")), strings.TrimSpace(env("LANGFUSE_SECRET_KEY"))
		if public == "" || secret == "" {
			return credentials{}, misconfigured("set LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY to the keys of the project")
		}
		return basic(public, secret), nil
	},
	open: func(c *client) fetch { return langfuseReader{c}.prompts },
}

func basic(user, password string) credentials {
	encoded := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	return credentials{headers: map[string]string{"Authorization": "Basic " + encoded}, secrets: []string{encoded, password}}
}

type langfuseReader struct{ c *client }

type langfusePrompt struct {
	ID              text            `json:"id"`
	Version         int64           `json:"version"`
	Type            text            `json:"type"`
	Prompt          json.RawMessage `json:"prompt"`
	Config          json.RawMessage `json:"config"`
	Labels          []string        `json:"labels"`
	Tags            []string        `json:"tags"`
	CommitMessage   text            `json:"commitMessage"`
	CreatedAt       text            `json:"createdAt"`
	CreatedBy       text            `json:"createdBy"`
	ResolutionGraph json.RawMessage `json:"resolutionGraph"`
}

func (r langfuseReader) prompts(ctx context.Context, wanted func(string) bool) list {
	return func(yield func(*Prompt, error) bool) {
		paged := pages{c: r.c, what: "prompts"}
		for page := 1; ; page++ {
			var answer struct {
				Data []struct {
					Name     string  `json:"name"`
					Versions []int64 `json:"versions"`
				} `json:"data"`
				Meta struct {
					TotalPages int `json:"totalPages"`
				} `json:"meta"`
			}
			err := r.c.get(ctx, "/api/public/v2/prompts", url.Values{"page": {itoa(page)}, "limit": {"100"}}, &answer)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, p := range answer.Data {
				if !wanted(p.Name) {
					continue
				}
				prompt, err := r.prompt(ctx, p.Name, p.Versions)
				if !yield(prompt, err) || err != nil {
					return
				}
			}
			if len(answer.Data) == 0 || page >= answer.Meta.TotalPages {
				return
			}
			if err := paged.next(itoa(page + 1)); err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

func (r langfuseReader) prompt(ctx context.Context, name string, versions []int64) (*Prompt, error) {
	p := &Prompt{Name: name}
	for _, number := range versions {
		raw, err := r.version(ctx, name, number)
		if err != nil {
			return nil, err
		}
		v := &Version{
			Number: strconv.FormatInt(number, 10), ID: string(raw.ID), Author: string(raw.CreatedBy), Message: string(raw.CommitMessage),
			Time: parseTime(string(raw.CreatedAt)),
		}
		for _, label := range raw.Labels {
			v.Labels = append(v.Labels, Label{Name: label})
		}
		if len(raw.Tags) > 0 {
			p.Tags = raw.Tags
		}
		v.langfuseConfig(raw.Config)
		if err := r.texts(ctx, v, raw); err != nil {
			return nil, err
		}
		p.Versions = append(p.Versions, v)
	}
	return p, nil
}

func (r langfuseReader) version(ctx context.Context, name string, number int64) (*langfusePrompt, error) {
	raw := &langfusePrompt{}
	query := url.Values{"version": {strconv.FormatInt(number, 10)}, "resolve": {"false"}}
	if err := r.c.get(ctx, "/api/public/v2/prompts/"+url.PathEscape(name), query, raw); err != nil {
		return nil, err
	}
	if raw.Version != number {
		return nil, fmt.Errorf("%s: prompt %q: version %d was asked for and %d answered", r.c.system, name, number, raw.Version)
	}
	return raw, nil
}

// langfuseConfig keeps the config as it is: the fetch API answers params as config.
func (v *Version) langfuseConfig(config json.RawMessage) {
	if isEmpty(config) {
		return
	}
	if config[0] != '{' {
		v.gap("config", "it is no JSON object")
		return
	}
	v.Params = config
}

// texts reads the template, which is one text or a list of messages.
func (r langfuseReader) texts(ctx context.Context, v *Version, raw *langfusePrompt) error {
	if s, ok := stringOf(raw.Prompt); ok {
		v.Template = s
	} else {
		v.langfuseMessages(raw.Prompt)
	}
	if v.Unfit != "" {
		return nil
	}
	if !isEmpty(raw.ResolutionGraph) && !v.anyText(langfuseReference.MatchString) {
		v.adapted("references", "the server has put the prompts that it refers to in as text")
	}
	var failed error
	v.eachText(func(s string) string {
		if failed == nil && v.Unfit == "" {
			s, failed = r.resolve(ctx, v, s, 0)
		}
		return s
	})
	v.asMustache()
	return failed
}

func (v *Version) langfuseMessages(raw json.RawMessage) {
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil {
		v.unfit("it is neither a text nor a list of messages")
		return
	}
	var chat []json.RawMessage
	placeholders := map[int]string{}
	for i, item := range list {
		var m struct {
			Type text `json:"type"`
			Name text `json:"name"`
		}
		if err := json.Unmarshal(item, &m); err != nil {
			v.unfit("message %d has another form than documented: %v", i+1, err)
			return
		}
		if m.Type == "placeholder" {
			placeholders[i] = string(m.Name)
			item = json.RawMessage(`{"role":"placeholder"}`)
		}
		chat = append(chat, item)
	}
	v.addChat(chat)
	for i := range v.Messages {
		if name, ok := placeholders[i]; ok {
			v.Messages[i] = registry.TemplateMessage{Placeholder: name}
		}
	}
	v.dropGaps("type")
}

// langfuseReference is another prompt that is put in here.
var langfuseReference = regexp.MustCompile(`@@@langfusePrompt:(.*?)@@@`)

// maxReferences is how deep prompts refer to prompts, as in Langfuse.
const maxReferences = 5

// resolve puts in what is referred to by version, which never changes. A label moves,
// and the version's text with it.
func (r langfuseReader) resolve(ctx context.Context, v *Version, s string, depth int) (string, error) {
	var failed error
	out := langfuseReference.ReplaceAllStringFunc(s, func(tag string) string {
		if failed != nil || v.Unfit != "" {
			return tag
		}
		name, number, ok := langfuseTarget(tag)
		switch {
		case !ok:
			v.unfit("it refers to another prompt by a label, which moves: %s; refer to a version", tag)
			return tag
		case depth >= maxReferences:
			v.unfit("it refers to prompts that refer to prompts more than %d deep", maxReferences)
			return tag
		}
		other, err := r.version(ctx, name, number)
		if err != nil {
			failed = err
			return tag
		}
		inner, isText := stringOf(other.Prompt)
		if !isText {
			v.unfit("it refers to the chat prompt %q, which is no text", name)
			return tag
		}
		v.adapted("references", "prompt %q, version %d, is put in as text", name, number)
		inner, failed = r.resolve(ctx, v, inner, depth+1)
		return inner
	})
	return out, failed
}

func langfuseTarget(tag string) (name string, version int64, ok bool) {
	for part := range strings.SplitSeq(langfuseReference.FindStringSubmatch(tag)[1], "|") {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "name":
			name = value
		case "version":
			n, err := strconv.ParseInt(value, 10, 64)
			version, ok = n, err == nil
		}
	}
	return name, version, ok && name != ""
}
