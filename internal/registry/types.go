// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package registry reads and writes prompts, partials, tools and releases that
// are kept as plain files in a directory (docs/registry.md), and answers which
// version a rendered prompt came from.
package registry

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spanloop/spanloop/internal/genai"
)

// Prompt is a named template with immutable versions.
type Prompt struct {
	// Name may hold "/": folders are part of it.
	Name        string
	Description string
	Tags        []string
	// Format is the template language that new versions have.
	Format    string
	Variables map[string]VariableSpec
	// ProtectedLabels are environments that are released only with a reviewer.
	ProtectedLabels []string
	// Versions are ordered by time, then by version name.
	Versions []*Version

	byVersion map[string]*Version
}

// VariableSpec declares one template variable.
type VariableSpec struct {
	// Type is string (default), number, boolean, list or object.
	Type        string  `yaml:"type,omitempty"`
	Default     *string `yaml:"default,omitempty"`
	Description string  `yaml:"description,omitempty"`
}

// Version returns the version of that name, or nil.
func (p *Prompt) Version(name string) *Version {
	if p == nil {
		return nil
	}
	return p.byVersion[name]
}

// Latest returns the newest version, or nil when there is none.
func (p *Prompt) Latest() *Version {
	if p == nil || len(p.Versions) == 0 {
		return nil
	}
	return p.Versions[len(p.Versions)-1]
}

// TemplateMessage is one message of a prompt, not yet rendered, or the place where
// an application puts messages of its own.
type TemplateMessage struct {
	Role    string
	Content string
	// Placeholder names the place of any number of messages, such as the history
	// of a chat; role and content are empty then.
	Placeholder string
}

// MarshalYAML writes a message as version files hold it.
func (m TemplateMessage) MarshalYAML() (any, error) {
	if m.Placeholder != "" {
		return struct {
			Placeholder string `yaml:"placeholder"`
		}{m.Placeholder}, nil
	}
	return struct {
		Role    string `yaml:"role"`
		Content string `yaml:"content"`
	}{m.Role, m.Content}, nil
}

// RenderedMessage is one message of a prompt with its variables filled in.
type RenderedMessage struct{ Role, Content string }

// TextMessage is one message of a call as plain text; the input of Match.
type TextMessage = RenderedMessage

// PartialRef says which version of a partial a template includes.
type PartialRef struct{ Name, Version, Hash string }

// Version is one immutable version of a prompt.
type Version struct {
	Version string
	Author  string
	Time    time.Time
	Message string
	// Parent is the version that this one was made from.
	Parent string
	// Format is the template language: mustache, f-string or jinja.
	Format   string
	Messages []TemplateMessage
	// Params are the request parameters as a JSON object; nil without any.
	Params json.RawMessage
	// ResponseFormat is JSON; nil without any.
	ResponseFormat json.RawMessage
	// Partials are all partials that the template includes, directly or not,
	// sorted by name.
	Partials []PartialRef
	// Hash is sha256: and the hex digest over the content (docs/registry.md).
	Hash string
	// Origin is where the version was imported from; nil when it was made here.
	Origin *Origin
	File   string

	body *compiled
}

// Origin says which version of another system a version was imported from. It is
// no part of the content, so the hash is without it.
type Origin struct {
	System string `yaml:"system"`
	// ID is the version's id there.
	ID string `yaml:"id,omitempty"`
	// Name and Version are how the system spells them, where that is no name here.
	Name    string `yaml:"name,omitempty"`
	Version string `yaml:"version,omitempty"`
	// URL is the address it was read from; never with a user or a query.
	URL      string    `yaml:"url,omitempty"`
	Imported time.Time `yaml:"imported"`
}

// Partial is a reusable template fragment with versions of its own.
type Partial struct {
	Name     string
	Versions []*PartialVersion

	byVersion map[string]*PartialVersion
}

// Version returns the version of that name, or nil.
func (p *Partial) Version(name string) *PartialVersion {
	if p == nil {
		return nil
	}
	return p.byVersion[name]
}

// PartialVersion is one immutable version of a partial.
type PartialVersion struct {
	Version string
	Author  string
	Time    time.Time
	Message string
	Content string
	// Format is the template language; what includes the partial has the same.
	Format   string
	Partials []PartialRef
	Hash     string
	File     string

	// pins are the partials that this one includes, by reference as written.
	pins map[string]*PartialVersion
}

// Tool is a tool definition with versions.
type Tool struct {
	Name     string
	Versions []*ToolVersion

	byVersion map[string]*ToolVersion
}

// Version returns the version of that name, or nil.
func (t *Tool) Version(name string) *ToolVersion {
	if t == nil {
		return nil
	}
	return t.byVersion[name]
}

// ToolVersion is one immutable version of a tool.
type ToolVersion struct {
	Version string
	Author  string
	Time    time.Time
	Message string
	// Definition is the JSON object {name, description, parameters, strict}.
	Definition json.RawMessage
	Hash       string
	File       string
}

// Release says which versions an environment serves from a moment on.
type Release struct {
	Environment string
	Time        time.Time
	Author      string
	Reason      string
	Targets     []Target
}

// Target is one version of a release with its share of the traffic.
type Target struct {
	Version string
	// Weight is relative to the sum of the release's weights; above zero.
	Weight float64
	// Hash pins the content that was released; empty when it was not recorded.
	Hash string
}

// Problem is something in the directory that is refused (an error) or that
// deserves attention (a warning).
type Problem struct {
	File string
	// Line is 1-based; 0 when the problem is with the file as a whole.
	Line    int
	Reason  string
	Warning bool

	unit string
}

// String is file:line: reason.
func (p Problem) String() string {
	level := ""
	if p.Warning {
		level = "warning: "
	}
	if p.Line > 0 {
		return fmt.Sprintf("%s:%d: %s%s", p.File, p.Line, level, p.Reason)
	}
	return fmt.Sprintf("%s: %s%s", p.File, level, p.Reason)
}

// MatchResult says which version rendered a text.
type MatchResult struct {
	// Found is true when exactly one version explains the text.
	Found     bool
	Prompt    *Prompt
	Version   *Version
	Variables []genai.Variable
	// UncertainVariables have several values that render the same text.
	UncertainVariables []string
	// Ambiguous is true when several versions explain the text equally well.
	Ambiguous bool
	// Candidates are name@version, at most 20.
	Candidates []string
	// Further is true when messages beyond those that were given could say more: a
	// version with a placeholder fits as far as they go.
	Further bool
}
