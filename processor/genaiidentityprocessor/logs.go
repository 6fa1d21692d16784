// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiidentityprocessor

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/identity"
)

// event is a log event that holds content of a call.
type event struct {
	record      plog.LogRecord
	call        *genai.Call
	environment string
}

// processLogs stamps the events that hold content of calls, and remembers what they
// say for the spans of these calls. Other records, scores among them, pass as they
// are. All events are read before the first is stamped: one call may have several.
func (p *identityProcessor) processLogs(ctx context.Context, ld plog.Logs) (plog.Logs, error) {
	events := p.readEvents(ld)
	if len(events) == 0 {
		return ld, nil
	}
	c := newCounts()
	known := map[callID]*identity.Identity{}
	for i := range events {
		p.stampEvent(&events[i], known, c)
	}
	p.telemetry.recordEvents(ctx, c)
	return ld, nil
}

func (p *identityProcessor) readEvents(ld plog.Logs) (events []event) {
	for _, rl := range ld.ResourceLogs().All() {
		environment := p.environment(rl.Resource())
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				read, ok := genai.ReadLog(record, sl.Scope(), rl.Resource())
				if !ok || read.Call == nil {
					continue
				}
				p.resolver.Tell(record.TraceID(), record.SpanID(), timeOf(record), read.Call)
				events = append(events, event{record, read.Call, environment})
			}
		}
	}
	return events
}

// callID is the span of a call; it may be empty.
type callID struct {
	trace pcommon.TraceID
	span  pcommon.SpanID
}

// stampEvent writes what the events of a call say of its prompt and tools. One that
// an earlier collector has stamped keeps that. known are the identities of the
// batch's calls so far: a conversation may have an event for each of its messages.
func (p *identityProcessor) stampEvent(e *event, known map[callID]*identity.Identity, c *counts) {
	attrs := e.record.Attributes()
	if before, ok := attrs.Get(identity.AttrPromptResolution); ok {
		c.identity(before.AsString(), "")
		return
	}
	putProblems(attrs, e.call.GlanceAtContent(), c)
	id := p.identityOf(e, known)
	if id == nil {
		return
	}
	attrs.EnsureCapacity(attrs.Len() + id.Size())
	if p.config.KeepOriginals {
		id.Put(attrs)
	} else {
		id.Replace(attrs)
	}
	c.identity(id.Resolution, id.UnresolvedReason)
}

// identityOf is what the events of an event's call say; nil for nothing. Events that
// name no span speak each for itself.
func (p *identityProcessor) identityOf(e *event, known map[callID]*identity.Identity) *identity.Identity {
	call := callID{e.record.TraceID(), e.record.SpanID()}
	isNamed := !call.trace.IsEmpty() && !call.span.IsEmpty()
	if id, ok := known[call]; ok && isNamed {
		return id
	}
	at := time.Now()
	if stated := timeOf(e.record); stated != 0 {
		at = stated.AsTime()
	}
	found, ok := p.resolver.ResolveEvent(e.environment, call.trace, call.span, at, e.call)
	if !ok {
		// Another event of the call, too large to be remembered, may say something.
		return nil
	}
	known[call] = &found
	return &found
}

func timeOf(record plog.LogRecord) pcommon.Timestamp {
	if record.Timestamp() != 0 {
		return record.Timestamp()
	}
	return record.ObservedTimestamp()
}
