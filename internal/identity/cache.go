// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"hash/maphash"
	"strings"
	"sync"
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

type cacheShard[V any] struct {
	mu         sync.Mutex
	young, old map[string]V
	bytes      int
	limit      int
}

// newCache returns a cache that holds about so many bytes of keys.
func newCache[V any](limit int) *cache[V] {
	c := &cache[V]{}
	for i := range c.shards {
		c.shards[i].limit = limit / cacheShards / 2
		c.shards[i].young = map[string]V{}
	}
	return c
}

var cacheSeed = maphash.MakeSeed()

func (c *cache[V]) shard(key string) *cacheShard[V] {
	return &c.shards[maphash.String(cacheSeed, key)%cacheShards]
}

// get returns the value for a key, or makes it. Two callers may make it at once.
func (c *cache[V]) get(key string, build func() V) V {
	if len(key) > maxCachedText {
		return build()
	}
	s := c.shard(key)
	if value, ok := s.find(key); ok {
		return value
	}
	value := build()
	s.put(strings.Clone(key), value)
	return value
}

func (s *cacheShard[V]) find(key string) (V, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if value, ok := s.young[key]; ok {
		return value, true
	}
	value, ok := s.old[key]
	if ok {
		s.add(strings.Clone(key), value)
	}
	return value, ok
}

func (s *cacheShard[V]) put(key string, value V) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(key, value)
}

func (s *cacheShard[V]) add(key string, value V) {
	if _, ok := s.young[key]; !ok {
		s.bytes += len(key) + entryOverhead
	}
	s.young[key] = value
	if s.bytes > s.limit {
		s.old, s.young, s.bytes = s.young, map[string]V{}, 0
	}
}
