// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset"
)

const (
	// messageBytes bounds a message's spans as protobuf, so that its line of JSON
	// stays below the 1 MiB that readers of such files expect, unless a span alone
	// is larger.
	messageBytes = 128 << 10
	// readRows is how many rows are turned into spans at a time.
	readRows = 256
)

// Spans writes the selected spans as they were received, each once. A damaged
// file of the dataset ends the export, unless skipDamaged: then it is left out
// whole. progress is called after each file of the dataset, with what is done.
func Spans(ctx context.Context, d *dataset.Dataset, s Selection, f Format, skipDamaged bool, w io.Writer, progress func(files, of int, spans int64)) (Result, error) {
	out := newMessages(w, f)
	var result Result
	err := readSpans(ctx, d, s, skipDamaged, out, &result, progress)
	if err == nil {
		err = out.flush()
	}
	if err == nil {
		err = out.w.Flush()
	}
	result.Rows = out.spans
	return result, err
}

func readSpans(ctx context.Context, d *dataset.Dataset, s Selection, skipDamaged bool, out *messages, result *Result, progress func(files, of int, spans int64)) error {
	if len(s.SpanIDs)+len(s.TraceIDs) > 0 {
		td, err := d.ReadTraces(ctx, dataset.Filter{
			SpanIDs: s.SpanIDs, TraceIDs: s.TraceIDs, Since: s.Since, Until: s.Until, PromptName: s.Prompt, PromptVersion: s.Version,
		})
		if err != nil {
			return err
		}
		return out.add(td)
	}
	stream, err := d.Stream(ctx, dataset.Selection{Since: s.Since, Until: s.Until, Names: s.names(), Replays: true}, readRows)
	if err != nil {
		return err
	}
	for name, broken := range stream.Broken {
		if err := result.damaged(fmt.Errorf("%s: %w", name, broken), skipDamaged); err != nil {
			return err
		}
	}
	for i, f := range stream.Files {
		var failed error
		err := stream.Read(ctx, f, 0, func(b dataset.Batch) error {
			failed = out.add(b.Traces)
			return failed
		})
		if failed != nil || ctx.Err() != nil {
			return errors.Join(ctx.Err(), failed)
		}
		if err != nil {
			if err := result.damaged(err, skipDamaged); err != nil {
				return err
			}
		}
		progress(i+1, len(stream.Files), out.spans)
	}
	return nil
}

// names selects by prompt and version; nil when all are wanted.
func (s *Selection) names() func(name, version string) bool {
	if s.Prompt == "" && s.Version == "" {
		return nil
	}
	return func(name, version string) bool {
		return (s.Prompt == "" || name == s.Prompt) && (s.Version == "" || version == s.Version)
	}
}

func (r *Result) damaged(err error, skip bool) error {
	if !skip {
		return fmt.Errorf("%w (--skip-damaged leaves such files out)", err)
	}
	r.Damaged = append(r.Damaged, err)
	return nil
}

// messages gathers spans into TracesData messages.
type messages struct {
	w      *bufio.Writer
	encode func(ptrace.Traces) ([]byte, error)
	json   bool
	sizer  ptrace.ProtoMarshaler

	pending ptrace.Traces
	size    int
	spans   int64
}

func newMessages(w io.Writer, f Format) *messages {
	m := &messages{w: bufio.NewWriterSize(w, 1<<16), json: f == OTLPJSON, pending: ptrace.NewTraces()}
	m.encode = (&ptrace.ProtoMarshaler{}).MarshalTraces
	if m.json {
		m.encode = (&ptrace.JSONMarshaler{}).MarshalTraces
	}
	return m
}

// add takes the spans, and writes messages that are full.
func (m *messages) add(td ptrace.Traces) error {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			target, open := ptrace.ScopeSpans{}, false
			for _, span := range ss.Spans().All() {
				size := m.sizer.SpanSize(span)
				if m.size > 0 && m.size+size > messageBytes {
					if err := m.flush(); err != nil {
						return err
					}
					open = false
				}
				if !open {
					target, open = m.openScope(rs, ss), true
				}
				span.MoveTo(target.Spans().AppendEmpty())
				m.size += size
				m.spans++
			}
		}
	}
	return nil
}

// openScope begins a group of spans in the pending message.
func (m *messages) openScope(rs ptrace.ResourceSpans, ss ptrace.ScopeSpans) ptrace.ScopeSpans {
	to := m.pending.ResourceSpans().AppendEmpty()
	rs.Resource().CopyTo(to.Resource())
	to.SetSchemaUrl(rs.SchemaUrl())
	scope := to.ScopeSpans().AppendEmpty()
	ss.Scope().CopyTo(scope.Scope())
	scope.SetSchemaUrl(ss.SchemaUrl())
	m.size += m.sizer.ResourceSpansSize(to)
	return scope
}

// flush writes the pending message.
func (m *messages) flush() error {
	if m.size == 0 {
		return nil
	}
	encoded, err := m.encode(m.pending)
	if err != nil {
		return fmt.Errorf("encode spans: %w", err)
	}
	m.pending, m.size = ptrace.NewTraces(), 0
	return m.write(encoded)
}

func (m *messages) write(encoded []byte) error {
	if m.json {
		_, _ = m.w.Write(encoded)
		return m.w.WriteByte('\n')
	}
	if uint64(len(encoded)) > math.MaxUint32 {
		return fmt.Errorf("a message of %d bytes is too long for its length's four bytes", len(encoded))
	}
	var length [4]byte
	binary.BigEndian.PutUint32(length[:], uint32(len(encoded)))
	_, _ = m.w.Write(length[:])
	_, err := m.w.Write(encoded)
	return err
}
