// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package durablequeue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

// retryRead is how long a read waits that fails with and without its mark;
// complainEvery bounds how often a failing storage is logged.
const (
	retryRead     = time.Second
	complainEvery = 30 * time.Second
)

var errStopped = errors.New("the queue is being stopped")

// client is a storage client as the queue sees it. The queue uses it from one
// goroutine at a time.
type client struct {
	storage.Client
	id      component.ID
	logger  *zap.Logger
	stopped chan struct{}
	once    sync.Once

	mu sync.Mutex
	// recovering is set until the queue first reads an item to send. held are
	// the writes of the recovery, stored at its end in one transaction.
	recovering bool
	held       []*storage.Operation
	// left are items that were sent and could not be deleted.
	left []*storage.Operation
	// failed refuses everything: what the storage holds must stay as it is.
	failed     error
	complained time.Time
}

func newClient(inner storage.Client, id component.ID, logger *zap.Logger) *client {
	return &client{Client: inner, id: id, logger: logger, recovering: true, stopped: make(chan struct{})}
}

// Close deletes what was left, so that no later process sends it again.
func (c *client) Close(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	if c.failed == nil && len(c.left) > 0 {
		err = c.write(ctx, nil)
	}
	return errors.Join(err, c.Client.Close(ctx))
}

func (c *client) stop() { c.once.Do(func() { close(c.stopped) }) }

func (c *client) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := c.Batch(ctx, op)
	return op.Value, err
}

func (c *client) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

func (c *client) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

// Batch does what the queue asks for in one transaction.
func (c *client) Batch(ctx context.Context, ops ...*storage.Operation) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	reads, sets := count(ops, storage.Get), count(ops, storage.Set)
	switch {
	case c.failed != nil:
		return c.failed
	case !c.recovering:
	case reads == 0:
		c.held = append(c.held, ops...)
		return nil
	case sets == 0:
		if err := c.fail(c.Client.Batch(ctx, ops...)); err != nil {
			return err
		}
		overlay(ops, c.held)
		return nil
	default:
		// An item is read to be sent: what was left has been stored again.
		if err := c.endRecovery(ctx); err != nil {
			return err
		}
	}
	if reads > 0 && sets > 0 {
		return c.read(ctx, ops)
	}
	return c.write(ctx, ops)
}

func count(ops []*storage.Operation, kind storage.OpType) (n int) {
	for _, op := range ops {
		if op.Type == kind {
			n++
		}
	}
	return n
}

// recovered ends the recovery of a queue in which nothing was to be read.
func (c *client) recovered(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.recovering && c.failed == nil {
		return c.endRecovery(ctx)
	}
	return c.failed
}

func (c *client) endRecovery(ctx context.Context) error {
	if len(c.held) > 0 {
		if err := c.fail(c.Client.Batch(ctx, c.held...)); err != nil {
			return err
		}
	}
	c.recovering, c.held = false, nil
	return nil
}

// fail refuses all that follows, after an error during the recovery.
func (c *client) fail(err error) error {
	if err != nil {
		c.failed = fmt.Errorf("storage %q: the queue that an earlier run left cannot be taken up, and is kept as it is: %w: "+
			"make the storage readable and give it room, then start again", c.id, err)
	}
	return c.failed
}

// read reads an item and marks it as read; without the mark when the storage
// cannot be written. It tries on while the item cannot be read at all: to return
// an error would make the queue forget the item.
func (c *client) read(ctx context.Context, ops []*storage.Operation) error {
	for {
		err := c.write(ctx, ops)
		if err == nil {
			return nil
		}
		if c.Client.Batch(ctx, slices.DeleteFunc(slices.Clone(ops), func(op *storage.Operation) bool { return op.Type != storage.Get })...) == nil {
			overlay(ops, c.left)
			return nil
		}
		select {
		case <-c.stopped:
			c.failed = errors.Join(errStopped, err)
			return c.failed
		case <-time.After(retryRead):
		}
	}
}

// overlay answers reads with what has been written and is not stored yet.
func overlay(ops, written []*storage.Operation) {
	for _, op := range ops {
		if op.Type != storage.Get {
			continue
		}
		for _, w := range written {
			if w.Key == op.Key && w.Type != storage.Get {
				// A deletion has no value.
				op.Value = slices.Clone(w.Value)
			}
		}
	}
}

// write stores, and deletes items whose deletion failed before.
func (c *client) write(ctx context.Context, ops []*storage.Operation) error {
	err := c.Client.Batch(ctx, slices.Concat(c.left, ops)...)
	if err == nil {
		c.left = nil
		return nil
	}
	if len(ops) == 1 && ops[0].Type == storage.Delete {
		c.left = append(c.left, ops[0])
	}
	if now := time.Now(); now.Sub(c.complained) > complainEvery {
		c.complained = now
		c.logger.Error("The queue's storage cannot be written: new data is refused until it can; what was acknowledged is kept",
			zap.Stringer("storage", c.id), zap.Error(err))
	}
	return fmt.Errorf("storage %q: %w", c.id, err)
}
