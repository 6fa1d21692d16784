// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/dataset/datasettest"
)

// anyOf returns one of some words, often none.
func anyOf(r *rand.Rand, words ...string) string {
	if r.IntN(3) == 0 {
		return ""
	}
	return " " + words[r.IntN(len(words))]
}

// randomTrace is a trace of spans of every kind with claims that agree or not.
func randomTrace(r *rand.Rand) (trace []told) {
	chats := []string{unresolved, " rung=ambiguous reason=ambiguous", " prompt=fp-1 version=fp-1 rung=fingerprint hash=sha256:f1",
		" prompt=fp-2 version=fp-2 rung=fingerprint hash=sha256:f2", " prompt=greet rung=none reason=version_unknown", " version=3 rung=none", named, ""}
	names := []string{named, " prompt=greet version=3 rung=label label=prod", " prompt=bye version=1 rung=hash hash=sha256:bb var=tea",
		" prompt=greet rung=none reason=version_unknown", " prompt=fp-1 version=fp-1 rung=fingerprint", ` prompt=q"uo'te version=<1> rung=template reason=prompt_unknown`}
	kinds := []string{"chat", "chat", "chat", "agent", "workflow", "chain", "tool", "prompt", "evaluator", "embed"}
	size := 2 + r.IntN(8)
	sessions := []string{"session=s", "session=s", "session=z"}[:1+r.IntN(3)]
	for id := 1; id <= size; id++ {
		kind := kinds[r.IntN(len(kinds))]
		s := told{id: byte(id), parent: byte(r.IntN(id)), at: r.IntN(6), says: kind}
		s.until = s.at + r.IntN(4)
		switch {
		case r.IntN(12) == 0:
			s.parent = byte(r.IntN(size + 3))
		case kind == "prompt":
			s.at, s.until = 0, r.IntN(3)
		}
		switch kind {
		case "chat", "embed":
			s.says += chats[r.IntN(len(chats))] + anyOf(r, "offers=get@7", "offers=get@8,put@1", "offers=get@7,get@8", "offers=get") +
				anyOf(r, "model=sha256:m", "model=sha256:n") + anyOf(r, "variant=v1", "score=is_json", "same=00000000000000"+fmt.Sprintf("%02d", r.IntN(size)))
		case "tool":
			s.says += anyOf(r, "tool=get", "tool=put", "tool=del") + anyOf(r, "toolversion=5", "toolversion=7", "")
		default:
			s.says += anyOf(r, names...)
		}
		s.says += anyOf(r, append(sessions, "", "")...) + anyOf(r, "user=u", "user=v", "", "", "")
		if r.IntN(10) == 0 {
			s.says += " replay=1"
		}
		trace = append(trace, s)
		for range r.IntN(4) * r.IntN(2) {
			trace = append(trace, randomEvent(r, s))
		}
	}
	return trace
}

// randomEvent is a log event of a span.
func randomEvent(r *rand.Rand, span told) told {
	says := []string{named, named, " prompt=bye version=1 rung=template hash=sha256:bb var=tea", " prompt=fp-1 version=fp-1 rung=fingerprint hash=sha256:f1",
		" rung=ambiguous reason=ambiguous", " rung=none reason=no_match", " prompt=greet rung=ambiguous reason=ambiguous label=x", ""}
	return told{span.id, 0, span.at + r.IntN(3), 0, "event" + says[r.IntN(len(says))] + anyOf(r, "offers=get@7", "offers=get@7", "offers=get@8,put@1")}
}

