// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package mustache

import (
	"strings"

	"github.com/spanloop/spanloop/internal/registry/template"
)

// Parse reads a template. The error is a *SyntaxError.
func Parse(source string) (*Template, error) {
	if len(source) > MaxSourceBytes {
		return nil, &SyntaxError{Line: 1, Reason: "longer than 4 MiB"}
	}
	p := parser{src: source, open: "{{", end: "}}", line: 1}
	nodes, err := p.parse()
	if err != nil {
		return nil, err
	}
	return &Template{Source: source, Nodes: nodes}, nil
}

type parser struct {
	src       string
	pos       int
	line      int
	open, end string
	// frames are the sections that are still open, outermost first; the first
	// is the template itself.
	frames []frame
}

type frame struct {
	node  Node
	nodes []Node
}

type tag struct {
	// kind is the sigil: '&' also for the triple form, 'v' for a plain variable.
	kind       byte
	name       string
	start, end int
	line       int
}

func (p *parser) parse() ([]Node, error) {
	p.frames = []frame{{}}
	for {
		t, found, err := p.next()
		if err != nil {
			return nil, err
		}
		if !found {
			break
		}
		if err := p.apply(t); err != nil {
			return nil, err
		}
	}
	p.text(p.src[p.pos:])
	if len(p.frames) > 1 {
		n := p.frames[len(p.frames)-1].node
		return nil, &SyntaxError{Line: n.Line, Reason: "section " + quote(n.Name) + " is never closed"}
	}
	return p.frames[0].nodes, nil
}

// next finds the next tag from p.pos on, without consuming anything.
func (p *parser) next() (tag, bool, error) {
	at := strings.Index(p.src[p.pos:], p.open)
	if at < 0 {
		return tag{}, false, nil
	}
	t := tag{start: p.pos + at}
	t.line = p.line + strings.Count(p.src[p.pos:t.start], "\n")
	rest := p.src[t.start+len(p.open):]
	closing, skip := p.end, 0
	t.kind = 'v'
	if rest != "" {
		switch rest[0] {
		case '#', '^', '/', '>', '!', '&', '=', '<', '$':
			t.kind, skip = rest[0], 1
		case '{':
			if p.open == "{{" {
				t.kind, skip, closing = '&', 1, "}"+p.end
			}
		}
	}
	if t.kind == '=' {
		closing = "=" + p.end
	}
	stop := strings.Index(rest[skip:], closing)
	if stop < 0 {
		return tag{}, false, &SyntaxError{Line: t.line, Reason: "tag " + quote(p.open) + " is never closed by " + quote(closing)}
	}
	t.name = strings.TrimSpace(rest[skip : skip+stop])
	t.end = t.start + len(p.open) + skip + stop + len(closing)
	return t, true, nil
}

// apply consumes the text before a tag and the tag itself.
func (p *parser) apply(t tag) error {
	before, after := p.src[p.pos:t.start], t.end
	indent := ""
	if standaloneKind(t.kind) {
		if lineStart, lineEnd, ok := p.standalone(t); ok {
			indent = p.src[lineStart:t.start]
			before, after = p.src[p.pos:lineStart], lineEnd
		}
	}
	p.text(before)
	p.line = t.line + strings.Count(p.src[t.start:after], "\n")
	p.pos = after
	return p.node(t, indent)
}

func standaloneKind(kind byte) bool { return strings.IndexByte("#^/>!=", kind) >= 0 }

// standalone reports whether nothing but blanks shares the tag's line, and
// where that line begins and ends.
func (p *parser) standalone(t tag) (start, end int, ok bool) {
	start = t.start
	for start > 0 && isBlank(p.src[start-1]) {
		start--
	}
	// A tag before this one on the same line ends at p.pos or later.
	if start < p.pos || (start > 0 && p.src[start-1] != '\n') {
		return 0, 0, false
	}
	if start == p.pos && p.pos > 0 && p.src[p.pos-1] != '\n' {
		return 0, 0, false
	}
	end = t.end
	for end < len(p.src) && isBlank(p.src[end]) {
		end++
	}
	switch {
	case end == len(p.src):
		return start, end, true
	case p.src[end] == '\n':
		return start, end + 1, true
	case p.src[end] == '\r' && end+1 < len(p.src) && p.src[end+1] == '\n':
		return start, end + 2, true
	}
	return 0, 0, false
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

func (p *parser) node(t tag, indent string) error {
	switch t.kind {
	case '!':
		return nil
	case '=':
		return p.delimiters(t)
	case '<', '$':
		return &SyntaxError{Line: t.line, Reason: "template inheritance ({{" + string(t.kind) + "}}) is not supported"}
	case '/':
		return p.close(t)
	}
	if err := checkTagName(t); err != nil {
		return err
	}
	n := Node{Name: t.name, Line: t.line, Indent: indent}
	switch t.kind {
	case 'v', '&':
		n.Kind, n.Indent = Variable, ""
	case '>':
		n.Kind = Partial
	default:
		n.Kind, n.Indent = Section, ""
		if t.kind == '^' {
			n.Kind = Inverted
		}
		if len(p.frames) > maxDepth {
			return &SyntaxError{Line: t.line, Reason: "sections nested deeper than 64"}
		}
		p.frames = append(p.frames, frame{node: n})
		return nil
	}
	top := &p.frames[len(p.frames)-1]
	top.nodes = append(top.nodes, n)
	return nil
}

func checkTagName(t tag) error {
	switch {
	case t.name == "":
		return &SyntaxError{Line: t.line, Reason: "a tag without a name"}
	case t.kind == '>' && strings.HasPrefix(t.name, "*"):
		return &SyntaxError{Line: t.line, Reason: "dynamic partial names are not supported"}
	case len(t.name) > 300:
		return &SyntaxError{Line: t.line, Reason: "a name longer than 300 bytes"}
	case strings.ContainsAny(t.name, " \t\r\n{}"):
		return &SyntaxError{Line: t.line, Reason: "the name " + quote(t.name) + " holds a blank or a brace"}
	}
	return nil
}

func (p *parser) close(t tag) error {
	if len(p.frames) == 1 {
		return &SyntaxError{Line: t.line, Reason: "section " + quote(t.name) + " is closed but was never opened"}
	}
	top := p.frames[len(p.frames)-1]
	if top.node.Name != t.name {
		return &SyntaxError{Line: t.line, Reason: "section " + quote(top.node.Name) + " is closed as " + quote(t.name)}
	}
	p.frames = p.frames[:len(p.frames)-1]
	top.node.Nodes = top.nodes
	parent := &p.frames[len(p.frames)-1]
	parent.nodes = append(parent.nodes, top.node)
	return nil
}

func (p *parser) delimiters(t tag) error {
	parts := strings.Fields(t.name)
	if len(parts) != 2 || strings.Contains(t.name, "=") {
		return &SyntaxError{Line: t.line, Reason: "new delimiters must be two words without \"=\""}
	}
	p.open, p.end = parts[0], parts[1]
	return nil
}

func (p *parser) text(s string) {
	if s == "" {
		return
	}
	top := &p.frames[len(p.frames)-1]
	if k := len(top.nodes) - 1; k >= 0 && top.nodes[k].Kind == Text {
		top.nodes[k].Text += s
		return
	}
	top.nodes = append(top.nodes, Node{Kind: Text, Text: s, Line: p.line})
}

// quote shortens and quotes a name for a message.
func quote(s string) string { return template.Quote(s) }
