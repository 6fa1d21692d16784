// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// rejectedDir holds spans that cannot be rows.
const rejectedDir = "_rejected"

// Reasons why a span is in a reject file.
const (
	reasonMissingID   = "missing_id"
	reasonTooLarge    = "too_large"
	reasonDuplicateID = "duplicate_id"
)

// reject is a span that cannot be a row.
type reject struct {
	reason string
	span   ptrace.Span
	origin *origin
}

func (p *push) reject(span ptrace.Span, o *origin, reason string) {
	p.rejects = append(p.rejects, reject{reason: reason, span: span, origin: o})
	p.result.Rejected[reason]++
}

// writeRejects writes the rejected spans of the push, one JSON object a line:
// the reason, and the span with its resource and scope as OTLP JSON.
func (p *push) writeRejects(ctx context.Context) error {
	if len(p.rejects) == 0 {
		return nil
	}
	var out bytes.Buffer
	for _, r := range p.rejects {
		encoded, err := rejectLine(r)
		if err != nil {
			return fmt.Errorf("reject file: %w", err)
		}
		out.Write(encoded)
		out.WriteByte('\n')
	}
	name := rejectedDir + "/" + digest(out.Bytes())[:24] + ".jsonl"
	return p.put(ctx, name, out.Bytes())
}

func rejectLine(r reject) ([]byte, error) {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	r.origin.rs.Resource().CopyTo(rs.Resource())
	ss := rs.ScopeSpans().AppendEmpty()
	r.origin.ss.Scope().CopyTo(ss.Scope())
	r.span.CopyTo(ss.Spans().AppendEmpty())
	encoded, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	if err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		Reason string          `json:"reason"`
		Traces json.RawMessage `json:"traces"`
	}{r.reason, encoded})
}
