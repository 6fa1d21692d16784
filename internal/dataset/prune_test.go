// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset/datasettest"
	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/race"
)

// noon of the first day of the datasets to prune; each has one span an hour.
var noon = time.Date(2026, 1, 10, 12, 0, 0, 0, time.UTC)

func dayAt(day int) time.Time { return noon.AddDate(0, 0, day) }

// aged is a call to prune or to keep: its id is its number.
type agedCall struct {
	id              uint64
	prompt, version string
	at              time.Time
	// history is the name of the conversation; scored is how long after the call
	// its evaluator's score is made.
	history string
	scored  time.Duration
}

func (c agedCall) ids() (trace pcommon.TraceID, span pcommon.SpanID) {
	binary.BigEndian.PutUint64(trace[8:], c.id)
	binary.BigEndian.PutUint64(span[:], c.id)
	return trace, span
}

func (c agedCall) fill(span ptrace.Span) {
	trace, id := c.ids()
	span.SetTraceID(trace)
	span.SetSpanID(id)
	span.SetName("chat")
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(c.at))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(c.at.Add(time.Second)))
	span.Attributes().PutStr("gen_ai.operation.name", "chat")
	if c.prompt != "" {
		span.Attributes().PutStr("spanloop.prompt.name", c.prompt)
		span.Attributes().PutStr("spanloop.prompt.version", c.version)
		span.Attributes().PutStr("spanloop.prompt.resolution", "explicit")
	}
	if c.history != "" {
		span.Attributes().PutStr(inputMessagesKey, conversation(c.history, 3))
	}
	s := evaluator.Score{
		Name: "latency_ms", Kind: evaluator.KindCode, Probability: 1, EvaluatorVersion: "1", Value: genai.Some(1.0),
		EvaluationID: evaluator.EvaluationID(trace, id, "latency_ms", "1"),
	}
	s.AppendTo(span, pcommon.NewTimestampFromTime(c.at.Add(c.scored)))
}

func callsOf(calls ...agedCall) ptrace.Traces {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for _, c := range calls {
		c.fill(spans.AppendEmpty())
	}
	return td
}

// pushCalls writes each batch in a push of its own.
func pushCalls(t testing.TB, w *Writer, batches ...[]agedCall) {
	t.Helper()
	for _, calls := range batches {
		result, err := w.WriteTraces(t.Context(), callsOf(calls...))
		require.NoError(t, err)
		require.Equal(t, len(calls), result.Spans)
	}
}

// writeLate writes a score by a person, and content, from log events.
func writeLate(t testing.TB, w *Writer, at time.Time, calls ...agedCall) {
	t.Helper()
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for _, c := range calls {
		for _, name := range []string{"gen_ai.evaluation.result", "gen_ai.user.message"} {
			record := records.AppendEmpty()
			trace, span := c.ids()
			record.SetTraceID(trace)
			record.SetSpanID(span)
			record.SetTimestamp(pcommon.NewTimestampFromTime(at))
			record.SetEventName(name)
			if name == "gen_ai.evaluation.result" {
				record.Attributes().PutStr("gen_ai.evaluation.name", "thumb")
				record.Attributes().PutDouble("gen_ai.evaluation.score.value", 1)
				continue
			}
			record.Body().SetEmptyMap().PutStr("content", "hello")
		}
	}
	result, err := w.WriteLogs(t.Context(), ld)
	require.NoError(t, err)
	require.Equal(t, len(calls), result.Scores)
	require.Equal(t, len(calls), result.Content)
}

