// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"cmp"
	"slices"
)

// maxCells bounds the table of an exact alignment; longer stretches are aligned
// by what occurs once in each.
const maxCells = 1 << 18

// pair is a token of one text and its like in another.
type pair struct{ a, b int }

// align pairs equal tokens of two texts in order. It is symmetric in no way that
// matters here, and the same for the same texts.
func align(a, b []uint32, w weights) []pair {
	return slide(w.appendAligned(nil, a, b, 0, 0, 0), a, b)
}

// weights are what pairing a token is worth, by its number: a word is worth more
// than the blanks that stand everywhere.
type weights []uint32

func (w weights) of(id uint32) uint32 {
	if int(id) < len(w) {
		return w[id]
	}
	return 1
}

// slide moves a token that stands alone to its like before the next stretch: the
// blank of "Ann Lee (" that belongs to the bracket.
func slide(list []pair, a, b []uint32) []pair {
	for i := len(list) - 2; i >= 0; i-- {
		p, next := list[i], list[i+1]
		if next.a == p.a+1 && next.b == p.b+1 || i > 0 && list[i-1].a == p.a-1 && list[i-1].b == p.b-1 {
			continue
		}
		if a[next.a-1] == a[p.a] && b[next.b-1] == a[p.a] {
			list[i] = pair{next.a - 1, next.b - 1}
		}
	}
	return list
}

func (w weights) appendAligned(out []pair, a, b []uint32, atA, atB, depth int) []pair {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		out = append(out, pair{atA + n, atB + n})
		n++
	}
	a, b, atA, atB = a[n:], b[n:], atA+n, atB+n
	m := 0
	for m < len(a) && m < len(b) && a[len(a)-1-m] == b[len(b)-1-m] {
		m++
	}
	restA, restB := a[:len(a)-m], b[:len(b)-m]
	switch {
	case len(restA) == 0 || len(restB) == 0:
	case len(restA)*len(restB) <= maxCells:
		out = w.appendLCS(out, restA, restB, atA, atB)
	case depth < 32:
		x, y := 0, 0
		for _, anchor := range anchors(restA, restB) {
			out = w.appendAligned(out, restA[x:anchor.a], restB[y:anchor.b], atA+x, atB+y, depth+1)
			out = append(out, pair{atA + anchor.a, atB + anchor.b})
			x, y = anchor.a+1, anchor.b+1
		}
		if x > 0 {
			out = w.appendAligned(out, restA[x:], restB[y:], atA+x, atB+y, depth+1)
		}
	}
	for i := m; i > 0; i-- {
		out = append(out, pair{atA + len(a) - i, atB + len(b) - i})
	}
	return out
}

// appendLCS appends a common subsequence of the most weight.
func (w weights) appendLCS(out []pair, a, b []uint32, atA, atB int) []pair {
	width := len(b) + 1
	table := make([]uint32, (len(a)+1)*width)
	for i := len(a) - 1; i >= 0; i-- {
		for k := len(b) - 1; k >= 0; k-- {
			table[i*width+k] = max(table[(i+1)*width+k], table[i*width+k+1])
			if a[i] == b[k] {
				table[i*width+k] = max(table[i*width+k], table[(i+1)*width+k+1]+w.of(a[i]))
			}
		}
	}
	for i, k := 0, 0; i < len(a) && k < len(b); {
		switch {
		case a[i] == b[k] && table[i*width+k] == table[(i+1)*width+k+1]+w.of(a[i]):
			out = append(out, pair{atA + i, atB + k})
			i, k = i+1, k+1
		case table[(i+1)*width+k] >= table[i*width+k+1]:
			i++
		default:
			k++
		}
	}
	return out
}

// anchors are tokens that occur once in each text, as many as stand in the same
// order in both: the patience diff's.
func anchors(a, b []uint32) []pair {
	once := func(list []uint32) map[uint32]int {
		at := map[uint32]int{}
		for i, id := range list {
			if _, again := at[id]; again {
				at[id] = -1
			} else {
				at[id] = i
			}
		}
		return at
	}
	inA, inB := once(a), once(b)
	var shared []pair
	for id, i := range inA {
		if k, ok := inB[id]; ok && i >= 0 && k >= 0 {
			shared = append(shared, pair{i, k})
		}
	}
	slices.SortFunc(shared, func(x, y pair) int { return cmp.Compare(x.a, y.a) })
	return increasing(shared)
}

// increasing is a longest subsequence in which b increases too.
func increasing(list []pair) []pair {
	var piles []int
	before := make([]int, len(list))
	for i, p := range list {
		at, _ := slices.BinarySearchFunc(piles, p.b, func(top, b int) int { return cmp.Compare(list[top].b, b) })
		before[i] = -1
		if at > 0 {
			before[i] = piles[at-1]
		}
		if at == len(piles) {
			piles = append(piles, i)
		} else {
			piles[at] = i
		}
	}
	if len(piles) == 0 {
		return nil
	}
	out := make([]pair, 0, len(piles))
	for i := piles[len(piles)-1]; i >= 0; i = before[i] {
		out = append(out, list[i])
	}
	slices.Reverse(out)
	return out
}
