// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/duckdb/duckdb-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset"
)

// history returns the messages of a conversation up to a turn.
func history(conversation, turn int) string {
	var messages []string
	for i := range 2*turn + 1 {
		role := []string{"user", "assistant"}[i%2]
		messages = append(messages, fmt.Sprintf(`{"role":%q,"parts":[{"type":"text","content":"%d.%d %s"}]}`,
			role, conversation, i, strings.Repeat("word ", 40)))
	}
	return "[" + strings.Join(messages, ",") + "]"
}

func addCall(spans ptrace.SpanSlice, conversation, turn int) {
	span := spans.AppendEmpty()
	span.SetTraceID(pcommon.TraceID{byte(conversation), byte(turn + 1)})
	span.SetSpanID(pcommon.SpanID{byte(conversation), byte(turn + 1)})
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Date(2026, 1, 5, 8, turn, conversation, 0, time.UTC)))
	span.Attributes().PutStr("gen_ai.operation.name", "chat")
	span.Attributes().PutStr("gen_ai.request.model", "m")
	span.Attributes().PutStr("gen_ai.input.messages", history(conversation, turn))
}

// conversations writes four of three turns, each turn in a push, and one turn
// again, as after a restart.
func conversations(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write := func(w *dataset.Writer, turns ...int) {
		td := ptrace.NewTraces()
		spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
		for _, turn := range turns {
			for conversation := range 4 {
				addCall(spans, conversation, turn)
			}
		}
		_, err := w.WriteTraces(t.Context(), td)
		require.NoError(t, err)
	}
	w, err := dataset.NewWriter(dir, dataset.WriterOptions{})
	require.NoError(t, err)
	for turn := range 3 {
		write(w, turn)
	}
	again, err := dataset.NewWriter(dir, dataset.WriterOptions{})
	require.NoError(t, err)
	write(again, 2, 1)
	return dir
}

// The view shows every history as it was sent, once, whatever a restart wrote
// again.
func TestHistoriesAreRebuilt(t *testing.T) {
	db, err := Open(t.Context(), Options{Dataset: conversations(t)})
	require.NoError(t, err)
	defer db.Close()
	result, err := db.Query(t.Context(), "SELECT trace_id, input_messages, len(input_refs) FROM spans ORDER BY trace_id")
	require.NoError(t, err)
	require.Len(t, result.Rows, 12)
	for i, row := range result.Rows {
		assert.Equal(t, history(i/3, i%3), row[1])
		if i%3 == 0 {
			assert.Contains(t, []any{nil, int64(0)}, row[2], "one message is not worth a reference")
		} else {
			assert.EqualValues(t, 2*(i%3)+1, row[2])
		}
	}
	result, err = db.Query(t.Context(), "SELECT count(*), count(DISTINCT hash), min(role), max(role), min(size) = min(strlen(content)) FROM messages")
	require.NoError(t, err)
	assert.Equal(t, [][]any{{int64(20), int64(20), "assistant", "user", true}}, result.Rows)
}

// A statement that reads no history does not pay for the join; one that does, in
// whatever words, gets it.
func TestHistoriesAreRebuiltOnlyWhenRead(t *testing.T) {
	for _, since := range []time.Time{{}, time.Date(2026, 1, 5, 8, 1, 0, 0, time.UTC)} {
		db, err := Open(t.Context(), Options{Dataset: conversations(t), Since: since})
		require.NoError(t, err)
		defer db.Close()
		for statement, lean := range map[string]bool{
			"SELECT count(*) FROM spans":                                         true,
			"SELECT prompt_name, avg(duration_ns) FROM spans GROUP BY ALL":       true,
			"FROM spans SELECT trace_id ORDER BY 1":                              true,
			"SELECT trace_id FROM (SELECT * FROM spans) WHERE span_id IS NULL":   true,
			"SELECT * FROM spans":                                                false,
			"FROM spans":                                                         false,
			"SELECT s FROM spans s":                                              false,
			"SELECT COLUMNS('input_mess.*') FROM spans":                          false,
			"SELECT count(input_messages) FROM spans":                            false,
			"SELECT x FROM (SELECT COLUMNS('(in)put_messages') AS x FROM spans)": false,
		} {
			ran, err := runsLean(t, db, statement)
			require.NoError(t, err, statement)
			assert.Equal(t, lean, ran, statement)
		}
		result, err := db.Query(t.Context(), "SELECT trace_id FROM spans s WHERE s::VARCHAR LIKE '%1.0 word%' ORDER BY 1")
		require.NoError(t, err)
		if since.IsZero() {
			assert.Len(t, result.Rows, 3)
		} else {
			assert.Len(t, result.Rows, 2)
		}
	}
}

// runsLean tells which view a statement sees, and that the whole one is back
// afterwards.
func runsLean(t *testing.T, db *DB, statement string) (bool, error) {
	t.Helper()
	restored := "SELECT count(input_messages) FROM spans"
	var before, after int
	require.NoError(t, db.sql.QueryRowContext(t.Context(), restored).Scan(&before))
	lean := false
	connection, err := db.sql.Conn(t.Context())
	require.NoError(t, err)
	err = connection.Raw(func(raw any) error {
		inner := raw.(*duckdb.Conn)
		restore, err := db.chooseSpans(t.Context(), inner, statement, nil)
		if err != nil {
			return err
		}
		plan, err := planOf(t.Context(), inner, "EXPLAIN (FORMAT json) SELECT * FROM spans", nil)
		lean = !strings.Contains(plan, rebuilt)
		return errors.Join(err, restore())
	})
	require.NoError(t, connection.Close())
	require.NoError(t, db.sql.QueryRowContext(t.Context(), restored).Scan(&after))
	assert.Equal(t, before, after)
	return lean, err
}

// Asking for a plan must not run what only looks like a reading statement.
func TestPlansRunNothing(t *testing.T) {
	dir := conversations(t)
	db, err := Open(t.Context(), Options{Dataset: dir})
	require.NoError(t, err)
	defer db.Close()
	for _, statement := range []string{
		"ANALYZE COPY (SELECT 1 FROM spans) TO '" + dir + "/x.csv'",
		"SELECT 1 FROM spans; DROP VIEW spans",
		"ANALYZE CREATE TABLE spans2 AS SELECT 1 FROM spans",
	} {
		_, err := db.Query(t.Context(), statement)
		require.Error(t, err, statement)
	}
	assert.NoFileExists(t, dir+"/x.csv")
	result, err := db.Query(t.Context(), "SELECT count(*) FROM spans WHERE span_id <> ?", "none")
	require.NoError(t, err)
	assert.Equal(t, [][]any{{int64(12)}}, result.Rows)
}
