// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package lateidentity

import (
	"cmp"

	"github.com/spanloop/spanloop/internal/identity"
)

// maxDepth bounds how far up a call looks, in spans.
const maxDepth = 64

// resolved is the prompt that a call is found to be of.
type resolved struct {
	prompt  Prompt
	variant Text
}

// prompts are those of the trace's unresolved model calls.
func (t *trace) prompts() map[ID]resolved {
	found := map[ID]resolved{}
	borrowers := map[ID][]*Span{}
	for _, s := range t.spans {
		if !s.borrows() {
			continue
		}
		names := t.nearest(s)
		if len(names) == 0 {
			if !s.Told.Names && s.Stored.Prompt != s.said.Prompt {
				found[s.ID] = resolved{s.Stored.Prompt, s.variantOf(s.Stored.Prompt, s.said.Tools)}
			}
			continue
		}
		found[s.ID] = resolved{s.said.Prompt, s.said.Variant}
		lender := chosen(names)
		if lender != nil && s.saidName().agrees(lender.saidName()) && s.saidVersion().agrees(lender.saidVersion()) {
			borrowers[lender.ID] = append(borrowers[lender.ID], s)
		}
	}
	for lender, calls := range borrowers {
		var texts only
		for _, s := range calls {
			if s.Counted {
				texts.add(s.said.Prompt.Hash)
			}
		}
		if texts.differ {
			continue
		}
		for _, s := range calls {
			found[s.ID] = s.borrow(t.byID[lender])
		}
	}
	return found
}

// nearest are the spans nearest on the way up from a call that name a prompt. At
// every step, spans of kind prompt beside the way that ended before it come before
// the span above.
func (t *trace) nearest(call *Span) (names []*Span) {
	up, began := call.Parent, call.Began
	for range maxDepth {
		if up == (ID{}) {
			return nil
		}
		for _, s := range t.fetched[up] {
			if s.Replay == call.Replay && s.Ended <= began {
				names = append(names, s)
			}
		}
		above := t.byID[up]
		switch {
		case len(names) > 0:
			return names
		case above == nil || above.Replay != call.Replay:
			return nil
		case above.mentions() && above != call:
			return []*Span{above}
		case above.mentions() || above.Kind == "tool" || above.Kind == "evaluation" || above.Kind == "agent":
			return nil
		}
		up, began = above.Parent, above.Began
	}
	return nil
}

// chosen is the span that decides among those which name a prompt; nil when it is
// not clear what they name.
func chosen(names []*Span) (lender *Span) {
	var name, version only
	for _, s := range names {
		name.add(s.saidName())
		version.add(s.saidVersion())
		if s.lends() && (lender == nil || cmp.Or(cmp.Compare(s.Began, lender.Began), compareIDs(s.ID, lender.ID)) > 0) {
			lender = s
		}
	}
	if name.differ || version.differ {
		return nil
	}
	return lender
}

// borrow is the call's prompt as the lender names it.
func (s *Span) borrow(lender *Span) resolved {
	p := lender.said.Prompt
	p.Label = s.said.Prompt.Label.or(p.Label)
	if s.said.Prompt.Variables != "" {
		p.Variables = s.said.Prompt.Variables
	}
	return resolved{p, s.variantOf(p, s.said.Tools)}
}

// variantOf is the call's variant with a prompt and tools; none for a span that
// has none.
func (s *Span) variantOf(p Prompt, tools Tools) Text {
	if s.Own.Variant == Null {
		return Null
	}
	prompt := plain(p.Hash)
	if prompt == "" && p.Name != Null {
		prompt = string(p.Name) + "@" + plain(p.Version)
	}
	return Text(identity.Variant(prompt, plain(tools.Hash), plain(s.Model), plain(s.Params)))
}

func plain(t Text) string {
	if t == Null {
		return ""
	}
	return string(t)
}
