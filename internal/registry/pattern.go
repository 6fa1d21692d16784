// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/spanloop/spanloop/internal/registry/template"
)

// minFixed is how many letters and digits a template with variables must hold
// to be recognised: less fixed text fits too many texts by accident.
const minFixed = 8

// anyRole is the role of a bare template: applications send it as the system
// text or as the first user message.
const anyRole = ""

// token is a literal, or a variable when variable >= 0.
type token struct {
	literal  string
	variable int
}

// pattern is a version seen as what its rendered messages look like.
type pattern struct {
	roles    []string
	messages [][]token
	// gaps tells of each message whether others may stand before it, after the one
	// before: a placeholder is there. nil without any.
	gaps []bool
	// names of the variables by index; "" for what cannot be taken back, of which
	// only the place is known.
	names []string
	// fixed counts the bytes of literal text, letters its letters and digits.
	fixed, letters int
	// repeated is true when a variable occurs more than once.
	repeated bool
	// opaque is true when a part that cannot be taken back makes it impossible to
	// verify a match.
	opaque bool
	// blocks are the parts of a version with blocks, which stand in messages as
	// tokens without a name; nil without any.
	blocks *blockParts
}

// newPattern returns the pattern of a version, and why the version cannot be
// recognised from rendered texts if so. A pattern with opaque parts still serves to
// find out that another version's match is not the only explanation.
func newPattern(messages []TemplateMessage, templates []template.Template, types map[string]string) (pattern, string) {
	var p pattern
	parts := make([][]template.Part, 0, len(messages))
	reason, gap := "", false
	for i, t := range templates {
		if messages[i].Placeholder != "" {
			gap = true
			continue
		}
		p.addGap(gap)
		gap = false
		p.roles = append(p.roles, normalRole(messages[i].Role))
		parts = append(parts, t.Parts(types))
	}
	blocks := false
	for _, list := range parts {
		template.Walk(list, func(part template.Part) {
			blocks = blocks || part.Kind == template.Choice || part.Kind == template.Loop
			if part.Kind == template.Opaque && reason == "" {
				reason = part.Reason
			}
		})
	}
	p.compile(parts)
	p.opaque = reason != ""
	if blocks && reason == "" {
		p.blocks = &blockParts{messages: parts, types: types}
	}
	if len(p.names) > 0 && p.letters < minFixed {
		return pattern{roles: p.roles}, "it has fewer than 8 letters of fixed text"
	}
	if p.letters == 0 {
		return pattern{roles: p.roles}, "it has no text"
	}
	return p, reason
}

// compile makes the tokens of each message. What is neither a literal nor a slot
// is a token of which only the place is known.
func (p *pattern) compile(messages [][]template.Part) {
	index := map[string]int{}
	p.messages = make([][]token, 0, len(messages))
	for _, parts := range messages {
		var tokens []token
		for _, n := range parts {
			switch k := len(tokens) - 1; n.Kind {
			case template.Literal:
				p.fixed += len(n.Text)
				p.letters += countLetters(n.Text)
				if k >= 0 && tokens[k].variable < 0 {
					tokens[k].literal += n.Text
				} else if n.Text != "" {
					tokens = append(tokens, token{literal: n.Text, variable: -1})
				}
			case template.Slot:
				k, again := index[n.Name]
				if !again {
					k = len(p.names)
					index[n.Name] = k
					p.names = append(p.names, n.Name)
				}
				p.repeated = p.repeated || again
				tokens = append(tokens, token{variable: k})
			default:
				tokens = append(tokens, token{variable: len(p.names)})
				p.names = append(p.names, "")
			}
		}
		p.messages = append(p.messages, tokens)
	}
}

// usable is false for patterns that are no evidence of anything.
func (p *pattern) usable() bool { return len(p.messages) > 0 }

func countLetters(s string) int {
	n := 0
	for _, r := range s {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			n++
		}
	}
	return n
}

// normalRole writes the roles of different providers alike.
func normalRole(role string) string {
	switch role = strings.ToLower(role); role {
	case "developer":
		return "system"
	case "human":
		return "user"
	case "ai", "model":
		return "assistant"
	}
	return role
}

// IsSystem tells whether a message of that role gives instructions.
func IsSystem(role string) bool { return normalRole(role) == "system" }

// trimmed is the pattern without the line ends at the end of its messages;
// false when it has none. Applications often strip them.
func (p *pattern) trimmed() (pattern, bool) {
	out := *p
	out.messages = make([][]token, len(p.messages))
	changed := p.blocks != nil
	if changed {
		blocks := *p.blocks
		blocks.trimmed, out.blocks = true, &blocks
	}
	for i, tokens := range p.messages {
		out.messages[i] = tokens
		k := len(tokens) - 1
		if k < 0 || tokens[k].variable >= 0 {
			continue
		}
		short := trimEnd(tokens[k].literal)
		if short == tokens[k].literal {
			continue
		}
		changed = true
		out.fixed -= len(tokens[k].literal) - len(short)
		out.messages[i] = append([]token(nil), tokens...)
		out.messages[i][k].literal = short
		if short == "" {
			out.messages[i] = out.messages[i][:k]
		}
	}
	return out, changed
}

func trimEnd(s string) string { return strings.TrimRight(s, "\r\n") }

// endsLine tells whether there is something to trim.
func endsLine(s string) bool {
	return s != "" && (s[len(s)-1] == '\n' || s[len(s)-1] == '\r')
}

// key is equal for patterns that match the same texts.
func (p *pattern) key() string {
	var b strings.Builder
	for i, tokens := range p.messages {
		b.WriteString(p.roles[i])
		if p.gapAt(i) {
			b.WriteByte(2)
		}
		b.WriteByte(0)
		for _, t := range tokens {
			if t.variable >= 0 {
				b.WriteString("\xff" + strconv.Itoa(t.variable) + "\xfe")
			} else {
				b.WriteString(t.literal)
			}
		}
		b.WriteString("\x00\xff\x00")
	}
	if p.opaque {
		b.WriteByte(1)
	}
	if p.blocks != nil {
		fmt.Fprintf(&b, "\x02%v", p.blocks.messages)
	}
	return b.String()
}

// static returns a message's text when it has no variables.
func static(tokens []token) (string, bool) {
	switch {
	case len(tokens) == 0:
		return "", true
	case len(tokens) == 1 && tokens[0].variable < 0:
		return tokens[0].literal, true
	}
	return "", false
}

// roleFits tells whether a message of that role can come from the template's.
func roleFits(template, role string) bool {
	if template == anyRole {
		return role == "system" || role == "user"
	}
	return template == role
}

// generalises reports whether every text of q is also a text of p. It matches p
// against q with marks for q's variables that occur in no template.
func (p *pattern) generalises(q *pattern) bool {
	if len(p.messages) > len(q.messages) {
		return false
	}
	texts := make([]string, len(p.messages))
	for i := range p.messages {
		if p.roles[i] != q.roles[i] && p.roles[i] != anyRole || q.gapAt(i) && !p.gapAt(i) {
			return false
		}
		var b strings.Builder
		for _, t := range q.messages[i] {
			if t.variable >= 0 {
				b.WriteString("\xff" + strconv.Itoa(t.variable) + "\xfe")
			} else {
				b.WriteString(t.literal)
			}
		}
		texts[i] = b.String()
	}
	return p.solve(texts).state == solved
}
