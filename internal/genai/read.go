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
	target target
	key    string
	value  pcommon.Value
	next   int16
}

// entry is one attribute of a family; rest is its name after the prefix.
type entry struct {
	family familyTarget
	rest   string
	value  pcommon.Value
	index  int
	// ordinal is the attribute's place on the span.
	ordinal int
}

// reading is the state of reading one span.
type reading struct {
	matches  []match
	first    [fieldCount]int16
	entries  []entry
	dialects uint32
	problems []Problem
	overflow bool
	eventIn  []Message
	eventOut []Message
	scores   []GivenScore

	// What spans before this one left.
	places []place
	params paramMemory
	words  []string
	list   []string
	// names are those of the dialects named.
	named uint32
	names []string
}

var readings = sync.Pool{New: func() any { return new(reading) }}

// Bounds on what is read from one span, so that a hostile span costs no more
// than a large honest one.
const (
	maxEntries  = 20000
	maxMatches  = 512
	maxProblems = 32
	maxParams   = 256
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
	r.forget()
	readings.Put(r)
}

// forget forgets the span, but not what the next one may share with it.
func (r *reading) forget() {
	clear(r.matches)
	clear(r.entries)
	r.params.release()
	clear(r.list[:cap(r.list)])
	*r = reading{
		matches: r.matches[:0], entries: r.entries[:0], places: r.places, params: r.params, words: r.words, list: r.list[:0],
		named: r.named, names: r.names,
	}
	if cap(r.entries) > 1024 {
		r.entries = nil
	}
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
			if strings.HasPrefix(event.Name(), "gen_ai.") || event.Name() == langWatchEvaluation {
				return true
			}
		}
	}
	return scope.Name() == "gcp.vertex.agent"
}

// isAnchor tells whether an attribute occurs on GenAI spans only. Its first
// byte rules out nearly all others.
func isAnchor(key string) bool {
	if len(key) < 4 {
		return false
	}
	switch key[0] {
	case 'g':
		return strings.HasPrefix(key, "gen_ai.")
	case 'l':
		return strings.HasPrefix(key, "llm.") || strings.HasPrefix(key, "langfuse.observation.") ||
			key == "langsmith.span.kind" || key == "langwatch.span.type" || strings.HasPrefix(key, "langwatch.prompt.") ||
			key == "logfire.span_type" || key == "logfire.feedback.name"
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
// that is no GenAI span. The Call aliases the span's strings, so it must not
// outlive the span, and it is not safe for use by several goroutines: content
// is parsed when it is first asked for.
func Read(span ptrace.Span, scope pcommon.InstrumentationScope, resource pcommon.Resource) (*Call, bool) {
	if !IsGenAI(span, scope) {
		return nil, false
	}
	call := new(Call)
	call.read(span, scope, resource)
	return call, true
}

// ReadInto is Read for callers that are done with the call before: what it held
// is lost, and its memory serves the new one. It leaves the call alone when it
// returns false.
func ReadInto(call *Call, span ptrace.Span, scope pcommon.InstrumentationScope, resource pcommon.Resource) bool {
	if !IsGenAI(span, scope) {
		return false
	}
	*call = Call{}
	call.read(span, scope, resource)
	return true
}

func (c *Call) read(span ptrace.Span, scope pcommon.InstrumentationScope, resource pcommon.Resource) {
	r := newReading()
	defer r.release()
	r.scan(span.Attributes())
	r.scanEvents(span.Events())
	r.fill(c, span, scope)
	c.fillFromResource(resource)
}

// fillFromResource takes from the resource what some senders put there for all
// their spans: the session, and PromptLayer's prompt.
func (c *Call) fillFromResource(resource pcommon.Resource) {
	attributes := resource.Attributes()
	if c.SessionID == "" {
		c.SessionID = scalarOf(attributes, "session.id")
	}
	if !c.Counted || c.Prompt.Name != "" {
		return
	}
	for _, prefix := range []string{"gen_ai.prompt.", "promptlayer.prompt."} {
		name := scalarOf(attributes, prefix+"name")
		if name == "" {
			continue
		}
		c.Prompt.Name, c.Prompt.Source = name, prefix+"name"
		if c.Prompt.Version == "" {
			c.Prompt.setVersion(scalarOf(attributes, prefix+"version"))
		}
		if c.Prompt.Label == "" {
			c.Prompt.Label = scalarOf(attributes, prefix+"label")
		}
		return
	}
}

func scalarOf(attributes pcommon.Map, key string) string {
	value, ok := attributes.Get(key)
	if !ok {
		return ""
	}
	text, _ := scalar(value)
	return strings.TrimSpace(text)
}

// scan files every attribute that the table or a family knows.
func (r *reading) scan(attributes pcommon.Map) {
	at := 0
	for key, value := range attributes.All() {
		targets, family := r.lookUp(at, key)
		for i := range targets {
			r.add(targets[i], key, value)
		}
		if family.family != familyNone {
			r.addEntry(family, key, value)
		}
		at++
	}
}

// add files a match so that each field's list is in rank order.
func (r *reading) add(t target, key string, value pcommon.Value) {
	if len(r.matches) >= maxMatches {
		r.full(key)
		return
	}
	at := int16(len(r.matches))
	r.matches = append(r.matches, match{target: t, key: key, value: value, next: -1})
	slot := &r.first[t.field]
	for *slot >= 0 && r.matches[*slot].target.rank <= t.rank {
		slot = &r.matches[*slot].next
	}
	r.matches[at].next = *slot
	*slot = at
}

func (r *reading) addEntry(f familyTarget, key string, value pcommon.Value) {
	if len(r.entries) >= maxEntries {
		r.full(key)
		return
	}
	r.entries = append(r.entries, entry{family: f, rest: key[len(f.prefix):], value: value, ordinal: len(r.entries)})
	r.saw(f.dialect)
}

// each calls use for the matches of a field in rank order until it returns
// true.
func (r *reading) each(f field, use func(*match) bool) bool {
	for at := r.first[f]; at >= 0; at = r.matches[at].next {
		m := &r.matches[at]
		if use(m) {
			r.saw(m.target.dialect)
			return true
		}
	}
	return false
}

func (r *reading) has(f field) bool { return r.first[f] >= 0 }

// full notes the first attribute beyond the bounds.
func (r *reading) full(key string) {
	if !r.overflow {
		r.overflow = true
		r.problem(key, ReasonTooLarge)
	}
}

// problem notes an attribute that could not be read.
func (r *reading) problem(attribute, reason string) {
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, Problem{Attribute: attribute, Reason: reason})
	}
}

func (r *reading) saw(dialect uint8) {
	if dialect != noDialect {
		r.dialects |= 1 << dialect
	}
}
