// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strings"
	"sync"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// match is one attribute of the span that fills a field.
type match struct {
	row   row
	key   string
	value pcommon.Value
	next  int16
}

// entry is one attribute of a family; rest is its name after the prefix.
type entry struct {
	family  familyRow
	rest    string
	value   pcommon.Value
	index   int
	ordinal int
}

// reading is the state of reading one span.
type reading struct {
	matches  []match
	first    [fieldCount]int16
	entries  []entry
	dialects uint16
	problems []Problem
	eventIn  []Message
	eventOut []Message
	scores   []GivenScore
	mcp      bool
}

var readings = sync.Pool{New: func() any { return new(reading) }}

const (
	// maxEntries bounds the indexed attributes that are read from one span.
	maxEntries = 20000
	// maxMatches bounds the whole attributes that are read from one span.
	maxMatches = 512
)

func newReading() *reading {
	r, ok := readings.Get().(*reading)
	if !ok {
		r = new(reading)
	}
	for i := range r.first {
		r.first[i] = -1
	}
	return r
}

func (r *reading) release() {
	clear(r.matches)
	clear(r.entries)
	*r = reading{matches: r.matches[:0], entries: r.entries[:0]}
	readings.Put(r)
}

// IsGenAI tells whether a span speaks a GenAI dialect.
func IsGenAI(span ptrace.Span, scope pcommon.InstrumentationScope) bool {
	for key := range span.Attributes().All() {
		if isAnchor(key) {
			return true
		}
	}
	if events := span.Events(); events.Len() > 0 {
		for _, event := range events.All() {
			if strings.HasPrefix(event.Name(), "gen_ai.") {
				return true
			}
		}
	}
	return scope.Name() == "gcp.vertex.agent"
}

// isAnchor tells whether an attribute occurs on GenAI spans only.
func isAnchor(key string) bool {
	if len(key) < 4 {
		return false
	}
	switch key[0] {
	case 'g':
		return strings.HasPrefix(key, "gen_ai.")
	case 'l':
		return strings.HasPrefix(key, "llm.") || strings.HasPrefix(key, "langfuse.observation.") ||
			strings.HasPrefix(key, "langsmith.span.kind") || key == "langwatch.span.type" ||
			strings.HasPrefix(key, "langwatch.prompt.") || key == "logfire.span_type" || key == "logfire.feedback.name"
	case 'o':
		return key == "openinference.span.kind"
	case 't':
		return key == "traceloop.span.kind" || strings.HasPrefix(key, "traceloop.prompt.")
	case 'a':
		return key == "ai.operationId" || strings.HasPrefix(key, "ag.type.") || strings.HasPrefix(key, "annotations.")
	case 'm':
		return key == "mlflow.spanType" || key == "model_request_parameters" || key == "mcp.method.name"
	case 'b':
		return strings.HasPrefix(key, "braintrust.")
	case 'p':
		return strings.HasPrefix(key, "promptlayer.prompt.") || strings.HasPrefix(key, "pydantic_ai.")
	case 'h':
		return strings.HasPrefix(key, "humanloop.file.")
	}
	return false
}

// Read reads a span in whatever dialect it speaks. It returns false for a span
// that is no GenAI span. The Call aliases the span's strings.
func Read(span ptrace.Span, scope pcommon.InstrumentationScope, resource pcommon.Resource) (*Call, bool) {
	if !IsGenAI(span, scope) {
		return nil, false
	}
	r := newReading()
	defer r.release()
	r.scan(span.Attributes())
	r.scanEvents(span.Events())
	call := new(Call)
	r.fill(call, span, scope)
	if call.SessionID == "" {
		call.SessionID = resourceString(resource, "session.id")
	}
	return call, true
}

func resourceString(resource pcommon.Resource, key string) string {
	if value, ok := resource.Attributes().Get(key); ok && value.Type() == pcommon.ValueTypeStr {
		return value.Str()
	}
	return ""
}

// scan files every attribute that the table or a family knows.
func (r *reading) scan(attributes pcommon.Map) {
	for key, value := range attributes.All() {
		rows, whole := table[key]
		for _, row := range rows {
			r.add(row, key, value)
		}
		if whole {
			continue
		}
		if key == "mcp.method.name" {
			r.mcp = true
		}
		r.addEntry(key, value)
	}
}

// add files a match so that each field's list is in rank order.
func (r *reading) add(row row, key string, value pcommon.Value) {
	if len(r.matches) >= maxMatches {
		return
	}
	at := int16(len(r.matches))
	r.matches = append(r.matches, match{row: row, key: key, value: value, next: -1})
	slot := &r.first[row.field]
	for *slot >= 0 && r.matches[*slot].row.rank <= row.rank {
		slot = &r.matches[*slot].next
	}
	r.matches[at].next = *slot
	*slot = at
}

func (r *reading) addEntry(key string, value pcommon.Value) {
	switch key[:min(1, len(key))] {
	case "g", "l", "t", "a", "e", "s", "h":
	default:
		return
	}
	if len(r.entries) >= maxEntries {
		return
	}
	for _, f := range families {
		if strings.HasPrefix(key, f.prefix) {
			r.entries = append(r.entries, entry{family: f, rest: key[len(f.prefix):], value: value, ordinal: len(r.entries)})
			r.saw(f.dialect)
			return
		}
	}
}

// each calls use for the matches of a field in rank order until it returns
// true.
func (r *reading) each(f field, use func(*match) bool) bool {
	for at := r.first[f]; at >= 0; at = r.matches[at].next {
		m := &r.matches[at]
		if use(m) {
			r.saw(m.row.dialect)
			return true
		}
	}
	return false
}

func (r *reading) has(f field) bool { return r.first[f] >= 0 }

// problem notes an attribute that could not be read.
func (r *reading) problem(attribute, reason string) {
	if len(r.problems) < 32 {
		r.problems = append(r.problems, Problem{Attribute: attribute, Reason: reason})
	}
}

var dialectNames = []string{DialectOTel, DialectOpenInference, DialectOpenLLMetry, DialectLangfuse, DialectLangSmith, DialectVercel, DialectPydantic, DialectOther}

func (r *reading) saw(dialect string) {
	for i, name := range dialectNames {
		if name == dialect {
			r.dialects |= 1 << i
			return
		}
	}
}

func (r *reading) dialectList() []string {
	var list []string
	for i, name := range dialectNames {
		if r.dialects&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	return list
}
