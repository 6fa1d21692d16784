// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package benchdata

// shape is what calls consist of.
type shape struct {
	// user and answer are the medians of new texts, in bytes.
	user, answer float64
	// tools bounds the tools of all versions in bytes; with zero, version i has 5 to
	// 20 of them.
	tools int
	// tool and member are the sizes of a tool's description and of its parameters'.
	tool, member int
	// few leaves spans at 20 attributes: without the processors' identity and flat
	// scores, and what three of the application's say.
	few bool
}

var (
	// stamped is what the processors leave.
	stamped = shape{user: 700, answer: 900, tools: 4600, tool: 180, member: 60}
	// aimed is what the aims for speed and size were set on: 12.6 KB of OTLP, of
	// them 2 KB instructions, 5 to 20 tools of 6.2 KB on average and 2.1 KB new
	// text, in 20 attributes and three scores as events.
	aimed = shape{user: 715, answer: 920, tool: 120, member: 32, few: true}
)

// AimedVersions is the number of prompt versions that the aims were set with.
const AimedVersions = 12

// NewAimed returns a generator of single calls of the shape that the aims were
// set on, NewAimedConversations one of conversations of one to six such calls.
func NewAimed(seed uint64, versions int) *Generator { return newGenerator(seed, versions, aimed) }

// NewAimedConversations is described at NewAimed.
func NewAimedConversations(seed uint64, versions int) *Generator {
	g := NewAimed(seed, versions)
	g.talks = make([]talk, talksAtOnce)
	return g
}

// more tells whether a version has a tool after n of them of size bytes.
func (s shape) more(n, version, size int) bool {
	if s.tools > 0 {
		return size < s.tools
	}
	return n < 5+version*15/(AimedVersions-1)
}
