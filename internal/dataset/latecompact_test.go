// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset/datasettest"
	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
	"github.com/spanloop/spanloop/internal/identity"
	"github.com/spanloop/spanloop/internal/race"
)

// calls are unresolved calls, each below a span of its own trace that is not there.
func calls(n int) ptrace.Traces {
	td := chat(n)
	for i, span := range spansOf(td) {
		span.SetTraceID(pcommon.TraceID{2, byte(i)})
		span.Attributes().PutStr(identity.AttrPromptResolution, "none")
		span.Attributes().PutStr(identity.AttrPromptUnresolvedReason, "no_content")
	}
	return td
}

// agentOf adds an agent span above the calls, which names their prompt and a session,
// and makes them one trace.
func agentOf(td ptrace.Traces, name, version string) ptrace.Traces {
	first := spanAt(td, 0)
	agent := ptrace.NewTraces()
	span := agent.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(first.TraceID())
	id := first.SpanID()
	id[7] = 9
	span.SetSpanID(id)
	span.SetName("agent")
	span.SetStartTimestamp(first.StartTimestamp() - 1)
	span.SetEndTimestamp(first.EndTimestamp() + 10_000_000_000)
	a := span.Attributes()
	a.PutStr("gen_ai.operation.name", "invoke_agent")
	a.PutStr("gen_ai.conversation.id", "session")
	a.PutStr("gen_ai.prompt.name", name)
	a.PutStr("gen_ai.prompt.version", version)
	a.PutStr(identity.AttrPromptResolution, "explicit")
	return agent
}

// below makes spans children of an agent, in its trace.
func below(td ptrace.Traces, seed byte) ptrace.Traces {
	var parent pcommon.SpanID
	for i, span := range spansOf(td) {
		if i == 0 {
			parent = span.SpanID()
			parent[7] = 9
		}
		span.SetTraceID(pcommon.TraceID{3, seed})
		span.SetParentSpanID(parent)
	}
	return td
}

// rowAt is what the rows of a span say of its prompt, and their folders.
func rowsAt(t testing.TB, dir string, id pcommon.SpanID) (said, folders []string) {
	t.Helper()
	for _, f := range spanFiles(t, dir) {
		r := &rewrite{store: unsynced(dir), inputs: []File{f}}
		require.NoError(t, r.eachGroup(t.Context(), nil, func(rows *parquetfile.Rows, _ int) error {
			for i := range rows.N {
				if span, _ := rows.Text("span_id", i); span != id.String() {
					continue
				}
				state, own := readState(rows, i)
				said = append(said, fmt.Sprintf("%s@%s %s was %s", orWord(state.Prompt.Name, "-"), orWord(state.Prompt.Version, "-"),
					orWord(state.Session, "-"), orWord(own.Prompt.Name, "-")))
				folders = append(folders, path.Dir(f.Path))
			}
			return nil
		}))
	}
	return said, folders
}

// A call whose prompt a later span names moves to that prompt's folder with its
// messages, is found there with its scores, and is read back as it was sent.
func TestCompactMovesLateSpans(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	td := talk(below(calls(3), 1), 5)
	newGenerator(4).scores(spanAt(td, 0))
	for _, push := range []ptrace.Traces{td, agentOf(td, "greet", "3")} {
		_, err := w.WriteTraces(t.Context(), push)
		require.NoError(t, err)
	}
	want, call := readSpans(t, dir), spanAt(td, 0)
	c := compactAll(t, dir)
	verified(t, dir)
	assert.Equal(t, LateCompaction{Rows: 3, Moved: 3, Files: 1, jobs: 1}, c.Late)
	said, folders := rowsAt(t, dir, call.SpanID())
	assert.Equal(t, []string{"greet@3 session was -"}, said)
	assert.Equal(t, []string{"spans/prompt_name=greet/prompt_version=3/date=2023-11-14"}, folders)
	assert.Empty(t, datasettest.Diff(want, readSpans(t, dir)))
	for name, filter := range map[string]Filter{
		"by prompt": {PromptName: "greet", PromptVersion: "3"}, "by id": {SpanIDs: []string{call.SpanID().String()}},
		"by trace": {TraceIDs: []string{call.TraceID().String()}},
	} {
		got, err := openSet(t, dir).ReadTraces(t.Context(), filter)
		require.NoError(t, err, name)
		key := datasettest.Key{Trace: call.TraceID(), Span: call.SpanID()}
		assert.Empty(t, datasettest.Diff(map[datasettest.Key]ptrace.Traces{key: want[key]}, map[datasettest.Key]ptrace.Traces{key: datasettest.Split(got)[key]}), name)
	}
	stream, err := openSet(t, dir).Stream(t.Context(), Selection{Names: func(name, _ string) bool { return name == "greet" }}, 100)
	require.NoError(t, err)
	streamed := 0
	for _, f := range stream.Files {
		require.NoError(t, stream.Read(t.Context(), f, 0, func(b Batch) error {
			streamed += b.Traces.SpanCount()
			return nil
		}))
	}
	assert.Equal(t, 4, streamed)
}

