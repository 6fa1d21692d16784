// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Windows are found where they stand in the text between its marks, at its ends too.
func TestFindWindows(t *testing.T) {
	g := newRand(4)
	for range 5000 {
		letters := make([]byte, g.IntN(24))
		for i := range letters {
			letters[i] = 'a' + byte(g.IntN(2))
		}
		text := string(letters)
		marked := beginMark + text + endMark
		size := windowSizes[g.IntN(len(windowSizes))]
		if len(marked) < size {
			continue
		}
		from := g.IntN(len(marked) - size + 1)
		window := marked[from : from+size]
		m := &matcher{}
		m.place(anchor{entry: &entry{}, literal: window})
		var want, got []int
		for at := 0; at+size <= len(marked); at++ {
			if marked[at:at+size] == window {
				want = append(want, at)
			}
		}
		m.scans[0].find(text, func(_ anchor, at int) { got = append(got, at) })
		require.Equal(t, want, got, "%q in %q", window, marked)
		literal := marked[from : from+g.IntN(len(marked)-from+1)]
		if g.IntN(2) == 0 {
			literal += "b"
		}
		require.Equal(t, strings.HasPrefix(marked[from:], literal), hasAt(text, from, literal), "%q at %d of %q", literal, from, marked)
	}
}
