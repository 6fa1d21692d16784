// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import "github.com/spanloop/spanloop/internal/registry"

// callTexts are the first texts of a call.
type callTexts struct {
	system   string
	messages []registry.TextMessage
	// full is true when the call may have further messages, and instructed when the
	// first one may be a preamble.
	full, instructed bool
}

func (t *callTexts) empty() bool { return t.system == "" && len(t.messages) == 0 }

// pieces are the texts as a key of what is matched among some versions; they are
// appended to room.
func (t *callTexts) pieces(among []registry.VersionRef, room []string) []string {
	for _, ref := range among {
		room = append(room, ref.Prompt.Name, "@", ref.Version.Version, "\x00")
	}
	if t.system != "" {
		room = append(room, t.system, "\x00")
	}
	for _, m := range t.messages {
		room = append(room, "\x01", m.Role, "\x00", m.Content, "\x00")
	}
	return room
}

// own makes the texts parts of a key that they are the end of, so that what a match
// keeps of them is kept once.
func (t *callTexts) own(key string) {
	size := 0
	for _, m := range t.messages {
		size += len(m.Role) + len(m.Content) + 3
	}
	rest := key[len(key)-size:]
	if t.system != "" {
		start := len(key) - size - 1 - len(t.system)
		t.system = key[start : start+len(t.system)]
	}
	for i, m := range t.messages {
		start := len(m.Role) + 2
		t.messages[i] = registry.TextMessage{Role: rest[1 : start-1], Content: rest[start : start+len(m.Content)]}
		rest = rest[start+len(m.Content)+1:]
	}
}
