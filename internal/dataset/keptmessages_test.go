// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/dataset/datasettest"
	"github.com/spanloop/spanloop/internal/race"
)

// aged makes all files of messages older than their lease.
func aged(t testing.TB, dir string) {
	t.Helper()
	files, err := openSet(t, dir).Files(t.Context(), TableMessages)
	require.NoError(t, err)
	old := time.Now().Add(-MessageLease - time.Minute)
	for _, f := range files {
		require.NoError(t, os.Chtimes(filepath.Join(dir, filepath.FromSlash(f.Path)), old, old))
	}
}

// restarted is a writer that remembers no message, as a new process has it.
func restarted(t testing.TB, dir string) *Writer {
	t.Helper()
	w, err := NewWriter(dir, WriterOptions{})
	require.NoError(t, err)
	folder(w).SyncFile = func(*os.File) error { return nil }
	return w
}

// A message that several writers stored stands once after compaction, and every
// span has its history.
func TestCompactStoresMessagesOnce(t *testing.T) {
	dir := t.TempDir()
	for i := range 4 {
		require.Equal(t, 3+2*i, write(t, restarted(t, dir), turns("a", 3+2*i, 1)).Messages)
	}
	want := readSpans(t, dir)
	require.EqualValues(t, 3+5+7+9, rowsOf(t, dir, TableMessages))
	c := compactAll(t, dir)
	verified(t, dir)
	assert.EqualValues(t, 9, rowsOf(t, dir, TableMessages))
	assert.Equal(t, 15, c.Tables[1].Duplicates)
	assert.Empty(t, datasettest.Diff(want, readSpans(t, dir)))
	files, err := openSet(t, dir).Files(t.Context(), TableMessages)
	require.NoError(t, err)
	require.Len(t, files, 1)
	assert.False(t, files[0].MinTime.IsZero(), "readers look for messages by the time of their spans")
}

// Rows of a mixed folder take the messages that they refer to with them.
func TestCompactMovesMessages(t *testing.T) {
	race.Skip(t)
	t.Parallel()
	dir := t.TempDir()
	w := restarted(t, dir)
	for push := range 2 {
		td := crowd(push)
		for i, span := range spansOf(td) {
			span.Attributes().PutStr(inputMessagesKey, conversation(fmt.Sprint("c", push, i), 3+i%2))
		}
		_, err := w.WriteTraces(t.Context(), td)
		require.NoError(t, err)
	}
	want, mixed := readSpans(t, dir), mixedRows(t, dir, TableSpans)
	verified(t, dir)
	compactAll(t, dir)
	verified(t, dir)
	moved := mixedRows(t, dir, TableSpans)
	assert.Less(t, moved, mixed)
	assert.Empty(t, datasettest.Diff(want, readSpans(t, dir)))

	// The mixed folder is left with what its own spans need.
	before := mixedRows(t, dir, TableMessages)
	td := crowd(9)
	for _, span := range spansOf(td) {
		span.Attributes().PutStr(inputMessagesKey, conversation("last", 3))
	}
	_, err := w.WriteTraces(t.Context(), td)
	require.NoError(t, err)
	fresh := mixedRows(t, dir, TableMessages) - before
	aged(t, dir)
	want = readSpans(t, dir)
	compactAll(t, dir)
	verified(t, dir)
	assert.Less(t, mixedRows(t, dir, TableMessages), before+fresh)
	assert.Empty(t, datasettest.Diff(want, readSpans(t, dir)))
}

// Spans whose messages are missing stay where they are.
func TestCompactLeavesSpansWithoutMessages(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := restarted(t, dir)
	for push := range 2 {
		td := crowd(push)
		for _, span := range spansOf(td) {
			span.Attributes().PutStr(inputMessagesKey, conversation("c", 3))
		}
		_, err := w.WriteTraces(t.Context(), td)
		require.NoError(t, err)
	}
	files, err := openSet(t, dir).Files(t.Context(), TableMessages)
	require.NoError(t, err)
	for _, f := range files {
		if isMixed(f.Path) {
			require.NoError(t, os.Remove(filepath.Join(dir, filepath.FromSlash(f.Path))))
		}
	}
	mixed := mixedRows(t, dir, TableSpans)
	c, err := newKeeper(unsynced(dir), 0, nil).compact(t.Context(), CompactOptions{})
	require.NoError(t, err)
	require.NotEmpty(t, c.Skipped)
	kinds := map[string]bool{}
	for _, f := range c.Skipped {
		kinds[f.Kind] = true
	}
	assert.True(t, kinds[FindingDangling])
	assert.Equal(t, mixed, mixedRows(t, dir, TableSpans))
}

