// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// content is a prompt's or a tool's text, stored once for each hash.
type content struct {
	table, name, version, hash, text string
}

// key identifies content apart from its text.
func (c content) key() string {
	return c.table + "\x00" + c.name + "\x00" + c.version + "\x00" + c.hash
}

// maxKnown bounds what a writer remembers of stored content. What is forgotten
// is written once more; readers keep one of equal rows.
const maxKnown = 1 << 16

// contentAge is how long a writer relies on content that it stored: then it stores
// it once more. Whoever removes content that no span refers to waits for
// contentLease, a slow push included.
const (
	contentAge   = 24 * time.Hour
	contentLease = contentAge + MessageLease
)

// known remembers which content is in the dataset already.
type known struct {
	mu   sync.Mutex
	keys map[string]struct{}
	// since is when the first of the keys was remembered.
	since time.Time
	// now is replaced by tests.
	now func() time.Time
}

func (k *known) has(key string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.keys[key]
	return ok && k.now().Sub(k.since) < contentAge
}

func (k *known) remember(list []content) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := k.now(); k.keys == nil || len(k.keys)+len(list) > maxKnown || now.Sub(k.since) >= contentAge {
		k.keys, k.since = make(map[string]struct{}), now
	}
	for _, c := range list {
		k.keys[c.key()] = struct{}{}
	}
}

// collect notes the prompt and tools of a row that are not stored yet.
func (p *push) collect(r *spanReading) {
	id := &r.identity
	if id.PromptHash != "" && r.promptName != "" {
		p.note(content{TablePrompts, r.promptName, r.promptValue, id.PromptHash, ""}, func() string {
			if r.call.Prompt.Template != "" {
				return r.call.Prompt.Template
			}
			return r.call.SystemText()
		})
	}
	if len(id.ToolVersions) == 0 || id.ToolsetHash == "" {
		return
	}
	if !p.isFresh(content{TableTools, "", "", id.ToolsetHash, ""}) {
		return
	}
	p.collectTools(r)
}

// isFresh notes a toolset itself, so that its tools are looked at once only.
func (p *push) isFresh(c content) bool {
	key := c.key()
	if _, met := p.met[key]; met || p.writer.known.has(key) {
		return false
	}
	p.met[key] = struct{}{}
	p.fresh = append(p.fresh, c)
	return true
}

func (p *push) collectTools(r *spanReading) {
	list, err := r.call.Tools.List()
	if err != nil || len(list) != len(r.identity.ToolVersions) {
		return
	}
	for i, d := range list {
		_, version, ok := cutLast(r.identity.ToolVersions[i], '@')
		hash, err := r.toolHash(i, d)
		if !ok || err != nil {
			continue
		}
		p.note(content{TableTools, d.Name, version, hash, ""}, func() string { return string(d.Raw) })
	}
}

func (p *push) note(c content, text func() string) {
	if !p.isFresh(c) {
		return
	}
	c.text = clean(strings.Clone(text()))
	p.fresh[len(p.fresh)-1] = c
}

func cutLast(s string, sep byte) (before, after string, found bool) {
	if at := strings.LastIndexByte(s, sep); at >= 0 {
		return s[:at], s[at+1:], true
	}
	return s, "", false
}

// writeReferences writes new prompts and tools, one file a table.
func (p *push) writeReferences(ctx context.Context) error {
	for _, table := range []string{TablePrompts, TableTools} {
		var rows []content
		for _, c := range p.fresh {
			if c.table == table && c.name != "" {
				rows = append(rows, c)
			}
		}
		if len(rows) == 0 {
			continue
		}
		slices.SortFunc(rows, func(a, b content) int { return strings.Compare(a.key(), b.key()) })
		encoded, err := encodeReferences(table, rows, p.writer.options.Codec)
		if err != nil {
			return err
		}
		f := newFile(table, table, encoded, len(rows), 0, 0)
		// As of messages: other spans may need the same content once this file went.
		f.Path = fileName(table, "", f.SHA256, "-"+p.firstSpans()[:16])
		if err := p.putAs(ctx, f, encoded); err != nil {
			return err
		}
	}
	return nil
}

// firstSpans is the SHA-256 of the first span file of a push, which is in no other
// one.
func (p *push) firstSpans() string {
	for _, f := range p.files {
		if f.Table == TableSpans {
			return f.SHA256
		}
	}
	return digest(nil)
}

// textColumns are the columns of prompts' and tools' texts.
var textColumns = map[string]string{TablePrompts: "template", TableTools: "definition"}

func encodeReferences(table string, rows []content, codec string) ([]byte, error) {
	enc, err := newEncoder(table, codec)
	if err != nil {
		return nil, err
	}
	var leaves referenceLeaves
	if err := bind(enc, &leaves); err != nil {
		return nil, err
	}
	text, err := enc.Column(textColumns[table])
	if err != nil {
		return nil, err
	}
	for _, c := range rows {
		leaves.Name.Text(clean(c.name))
		leaves.Version.Text(clean(c.version))
		leaves.Hash.Text(clean(c.hash))
		text.Optional(c.text)
		if err := enc.EndRow(len(c.text)); err != nil {
			return nil, err
		}
	}
	return enc.Finish()
}
