// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/spanloop/spanloop/internal/registry/template"
)

// promptDocument is prompts/<name>/prompt.yaml.
type promptDocument struct {
	Description     string                  `yaml:"description,omitempty"`
	Tags            []string                `yaml:"tags,omitempty"`
	Format          string                  `yaml:"format,omitempty"`
	Variables       map[string]VariableSpec `yaml:"variables,omitempty"`
	ProtectedLabels []string                `yaml:"protected_labels,omitempty"`
}

// versionDocument is a version file of a prompt or a partial.
type versionDocument struct {
	Version        string            `yaml:"version"`
	Hash           string            `yaml:"hash"`
	Author         string            `yaml:"author"`
	Time           time.Time         `yaml:"time"`
	Message        string            `yaml:"message"`
	Parent         string            `yaml:"parent"`
	Format         string            `yaml:"format"`
	Template       yaml.Node         `yaml:"template"`
	Messages       []yaml.Node       `yaml:"messages"`
	Content        yaml.Node         `yaml:"content"`
	Params         yaml.Node         `yaml:"params"`
	ResponseFormat yaml.Node         `yaml:"response_format"`
	Partials       map[string]string `yaml:"partials"`
	Origin         *Origin           `yaml:"origin"`
}

// toolDocument is a tool version in YAML or JSON.
type toolDocument struct {
	Version    string    `yaml:"version"`
	Hash       string    `yaml:"hash"`
	Author     string    `yaml:"author"`
	Time       time.Time `yaml:"time"`
	Message    string    `yaml:"message"`
	Definition yaml.Node `yaml:"definition"`
}

// parsedTemplate is one message with its syntax tree, partials not yet in.
type parsedTemplate struct {
	TemplateMessage
	template template.Template
	node     yaml.Node
}

// parsedVersion is a version file that is right in itself.
type parsedVersion struct {
	versionDocument
	params, responseFormat json.RawMessage
	templates              []parsedTemplate
}

type parsedTool struct {
	toolDocument
	definition json.RawMessage
	hash       string
}

// parse reads one file: *promptDocument, *parsedVersion, *parsedTool or
// []releaseDocument. Errors are *lineError.
func parse(f sourceFile, data []byte) (any, error) {
	switch f.kind {
	case kindPrompt:
		return parsePrompt(data)
	case kindTool:
		return parseTool(f, data)
	case kindRelease:
		return parseReleases(data)
	}
	return parseVersion(f, data)
}

func parsePrompt(data []byte) (*promptDocument, error) {
	doc := &promptDocument{}
	if len(bytes.TrimSpace(data)) == 0 {
		return doc, nil
	}
	if err := decodeYAML(data, doc); err != nil {
		return nil, err
	}
	if err := checkFormat(doc.Format, data); err != nil {
		return nil, err
	}
	for _, name := range sortedKeys(doc.Variables) {
		spec := doc.Variables[name]
		switch spec.Type {
		case "", "string", "number", "boolean", "list", "object":
		default:
			return nil, failAt(keyLine(data, "variables", name, "type"), "variable %s: type %s is none of string, number, boolean, list, object", show(name), show(spec.Type))
		}
	}
	return doc, nil
}

func parseVersion(f sourceFile, data []byte) (*parsedVersion, error) {
	v := &parsedVersion{}
	if err := decodeYAML(data, &v.versionDocument); err != nil {
		return nil, err
	}
	if v.Version == "" {
		v.Version = f.stem
	}
	if v.Version != "" {
		if err := CheckVersion(v.Version); err != nil {
			return nil, failAt(1, "%v", err)
		}
	}
	if err := checkFormat(v.Format, data); err != nil {
		return nil, err
	}
	if v.Origin != nil && v.Origin.System == "" {
		return nil, failAt(keyLine(data, "origin"), "an origin names its system")
	}
	if err := v.readMessages(f.kind); err != nil {
		return nil, err
	}
	var err error
	if v.params, err = optionalJSON(&v.Params, "params", true); err != nil {
		return nil, err
	}
	v.responseFormat, err = optionalJSON(&v.ResponseFormat, "response_format", false)
	return v, err
}

// optionalJSON is nil for an absent, null or empty value.
func optionalJSON(node *yaml.Node, what string, object bool) (json.RawMessage, error) {
	if node.Kind == 0 || node.Tag == "!!null" {
		return nil, nil
	}
	text, err := nodeJSON(node)
	if err != nil {
		return nil, err
	}
	if object && text[0] != '{' {
		return nil, failAt(node.Line, "%s must be a map", what)
	}
	if string(text) == "{}" {
		return nil, nil
	}
	if _, err = CanonicalJSON(text); err != nil {
		return nil, failAt(node.Line, "%s: %v", what, err)
	}
	return text, nil
}

// readMessages takes the one text of a version file, or its list of messages.
func (v *parsedVersion) readMessages(kind fileKind) error {
	hasTemplate, hasContent, hasMessages := v.Template.Kind != 0, v.Content.Kind != 0, len(v.Messages) > 0
	if kind == kindPartial {
		if hasTemplate == hasContent || hasMessages {
			return failAt(1, "a partial holds exactly one text: content")
		}
		if hasTemplate {
			return v.addTemplate("", v.Template)
		}
		return v.addTemplate("", v.Content)
	}
	switch {
	case hasContent:
		return failAt(v.Content.Line, "content belongs to partials; a prompt has a template or messages")
	case hasTemplate && hasMessages:
		return failAt(v.Template.Line, "a prompt has a template or messages, not both")
	case hasTemplate:
		return v.addTemplate("system", v.Template)
	case !hasMessages:
		return failAt(1, "a prompt needs a template or messages")
	}
	for i := range v.Messages {
		if err := v.readMessage(&v.Messages[i]); err != nil {
			return err
		}
	}
	return nil
}

// readMessage takes one message, or the placeholder of some.
func (v *parsedVersion) readMessage(node *yaml.Node) error {
	var m struct {
		Role        string    `yaml:"role"`
		Content     yaml.Node `yaml:"content"`
		Placeholder string    `yaml:"placeholder"`
	}
	if err := node.Decode(&m); err != nil {
		return failAt(node.Line, "a message is a map of role and content, or a placeholder")
	}
	members := 4
	if m.Placeholder != "" {
		members = 2
	}
	if node.Kind == yaml.MappingNode && len(node.Content) != members || m.Placeholder == "" && (m.Role == "" || m.Content.Kind == 0) {
		return failAt(node.Line, "a message has a role and a content, or a placeholder, and nothing else")
	}
	if m.Placeholder == "" {
		return v.addTemplate(m.Role, m.Content)
	}
	if err := checkPlaceholder(m.Placeholder); err != nil {
		return failAt(node.Line, "%v", err)
	}
	v.templates = append(v.templates, parsedTemplate{TemplateMessage{Placeholder: m.Placeholder}, placeholder{m.Placeholder}, *node})
	return nil
}

func (v *parsedVersion) addTemplate(role string, node yaml.Node) error {
	text, err := scalar(&node, "the template")
	if err != nil {
		return err
	}
	t, err := parseTemplate(v.language(), text)
	if err != nil {
		return templateError(&node, err)
	}
	v.templates = append(v.templates, parsedTemplate{TemplateMessage{Role: role, Content: text}, t, node})
	return nil
}

// templateError moves a template's error to its line in the file.
func templateError(node *yaml.Node, err error) error {
	var syntax *template.SyntaxError
	if errors.As(err, &syntax) {
		return failAt(textLine(node, syntax.Line), "%s", syntax.Reason)
	}
	return failAt(node.Line, "%v", err)
}
