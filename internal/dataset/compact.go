// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
	"github.com/spanloop/spanloop/internal/dataset/store"
)

// DefaultTargetBytes is how large compacted files become.
const DefaultTargetBytes = 64 << 20

// Bounds of what is merged at once.
const (
	// bytesPerRow bounds the rows of a file: below that size they are so many
	// that telling duplicates takes too much memory.
	bytesPerRow = 64
	// maxMixedBytes bounds files whose rows go to several folders: they are held
	// in memory whole.
	maxMixedBytes = 16 << 20
	// ownFolder is how many rows of mixed files are worth a folder of their own.
	ownFolder = 1000
)

// CompactOptions configure Compact. The zero value works.
type CompactOptions struct {
	// TargetBytes is how large files become; those of half of it stay as they are.
	TargetBytes int64
	// MinFiles is how many small files of like size a folder must have until they
	// are merged; 2 by default.
	MinFiles int
	// Grace is how long replaced files stay; DefaultGrace when it is negative.
	Grace time.Duration
	// BufferBytes bounds what is held of rows at once; row groups become no larger.
	// What needs more is left undone: rows of mixed files do not go to folders of
	// their own, messages that no span refers to stay. 0 is without that bound.
	BufferBytes int
	// MaxTime is after which time no further files are merged: the next run goes on.
	MaxTime time.Duration
	// Pause is called after each piece of work and may wait.
	Pause func(context.Context) error
	// Settle is for how long no span of a trace must have ended until rows get what
	// its spans reveal about each other; DefaultSettle when it is negative.
	Settle time.Duration
	// DryRun only counts.
	DryRun bool

	// now is the time, for tests.
	now func() time.Time
}

// Compaction is what Compact did.
type Compaction struct {
	DryRun bool              `json:"dry_run"`
	Tables []TableCompaction `json:"tables"`
	Late   LateCompaction    `json:"late_identity"`
	Cleaning
	// Skipped are files that were left as they are because they cannot be read.
	Skipped []Finding `json:"skipped"`
}

// TableCompaction counts the files of a table that were merged.
type TableCompaction struct {
	Table       string `json:"table"`
	FilesBefore int    `json:"files_before"`
	FilesAfter  int    `json:"files_after"`
	BytesBefore int64  `json:"bytes_before"`
	BytesAfter  int64  `json:"bytes_after"`
	// Rows are those of the new files, Duplicates those that were dropped.
	Rows       int64 `json:"rows"`
	Duplicates int   `json:"duplicates"`
}

func newKeeper(s store.Store, grace time.Duration, now func() time.Time) *keeper {
	if grace < 0 {
		grace = DefaultGrace
	}
	if now == nil {
		now = time.Now
	}
	return &keeper{store: s, grace: grace, now: now, copiers: map[string]*parquetfile.Writer{}}
}

// Compact merges small files of a folder, drops rows that stand twice, moves rows
// of mixed folders to their own, and merges manifest entries. Readers and writers
// go on meanwhile. ErrBusy tells that another process does the same.
func (d *Dataset) Compact(ctx context.Context, options CompactOptions) (Compaction, error) {
	k := newKeeper(d.store, options.Grace, options.now)
	return k.compact(ctx, options)
}

func (k *keeper) compact(ctx context.Context, options CompactOptions) (Compaction, error) {
	if options.TargetBytes <= 0 {
		options.TargetBytes = DefaultTargetBytes
	}
	options.MinFiles = max(options.MinFiles, 2)
	if options.Settle < 0 {
		options.Settle = DefaultSettle
	}
	c := &compactor{keeper: k, options: options, began: k.now(), looked: map[string]bool{}}
	k.bufferBytes = options.BufferBytes
	c.result.DryRun = options.DryRun
	var err error
	if options.DryRun {
		if err = k.reload(ctx); err == nil {
			err = c.run(ctx)
		}
	} else {
		c.result.Cleaning, err = k.keep(ctx, c.run)
	}
	if err != nil {
		return c.result, fmt.Errorf("dataset %q: %w", k.store.Root(), err)
	}
	return c.result, nil
}

type compactor struct {
	*keeper
	options CompactOptions
	result  Compaction
	began   time.Time
	settled *settledFiles
	// looked are the span files whose traces were looked at by this run.
	looked map[string]bool
}

func (c *compactor) run(ctx context.Context) error {
	c.settled = readSettled(ctx, c.store)
	if err := c.fillLate(ctx); err != nil {
		return err
	}
	if err := c.mergeTables(ctx); err != nil || c.options.DryRun {
		return err
	}
	if err := c.refresh(ctx); err != nil {
		return err
	}
	return c.settled.write(ctx, c.store, c.m.files)
}

// late tells that the run has had its time.
func (c *compactor) late() bool {
	return c.options.MaxTime > 0 && c.now().Sub(c.began) >= c.options.MaxTime
}

