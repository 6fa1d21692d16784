// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/genai"
)

func TestArenaHandsOutZeroRowsThatStay(t *testing.T) {
	var a arena[int]
	for range 3 {
		var rows []*int
		for i := range 2*arenaChunk + 3 {
			row := a.next()
			require.Zero(t, *row)
			if *row = i + 1; i%5 == 0 {
				a.back()
				continue
			}
			rows = append(rows, row)
		}
		for i := 1; i < len(rows); i++ {
			require.Less(t, *rows[i-1], *rows[i])
		}
		a.reset()
	}
}

func TestSameParamsPrintsEachSpansOwn(t *testing.T) {
	var s sameParams
	one, two := []genai.Param{{Name: "seed", Value: []byte("1")}}, []genai.Param{{Name: "seed", Value: []byte("2")}}
	require.Empty(t, s.json(nil))
	require.Equal(t, `{"seed":1}`, s.json(one))
	require.Equal(t, `{"seed":1}`, s.json([]genai.Param{{Name: "seed", Value: []byte("1")}}))
	require.Equal(t, `{"seed":2}`, s.json(two))
	require.Empty(t, s.json(nil))
	require.Equal(t, `{"seed":1}`, s.json(one))
}
