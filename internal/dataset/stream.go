// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/parquet/file"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset/store"
	"github.com/spanloop/spanloop/internal/identity"
)

// Selection selects spans of a stream; the zero value selects all but replays.
type Selection struct {
	// Since is inclusive, Until exclusive, by start time.
	Since, Until time.Time
	// Names decides by prompt name and version, each empty when the span has
	// none; nil takes all.
	Names func(name, version string) bool
	// Replays takes replayed calls too.
	Replays bool
	// NotFrom leaves out spans whose spanloop.source.dataset is this; they are
	// counted and do not stand for others of the same ids.
	NotFrom string
}

// Batch is what a run of neighbouring rows of one file holds.
type Batch struct {
	// Traces are the selected spans as they were received; there may be none.
	Traces ptrace.Traces
	// Next is the number of the row after them, from 0.
	Next int64
	// Own is the number of spans that NotFrom left out.
	Own int
}

// Stream reads spans file by file. It holds one row group in memory, and the ids
// of up to rememberedSpans spans of one folder, so that a span that a retry
// stored twice is read once. It is not safe for concurrent use.
type Stream struct {
	// Files are the span files that may hold selected spans, by path, as the
	// manifest named them when the stream was made.
	Files []File
	// Broken are the manifest entries that could not be read.
	Broken map[string]error

	store     store.Store
	selection Selection
	batch     int64
	scores    map[string][]File
	all       []File
	removed   map[string]File
	messages  *messageReader
	seen      map[string]struct{}
	folder    string
}

// rememberedSpans bounds the memory for spans that were read, to about 60 MB.
const rememberedSpans = 500_000

// Stream lists the files of a selection. Batches hold up to batch rows.
func (d *Dataset) Stream(ctx context.Context, selection Selection, batch int) (*Stream, error) {
	m, err := knownManifest(ctx, d.store)
	if err != nil {
		return nil, fmt.Errorf("dataset %q: %w", d.Root(), err)
	}
	files := m.files
	s := &Stream{
		Broken: m.broken, all: files, removed: map[string]File{}, store: d.store, selection: selection, batch: int64(batch),
		scores: map[string][]File{}, messages: newMessageReader(d.store, files), seen: map[string]struct{}{},
	}
	s.messages.check = s.check
	for _, r := range m.removed {
		if r.Table == TableSpans {
			s.removed[r.Path] = r.File
		}
	}
	for _, f := range files {
		switch {
		case f.Table == TableScores:
			folder := scoreFolder(f.Path)
			s.scores[folder] = append(s.scores[folder], f)
		case f.Table == TableSpans && s.mayHold(f):
			s.Files = append(s.Files, f)
		}
	}
	return s, nil
}

// Find returns a file of spans: one of the dataset, or one that was replaced and
// is still there.
func (s *Stream) Find(ctx context.Context, path string) (File, bool) {
	i, found := slices.BinarySearchFunc(s.all, path, func(f File, path string) int { return strings.Compare(f.Path, path) })
	if found {
		return s.all[i], true
	}
	f, removed := s.removed[path]
	if !removed {
		return File{}, false
	}
	_, err := s.store.Stat(ctx, path)
	return f, !errors.Is(err, fs.ErrNotExist)
}

// Removed tells whether a file was replaced when the stream was made.
func (s *Stream) Removed(path string) bool {
	_, removed := s.removed[path]
	return removed
}

// Equal tells whether two streams of a dataset are of the same files.
func (s *Stream) Equal(other *Stream) bool { return slices.Equal(s.all, other.all) }

// Rewritten tells whether a file holds rows of others, whose place it took.
func (f File) Rewritten() bool { return strings.HasPrefix(path.Base(f.Path), compactedPrefix) }

// scoreFolder is the key under which score files are found: their partition's
// folder, or one for all files whose rows come from several.
func scoreFolder(name string) string {
	if strings.Contains(name, "/prompt_name="+Mixed+"/") {
		return Mixed
	}
	return path.Dir(name)
}

// mayHold tells from the manifest whether a file can hold a selected span.
func (s *Stream) mayHold(f File) bool {
	window := Filter{Since: s.selection.Since, Until: s.selection.Until}
	if window.excludes(f) {
		return false
	}
	name, nameKnown := segmentValue(f.Path, "prompt_name")
	version, versionKnown := segmentValue(f.Path, "prompt_version")
	return s.selection.Names == nil || !nameKnown || !versionKnown || s.selection.Names(trueName(name), trueName(version))
}

// segmentValue reads a partition value back from a path; false when the path
// does not tell: rows of several values, or a value that was cut.
func segmentValue(name, column string) (string, bool) {
	_, rest, found := strings.Cut(name, "/"+column+"=")
	segment, _, _ := strings.Cut(rest, "/")
	if !found || segment == Mixed || strings.Contains(segment, "~") {
		return "", false
	}
	return unescapeSegment(segment)
}

// trueName makes the words for no name an empty text.
func trueName(value string) string {
	if value == Unresolved || value == NoVersion || value == Other {
		return ""
	}
	return value
}

// Read hands out a file's batches in order of their rows, from a row on. The
// file is checked against the manifest first, so that a damaged one yields
// nothing. take's error ends the reading and is returned as it is.
func (s *Stream) Read(ctx context.Context, f File, from int64, take func(Batch) error) (err error) {
	var taken error
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: cannot be read: %v", f.Path, p)
		}
		if err != nil {
			// Spans that were read but never handed out may stand in another file.
			clear(s.seen)
			if taken == nil {
				err = fmt.Errorf("dataset %q: %w", s.store.Root(), err)
			}
		}
	}()
	if folder := path.Dir(f.Path); folder != s.folder {
		s.folder = folder
		clear(s.seen)
	}
	if err := s.check(ctx, f); err != nil {
		return err
	}
	reader, err := openFile(ctx, s.store, f.Path)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	defer reader.Close()
	var first int64
	for group := range reader.NumRowGroups() {
		rows := reader.MetaData().RowGroup(group).NumRows()
		if first+rows > from {
			batches, err := s.readGroup(ctx, f, reader, group, first, from)
			if err != nil {
				return fmt.Errorf("%s: %w", f.Path, err)
			}
			for _, b := range batches {
				if taken = take(b); taken != nil {
					return taken
				}
			}
		}
		first += rows
	}
	return nil
}

