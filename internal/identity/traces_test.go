// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/registry"
)

func numbered(n int) (id pcommon.TraceID) {
	binary.BigEndian.PutUint64(id[8:], uint64(n)+1)
	return id
}

// described is a definition whose description says which version it is.
func described(name, description string) string {
	return fmt.Sprintf(`{"type":"function","name":%q,"description":%q}`, name, description)
}

func versionIn(t *testing.T, definition string) string {
	t.Helper()
	return strings.SplitN(setOf(t, "["+definition+"]").versions[0], "@", 2)[1]
}

// A tool span has the version that its trace offered last before it began; why
// it has none is stated.
func TestToolVersionOfExecutions(t *testing.T) {
	first, second := described("f", "one"), described("f", "two")
	tests := map[string]struct {
		offers  []string
		start   time.Time
		name    string
		version string
		reason  string
	}{
		"offered once":                   {offers: []string{first}, start: at(1, 5), name: "f", version: versionIn(t, first)},
		"offered once, later":            {offers: []string{"", "", first}, start: at(1, 1), name: "f", version: versionIn(t, first)},
		"the earlier of two":             {offers: []string{first, second}, start: at(1, 1).Add(time.Hour), name: "f", version: versionIn(t, first)},
		"the later of two":               {offers: []string{first, second}, start: at(1, 5), name: "f", version: versionIn(t, second)},
		"two versions, none of them yet": {offers: []string{first, second}, start: at(1, 1).Add(-time.Hour), name: "f", reason: ToolReasonAmbiguous},
		"another tool":                   {offers: []string{first}, start: at(1, 5), name: "g", reason: ToolReasonNotOffered},
		"no toolset":                     {start: at(1, 5), name: "f", reason: ToolReasonNoToolset},
		"names only":                     {offers: []string{`{"type":"function","name":"f"}`}, start: at(1, 5), name: "f", reason: ToolReasonNamesOnly},
		"two of one name in one set":     {offers: []string{first + "," + second}, start: at(1, 5), name: "f", reason: ToolReasonAmbiguous},
		"without a name":                 {offers: []string{first}, start: at(1, 5), reason: ToolReasonNotOffered},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := resolver(nil)
			for i, offer := range test.offers {
				if offer != "" {
					r.Resolve(traceID(1), at(1, i+1), withTools(chat("x"), "["+offer+"]"))
				}
			}
			got := r.Resolve(traceID(1), test.start, toolRun(test.name))
			assert.Equal(t, test.version, got.ToolVersion)
			assert.Equal(t, test.reason, got.ToolUnresolvedReason)
			assert.Equal(t, ReasonNotACall, got.UnresolvedReason)
		})
	}
}

// Calls may arrive in any order; a trace that changes its tools often keeps the
// latest changes.
func TestOffersOutOfOrder(t *testing.T) {
	r := resolver(nil)
	for _, hour := range []int{5, 1, 3, 2, 4, 11, 7, 9, 6, 8, 10, 12} {
		offer := described("f", fmt.Sprint(hour))
		r.Resolve(traceID(1), at(1, 1).Add(time.Duration(hour)*time.Hour), withTools(chat("x"), "["+offer+"]"))
	}
	for hour := 5; hour <= 12; hour++ {
		start := at(1, 1).Add(time.Duration(hour)*time.Hour + time.Minute)
		assert.Equal(t, versionIn(t, described("f", fmt.Sprint(hour))), r.Resolve(traceID(1), start, toolRun("f")).ToolVersion, "hour %d", hour)
	}
}

// 10,000 traces interleaved over batches: each tool span finds the version of its
// own trace.
func TestInterleavedTraces(t *testing.T) {
	const n = 10_000
	r := resolver(nil)
	offers := make([]string, 7)
	versions := make([]string, 7)
	for i := range offers {
		offers[i] = described("f", fmt.Sprint(i))
		versions[i] = versionIn(t, offers[i])
	}
	for i := range n {
		r.Resolve(numbered(i), at(1, 1), withTools(chat("x"), "["+offers[i%7]+"]"))
	}
	missed := 0
	for i := range n {
		if r.Resolve(numbered(i), at(1, 2), toolRun("f")).ToolVersion != versions[i%7] {
			missed++
		}
	}
	assert.Zero(t, missed)
}

// byUse lists the traces from the one that was used last on. It is the same list
// from both ends, and holds what the map holds.
func (s *traceShard) byUse(t *testing.T) (list []*trace) {
	t.Helper()
	for one := s.newest; one != nil; one = one.older {
		list = append(list, one)
		assert.Same(t, one, s.byID[one.id])
	}
	var back []*trace
	for one := s.oldest; one != nil; one = one.newer {
		back = append(back, one)
	}
	slices.Reverse(back)
	assert.True(t, slices.Equal(back, list), "the list from its other end")
	assert.Len(t, s.byID, len(list))
	return list
}

