// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
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
)

// TestSoak sends at full speed for SPANLOOP_SOAK (30 s without it): every
// acknowledged span is a row, once, and neither memory nor open files grow with
// time.
func TestSoak(t *testing.T) {
	duration := 30 * time.Second
	if text := os.Getenv("SPANLOOP_SOAK"); text != "" {
		var err error
		duration, err = time.ParseDuration(text)
		require.NoError(t, err, "SPANLOOP_SOAK is a duration such as 5m")
	}
	c := newCollector(t, defaults)
	c.start(t)
	const perRequest = 200
	var sent atomic.Int64
	end := time.Now().Add(duration)
	var clients sync.WaitGroup
	failures := make(chan error, 2)
	for client := range uint64(2) {
		clients.Go(func() {
			for n := uint64(0); time.Now().Before(end); n++ {
				if err := c.sendTraces(chatSpans(perRequest, 1+client+2*n)); err != nil {
					failures <- err
					return
				}
				sent.Add(perRequest)
			}
		})
	}
	usage := watch(c.proc.PID(), end)
	clients.Wait()
	close(failures)
	require.NoError(t, <-failures)
	c.stop(t)

	want := sent.Load()
	assert.Equal(t, want, c.count(t, "SELECT count(*) AS n FROM spans_files"), "rows out")
	assert.Equal(t, want, c.count(t, "SELECT count(*) AS n FROM spans"), "distinct rows out")
	_, stderr, code := c.spanloop(t, "dataset", "verify")
	assert.Zero(t, code, stderr)
	fmt.Printf("e2e: soak: %s, %d spans in, %d/s; %s\n", duration, want, want/int64(duration.Seconds()), usage.summary())
	usage.assertFlat(t)
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
