// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

// mark is a byte that stands in every text of an entry, in a fixed place.
type mark struct {
	// message is that of the mark; at is its place there, below zero from the end on.
	message, at int32
	want        byte
}

// maxMarks bounds the marks of one entry: few tell most versions apart.
const maxMarks = 4

// mark chooses the marks: at both ends of a message, where its fixed text is unlike
// all others. Versions of one prompt often share all but a word, and comparing it
// alone saves comparing the rest.
func (e *entry) mark(differs map[string]int) {
	if e.pattern.gaps != nil {
		return
	}
	for i, tokens := range e.pattern.messages {
		last := len(tokens) - 1
		if last < 0 {
			return
		}
		if first := tokens[0]; first.variable < 0 {
			literal := beginMark + first.literal
			if last == 0 {
				literal += endMark
			}
			at := max(0, min(differs[literal]-1, len(first.literal)-1))
			e.addMark(mark{int32(i), int32(at), first.literal[at]})
		}
		if tail := tokens[last]; last > 0 && tail.variable < 0 {
			at := min(differs[tail.literal+endMark], len(tail.literal)-1)
			e.addMark(mark{int32(i), int32(at - len(tail.literal)), tail.literal[at]})
		}
	}
}

func (e *entry) addMark(k mark) {
	if e.markCount < maxMarks {
		e.marks[e.markCount] = k
		e.markCount++
	}
}

// marked is false when the texts lack a mark, so that they do not fit the entry.
func (e *entry) marked(texts []string) bool {
	for _, k := range e.marks[:e.markCount] {
		if int(k.message) >= len(texts) {
			return false
		}
		text, at := texts[k.message], int(k.at)
		if at < 0 {
			at += len(text)
		}
		if at < 0 || at >= len(text) || text[at] != k.want {
			return false
		}
	}
	return true
}