// fourDays has calls of four days: on each one of a@v1, a@v2, b@v1 and of no
// prompt, each day in a push of its own, with a history, a score, and a late score
// and content ten days later.
func fourDays(t testing.TB) (w *Writer, dir string, calls []agedCall) {
	w, dir = newWriter(t, WriterOptions{})
	for day := range 4 {
		var batch []agedCall
		for i, v := range [][2]string{{"a", "v1"}, {"a", "v2"}, {"b", "v1"}, {"", ""}} {
			id := uint64(10*day + i + 1)
			batch = append(batch, agedCall{id: id, prompt: v[0], version: v[1], at: dayAt(day).Add(time.Duration(i) * time.Hour), history: fmt.Sprint("talk ", id)})
		}
		pushCalls(t, w, batch)
		calls = append(calls, batch...)
	}
	for _, c := range calls {
		writeLate(t, w, dayAt(10), c)
	}
	aged(t, dir)
	return w, dir, calls
}

// copied is a copy of a dataset, whose messages no push relies on.
func copied(t testing.TB, dir string) string {
	t.Helper()
	target := t.TempDir()
	require.NoError(t, os.CopyFS(target, os.DirFS(dir)))
	aged(t, target)
	return target
}

// left are the ids in a table, in order, each as often as readers of the manifest
// find it.
func left(t testing.TB, dir, table string) (ids []int) {
	t.Helper()
	files, err := openSet(t, dir).Files(t.Context(), table)
	require.NoError(t, err)
	r := &rewrite{store: unsynced(dir), inputs: files}
	require.NoError(t, r.eachGroup(t.Context(), []string{"trace_id", "span_id"}, func(rows *parquetfile.Rows, _ int) error {
		for i := range rows.N {
			key, ok := keyOf(rows, i)
			require.True(t, ok)
			ids = append(ids, int(binary.BigEndian.Uint64(key.span[:])))
		}
		return nil
	}))
	slices.Sort(ids)
	return ids
}

// pruned prunes at once, and checks that a dry run said the same and changed
// nothing.
func pruned(t testing.TB, dir string, o PruneOptions) Pruning {
	t.Helper()
	before := tree(t, dir)
	dry := o
	dry.DryRun = true
	want, err := newKeeper(unsynced(dir), 0, o.now).prune(t.Context(), dry)
	require.NoError(t, err)
	require.Equal(t, before, tree(t, dir), "a dry run changes nothing")
	got, err := newKeeper(unsynced(dir), 0, o.now).prune(t.Context(), o)
	require.NoError(t, err)
	require.True(t, want.DryRun)
	require.Equal(t, got.BytesBefore, want.BytesBefore)
	require.Equal(t, got.WaitingMessages, want.WaitingMessages)
	require.Equal(t, got.Prompts, want.Prompts)
	require.Equal(t, got.Skipped, want.Skipped)
	require.Equal(t, got.Until, want.Until)
	for i, table := range got.Tables {
		w := want.Tables[i]
		assert.LessOrEqual(t, w.BytesAfter, w.BytesBefore, "an estimate")
		assert.Equal(t, table.BytesAfter > 0, w.BytesAfter > 0)
		w.BytesAfter = table.BytesAfter
		if table.Table != TableSpans {
			w.OldestLeft, w.NewestLeft = table.OldestLeft, table.NewestLeft
		}
		assert.Equal(t, table, w)
	}
	return got
}

// idsOfCalls are the ids of calls that are kept, in order.
func idsOfCalls(calls []agedCall, keep func(agedCall) bool) (ids []int) {
	for _, c := range calls {
		if keep(c) {
			ids = append(ids, int(c.id))
		}
	}
	return ids
}

// twice is a list with every id twice, as spans have two scores.
func twice(ids []int) (list []int) {
	for _, id := range ids {
		list = append(list, id, id)
	}
	return list
}

