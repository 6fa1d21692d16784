// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/identity"
	"github.com/spanloop/spanloop/internal/wire"
)

// Modes: values of identity.AttrContentMode, and of the column content_mode.
const (
	// ModeFull leaves everything as it is.
	ModeFull = "full"
	// ModeRedacted replaces what the rules match.
	ModeRedacted = "redacted"
	// ModeHashes replaces texts whole, and keeps names only.
	ModeHashes = "hashes"
)

// ModeOf is the mode that a span is marked with, and how many values were
// replaced.
func ModeOf(attributes pcommon.Map) (mode string, count int64) {
	value, ok := attributes.Get(identity.AttrContentMode)
	if !ok || value.Type() != pcommon.ValueTypeStr || value.Str() != ModeRedacted && value.Str() != ModeHashes {
		return ModeFull, 0
	}
	if n, ok := attributes.Get(identity.AttrRedactions); ok && n.Type() == pcommon.ValueTypeInt {
		count = n.Int()
	}
	return value.Str(), count
}

// Mode is the redactor's mode.
func (r *Redactor) Mode() string {
	if r.hashes {
		return ModeHashes
	}
	return ModeRedacted
}

// Span redacts a span in place and marks it with the mode and with the number of
// values that were replaced.
func (r *Redactor) Span(span ptrace.Span) {
	n := r.spanName(span) + r.field(span.Status().Message(), span.Status().SetMessage) +
		r.field(span.TraceState().AsRaw(), span.TraceState().FromRaw) + r.attributes(span.Attributes(), 0)
	for _, event := range span.Events().All() {
		n += r.nameField(event.Name(), event.SetName) + r.attributes(event.Attributes(), 0)
	}
	for _, link := range span.Links().All() {
		n += r.field(link.TraceState().AsRaw(), link.TraceState().FromRaw) + r.attributes(link.Attributes(), 0)
	}
	if n > 0 {
		n += dropProofs(span.Attributes())
	}
	before, count := ModeOf(span.Attributes())
	mode := r.Mode()
	if before == ModeHashes {
		// Its texts were counted when they were replaced.
		mode, n = before, 0
	}
	span.Attributes().PutStr(identity.AttrContentMode, mode)
	span.Attributes().PutInt(identity.AttrRedactions, count+int64(n))
}

// dropProofs removes hashes of the whole request as it was: who has all of it
// but the values that were replaced could find those by trying.
func dropProofs(attributes pcommon.Map) int {
	before := attributes.Len()
	attributes.RemoveIf(func(key string, _ pcommon.Value) bool {
		return key == identity.AttrRequestSHA256 || key == wire.AttrLayout
	})
	return before - attributes.Len()
}

// spanName redacts a span's name. In hashes one or two names are one, as in
// "chat gpt-5"; a sentence is not.
func (r *Redactor) spanName(span ptrace.Span) int {
	if first, second, two := strings.Cut(span.Name(), " "); r.hashes && two && isName(first) && isName(second) {
		one, n := r.name(first)
		other, m := r.name(second)
		span.SetName(one + " " + other)
		return n + m
	}
	return r.nameField(span.Name(), span.SetName)
}

// Resource redacts a resource and the URL of its schema in place.
func (r *Redactor) Resource(resource pcommon.Resource, schema string, set func(string)) {
	r.attributes(resource.Attributes(), 0)
	r.nameField(schema, set)
}

// Scope redacts a scope and the URL of its schema in place.
func (r *Redactor) Scope(scope pcommon.InstrumentationScope, schema string, set func(string)) {
	r.nameField(scope.Name(), scope.SetName)
	if version, n := r.version(scope.Version()); n > 0 {
		scope.SetVersion(version)
	}
	r.attributes(scope.Attributes(), 0)
	r.nameField(schema, set)
}

// Record redacts a log record in place.
func (r *Redactor) Record(record plog.LogRecord) {
	r.attributes(record.Attributes(), 0)
	r.value(record.Body(), 0)
}

// field redacts a text that says anything.
func (r *Redactor) field(s string, set func(string)) int {
	var text string
	var n int
	if r.hashes {
		text, n = r.hashed(s)
	} else {
		text, n = r.text(s, 0)
	}
	if n > 0 {
		set(text)
	}
	return n
}

