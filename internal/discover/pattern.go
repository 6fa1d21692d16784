// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"errors"
	"strings"
	"unicode"

	"github.com/spanloop/spanloop/internal/identity"
	"github.com/spanloop/spanloop/internal/registry/fstring"
	"github.com/spanloop/spanloop/internal/registry/mustache"
	"github.com/spanloop/spanloop/internal/registry/template"
)

// Segment is static text, or the place of a slot.
type Segment struct {
	Text string
	// Slot is the number of the slot; -1 for text.
	Slot int
}

// Pattern is static text with slots between; no two slots stand side by side.
type Pattern []Segment

// Match returns the slots' values; nil when the text is not of the pattern. Every
// static text is placed as early as possible, but for the last at the end.
func (p Pattern) Match(text string) []string {
	early := p.place(text)
	if early == nil {
		return nil
	}
	values := []string{}
	at := 0
	for i, s := range p {
		if s.Slot < 0 {
			at = early[i] + len(s.Text)
			continue
		}
		end := len(text)
		if i+1 < len(p) {
			end = early[i+1]
		}
		values = append(values, text[at:end])
	}
	return values
}

// place returns where each segment's text begins, as early as possible.
func (p Pattern) place(text string) []int {
	places := make([]int, len(p))
	at := 0
	for i, s := range p {
		if s.Slot >= 0 {
			continue
		}
		first, last := i == 0, i == len(p)-1
		switch {
		case first && last:
			if text != s.Text {
				return nil
			}
		case first:
			if !strings.HasPrefix(text, s.Text) {
				return nil
			}
		case last:
			start := len(text) - len(s.Text)
			if start < at || text[start:] != s.Text {
				return nil
			}
			places[i] = start
			return places
		default:
			n := strings.Index(text[at:], s.Text)
			if n < 0 {
				return nil
			}
			places[i] = at + n
		}
		at = places[i] + len(s.Text)
	}
	if k := len(p) - 1; k >= 0 && p[k].Slot < 0 && at != len(text) {
		return nil
	}
	return places
}

// unsure are the static texts between slots that have more than one place in a
// text of the pattern, so that the values beside them are not certain.
func (p Pattern) unsure(text string) []int {
	early := p.place(text)
	if early == nil {
		return nil
	}
	var out []int
	to := len(text)
	for i := len(p) - 1; i >= 0; i-- {
		if p[i].Slot >= 0 {
			continue
		}
		if i == 0 || i == len(p)-1 {
			to = early[i]
			continue
		}
		late := strings.LastIndex(text[:to], p[i].Text)
		if late != early[i] {
			out = append(out, i)
		}
		to = late
	}
	return out
}

// letters counts letters and digits of the static text.
func (p Pattern) letters() int {
	n := 0
	for _, s := range p {
		if s.Slot < 0 {
			n += letters(s.Text)
		}
	}
	return n
}

func letters(text string) int {
	n := 0
	for _, r := range text {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			n++
		}
	}
	return n
}

// fingerprint hashes the role and the static text, in which numbers, dates and
// the like count as slots do.
func (p Pattern) fingerprint(role string) string {
	var b strings.Builder
	b.WriteString(role + " ")
	for _, s := range p {
		if s.Slot < 0 {
			b.WriteString(s.Text)
		} else {
			b.WriteString(" 0 ")
		}
	}
	return identity.Fingerprint(b.String())
}

// Template languages, as version files name them.
const (
	Mustache = "mustache"
	FString  = "f-string"
)

// ErrNotWritable says that no template language writes the pattern.
var ErrNotWritable = errors.New("its text cannot be written as a template")

// Sources writes the version's messages as templates of one language: Mustache, or
// f-strings where a text holds what Mustache would read as a tag, which f-strings
// escape. Each is read again to be sure. The second is "" without a user message.
func (v *Version) Sources() (language, source, user string, err error) {
	for _, language := range []string{Mustache, FString} {
		source, err := v.Pattern.source(language, v.Slots)
		if err != nil {
			continue
		}
		user := ""
		if v.User != nil {
			if user, err = v.User.source(language, v.UserSlots); err != nil {
				continue
			}
		}
		return language, source, user, nil
	}
	return "", "", "", ErrNotWritable
}

func (p Pattern) source(language string, slots []Slot) (string, error) {
	if language == Mustache {
		var nodes []mustache.Node
		for _, s := range p {
			if s.Slot >= 0 {
				nodes = append(nodes, mustache.Node{Kind: mustache.Variable, Name: slots[s.Slot].Name})
			} else {
				nodes = append(nodes, mustache.Node{Kind: mustache.Text, Text: s.Text})
			}
		}
		return mustache.Write(nodes)
	}
	var b strings.Builder
	escape := strings.NewReplacer("{", "{{", "}", "}}")
	for _, s := range p {
		if s.Slot >= 0 {
			b.WriteString("{" + slots[s.Slot].Name + "}")
		} else {
			b.WriteString(escape.Replace(s.Text))
		}
	}
	again, err := fstring.Parse(b.String())
	if err != nil {
		return "", ErrNotWritable
	}
	parts := again.Parts(nil)
	if len(parts) != len(p) {
		return "", ErrNotWritable
	}
	for i, part := range parts {
		if p[i].Slot < 0 && (part.Kind != template.Literal || part.Text != p[i].Text) ||
			p[i].Slot >= 0 && (part.Kind != template.Slot || part.Name != slots[p[i].Slot].Name) {
			return "", ErrNotWritable
		}
	}
	return b.String(), nil
}

// Text writes the pattern for people: slots as {{name}}, whatever the text holds.
func (p Pattern) Text(slots []Slot) string {
	var b strings.Builder
	for _, s := range p {
		if s.Slot < 0 {
			b.WriteString(s.Text)
		} else {
			b.WriteString("{{" + slots[s.Slot].Name + "}}")
		}
	}
	return b.String()
}
