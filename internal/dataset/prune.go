// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
	"github.com/spanloop/spanloop/internal/dataset/store"
)

// ErrNoCondition is returned by Prune when nothing says which spans are to go.
var ErrNoCondition = errors.New("no condition says which spans are to go")

// PruneOptions say which spans go: those that meet every condition given. One of
// Until, Prompt and MaxBytes must be given.
type PruneOptions struct {
	// Since is inclusive, Until exclusive, by start time; zero is open.
	Since, Until time.Time
	// Prompt and Version must be equal to what the columns hold; empty takes all.
	Prompt, Version string
	// MaxBytes lets only so many go, the oldest first, that the dataset's files
	// have no more bytes; 0 for no bound.
	MaxBytes int64
	// Grace is how long removed files stay; DefaultGrace when it is negative.
	Grace time.Duration
	// DryRun only counts.
	DryRun bool

	// now is the time, for tests; stepRows replaces pruneRows.
	now      func() time.Time
	stepRows int64
}

func (o *PruneOptions) check() error {
	switch {
	case o.Version != "" && o.Prompt == "":
		return fmt.Errorf("a version without its prompt: %w", ErrNoCondition)
	case o.Until.IsZero() && o.Prompt == "" && o.MaxBytes <= 0:
		return ErrNoCondition
	}
	return nil
}

// Prune takes spans out of the dataset, with their scores, their content from log
// events and the messages that no other span of their partition refers to.
// Readers and writers go on meanwhile. ErrBusy tells that another process changes
// files.
func (d *Dataset) Prune(ctx context.Context, options PruneOptions) (Pruning, error) {
	return newKeeper(d.store, options.Grace, options.now).prune(ctx, options)
}

func (k *keeper) prune(ctx context.Context, options PruneOptions) (Pruning, error) {
	p := &pruner{
		keeper: k, options: options, whole: conditionOf(options), skipped: map[string]bool{},
		changes: map[string]*change{}, prompts: map[promptVersion]int64{}, pending: map[string]File{},
	}
	err := options.check()
	var cleaning Cleaning
	switch {
	case err != nil:
	case options.DryRun:
		if err = k.reload(ctx); err == nil {
			err = p.run(ctx)
		}
	default:
		cleaning, err = k.keep(ctx, p.run)
	}
	if err == nil {
		err = p.report(ctx, cleaning)
	}
	if err != nil {
		return p.result, fmt.Errorf("dataset %q: %w", k.store.Root(), err)
	}
	return p.result, nil
}

// pruner is a prune on its way.
type pruner struct {
	*keeper
	options PruneOptions
	// whole is what goes in all; steps take it in parts.
	whole  condition
	steps  int
	result Pruning

	// before are the files at the start.
	before  []File
	skipped map[string]bool
	// changes are the files that are removed or written anew, by path.
	changes map[string]*change
	// prompts counts the spans that go.
	prompts map[promptVersion]int64
	// pending are files of messages that a later run deletes.
	pending map[string]File
}

// maxRounds bounds how often the size is looked at again after a prune: what goes
// is estimated before.
const maxRounds = 20

func (p *pruner) run(ctx context.Context) error {
	p.before = p.m.files
	p.result.BytesBefore = bytesOf(p.m.files)
	for name, reason := range p.m.broken {
		p.skip(Finding{Kind: FindingManifest, Path: name, Detail: "cannot be read: " + reason.Error(), Advice: advice[FindingManifest]})
	}
	if p.options.MaxBytes <= 0 {
		if err := p.pass(ctx); err != nil {
			return err
		}
		return p.pruneRejected(ctx)
	}
	limit := p.whole
	for range maxRounds {
		if err := p.refresh(ctx); err != nil {
			return err
		}
		cut, needed := p.cut(limit)
		if !needed {
			return nil
		}
		p.whole.until = cut
		if err := p.pass(ctx); err != nil || p.options.DryRun {
			return err
		}
	}
	return nil
}