func (c *compactor) mergeTables(ctx context.Context) error {
	for _, table := range Tables {
		if err := c.refresh(ctx); err != nil {
			return err
		}
		counts := TableCompaction{Table: table}
		if table == TableMessages {
			if err := c.dropAbandoned(ctx, &counts); err != nil {
				return err
			}
		}
		for _, job := range c.plan(table) {
			if err := ctx.Err(); err != nil {
				return err
			}
			if c.late() {
				break
			}
			if err := c.merge(ctx, &counts, job); err != nil {
				return err
			}
		}
		c.result.Tables = append(c.result.Tables, counts)
	}
	return nil
}

// plan lists which files of a table are merged: small ones of one folder, in the
// order of their rows' times.
func (c *compactor) plan(table string) [][]File {
	folders := map[string][]File{}
	for _, f := range c.m.files {
		if f.Table == table && f.Bytes < c.options.TargetBytes/2 {
			folders[path.Dir(f.Path)] = append(folders[path.Dir(f.Path)], f)
		}
	}
	var jobs [][]File
	for _, dir := range sortedKeys(folders) {
		limit := c.options.TargetBytes
		if isMixed(dir) && c.bufferBytes == 0 {
			limit = min(limit, maxMixedBytes)
		}
		for _, tier := range c.tiers(folders[dir]) {
			jobs = append(jobs, bins(tier, limit)...)
		}
	}
	return jobs
}

// tiers are groups of files worth merging. With MinFiles above 2, files are only
// merged with those of like size: so a file that grows is not written anew each
// time.
func (c *compactor) tiers(files []File) [][]File {
	if c.options.MinFiles == 2 {
		return [][]File{files}
	}
	sizes := map[int][]File{}
	for _, f := range files {
		tier := 0
		for size := f.Bytes >> 17; size > 0; size >>= 3 {
			tier++
		}
		sizes[tier] = append(sizes[tier], f)
	}
	var tiers [][]File
	for _, tier := range sortedKeys(sizes) {
		if len(sizes[tier]) >= c.options.MinFiles {
			tiers = append(tiers, sizes[tier])
		}
	}
	return tiers
}

// bins divides files into runs of at most limit bytes, in order of time; a run of
// one file is left out.
func bins(files []File, limit int64) [][]File {
	return slices.DeleteFunc(inBins(files, limit), func(bin []File) bool { return len(bin) < 2 })
}

