// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package sources

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

var mlflow = system{
	name: "mlflow", addressVars: []string{"MLFLOW_TRACKING_URI"},
	login: optional(func(env func(string) string) (credentials, error) {
		if user, password := env("MLFLOW_TRACKING_USERNAME"), env("MLFLOW_TRACKING_PASSWORD"); user != "" && password != "" {
			return basic(user, password), nil
		}
		return key("Authorization", "Bearer ", "MLFLOW_TRACKING_TOKEN")(env)
	}),
	open: func(c *client) fetch { return mlflowReader{c}.prompts },
}

type mlflowReader struct{ c *client }

type mlflowTag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type mlflowModel struct {
	Name        string      `json:"name"`
	Description text        `json:"description"`
	Tags        []mlflowTag `json:"tags"`
	Aliases     []struct {
		Alias   string `json:"alias"`
		Version text   `json:"version"`
	} `json:"aliases"`
}

type mlflowVersion struct {
	Version     text        `json:"version"`
	Created     int64       `json:"creation_timestamp"`
	UserID      text        `json:"user_id"`
	Description text        `json:"description"`
	Tags        []mlflowTag `json:"tags"`
}

// The tags in which MLflow keeps prompts as models.
const (
	mlflowIsPrompt       = "mlflow.prompt.is_prompt"
	mlflowText           = "mlflow.prompt.text"
	mlflowType           = "_mlflow_prompt_type"
	mlflowResponseFormat = "_mlflow_prompt_response_format"
	mlflowModelConfig    = "_mlflow_prompt_model_config"
)

func (r mlflowReader) prompts(ctx context.Context, wanted func(string) bool) list {
	return func(yield func(*Prompt, error) bool) {
		paged := pages{c: r.c, what: "prompts"}
		query := url.Values{"filter": {"tags.`" + mlflowIsPrompt + "` = 'true'"}, "max_results": {"100"}}
		for {
			var answer struct {
				Models []mlflowModel `json:"registered_models"`
				Next   text          `json:"next_page_token"`
			}
			if err := r.c.get(ctx, "/api/2.0/mlflow/registered-models/search", query, &answer); err != nil {
				yield(nil, err)
				return
			}
			for i := range answer.Models {
				if !wanted(answer.Models[i].Name) {
					continue
				}
				p, err := r.prompt(ctx, &answer.Models[i])
				if !yield(p, err) || err != nil {
					return
				}
			}
			if answer.Next == "" {
				return
			}
			if err := paged.next(string(answer.Next)); err != nil {
				yield(nil, err)
				return
			}
			query.Set("page_token", string(answer.Next))
		}
	}
}

func (r mlflowReader) prompt(ctx context.Context, m *mlflowModel) (*Prompt, error) {
	p := &Prompt{Name: m.Name, Description: string(m.Description)}
	for _, tag := range m.Tags {
		switch {
		case strings.HasPrefix(tag.Key, "mlflow.") || strings.HasPrefix(tag.Key, "_mlflow"):
		case tag.Value == "":
			p.Tags = append(p.Tags, tag.Key)
		default:
			p.Tags = append(p.Tags, tag.Key+"="+tag.Value)
		}
	}
	versions, err := r.versions(ctx, m.Name)
	if err != nil {
		return nil, err
	}
	if len(versions) > 0 && string(m.Description) == string(versions[0].Description) {
		// MLflow describes a prompt by the message of its first version.
		p.Description = ""
	}
	for i := range versions {
		raw := &versions[i]
		v := &Version{Number: string(raw.Version), ID: m.Name + "/" + string(raw.Version), Author: string(raw.UserID), Message: string(raw.Description), Time: milliseconds(raw.Created)}
		for _, alias := range m.Aliases {
			if alias.Version == raw.Version {
				v.Labels = append(v.Labels, Label{Name: alias.Alias})
			}
		}
		v.mlflow(raw.Tags)
		p.Versions = append(p.Versions, v)
	}
	return p, nil
}

