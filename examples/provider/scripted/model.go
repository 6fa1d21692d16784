// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package scripted

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Model is what differs between the models that the provider serves.
type Model struct {
	// ID is the snapshot: the name that answers carry.
	ID string
	// Alias is the name without a date, under which applications ask.
	Alias       string
	Fingerprint string
	// ExtraFaults is the probability that arguments go wrong which the rules
	// would have got right.
	ExtraFaults float64
	// Refusals is the probability that a request is declined.
	Refusals float64
	// Filler is the probability of each further sentence that the answer does
	// not need.
	Filler float64
	// PerToken is the time for one output token.
	PerToken time.Duration
}

// The models of the provider. Both names are made up.
var models = []Model{
	{
		ID: "example-large-2026-09-03", Alias: "example-large", Fingerprint: "fp_4c7a90e21b",
		Refusals: 0.008, Filler: 0.15, PerToken: 450 * time.Microsecond,
	},
	{
		ID: "example-small-2026-10-21", Alias: "example-small", Fingerprint: "fp_b18d35f06e",
		ExtraFaults: 0.08, Refusals: 0.06, Filler: 0.85, PerToken: 420 * time.Microsecond,
	},
}

// DefaultModel is the alias that the example application asks for.
const DefaultModel = "example-large"

// Models returns the models that can be asked for.
func Models() []Model { return slices.Clone(models) }

func modelByName(name string) (Model, bool) {
	for _, m := range models {
		if m.ID == name || m.Alias == name {
			return m, true
		}
	}
	return Model{}, false
}

// Bounds of the time that an answer takes at speed 1.
const (
	minLatency = 15 * time.Millisecond
	maxLatency = 80 * time.Millisecond
	// firstToken is the time before the first token.
	firstToken = 12 * time.Millisecond
	// spread is the standard deviation of the logarithm of the time.
	spread = 0.22
)

// latency is how long the answer takes at speed 1: proportional to its tokens,
// with lognormal noise.
func (m Model) latency(outputTokens int, rng *rand.Rand) time.Duration {
	mean := float64(firstToken + time.Duration(outputTokens)*m.PerToken)
	noisy := time.Duration(mean * math.Exp(spread*rng.NormFloat64()))
	return min(max(noisy, minLatency), maxLatency)
}
