// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCache(t *testing.T) {
	built := 0
	c := newCache[string](1 << 20)
	build := func() string { built++; return fmt.Sprint(built) }
	assert.Equal(t, "1", c.get("a", build))
	assert.Equal(t, "1", c.get("a", build), "built once")
	assert.Equal(t, "2", c.get("", build), "the empty text is a key like others")
	large := strings.Repeat("x", maxCachedText+1)
	assert.NotEqual(t, c.get(large, build), c.get(large, build), "what is too large is not kept")
}

// The cache holds about its limit, and what is asked for again and again stays.
func TestCacheIsBounded(t *testing.T) {
	const limit = 1 << 20
	c := newCache[int](limit)
	hot := 0
	for i := range 100_000 {
		c.get(fmt.Sprintf("key %d", i), func() int { return i })
		c.get("hot", func() int { hot++; return -1 })
	}
	assert.LessOrEqual(t, hot, 1)
	bytes := 0
	for i := range c.shards {
		for _, generation := range []map[string]int{c.shards[i].young, c.shards[i].old} {
			for key := range generation {
				bytes += len(key) + entryOverhead
			}
		}
	}
	assert.LessOrEqual(t, bytes, limit+limit/10)
	assert.GreaterOrEqual(t, bytes, limit/4)
}
