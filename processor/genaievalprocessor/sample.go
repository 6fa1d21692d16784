// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaievalprocessor

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// randomness is a number that is uniform over traces, alike in all collectors
// and independent of what samplers before this one looked at: the first eight
// bytes of a SHA-256 over the trace id. A span without a trace id goes by its
// own id.
func randomness(traceID pcommon.TraceID, spanID pcommon.SpanID) uint64 {
	const domain = "spanloop.sampling\x00"
	key := make([]byte, 0, len(domain)+len(traceID))
	key = append(key, domain...)
	if traceID.IsEmpty() {
		key = append(key, spanID[:]...)
	} else {
		key = append(key, traceID[:]...)
	}
	sum := sha256.Sum256(key)
	return binary.BigEndian.Uint64(sum[:8])
}

// sampler decides by trace: a trace that is chosen at one rate is chosen at
// every higher one.
type sampler struct {
	rate  float64
	floor int

	mu sync.Mutex
	// counts are calls by version and minute; kept are the traces that the
	// floor has chosen.
	counts recent[versionMinute, int]
	kept   recent[pcommon.TraceID, struct{}]
}

// versionMinute is a prompt version in one minute of span time.
type versionMinute struct {
	prompt, version string
	minute          int64
}

// What the floor remembers is bounded; each of these is one generation of two.
const (
	maxCounted = 10_000
	maxKept    = 50_000
)

func newSampler(c SampleConfig) *sampler {
	return &sampler{
		rate: c.Rate, floor: c.Floor,
		counts: recent[versionMinute, int]{limit: maxCounted},
		kept:   recent[pcommon.TraceID, struct{}]{limit: maxKept},
	}
}

// sample decides about a call and returns the probability with which a call in
// this position of the stream is chosen: 1 for the first floor traces of a
// version in a minute and all that follows of these traces, else the rate.
// Whether the floor applies depends on calls before this one only, so that the
// probability is exact.
func (s *sampler) sample(c *candidate) (bool, float64) {
	traceID := c.span.TraceID()
	if s.floor > 0 && s.rate < 1 && s.below(c, traceID) {
		return true, 1
	}
	return s.rate >= 1 || float64(randomness(traceID, c.span.SpanID())) < s.rate*math.Pow(2, 64), s.rate
}

// below counts a trace and tells whether the floor has chosen it, now or before.
func (s *sampler) below(c *candidate, traceID pcommon.TraceID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.kept.get(traceID); ok && !traceID.IsEmpty() {
		return true
	}
	key := versionMinute{c.prompt, c.version, spanTime(c).Unix() / 60}
	n, _ := s.counts.get(key)
	if n >= s.floor {
		return false
	}
	// The names alias the span's memory.
	key.prompt, key.version = strings.Clone(key.prompt), strings.Clone(key.version)
	s.counts.put(key, n+1)
	s.kept.put(traceID, struct{}{})
	return true
}

// spanTime is when a call ended; one without times counts as of now.
func spanTime(c *candidate) time.Time {
	switch {
	case c.span.EndTimestamp() != 0:
		return c.span.EndTimestamp().AsTime()
	case c.span.StartTimestamp() != 0:
		return c.span.StartTimestamp().AsTime()
	}
	return c.at.AsTime()
}

// recent is a map that forgets what was not used lately: when the young
// generation is full it becomes the old one.
type recent[K comparable, V any] struct {
	limit      int
	young, old map[K]V
}

func (r *recent[K, V]) get(key K) (V, bool) {
	value, ok := r.young[key]
	if !ok {
		if value, ok = r.old[key]; ok {
			r.put(key, value)
		}
	}
	return value, ok
}

func (r *recent[K, V]) put(key K, value V) {
	if _, known := r.young[key]; !known && (r.young == nil || len(r.young) >= r.limit) {
		r.old, r.young = r.young, make(map[K]V)
	}
	r.young[key] = value
}
