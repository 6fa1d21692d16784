// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/spanloop/spanloop/internal/registry"
	"github.com/spanloop/spanloop/internal/report"
)

// promptVersion is one version in `prompt show`.
type promptVersion struct {
	Prompt string `json:"prompt"`
	versionInfo
	Messages       []messageInfo   `json:"messages"`
	Params         json.RawMessage `json:"params,omitempty"`
	ResponseFormat json.RawMessage `json:"response_format,omitempty"`
	Partials       []partialInfo   `json:"partials"`
	Variables      []variableInfo  `json:"variables"`
	Live           []releaseInfo   `json:"live"`
}

// messageInfo is a message, or a placeholder, which has neither role nor content.
type messageInfo struct {
	Role        string `json:"role"`
	Content     string `json:"content"`
	Placeholder string `json:"placeholder,omitempty"`
}

type partialInfo struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Hash    string `json:"hash"`
}

type variableInfo struct {
	Name        string  `json:"name"`
	Type        string  `json:"type"`
	Default     *string `json:"default,omitempty"`
	Description string  `json:"description,omitempty"`
}

func newPromptShowCommand(a *app) *cobra.Command {
	f := &showFlags{}
	cmd := &cobra.Command{
		Use:   "show NAME [VERSION]",
		Short: "One version: its text, parameters, partials, variables and where it is live",
		Long: `Prints a version as it stands in the registry; the latest one when none is named.
With --environment it is the version that is live there; where several share the
traffic, --key says whose (a session, a user): a key always gets the same version.
With --var the messages are rendered: every variable needs a value or a default.`,
		Example: `  spanloop prompt show support-agent
  spanloop prompt show support-agent v3.1 --var customer_name='Ada Park' --var today=2026-11-25
  spanloop prompt show support-agent -e production --key session-4711`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				f.version = args[1]
			}
			shown, err := a.showPrompt(args[0], f)
			if err != nil {
				return err
			}
			if a.Format == string(report.FormatJSON) {
				return report.WriteJSON(a.Out, "spanloop.prompt.show/1", shown)
			}
			return a.document(shown.document())
		},
		ValidArgsFunction: a.completePrompts(2),
	}
	flags := cmd.Flags()
	flags.StringVar(&f.at, "at", "", "what was live at this `time`, instead of now")
	flags.StringVarP(&f.environment, "environment", "e", "", "the version that this `environment` serves")
	flags.StringVar(&f.key, "key", "", "whose version, where several share the environment: a session, a user")
	flags.StringArrayVar(&f.vars, "var", nil, "render with a variable's value: `name=value`")
	return cmd
}

// showFlags say which version is shown, and how.
type showFlags struct {
	version, environment, key, at string
	vars                          []string
}

func (a *app) showPrompt(name string, f *showFlags) (*promptVersion, error) {
	at, err := a.at(f.at)
	if err != nil {
		return nil, err
	}
	snapshot, err := a.loadRegistry()
	if err != nil {
		return nil, err
	}
	p, err := findPrompt(snapshot, name)
	if err != nil {
		return nil, err
	}
	version := f.version
	if f.environment != "" {
		if version, err = f.live(snapshot, p, at); err != nil {
			return nil, usage(err)
		}
	}
	v, err := findVersion(p, version)
	if err != nil {
		return nil, err
	}
	out := &promptVersion{
		Prompt: p.Name, versionInfo: newVersionInfo(v), Messages: []messageInfo{}, Params: rawJSON(v.Params), ResponseFormat: rawJSON(v.ResponseFormat),
		Partials: []partialInfo{}, Variables: []variableInfo{}, Live: []releaseInfo{},
	}
	for _, m := range v.Messages {
		out.Messages = append(out.Messages, messageInfo(m))
	}
	for _, r := range v.Partials {
		out.Partials = append(out.Partials, partialInfo(r))
	}
	for _, variable := range v.Variables() {
		spec := p.Variables[variable]
		switch {
		case slices.Contains(v.Placeholders(), variable):
			spec.Type = "messages"
		case spec.Type == "":
			spec.Type = "string"
		}
		out.Variables = append(out.Variables, variableInfo{variable, spec.Type, spec.Default, spec.Description})
	}
	for _, r := range liveReleases(snapshot, p.Name, at) {
		if liveVersion([]releaseInfo{r}, v.Version) != "" {
			out.Live = append(out.Live, r)
		}
	}
	if len(f.vars) > 0 {
		return out, out.render(v, f.vars)
	}
	return out, nil
}

