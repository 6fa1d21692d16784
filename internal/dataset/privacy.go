// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"fmt"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/redact"
)

// A writer with a Redactor makes every row, and every rejected span, from a
// redacted copy of what came. Of the original it takes hashes and sizes only.

// measure is what a row takes of the original: the sizes in its columns, and its
// tools, of which only the hashes are stored, by which they are known elsewhere.
type measure struct {
	inputBytes, outputChars int
	tools                   genai.ToolDefinitions
}

// storedOrigin is the origin of what is stored of a scope's spans.
func (w *Writer) storedOrigin(rs ptrace.ResourceSpans, ss ptrace.ScopeSpans) *origin {
	r := w.options.Redactor
	if r == nil {
		return newOrigin(rs, ss)
	}
	kept, scope := ptrace.NewResourceSpans(), ptrace.NewScopeSpans()
	rs.Resource().CopyTo(kept.Resource())
	kept.SetSchemaUrl(rs.SchemaUrl())
	r.Resource(kept.Resource(), kept.SchemaUrl(), kept.SetSchemaUrl)
	ss.Scope().CopyTo(scope.Scope())
	scope.SetSchemaUrl(ss.SchemaUrl())
	r.Scope(scope.Scope(), scope.SchemaUrl(), scope.SetSchemaUrl)
	return newOrigin(kept, scope)
}

// redact makes the copy of a span that is stored, and the row's call, which was
// read from the original, the copy's.
func (r *spanReading) redact(redactor *redact.Redactor, span ptrace.Span, isGenAI bool, o *origin) ptrace.Span {
	kept := ptrace.NewSpan()
	span.CopyTo(kept)
	redactor.Span(kept)
	if !isGenAI {
		return kept
	}
	r.measure = measureOf(&r.call)
	if mode, _ := redact.ModeOf(kept.Attributes()); mode == redact.ModeHashes {
		r.call = *redactor.Call(&r.call)
		keepShape(kept, &r.call)
		return kept
	}
	kind, counted := r.call.Kind, r.call.Counted
	if !genai.ReadInto(&r.call, kept, o.ss.Scope(), o.rs.Resource()) {
		r.call = genai.Call{}
	}
	r.call.Kind, r.call.Counted = kind, counted
	return kept
}

// keepShape puts what is kept of messages and tools into their attributes, as the
// columns have it, so that readers get the same.
func keepShape(span ptrace.Span, call *genai.Call) {
	for key, text := range map[string]string{
		inputMessagesKey: call.Input.JSON(), "gen_ai.output.messages": call.Output.JSON(),
		"gen_ai.system_instructions": call.System.JSON(), "gen_ai.tool.definitions": call.Tools.Text(),
	} {
		if value, ok := span.Attributes().Get(key); ok && text != "" {
			value.SetStr(text)
		}
	}
}

func measureOf(call *genai.Call) *measure {
	return &measure{
		inputBytes:  len(call.Input.JSON()) + len(call.System.JSON()),
		outputChars: utf8.RuneCountInString(call.OutputText()),
		tools:       call.Tools,
	}
}

// storedRecord is what is stored of a log record and its event.
func (w *Writer) storedRecord(record plog.LogRecord, event *genai.LogEvent, sl plog.ScopeLogs, rl plog.ResourceLogs) (plog.LogRecord, *genai.LogEvent, *measure) {
	r := w.options.Redactor
	if r == nil {
		return record, event, nil
	}
	kept := plog.NewLogRecord()
	record.CopyTo(kept)
	r.Record(kept)
	var m *measure
	if event.Call != nil {
		m = measureOf(event.Call)
	}
	again, ok := genai.ReadLog(kept, sl.Scope(), rl.Resource())
	switch {
	case r.Mode() == redact.ModeHashes && event.Call != nil:
		responseID, _ := r.Label(event.ResponseID)
		again = &genai.LogEvent{TraceID: event.TraceID, SpanID: event.SpanID, ResponseID: responseID, Call: r.Call(event.Call)}
	case !ok:
		return kept, nil, nil
	}
	return kept, again, m
}

// sizes are those of the columns input_chars and output_chars.
func (r *spanReading) sizes() (input, output int) {
	if r.measure != nil {
		return r.measure.inputBytes, r.measure.outputChars
	}
	return len(r.input) + len(r.system), r.outputChars
}

// toolHash is the hash of the tool definition at a position: the original's.
func (r *spanReading) toolHash(i int, d genai.ToolDefinition) (string, error) {
	if r.measure == nil {
		return toolHash(d)
	}
	list, err := r.measure.tools.List()
	if err != nil || i >= len(list) {
		return "", fmt.Errorf("tool %d: no definition: %w", i, err)
	}
	return toolHash(list[i])
}
