// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset"
)

// noon is the start of the first span of a test's dataset.
var noon = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// write makes a dataset with n chat spans, one a minute, and returns its folder.
func write(t testing.TB, dir string, n int, prompts ...string) string {
	t.Helper()
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		span := spans.AppendEmpty()
		var id [16]byte
		binary.BigEndian.PutUint64(id[8:], uint64(i+1))
		span.SetTraceID(id)
		span.SetSpanID([8]byte(id[8:]))
		span.SetName("chat gpt-4.1")
		start := noon.Add(time.Duration(i) * time.Minute)
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Second)))
		span.Attributes().PutStr("gen_ai.operation.name", "chat")
		span.Attributes().PutStr("gen_ai.provider.name", "openai")
		span.Attributes().PutStr("gen_ai.request.model", "gpt-4.1")
		span.Attributes().PutInt("gen_ai.usage.output_tokens", int64(i))
		if len(prompts) > 0 {
			span.Attributes().PutStr("gen_ai.prompt.name", prompts[i%len(prompts)])
			span.Attributes().PutStr("gen_ai.prompt.version", "v1")
		}
		event := span.Events().AppendEmpty()
		event.SetName("gen_ai.evaluation.result")
		event.SetTimestamp(span.EndTimestamp())
		event.Attributes().PutStr("gen_ai.evaluation.name", "is_json")
		event.Attributes().PutDouble("gen_ai.evaluation.score.value", float64(i%2))
	}
	w, err := dataset.NewWriter(dir, dataset.WriterOptions{})
	require.NoError(t, err)
	result, err := w.WriteTraces(t.Context(), td)
	require.NoError(t, err)
	require.Equal(t, n, result.Spans)
	require.NoError(t, w.Close())
	return dir
}

func open(t testing.TB, o Options) *DB {
	t.Helper()
	db, err := Open(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// one returns the only value of a result.
func one(t testing.TB, db *DB, statement string, args ...any) any {
	t.Helper()
	result, err := db.Query(t.Context(), statement, args...)
	require.NoError(t, err)
	require.Len(t, result.Rows, 1)
	require.Len(t, result.Rows[0], 1)
	return result.Rows[0][0]
}
