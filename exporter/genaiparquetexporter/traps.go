// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiparquetexporter

import (
	"context"
	"fmt"
	"reflect"
	"sync"

	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"
)

// durable tells whether acknowledged spans are meant to survive a crash.
func (c *Config) durable() bool {
	return c.Queue.HasValue() && c.Queue.Get().StorageID != nil
}

// traps returns warnings about settings with which spans that were acknowledged
// can be lost although the queue is on disk.
func (c *Config) traps(host component.Host) []string {
	if !c.durable() {
		return nil
	}
	var warnings []string
	switch {
	case !c.Retry.Enabled:
		warnings = append(warnings, "sending_queue.storage is set but retry_on_failure is disabled: a failed write loses spans that were acknowledged; enable it")
	case c.Retry.MaxElapsedTime > 0:
		warnings = append(warnings, fmt.Sprintf("retry_on_failure.max_elapsed_time is %s: spans that were acknowledged are dropped when the disk fails for longer; set 0, which retries without end", c.Retry.MaxElapsedTime))
	}
	id := *c.Queue.Get().StorageID
	if unsynced(host.GetExtensions()[id]) {
		warnings = append(warnings, fmt.Sprintf("%s has fsync: false: a power cut loses spans that were acknowledged; set fsync: true", id))
	}
	return warnings
}

// unsynced tells whether a storage extension is a file_storage with fsync: false.
// Extensions do not show their configuration to other components; of one that is
// built otherwise nothing is said.
func unsynced(extension component.Component) bool {
	v := reflect.ValueOf(extension)
	for _, field := range []string{"cfg", "FSync"} {
		if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
			return false
		}
		v = v.Elem().FieldByName(field)
	}
	return v.Kind() == reflect.Bool && !v.Bool()
}

// watcher says once that requests come from a component that has answered their
// senders already.
type watcher struct {
	once   sync.Once
	logger *zap.Logger
}

// watch looks at a request on its way into the queue. A receiver that waits for
// the answer passes on its own context, which names the client or can be
// cancelled; components that hold spans go on with an empty one.
func (w *watcher) watch(ctx context.Context) {
	if w == nil || ctx.Done() != nil || client.FromContext(ctx).Addr != nil {
		return
	}
	w.once.Do(func() {
		w.logger.Warn("Requests come without a sender that waits for the answer: a component before this exporter (batch, tail_sampling, groupbytrace) " +
			"seems to acknowledge spans before they are in the queue on disk, and loses them in a crash; take it out of the pipeline")
	})
}
