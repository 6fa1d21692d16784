// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaievalprocessor

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// randomSpace is the number of values of the randomness that OpenTelemetry's
// consistent probability sampling takes from a trace: 56 bits
// (specification, trace/tracestate-probability-sampling).
const randomSpace = 1 << 56

// randomness is the trace's rv from the trace state, else the last seven bytes
// of its id.
func randomness(traceID pcommon.TraceID, state string) uint64 {
	if at := strings.Index(state, "rv:"); at >= 0 && len(state) >= at+17 {
		if rv, err := strconv.ParseUint(state[at+3:at+17], 16, 64); err == nil {
			return rv
		}
	}
	return binary.BigEndian.Uint64(traceID[8:]) & (randomSpace - 1)
}

// sampler decides by trace, so that all rules and collectors with one rate agree.
type sampler struct {
	rate      float64
	threshold uint64
	floor     int

	mu     sync.Mutex
	minute uint64
	counts map[string]int
}

// maxCounted bounds the versions that are counted apart in a minute.
const maxCounted = 10000

func newSampler(c SampleConfig) *sampler {
	return &sampler{
		rate:      c.Rate,
		threshold: uint64(math.Round((1 - c.Rate) * randomSpace)),
		floor:     c.Floor,
		counts:    map[string]int{},
	}
}

// sample decides and returns the probability with which a call in this position
// of the stream is chosen: 1 for the first floor calls of a version in a minute
// of span time, else the rate. Whether the floor applies depends only on calls
// before this one, so the probability is exact.
func (s *sampler) sample(traceID pcommon.TraceID, state, version string, end pcommon.Timestamp) (bool, float64) {
	if s.floor > 0 && s.rate < 1 && s.below(version, uint64(end)/60e9) {
		return true, 1
	}
	if s.rate <= 0 {
		return false, 0
	}
	return randomness(traceID, state) >= s.threshold, s.rate
}

// below counts a call and tells whether its version is still below the floor.
func (s *sampler) below(version string, minute uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if minute > s.minute {
		s.minute = minute
		clear(s.counts)
	}
	if _, known := s.counts[version]; !known && len(s.counts) >= maxCounted {
		version = ""
	}
	s.counts[version]++
	return s.counts[version] <= s.floor
}
