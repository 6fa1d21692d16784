// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package scripted

import (
	"math/rand/v2"
	"sync"
)

// maxRemembered bounds the memory of requests seen before.
const maxRemembered = 200_000

// noise gives each request its own random source, from the provider's seed, the
// request's content and how often that request was seen: a repeated request
// varies, a repeated run does not.
type noise struct {
	seed uint64
	mu   sync.Mutex
	seen map[uint64]uint64
}

func newNoise(seed uint64) *noise { return &noise{seed: seed, seen: map[uint64]uint64{}} }

// source returns the random source of the next answer to r. At temperature 0 and
// with a seed in the request the answer does not depend on the counter.
func (n *noise) source(r *request) *rand.Rand {
	hash := r.hash()
	var count uint64
	switch {
	case r.Seed != nil:
		count = 1<<63 | uint64(*r.Seed)
	case r.Temperature != nil && *r.Temperature == 0:
	default:
		count = n.next(hash)
	}
	return rand.New(rand.NewPCG(n.seed^mix(hash), mix(count+1)))
}

func (n *noise) next(hash uint64) uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.seen) >= maxRemembered {
		clear(n.seen)
	}
	count := n.seen[hash]
	n.seen[hash] = count + 1
	return count
}

// mix spreads close numbers over all bits (the finalizer of SplitMix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// token makes an identifier of n characters.
func token(rng *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[rng.IntN(len(alphabet))]
	}
	return string(b)
}

func pick[T any](rng *rand.Rand, options []T) T { return options[rng.IntN(len(options))] }

func chance(rng *rand.Rand, p float64) bool { return rng.Float64() < p }