// nameField redacts a text that names something.
func (r *Redactor) nameField(s string, set func(string)) int {
	if !r.hashes {
		return r.field(s, set)
	}
	text, n := r.Label(s)
	if n > 0 {
		set(text)
	}
	return n
}

// attributes redacts a map: values by what their keys are, and keys with the
// built-in rules.
func (r *Redactor) attributes(m pcommon.Map, depth int) int {
	n := 0
	var renamed map[string]string
	for key, value := range m.All() {
		kind := contentKey
		if depth == 0 {
			kind = r.kindOf(key)
		}
		switch kind {
		case keptKey:
			continue
		case identityKey:
			n += r.identityValue(value)
		case labelKey:
			n += r.labelValue(value)
		case versionKey:
			n += r.versionValue(value)
		case contentKey:
			n += r.value(value, depth)
		}
		if text, hits := r.plain(key, false); hits > 0 {
			if renamed == nil {
				renamed = map[string]string{}
			}
			renamed[key] = text
			n += hits
		}
	}
	if renamed != nil {
		rename(m, renamed)
	}
	return n
}

// rename gives attributes new keys, in the same order.
func rename(m pcommon.Map, renamed map[string]string) {
	old := pcommon.NewMap()
	m.MoveTo(old)
	m.EnsureCapacity(old.Len())
	for key, value := range old.All() {
		if text, ok := renamed[key]; ok {
			key = text
		}
		value.MoveTo(m.PutEmpty(key))
	}
}

// identityValue redacts a name, or a list of name@version.
func (r *Redactor) identityValue(v pcommon.Value) int {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		text, n := r.name(v.Str())
		if n > 0 {
			v.SetStr(text)
		}
		return n
	case pcommon.ValueTypeSlice:
		n := 0
		for _, item := range v.Slice().All() {
			if item.Type() != pcommon.ValueTypeStr {
				n += r.value(item, 1)
				continue
			}
			name, version := item.Str(), ""
			if at := strings.LastIndexByte(name, '@'); at > 0 {
				name, version = name[:at], name[at:]
			}
			text, hits := r.name(name)
			if hits > 0 {
				item.SetStr(text + version)
			}
			n += hits
		}
		return n
	}
	return r.value(v, 0)
}

// labelValue redacts a name, or a list of names, that stays in hashes.
func (r *Redactor) labelValue(v pcommon.Value) int {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return r.nameField(v.Str(), v.SetStr)
	case pcommon.ValueTypeSlice:
		n := 0
		for _, item := range v.Slice().All() {
			if item.Type() == pcommon.ValueTypeStr {
				n += r.nameField(item.Str(), item.SetStr)
			} else {
				n += r.value(item, 1)
			}
		}
		return n
	}
	return r.value(v, 0)
}

func (r *Redactor) versionValue(v pcommon.Value) int {
	if v.Type() != pcommon.ValueTypeStr {
		return r.value(v, 0)
	}
	text, n := r.version(v.Str())
	if n > 0 {
		v.SetStr(text)
	}
	return n
}

// maxValueDepth bounds the nesting of values; deeper ones are removed.
const maxValueDepth = 64

func (r *Redactor) value(v pcommon.Value, depth int) int {
	if depth > maxValueDepth {
		v.SetStr("")
		return 1
	}
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return r.field(v.Str(), v.SetStr)
	case pcommon.ValueTypeBytes:
		return r.field(string(v.Bytes().AsRaw()), func(text string) { v.Bytes().FromRaw([]byte(text)) })
	case pcommon.ValueTypeInt:
		// Counts and times are shorter, or in no card's range.
		if n := v.Int(); n >= 1e11 || n <= -1e11 {
			if text, hits := r.number(strconv.FormatInt(n, 10)); hits > 0 {
				v.SetStr(text)
				return hits
			}
		}
	case pcommon.ValueTypeSlice, pcommon.ValueTypeMap:
		if r.hashes {
			// Keys may be content too.
			return r.field(v.AsString(), v.SetStr)
		}
		return r.nested(v, depth)
	}
	return 0
}

func (r *Redactor) nested(v pcommon.Value, depth int) int {
	if v.Type() == pcommon.ValueTypeMap {
		return r.attributes(v.Map(), depth+1)
	}
	n := 0
	for _, item := range v.Slice().All() {
		n += r.value(item, depth+1)
	}
	return n
}
