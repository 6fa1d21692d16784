// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// LogEvent is a GenAI log event: content that belongs to a span, or a score.
type LogEvent struct {
	TraceID    pcommon.TraceID
	SpanID     pcommon.SpanID
	ResponseID string
	// Call holds what the event says about the call: messages, and for the
	// details event all the rest. Nil for a score.
	Call *Call
	// Score is set for gen_ai.evaluation.result.
	Score *GivenScore
}

// ReadLog reads a GenAI log event; false for any other record. The event's name
// is the EventName field or, in old conventions, the attribute event.name.
func ReadLog(record plog.LogRecord, scope pcommon.InstrumentationScope, resource pcommon.Resource) (*LogEvent, bool) {
	name := record.EventName()
	if name == "" {
		if value, ok := record.Attributes().Get("event.name"); ok && value.Type() == pcommon.ValueTypeStr {
			name = value.Str()
		}
	}
	if !strings.HasPrefix(name, "gen_ai.") {
		return nil, false
	}
	event := &LogEvent{TraceID: record.TraceID(), SpanID: record.SpanID()}
	if value, ok := record.Attributes().Get("gen_ai.response.id"); ok {
		event.ResponseID = value.AsString()
	}
	if name == evaluationEvent {
		score, ok := readEvaluation(record.Attributes())
		event.Score = &score
		return event, ok
	}
	event.Call = readLogCall(name, record)
	return event, event.Call != nil
}

func readLogCall(name string, record plog.LogRecord) *Call {
	r := newReading()
	defer r.release()
	switch name {
	case detailsEvent:
		r.scan(record.Attributes())
	case "gen_ai.content.prompt", "gen_ai.content.completion":
		r.scanContent(name, record.Attributes())
	default:
		r.messageEvent(name, record.Attributes(), record.Body())
	}
	c := &Call{Operation: r.text(fOperation)}
	c.Kind = operationKinds[c.Operation]
	if c.Operation == "" {
		c.Kind = KindInference
	}
	r.fillModel(c)
	r.fillPrompt(c)
	c.SessionID = r.text(fSession)
	r.fillContent(c)
	r.fillTools(c)
	r.fillParams(c)
	r.fillUsage(c)
	r.fillFinish(c)
	c.ErrorType = r.text(fErrorType)
	c.Problems = append(c.Problems, r.problems...)
	c.Dialects = r.dialectList()
	if c.Input.Empty() && c.Output.Empty() && c.System.Empty() && c.Tools.Empty() {
		return nil
	}
	return c
}
