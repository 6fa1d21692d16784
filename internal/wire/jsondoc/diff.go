// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package jsondoc

// Change is one difference between two documents. Before is nil where a value
// was added, After where one was removed.
type Change struct {
	// Pointer leads to the value in the second document, and in the first one
	// where it was removed.
	Pointer       string
	Before, After *Value
}

// Diff lists the differences between two documents in document order; values
// that are the same JSON do not differ. Items that an array gained or lost are
// found by setting aside its equal beginning and end.
func Diff(a, b *Value) []Change { return diff(nil, "", a, b) }

func diff(changes []Change, at string, a, b *Value) []Change {
	switch {
	case Equal(a, b):
		return changes
	case a.Is(Object) && b.Is(Object) && len(a.Duplicates())+len(b.Duplicates()) == 0:
		for _, m := range a.members {
			if b.Member(m.Name) == nil {
				changes = append(changes, Change{Pointer: Join(at, m.Name), Before: m.Value})
			}
		}
		for _, m := range b.members {
			below, before := Join(at, m.Name), a.Member(m.Name)
			if before == nil {
				changes = append(changes, Change{Pointer: below, After: m.Value})
				continue
			}
			changes = diff(changes, below, before, m.Value)
		}
		return changes
	case a.Is(Array) && b.Is(Array):
		return diffItems(changes, at, a.items, b.items)
	}
	return append(changes, Change{Pointer: at, Before: a, After: b})
}

func diffItems(changes []Change, at string, a, b []*Value) []Change {
	head := 0
	for head < len(a) && head < len(b) && Equal(a[head], b[head]) {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && Equal(a[len(a)-1-tail], b[len(b)-1-tail]) {
		tail++
	}
	before, after := a[head:len(a)-tail], b[head:len(b)-tail]
	if len(before) == len(after) {
		for i := range before {
			changes = diff(changes, JoinIndex(at, head+i), before[i], after[i])
		}
		return changes
	}
	for i, item := range before {
		changes = append(changes, Change{Pointer: JoinIndex(at, head+i), Before: item})
	}
	for i, item := range after {
		changes = append(changes, Change{Pointer: JoinIndex(at, head+i), After: item})
	}
	return changes
}