// Each condition removes what it says, with the scores, the late ones among them,
// the content and the messages; nothing else.
func TestPruneConditions(t *testing.T) {
	race.Skip(t)
	t.Parallel()
	_, begun, calls := fourDays(t)
	cut := dayAt(2).Add(90 * time.Minute)
	for name, c := range map[string]struct {
		options PruneOptions
		keep    func(agedCall) bool
	}{
		"age":              {PruneOptions{Until: cut}, func(c agedCall) bool { return !c.at.Before(cut) }},
		"window":           {PruneOptions{Since: dayAt(1), Until: dayAt(2)}, func(c agedCall) bool { return c.at.Before(dayAt(1)) || !c.at.Before(dayAt(2)) }},
		"prompt":           {PruneOptions{Prompt: "a"}, func(c agedCall) bool { return c.prompt != "a" }},
		"version":          {PruneOptions{Prompt: "a", Version: "v2"}, func(c agedCall) bool { return c.prompt != "a" || c.version != "v2" }},
		"prompt and age":   {PruneOptions{Prompt: "b", Until: dayAt(3)}, func(c agedCall) bool { return c.prompt != "b" || !c.at.Before(dayAt(3)) }},
		"no prompt":        {PruneOptions{Prompt: Unresolved}, func(c agedCall) bool { return c.prompt != "" }},
		"unknown prompt":   {PruneOptions{Prompt: "c"}, func(agedCall) bool { return true }},
		"unknown version":  {PruneOptions{Prompt: "b", Version: "v2"}, func(agedCall) bool { return true }},
		"before all":       {PruneOptions{Until: noon}, func(agedCall) bool { return true }},
		"everything":       {PruneOptions{Until: dayAt(4)}, func(agedCall) bool { return false }},
		"small enough":     {PruneOptions{MaxBytes: 1 << 30}, func(agedCall) bool { return true }},
		"nothing may stay": {PruneOptions{MaxBytes: 1}, func(agedCall) bool { return false }},
	} {
		t.Run(name, func(t *testing.T) {
			dir := copied(t, begun)
			traces := readSpans(t, dir)
			p := pruned(t, dir, c.options)
			want := idsOfCalls(calls, c.keep)
			verified(t, dir)
			assert.Equal(t, want, left(t, dir, TableSpans))
			assert.Equal(t, twice(want), left(t, dir, TableScores), "one with the span, one late")
			assert.Equal(t, want, left(t, dir, TableContent))
			assert.EqualValues(t, 3*len(want), rowsOf(t, dir, TableMessages))
			gone := int64(len(calls) - len(want))
			assert.Equal(t, []int64{gone, 3 * gone, 2 * gone, 0, 0, gone}, rowsGone(p))
			assert.Zero(t, p.WaitingMessages)
			if gone == 0 {
				assert.Equal(t, p.BytesBefore, p.BytesAfter)
				assert.Empty(t, p.Prompts)
			} else {
				assert.Less(t, p.BytesAfter, p.BytesBefore)
			}
			kept := readSpans(t, dir)
			maps.DeleteFunc(traces, func(key datasettest.Key, _ ptrace.Traces) bool {
				return !slices.Contains(want, int(binary.BigEndian.Uint64(key.Span[:])))
			})
			assert.Empty(t, datasettest.Diff(traces, kept))
			again := pruned(t, dir, c.options)
			assert.Equal(t, []int64{0, 0, 0, 0, 0, 0}, rowsGone(again), "nothing is left to do")
		})
	}
}

func rowsGone(p Pruning) (rows []int64) {
	for _, table := range p.Tables {
		rows = append(rows, table.Rows)
	}
	return rows
}

// Nothing goes without a condition that bounds it.
func TestPruneNeedsACondition(t *testing.T) {
	_, dir, _ := fourDays(t)
	for _, o := range []PruneOptions{{}, {Since: noon}, {Version: "v1"}, {Version: "v1", Until: dayAt(4)}, {MaxBytes: -1}} {
		_, err := openSet(t, dir).Prune(t.Context(), o)
		require.ErrorIs(t, err, ErrNoCondition)
	}
	assert.Len(t, left(t, dir, TableSpans), 16)
}

