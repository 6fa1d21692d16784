// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"encoding/binary"
	"math"
	"math/rand/v2"

	"github.com/cespare/xxhash/v2"
)

// Seed hashes data into the seed of a report, so that equal data give equal
// random numbers.
type Seed struct{ digest *xxhash.Digest }

// NewSeed starts a seed.
func NewSeed() *Seed { return &Seed{xxhash.New()} }

// Text adds a string and its end.
func (s *Seed) Text(text string) {
	_, _ = s.digest.WriteString(text)
	_, _ = s.digest.Write([]byte{0})
}

// Number adds the bits of a number.
func (s *Seed) Number(x float64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], math.Float64bits(x))
	_, _ = s.digest.Write(b[:])
}

// Value is the seed of what was added so far.
func (s *Seed) Value() uint64 { return s.digest.Sum64() }

// Random returns a generator; the stream tells users of one seed apart.
func Random(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }

// HashText is the 64-bit hash of a text that buckets and features use.
func HashText(text string) uint64 { return xxhash.Sum64String(text) }
