// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
	"github.com/spanloop/spanloop/internal/dataset/store"
)

// compactedLevel is zstd's level for files that are written once and read often.
const compactedLevel = 6

// identifying are the columns by which a row that stands twice is told, for each
// table; the first one stays. Scores that spans hold their events by differ in
// time and position.
var identifying = map[string][]string{
	TableSpans:    {"trace_id", "span_id"},
	TableMessages: {"prompt_name", "prompt_version", "date", "hash"},
	TableScores:   {"trace_id", "span_id", "name", "evaluator_version", "evaluation_id", "time_unix_nano", "event"},
	TableContent:  {"trace_id", "span_id", "event_id", "identity_id"},
	TablePrompts:  {"name", "version", "hash", "template"},
	TableTools:    {"name", "version", "hash", "definition"},
}

// timeColumn is the column of a row's time, none for tables without one.
var timeColumn = map[string]string{
	TableSpans: "start_unix_nano", TableScores: "time_unix_nano", TableContent: "time_unix_nano",
}

// columnsKey identifies what must be equal for rows to go to one file: the
// columns with their types, and the file's metadata.
func columnsKey(reader *file.Reader) string {
	var b strings.Builder
	schema.PrintSchema(reader.MetaData().Schema.Root(), &b, 0)
	pairs := reader.MetaData().KeyValueMetadata()
	for i, key := range pairs.Keys() {
		fmt.Fprintf(&b, "%q=%q\n", key, pairs.Values()[i])
	}
	return b.String()
}

// newCopier returns a writer of files with the columns of another one, those
// that this version does not know included.
func newCopier(table string, like *file.Reader) (*parquetfile.Writer, error) {
	known := map[string]bool{}
	for _, c := range columnsOf(table) {
		for _, leaf := range leafPaths(c) {
			known[leaf] = true
		}
	}
	more := []parquet.WriterProperty{parquet.WithCompressionLevel(compactedLevel)}
	columns := like.MetaData().Schema
	for i := range columns.NumColumns() {
		c := columns.Column(i)
		if !known[c.Path()] && c.PhysicalType() == parquet.Types.ByteArray {
			more = append(more, parquet.WithDictionaryFor(c.Path(), true))
		}
	}
	pairs := like.MetaData().KeyValueMetadata()
	var meta [][2]string
	for i, key := range pairs.Keys() {
		meta = append(meta, [2]string{key, pairs.Values()[i]})
	}
	return parquetfile.New(columns.Root(), writerProperties(columnsOf(table), CodecZstd, more...), meta)
}

// rewrite makes new files of the rows of others.
type rewrite struct {
	store  store.Store
	table  string
	inputs []File
	// route is the folder that a row goes to, for rows that are not to stay in
	// that of the inputs. Without route all stay.
	route func(rows *parquetfile.Rows, row int) string
	// drop tells which rows are not copied; nil for none.
	drop func(rows *parquetfile.Rows, row int) bool
	// taken are paths that no new file may have.
	taken map[string]bool

	// writer writes files with the columns of the inputs.
	writer *parquetfile.Writer
	// buffer bounds the memory of rows that are held at once, each lot of which
	// becomes a row group; 0 is as much as a full row group.
	buffer int
	// written takes the names of new files; nil for none.
	written *[]string
	// pause is called after each row group; nil for none.
	pause func(context.Context) error

	dropped    []bool
	duplicates int
	left       int
}

// rowRef is a row of decoded rows.
type rowRef struct {
	rows *parquetfile.Rows
	row  int
}

