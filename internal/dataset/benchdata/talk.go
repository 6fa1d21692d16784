// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package benchdata

import "fmt"

// talk is a conversation: each call of it repeats the messages before, under the
// same prompt version.
type talk struct {
	id      string
	version *version
	history string
	// turns are the calls that are still to come.
	turns int
}

// talksAtOnce is how many conversations go on at the same time, and maxTurns the
// most calls of one.
const (
	talksAtOnce = 400
	maxTurns    = 6
)

// NewConversations returns a generator like New of conversations of one to six
// calls, 400 of them at a time.
func NewConversations(seed uint64, versions int) *Generator {
	g := New(seed, versions)
	g.talks = make([]talk, talksAtOnce)
	return g
}

// begin starts a conversation, of one call when calls stand alone.
func (t *talk) begin(g *Generator, v *version) {
	*t = talk{id: fmt.Sprintf("conv-%08x", g.random.Uint32()), version: v, turns: 1}
	if len(g.talks) > 0 {
		t.turns += g.random.IntN(maxTurns)
	}
}
