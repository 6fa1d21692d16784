// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"slices"
	"strings"

	"github.com/spanloop/spanloop/internal/registry/fstring"
	"github.com/spanloop/spanloop/internal/registry/jinja"
	"github.com/spanloop/spanloop/internal/registry/mustache"
	"github.com/spanloop/spanloop/internal/registry/template"
)

// The template languages, as they are named in files.
const (
	formatMustache = "mustache"
	formatFString  = "f-string"
	formatJinja    = "jinja"
)

// Formats are the template languages.
func Formats() []string { return []string{formatMustache, formatFString, formatJinja} }

func orMustache(format string) string {
	if format == "" {
		return formatMustache
	}
	return format
}

// language is the template language of a version file.
func (v *versionDocument) language() string { return orMustache(v.Format) }

func checkFormat(format string, data []byte) error {
	if format == "" || slices.Contains(Formats(), format) {
		return nil
	}
	return failAt(keyLine(data, "format"), "format %s is none of %s", show(format), strings.Join(Formats(), ", "))
}

// nextFormat is the template language of a version that was made from another
// one; "" for Mustache where nothing else is said.
func (p *Prompt) nextFormat(parent string) string {
	if v := p.Version(parent); v != nil && v.Format != formatMustache {
		return v.Format
	}
	if p == nil || p.Format == formatMustache {
		return ""
	}
	return p.Format
}

// parseTemplate reads a template in a language that checkFormat knows. The error
// is a *template.SyntaxError.
func parseTemplate(language, source string) (template.Template, error) {
	switch language {
	case formatFString:
		return fstring.Parse(source)
	case formatJinja:
		return jinja.Parse(source)
	}
	t, err := mustache.Parse(source)
	return mustacheTemplate{t}, err
}

// mustacheTemplate is a Mustache template as one of several languages.
type mustacheTemplate struct{ *mustache.Template }

func (t mustacheTemplate) Expand(lookup template.Lookup) (template.Template, error) {
	expanded, err := t.Template.Expand(lookup)
	return mustacheTemplate{expanded}, err
}

// Structured are the variables that sections read.
func (t mustacheTemplate) Structured() []string { return sectionNames(t.Nodes, nil) }

func sectionNames(nodes []mustache.Node, names []string) []string {
	for _, n := range nodes {
		if n.Kind == mustache.Section || n.Kind == mustache.Inverted {
			names = sectionNames(n.Nodes, append(names, n.Name))
		}
	}
	return names
}
