// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package sources

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/spanloop/spanloop/internal/registry"
)

// lcObject is an object that LangChain has serialised.
type lcObject struct {
	ID     []string        `json:"id"`
	Kwargs json.RawMessage `json:"kwargs"`
}

func (o *lcObject) class() string {
	if len(o.ID) == 0 {
		return ""
	}
	return o.ID[len(o.ID)-1]
}

// maxNesting is how deep LangChain's runnables are looked into.
const maxNesting = 8

// langchain reads a manifest: a prompt, or a sequence of a prompt and a model.
func (v *Version) langchain(manifest json.RawMessage) {
	l := &langchain{Version: v}
	l.runnable(manifest, 0)
	l.finish()
}

// langchain collects the texts of a manifest with their languages.
type langchain struct {
	*Version
	format string
	// fixed are the places of messages that are no templates.
	fixed map[int]bool
}

func (l *langchain) runnable(raw json.RawMessage, depth int) {
	var o lcObject
	if err := json.Unmarshal(raw, &o); err != nil || o.class() == "" || depth > maxNesting {
		l.unfit("its manifest is no serialised LangChain prompt")
		return
	}
	switch o.class() {
	case "ChatPromptTemplate", "StructuredPrompt":
		l.chat(o.Kwargs)
	case "PromptTemplate":
		s, ok := l.template(raw, "the prompt")
		if ok {
			l.Template = s
		}
	case "RunnableSequence":
		var kwargs struct {
			First  json.RawMessage   `json:"first"`
			Middle []json.RawMessage `json:"middle"`
			Last   json.RawMessage   `json:"last"`
		}
		if err := json.Unmarshal(o.Kwargs, &kwargs); err != nil {
			l.unfit("its manifest is no serialised LangChain prompt")
			return
		}
		l.runnable(kwargs.First, depth+1)
		for _, step := range append(kwargs.Middle, kwargs.Last) {
			if !isNull(step) {
				l.model(step, depth+1)
			}
		}
	default:
		l.unfit("it is a %s; chat and text prompts are carried over", o.class())
	}
}

func (l *langchain) chat(raw json.RawMessage) {
	var kwargs struct {
		Messages         []json.RawMessage `json:"messages"`
		PartialVariables json.RawMessage   `json:"partial_variables"`
		Schema           json.RawMessage   `json:"schema_"`
	}
	if err := json.Unmarshal(raw, &kwargs); err != nil {
		l.unfit("its messages have another form than documented: %v", err)
		return
	}
	for i, message := range kwargs.Messages {
		l.message(i, message)
	}
	if len(kwargs.Messages) == 0 {
		l.unfit("it has no messages")
	}
	l.partialVariables(kwargs.PartialVariables)
	if !isEmpty(kwargs.Schema) {
		l.structured(kwargs.Schema)
	}
}

// structured is the response format that a StructuredPrompt asks of its model.
func (l *langchain) structured(schema json.RawMessage) {
	var titled struct {
		Title text `json:"title"`
		Name  text `json:"name"`
	}
	if json.Unmarshal(schema, &titled) != nil {
		l.gap("response format", "its schema is no JSON object")
		return
	}
	name := string(titled.Title)
	if name == "" {
		name = string(titled.Name)
	}
	if name == "" {
		name = "response"
	}
	l.ResponseFormat = object([]member{
		{"type", quote("json_schema")}, {"json_schema", object([]member{{"name", quote(name)}, {"schema", schema}})},
	})
}

var lcRoles = map[string]string{
	"SystemMessagePromptTemplate": "system", "HumanMessagePromptTemplate": "user", "AIMessagePromptTemplate": "assistant",
	"SystemMessage": "system", "HumanMessage": "user", "AIMessage": "assistant",
}

func (l *langchain) message(i int, raw json.RawMessage) {
	var o lcObject
	if err := json.Unmarshal(raw, &o); err != nil {
		l.unfit("message %d has another form than documented: %v", i+1, err)
		return
	}
	var kwargs struct {
		Prompt           json.RawMessage `json:"prompt"`
		Content          json.RawMessage `json:"content"`
		Role             text            `json:"role"`
		VariableName     text            `json:"variable_name"`
		Optional         bool            `json:"optional"`
		ToolCalls        json.RawMessage `json:"tool_calls"`
		AdditionalKwargs json.RawMessage `json:"additional_kwargs"`
	}
	if err := json.Unmarshal(o.Kwargs, &kwargs); err != nil {
		l.unfit("message %d has another form than documented: %v", i+1, err)
		return
	}
	role := lcRoles[o.class()]
	if strings.HasPrefix(o.class(), "ChatMessage") {
		role = string(kwargs.Role)
	}
	switch {
	case o.class() == "MessagesPlaceholder":
		// Any number of messages, none included, stand for a placeholder of ours.
		l.Messages = append(l.Messages, registry.TemplateMessage{Placeholder: string(kwargs.VariableName)})
		return
	case role == "":
		l.unfit("message %d is a %s, which a message in the registry cannot be", i+1, o.class())
		return
	case !isEmpty(kwargs.ToolCalls):
		l.unfit("message %d calls tools, which a message in the registry cannot", i+1)
		return
	}
	if !isEmpty(kwargs.AdditionalKwargs) {
		l.gap("message "+itoa(i+1), "a message in the registry has no additional_kwargs")
	}
	m := registry.TemplateMessage{Role: role}
	if strings.HasSuffix(o.class(), "PromptTemplate") {
		var ok bool
		if m.Content, ok = l.template(kwargs.Prompt, "message "+itoa(i+1)); !ok {
			return
		}
	} else {
		var ok bool
		if m.Content, ok = l.content(i, kwargs.Content); !ok {
			return
		}
		if l.fixed == nil {
			l.fixed = map[int]bool{}
		}
		l.fixed[len(l.Messages)] = true
	}
	l.Messages = append(l.Messages, m)
}

