// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaidatasetreceiver

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// sentSpans remembers the spans that were sent, 8 bytes each: a compaction moves
// rows to other files, where the position in a file says nothing. Mostly that is
// only written: to the storage, or to memory without one.
type sentSpans struct {
	client storage.Client
	stored bool
	lots   [][]byte
	// unsaved are lots that the storage did not take yet.
	unsaved []*storage.Operation
	// known are all of them, read when files were replaced that were not sent.
	known map[uint64]struct{}
}

// keySent begins the keys of lots of spans that were sent.
const keySent = "sent/"

// spanKey names a span. It cannot be made to be another one's.
func spanKey(span ptrace.Span) uint64 {
	trace, id := span.TraceID(), span.SpanID()
	sum := sha256.Sum256(append(trace[:], id[:]...))
	return binary.BigEndian.Uint64(sum[:])
}

const spanKeyBytes = 8

func appendSpanKey(lot []byte, span ptrace.Span) []byte {
	return binary.BigEndian.AppendUint64(lot, spanKey(span))
}

// lotOf packs the spans of a batch.
func lotOf(td ptrace.Traces) []byte {
	lot := make([]byte, 0, spanKeyBytes*td.SpanCount())
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				lot = appendSpanKey(lot, span)
			}
		}
	}
	return lot
}

// add remembers the lot with a number. It is to be saved together with the
// checkpoint that counts it.
func (s *sentSpans) add(number int64, lot []byte) {
	if s.known != nil {
		s.learn(lot)
	}
	if !s.stored {
		s.lots = append(s.lots, lot)
		return
	}
	s.unsaved = append(s.unsaved, storage.SetOperation(fmt.Sprint(keySent, number), lot))
}

func (s *sentSpans) learn(lot []byte) {
	for ; len(lot) >= spanKeyBytes; lot = lot[spanKeyBytes:] {
		s.known[binary.BigEndian.Uint64(lot)] = struct{}{}
	}
}

// load reads the first lots that were stored.
func (s *sentSpans) load(ctx context.Context, lots int64) error {
	if s.known != nil {
		return nil
	}
	s.known = map[uint64]struct{}{}
	for _, lot := range s.lots {
		s.learn(lot)
	}
	if !s.stored {
		return nil
	}
	for i := range lots {
		lot, err := s.client.Get(ctx, fmt.Sprint(keySent, i))
		if err != nil {
			s.known = nil
			return fmt.Errorf("storage: %w", err)
		}
		s.learn(lot)
	}
	return nil
}

// drop takes spans that were sent out of a batch.
func (s *sentSpans) drop(td ptrace.Traces) {
	if len(s.known) == 0 {
		return
	}
	td.ResourceSpans().RemoveIf(func(rs ptrace.ResourceSpans) bool {
		rs.ScopeSpans().RemoveIf(func(ss ptrace.ScopeSpans) bool {
			ss.Spans().RemoveIf(func(span ptrace.Span) bool {
				_, sent := s.known[spanKey(span)]
				return sent
			})
			return ss.Spans().Len() == 0
		})
		return rs.ScopeSpans().Len() == 0
	})
}

// forgetAtOnce is how many lots are deleted in one step.
const forgetAtOnce = 1000

// forget deletes the first lots from a storage.
func forget(ctx context.Context, client storage.Client, lots int64) error {
	for first := int64(0); first < lots; first += forgetAtOnce {
		var deletions []*storage.Operation
		for i := first; i < min(first+forgetAtOnce, lots); i++ {
			deletions = append(deletions, storage.DeleteOperation(fmt.Sprint(keySent, i)))
		}
		if err := client.Batch(ctx, deletions...); err != nil {
			return fmt.Errorf("storage: %w", err)
		}
	}
	return nil
}
