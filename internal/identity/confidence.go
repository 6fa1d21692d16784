// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import "github.com/spanloop/spanloop/internal/registry"

// Confidence in the prompt that a rung found.
const (
	// ConfidenceCertain: the span states it, and the registry, where there is one,
	// knows it.
	ConfidenceCertain = "certain"
	// ConfidenceHigh: the text is a rendering of this version and of no other, or the
	// span states what the registry does not know.
	ConfidenceHigh = "high"
	// ConfidenceLow: there is little to go by.
	ConfidenceLow = "low"
)

// ampleLetters are the letters and digits of fixed text, some six words, from which
// on a text from elsewhere is not expected to fit a template.
const ampleLetters = 32

// confidence is how sure the rung makes the prompt that it found; empty on the rungs
// that found none. matched is the version whose template fits, nil on other rungs.
func confidence(id *Identity, matched *registry.Version) string {
	switch id.Resolution {
	case RungExplicit:
		if id.UnresolvedReason != "" {
			return ConfidenceHigh
		}
		return ConfidenceCertain
	case RungLabel, RungHash:
		return ConfidenceCertain
	case RungTemplate:
		if matched.FixedLetters() < ampleLetters && matched.HasVariables() {
			return ConfidenceLow
		}
		return ConfidenceHigh
	case RungFingerprint, RungAmbiguous:
		return ConfidenceLow
	}
	return ""
}