// pass removes what meets the conditions, step by step, and then the messages
// that nobody refers to any more.
func (p *pruner) pass(ctx context.Context) error {
	for _, c := range p.divide() {
		if err := p.refresh(ctx); err != nil {
			return err
		}
		s := &pruneStep{
			pruner: p, condition: c, pruned: map[spanKey]struct{}{}, claimed: map[spanKey]struct{}{}, kept: map[spanKey]struct{}{},
			doubt: len(p.m.broken) > 0,
		}
		p.steps++
		if err := s.run(ctx); err != nil {
			return err
		}
	}
	if err := p.refresh(ctx); err != nil {
		return err
	}
	if p.options.DryRun {
		p.without = func(rows *parquetfile.Rows, i int) bool { return p.whole.holds(TableSpans, rows, i) }
	}
	if err := p.pruneMessages(ctx); err != nil {
		return err
	}
	if err := p.refresh(ctx); err != nil {
		return err
	}
	return p.pruneTexts(ctx)
}

// change is what happens to a file.
type change struct {
	file File
	// rows go; oldest and newest are the times of those that stay.
	rows           int64
	oldest, newest int64
	fresh          []File
}

// whole tells that nothing of the file stays.
func (c *change) whole() bool { return c.rows >= c.file.Rows }

// note counts rows of a file that go; fresh holds the others.
func (p *pruner) note(t touched, fresh []File) {
	c := p.changes[t.Path]
	if c == nil {
		c = &change{file: t.File}
		p.changes[t.Path] = c
	}
	c.oldest, c.newest = t.oldest, t.newest
	c.fresh = append(c.fresh, fresh...)
	switch {
	case t.gone == t.rows:
		c.rows = t.Rows
	case len(fresh) > 0:
		c.rows = t.Rows - rowsIn(fresh)
	default:
		c.rows += t.gone
	}
}

// forget takes files that a dry run would remove out of the manifest in memory.
func (p *pruner) forget() {
	p.m.files = slices.DeleteFunc(slices.Clone(p.m.files), func(f File) bool {
		c := p.changes[f.Path]
		return c != nil && c.whole()
	})
}

// unsound is the error of a file that is not what the manifest says.
type unsound struct{ Finding }

func (u *unsound) Error() string { return u.Detail }

// sound compares a file with the manifest before its rows are copied.
func (p *pruner) sound(ctx context.Context, f File) error {
	v := verifier{store: p.store}
	if v.checkFile(ctx, f) {
		return nil
	}
	if v.unavailable != nil {
		return v.unavailable
	}
	return &unsound{v.Findings[0]}
}

// leave leaves a file alone that cannot be read, and names it. A store that does
// not answer is an error.
func (p *pruner) leave(ctx context.Context, f File, err error) error {
	var known *unsound
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, store.ErrUnavailable):
		return fmt.Errorf("%s: %w", f.Path, err)
	case errors.As(err, &known):
		p.skip(known.Finding)
	case errors.Is(err, fs.ErrNotExist):
		p.skip(Finding{Kind: FindingMissing, Path: f.Path, Detail: fmt.Sprintf("the manifest names it, with %d rows", f.Rows), Advice: advice[FindingMissing]})
	default:
		p.skip(Finding{Kind: FindingAltered, Path: f.Path, Detail: err.Error(), Advice: advice[FindingAltered]})
	}
	return nil
}

func (p *pruner) skip(f Finding) {
	if !p.skipped[f.Path] {
		p.skipped[f.Path] = true
		p.result.Skipped = append(p.result.Skipped, f)
	}
}

func rowsIn(files []File) (rows int64) {
	for _, f := range files {
		rows += f.Rows
	}
	return rows
}

func bytesOf(files []File) (bytes int64) {
	for _, f := range files {
		bytes += f.Bytes
	}
	return bytes
}
