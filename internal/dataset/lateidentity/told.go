// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package lateidentity

import "cmp"

// Event is what a log event with content of a span was stamped with.
type Event struct {
	At int64
	// ID tells it from other events, and from the same one stamped otherwise.
	ID     Text
	Prompt Prompt
	Tools  Tools
}

// Told is what the log events of a span say between them.
type Told struct {
	Prompt Prompt
	Tools  Tools
	// HasPrompt and HasTools tell whether they say it, Names and Offers whether some
	// do, though not the same.
	HasPrompt, HasTools, Names, Offers bool
}

// rungs are the resolutions that count, with their rank: an event is stamped from
// those of its call that came so far, and more content finds more.
var rungs = map[Text]int{"explicit": 3, "label": 3, "hash": 3, "template": 3, "ambiguous": 2, "fingerprint": 1}

// Tell returns what events say between them: the prompt of the highest rung, if
// those of that rung name one only, with the most variables, and the tools, if there
// is one set only.
func Tell(events []Event) (t Told) {
	rank := 0
	for i := range events {
		rank = max(rank, rungs[events[i].Prompt.Resolution])
	}
	t.Names = rank > 0
	var name, version, toolset only
	var prompt, tools *Event
	for i := range events {
		e := &events[i]
		if rank > 0 && rungs[e.Prompt.Resolution] == rank {
			name.add(e.Prompt.Name)
			version.add(e.Prompt.Version)
			if prompt == nil || e.tellsMore(prompt) {
				prompt = e
			}
		}
		if e.Tools.Hash != Null {
			toolset.add(e.Tools.Hash)
			if tools == nil || e.after(tools) {
				tools = e
			}
		}
	}
	t.Offers = toolset.seen
	if prompt != nil && !name.differ && !version.differ {
		t.Prompt, t.HasPrompt = prompt.Prompt, true
	}
	if tools != nil && !toolset.differ {
		t.Tools, t.HasTools = tools.Tools, true
	}
	return t
}

func (e *Event) after(other *Event) bool {
	return cmp.Or(cmp.Compare(e.At, other.At), cmp.Compare(e.ID, other.ID)) > 0
}

func (e *Event) tellsMore(other *Event) bool {
	have, had := len(DecodeList(e.Prompt.Variables)), len(DecodeList(other.Prompt.Variables))
	return have > had || have == had && e.after(other)
}

// listen completes what a span gave by what its log events say: its prompt when it
// has no content that could say it, and tools of which it says nothing.
func (s *Span) listen() {
	s.said = s.Own
	if s.Kind == "tool" {
		return
	}
	own, told := s.Own.Prompt, s.Told.Prompt
	before := s.said
	if s.Told.HasPrompt && own.Resolution == "none" && own.Reason != "no_match" && own.Reason != "not_a_call" &&
		(told.Name == Null || own.Name.agrees(told.Name)) && (told.Version == Null || own.Version.agrees(told.Version)) {
		told.Name, told.Version, told.Hash = told.Name.or(own.Name), told.Version.or(own.Version), told.Hash.or(own.Hash)
		told.Label = own.Label.or(told.Label)
		if own.Variables != "" {
			told.Variables = own.Variables
		}
		s.said.Prompt = told
	}
	if s.Told.HasTools && s.Own.Tools.Hash == Null {
		s.said.Tools = s.Told.Tools
	}
	if s.said != before {
		s.said.Variant = s.variantOf(s.said.Prompt, s.said.Tools)
	}
}
