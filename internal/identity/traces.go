// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"container/list"
	"encoding/binary"
	"sync"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

const (
	// DefaultMaxTraces is how many traces are remembered.
	DefaultMaxTraces = 50_000
	maxTraceBytes    = 64 << 20
	traceOverhead    = 256
	traceShards      = 16
)

// traces remembers of each recent trace which tools it offered and which spans
// describe its model calls, in bounded memory. The least recently seen trace
// goes first.
type traces struct{ shards []traceShard }

type traceShard struct {
	mu        sync.Mutex
	byID      map[pcommon.TraceID]*list.Element
	recent    *list.List
	bytes     int
	maxBytes  int
	maxTraces int
}

// trace is what is remembered of one trace.
type trace struct {
	id pcommon.TraceID
	// offers are in order of time, neighbours differ.
	offers []offer
	spans  []callSpan
	bytes  int
}

func newTraces(maxTraces int) *traces {
	if maxTraces <= 0 {
		maxTraces = DefaultMaxTraces
	}
	n := 1
	if maxTraces >= 1024 {
		n = traceShards
	}
	t := &traces{shards: make([]traceShard, n)}
	for i := range t.shards {
		t.shards[i] = traceShard{
			byID: map[pcommon.TraceID]*list.Element{}, recent: list.New(),
			maxBytes: maxTraceBytes / n, maxTraces: max(1, maxTraces/n),
		}
	}
	return t
}

// shard spreads ids that differ in few bits as well as random ones.
func (t *traces) shard(id pcommon.TraceID) *traceShard {
	mixed := (binary.LittleEndian.Uint64(id[:8])*31 + binary.BigEndian.Uint64(id[8:])) * 0x9e3779b97f4a7c15
	return &t.shards[(mixed>>32)%uint64(len(t.shards))]
}

// update calls use with a trace, which is made if need be, and then forgets the
// oldest traces of what is too much.
func (t *traces) update(id pcommon.TraceID, use func(*trace)) {
	s := t.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	element, known := s.byID[id]
	if known {
		s.recent.MoveToFront(element)
	} else {
		element = s.recent.PushFront(&trace{id: id, bytes: traceOverhead})
		s.byID[id] = element
		s.bytes += traceOverhead
	}
	remembered := element.Value.(*trace)
	before := remembered.bytes
	use(remembered)
	s.bytes += remembered.bytes - before
	for s.recent.Len() > s.maxTraces || (s.bytes > s.maxBytes && s.recent.Len() > 1) {
		oldest := s.recent.Remove(s.recent.Back()).(*trace)
		delete(s.byID, oldest.id)
		s.bytes -= oldest.bytes
	}
}

// look calls use with a trace if it is remembered.
func (t *traces) look(id pcommon.TraceID, use func(*trace)) {
	s := t.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if element, known := s.byID[id]; known {
		s.recent.MoveToFront(element)
		use(element.Value.(*trace))
	}
}
