// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaidatasetreceiver

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/spanloop/spanloop/internal/dataset"
)

// A backfill sends the files that there were when it began. When one is replaced
// by a compaction it is read where it still is. When it is deleted, too, its rows
// are in other files, together with rows that were sent: a further round sends
// from those what was not.

// open lists the dataset's files as they are now.
func (r *datasetReceiver) open(ctx context.Context) (stream *dataset.Stream, err error) {
	err = r.patiently(ctx, func() error {
		stream, err = r.set.Stream(ctx, dataset.Selection{
			Since: r.at.Since, Until: r.at.until(), Names: r.config.Select.names, Replays: r.config.Select.IncludeReplays,
			NotFrom: r.prep.dataset,
		}, r.batch)
		return err
	})
	return stream, err
}

// until bounds a round: what began after all that the first list held came later.
func (c *checkpoint) until() time.Time {
	if bound := c.Latest.Add(1); c.Round > 0 && (c.Until.IsZero() || bound.Before(c.Until)) {
		return bound
	}
	return c.Until
}

// sendFiles sends from the checkpoint on; false when it was ended.
func (r *datasetReceiver) sendFiles(ctx context.Context, stream *dataset.Stream, paths []string) bool {
	for {
		if r.at.Round > 0 {
			if err := r.sent.load(ctx, r.at.Lots); err != nil {
				return r.ended(ctx, err)
			}
		}
		start, _ := slices.BinarySearch(paths, r.at.File)
		for _, path := range paths[start:] {
			if path != r.at.File {
				r.at.File, r.at.Row = path, 0
			}
			var err error
			if stream, err = r.sendFile(ctx, stream, path); err != nil {
				return r.ended(ctx, err)
			}
		}
		if !r.at.Replaced {
			return true
		}
		var err error
		if stream, paths, err = r.nextRound(ctx, paths); err != nil {
			return r.ended(ctx, err)
		}
	}
}

// ended reports what ends the sending, unless that is the receiver's shutdown.
func (r *datasetReceiver) ended(ctx context.Context, err error) bool {
	if ctx.Err() == nil {
		r.fail(err)
	}
	return false
}

// attempts bounds how often a file is tried while the dataset changes around it.
const attempts = 3

// sendFile sends a file from the checkpoint on. When it cannot, and the dataset
// has changed, it tries again with the files that there are now, which it returns.
// An error ends the sending.
func (r *datasetReceiver) sendFile(ctx context.Context, stream *dataset.Stream, path string) (*dataset.Stream, error) {
	for attempt := 1; ; attempt++ {
		f, known := stream.Find(ctx, path)
		if !known {
			r.replaced(ctx, path)
			return stream, nil
		}
		err := r.patiently(ctx, func() error {
			return stream.Read(ctx, f, r.at.Row, func(b dataset.Batch) error { return r.sendBatch(ctx, b) })
		})
		switch {
		case ctx.Err() != nil:
			return stream, ctx.Err()
		case errors.Is(err, errLoop), errors.Is(err, dataset.ErrNewer):
			return stream, err
		case err == nil:
			r.at.Counts.Files++
			r.meters.files(ctx, "read")
			return stream, nil
		}
		now, openErr := r.open(ctx)
		if openErr != nil {
			return stream, openErr
		}
		if _, known = now.Find(ctx, path); known && (attempt == attempts || now.Equal(stream)) {
			r.unread(ctx, now, path, err)
			return now, nil
		}
		stream = now
	}
}

// unread notes a file that is there and cannot be sent.
func (r *datasetReceiver) unread(ctx context.Context, stream *dataset.Stream, path string, err error) {
	if stream.Removed(path) {
		// What is left of it is in other files.
		r.replaced(ctx, path)
		return
	}
	r.broken(ctx, path, err)
}

// patiently does what needs the dataset again and again while its store does not
// answer: what is not read then is not damaged.
func (r *datasetReceiver) patiently(ctx context.Context, do func() error) error {
	for wait := r.sender.firstWait; ; wait = min(2*wait, r.sender.longestWait) {
		err := do()
		if !errors.Is(err, dataset.ErrUnavailable) {
			if wait > r.sender.firstWait {
				r.report(nil)
			}
			return err
		}
		r.logger.Warn("the dataset does not answer; it is asked again", zap.String("path", r.set.Root()), zap.Error(err))
		r.report(err)
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// replaced notes that rows of a file are to be looked for in others.
func (r *datasetReceiver) replaced(ctx context.Context, path string) {
	if r.at.Latest.IsZero() {
		// An earlier version began this and did not note what it sent.
		r.broken(ctx, path, errors.New("no manifest names it any more"))
		return
	}
	if !r.at.Replaced {
		r.at.Replaced = true
		r.save(ctx, nil)
	}
}

// nextRound lists the files that may hold rows of replaced ones.
func (r *datasetReceiver) nextRound(ctx context.Context, before []string) (*dataset.Stream, []string, error) {
	r.at.Round++
	r.at.Replaced, r.at.File, r.at.Row = false, "", 0
	stream, err := r.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	var paths []string
	for _, f := range stream.Files {
		if _, listed := slices.BinarySearch(before, f.Path); f.Rewritten() && !listed {
			paths = append(paths, f.Path)
		}
	}
	r.logger.Info("files were replaced and deleted before they were sent: what was not sent follows from those that took their place",
		zap.Int("files", len(paths)), zap.Int("round", r.at.Round+1))
	return stream, paths, r.at.begin(ctx, r.client, paths)
}
