// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"math"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Spans of one application resemble each other: the same attributes in the same
// order, the same parameters, the same finish reasons. What the span before made
// of them is kept and taken again where it is the same.

const (
	// maxPlaces bounds the attributes, by their place on the span, whose keys
	// are remembered, and maxPlaceKey the length of such a key.
	maxPlaces   = 128
	maxPlaceKey = 48
)

// place is what the last key at one place of a span's attributes was found to be.
type place struct {
	key     [maxPlaceKey]byte
	size    uint8
	targets []target
	// family is that of the key, of kind familyNone for none.
	family familyTarget
}

// lookUp tells what a key is. The place is that of the attribute on its span.
func (r *reading) lookUp(at int, key string) (targets []target, family familyTarget) {
	if at >= maxPlaces || len(key) > maxPlaceKey || key == "" {
		return find(key)
	}
	if at >= len(r.places) {
		r.places = append(r.places, make([]place, at+1-len(r.places))...)
	}
	p := &r.places[at]
	if string(p.key[:p.size]) == key {
		return p.targets, p.family
	}
	p.targets, p.family = find(key)
	p.size = uint8(copy(p.key[:], key))
	return p.targets, p.family
}

// find looks a key up in the table, else among the families.
func find(key string) ([]target, familyTarget) {
	targets, whole := table[key]
	if whole || key == "" {
		return targets, familyTarget{}
	}
	for _, f := range families[key[0]] {
		if strings.HasPrefix(key, f.prefix) {
			return nil, f
		}
	}
	return nil, familyTarget{}
}

// paramSource is an attribute that a parameter is read from, by value.
type paramSource struct {
	name string
	kind pcommon.ValueType
	bits uint64
	text string
}

// maxParamText bounds the texts of parameters that are remembered.
const maxParamText = 64

// sourceOf returns the source, false for a value that is not remembered.
func sourceOf(name string, v pcommon.Value) (paramSource, bool) {
	s := paramSource{name: name, kind: v.Type()}
	switch s.kind {
	case pcommon.ValueTypeStr:
		s.text = v.Str()
	case pcommon.ValueTypeInt:
		s.bits = uint64(v.Int())
	case pcommon.ValueTypeDouble:
		s.bits = math.Float64bits(v.Double())
	case pcommon.ValueTypeBool:
		if v.Bool() {
			s.bits = 1
		}
	default:
		return s, false
	}
	return s, len(s.name) <= maxParamText && len(s.text) <= maxParamText
}

// paramMemory holds the parameters of the last span, whose list is shared by all
// spans that have the same. Nobody may change it.
type paramMemory struct {
	sources, now []paramSource
	params       []Param
}

// note takes the sources of a span and tells whether they are those of the
// memory; remember tells whether the memory may be replaced by what they make.
func (m *paramMemory) note(r *reading) (same, remember bool) {
	m.now = m.now[:0]
	for i := range r.entries {
		if e := &r.entries[i]; e.family.family == familyRequestParam {
			if !m.add(e.rest, e.value) {
				return false, false
			}
		}
	}
	for at := r.first[fParam]; at >= 0; at = r.matches[at].next {
		if found := &r.matches[at]; !m.add(found.target.as, found.value) {
			return false, false
		}
	}
	return len(m.now) > 0 && slices.Equal(m.now, m.sources), len(m.now) > 0
}

// maxSources bounds the parameters that are remembered together.
const maxSources = 16

func (m *paramMemory) add(name string, v pcommon.Value) bool {
	source, ok := sourceOf(name, v)
	if ok {
		m.now = append(m.now, source)
	}
	return ok && len(m.now) <= maxSources
}

// keep remembers parameters. They and their sources must not refer to the span,
// which may be gone when they are used.
func (m *paramMemory) keep(params []Param) {
	m.sources = slices.Clone(m.now)
	for i := range m.sources {
		m.sources[i].name, m.sources[i].text = strings.Clone(m.sources[i].name), strings.Clone(m.sources[i].text)
	}
	m.params = nil
	if len(params) > 0 {
		m.params = make([]Param, len(params))
	}
	for i, p := range params {
		m.params[i] = Param{Name: strings.Clone(p.Name), Value: slices.Clone(p.Value)}
	}
}

// release forgets the span.
func (m *paramMemory) release() {
	clear(m.now[:cap(m.now)])
	m.now = m.now[:0]
}

// sharedWords returns a list of its own for finish reasons, or the one that the
// span before had, if it says the same.
func (r *reading) sharedWords(words []string) []string {
	if !slices.Equal(words, r.words) {
		r.words = make([]string, len(words))
		for i, word := range words {
			r.words[i] = strings.Clone(word)
		}
	}
	return r.words[:len(words):len(words)]
}

// dialectList is shared by spans in a row that speak the same dialects.
func (r *reading) dialectList() []string {
	if r.dialects == r.named {
		return r.names
	}
	var list []string
	for i := range dialects {
		if r.dialects&(1<<i) != 0 {
			list = append(list, dialects[i].name)
		}
	}
	r.named, r.names = r.dialects, slices.Clip(list)
	return r.names
}