// The counts say per version what went and what is left, and which times.
func TestPruneCounts(t *testing.T) {
	t.Parallel()
	_, dir, _ := fourDays(t)
	p := pruned(t, dir, PruneOptions{Until: dayAt(2).Add(time.Hour)})
	assert.Equal(t, []PromptPruning{{"a", "v1", 3, 1}, {Unresolved, NoVersion, 2, 2}, {"a", "v2", 2, 2}, {"b", "v1", 2, 2}}, p.Prompts)
	spans := p.Tables[0]
	assert.EqualValues(t, 9, spans.Rows)
	assert.Equal(t, 9, spans.Files)
	assert.Zero(t, spans.Rewritten)
	assert.EqualValues(t, 7, spans.RowsLeft)
	assert.Equal(t, dayAt(2).Add(time.Hour), spans.OldestLeft)
	assert.Equal(t, dayAt(3).Add(3*time.Hour), spans.NewestLeft)
	assert.Equal(t, dayAt(2).Add(time.Hour), p.Until)
	scores := p.Tables[2]
	assert.EqualValues(t, 18, scores.Rows)
}

// Files of which a part goes are written anew: compacted ones, and those of
// mixed folders.
func TestPruneWritesFilesAnew(t *testing.T) {
	t.Parallel()
	w, dir := newWriter(t, WriterOptions{})
	var calls []agedCall
	for i := range uint64(2 * (maxPartitions + 20)) {
		c := agedCall{id: i + 1, prompt: fmt.Sprintf("p%03d", i/2), version: "v1", at: noon.Add(time.Duration(i) * time.Minute), history: fmt.Sprint("talk ", i/4)}
		calls = append(calls, c)
	}
	pushCalls(t, w, calls)
	require.Positive(t, mixedRows(t, dir, TableSpans))
	aged(t, dir)
	traces := readSpans(t, dir)
	cut := noon.Add(131 * time.Minute)
	p := pruned(t, dir, PruneOptions{Until: cut})
	verified(t, dir)
	want := idsOfCalls(calls, func(c agedCall) bool { return !c.at.Before(cut) })
	assert.Equal(t, want, left(t, dir, TableSpans))
	assert.Equal(t, want, left(t, dir, TableScores))
	assert.Positive(t, p.Tables[0].Rewritten)
	assert.Positive(t, p.Tables[1].Rewritten)
	assert.Positive(t, p.Tables[2].Rewritten)
	got := readSpans(t, dir)
	maps.DeleteFunc(traces, func(key datasettest.Key, _ ptrace.Traces) bool { _, ok := got[key]; return !ok })
	assert.Empty(t, datasettest.Diff(traces, got))

	// By name, from the mixed folder and beside it.
	aged(t, dir)
	for _, name := range []string{"p070", "p080"} {
		p = pruned(t, dir, PruneOptions{Prompt: name})
		assert.EqualValues(t, 2, p.Tables[0].Rows)
		assert.Equal(t, []PromptPruning{{name, "v1", 2, 0}}, p.Prompts)
		verified(t, dir)
	}
	assert.Len(t, readSpans(t, dir), len(want)-4)
}

// After a compaction everything stands in few files, and goes row by row.
func TestPruneAfterCompaction(t *testing.T) {
	t.Parallel()
	w, dir, calls := fourDays(t)
	more := []agedCall{{id: 101, prompt: "a", version: "v1", at: dayAt(1).Add(5 * time.Hour), history: "talk 11"}}
	pushCalls(t, w, more)
	compactAll(t, dir)
	aged(t, dir)
	cut := dayAt(1).Add(4 * time.Hour)
	p := pruned(t, dir, PruneOptions{Until: cut})
	verified(t, dir)
	assert.Equal(t, 1, p.Tables[0].Rewritten)
	want := append(idsOfCalls(calls, func(c agedCall) bool { return !c.at.Before(cut) }), 101)
	slices.Sort(want)
	assert.Equal(t, want, left(t, dir, TableSpans))
	assert.Len(t, readSpans(t, dir), len(want))
	assert.EqualValues(t, 3*len(want), rowsOf(t, dir, TableMessages), "101 refers to the messages of 11")
}