// template reads a PromptTemplate, or a list of them, which are the parts of one
// message.
func (l *langchain) template(raw json.RawMessage, where string) (string, bool) {
	var several []json.RawMessage
	if json.Unmarshal(raw, &several) == nil {
		var joined strings.Builder
		for _, one := range several {
			s, ok := l.template(one, where)
			if !ok {
				return "", false
			}
			joined.WriteString(s)
		}
		if len(several) > 1 {
			l.adapted(where, "its %d text parts are joined to one text", len(several))
		}
		return joined.String(), true
	}
	var o lcObject
	var kwargs struct {
		Template         json.RawMessage `json:"template"`
		TemplateFormat   text            `json:"template_format"`
		PartialVariables json.RawMessage `json:"partial_variables"`
	}
	if json.Unmarshal(raw, &o) != nil || o.class() != "PromptTemplate" || json.Unmarshal(o.Kwargs, &kwargs) != nil {
		l.unfit("%s holds a %s; templates in the registry are text", where, o.class())
		return "", false
	}
	s, ok := stringOf(kwargs.Template)
	if !ok {
		l.unfit("%s has no text as its template", where)
		return "", false
	}
	format := formatFString
	switch kwargs.TemplateFormat {
	case "", "f-string":
	case "mustache":
		format = formatMustache
	case "jinja2":
		format = formatJinja
	default:
		l.unfit("%s is in the template language %q", where, string(kwargs.TemplateFormat))
		return "", false
	}
	if l.format != "" && l.format != format {
		l.unfit("its messages are in several template languages (%s, %s); a version in the registry has one", l.format, format)
		return "", false
	}
	l.format = format
	l.partialVariables(kwargs.PartialVariables)
	return s, true
}

// partialVariables become defaults, which they are: a call may give another value.
func (l *langchain) partialVariables(raw json.RawMessage) {
	if isEmpty(raw) {
		return
	}
	list, err := members(raw)
	if err != nil {
		l.gap("partial variables", "they are no JSON object")
		return
	}
	for _, m := range list {
		if value, ok := stringOf(m.value); ok {
			l.variable(m.name, "", value)
			continue
		}
		l.gap("variable "+m.name, "its partial value is no text")
	}
}

// finish writes the messages that are no templates in the language of the others.
func (l *langchain) finish() {
	if l.format == "" {
		l.format = formatFString
	}
	l.Format = l.format
	if l.format == formatMustache && l.Unfit == "" {
		l.adapted("template", "LangChain writes & < > and quotes in the values of {{x}} as HTML does; the registry prints values as they are")
	}
	for i := range l.Messages {
		if !l.fixed[i] {
			continue
		}
		s := l.Messages[i].Content
		switch {
		case l.format == formatFString:
			s = doubleBraces(s)
		case strings.Contains(s, "{{") || l.format == formatJinja && strings.ContainsAny(s, "{"):
			l.unfit("message %d is no template and holds braces, which %s would read", i+1, l.format)
		}
		l.Messages[i].Content = s
	}
}

// connection are constructor arguments that say how to reach a model, not what to ask
// of it.
var connection = []string{
	"api_key", "base_url", "organization", "openai_api_key", "openai_api_base", "openai_organization", "openai_proxy", "anthropic_api_key",
	"anthropic_api_url", "google_api_key", "default_headers", "default_query", "extra_headers", "max_retries", "request_timeout", "timeout",
	"callbacks", "cache", "verbose", "metadata", "tags", "name", "streaming", "disable_streaming", "http_client", "output_version",
}

// model takes the request parameters of a model, and of what is bound to it.
func (l *langchain) model(raw json.RawMessage, depth int) {
	var o lcObject
	if err := json.Unmarshal(raw, &o); err != nil || depth > maxNesting {
		l.gap("model", "it is no serialised LangChain model")
		return
	}
	kwargs, err := members(o.Kwargs)
	if err != nil {
		l.gap("model", "it is no serialised LangChain model")
		return
	}
	if strings.HasPrefix(o.class(), "RunnableBinding") {
		for _, m := range kwargs {
			switch m.name {
			case "bound":
				l.model(m.value, depth+1)
			case "kwargs":
				if bound, err := members(m.value); err == nil {
					l.settings(bound)
				}
			}
		}
		return
	}
	if !slices.ContainsFunc(kwargs, func(m member) bool { return m.name == "model" || m.name == "model_name" || m.name == "temperature" }) {
		l.gap("step "+o.class(), "what follows the prompt is not carried over, unless it is a model")
		return
	}
	l.settings(kwargs)
}

func (l *langchain) settings(kwargs []member) {
	var params, left []member
	if len(l.Params) > 0 {
		params, _ = members(l.Params)
	}
	for _, m := range kwargs {
		switch {
		case slices.Contains(connection, m.name):
			left = append(left, m)
		case m.name == "model_kwargs":
			if inner, err := members(m.value); err == nil {
				params = append(params, inner...)
			}
		case m.name == "model_name":
			params = append(params, member{"model", m.value})
		case m.name == "extra_body" && isNull(m.value):
		case strings.Contains(string(m.value), `"lc":`):
			left = append(left, m)
		default:
			params = append(params, m)
		}
	}
	format := l.ResponseFormat
	l.takeParams(params)
	if l.ResponseFormat == nil {
		l.ResponseFormat = format
	}
	var names []string
	for _, m := range left {
		if !isEmpty(m.value) {
			names = append(names, m.name)
		}
	}
	if len(names) > 0 {
		// Never their values: keys are among them.
		l.gap("model", "how the model is reached is not part of a prompt: %s", strings.Join(names, ", "))
	}
}