// The list of traces is a plain list of least recent use, whatever is asked.
func TestTracesAreForgottenInTheOrderOfUse(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	traces := newTraces(8)
	var want []pcommon.TraceID
	for range 5000 {
		id := numbered(random.IntN(24))
		at := slices.Index(want, id)
		if random.IntN(3) == 0 {
			traces.look(id, func(*trace) { assert.GreaterOrEqual(t, at, 0) })
			if at < 0 {
				continue
			}
		} else {
			traces.update(id, func(one *trace) { one.note(callSpan{id: spanID(byte(random.IntN(4)))}) })
		}
		if at >= 0 {
			want = slices.Delete(want, at, at+1)
		}
		want = slices.Insert(want, 0, id)
		want = want[:min(len(want), 8)]
		var got []pcommon.TraceID
		for _, one := range traces.shards[0].byUse(t) {
			got = append(got, one.id)
		}
		assert.Equal(t, want, got)
	}
}

// The memory is bounded by traces and by bytes; what was seen last is kept.
func TestTraceMemoryIsBounded(t *testing.T) {
	r := NewResolver(Options{MaxTraces: 100})
	call := withTools(chat("x"), "["+described("f", "d")+"]")
	for i := range 1000 {
		r.Resolve(numbered(i), at(1, 1), call)
		note(r, numbered(i), spanID(1), pcommon.SpanID{}, call)
	}
	assert.Equal(t, 100, len(r.traces.shards[0].byID))
	assert.Len(t, r.traces.shards[0].byUse(t), 100)
	assert.Empty(t, r.Resolve(numbered(0), at(1, 1), toolRun("f")).ToolVersion)
	assert.NotEmpty(t, r.Resolve(numbered(999), at(1, 1), toolRun("f")).ToolVersion)

	// Asking about a trace keeps it.
	r.Resolve(numbered(900), at(1, 1), toolRun("f"))
	for i := 1000; i < 1099; i++ {
		r.Resolve(numbered(i), at(1, 1), call)
	}
	assert.NotEmpty(t, r.Resolve(numbered(900), at(1, 1), toolRun("f")).ToolVersion)
	assert.Empty(t, r.Resolve(numbered(901), at(1, 1), toolRun("f")).ToolVersion)

	large := NewResolver(Options{MaxTraces: 1023})
	for i := range 1000 {
		large.traces.offered(numbered(i), at(1, 1), &toolset{byName: map[string]toolVersion{"f": {version: "1"}}, bytes: 1 << 20})
	}
	shard := &large.traces.shards[0]
	sum := 0
	kept := shard.byUse(t)
	for _, one := range kept {
		sum += one.bytes
	}
	assert.Equal(t, sum, shard.bytes, "the sum that is kept is right")
	assert.LessOrEqual(t, shard.bytes, maxTraceBytes)
	assert.InDelta(t, maxTraceBytes>>20, len(kept), 2)
}

// A Resolver serves many goroutines while the registry changes under it.
func TestConcurrentUse(t *testing.T) {
	var mu sync.Mutex
	snapshots := []*registry.Snapshot{load(t, registryFiles), load(t, nil), nil}
	turn := 0
	r := NewResolver(Options{MaxTraces: 2000, Registry: func() *registry.Snapshot {
		mu.Lock()
		defer mu.Unlock()
		turn++
		return snapshots[turn/50%len(snapshots)]
	}})
	var workers sync.WaitGroup
	for worker := range 8 {
		workers.Go(func() {
			for i := range 300 {
				id := numbered(i)
				call := withTools(chat(fmt.Sprintf("You help customer%d, politely.", i%5)), "["+described("f", fmt.Sprint(i%9))+"]")
				call.ResponseID = fmt.Sprint(i)
				note(r, id, spanID(byte(worker)), spanID(byte(worker+1)), call)
				got := r.Resolve(id, at(1, 1), call)
				if got.Resolution != RungTemplate && got.Resolution != RungFingerprint {
					t.Errorf("rung %q", got.Resolution)
				}
				r.DuplicateOf(id, spanID(byte(worker)))
				if r.Resolve(id, at(1, 2), toolRun("f")).ToolVersion == "" {
					t.Error("no version")
				}
			}
		})
	}
	workers.Wait()
}

// The identity of a call does not alias its span's memory where it outlives it:
// what the memory keeps stays when the span's text is overwritten.
func TestMemoryOwnsItsTexts(t *testing.T) {
	r := resolver(nil)
	text := []byte("[" + described("f", "d") + "]")
	call := chat("x")
	call.Tools = genai.ToolDefinitionsFromJSON(aliased(text))
	want := r.Resolve(traceID(1), at(1, 1), call).ToolVersions[0]
	want = strings.Clone(want)
	for i := range text {
		text[i] = '!'
	}
	assert.Equal(t, want, "f@"+r.Resolve(traceID(1), at(1, 2), toolRun("f")).ToolVersion)
	require.Equal(t, want, r.Resolve(traceID(2), at(1, 2), withTools(chat("x"), "["+described("f", "d")+"]")).ToolVersions[0])
}
