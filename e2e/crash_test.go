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
	for range crashes {
		c.start(t)
		deadline := time.Duration(200+random.IntN(1500)) * time.Millisecond
		seeds := loadUntilKilled(c, &next, perRequest, deadline)
		acknowledged = append(acknowledged, seeds...)
		c.proc = nil
	}
	c.start(t)
	time.Sleep(time.Second)
	c.stop(t)

	want := int64(len(acknowledged) * perRequest)
	require.Positive(t, want, "nothing was acknowledged: the test proves nothing")
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
