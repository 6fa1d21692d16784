// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset/store"
)

// inputMessagesKey is the attribute that a history is restored into.
const inputMessagesKey = "gen_ai.input.messages"

// awaitedHistory is a span whose history is in the table messages.
type awaitedHistory struct {
	span ptrace.Span
	refs []string
}

// awaitHistory notes a span whose attribute was lifted into messages.
func (b *traceBuilder) awaitHistory(r *row, span ptrace.Span) {
	lifted, _ := r.long("lifted")
	if lifted&(1<<liftIndex[inputMessagesKey]) == 0 || len(r.record.Schema().FieldIndices("input_refs")) == 0 {
		return
	}
	if refs := r.list("input_refs"); len(refs) > 0 {
		for i := range refs {
			refs[i] = strings.Clone(refs[i])
		}
		b.histories = append(b.histories, awaitedHistory{span, refs})
	}
}

// messageReader finds messages by their hashes.
type messageReader struct {
	store store.Store
	// files are those of the table messages, by folder.
	files map[string][]File
	// texts are messages that were read, by hash, and loaded the files that were
	// read whole. Both are forgotten when they grow beyond maxMessageCache.
	texts  map[string]string
	loaded map[string]bool
	// checked are the files that check found sound.
	checked map[string]bool
	size    int
	// check compares a file with the manifest before it is read; nil for none.
	check func(context.Context, File) error
}

// maxMessageCache bounds what a reader keeps of messages from one file of spans
// to the next, in bytes.
const maxMessageCache = 64 << 20

func newMessageReader(s store.Store, files []File) *messageReader {
	m := &messageReader{store: s, files: map[string][]File{}, texts: map[string]string{}, loaded: map[string]bool{}, checked: map[string]bool{}}
	for _, f := range files {
		if f.Table == TableMessages {
			m.files[path.Dir(f.Path)] = append(m.files[path.Dir(f.Path)], f)
		}
	}
	return m
}

// restore fills in the histories of a file's spans.
func (m *messageReader) restore(ctx context.Context, spans File, histories []awaitedHistory) error {
	if len(histories) == 0 {
		return nil
	}
	if m.size > maxMessageCache {
		clear(m.texts)
		clear(m.loaded)
		m.size = 0
	}
	missing := map[string]struct{}{}
	found := map[string]string{}
	for _, h := range histories {
		for _, hash := range h.refs {
			if text, ok := m.texts[hash]; ok {
				found[hash] = text
			} else {
				missing[hash] = struct{}{}
			}
		}
	}
	for f := range m.candidates(spans) {
		if len(missing) == 0 {
			break
		}
		if m.loaded[f.Path] {
			continue
		}
		if m.check != nil && !m.checked[f.Path] {
			if err := m.check(ctx, f); err != nil {
				return err
			}
			m.checked[f.Path] = true
		}
		if err := m.read(ctx, f, missing, found); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	for _, h := range histories {
		pieces := make([]string, len(h.refs))
		for i, hash := range h.refs {
			text, ok := found[hash]
			if !ok {
				return fmt.Errorf("%s: span %s: message %s of its history is in no file of the table messages", spans.Path, h.span.SpanID(), hash)
			}
			pieces[i] = text
		}
		h.span.Attributes().PutStr(inputMessagesKey, joinHistory(pieces))
	}
	return nil
}

// candidates are the files of messages in the order of where a span file's
// messages are: in its own partition, of the same push or one shortly before; else
// wherever housekeeping may have left them. The others are put in order only when
// its own do not hold all.
func (m *messageReader) candidates(spans File) iter.Seq[File] {
	folder := TableMessages + strings.TrimPrefix(path.Dir(spans.Path), TableSpans)
	return func(yield func(File) bool) {
		for _, f := range nearestTo(spans, m.files[folder]) {
			if !yield(f) {
				return
			}
		}
		var others []File
		for _, other := range sortedKeys(m.files) {
			if other != folder {
				others = append(others, m.files[other]...)
			}
		}
		for _, f := range nearestTo(spans, others) {
			if !yield(f) {
				return
			}
		}
	}
}

// nearestTo sorts files by how far their times are from a span file's.
func nearestTo(spans File, files []File) []File {
	distance := func(f File) time.Duration { return f.MaxTime.Sub(spans.MaxTime).Abs() }
	return slices.SortedStableFunc(slices.Values(files), func(a, b File) int { return cmp.Compare(distance(a), distance(b)) })
}

// read moves what a file holds of the missing messages to found, and keeps all
// that it reads.
func (m *messageReader) read(ctx context.Context, f File, missing map[string]struct{}, found map[string]string) error {
	ids := make([]string, 0, len(missing))
	for hash := range missing {
		ids = append(ids, hash)
	}
	whole, err := readMessages(ctx, m.store, f.Path, ids, []string{"hash", "content"}, func(hash, content string) {
		if _, wanted := missing[hash]; wanted {
			delete(missing, hash)
			found[hash] = content
		}
		if _, kept := m.texts[hash]; !kept {
			m.texts[hash] = content
			m.size += len(content) + 2*hashSize
		}
	})
	if whole {
		m.loaded[f.Path] = true
	}
	return err
}

// readMessages hands over the rows of the row groups that may hold the hashes;
// all of them without hashes. It tells whether that was the whole file.
func readMessages(ctx context.Context, s store.Store, name string, hashes, columns []string, take func(hash, content string)) (bool, error) {
	reader, err := openFile(ctx, s, name)
	if err != nil {
		return false, err
	}
	defer reader.Close()
	groups, err := selectGroups(reader, "hash", hashes)
	if err != nil || len(groups) == 0 {
		return false, err
	}
	leaves, err := leavesAt(reader, columns...)
	if err != nil {
		return false, err
	}
	chosen := selection{leaves: leaves, groups: groups, batch: batchRows}
	err = eachRecord(ctx, reader, chosen, func(record arrow.RecordBatch) error {
		return takeMessages(record, len(columns) > 1, take)
	})
	return err == nil && len(groups) == reader.NumRowGroups(), err
}

func takeMessages(record arrow.RecordBatch, withContent bool, take func(hash, content string)) error {
	hashes, err := columnByName[*array.String](record, "hash")
	if err != nil {
		return err
	}
	if !withContent {
		for i := range hashes.Len() {
			take(strings.Clone(hashes.Value(i)), "")
		}
		return nil
	}
	contents, err := columnByName[*array.String](record, "content")
	if err != nil {
		return err
	}
	for i := range hashes.Len() {
		take(strings.Clone(hashes.Value(i)), strings.Clone(contents.Value(i)))
	}
	return nil
}