// A trace that goes on is left for later; what a span reveals that comes after
// a run, a later run writes.
func TestCompactWaitsForTraces(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	td := below(calls(1), 1)
	agent := agentOf(td, "greet", "3")
	ended := spanAt(agent, 0).EndTimestamp().AsTime()
	call := spanAt(td, 0).SpanID()
	compact := func(at time.Time, dryRun bool) LateCompaction {
		c, err := newKeeper(unsynced(dir), 0, func() time.Time { return at }).compact(t.Context(), CompactOptions{Settle: -1, DryRun: dryRun})
		require.NoError(t, err)
		return c.Late
	}
	write := func(td ptrace.Traces) {
		_, err := w.WriteTraces(t.Context(), td)
		require.NoError(t, err)
	}
	write(td)
	write(agent)
	assert.Zero(t, compact(ended.Add(DefaultSettle-time.Second), false), "it goes on")
	assert.EqualValues(t, 1, compact(ended.Add(DefaultSettle), true).Rows)
	assert.EqualValues(t, 1, compact(ended.Add(DefaultSettle), false).Rows)
	assert.Zero(t, compact(ended.Add(time.Hour), false))

	// A second agent names another session: now it is not known which.
	other := agentOf(td, "greet", "3")
	span := spanAt(other, 0)
	span.SetSpanID([8]byte{9})
	span.Attributes().PutStr("gen_ai.conversation.id", "another")
	write(other)
	assert.EqualValues(t, 1, compact(ended.Add(time.Hour), false).Rows)
	said, _ := rowsAt(t, dir, call)
	assert.Equal(t, []string{"greet@3 - was -"}, said)
	// A nearer one is of another prompt, and comes with a clock that is wrong.
	span.SetSpanID([8]byte{8})
	parent := span.SpanID()
	agentID := spanAt(agent, 0).SpanID()
	span.SetSpanID(agentID)
	span.SetStartTimestamp(span.StartTimestamp() - 5)
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(ended.Add(1000 * time.Hour)))
	span.SetParentSpanID(parent)
	span.Attributes().PutStr("gen_ai.prompt.version", "4")
	write(other)
	assert.EqualValues(t, 1, compact(ended.Add(time.Hour), false).Moved)
	said, _ = rowsAt(t, dir, call)
	assert.Equal(t, []string{"greet@4 another was -"}, said)
	verified(t, dir)
}

// What was written stays when the span that told it is pruned.
func TestLateIdentityOutlivesItsSource(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	td := below(calls(2), 1)
	for _, push := range []ptrace.Traces{td, agentOf(td, "greet", "3")} {
		_, err := w.WriteTraces(t.Context(), push)
		require.NoError(t, err)
	}
	compactAll(t, dir)
	p, err := openSet(t, dir).Prune(t.Context(), PruneOptions{Until: spanAt(td, 0).StartTimestamp().AsTime(), Grace: 0})
	require.NoError(t, err)
	require.EqualValues(t, 1, p.Tables[0].Rows)
	require.NoError(t, os.Remove(filepath.Join(dir, filepath.FromSlash(settledName))))
	assert.Zero(t, compactAll(t, dir).Late)
	said, _ := rowsAt(t, dir, spanAt(td, 1).SpanID())
	assert.Equal(t, []string{"greet@3 session was -"}, said)
}

