// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"hash/maphash"
	"strings"
	"sync"
)

const (
	// minRemembered is the size from which on results are remembered: system
	// prompts, tool definitions and messages of a history come again and again.
	minRemembered = 256
	// maxMemory bounds the texts of one of two generations, in bytes.
	maxMemory = 8 << 20
	// entryBytes is about what an entry takes beside its text.
	entryBytes = 96
)

// known is what became of a text.
type known struct {
	text  string
	count int
}

// What is remembered of a text besides its redaction at a depth.
const (
	wholeText = -1 - iota
	toolDefinitions
)

// fingerprint stands for a text within this process. Its seeds are random: users
// control the text.
type fingerprint struct {
	print [2]uint64
	depth int
}

// memory keeps what became of long texts; of those that stay as they are only
// that. It is safe for concurrent use.
type memory struct {
	seeds [2]maphash.Seed

	mu         sync.RWMutex
	young, old map[fingerprint]known
	size       int
}

func newMemory() *memory {
	return &memory{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
}

func (m *memory) printOf(s string) [2]uint64 {
	return [2]uint64{maphash.String(m.seeds[0], s), maphash.String(m.seeds[1], s)}
}

func (m *memory) find(print [2]uint64, depth int) (known, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	key := fingerprint{print, depth}
	if result, ok := m.young[key]; ok {
		return result, true
	}
	result, ok := m.old[key]
	return result, ok
}

func (m *memory) remember(print [2]uint64, depth int, result known) {
	if len(result.text) > maxMemory/4 {
		return
	}
	// The text may be part of a whole batch.
	result.text = strings.Clone(result.text)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.size += len(result.text) + entryBytes; m.young == nil || m.size > maxMemory {
		m.young, m.old = map[fingerprint]known{}, m.young
		m.size = len(result.text) + entryBytes
	}
	m.young[fingerprint{print, depth}] = result
}