// run writes the new files and returns them. All rows of the inputs with equal
// routes go to one file.
func (r *rewrite) run(ctx context.Context) (files []File, err error) {
	defer func() {
		// Decoding what is not what it seems to be may panic.
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: cannot be read: %v", r.inputs[0].Path, p)
		}
	}()
	if err := r.findDuplicates(ctx); err != nil {
		return nil, err
	}
	out := &outputs{rewrite: r}
	var window []rowRef
	rows, size := 0, 0
	err = r.eachGroup(ctx, nil, func(group *parquetfile.Rows, first int) error {
		more, limit := r.weigh(out, group)
		if rows > 0 && r.route == nil && (rows+group.N > parquetfile.GroupRows || size+more > limit) {
			if err := out.write(window); err != nil {
				return err
			}
			clear(window)
			window, rows, size = window[:0], 0, 0
		}
		rows += group.N
		size += more
		for i := range group.N {
			switch {
			case r.dropped[first+i]:
			case r.drop != nil && r.drop(group, i):
				r.left++
			default:
				window = append(window, rowRef{group, i})
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if r.route != nil {
		return out.writeRouted(ctx, window)
	}
	if err := out.write(window); err != nil {
		return nil, err
	}
	return out.finish(ctx, path.Dir(r.inputs[0].Path))
}

// weigh is what decoded rows count, and how much may be held.
func (r *rewrite) weigh(out *outputs, group *parquetfile.Rows) (size, limit int) {
	if r.buffer > 0 {
		return group.Bytes, r.buffer
	}
	return out.size(group), parquetfile.GroupBytes
}

// eachGroup decodes the row groups of all inputs; first is the number of a
// group's first row among all rows.
func (r *rewrite) eachGroup(ctx context.Context, columns []string, take func(*parquetfile.Rows, int) error) error {
	first := 0
	for _, f := range r.inputs {
		if err := ctx.Err(); err != nil {
			return err
		}
		reader, err := openFile(ctx, r.store, f.Path)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		for i := range reader.NumRowGroups() {
			rows, err := parquetfile.ReadRows(reader, i, columns...)
			if err == nil {
				err = take(rows, first)
			}
			if err != nil {
				_ = reader.Close()
				return fmt.Errorf("%s: %w", f.Path, err)
			}
			first += rows.N
			if err := r.rest(ctx); err != nil {
				_ = reader.Close()
				return err
			}
		}
		if err := reader.Close(); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	return nil
}

// eachChosen hands over columns of the row groups of a file of which a row is
// chosen by one column, with the numbers of these rows. All columns are read
// without names, all rows are chosen without where.
func (c *compactor) eachChosen(ctx context.Context, f File, by string, where func(*parquetfile.Rows, int) bool, columns []string, take func(*parquetfile.Rows, []int) error) error {
	reader, err := openFile(ctx, c.store, f.Path)
	if err != nil {
		return c.unread(ctx, f, err)
	}
	defer reader.Close()
	for group := range reader.NumRowGroups() {
		if err := ctx.Err(); err != nil {
			return err
		}
		var rows *parquetfile.Rows
		var chosen []int
		err := guarded(func() error {
			rows, chosen, err = choose(reader, group, by, where, columns)
			return err
		})
		if err != nil {
			return c.unread(ctx, f, err)
		}
		if len(chosen) > 0 {
			if err := take(rows, chosen); err != nil {
				return err
			}
		}
		if c.options.Pause != nil {
			if err := c.options.Pause(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// choose reads a row group, only the column by when no row is chosen.
func choose(reader *file.Reader, group int, by string, where func(*parquetfile.Rows, int) bool, columns []string) (*parquetfile.Rows, []int, error) {
	rows, err := parquetfile.ReadRows(reader, group, by)
	if err != nil {
		return nil, nil, err
	}
	var chosen []int
	for i := range rows.N {
		if where == nil || where(rows, i) {
			chosen = append(chosen, i)
		}
	}
	if len(chosen) > 0 && (len(columns) == 0 || len(columns) > 1 || columns[0] != by) {
		rows, err = parquetfile.ReadRows(reader, group, columns...)
	}
	return rows, chosen, err
}

// unread is the error of a file that cannot be read: a store that does not answer
// says nothing about it.
func (c *compactor) unread(ctx context.Context, f File, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, store.ErrUnavailable) {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	return &unsound{Finding{Kind: FindingAltered, Path: f.Path, Detail: err.Error(), Advice: advice[FindingAltered]}}
}

func (r *rewrite) rest(ctx context.Context) error {
	if r.pause == nil {
		return nil
	}
	return r.pause(ctx)
}

// findDuplicates marks rows that are not copied: of those with equal keys the
// first one stays, of spans the one that began first, rather with what others of
// its trace revealed than without, as in the views.
func (r *rewrite) findDuplicates(ctx context.Context) error {
	type place struct {
		row    int
		time   int64
		filled bool
	}
	columns, at := identifying[r.table], timeColumn[TableSpans]
	seen := map[[16]byte]place{}
	var key []byte
	return r.eachGroup(ctx, append(slices.Clone(columns), at, lateIdentityColumn), func(rows *parquetfile.Rows, first int) error {
		for i := range rows.N {
			r.dropped = append(r.dropped, false)
			key = rowKey(key[:0], rows, columns, i)
			sum := [16]byte(digestOf(key))
			p := place{row: first + i}
			if r.table == TableSpans {
				p.time, _ = rows.Long(at, i)
				_, p.filled = rows.Text(lateIdentityColumn, i)
			}
			known, twice := seen[sum]
			switch {
			case !twice:
				seen[sum] = p
				continue
			case p.time < known.time, p.time == known.time && p.filled && !known.filled:
				seen[sum], p = p, known
			}
			r.dropped[p.row] = true
			r.duplicates++
		}
		return nil
	})
}

func digestOf(key []byte) []byte {
	sum := sha256.Sum256(key)
	return sum[:16]
}

// rowKey is a row's values of some columns, one after the other without
// ambiguity.
func rowKey(key []byte, rows *parquetfile.Rows, columns []string, row int) []byte {
	for _, c := range columns {
		if text, ok := rows.Text(c, row); ok {
			key = append(binary.AppendUvarint(append(key, 't'), uint64(len(text))), text...)
			continue
		}
		number, ok := rows.Long(c, row)
		if !ok {
			key = append(key, '-')
			continue
		}
		key = binary.AppendVarint(append(key, 'n'), number)
	}
	return key
}

// outputs writes the files of a rewrite, one after the other.
type outputs struct {
	*rewrite
	rows     int
	min, max int64
}

// size is about how many bytes rows have before compression.
func (o *outputs) size(rows *parquetfile.Rows) (size int) {
	for i := range rows.N {
		size += o.writer.Size(rows, i)
	}
	return size
}

// write copies rows into the current file in order of their times, which prunes
// row groups.
func (o *outputs) write(window []rowRef) error {
	slices.SortStableFunc(window, o.compareTimes)
	for _, ref := range window {
		if err := o.writer.Copy(ref.rows, ref.row); err != nil {
			return err
		}
		if at, ok := ref.rows.Long(timeColumn[o.table], ref.row); ok {
			if o.rows == 0 {
				o.min, o.max = at, at
			}
			o.min, o.max = min(o.min, at), max(o.max, at)
		}
		o.rows++
	}
	if o.buffer > 0 {
		return o.writer.EndGroup()
	}
	return nil
}

// compareTimes orders rows by their times.
func (o *outputs) compareTimes(a, b rowRef) int {
	at := timeColumn[o.table]
	x, _ := a.rows.Long(at, a.row)
	y, _ := b.rows.Long(at, b.row)
	return cmp.Compare(x, y)
}

// writeRouted writes a file for each folder that rows go to.
func (o *outputs) writeRouted(ctx context.Context, window []rowRef) ([]File, error) {
	routes := map[string][]rowRef{}
	for _, ref := range window {
		dir := o.route(ref.rows, ref.row)
		routes[dir] = append(routes[dir], ref)
	}
	var files []File
	for _, dir := range slices.Sorted(maps.Keys(routes)) {
		if err := o.write(routes[dir]); err != nil {
			return nil, err
		}
		written, err := o.finish(ctx, dir)
		if err != nil {
			return nil, err
		}
		files = append(files, written...)
	}
	return files, nil
}

// finish stores the current file in a folder.
func (o *outputs) finish(ctx context.Context, dir string) ([]File, error) {
	if o.rows == 0 {
		return nil, nil
	}
	content, err := o.writer.Finish()
	if err != nil {
		return nil, err
	}
	f := newFile(o.table, dir, content, o.rows, o.min, o.max)
	if timeColumn[o.table] == "" {
		f.MinTime, f.MaxTime = timesOf(o.inputs)
	}
	f.Path = fileName(dir, compactedPrefix, f.SHA256, "")
	for n := 1; o.taken[f.Path]; n++ {
		f.Path = fileName(dir, compactedPrefix, f.SHA256, fmt.Sprintf("-%d", n))
	}
	o.rows, o.min, o.max = 0, 0, 0
	if o.written != nil {
		*o.written = append(*o.written, f.Path)
	}
	if err := putContent(ctx, o.store, f.Path, content); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	return []File{f}, nil
}

// timesOf are the first and the last time of files.
func timesOf(files []File) (first, last time.Time) {
	for i, f := range files {
		if i == 0 || f.MinTime.Before(first) {
			first = f.MinTime
		}
		if f.MaxTime.After(last) {
			last = f.MaxTime
		}
	}
	return first, last
}
