// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package fstring reads and renders the f-string templates of LangChain: Python's
// str.format with named values. Attributes, indexes, positions and fields within
// format specifications are refused, as LangChain refuses them.
package fstring

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spanloop/spanloop/internal/registry/python"
	"github.com/spanloop/spanloop/internal/registry/template"
)

// Template is a parsed template.
type Template struct{ fields []field }

// field is a literal, or a variable when it has a name.
type field struct {
	text, name string
	// conversion is r, s, a or 0.
	conversion byte
	spec       *python.Spec
	line       int
}

// Parse reads a template. The error is a *template.SyntaxError.
func Parse(source string) (*Template, error) {
	p := parser{src: source, line: 1}
	if len(source) > template.MaxSourceBytes {
		return nil, p.fail("longer than 4 MiB")
	}
	var literal strings.Builder
	t := &Template{}
	flush := func() {
		if literal.Len() > 0 {
			t.fields = append(t.fields, field{text: literal.String(), line: p.line})
			literal.Reset()
		}
	}
	for p.pos < len(source) {
		at := strings.IndexAny(source[p.pos:], "{}")
		if at < 0 {
			literal.WriteString(source[p.pos:])
			break
		}
		literal.WriteString(source[p.pos : p.pos+at])
		p.move(at)
		brace := source[p.pos]
		if p.pos+1 < len(source) && source[p.pos+1] == brace {
			literal.WriteByte(brace)
			p.move(2)
			continue
		}
		if brace == '}' {
			return nil, p.fail(`a single "}": write "}}" for a brace`)
		}
		f, err := p.field()
		if err != nil {
			return nil, err
		}
		flush()
		t.fields = append(t.fields, f)
	}
	flush()
	return t, nil
}

type parser struct {
	src       string
	pos, line int
}

func (p *parser) fail(reason string) error {
	return &template.SyntaxError{Line: p.line, Reason: reason}
}

func (p *parser) move(n int) {
	p.line += strings.Count(p.src[p.pos:p.pos+n], "\n")
	p.pos += n
}

// field reads from the brace on.
func (p *parser) field() (field, error) {
	rest := p.src[p.pos+1:]
	end := strings.IndexAny(rest, "{}")
	switch {
	case end < 0:
		return field{}, p.fail(`"{" is never closed: write "{{" for a brace`)
	case rest[end] == '{':
		if strings.Contains(rest[:end], ":") {
			return field{}, p.fail("a field within a format specification is not supported")
		}
		return field{}, p.fail(`"{" within a field: write "{{" and "}}" for braces`)
	}
	f, err := p.content(rest[:end])
	if err != nil {
		return field{}, err
	}
	f.line = p.line
	p.move(end + 2)
	return f, nil
}

func (p *parser) content(text string) (field, error) {
	var f field
	end := strings.IndexAny(text, "!:")
	spec, hasSpec := "", false
	f.name = text
	if end >= 0 {
		f.name = text[:end]
		spec, hasSpec = text[end+1:], text[end] == ':'
	}
	if err := p.checkName(f.name); err != nil {
		return f, err
	}
	if end >= 0 && text[end] == '!' {
		if spec == "" || strings.IndexByte("rsa", spec[0]) < 0 || (len(spec) > 1 && spec[1] != ':') {
			return f, p.fail("the conversion of " + template.Quote(f.name) + " is none of !r, !s, !a")
		}
		f.conversion, hasSpec, spec = spec[0], len(spec) > 1, spec[min(2, len(spec)):]
	}
	if !hasSpec || spec == "" {
		return f, nil
	}
	var err error
	if f.spec, err = python.ParseSpec(spec); err != nil {
		return f, p.fail(err.Error())
	}
	return f, nil
}

func (p *parser) checkName(name string) error {
	switch {
	case name == "" || strings.Trim(name, "0123456789") == "":
		return p.fail(`a field without a name: values are named, as in "{question}"`)
	case strings.ContainsAny(name, ".[]"):
		return p.fail("the field " + template.Quote(name) + ": attributes and indexes are not supported")
	case len(name) > 300:
		return p.fail("a name longer than 300 bytes")
	}
	for i, r := range name {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) || r == utf8.RuneError {
			return p.fail("the field " + template.Quote(name) + ` is no name: write "{{" and "}}" for braces, as around JSON`)
		}
	}
	return nil
}
