// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"strings"
	"sync"
)

// cache keeps what was worked out for recently used texts, in bounded memory.
// It approximates least-recently-used with two generations: when the young one
// has reached its weight it becomes the old one, and what is used again moves
// back. Reading what is in the young one takes a read lock only.
type cache[T any] struct {
	// limit is the weight of each generation.
	limit int

	mu         sync.RWMutex
	young, old map[string]*cached[T]
	weight     int
}

// cached is worked out once, outside of the cache's lock, by whoever comes
// first.
type cached[T any] struct {
	once   sync.Once
	value  T
	weight int
}

// get returns the value for a text, or makes and keeps it. weight is what the
// value holds in memory, about, in bytes.
func (c *cache[T]) get(text string, weight func(string) int, build func(string) T) T {
	c.mu.RLock()
	entry, ok := c.young[text]
	c.mu.RUnlock()
	if !ok {
		entry = c.insert(text, weight)
	}
	entry.once.Do(func() { entry.value = build(strings.Clone(text)) })
	return entry.value
}

func (c *cache[T]) insert(text string, weight func(string) int) *cached[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	entry, ok := c.young[text]
	if ok {
		return entry
	}
	if entry, ok = c.old[text]; !ok {
		entry = &cached[T]{weight: weight(text)}
	}
	if c.young == nil || c.weight+entry.weight > c.limit {
		c.old, c.young, c.weight = c.young, map[string]*cached[T]{}, 0
	}
	c.young[strings.Clone(text)] = entry
	c.weight += entry.weight
	return entry
}
