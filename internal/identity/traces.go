// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
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
	mu   sync.Mutex
	byID map[pcommon.TraceID]*trace
	// newest and oldest are the ends of the list in the order of use.
	newest    *trace
	oldest    *trace
	bytes     int
	maxBytes  int
	maxTraces int
}

// trace is what is remembered of one trace. Tens of thousands are kept, and the
// garbage collector looks at all of them: each is one object as long as it has one
// span.
type trace struct {
	id           pcommon.TraceID
	newer, older *trace
	// offers are in order of time, neighbours differ.
	offers []offer
	spans  []callSpan
	bytes  int
	// first is the room of a single span.
	first [1]callSpan
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
			byID: map[pcommon.TraceID]*trace{}, maxBytes: maxTraceBytes / n, maxTraces: max(1, maxTraces/n),
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
	remembered, known := s.byID[id]
	if known {
		s.unlink(remembered)
	} else {
		remembered = &trace{id: id, bytes: traceOverhead}
		remembered.spans = remembered.first[:0]
		s.byID[id] = remembered
		s.bytes += traceOverhead
	}
	s.pushFront(remembered)
	before := remembered.bytes
	use(remembered)
	s.bytes += remembered.bytes - before
	for len(s.byID) > s.maxTraces || (s.bytes > s.maxBytes && len(s.byID) > 1) {
		oldest := s.oldest
		s.unlink(oldest)
		delete(s.byID, oldest.id)
		s.bytes -= oldest.bytes
	}
}

func (s *traceShard) pushFront(t *trace) {
	t.older = s.newest
	if s.newest != nil {
		s.newest.newer = t
	} else {
		s.oldest = t
	}
	s.newest = t
}

func (s *traceShard) unlink(t *trace) {
	if t.newer != nil {
		t.newer.older = t.older
	} else {
		s.newest = t.older
	}
	if t.older != nil {
		t.older.newer = t.newer
	} else {
		s.oldest = t.newer
	}
	t.newer, t.older = nil, nil
}

// look calls use with a trace if it is remembered.
func (t *traces) look(id pcommon.TraceID, use func(*trace)) {
	s := t.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if remembered, known := s.byID[id]; known {
		s.unlink(remembered)
		s.pushFront(remembered)
		use(remembered)
	}
}
