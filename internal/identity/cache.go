// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"hash/maphash"
	"strings"
	"sync"
	"unsafe"
)

// cache keeps what was computed from texts that come again and again (tool
// definitions, system prompts, parameters), by the text itself, in bounded
// memory. It keeps two generations: when the young one is full it becomes the
// old one, and what is still asked for moves back.
type cache[V any] struct {
	shards [cacheShards]cacheShard[V]
}

const (
	cacheShards = 8
	// maxCachedText bounds one key; larger texts are computed each time.
	maxCachedText = 256 << 10
	entryOverhead = 128
)

// cacheShard finds entries by the hash of their text, which is worked out once,
// and compares the text: of two texts with one hash the later one is kept.
type cacheShard[V any] struct {
	mu         sync.Mutex
	young, old map[uint64]cacheEntry[V]
	bytes      int
	limit      int
}

type cacheEntry[V any] struct {
	key   string
	value V
}

// newCache returns a cache that holds about so many bytes of keys.
func newCache[V any](limit int) *cache[V] {
	c := &cache[V]{}
	for i := range c.shards {
		c.shards[i].limit = limit / cacheShards / 2
		c.shards[i].young = map[uint64]cacheEntry[V]{}
	}
	return c
}

// cacheSeed is not known to those who send texts: they cannot choose texts that
// drive one another out.
var cacheSeed = maphash.MakeSeed()

// get returns the value for a key, or makes it. Two callers may make it at once.
func (c *cache[V]) get(key string, build func() V) V {
	if len(key) > maxCachedText {
		return build()
	}
	return c.getHashed(maphash.String(cacheSeed, key), key, func() (string, V) { return strings.Clone(key), build() })
}

// getPieces is get for a key of several pieces, which are joined only when their
// value must be made. hash is that of the pieces.
func (c *cache[V]) getPieces(hash uint64, pieces []string, build func() (string, V)) V {
	s := &c.shards[hash%cacheShards]
	if value, ok := s.find(hash, pieces...); ok {
		return value
	}
	return c.build(s, hash, build)
}

// getBytes is get for a key that is made for the question only.
func (c *cache[V]) getBytes(key []byte, build func() V) V {
	if len(key) > maxCachedText {
		return build()
	}
	hash := maphash.Bytes(cacheSeed, key)
	s := &c.shards[hash%cacheShards]
	if value, ok := s.find(hash, unsafe.String(unsafe.SliceData(key), len(key))); ok {
		return value
	}
	owned := string(key)
	return c.getHashed(hash, owned, func() (string, V) { return owned, build() })
}

// getHashed is get for a key whose hash is known; build also returns the key that
// is kept.
func (c *cache[V]) getHashed(hash uint64, key string, build func() (string, V)) V {
	s := &c.shards[hash%cacheShards]
	if value, ok := s.find(hash, key); ok {
		return value
	}
	return c.build(s, hash, build)
}

// build makes a value and keeps it.
func (c *cache[V]) build(s *cacheShard[V], hash uint64, build func() (string, V)) V {
	kept, value := build()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(hash, cacheEntry[V]{kept, value})
	return value
}

// find returns the value for the key that the pieces make together.
func (s *cacheShard[V]) find(hash uint64, pieces ...string) (value V, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if entry, ok := s.young[hash]; ok && joins(entry.key, pieces) {
		return entry.value, true
	}
	if entry, ok := s.old[hash]; ok && joins(entry.key, pieces) {
		s.add(hash, entry)
		return entry.value, true
	}
	return value, false
}

// joins tells whether the pieces make the text.
func joins(text string, pieces []string) bool {
	for _, piece := range pieces {
		if !strings.HasPrefix(text, piece) {
			return false
		}
		text = text[len(piece):]
	}
	return text == ""
}

func (s *cacheShard[V]) add(hash uint64, entry cacheEntry[V]) {
	if before, ok := s.young[hash]; ok {
		s.bytes -= len(before.key) + entryOverhead
	}
	s.bytes += len(entry.key) + entryOverhead
	s.young[hash] = entry
	if s.bytes > s.limit {
		// The room of the generation before serves the next one.
		before := s.old
		clear(before)
		if before == nil {
			before = map[uint64]cacheEntry[V]{}
		}
		s.old, s.young, s.bytes = s.young, before, 0
	}
}
