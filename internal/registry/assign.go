// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
)

// Assign returns the version of a release that a key (a session, a user) gets of
// a prompt: always the same one while the release stands, shared by weight over
// all keys. When weights change, only keys of the versions that lose weight move:
// a canary that grows keeps the keys it has. Prompts are independent.
//
// It is weighted rendezvous hashing: the version with the largest
// weight / -ln(u) wins, with u uniform in (0, 1) from SHA-256 over the prompt's
// name, the key and the version.
func (r Release) Assign(prompt, key string) Target {
	var chosen Target
	best := math.Inf(-1)
	for _, t := range r.Targets {
		if score := t.Weight / -math.Log(uniform(prompt, key, t.Version)); score > best {
			best, chosen = score, t
		}
	}
	return chosen
}

func uniform(texts ...string) float64 {
	h := sha256.New()
	for _, text := range texts {
		_ = binary.Write(h, binary.BigEndian, uint64(len(text)))
		h.Write([]byte(text))
	}
	bits := binary.BigEndian.Uint64(h.Sum(nil)) >> 11
	return (float64(bits) + 0.5) / (1 << 53)
}
