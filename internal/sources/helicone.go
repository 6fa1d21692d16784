// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package sources

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var helicone = system{
	name: "helicone", address: "https://api.helicone.ai", addressVars: []string{"HELICONE_BASE_URL"},
	login: key("Authorization", "Bearer ", "HELICONE_API_KEY"),
	open:  func(c *client) fetch { return heliconeReader{c}.prompts },
}

type heliconeReader struct{ c *client }

type heliconePrompt struct {
	ID   string   `json:"id"`
	Name string   `json:"name"`
	Tags []string `json:"tags"`
}

type heliconeVersion struct {
	ID            string          `json:"id"`
	Model         json.RawMessage `json:"model"`
	Major         int             `json:"major_version"`
	Minor         int             `json:"minor_version"`
	CommitMessage text            `json:"commit_message"`
	Environment   text            `json:"environment"`
	Environments  []string        `json:"environments"`
	CreatedAt     text            `json:"created_at"`
	Body          json.RawMessage `json:"prompt_body"`
}

func (v *heliconeVersion) number() string { return itoa(v.Major) + "." + itoa(v.Minor) }

// heliconeAsk asks a question; answers are {data, error}.
func heliconeAsk[T any](ctx context.Context, c *client, path string, body map[string]any) (T, error) {
	var answer struct {
		Data  T               `json:"data"`
		Error json.RawMessage `json:"error"`
	}
	if err := c.post(ctx, path, nil, body, &answer); err != nil {
		return answer.Data, err
	}
	if !isEmpty(answer.Error) {
		return answer.Data, fmt.Errorf("%s: POST %s: it answers an error: %s", c.system, path, c.excerpt(answer.Error))
	}
	return answer.Data, nil
}

const heliconePage = 100

func (r heliconeReader) prompts(ctx context.Context, wanted func(string) bool) list {
	return func(yield func(*Prompt, error) bool) {
		paged := pages{c: r.c, what: "prompts"}
		first := ""
		for page := 0; ; page++ {
			prompts, err := heliconeAsk[[]heliconePrompt](ctx, r.c, "/v1/prompt-2025/query", map[string]any{
				"search": "", "tagsFilter": []string{}, "page": page, "pageSize": heliconePage,
			})
			if err == nil && page > 0 && len(prompts) > 0 {
				err = paged.next(prompts[0].ID)
				if prompts[0].ID == first {
					err = paged.next(paged.last)
				}
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range prompts {
				if page == 0 && i == 0 {
					first = prompts[0].ID
				}
				if !wanted(prompts[i].Name) {
					continue
				}
				p, err := r.prompt(ctx, &prompts[i])
				if !yield(p, err) || err != nil {
					return
				}
			}
			if len(prompts) < heliconePage {
				return
			}
		}
	}
}

// heliconeMost is how many versions one answer holds, the newest ones.
const heliconeMost = 50

func (r heliconeReader) prompt(ctx context.Context, raw *heliconePrompt) (*Prompt, error) {
	p := &Prompt{Name: raw.Name, ID: raw.ID, Tags: raw.Tags}
	p.gap("authors", "Helicone's API does not tell who made a version")
	listed, err := r.versions(ctx, p)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(listed, func(x, y heliconeVersion) int {
		if x.Major != y.Major {
			return x.Major - y.Major
		}
		return x.Minor - y.Minor
	})
	for i := range listed {
		whole, err := heliconeAsk[heliconeVersion](ctx, r.c, "/v2/prompt-2025/query/version", map[string]any{"promptVersionId": listed[i].ID})
		if err != nil {
			return nil, err
		}
		v := &Version{Number: listed[i].number(), ID: listed[i].ID, Message: string(listed[i].CommitMessage), Time: parseTime(string(listed[i].CreatedAt))}
		environments := listed[i].Environments
		if listed[i].Environment != "" && !slices.Contains(environments, string(listed[i].Environment)) {
			environments = append(environments, string(listed[i].Environment))
		}
		for _, environment := range environments {
			v.Labels = append(v.Labels, Label{Name: environment})
		}
		v.helicone(whole.Body, listed[i].Model)
		p.Versions = append(p.Versions, v)
	}
	return p, nil
}

// versions lists all versions, major by major where one answer is too short for them.
func (r heliconeReader) versions(ctx context.Context, p *Prompt) ([]heliconeVersion, error) {
	ask := func(body map[string]any) ([]heliconeVersion, error) {
		body["promptId"] = p.ID
		return heliconeAsk[[]heliconeVersion](ctx, r.c, "/v1/prompt-2025/query/versions", body)
	}
	newest, err := ask(map[string]any{})
	if err != nil || len(newest) < heliconeMost {
		return newest, err
	}
	highest := 0
	for i := range newest {
		highest = max(highest, newest[i].Major)
	}
	var all []heliconeVersion
	for major := range min(highest, maxPages) + 1 {
		some, err := ask(map[string]any{"majorVersion": major})
		if err != nil {
			return nil, err
		}
		if len(some) >= heliconeMost {
			p.gap("versions", "of major version %d Helicone lists the newest %d", major, len(some))
		}
		all = append(all, some...)
	}
	return all, nil
}

var (
	// heliconeVariable is a variable with its type.
	heliconeVariable = regexp.MustCompile(`\{\{\s*hc\s*:\s*([A-Za-z_][A-Za-z0-9_-]*)\s*:\s*([A-Za-z]+)\s*\}\}`)
	// heliconePartial is a message of another prompt.
	heliconePartial = regexp.MustCompile(`\{\{\s*hcp\s*:`)
)

func (v *Version) helicone(body, model json.RawMessage) {
	list, err := members(body)
	if err != nil {
		v.unfit("its body is no chat request")
		return
	}
	params := []member{{"model", model}}
	for _, m := range list {
		if m.name == "messages" {
			var chat []json.RawMessage
			if err := json.Unmarshal(m.value, &chat); err != nil {
				v.unfit("its messages are no list")
				return
			}
			v.addChat(chat)
			continue
		}
		if strings.Contains(string(m.value), "{{") && heliconeVariable.Match(m.value) {
			v.gap(m.name, "it holds variables, which are read in messages only")
			continue
		}
		params = append(params, m)
	}
	if len(v.Messages) == 0 {
		v.unfit("it has no messages")
	}
	if v.anyText(heliconePartial.MatchString) {
		v.unfit("it includes messages of other prompts ({{hcp:…}}), whose version may change")
		return
	}
	v.takeParams(params)
	for _, s := range v.texts() {
		for _, m := range heliconeVariable.FindAllStringSubmatch(s, -1) {
			switch kind := strings.ToLower(m[2]); kind {
			case "string", "number", "boolean":
				v.variable(m[1], kind, "")
			default:
				v.gap("variable "+m[1], "its type %s is none of string, number, boolean", strconv.Quote(m[2]))
			}
		}
	}
	v.asDoubleBrace(heliconeVariable)
	if v.Format == formatMustache {
		v.eachText(func(s string) string { return heliconeVariable.ReplaceAllString(s, "{{$1}}") })
	}
}
