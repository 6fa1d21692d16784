// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A span that a retry stored under another version stays with the scores and the
// content that belong to its ids.
func TestPruneKeepsScoresOfSpansThatStay(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	before := agedCall{id: 1, prompt: "a", version: "v1", at: noon}
	after := before
	after.version = "v2"
	other := agedCall{id: 2, prompt: "a", version: "v1", at: noon.Add(time.Hour)}
	pushCalls(t, w, []agedCall{before, other}, []agedCall{after})
	writeLate(t, w, dayAt(1), before, other)
	p := pruned(t, dir, PruneOptions{Prompt: "a", Version: "v1"})
	assert.EqualValues(t, 2, p.Tables[0].Rows)
	assert.Equal(t, []int{1}, left(t, dir, TableSpans))
	assert.Equal(t, []int{1}, left(t, dir, TableContent))
	assert.Equal(t, []int{1, 1, 1}, left(t, dir, TableScores))
	assert.Len(t, readSpans(t, dir), 1)
	verified(t, dir)
}

// A score may bear any time, one long before its span too. Without it the span
// could not be read any more.
func TestPruneKeepsScoresWithOldTimes(t *testing.T) {
	t.Parallel()
	for _, calls := range []uint64{3, 2 * fewIDs} {
		w, dir := newWriter(t, WriterOptions{})
		var list []agedCall
		for i := range calls {
			at := dayAt(2).Add(time.Duration(i) * time.Second)
			list = append(list, agedCall{id: i + 1, prompt: "a", version: "v1", at: at, scored: -at.Sub(noon)})
		}
		pushCalls(t, w, list, []agedCall{{id: 1000, prompt: "a", version: "v1", at: noon}})
		want := readSpans(t, dir)
		p := pruned(t, dir, PruneOptions{Until: dayAt(1)})
		assert.Equal(t, []int64{1, 0, 1, 0, 0, 0}, rowsGone(p))
		assert.Len(t, readSpans(t, dir), len(want)-1)
		p = pruned(t, dir, PruneOptions{Until: dayAt(2).Add(time.Second)})
		assert.Equal(t, []int64{1, 0, 1, 0, 0, 0}, rowsGone(p))
		assert.Len(t, readSpans(t, dir), len(want)-2)
	}
}

// Scores and content whose span never came go by their own time; a prompt's
// condition says nothing about them.
func TestPruneScoresWithoutSpans(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	pushCalls(t, w, []agedCall{{id: 1, prompt: "a", version: "v1", at: dayAt(1)}})
	writeLate(t, w, noon, agedCall{id: 7})
	writeLate(t, w, dayAt(3), agedCall{id: 8})
	for _, name := range []string{"a", Unresolved} {
		assert.Equal(t, []int64{0, 0, 0, 0, 0, 0}, rowsGone(pruned(t, dir, PruneOptions{Prompt: name, Until: dayAt(1)})))
	}
	p := pruned(t, dir, PruneOptions{Until: dayAt(1)})
	assert.Equal(t, []int64{0, 0, 1, 0, 0, 1}, rowsGone(p))
	assert.Equal(t, []int{1, 8}, left(t, dir, TableScores))
	assert.Equal(t, []int{8}, left(t, dir, TableContent))
}

// By size the oldest go, and not more than needed; what belongs to the spans goes
// with them and counts.
func TestPruneBySize(t *testing.T) {
	t.Parallel()
	w, dir := newWriter(t, WriterOptions{})
	for i := range uint64(20) {
		pushCalls(t, w, []agedCall{{id: i + 1, prompt: fmt.Sprint("p", i%2), version: "v1", at: noon.Add(time.Duration(i) * time.Hour), history: fmt.Sprint("talk ", i)}})
	}
	aged(t, dir)
	info := func() (bytes int64) {
		i, err := openSet(t, dir).Info(t.Context())
		require.NoError(t, err)
		for _, table := range i.Tables {
			bytes += table.Bytes
		}
		return bytes
	}
	total := info()
	p := pruned(t, dir, PruneOptions{MaxBytes: total * 76 / 100})
	assert.Equal(t, []int64{5, 15, 5, 0, 0, 0}, rowsGone(p))
	assert.Equal(t, total, p.BytesBefore)
	assert.Equal(t, info(), p.BytesAfter)
	assert.LessOrEqual(t, p.BytesAfter, total*76/100)
	assert.Equal(t, 6, left(t, dir, TableSpans)[0], "the oldest went")

	p = pruned(t, dir, PruneOptions{MaxBytes: total * 56 / 100, Prompt: "p1"})
	assert.Equal(t, int64(4), p.Tables[0].Rows)
	assert.Equal(t, []PromptPruning{{"p1", "v1", 4, 4}}, p.Prompts)
	p = pruned(t, dir, PruneOptions{MaxBytes: 1, Until: noon.Add(12 * time.Hour)})
	assert.Greater(t, p.BytesAfter, int64(1), "all that the conditions let go went")
	assert.Equal(t, noon.Add(10*time.Hour).Add(1), p.Until, "after the last span before the time")
	verified(t, dir)

	// Compacted, a part of a file goes.
	compactAll(t, dir)
	aged(t, dir)
	total = info()
	p = pruned(t, dir, PruneOptions{MaxBytes: total - 1})
	assert.Positive(t, p.Tables[0].Rows)
	assert.Less(t, info(), total)
	verified(t, dir)
}

// Messages that wait for their lease count as gone: no more spans go for them.
func TestPruneBySizeCountsWaitingMessages(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	for i := range uint64(10) {
		pushCalls(t, w, []agedCall{{id: i + 1, prompt: "p", version: "v1", at: noon.Add(time.Duration(i) * time.Hour), history: fmt.Sprint("talk ", i)}})
	}
	i, err := openSet(t, dir).Info(t.Context())
	require.NoError(t, err)
	limit := int64(0)
	for _, table := range i.Tables {
		limit += table.Bytes * 82 / 100
	}
	p, err := newKeeper(unsynced(dir), 0, nil).prune(t.Context(), PruneOptions{MaxBytes: limit})
	require.NoError(t, err)
	assert.EqualValues(t, 6, p.WaitingMessages)
	assert.EqualValues(t, 2, p.Tables[0].Rows)
}