// Rows that stand twice get the same, wherever they are, and stand once afterwards.
func TestCompactFillsRepeatedRows(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	td := below(calls(2), 1)
	more := below(calls(3), 1)
	for _, push := range []ptrace.Traces{td, agentOf(td, "greet", "3")} {
		_, err := w.WriteTraces(t.Context(), push)
		require.NoError(t, err)
	}
	compactAll(t, dir)
	_, err := w.WriteTraces(t.Context(), more)
	require.NoError(t, err)
	c := compactAll(t, dir)
	assert.EqualValues(t, 3, c.Late.Rows, "two again and one that is new")
	assert.Equal(t, 2, c.Tables[0].Duplicates)
	said, _ := rowsAt(t, dir, spanAt(td, 0).SpanID())
	assert.Len(t, said, 1)
	assert.EqualValues(t, 4, rowsOf(t, dir, TableSpans))
}

// In a small buffer, rows of more prompts than a push may have folders go to a mixed
// one, each with its messages.
func TestCompactFillsInBuffer(t *testing.T) {
	race.Skip(t)
	t.Parallel()
	w, dir := newWriter(t, WriterOptions{Include: IncludeAll})
	const prompts = maxPartitions + 20
	for i := range prompts {
		td := talk(shifted(below(calls(2), byte(i)), i+1), 3+i%4)
		for _, span := range spansOf(td) {
			span.SetParentSpanID(pcommon.SpanID{byte(i + 1), 0, 1, 7: 9})
		}
		push := agentOf(td, fmt.Sprintf("p%03d", i), "1")
		td.ResourceSpans().MoveAndAppendTo(push.ResourceSpans())
		_, err := w.WriteTraces(t.Context(), push)
		require.NoError(t, err)
	}
	want := readSpans(t, dir)
	c, err := newKeeper(unsynced(dir), 0, nil).compact(t.Context(), CompactOptions{BufferBytes: 50_000, MinFiles: 8})
	require.NoError(t, err)
	require.Empty(t, c.Skipped)
	verified(t, dir)
	assert.EqualValues(t, 2*prompts, c.Late.Moved)
	assert.Positive(t, mixedRows(t, dir, TableSpans))
	assert.Empty(t, datasettest.Diff(want, readSpans(t, dir)))
	assert.Zero(t, compactAll(t, dir).Late.Rows)
	verified(t, dir)
	assert.Empty(t, datasettest.Diff(want, readSpans(t, dir)))
}

// Nothing is written while a file is damaged that may say something else, and
// nothing is left behind by a run that is ended meanwhile.
func TestCompactLateInDoubt(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	td := below(calls(2), 1)
	agent := agentOf(td, "greet", "3")
	for _, push := range []ptrace.Traces{td, agent} {
		_, err := w.WriteTraces(t.Context(), push)
		require.NoError(t, err)
	}
	pieces := 0
	pause := func(context.Context) error {
		if pieces++; pieces == 6 {
			return errKilled
		}
		return nil
	}
	_, err := newKeeper(unsynced(dir), 0, nil).compact(t.Context(), CompactOptions{Pause: pause})
	require.ErrorIs(t, err, errKilled)
	require.Empty(t, uncommitted(t, dir))
	for _, f := range spanFiles(t, dir) {
		if path.Dir(f.Path) == "spans/prompt_name=greet/prompt_version=3/date=2023-11-14" {
			name := filepath.Join(dir, filepath.FromSlash(f.Path))
			content, err := os.ReadFile(name)
			require.NoError(t, err)
			require.NoError(t, os.Truncate(name, int64(len(content)/2)))
		}
	}
	c, err := newKeeper(unsynced(dir), 0, nil).compact(t.Context(), CompactOptions{})
	require.NoError(t, err)
	assert.Zero(t, c.Late)
	require.Len(t, c.Skipped, 1)
	assert.Equal(t, FindingAltered, c.Skipped[0].Kind)
}