func (r mlflowReader) versions(ctx context.Context, name string) ([]mlflowVersion, error) {
	paged := pages{c: r.c, what: "versions of " + name}
	// Without the tag MLflow answers models only.
	filter := "name='" + strings.ReplaceAll(name, "'", "''") + "' AND tags.`" + mlflowIsPrompt + "` = 'true'"
	query := url.Values{"filter": {filter}, "max_results": {"100"}}
	var all []mlflowVersion
	for {
		var answer struct {
			Versions []mlflowVersion `json:"model_versions"`
			Next     text            `json:"next_page_token"`
		}
		if err := r.c.get(ctx, "/api/2.0/mlflow/model-versions/search", query, &answer); err != nil {
			return nil, err
		}
		all = append(all, answer.Versions...)
		if answer.Next == "" {
			slices.SortStableFunc(all, func(x, y mlflowVersion) int { return cmp.Compare(x.Created, y.Created) })
			return all, nil
		}
		if err := paged.next(string(answer.Next)); err != nil {
			return nil, err
		}
		query.Set("page_token", string(answer.Next))
	}
}

// mlflow reads a version from its tags.
func (v *Version) mlflow(tags []mlflowTag) {
	values := map[string]string{}
	var others []string
	for _, tag := range tags {
		values[tag.Key] = tag.Value
		if !strings.HasPrefix(tag.Key, "mlflow.") && !strings.HasPrefix(tag.Key, "_mlflow") {
			others = append(others, tag.Key)
		}
	}
	body, ok := values[mlflowText]
	switch {
	case !ok:
		v.unfit("it has no prompt text")
		return
	case values[mlflowType] == "chat":
		var chat []json.RawMessage
		if err := json.Unmarshal([]byte(body), &chat); err != nil {
			v.unfit("its chat is no list of messages")
			return
		}
		v.addChat(chat)
	default:
		v.Template = body
	}
	// MLflow renders with Jinja what holds Jinja's control flow.
	if v.anyText(func(s string) bool { return strings.Contains(s, "{%") && strings.Contains(s, "%}") }) {
		v.Format = formatJinja
	} else {
		v.asDoubleBrace(doubleBrace)
	}
	if config := values[mlflowModelConfig]; config != "" {
		v.mlflowConfig(json.RawMessage(config))
	}
	if schema := json.RawMessage(values[mlflowResponseFormat]); len(schema) > 0 {
		v.schema(schema, "response")
	}
	if len(others) > 0 {
		v.gap("tags", "the registry has no tags of versions: %s", strings.Join(others, ", "))
	}
}

// schema takes a response format, or a JSON schema, which it wraps to one.
func (v *Version) schema(schema json.RawMessage, name string) {
	var typed struct {
		Type json.RawMessage `json:"type"`
	}
	if json.Unmarshal(schema, &typed) != nil {
		v.gap("response format", "it is no JSON object")
		return
	}
	switch s, _ := stringOf(typed.Type); s {
	case "json_schema", "json_object", "text":
		v.takeResponseFormat(schema)
	default:
		v.ResponseFormat = object([]member{{"type", quote("json_schema")}, {"json_schema", object([]member{{"name", quote(name)}, {"schema", schema}})}})
	}
}

func (v *Version) mlflowConfig(config json.RawMessage) {
	list, err := members(config)
	if err != nil {
		v.gap("model config", "it is no JSON object")
		return
	}
	var params []member
	for _, m := range list {
		switch m.name {
		case "model_name":
			params = append(params, member{"model", m.value})
		case "provider":
			if !isEmpty(m.value) {
				v.gap("provider", "the registry keeps request parameters only: %s", m.value)
			}
		case "extra_params":
			if extra, err := members(m.value); err == nil {
				params = append(params, extra...)
			}
		default:
			params = append(params, m)
		}
	}
	v.takeParams(params)
}
