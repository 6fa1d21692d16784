// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"slices"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/identity"
)

// attributeWalk reads the attributes of spans, each once while it is at hand: what
// columns hold already, what the attributes column gets, and whether the columns
// hold all exactly. Spans of one application have the same keys in the same
// order, so what keys mean is looked up once.
type attributeWalk struct {
	layouts [keyLayouts]keyLayout
	spare   keyPlace
	valid   validTexts
	arena   textArena
	// held are the attributes of the rows, one after the other; types are the
	// letters of the row that is read.
	held  []heldAttribute
	types []byte
	// size bounds the span's attributes as OTLP from above.
	size int
}

// heldAttribute is an attribute for the attributes column.
type heldAttribute struct{ key, text string }

// keyLayout is the keys of a span by their places.
type keyLayout struct {
	places []keyPlace
	// proven is set when the keys are valid UTF-8 and none stands twice.
	proven bool
	// types are the letters of the last span.
	types string
}

const (
	// keyLayouts is how many are kept, by their number of keys.
	keyLayouts = 8
	// maxLayoutKey bounds the length of the keys that are remembered, and
	// maxKnownKeys their number.
	maxLayoutKey = 256
	maxKnownKeys = 128
)

// keyPlace is what a key means.
type keyPlace struct {
	key string
	// lift is the key's position in liftedKeys, or notLifted.
	lift int
	// flat is set for flat scores, marks for what tells replays and modes.
	flat, marks bool
}

const notLifted = -1

func placeOf(key string) keyPlace {
	p := keyPlace{key: key, lift: notLifted}
	if bit, ok := liftIndex[key]; ok {
		p.lift = bit
	}
	p.flat = strings.HasPrefix(key, evaluator.AttrFlatPrefix)
	p.marks = key == identity.AttrReplay || key == identity.AttrContentMode
	return p
}

// place returns what the key at a place means, and whether the layout knew it.
func (w *attributeWalk) place(l *keyLayout, at int, key string) (p *keyPlace, known bool) {
	if at < len(l.places) && l.places[at].key == key {
		return &l.places[at], true
	}
	l.proven = false
	if at >= maxKnownKeys || len(key) > maxLayoutKey {
		l.places = l.places[:min(at, len(l.places))]
		w.spare = placeOf(key)
		return &w.spare, false
	}
	if at > len(l.places) {
		w.spare = placeOf(key)
		return &w.spare, false
	}
	if at == len(l.places) {
		l.places = append(l.places, keyPlace{})
	}
	l.places[at] = placeOf(strings.Clone(key))
	return &l.places[at], false
}

// prove tells whether a span's keys are valid UTF-8 and none stands twice, and
// notes it for the next span with the same.
func (l *keyLayout) prove(attributes pcommon.Map) bool {
	if hasDuplicate(attributes) {
		return false
	}
	for key := range attributes.All() {
		if !utf8.ValidString(key) {
			return false
		}
	}
	if len(l.places) >= attributes.Len() {
		l.places = l.places[:attributes.Len()]
		l.proven = true
	}
	return true
}

// read reads a row's attributes and tells whether the columns hold them exactly.
// The row's call, identity and scores must have been read.
func (w *attributeWalk) read(r *spanReading) (exact bool) {
	start := len(w.held)
	flat := r.held > 0
	exact, flat = w.walk(r, flat)
	if !flat && r.flat {
		// Not all flat scores are those of the rows: they stay attributes.
		w.held = w.held[:start]
		exact, _ = w.walk(r, false)
	}
	r.flat = flat
	r.row.attributes = w.held[start:len(w.held):len(w.held)]
	if !exact {
		w.held = w.held[:start]
		r.row.attributes = nil
	}
	return exact
}

// walk goes over the attributes. With flat it leaves out the flat scores; it
// returns whether those are just those of the row's scores, and sets the row's
// flat when it left any out.
func (w *attributeWalk) walk(r *spanReading, flat bool) (exact, allFlat bool) {
	attributes := r.span.Attributes()
	l := &w.layouts[attributes.Len()%keyLayouts]
	known := l.proven && len(l.places) == attributes.Len()
	exact, w.size, w.types = true, 0, w.types[:0]
	r.lifted, r.flat = 0, false
	at, flatScores := 0, flatScores{scores: r.scores}
	for key, value := range attributes.All() {
		p, same := w.place(l, at, key)
		known = known && same
		at++
		if p.marks {
			r.marked = true
		}
		w.size += pairRoom + len(key)
		if p.flat && flat {
			r.flat = true
			flatScores.take(p.key, value)
			w.size += mostOfValue(value)
			continue
		}
		exact = w.value(r, p, value) && exact
	}
	if !known {
		exact = l.prove(attributes) && exact
	}
	if string(w.types) != l.types {
		l.types = string(w.types)
	}
	r.types = l.types
	return exact, flat && flatScores.all()
}

// value reads one attribute.
func (w *attributeWalk) value(r *spanReading, p *keyPlace, value pcommon.Value) (exact bool) {
	if value.Type() == pcommon.ValueTypeStr {
		s := value.Str()
		w.size += len(s)
		if p.lift != notLifted && r.liftsText(p.lift, s) {
			r.lifted |= 1 << p.lift
			return w.validLifted(r, p.lift, s)
		}
		w.types = append(w.types, letterString)
		w.held = append(w.held, heldAttribute{p.key, w.arena.copy(s)})
		return validString(s)
	}
	w.size += mostOfValue(value)
	if p.lift != notLifted && r.liftsNoText(p.lift, value) {
		r.lifted |= 1 << p.lift
		return value.Type() != pcommon.ValueTypeSlice || w.validList(liftedKeys[p.lift].list(r))
	}
	printed, letter := appendPrinted(w.arena.room(), value)
	w.types = append(w.types, letter)
	w.held = append(w.held, heldAttribute{p.key, w.arena.keep(printed)})
	return faithfulValue(value, 0)
}

// validLifted tells whether a text that a column holds is valid UTF-8. Of what
// span after span repeats, the row takes the copy that was seen first: that it is
// the same is then told by its address.
func (w *attributeWalk) validLifted(r *spanReading, bit int, s string) bool {
	switch bit {
	case bitSystem:
		s, ok := w.valid.known(0, s)
		r.system = s
		return ok
	case bitTools:
		s, ok := w.valid.known(1, s)
		r.tools = s
		return ok
	}
	return validString(s)
}

// validList tells whether all texts of a list are valid. Spans mostly share it.
func (w *attributeWalk) validList(list []string) bool {
	if len(list) == len(w.valid.list) && &list[0] == &w.valid.list[0] {
		return true
	}
	if !slices.ContainsFunc(list, func(s string) bool { return !validString(s) }) {
		w.valid.list = list
		return true
	}
	return false
}

// release forgets the rows, but not what keys mean.
func (w *attributeWalk) release() {
	if cap(w.held) > 16*maxRows {
		w.held = nil
	}
	clear(w.held[:cap(w.held)])
	w.held, w.valid, w.spare = w.held[:0], validTexts{}, keyPlace{}
	w.arena.reset()
}
