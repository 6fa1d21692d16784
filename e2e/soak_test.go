// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// memoryLimit bounds the collector's resident memory with the defaults.
const memoryLimit = 400_000_000

// TestSoak sends at full speed for SPANLOOP_SOAK (8 s without it) an arm: every
// acknowledged span is a row, once, memory stays below its limit, and neither
// memory nor open files grow with time.
func TestSoak(t *testing.T) {
	duration := 8 * time.Second
	if text := os.Getenv("SPANLOOP_SOAK"); text != "" {
		var err error
		duration, err = time.ParseDuration(text)
		require.NoError(t, err, "SPANLOOP_SOAK is a duration such as 5m")
	}
	for _, arm := range []struct {
		name       string
		perRequest int
		spans      func(seed uint64) ptrace.Traces
		settings   []string
	}{
		{"chat spans", 200, func(seed uint64) ptrace.Traces { return chatSpans(200, seed) }, nil},
		{"10,000 prompt versions", 200, func(seed uint64) ptrace.Traces { return manyVersions(200, seed) }, nil},
		{"spans of 5 MB", 1, largeSpan(5_000_000), nil},
		{"chat spans, compaction all the time", 200, func(seed uint64) ptrace.Traces { return chatSpans(200, seed) }, alwaysCompacting},
		{"10,000 prompt versions, compaction all the time", 200, func(seed uint64) ptrace.Traces { return manyVersions(200, seed) }, alwaysCompacting},
		{"spans of 5 MB, compaction all the time", 1, largeSpan(5_000_000), alwaysCompacting},
	} {
		t.Run(arm.name, func(t *testing.T) {
			soak(t, duration, arm.name, arm.perRequest, arm.spans, arm.settings)
		})
	}
}

// alwaysCompacting makes the collector merge small files as often as it can.
var alwaysCompacting = []string{
	"exporters::genai_parquet::compaction::interval: 500ms",
	"exporters::genai_parquet::compaction::grace: 2s",
}

func soak(t *testing.T, duration time.Duration, name string, perRequest int, spans func(seed uint64) ptrace.Traces, settings []string) {
	c := newCollector(t, defaults)
	c.settings = settings
	c.start(t)
	var sent atomic.Int64
	end := time.Now().Add(duration)
	var clients sync.WaitGroup
	failures := make(chan error, 2)
	for client := range uint64(2) {
		clients.Go(func() {
			for n := uint64(0); time.Now().Before(end); n++ {
				if err := c.sendTraces(spans(1 + client + 2*n)); err != nil {
					failures <- err
					return
				}
				sent.Add(int64(perRequest))
			}
		})
	}
	usage := watch(c.proc.PID(), end)
	clients.Wait()
	close(failures)
	require.NoError(t, <-failures)
	peak := c.proc.PeakMemory()
	c.stop(t)

	want := sent.Load()
	if settings == nil {
		// Replaced files stay for a while, and their rows with them.
		assert.Equal(t, want, c.count(t, "SELECT count(*) AS n FROM spans_files"), "rows out")
	}
	assert.Equal(t, want, c.count(t, "SELECT count(*) AS n FROM spans"), "distinct rows out")
	_, stderr, code := c.spanloop(t, "dataset", "verify")
	assert.Zero(t, code, stderr)
	fmt.Printf("e2e: soak: %s, %s: %d spans in and out, %.0f/s; %s, at most %d MB\n",
		name, duration, want, float64(want)/duration.Seconds(), usage.summary(), peak/1_000_000)
	assert.LessOrEqual(t, peak, int64(memoryLimit), "peak memory")
	usage.assertFlat(t)
}

// manyVersions returns chat spans of 10,000 prompt versions in turn, each with a
// text of its own.
func manyVersions(n int, seed uint64) ptrace.Traces {
	td := chatSpans(n, seed)
	for i, span := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		version := (seed*uint64(n) + uint64(i)) % 10_000
		span.Attributes().PutStr("gen_ai.prompt.version", strconv.FormatUint(version, 10))
		span.Attributes().PutStr("gen_ai.system_instructions", fmt.Sprintf(
			`[{"type":"text","content":"You report the weather, by instructions number %d. %s"}]`, version, strings.Repeat("Be brief. ", 50)))
	}
	return td
}

// largeSpan returns spans whose input is a text of so many bytes.
func largeSpan(size int) func(seed uint64) ptrace.Traces {
	random := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	for text.Len() < size {
		fmt.Fprintf(&text, "%x ", random.Uint32()>>8)
	}
	return func(seed uint64) ptrace.Traces {
		td := chatSpans(1, seed)
		td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().PutStr("gen_ai.input.messages", fmt.Sprintf(
			`[{"role":"user","parts":[{"type":"text","content":"%d %s"}]}]`, seed, text.String()))
		return td
	}
}

// sample is what a process holds at one moment.
type sample struct {
	files    int
	resident int64
}

type samples []sample

// watch samples a process until the end; none where there is no /proc.
func watch(pid int, end time.Time) (list samples) {
	for time.Now().Before(end) {
		time.Sleep(250 * time.Millisecond)
		files, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "fd"))
		status, statusErr := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "statm"))
		if err != nil || statusErr != nil {
			continue
		}
		fields := strings.Fields(string(status))
		if len(fields) < 2 {
			continue
		}
		pages, err := strconv.ParseInt(fields[1], 10, 64)
		if err == nil {
			list = append(list, sample{files: len(files), resident: pages * int64(os.Getpagesize())})
		}
	}
	return list
}

// half returns the medians of the first or the last half, warm-up left out.
func (s samples) half(last bool) sample {
	warm := s[len(s)/4:]
	part := warm[:len(warm)/2]
	if last {
		part = warm[len(warm)/2:]
	}
	files := slices.SortedFunc(slices.Values(part), func(a, b sample) int { return a.files - b.files })
	memory := slices.SortedFunc(slices.Values(part), func(a, b sample) int { return int((a.resident - b.resident) >> 10) })
	return sample{files: files[len(files)/2].files, resident: memory[len(memory)/2].resident}
}

func (s samples) summary() string {
	if len(s) < 8 {
		return "no samples of the process"
	}
	early, late := s.half(false), s.half(true)
	return fmt.Sprintf("open files %d then %d, memory %d then %d MiB", early.files, late.files, early.resident>>20, late.resident>>20)
}

func (s samples) assertFlat(t *testing.T) {
	t.Helper()
	if len(s) < 8 {
		return
	}
	early, late := s.half(false), s.half(true)
	assert.LessOrEqual(t, late.files, early.files+8, "open files grow")
	assert.LessOrEqual(t, late.resident, early.resident*3/2+(64<<20), "memory grows")
}
