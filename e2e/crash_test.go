// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/dataset"
)

// TestCrash kills the collector at random instants under load. With persistent
// storage every acknowledged span is in the dataset afterwards, once.
func TestCrash(t *testing.T) {
	crashes := 2
	if n, err := strconv.Atoi(os.Getenv("SPANLOOP_CRASHES")); err == nil {
		crashes = n
	}
	const perRequest = 40
	random := rand.New(rand.NewPCG(7, uint64(crashes)))
	c := newCollector(t, "examples/collector/config-durable.yaml")
	var acknowledged []uint64
	next := uint64(100)
	for n := range crashes {
		// With the default of 5 s most kills would find the queue full and the
		// writer idle: every other time it writes all the time.
		c.settings = nil
		if n%2 == 1 {
			c.settings = []string{"exporters::genai_parquet::sending_queue::batch::flush_timeout: 100ms"}
		}
		c.start(t)
		deadline := time.Duration(200+random.IntN(1500)) * time.Millisecond
		seeds := loadUntilKilled(c, &next, perRequest, deadline)
		acknowledged = append(acknowledged, seeds...)
		c.proc = nil
	}
	want := int64(len(acknowledged) * perRequest)
	require.Positive(t, want, "nothing was acknowledged: the test proves nothing")
	c.settings = nil
	c.start(t)
	c.awaitSpans(t, want)
	c.stop(t)

	d, err := dataset.Open(c.dataset)
	require.NoError(t, err)
	verified, err := d.Verify(t.Context())
	require.NoError(t, err)
	for _, f := range verified.Findings {
		assert.Contains(t, []string{dataset.FindingOrphan, dataset.FindingUnfinished}, f.Kind, "%s: %s", f.Path, f.Detail)
	}
	present := map[string]bool{}
	for _, row := range c.query(t, "SELECT span_id, count(*) AS n FROM spans GROUP BY span_id") {
		present[row["span_id"].(string)] = true
		assert.Equal(t, "1", fmt.Sprint(row["n"]), "span %s is in the dataset more than once", row["span_id"])
	}
	lost := 0
	for _, seed := range acknowledged {
		for i := range uint64(perRequest) {
			if !present[fmt.Sprintf("%016x", seed<<32|i+1)] {
				lost++
			}
		}
	}
	assert.Zero(t, lost, "acknowledged spans lost")
	fmt.Printf("e2e: crash: %d kills, %d spans acknowledged, %d lost, %d in the dataset\n",
		crashes, want, lost, len(present))
}

// awaitSpans waits until the queue on disk has been worked off: so many spans are
// in the dataset, or no more have come for a while.
func (c *collector) awaitSpans(t *testing.T, want int64) {
	t.Helper()
	count, changed := int64(-1), time.Now()
	for count < want && time.Since(changed) < 30*time.Second {
		time.Sleep(500 * time.Millisecond)
		if now := c.count(t, "SELECT count(*) AS n FROM spans"); now != count {
			count, changed = now, time.Now()
		}
	}
}

// loadUntilKilled sends requests from four clients until the collector is
// killed, and returns the seeds of those that it acknowledged.
func loadUntilKilled(c *collector, next *uint64, perRequest int, after time.Duration) []uint64 {
	var mu sync.Mutex
	var acknowledged []uint64
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for {
				mu.Lock()
				seed := *next
				*next++
				mu.Unlock()
				if err := c.sendTraces(chatSpans(perRequest, seed)); err != nil {
					return
				}
				mu.Lock()
				acknowledged = append(acknowledged, seed)
				mu.Unlock()
			}
		})
	}
	time.Sleep(after)
	c.proc.Kill()
	clients.Wait()
	return acknowledged
}