// live is the version that an environment serves to the key.
func (f *showFlags) live(s *registry.Snapshot, p *registry.Prompt, at time.Time) (string, error) {
	if f.version != "" {
		return "", errors.New("a version or --environment: not both")
	}
	r, ok := s.LiveAt(p.Name, f.environment, at)
	if !ok {
		return "", fmt.Errorf("prompt %q serves nothing in %q%s", p.Name, f.environment, suggest(f.environment, s.Environments(p.Name)))
	}
	if len(r.Targets) > 1 && f.key == "" {
		return "", fmt.Errorf("%q serves %s: name the version, or whose it is with --key", r.Environment, newReleaseInfo(r))
	}
	return r.Assign(p.Name, f.key).Version, nil
}

// render replaces the templates by what they give.
func (p *promptVersion) render(v *registry.Version, vars []string) error {
	values := map[string]string{}
	for _, assignment := range vars {
		name, value, ok := strings.Cut(assignment, "=")
		if !ok {
			return usage(fmt.Errorf("--var %q: name=value is expected", assignment))
		}
		values[name] = value
	}
	rendered, err := v.Render(values)
	if err != nil {
		return usage(fmt.Errorf("render %s: %w; give it with --var", p.Prompt, err))
	}
	p.Messages = p.Messages[:0]
	for _, m := range rendered {
		p.Messages = append(p.Messages, messageInfo{Role: m.Role, Content: m.Content})
	}
	return nil
}

func (p *promptVersion) document() document {
	about := []report.Cell{report.Text("hash     " + p.Hash)}
	add := func(name, value string) {
		if value != "" {
			about = append(about, report.Text(fmt.Sprintf("%-8s %s", name, value)))
		}
	}
	add("made", strings.TrimSuffix(moment(p.Time)+" by "+p.Author, " by "))
	add("from", p.Parent)
	add("format", p.TemplateFormat)
	add("message", p.Message)
	if o := p.Origin; o != nil {
		add("origin", strings.TrimSpace(o.System+" "+o.ID)+", imported "+moment(o.Imported))
	}
	for _, r := range p.Live {
		add("live", fmt.Sprintf("%s since %s: %s", r.Environment, moment(r.Time), r))
	}
	for _, r := range p.Partials {
		add("partial", r.Name+"@"+r.Version)
	}
	add("file", p.File)
	d := document{title: p.Prompt + "@" + p.Version, parts: []part{{lines: about}}}
	messages := &report.Table{Columns: []report.Column{{Name: "role"}, {Name: "content"}}}
	for _, m := range p.Messages {
		if m.Placeholder != "" {
			d.parts = append(d.parts, part{title: "[placeholder]", lines: sourceLines(m.Placeholder)})
			continue
		}
		d.parts = append(d.parts, part{title: "[" + m.Role + "]", lines: sourceLines(m.Content)})
		messages.Rows = append(messages.Rows, []report.Cell{report.Text(m.Role), report.Text(m.Content)})
	}
	d.csv = messages
	if p.Params != nil {
		d.parts = append(d.parts, part{title: "[params]", lines: sourceLines(string(p.Params))})
	}
	if p.ResponseFormat != nil {
		d.parts = append(d.parts, part{title: "[response_format]", lines: sourceLines(string(p.ResponseFormat))})
	}
	if len(p.Variables) > 0 {
		t := &report.Table{Columns: []report.Column{{Name: "variable"}, {Name: "type"}, {Name: "default"}, {Name: "description"}}}
		for _, v := range p.Variables {
			standard := report.Cell{}
			if v.Default != nil {
				standard = report.Text(*v.Default)
			}
			t.Rows = append(t.Rows, []report.Cell{report.Text(v.Name), report.Text(v.Type), standard, report.Text(v.Description)})
		}
		d.parts = append(d.parts, part{table: t})
	}
	return d
}
