// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"container/list"
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

const (
	// DefaultMaxTraces is how many traces are remembered.
	DefaultMaxTraces = 50_000
	maxTraceBytes    = 64 << 20
	traceOverhead    = 256
	// maxToolsets is how many changes of the toolset one trace remembers.
	maxToolsets = 8
	traceShards = 16
)

// traces remembers which tools each recent trace offered, so that a span which
// executes a tool can say which version of it was live. The least recently seen
// trace goes first.
type traces struct{ shards []traceShard }

type traceShard struct {
	mu        sync.Mutex
	byID      map[pcommon.TraceID]*list.Element
	recent    *list.List
	bytes     int
	maxBytes  int
	maxTraces int
}

type traceTools struct {
	id pcommon.TraceID
	// offers are in order of time, neighbours differ.
	offers []offer
	bytes  int
}

type offer struct {
	start time.Time
	tools *toolset
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

func (t *traces) shard(id pcommon.TraceID) *traceShard {
	return &t.shards[binary.LittleEndian.Uint64(id[8:])%uint64(len(t.shards))]
}

// offered notes the tools of a call.
func (t *traces) offered(id pcommon.TraceID, start time.Time, tools *toolset) {
	if id.IsEmpty() || len(tools.byName) == 0 {
		return
	}
	s := t.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	element, known := s.byID[id]
	if !known {
		element = s.recent.PushFront(&traceTools{id: id, bytes: traceOverhead})
		s.byID[id] = element
		s.bytes += traceOverhead
	} else {
		s.recent.MoveToFront(element)
	}
	trace := element.Value.(*traceTools)
	before := trace.bytes
	trace.add(start, tools)
	s.bytes += trace.bytes - before
	for s.recent.Len() > s.maxTraces || (s.bytes > s.maxBytes && s.recent.Len() > 1) {
		oldest := s.recent.Remove(s.recent.Back()).(*traceTools)
		delete(s.byID, oldest.id)
		s.bytes -= oldest.bytes
	}
}

func (t *traceTools) add(start time.Time, tools *toolset) {
	at, _ := slices.BinarySearchFunc(t.offers, start, func(o offer, when time.Time) int { return o.start.Compare(when) })
	if at > 0 && t.offers[at-1].tools == tools {
		return
	}
	if at < len(t.offers) && t.offers[at].tools == tools {
		t.offers[at].start = start
		return
	}
	t.offers = slices.Insert(t.offers, at, offer{start, tools})
	t.bytes += tools.bytes
	if len(t.offers) > maxToolsets {
		t.bytes -= t.offers[0].tools.bytes
		t.offers = slices.Delete(t.offers, 0, 1)
	}
}

// version returns the version of a tool that ran in a trace: the only one the
// trace knows, else the one that was offered last before the tool started.
func (t *traces) version(id pcommon.TraceID, start time.Time, name string) string {
	if id.IsEmpty() || name == "" {
		return ""
	}
	s := t.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	element, known := s.byID[id]
	if !known {
		return ""
	}
	s.recent.MoveToFront(element)
	only, live, several := "", "", false
	for _, o := range element.Value.(*traceTools).offers {
		version := o.tools.byName[name]
		if version == "" {
			continue
		}
		several = several || (only != "" && only != version)
		only = version
		if !o.start.After(start) {
			live = version
		}
	}
	if several {
		return live
	}
	return only
}
