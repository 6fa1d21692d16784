// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset/store"
)

// ErrNoDataset is returned for a path that holds no dataset.
var ErrNoDataset = errors.New("no dataset")

// ErrUnavailable is in the errors of reading from an object store that does not
// answer, which say nothing of what it holds.
var ErrUnavailable = store.ErrUnavailable

// Dataset is a dataset opened for reading.
type Dataset struct {
	store   store.Store
	footers footers
}

// CheckPath tells whether a path can name a dataset: a folder, or the URL of an
// object store. Nothing is asked of either.
func CheckPath(path string) error { return store.Check(path) }

// DisplayPath is a dataset's path as it may be shown and logged: a URL without
// its parameters.
func DisplayPath(path string) string { return store.Display(path) }

// Open opens a dataset, a folder or the URL of an object store; ErrNoDataset when
// there is none.
func Open(path string) (*Dataset, error) {
	s, err := store.Open(context.Background(), path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("dataset %q: %w: start the collector with genai_parquet, or name another folder", store.Display(path), ErrNoDataset)
	}
	if err != nil {
		return nil, fmt.Errorf("dataset %q: %w", store.Display(path), err)
	}
	return &Dataset{store: s}, nil
}

// Root is the dataset's absolute path, or its URL.
func (d *Dataset) Root() string { return d.store.Root() }

// Close releases the dataset.
func (d *Dataset) Close() error { return d.store.Close() }

// Files lists the files of a table that manifests name.
func (d *Dataset) Files(ctx context.Context, table string) ([]File, error) {
	files, err := readManifest(ctx, d.store)
	if err != nil {
		return nil, fmt.Errorf("dataset %q: %w", d.Root(), err)
	}
	return slices.DeleteFunc(files, func(f File) bool { return f.Table != table }), nil
}

// Filter selects spans; empty fields select all.
type Filter struct {
	SpanIDs, TraceIDs []string
	// Since is inclusive, Until exclusive, by start time.
	Since, Until time.Time
	// PromptName and PromptVersion must match exactly.
	PromptName, PromptVersion string
}

// excludes tells from the manifest alone that a file holds no selected span, or
// no score of one: scores have times of their own.
func (f *Filter) excludes(file File) bool {
	early := !f.Since.IsZero() && file.MaxTime.Before(f.Since) || !f.Until.IsZero() && !file.MinTime.Before(f.Until)
	return early && file.Table == TableSpans ||
		f.PromptName != "" && !inPartition(file.Path, "prompt_name", f.PromptName) ||
		f.PromptVersion != "" && !inPartition(file.Path, "prompt_version", f.PromptVersion)
}

// inPartition tells whether a path is one where rows with this value may be.
func inPartition(path, column, value string) bool {
	return strings.Contains(path, "/"+column+"="+escapeSegment(value)+"/") || strings.Contains(path, "/"+column+"="+Mixed+"/")
}

// ReadTraces returns the selected spans as they were received, each once. When a
// file is gone because others took its place, it reads those.
func (d *Dataset) ReadTraces(ctx context.Context, filter Filter) (ptrace.Traces, error) {
	var before []File
	for {
		files, err := readManifest(ctx, d.store)
		if err != nil {
			return ptrace.Traces{}, fmt.Errorf("dataset %q: %w", d.Root(), err)
		}
		traces, err := d.readTraces(ctx, files, filter)
		if !errors.Is(err, fs.ErrNotExist) || slices.Equal(before, files) {
			return traces, err
		}
		before = files
	}
}

func (d *Dataset) readTraces(ctx context.Context, files []File, filter Filter) (ptrace.Traces, error) {
	b := newTraceBuilder(filter)
	messages := newMessageReader(d.store, files)
	for _, table := range []struct {
		name string
		take func(arrow.RecordBatch) error
	}{{TableSpans, b.addRecord}, {TableScores, b.addScores}} {
		ids := filter.ids()
		if table.name == TableScores {
			if len(b.held) == 0 {
				continue
			}
			if len(ids) > 0 {
				ids = []wanted{{"span_id", b.spanIDs()}}
			}
		}
		var chosen []File
		for _, f := range files {
			if f.Table == table.name && (!filter.excludes(f) || table.name == TableScores && b.leftAt(f)) {
				chosen = append(chosen, f)
			}
		}
		done := func(f File) error {
			err := messages.restore(ctx, f, b.histories)
			b.histories = b.histories[:0]
			return err
		}
		read := readAllRows
		if len(ids) > 0 && len(ids[0].values) <= maxLookUps {
			read = d.lookUp
		}
		if err := read(ctx, d.store, chosen, ids, table.take, done); err != nil {
			return ptrace.Traces{}, fmt.Errorf("dataset %q: %w", d.Root(), err)
		}
	}
	if err := b.restoreScores(); err != nil {
		return ptrace.Traces{}, fmt.Errorf("dataset %q: %w", d.Root(), err)
	}
	return b.traces, nil
}