// tellMixed stores the spans of many traces in random order, and compacts one of
// two datasets now and then.
func tellMixed(t *testing.T, r *rand.Rand, traces int, plain, compacted string) {
	t.Helper()
	type placed struct {
		told
		trace int
	}
	var spans []placed
	for n := range traces {
		for _, s := range randomTrace(r) {
			spans = append(spans, placed{s, n})
			if r.IntN(20) == 0 {
				spans = append(spans, placed{s, n}) // sent twice
			}
		}
	}
	r.Shuffle(len(spans), func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
	for _, dir := range []string{plain, compacted} {
		w, err := dataset.NewWriter(dir, dataset.WriterOptions{Include: dataset.IncludeAll})
		require.NoError(t, err)
		n := 0
		for lot := range slices.Chunk(spans, len(spans)/7+1) {
			td, ld := ptrace.NewTraces(), plog.NewLogs()
			list := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
			events := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
			for _, s := range lot {
				if s.isEvent() {
					record := events.AppendEmpty()
					s.fillEvent(record, byte(s.trace))
					record.SetTraceID(traceNumber(record.TraceID(), s.trace))
					continue
				}
				span := list.AppendEmpty()
				s.fill(span, byte(s.trace))
				span.SetTraceID(traceNumber(span.TraceID(), s.trace))
			}
			_, err := w.WriteTraces(t.Context(), td)
			require.NoError(t, err)
			_, err = w.WriteLogs(t.Context(), ld)
			require.NoError(t, err)
			if n++; dir == compacted && n%3 == 2 {
				compactNow(t, dir)
			}
		}
		require.NoError(t, w.Close())
	}
}

func traceNumber(id pcommon.TraceID, n int) pcommon.TraceID {
	id[14] = byte(n >> 8)
	return id
}

func compactNow(t testing.TB, dir string) dataset.Compaction {
	t.Helper()
	set, err := dataset.Open(dir)
	require.NoError(t, err)
	defer set.Close()
	c, err := set.Compact(t.Context(), dataset.CompactOptions{})
	require.NoError(t, err)
	require.Empty(t, c.Skipped)
	v, err := set.Verify(t.Context())
	require.NoError(t, err)
	require.Empty(t, v.Findings)
	return c
}

// filledSQL are the columns that other spans and log events may fill in, of some view.
const filledSQL = `SELECT trace_id, span_id, session_id, user_id, tool_version, nullif(nullif(prompt_name, '__unresolved__'), '__other__') AS n,
	nullif(prompt_version, '__none__') AS v, prompt_hash, prompt_label, prompt_resolution, prompt_unresolved_reason, CAST(prompt_variables AS VARCHAR),
	variant_id, tool_versions, toolset_hash, toolset_completeness, late_identity FROM %s ORDER BY ALL`

func rowsShown(t testing.TB, dir, view string) []string {
	t.Helper()
	result, err := open(t, Options{Dataset: dir}).Query(t.Context(), fmt.Sprintf(filledSQL, view))
	require.NoError(t, err)
	var rows []string
	for _, row := range result.Rows {
		rows = append(rows, strings.ReplaceAll(fmt.Sprintf("%q", row), "%!q(<nil>)", "null"))
	}
	return rows
}

func scoresShown(t testing.TB, dir string) [][]any {
	t.Helper()
	result, err := open(t, Options{Dataset: dir}).Query(t.Context(), "SELECT trace_id, span_id, name, prompt_name, prompt_version FROM scores ORDER BY ALL")
	require.NoError(t, err)
	return result.Rows
}

func sentSpans(t testing.TB, dir string) map[datasettest.Key]ptrace.Traces {
	t.Helper()
	set, err := dataset.Open(dir)
	require.NoError(t, err)
	defer set.Close()
	td, err := set.ReadTraces(t.Context(), dataset.Filter{})
	require.NoError(t, err)
	return datasettest.Split(td)
}

// Whatever spans say and in whatever order they come, the views show the same
// whether a dataset is compacted or not, then the rows themselves hold it, a
// further run changes nothing, and every span can be read back as it was sent.
func TestCompactionWritesWhatViewsShow(t *testing.T) {
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 18))
		plain, compacted := t.TempDir(), t.TempDir()
		tellMixed(t, r, 300, plain, compacted)
		want := rowsShown(t, plain, "lean_spans")
		require.Equal(t, want, rowsShown(t, compacted, "lean_spans"), "seed %d, before the last spans were compacted", seed)
		c := compactNow(t, compacted)
		require.Positive(t, c.Late.Rows)
		require.Positive(t, c.Late.Moved)
		require.Equal(t, want, rowsShown(t, compacted, "lean_spans"), "seed %d", seed)
		require.Equal(t, want, rowsShown(t, compacted, "(SELECT DISTINCT ON (trace_id, span_id) * FROM spans_files ORDER BY start_unix_nano, late_identity)"), "seed %d: the rows", seed)
		require.Equal(t, scoresShown(t, plain), scoresShown(t, compacted), "seed %d", seed)
		require.Empty(t, datasettest.Diff(sentSpans(t, plain), sentSpans(t, compacted)))
		assert.Zero(t, compactNow(t, compacted).Late, "seed %d: nothing is left to do", seed)
	}
}
