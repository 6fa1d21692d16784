// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
		for _, generation := range []map[uint64]cacheEntry[int]{c.shards[i].young, c.shards[i].old} {
			for _, entry := range generation {
				bytes += len(entry.key) + entryOverhead
			}
		}
	}
	assert.LessOrEqual(t, bytes, limit+limit/10)
	assert.GreaterOrEqual(t, bytes, limit/4)
}

// Cached is what would be built, whatever comes in which order, and also when
// all texts have one hash.
func TestCacheEqualsBuilding(t *testing.T) {
	value := func(key string) string { return "value of " + key }
	for name, hash := range map[string]func(string) uint64{
		"their own hashes": func(key string) uint64 { return maphash.String(cacheSeed, key) },
		"few hashes":       func(key string) uint64 { return uint64(len(key)) },
		"one hash":         func(string) uint64 { return 7 },
	} {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			c := newCache[string](64 << 10)
			for range 20_000 {
				key := fmt.Sprint(random.IntN(1000))
				key = strings.Repeat(key, 1+len(key)%3)
				require.Equal(t, value(key), c.getHashed(hash(key), key, func() (string, string) { return key, value(key) }))
			}
			for i := range c.shards {
				s := &c.shards[i]
				bytes := 0
				for _, entry := range s.young {
					bytes += len(entry.key) + entryOverhead
				}
				assert.Equal(t, bytes, s.bytes, "what is counted is what is held")
				assert.LessOrEqual(t, s.bytes, s.limit)
			}
		})
	}
}

// What is kept outlives the memory of the text that asked for it.
func TestCacheKeepsItsOwnText(t *testing.T) {
	text := []byte("the text of a span")
	c := newCache[int](1 << 20)
	c.get(unsafe.String(&text[0], len(text)), func() int { return 1 })
	copy(text, "an other text, now")
	assert.Equal(t, 1, c.get("the text of a span", func() int { return 2 }))
}

// Several goroutines see the same values.
func TestCacheConcurrently(t *testing.T) {
	c := newCache[string](32 << 10)
	var group sync.WaitGroup
	for g := range uint64(4) {
		group.Go(func() {
			random := rand.New(rand.NewPCG(g, 1))
			for range 5000 {
				key := fmt.Sprint("text ", random.IntN(500))
				assert.Equal(t, key+"!", c.get(key, func() string { return key + "!" }))
			}
		})
	}
	group.Wait()
}
