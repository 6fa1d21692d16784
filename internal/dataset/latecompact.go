// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/dataset/lateidentity"
	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
)

// DefaultSettle is for how long no span of a trace must have ended until it counts
// as complete.
const DefaultSettle = 10 * time.Minute

// Bounds of what is looked at at once, and how far from a span in time others of
// its trace are looked for: of a run without bounds of memory, and of one with.
const (
	lateRows, lateRowsBounded   = 1_000_000, 100_000
	lateSpans, lateSpansBounded = 250_000, 25_000
	lateReach, lateReachBounded = 7 * 24 * time.Hour, 15 * time.Minute
)

// LateCompaction counts the spans that got what other spans of their trace
// revealed.
type LateCompaction struct {
	Rows int64 `json:"rows"`
	// Moved are those that went to the folder of another prompt.
	Moved int64 `json:"moved_rows"`
	// Files are those that were written anew for it.
	Files int `json:"files"`

	// jobs are the manifest entries that this took.
	jobs int
}

func (c *compactor) reach() time.Duration {
	if c.bufferBytes > 0 {
		return lateReachBounded
	}
	return lateReach
}

func (c *compactor) spansAtOnce() int {
	if c.bufferBytes > 0 {
		return lateSpansBounded
	}
	return lateSpans
}

// fillLate writes into rows what other spans of their trace reveal.
func (c *compactor) fillLate(ctx context.Context) error {
	if len(c.m.broken) > 0 {
		// Some spans are not known, which may say something else.
		return nil
	}
	c.unsettle()
	for !c.late() {
		files := c.nextBatch()
		if len(files) == 0 {
			return nil
		}
		if err := c.fillBatch(ctx, files); err != nil {
			return err
		}
		if err := c.refresh(ctx); err != nil {
			return err
		}
	}
	return nil
}

// nextBatch are files whose traces have to be looked at, the oldest first.
func (c *compactor) nextBatch() (batch []File) {
	var files []File
	for _, f := range c.m.files {
		if f.Table == TableSpans && !c.looked[f.Path] && !c.settled.reach(f, c.reach()) {
			files = append(files, f)
		}
	}
	slices.SortFunc(files, func(a, b File) int { return cmp.Or(a.MinTime.Compare(b.MinTime), strings.Compare(a.Path, b.Path)) })
	limit := int64(lateRows)
	if c.bufferBytes > 0 {
		limit = lateRowsBounded
	}
	for _, f := range files {
		if limit -= f.Rows; limit < 0 && len(batch) > 0 {
			break
		}
		batch = append(batch, f)
	}
	return batch
}

func (c *compactor) fillBatch(ctx context.Context, files []File) error {
	b := &lateBatch{
		compactor: c, files: files, traces: map[[16]byte]metTrace{}, fills: map[spanKey]lateFill{},
		bare: map[spanKey]bool{}, told: map[spanKey]lateidentity.Told{},
		filled: map[string]bool{}, moving: map[string]bool{}, states: map[lateidentity.State]*lateidentity.State{},
		quiet: c.began.Add(-c.options.Settle).UnixNano(), soon: c.began.Add(c.options.Settle).UnixNano(),
	}
	for _, f := range files {
		c.looked[f.Path] = true
	}
	err := b.find(ctx)
	var known *unsound
	switch {
	case errors.As(err, &known):
		// What it holds may say something else: nothing is written.
		c.result.Skipped = append(c.result.Skipped, known.Finding)
		return nil
	case err != nil:
		return err
	}
	if c.options.DryRun {
		c.result.Late.Rows += int64(len(b.fills))
		c.result.Late.Files += len(b.filled)
		return nil
	}
	for _, f := range files {
		if !b.moving[f.Path] {
			c.settled.add(f, c.reach())
		}
	}
	for _, job := range b.jobs() {
		if err := c.fill(ctx, job, b.fills); err != nil {
			return err
		}
	}
	return nil
}

// jobs are the files with rows to fill, those of a folder together.
func (b *lateBatch) jobs() (jobs [][]File) {
	folders := map[string][]File{}
	for _, f := range b.m.files {
		if b.filled[f.Path] {
			folders[path.Dir(f.Path)] = append(folders[path.Dir(f.Path)], f)
		}
	}
	for _, dir := range sortedKeys(folders) {
		jobs = append(jobs, inBins(folders[dir], b.options.TargetBytes)...)
	}
	return jobs
}

