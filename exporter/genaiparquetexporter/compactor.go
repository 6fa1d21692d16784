// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiparquetexporter

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/spanloop/spanloop/internal/dataset"
)

// compactors are those of this process, one for each dataset: exporters of traces
// and of logs write to the same one.
var compactors = struct {
	sync.Mutex
	byPath map[string]*compactor
}{byPath: map[string]*compactor{}}

// compactor merges a dataset's small files, one run after the other.
type compactor struct {
	path   string
	config CompactionConfig
	logger *zap.Logger
	meters *compactionMeters

	users  int
	pushes atomic.Int64
	cancel context.CancelFunc
	done   chan struct{}

	// failing is true from a run that failed to the next one that did not.
	failing bool
	// named are the files that were named as skipped.
	named map[string]bool
}

// startCompactor starts merging, unless that is done already for this dataset.
func startCompactor(path string, config CompactionConfig, logger *zap.Logger, meters *compactionMeters) *compactor {
	compactors.Lock()
	defer compactors.Unlock()
	c := compactors.byPath[path]
	if c == nil {
		c = &compactor{path: path, config: config, logger: logger, meters: meters, done: make(chan struct{}), named: map[string]bool{}}
		compactors.byPath[path] = c
		// The context of Start ends with Start.
		ctx, cancel := context.WithCancel(context.Background())
		c.cancel = cancel
		go func() {
			defer close(c.done)
			c.loop(ctx)
		}()
	}
	c.users++
	return c
}

// stop ends the merging when its last exporter stops. What is not complete then
// has changed nothing, and the next run removes it.
func (c *compactor) stop(ctx context.Context) error {
	if c == nil || !c.release() {
		return nil
	}
	c.cancel()
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("genai_parquet: compaction has not ended: %w", ctx.Err())
	}
}

// release tells whether nobody uses the compactor any more.
func (c *compactor) release() bool {
	compactors.Lock()
	defer compactors.Unlock()
	c.users--
	if c.users > 0 {
		return false
	}
	delete(compactors.byPath, c.path)
	return true
}

// pushing notes a push, beside which merging is slower, until its end.
func (c *compactor) pushing() (ended func()) {
	if c == nil {
		return func() {}
	}
	c.pushes.Add(1)
	return func() { c.pushes.Add(-1) }
}

func (c *compactor) loop(ctx context.Context) {
	// Collectors that start together do not compact together.
	for wait := c.config.Interval/2 + rand.N(c.config.Interval/2+1); ; wait = c.config.Interval*9/10 + rand.N(c.config.Interval/5+1) {
		if !sleep(ctx, wait) {
			return
		}
		result, err := c.compact(ctx)
		if ctx.Err() != nil {
			return
		}
		c.report(ctx, result, err)
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// bufferBytes bounds what merging holds of rows, beside files of TargetBytes.
const bufferBytes = 8 << 20

// maxRun is how long a run goes on; in an object store its lease would end soon
// after.
const maxRun = 30 * time.Minute

func (c *compactor) compact(ctx context.Context) (result dataset.Compaction, err error) {
	defer func() {
		// Files that are not what they seem to be must not end the collector.
		if p := recover(); p != nil {
			c.logger.Debug("compaction panicked", zap.ByteString("stack", debug.Stack()))
			err = fmt.Errorf("a file cannot be read: %v", p)
		}
	}()
	set, err := dataset.Open(c.path)
	if err != nil {
		return result, err
	}
	pace := &pacer{busy: func() bool { return c.pushes.Load() > 0 }, resumed: time.Now()}
	result, err = set.Compact(ctx, dataset.CompactOptions{
		TargetBytes: c.config.TargetBytes, MinFiles: c.config.MinFiles, Grace: c.config.Grace,
		BufferBytes: bufferBytes, MaxTime: maxRun, Pause: pace.pause, Settle: c.config.Settle,
	})
	return result, errors.Join(err, set.Close())
}

// report counts a run, and says once what keeps the files from being merged.
func (c *compactor) report(ctx context.Context, result dataset.Compaction, err error) {
	switch {
	case errors.Is(err, dataset.ErrBusy):
		c.meters.run(ctx, "busy")
		return
	case errors.Is(err, dataset.ErrNoDataset):
		// Nothing has been written yet.
		return
	}
	c.meters.merged(ctx, result.Tables)
	if err != nil {
		c.meters.run(ctx, "failed")
		level := zap.WarnLevel
		if c.failing {
			level = zap.DebugLevel
		}
		c.failing = true
		c.logger.Log(level, "small files are not merged; spans are written as before, and it is tried again. "+
			"If it goes on, see spanloop dataset verify, or merge them by spanloop dataset compact",
			zap.String("dataset", dataset.DisplayPath(c.path)), zap.Duration("interval", c.config.Interval), zap.Error(err))
		return
	}
	c.meters.run(ctx, "done")
	if c.failing {
		c.failing = false
		c.logger.Info("small files are merged again", zap.String("dataset", dataset.DisplayPath(c.path)))
	}
	for _, f := range result.Skipped {
		if c.named[f.Path] || len(c.named) >= maxNamed {
			continue
		}
		c.named[f.Path] = true
		c.logger.Warn("a file is left as it is when small files are merged; see spanloop dataset verify",
			zap.String("dataset", dataset.DisplayPath(c.path)), zap.String("file", f.Path), zap.String("finding", f.Kind), zap.String("detail", f.Detail))
	}
}

// maxNamed bounds the files that are named as skipped.
const maxNamed = 100

// pacer makes work rest, so that others have the processor.
type pacer struct {
	busy    func() bool
	resumed time.Time
}

// Rests, as multiples of the work before.
const (
	restIdle = 1
	restBusy = 4
	// longestRest is for work that waited itself, for instance for a slow disk.
	longestRest = 10 * time.Second
)

func (p *pacer) pause(ctx context.Context) error {
	rest := restIdle * time.Since(p.resumed)
	if p.busy() {
		rest *= restBusy
	}
	if !sleep(ctx, min(rest, longestRest)) {
		return ctx.Err()
	}
	p.resumed = time.Now()
	return nil
}
