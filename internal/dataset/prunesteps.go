// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"slices"
)

// pruneRows bounds the spans that a step removes, to about 220 MB of ids; a day
// stays together.
const pruneRows = 4_000_000

// divide makes steps of the conditions, by day, the oldest first.
func (p *pruner) divide() []condition {
	limit := p.options.stepRows
	if limit <= 0 {
		limit = pruneRows
	}
	days := map[int32]int64{}
	for _, f := range p.m.files {
		if timeColumn[f.Table] != "" && p.whole.mayHold(f) {
			days[dayOf(nanos(f.MaxTime))] += f.Rows
		}
	}
	var steps []condition
	next, rows := p.whole, int64(0)
	for _, day := range sortedKeys(days) {
		start := int64(day) * nanosPerDay
		if rows > 0 && rows+days[day] > limit && start > next.from && start < next.until {
			step := next
			step.until, next.from = start, start
			steps = append(steps, step)
			rows = 0
		}
		rows += days[day]
	}
	return append(steps, next)
}

// cut is the time before which spans have to go so that the dataset is small
// enough, the earliest of the ends of files; false when it is small enough, or
// nothing more can go.
func (p *pruner) cut(limit condition) (int64, bool) {
	total := bytesOf(p.m.files)
	for _, f := range p.pending {
		total -= f.Bytes
	}
	if total <= p.options.MaxBytes {
		return 0, false
	}
	var ends []int64
	var may []File
	for _, f := range p.m.files {
		if _, gone := p.pending[f.Path]; gone || p.skipped[f.Path] || timeColumn[f.Table] == "" && f.Table != TableMessages || !limit.mayHold(f) {
			continue
		}
		may = append(may, f)
		if f.Table == TableSpans {
			ends = append(ends, min(nanos(f.MaxTime), limit.until-1)+1)
		}
	}
	if len(ends) == 0 {
		return 0, false
	}
	slices.Sort(ends)
	at, _ := slices.BinarySearchFunc(ends, total-p.options.MaxBytes, func(end, need int64) int {
		freed := int64(0)
		for _, f := range may {
			freed += int64(float64(f.Bytes) * shareBefore(f, limit.from, end))
		}
		return int(min(max(freed-need, -1), 1))
	})
	return ends[min(at, len(ends)-1)], true
}

// shareBefore is about which share of a file's rows is from a time on and before
// another one.
func shareBefore(f File, from, until int64) float64 {
	first, last := nanos(f.MinTime), nanos(f.MaxTime)
	switch {
	case until <= first || from > last:
		return 0
	case until > last && from <= first:
		return 1
	}
	return float64(min(until, last)-max(from, first)) / float64(last-first)
}
