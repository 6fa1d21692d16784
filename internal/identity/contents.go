// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanloop/spanloop/internal/genai"
)

const (
	// contentBytes bounds each of the two generations of content that is remembered.
	contentBytes = 16 << 20
	// maxCallBytes bounds what is remembered of one call, and maxContentEvents its
	// events: the first ones say what its prompt is, and each that comes has all of
	// them read again.
	maxCallBytes     = 4 << 20
	maxContentEvents = 1024
	contentOverhead  = 256
)

// contents remembers what log events say of calls whose spans may come later, in
// bounded memory. When the young generation is full it becomes the old one.
type contents struct {
	mu         sync.Mutex
	young, old map[callKey][]contentEvent
	bytes      int
	// any is set by the first event: most collectors never see one.
	any atomic.Bool
}

type callKey struct {
	trace pcommon.TraceID
	span  pcommon.SpanID
}

// contentEvent is what one event says: JSON in the OpenTelemetry shape, and the
// prompt that it names.
type contentEvent struct {
	at                   pcommon.Timestamp
	system, input, tools string
	prompt               genai.PromptReference
}

// newContentEvent copies what counts of an event: its call may alias a batch. What
// cannot be read is left out.
func newContentEvent(at pcommon.Timestamp, call *genai.Call) contentEvent {
	e := contentEvent{at: at, prompt: clonePrompt(&call.Prompt)}
	if _, err := call.System.List(); err == nil {
		e.system = strings.Clone(call.System.JSON())
	}
	if _, err := call.Input.List(); err == nil {
		e.input = strings.Clone(call.Input.JSON())
	}
	if _, err := call.Tools.List(); err == nil {
		e.tools = strings.Clone(call.Tools.JSON())
	}
	return e
}

func clonePrompt(p *genai.PromptReference) genai.PromptReference {
	c := genai.PromptReference{
		Name: strings.Clone(p.Name), Version: strings.Clone(p.Version), Label: strings.Clone(p.Label), ID: strings.Clone(p.ID),
		Hash: strings.Clone(p.Hash), Template: strings.Clone(p.Template), Source: strings.Clone(p.Source),
	}
	for _, v := range p.Variables {
		c.Variables = append(c.Variables, genai.Variable{Name: strings.Clone(v.Name), Value: strings.Clone(v.Value)})
	}
	return c
}

// saysPrompt tells whether a reference says anything.
func saysPrompt(p *genai.PromptReference) bool {
	return p.Name != "" || p.Version != "" || p.Label != "" || p.ID != "" || p.Hash != "" || p.Template != "" || len(p.Variables) > 0
}

func (e *contentEvent) size() int {
	size := contentOverhead + len(e.system) + len(e.input) + len(e.tools) + len(e.prompt.Template)
	for _, v := range e.prompt.Variables {
		size += len(v.Name) + len(v.Value)
	}
	return size
}

func (e *contentEvent) empty() bool {
	return e.system == "" && e.input == "" && e.tools == "" && !saysPrompt(&e.prompt)
}

// same tells a record that was sent again.
func (e *contentEvent) same(other *contentEvent) bool {
	return e.at == other.at && e.system == other.system && e.input == other.input && e.tools == other.tools && e.prompt.Name == other.prompt.Name
}

// Tell remembers what a log event says of a call, for its span and for further
// events of it.
func (r *Resolver) Tell(traceID pcommon.TraceID, spanID pcommon.SpanID, at pcommon.Timestamp, call *genai.Call) {
	if traceID.IsEmpty() || spanID.IsEmpty() {
		return
	}
	e := newContentEvent(at, call)
	if size := e.size(); !e.empty() && size <= maxCallBytes {
		r.contents.add(callKey{traceID, spanID}, e, size)
	}
}

