// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"

	"github.com/spanloop/spanloop/internal/registry/mustache"
)

// Resolved returns the version's messages with its partials put in, still with
// their variables. Only Mustache templates have partials that are put in; others
// are returned as they are written. The error says of which message there is no
// such text.
func (v *Version) Resolved() ([]TemplateMessage, error) {
	out := make([]TemplateMessage, len(v.Messages))
	copy(out, v.Messages)
	if len(v.Partials) == 0 {
		return out, nil
	}
	for i, t := range v.body.templates {
		m, ok := t.(mustacheTemplate)
		if !ok {
			continue
		}
		text, err := mustache.Write(m.Nodes)
		if err != nil {
			return nil, fmt.Errorf("version %s, message %d cannot be written with its partials put in: %w", show(v.Version), i+1, err)
		}
		out[i].Content = text
	}
	return out, nil
}

// IsText reports whether the version is one bare template, without roles.
func (v *Version) IsText() bool { return v.body.bare }

// IsMustache reports whether the version's language is Mustache.
func (v *Version) IsMustache() bool { return v.Format == formatMustache }

// Numbered returns the version that clients which know only whole numbers mean:
// the one of that name, else v and the number.
func (p *Prompt) Numbered(number string) *Version {
	if v := p.Version(number); v != nil || !isNumber(number) {
		return v
	}
	return p.Version("v" + number)
}

// Number is the whole number that Numbered finds the version by; empty when
// there is none.
func (p *Prompt) Number(v *Version) string {
	number := v.Version
	if len(number) > 1 && number[0] == 'v' {
		number = number[1:]
	}
	if !isNumber(number) || p.Numbered(number) != v {
		return ""
	}
	return number
}

// isNumber accepts 1 to 999999999, in its one spelling.
func isNumber(s string) bool {
	if s == "" || len(s) > 9 || s[0] == '0' {
		return false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