// Messages that nobody refers to stay while a push may rely on them, then they
// go.
func TestCompactDropsUnreferredMessages(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	for i := range 2 {
		_, err := w.WriteTraces(t.Context(), turns("ab"[i:i+1], 3, 1))
		require.NoError(t, err)
	}
	spans, err := openSet(t, dir).Files(t.Context(), TableSpans)
	require.NoError(t, err)
	k := newKeeper(unsynced(dir), 0, nil)
	require.NoError(t, k.reload(t.Context()))
	require.NoError(t, k.commit(t.Context(), nil, spans[:1]))
	compactAll(t, dir)
	verified(t, dir)
	assert.EqualValues(t, 6, rowsOf(t, dir, TableMessages), "within the lease")

	_, err = w.WriteTraces(t.Context(), turns("c", 3, 1))
	require.NoError(t, err)
	aged(t, dir)
	compactAll(t, dir)
	verified(t, dir)
	assert.EqualValues(t, 6, rowsOf(t, dir, TableMessages), "three went, three came")
	assert.Len(t, readSpans(t, dir), 2)

	spans, err = openSet(t, dir).Files(t.Context(), TableSpans)
	require.NoError(t, err)
	require.NoError(t, k.commit(t.Context(), nil, spans))
	compactAll(t, dir)
	assert.EqualValues(t, 6, rowsOf(t, dir, TableMessages), "within the lease")
	aged(t, dir)
	compactAll(t, dir)
	verified(t, dir)
	assert.Zero(t, rowsOf(t, dir, TableMessages))
}

// A span file that cannot be read may refer to any message, and so may one of an
// entry that cannot be read.
func TestCompactKeepsMessagesInDoubt(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, dir string, spans []File){
		"spans": func(t *testing.T, dir string, spans []File) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.FromSlash(spans[1].Path)), []byte("PAR1"), 0o600))
		},
		"manifest": func(t *testing.T, dir string, _ []File) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, manifestDir, "x.json"), []byte("{"), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, dir := newWriter(t, WriterOptions{})
			for i := range 2 {
				_, err := w.WriteTraces(t.Context(), turns("ab"[i:i+1], 3, 1))
				require.NoError(t, err)
			}
			spans, err := openSet(t, dir).Files(t.Context(), TableSpans)
			require.NoError(t, err)
			k := newKeeper(unsynced(dir), 0, nil)
			require.NoError(t, k.commit(t.Context(), nil, spans[:1]))
			damage(t, dir, spans)
			aged(t, dir)
			_, err = newKeeper(unsynced(dir), 0, nil).compact(t.Context(), CompactOptions{})
			require.NoError(t, err)
			assert.EqualValues(t, 6, rowsOf(t, dir, TableMessages))
		})
	}
}

// Messages that are stored again after their file was replaced are in a file of
// another name: the old one is remembered as removed.
func TestMessagesComeBackUnderAnotherName(t *testing.T) {
	dir := t.TempDir()
	for i := range 2 {
		write(t, restarted(t, dir), turns("a", 3, 1+i))
	}
	compactAll(t, dir)
	spans, err := openSet(t, dir).Files(t.Context(), TableSpans)
	require.NoError(t, err)
	require.NoError(t, newKeeper(unsynced(dir), 0, nil).commit(t.Context(), nil, spans))
	aged(t, dir)
	compactAll(t, dir)
	require.Zero(t, rowsOf(t, dir, TableMessages))

	td := turns("a", 3, 1)
	spanAt(td, 0).SetSpanID([8]byte{77})
	write(t, restarted(t, dir), td)
	verified(t, dir)
	assert.Len(t, readSpans(t, dir), 1)
}

// Names of files of messages prove their content, so that a repair names them
// again.
func TestNamesOfMessagesProveContent(t *testing.T) {
	dir := t.TempDir()
	w := restarted(t, dir)
	write(t, w, turns("a", 3, 1))
	files, err := openSet(t, dir).Files(t.Context(), TableMessages)
	require.NoError(t, err)
	require.Len(t, files, 1)
	assert.Contains(t, filepath.Base(files[0].Path), "-")
	named, err := describeFile(t.Context(), folder(w), files[0].Path)
	require.NoError(t, err)
	assert.Equal(t, files[0].SHA256, named.SHA256)
	assert.Equal(t, files[0].Rows, named.Rows)
}

// Two pushes that store the same messages for different spans are no finding.
func TestEqualMessagesOfTwoPushesAreSound(t *testing.T) {
	dir := t.TempDir()
	for i := range 2 {
		td := turns("a", 3, 1)
		spanAt(td, 0).SetSpanID([8]byte{byte(i + 1)})
		write(t, restarted(t, dir), td)
	}
	files, err := openSet(t, dir).Files(t.Context(), TableMessages)
	require.NoError(t, err)
	require.Len(t, files, 2)
	require.Equal(t, files[0].SHA256, files[1].SHA256)
	verified(t, dir)
}