// lateJob fills rows of files of one folder.
type lateJob struct {
	*compactor
	fills map[spanKey]lateFill
	// source is the folder, dirs are those that rows go to.
	source string
	dirs   map[string]bool
	wanted wantedMessages
	out    *scatter
	LateCompaction
}

// fill writes files anew with what their rows are to hold.
func (c *compactor) fill(ctx context.Context, files []File, fills map[spanKey]lateFill) error {
	kinds := c.alike(ctx, files)
	for _, key := range sortedKeys(kinds) {
		like := kinds[key]
		writer, err := c.copier(ctx, TableSpans, key, like[0])
		if err != nil {
			return err
		}
		r := &rewrite{store: c.store, table: TableSpans, inputs: like, writer: writer, taken: c.taken()}
		c.bounded(r)
		job := &lateJob{
			compactor: c, fills: fills, source: path.Dir(like[0].Path), dirs: map[string]bool{}, wanted: wantedMessages{}, out: newScatter(r),
		}
		added, err := job.write(ctx, like)
		if errors.Is(err, errNoMessages) {
			c.result.Skipped = append(c.result.Skipped, Finding{Kind: FindingDangling, Path: like[0].Path, Detail: err.Error()})
			c.settled.forget(like)
			continue
		}
		if err != nil {
			return err
		}
		if err := c.commit(ctx, added, removedOf(like, added)); err != nil {
			return err
		}
		c.inherit(like, added)
		c.result.Late.Rows += job.Rows
		c.result.Late.Moved += job.Moved
		c.result.Late.Files += len(like)
		c.result.Late.jobs++
	}
	return nil
}

// write makes the new files, with the messages that moved spans refer to.
func (j *lateJob) write(ctx context.Context, files []File) ([]File, error) {
	err := guarded(func() error {
		return j.out.eachGroup(ctx, nil, func(rows *parquetfile.Rows, _ int) error { return j.sort(ctx, rows) })
	})
	if err != nil {
		return nil, err
	}
	added, err := j.out.finish(ctx)
	if err != nil {
		return nil, err
	}
	messages, err := j.copyMessages(ctx, files, j.wanted)
	return append(added, messages...), err
}

// sort changes rows and puts them where they belong.
func (j *lateJob) sort(ctx context.Context, rows *parquetfile.Rows) error {
	lots := map[string][]int{}
	for i := range rows.N {
		dir, err := j.change(rows, i)
		if err != nil {
			return err
		}
		lots[dir] = append(lots[dir], i)
	}
	for _, dir := range slices.Sorted(maps.Keys(lots)) {
		if err := j.out.put(ctx, dir, rows.Pick(lots[dir])); err != nil {
			return err
		}
	}
	return nil
}

// change makes a row hold what it is to hold, and returns the folder that it goes to.
func (j *lateJob) change(rows *parquetfile.Rows, i int) (string, error) {
	key, _ := keyOf(rows, i)
	f, found := j.fills[key]
	if !found {
		return j.source, nil
	}
	stored, own := readState(rows, i)
	if own != *f.own || stored == *f.state {
		return j.source, nil
	}
	writeState(rows, i, *f.state, own)
	j.Rows++
	if f.state.Prompt.Name == stored.Prompt.Name && f.state.Prompt.Version == stored.Prompt.Version {
		return j.source, nil
	}
	dir, err := j.folder(rows, i)
	j.wanted.add(dir, rows, i)
	if dir != j.source {
		j.Moved++
	}
	return dir, err
}

// folder is where a row belongs whose prompt has changed. As in a push, rows of
// so many prompts that each would have few go to one folder together.
func (j *lateJob) folder(rows *parquetfile.Rows, i int) (string, error) {
	if isMixed(j.source) {
		return j.source, nil
	}
	part, ok := partitionOf(rows, i)
	if !ok {
		return "", errNoPlace
	}
	dir := part.dir(TableSpans)
	if !j.dirs[dir] && len(j.dirs) >= maxPartitions-1 {
		return partition{name: Mixed, version: Mixed, day: part.day}.dir(TableSpans), nil
	}
	j.dirs[dir] = true
	return dir, nil
}
