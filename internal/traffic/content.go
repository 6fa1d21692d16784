// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"fmt"
	"math"

	"github.com/spanloop/spanloop/internal/redact"
)

// withoutContent fills in what is known of a call whose texts were not stored:
// their sizes.
func (c *Call) withoutContent(inputChars, outputChars float64) {
	c.VisibleInput = [3]float64{0, inputChars, 0}
	c.InputStyle, c.OutputStyle, c.Refused = noStyle(), noStyle(), math.NaN()
	if outputChars > 0 {
		c.OutputStyle.Chars = outputChars
	}
}

// ContentGate says of how many calls texts are missing, or partly replaced while
// others are whole; false when there is nothing to say.
func ContentGate(calls []Call) (Gate, bool) {
	modes := map[string]int{}
	for i := range calls {
		modes[calls[i].ContentMode]++
	}
	g := Gate{Name: "content", Status: GateWarns}
	if n := modes[redact.ModeHashes]; n > 0 {
		g.Text = fmt.Sprintf("content not stored for %d of %d calls (content: hashes): their numbers, tools and scores are compared, their texts and refusals are not, and whether their inputs are alike cannot be told", n, len(calls))
		return g, true
	}
	if n := modes[redact.ModeRedacted]; n > 0 && n < len(calls) {
		g.Text = fmt.Sprintf("%d of %d calls were stored redacted: where a text holds what was replaced, it differs from the other calls' by that", n, len(calls))
		return g, true
	}
	return g, false
}
