// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/spanloop/spanloop/internal/registry"
)

// maxNameWords bounds the words of a name that is made from a text.
const maxNameWords = 4

// slotName is a name for a slot: the label before it, its type, or its number.
func slotName(before, class string, number int) string {
	if label := labelBefore(before); label != "" {
		return label
	}
	if class != "" {
		return class
	}
	return fmt.Sprintf("slot_%d", number)
}

// labelBefore is the label that ends a text: "Customer name: " is customer_name.
func labelBefore(before string) string {
	before = strings.TrimRight(before, " \t\r\n\"'<({[*_`")
	if !strings.HasSuffix(before, ":") && !strings.HasSuffix(before, "=") {
		return ""
	}
	before = strings.TrimRight(before[:len(before)-1], " \t\"'*_`")
	line := before[strings.LastIndexAny(before, "\n.;,(){}[]<>|")+1:]
	var words []string
	for _, w := range wordsOf(line) {
		if r := w[0]; r >= 'a' && r <= 'z' {
			words = append(words, w)
		}
	}
	if len(words) == 0 || len(words) > 3 {
		return ""
	}
	name := strings.Join(words, "_")
	if len(name) > 40 {
		return ""
	}
	return name
}

// wordsOf are the words of a text in lower case, in ASCII letters and digits.
func wordsOf(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

// filler are words that say little about a prompt.
var filler = strings.Fields(`a an the you are is be of for to and or in on with your our this that as it i we my please will who
	helpful assistant friendly expert professional ai from at by its their they them can should must not do always act role system prompt`)

// suggest makes a name from the first static words that say something.
func (p *Proposal) suggest() string {
	var words []string
	for _, s := range p.Versions[0].Pattern {
		if s.Slot >= 0 {
			continue
		}
		for _, w := range wordsOf(s.Text) {
			if len(words) < maxNameWords && len(w) > 1 && len(w) <= 24 && !slices.Contains(filler, w) && !unicode.IsDigit(rune(w[0])) {
				words = append(words, w)
			}
		}
	}
	if len(words) == 0 {
		return "prompt-" + registry.ShortHash(p.Versions[0].Fingerprint)[:6]
	}
	return strings.Join(words, "-")
}

// name names the proposals: as spans state it, as what exists and is like it, or
// by its words. Two that are named by their words never have one name.
func name(list []Proposal, known []Known) {
	m := &miner{ids: map[string]uint32{}}
	existing := map[string]bool{}
	var docs []*doc
	for _, k := range known {
		existing[k.Prompt] = true
		docs = append(docs, m.doc(&sampled{prompt: k.Prompt, role: k.Role, text: k.Text}))
	}
	taken := map[string]bool{}
	for _, p := range list {
		taken[p.Name] = true
	}
	for i := range list {
		p := &list[i]
		if p.Name != "" && registry.CheckName(p.Name) == nil {
			p.Existing = existing[p.Name]
			continue
		}
		if p.Name = m.like(p, docs); p.Name != "" {
			p.Existing = true
			continue
		}
		base := p.suggest()
		p.Name = base
		for n := 2; taken[p.Name] || existing[p.Name]; n++ {
			p.Name = fmt.Sprintf("%s-%d", base, n)
		}
		taken[p.Name] = true
	}
}

// like is the prompt whose text is most like a proposal's; "" for none.
func (m *miner) like(p *Proposal, known []*doc) string {
	best, found := alike, ""
	for i := range p.Versions {
		d := m.doc(&sampled{text: p.Versions[i].Pattern.static()})
		for _, k := range known {
			if k.role != p.Role || overlap(k.marks, d.marks) == 0 {
				continue
			}
			if s := m.similarity(k, d); s > best || s == best && found == "" {
				best, found = s, k.prompt
			}
		}
	}
	return found
}

// static is the text without its slots.
func (p Pattern) static() string {
	var b strings.Builder
	for _, s := range p {
		if s.Slot < 0 {
			b.WriteString(s.Text)
		} else {
			b.WriteByte(' ')
		}
	}
	return b.String()
}