// openFile opens a file of a format that is known.
func openFile(ctx context.Context, s store.Store, name string) (*file.Reader, error) {
	return openWith(ctx, s, name, nil)
}

// openWith opens a file whose footer is known; nil reads it.
func openWith(ctx context.Context, s store.Store, name string, footer *metadata.FileMetaData) (*file.Reader, error) {
	source, err := s.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	properties := parquet.NewReaderProperties(memory.DefaultAllocator)
	properties.BufferedStreamEnabled = true
	reader, err := file.NewParquetReader(source, file.WithReadProps(properties), file.WithMetadata(footer))
	if err != nil {
		_ = source.Close()
		return nil, err
	}
	if err := checkFormat(reader); err != nil {
		_ = reader.Close()
		return nil, err
	}
	return reader, nil
}

// readAllRows reads files one after the other, without the row groups that hold
// none of the ids.
func readAllRows(ctx context.Context, s store.Store, files []File, ids []wanted, take func(arrow.RecordBatch) error, done func(File) error) error {
	var spanIDs []string
	if len(ids) > 0 && ids[0].column == "span_id" {
		spanIDs = ids[0].values
	}
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := readFile(ctx, s, f.Path, spanIDs, take); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		if err := done(f); err != nil {
			return err
		}
	}
	return nil
}

// checkFormat refuses files of a newer format.
func checkFormat(reader *file.Reader) error {
	value := reader.MetaData().KeyValueMetadata().FindValue(formatKey)
	if value == nil || *value == "" {
		return errors.New("not written by spanloop: no " + formatKey + " in the file's metadata")
	}
	if *value != "1" {
		return NewerFormat(*value)
	}
	return nil
}

// formatOf returns ErrNewer for a file of a newer format.
func formatOf(ctx context.Context, s store.Store, name string) error {
	reader, err := openFile(ctx, s, name)
	if err != nil {
		return err
	}
	return reader.Close()
}

// selectGroups drops row groups whose bloom filter of a column excludes all
// values that are asked for.
func selectGroups(reader *file.Reader, name string, values []string) ([]int, error) {
	var groups []int
	column := reader.MetaData().Schema.ColumnIndexByName(name)
	blooms := reader.GetBloomFilterReader()
	for i := range reader.NumRowGroups() {
		if len(values) == 0 || column < 0 {
			groups = append(groups, i)
			continue
		}
		group, err := blooms.RowGroup(i)
		if err != nil {
			return nil, err
		}
		found, err := mayHold(group, column, values)
		if err != nil {
			return nil, err
		}
		if found {
			groups = append(groups, i)
		}
	}
	return groups, nil
}

// column returns a record's column by name.
func columnByName[T arrow.Array](record arrow.RecordBatch, name string) (T, error) {
	var none T
	index := record.Schema().FieldIndices(name)
	if len(index) != 1 {
		return none, fmt.Errorf("column %s is missing", name)
	}
	column, ok := record.Column(index[0]).(T)
	if !ok {
		return none, fmt.Errorf("column %s has type %s", name, record.Column(index[0]).DataType())
	}
	return column, nil
}

// mayHold asks the bloom filter of a column about ids; a group without a filter
// may hold anything.
func mayHold(group *metadata.RowGroupBloomFilterReader, column int, ids []string) (bool, error) {
	filter, err := group.GetColumnBloomFilter(column)
	if err != nil {
		return false, err
	}
	if filter == nil {
		return true, nil
	}
	typed := metadata.TypedBloomFilter[parquet.ByteArray]{BloomFilter: filter}
	for _, id := range ids {
		if typed.Check(parquet.ByteArray(id)) {
			return true, nil
		}
	}
	return false, nil
}