func (c *contents) add(key callKey, e contentEvent, size int) {
	c.any.Store(true)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bytes+size > contentBytes {
		c.old, c.young, c.bytes = c.young, nil, 0
	}
	if c.young == nil {
		c.young = map[callKey][]contentEvent{}
	}
	events, known := c.young[key]
	if !known && len(c.old[key]) > 0 {
		// A call stays in one generation.
		events = c.old[key]
		for i := range events {
			c.bytes += events[i].size()
		}
		delete(c.old, key)
	}
	held := 0
	for i := range events {
		held += events[i].size()
	}
	if len(events) >= maxContentEvents || held+size > maxCallBytes || slices.ContainsFunc(events, func(known contentEvent) bool { return known.same(&e) }) {
		c.young[key] = events
		return
	}
	// Those who read hold the list as it was.
	at := len(events)
	for at > 0 && events[at-1].at > e.at {
		at--
	}
	c.young[key] = slices.Insert(slices.Clone(events), at, e)
	c.bytes += size
}

func (c *contents) get(key callKey) []contentEvent {
	if !c.any.Load() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if events, ok := c.young[key]; ok {
		return events
	}
	return c.old[key]
}

// Complete fills in what a call lacks of its content from the log events of its
// span that came before: instructions and history together, tools, and the prompt
// that they name. It returns whether there was anything.
func (r *Resolver) Complete(traceID pcommon.TraceID, spanID pcommon.SpanID, call *genai.Call) bool {
	bare := call.System.Empty() && call.Input.Empty()
	if call.Kind == genai.KindTool || !bare && !call.Tools.Empty() {
		return false
	}
	events := r.contents.get(callKey{traceID, spanID})
	if len(events) == 0 {
		return false
	}
	if bare {
		call.System, call.Input = joinContent(events)
	}
	for i := range events {
		if call.Tools.Empty() {
			call.Tools = genai.ToolDefinitionsFromJSON(events[i].tools)
		}
		if !saysPrompt(&call.Prompt) {
			call.Prompt = events[i].prompt
		}
	}
	return true
}

// joinContent are the first instructions and the messages of all events in the
// order of time, as the dataset's views have them.
func joinContent(events []contentEvent) (genai.Parts, genai.Messages) {
	var system string
	var inputs []string
	for i := range events {
		if system == "" {
			system = events[i].system
		}
		if events[i].input != "" {
			inputs = append(inputs, events[i].input)
		}
	}
	if len(inputs) == 1 {
		return genai.PartsFromJSON(system), genai.MessagesFromJSON(inputs[0])
	}
	var b strings.Builder
	for _, input := range inputs {
		messages := strings.TrimSuffix(strings.TrimPrefix(input, "["), "]")
		if messages == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(messages)
	}
	if b.Len() == 0 {
		return genai.PartsFromJSON(system), genai.Messages{}
	}
	return genai.PartsFromJSON(system), genai.MessagesFromJSON("[" + b.String() + "]")
}

// ResolveEvent returns what log events of a call say of its prompt and its tools:
// this one and those that Tell remembers. Model and parameters are those of the
// span. It is false when they say nothing of either.
func (r *Resolver) ResolveEvent(environment string, traceID pcommon.TraceID, spanID pcommon.SpanID, at time.Time, event *genai.Call) (Identity, bool) {
	call := genai.Call{Kind: event.Kind}
	r.Complete(traceID, spanID, &call)
	if call.System.Empty() && call.Input.Empty() {
		call.System, call.Input = event.System, event.Input
	}
	if call.Tools.Empty() {
		call.Tools = event.Tools
	}
	if !saysPrompt(&call.Prompt) {
		call.Prompt = event.Prompt
	}
	if call.Kind == genai.KindTool || call.System.Empty() && call.Input.Empty() && call.Tools.Empty() && !saysPrompt(&call.Prompt) {
		return Identity{}, false
	}
	var id Identity
	s := r.current()
	r.prompt(s, environment, at, &call, &id)
	if !call.Tools.Empty() {
		r.tools(s, traceID, at, &call, &id)
	}
	return id, true
}