// check compares a file with the manifest.
func (s *Stream) check(ctx context.Context, f File) error {
	v := verifier{store: s.store}
	if v.checkFile(ctx, f) {
		return nil
	}
	if v.unavailable != nil {
		return v.unavailable
	}
	if err := formatOf(ctx, s.store, f.Path); errors.Is(err, ErrNewer) {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	return fmt.Errorf("%s: %s: %s", f.Path, v.Findings[0].Kind, v.Findings[0].Detail)
}

// readGroup reads one row group, whose first row has the number first, without
// the rows before from.
func (s *Stream) readGroup(ctx context.Context, f File, reader *file.Reader, group int, first, from int64) ([]Batch, error) {
	if len(s.seen) > rememberedSpans {
		clear(s.seen)
	}
	held := map[heldKey]*heldSpan{}
	var histories []awaitedHistory
	var batches []Batch
	rows := selection{groups: []int{group}, batch: s.batch}
	err := eachRecord(ctx, reader, rows, func(record arrow.RecordBatch) error {
		b := newTraceBuilder(Filter{Since: s.selection.Since, Until: s.selection.Until})
		own := 0
		b.admits, b.seen, b.held = s.admits(from-first, &own), s.seen, held
		if err := b.addRecord(record); err != nil {
			return err
		}
		histories = append(histories, b.histories...)
		first += record.NumRows()
		if first > from {
			batches = append(batches, Batch{Traces: b.traces, Next: first, Own: own})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := s.messages.restore(ctx, f, histories); err != nil {
		return nil, err
	}
	return batches, s.restoreScores(ctx, f, held)
}

// admits selects rows of a record, but for the first ones, and counts those that
// NotFrom leaves out.
func (s *Stream) admits(skip int64, own *int) func(*row) bool {
	return func(r *row) bool {
		if int64(r.index) < skip {
			return false
		}
		replay, err := columnByName[*array.Boolean](r.record, "is_replay")
		if err != nil {
			r.fail(err)
			return true
		}
		if !s.selection.Replays && replay.Value(r.index) {
			return false
		}
		name, version := r.text("prompt_name"), r.text("prompt_version")
		if s.selection.Names != nil && !s.selection.Names(trueName(name), trueName(version)) {
			return r.err != nil
		}
		if s.selection.NotFrom != "" && r.attribute(identity.AttrSourceDataset) == s.selection.NotFrom {
			*own++
			return false
		}
		return true
	}
}

// attribute is the text of an attribute that has no column of its own.
func (r *row) attribute(key string) string {
	c, err := columnByName[*array.Map](r.record, "attributes")
	if err != nil {
		r.fail(err)
		return ""
	}
	keys, isText := c.Keys().(*array.String)
	values, areText := c.Items().(*array.String)
	if !isText || !areText {
		r.fail(fmt.Errorf("column attributes has type %s", c.DataType()))
		return ""
	}
	from, to := c.ValueOffsets(r.index)
	for i := from; i < to; i++ {
		if keys.Value(int(i)) == key {
			return values.Value(int(i))
		}
	}
	return ""
}

// restoreScores puts the events that score rows stand for back into their spans.
func (s *Stream) restoreScores(ctx context.Context, f File, held map[heldKey]*heldSpan) error {
	if len(held) == 0 {
		return nil
	}
	b := &traceBuilder{held: held}
	for _, scores := range s.scoreFiles(f, held) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.check(ctx, scores); err != nil {
			return err
		}
		take := func(record arrow.RecordBatch) error { return b.addScores(record) }
		if err := readFile(ctx, s.store, scores.Path, nil, take); err != nil {
			return fmt.Errorf("%s: %w", scores.Path, err)
		}
	}
	return b.restoreScores()
}

// scoreFiles are the files that may hold scores of a span file's spans: they are
// in the folder of the names that the spans have or had when they came, and of the
// day of the scores' time, or mixed.
func (s *Stream) scoreFiles(f File, held map[heldKey]*heldSpan) []File {
	times := make([]int64, 0, len(held))
	days, folders := map[int32]bool{}, map[string]bool{promptFolder(path.Dir(f.Path)): true}
	for key, span := range held {
		times = append(times, key.at)
		days[dayOf(key.at)] = true
		if span.home != "" {
			folders[span.home] = true
		}
	}
	slices.Sort(times)
	candidates := slices.Clone(s.scores[Mixed])
	if scoreFolder(f.Path) == Mixed {
		for folder, files := range s.scores {
			if folder != Mixed {
				candidates = append(candidates, files...)
			}
		}
	} else {
		for day := range days {
			date := time.Unix(int64(day)*nanosPerDay/int64(time.Second), 0).UTC().Format(time.DateOnly)
			for names := range folders {
				candidates = append(candidates, s.scores[path.Join(TableScores, names, "date="+date)]...)
			}
		}
	}
	return slices.DeleteFunc(candidates, func(scores File) bool {
		if scores.MinTime.IsZero() {
			return false
		}
		i, _ := slices.BinarySearch(times, scores.MinTime.UnixNano())
		return i == len(times) || times[i] > scores.MaxTime.UnixNano()
	})
}