func inBins(files []File, limit int64) [][]File {
	slices.SortFunc(files, func(a, b File) int {
		return cmp.Or(a.MinTime.Compare(b.MinTime), strings.Compare(a.Path, b.Path))
	})
	var list [][]File
	var bin []File
	var bytes, rows int64
	for _, f := range files {
		if len(bin) > 0 && (bytes+f.Bytes > limit || rows+f.Rows > limit/bytesPerRow) {
			list = append(list, bin)
			bin, bytes, rows = nil, 0, 0
		}
		bin = append(bin, f)
		bytes, rows = bytes+f.Bytes, rows+f.Rows
	}
	return append(list, bin)
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func isMixed(dir string) bool { return strings.Contains(dir, "/prompt_name="+Mixed+"/") }

// merge merges files of one folder, those of like columns with each other.
func (c *compactor) merge(ctx context.Context, counts *TableCompaction, files []File) error {
	kinds := c.alike(ctx, files)
	for _, key := range sortedKeys(kinds) {
		like := kinds[key]
		if len(like) < 2 {
			continue
		}
		if c.options.DryRun {
			counts.add(like, nil, 0)
			continue
		}
		writer, err := c.copier(ctx, counts.Table, key, like[0])
		if err != nil {
			return err
		}
		r := &rewrite{store: c.store, table: counts.Table, inputs: like, writer: writer, taken: c.taken()}
		c.bounded(r)
		added, err := c.rewrite(ctx, r)
		if errors.Is(err, errNoMessages) {
			c.result.Skipped = append(c.result.Skipped, Finding{Kind: FindingDangling, Path: like[0].Path, Detail: err.Error()})
			continue
		}
		if err != nil {
			return err
		}
		if err := c.commit(ctx, added, removedOf(like, added)); err != nil {
			return err
		}
		c.inherit(like, added)
		counts.add(like, added, r.duplicates)
	}
	return nil
}

// bounded gives a rewrite the run's bounds.
func (c *compactor) bounded(r *rewrite) {
	r.buffer, r.pause, r.written = c.bufferBytes, c.options.Pause, &c.written
}

// rewrite makes the new files of a job, with the messages that moved spans refer
// to.
func (c *compactor) rewrite(ctx context.Context, r *rewrite) (added []File, err error) {
	mixed := isMixed(r.inputs[0].Path) && c.bufferBytes == 0
	switch {
	case r.table == TableMessages && c.bufferBytes > 0:
	case r.table == TableMessages:
		r.drop, err = c.unreferred(ctx, r.inputs)
	case mixed:
		r.route, err = c.ownFolders(ctx, r)
	}
	if err != nil {
		return nil, err
	}
	if added, err = r.run(ctx); err != nil || !mixed || r.table != TableSpans {
		return added, err
	}
	messages, err := c.follow(ctx, r.inputs, added)
	return append(added, messages...), err
}

// dropAbandoned takes messages out of the dataset whose folders have no spans any
// more.
func (c *compactor) dropAbandoned(ctx context.Context, counts *TableCompaction) error {
	files, err := c.abandoned(ctx)
	if err != nil || len(files) == 0 {
		return err
	}
	counts.add(files, nil, 0)
	if c.options.DryRun {
		return nil
	}
	if err := c.commit(ctx, nil, files); err != nil {
		return err
	}
	return c.refresh(ctx)
}

// removedOf are the old files but those that are the new ones: rows in order, of
// one file, make the same file again.
func removedOf(old, added []File) []File {
	return slices.DeleteFunc(slices.Clone(old), func(f File) bool {
		return slices.ContainsFunc(added, func(a File) bool { return a.Path == f.Path })
	})
}

func (t *TableCompaction) add(before, after []File, duplicates int) {
	for _, f := range before {
		t.FilesBefore++
		t.BytesBefore += f.Bytes
	}
	for _, f := range after {
		t.FilesAfter++
		t.BytesAfter += f.Bytes
		t.Rows += f.Rows
	}
	t.Duplicates += duplicates
}

// alike divides files by their columns. Those that are not what the manifest says
// are left alone and named.
func (c *compactor) alike(ctx context.Context, files []File) map[string][]File {
	kinds := map[string][]File{}
	for _, f := range files {
		v := verifier{store: c.store}
		if !v.checkFile(ctx, f) {
			c.result.Skipped = append(c.result.Skipped, v.Findings...)
			continue
		}
		key, err := c.columnsOf(ctx, f)
		if err != nil {
			c.result.Skipped = append(c.result.Skipped, Finding{Kind: FindingAltered, Path: f.Path, Detail: err.Error()})
			continue
		}
		kinds[key] = append(kinds[key], f)
	}
	return kinds
}

// copier returns a writer of files of a table with some columns, of which there
// is one for all files.
func (k *keeper) copier(ctx context.Context, table, columns string, like File) (*parquetfile.Writer, error) {
	key := table + "\n" + columns
	if w := k.copiers[key]; w != nil {
		return w, nil
	}
	reader, err := openFile(ctx, k.store, like.Path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", like.Path, err)
	}
	defer reader.Close()
	w, err := newCopier(table, reader)
	if err != nil {
		return nil, err
	}
	for _, other := range k.copiers {
		// One file is written after the other; a compressor is much of a writer's memory.
		w.ShareCodec(other)
		break
	}
	k.copiers[key] = w
	return w, nil
}

func (c *compactor) columnsOf(ctx context.Context, f File) (string, error) {
	reader, err := openFile(ctx, c.store, f.Path)
	if err != nil {
		return "", err
	}
	defer reader.Close()
	return columnsKey(reader), nil
}

// errNoPlace is returned for a row whose columns do not say where it belongs.
var errNoPlace = errors.New("a row has no prompt, version or date")

// ownFolders finds the rows of mixed files that are many enough for folders of
// their own; the others stay together.
func (c *compactor) ownFolders(ctx context.Context, r *rewrite) (func(*parquetfile.Rows, int) string, error) {
	counts := map[string]int{}
	columns := []string{"prompt_name", "prompt_version", "date"}
	err := r.eachGroup(ctx, columns, func(rows *parquetfile.Rows, _ int) error {
		for i := range rows.N {
			dir, ok := folderOf(r.table, rows, i)
			if !ok {
				return errNoPlace
			}
			counts[dir]++
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, f := range c.m.files {
		if n, ok := counts[path.Dir(f.Path)]; ok && n > 0 {
			counts[path.Dir(f.Path)] = ownFolder
		}
	}
	mixed := path.Dir(r.inputs[0].Path)
	return func(rows *parquetfile.Rows, i int) string {
		if dir, _ := folderOf(r.table, rows, i); counts[dir] >= ownFolder {
			return dir
		}
		return mixed
	}, nil
}

// folderOf is the folder of a row's own partition.
func folderOf(table string, rows *parquetfile.Rows, row int) (string, bool) {
	part, ok := partitionOf(rows, row)
	return part.dir(table), ok
}

// partitionOf is a row's own partition; false when its columns do not say.
func partitionOf(rows *parquetfile.Rows, row int) (partition, bool) {
	name, named := rows.Text("prompt_name", row)
	version, versioned := rows.Text("prompt_version", row)
	day, dated := rows.Long("date", row)
	return partition{name: name, version: version, day: int32(day)}, named && versioned && dated
}
