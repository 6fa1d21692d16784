// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"hash/maphash"
	"sync"
	"time"
)

// MessageLease is how long a stored message may still get new spans that refer
// to it, a slow push included. Whoever deletes or replaces files of the table
// messages keeps its messages in the partition until they are older than this,
// and as long as a span of the partition refers to them.
const MessageLease = 2 * time.Hour

const (
	// A writer refers to messages that it stored in this and the previous
	// generation, so for half of the lease at most.
	generationAge = MessageLease / 4
	// generationSize bounds the memory to about 20 MB.
	generationSize = 1 << 17
)

// messageMemory remembers which messages this process made durable, by
// partition, for a while. What is forgotten is written once more; readers take
// one of equal rows. It is safe for concurrent use.
type messageMemory struct {
	seeds [2]maphash.Seed
	// now is replaced by tests. Its monotonic clock counts.
	now func() time.Time

	mu                  sync.RWMutex
	young, old          map[fingerprint]string
	youngSince, oldDies time.Time
}

func newMessageMemory() *messageMemory {
	return &messageMemory{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, now: time.Now}
}

// find returns the hash of a message that is stored.
func (m *messageMemory) find(print fingerprint) (string, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if hash, ok := m.young[print]; ok {
		return hash, true
	}
	hash, ok := m.old[print]
	return hash, ok
}

// age forgets what is too old to be referred to. It is called once a push, before
// its first look.
func (m *messageMemory) age() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turn(m.now(), 0)
}

// remember notes messages that a push made durable.
func (m *messageMemory) remember(list map[fingerprint]string) {
	if len(list) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turn(m.now(), len(list))
	for print, hash := range list {
		m.young[print] = hash
	}
}

// turn starts a new generation when the young one is old or would be too large.
func (m *messageMemory) turn(now time.Time, more int) {
	age := now.Sub(m.youngSince)
	if m.young == nil || age > generationAge || len(m.young)+more > generationSize {
		m.old, m.oldDies = m.young, m.youngSince.Add(2*generationAge)
		m.young, m.youngSince = make(map[fingerprint]string), now
	}
	if !now.Before(m.oldDies) {
		m.old = nil
	}
}
