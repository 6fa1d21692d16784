// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package lateidentity finds out what spans of a trace reveal about each other:
// session, user, versions of tools, and the prompt of a call; and what log events of
// a span say of its prompt and tools. The rules are those
// of the dataset's views (docs/dataset.md, "Late identity"), in Go, for who writes
// them into rows.
package lateidentity

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// ID is a span's id; the zero value is none.
type ID [8]byte

// Span is a row of a trace.
type Span struct {
	ID, Parent ID
	// Kind is the column call_kind.
	Kind            string
	Counted, Replay bool
	Began, Ended    int64
	ToolName        Text
	Model, Params   Text
	Marker          Text
	// Own is what the span itself gave, Stored what the row holds.
	Own, Stored State
	// Told is what log events of the span say.
	Told Told

	// said is what the span itself gave, completed by its log events.
	said State
}

// Resolve returns what each of a trace's rows is to hold. Of rows of one span the
// one counts that the views show; the others follow it when they say the same.
// What is stored stays where no span is left that tells.
func Resolve(rows []Span) []State {
	t := newTrace(rows)
	states := make([]State, len(rows))
	people := map[bool]*group{}
	for _, s := range t.spans {
		g := people[s.Replay]
		if g == nil {
			g = &group{}
			people[s.Replay] = g
		}
		g.session.add(s.Own.Session)
		g.user.add(s.Own.User)
		g.offers = g.offers || s.Told.Offers
	}
	prompts := t.prompts()
	decided := make(map[ID]State, len(t.spans))
	for _, s := range t.spans {
		g := people[s.Replay]
		state := s.said
		state.Session = g.session.fill(s.Own.Session, s.Stored.Session)
		state.User = g.user.fill(s.Own.User, s.Stored.User)
		state.ToolVersion = t.toolVersion(s, g.offers)
		if p, ok := prompts[s.ID]; ok {
			state.Prompt, state.Variant = p.prompt, p.variant
		}
		decided[s.ID] = state
	}
	for i := range rows {
		states[i] = rows[i].Stored
		if s := t.byID[rows[i].ID]; s.Own == rows[i].Own {
			states[i] = decided[rows[i].ID]
		}
	}
	return states
}

// group are the people of the production calls of a trace, or of its replays.
type group struct {
	session, user only
	// offers is set when log events offer tools, be it different ones of one call.
	offers bool
}

// only is the one value that spans have.
type only struct {
	value        Text
	seen, differ bool
}

func (o *only) add(value Text) {
	if value == Null {
		return
	}
	o.differ = o.differ || o.seen && value != o.value
	o.value, o.seen = value, true
}

// fill is what a row is to hold whose span gave own.
func (o *only) fill(own, stored Text) Text {
	switch {
	case own != Null:
		return own
	case !o.seen:
		return stored
	case o.differ:
		return Null
	}
	return o.value
}

type trace struct {
	// spans are the rows that count, one a span.
	spans []*Span
	byID  map[ID]*Span
	// fetched are the spans of kind prompt that name one, by their parent.
	fetched map[ID][]*Span
	offers  map[offered][]offer
}

// offered is a tool's name among production calls or among replays.
type offered struct {
	replay bool
	tool   Text
}

type offer struct {
	began   int64
	version Text
}

func newTrace(rows []Span) *trace {
	t := &trace{byID: make(map[ID]*Span, len(rows)), fetched: map[ID][]*Span{}, offers: map[offered][]offer{}}
	for i := range rows {
		s := &rows[i]
		s.listen()
		if known := t.byID[s.ID]; known == nil || s.before(known) {
			t.byID[s.ID] = s
		}
	}
	for i := range rows {
		s := &rows[i]
		if t.byID[s.ID] != s {
			continue
		}
		t.spans = append(t.spans, s)
		if s.Kind == "prompt" && s.mentions() {
			t.fetched[s.Parent] = append(t.fetched[s.Parent], s)
		}
		if s.Kind != "tool" {
			t.offer(s)
		}
	}
	return t
}

// before tells which of two rows of one span the views show.
func (s *Span) before(other *Span) bool {
	return cmp.Or(cmp.Compare(s.Began, other.Began), cmp.Compare(s.Marker, other.Marker)) < 0
}

// offer notes the tools that a call offers; of a name that it offers twice
// neither counts.
func (t *trace) offer(s *Span) {
	versions := map[Text]Text{}
	twice := map[Text]bool{}
	for _, text := range DecodeList(s.said.Tools.Versions) {
		at := strings.LastIndexByte(text, '@')
		if at < 0 {
			continue
		}
		tool, version := Text(text[:at]), Text(text[at+1:])
		if known, again := versions[tool]; again && known != version {
			twice[tool] = true
		}
		versions[tool] = version
	}
	for tool, version := range versions {
		if !twice[tool] {
			key := offered{s.Replay, tool}
			t.offers[key] = append(t.offers[key], offer{s.Began, version})
		}
	}
}

// toolVersion is the only version of the tool that the trace offered, else the
// one offered last before the tool ran. What the span was stamped with gives way
// only where the trace offered several: not all may have been known then. What was
// filled in stays where nobody tells, but not where log events contradict each other.
func (t *trace) toolVersion(s *Span, told bool) Text {
	if s.Kind != "tool" || s.ToolName == Null {
		return s.Own.ToolVersion
	}
	var all only
	live, at := Null, int64(0)
	for _, o := range t.offers[offered{s.Replay, s.ToolName}] {
		all.add(o.version)
		if o.began <= s.Began && (live == Null || o.began > at || o.began == at && o.version > live) {
			live, at = o.version, o.began
		}
	}
	if all.differ {
		return live.or(s.Own.ToolVersion)
	}
	switch {
	case !all.seen && told:
		return s.Own.ToolVersion
	case !all.seen:
		return s.Stored.ToolVersion
	}
	return s.Own.ToolVersion.or(all.value)
}

// named is a name or version that is no fingerprint.
func (s *Span) named(text Text) Text {
	rung := s.said.Prompt.Resolution
	if (rung == "fingerprint" || rung == Null) && strings.HasPrefix(string(text), "fp-") {
		return Null
	}
	return text
}

func (s *Span) saidName() Text {
	if s.said.Prompt.Name == "__other__" {
		return Null
	}
	return s.named(s.said.Prompt.Name)
}

func (s *Span) saidVersion() Text { return s.named(s.said.Prompt.Version) }

// mentions tells whether a span names a prompt for others: no model call does for
// another one, no tool and no evaluation.
func (s *Span) mentions() bool {
	isCall := s.Counted && slices.Contains([]string{"inference", "embeddings", "rerank"}, s.Kind)
	return !isCall && s.Kind != "tool" && s.Kind != "evaluation" && s.saidName() != Null
}

func (s *Span) lends() bool {
	return s.mentions() && s.saidVersion() != Null &&
		slices.Contains([]Text{"explicit", "label", "hash", "template"}, s.said.Prompt.Resolution)
}

func (s *Span) borrows() bool {
	return s.Kind == "inference" && slices.Contains([]Text{"none", "ambiguous", "fingerprint"}, s.said.Prompt.Resolution)
}

func compareIDs(a, b ID) int { return bytes.Compare(a[:], b[:]) }
