// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package durablequeue closes three gaps of the exporter helper's persistent
// queue (v0.164) through which acknowledged data is lost. It stands between the
// queue and its storage extension:
//
//   - At a start, the queue deletes what was on its way when the process ended
//     and only then stores it again, item by item. A second kill in between loses
//     what is left. Here all of it becomes one transaction.
//   - When that storing fails, for instance on a full disk, the queue goes on
//     without the items. Here the start fails and nothing has changed.
//   - An item that cannot be marked as read, since the disk is full, is passed
//     over and forgotten. Here it is read without the mark: after a crash it is
//     read again.
package durablequeue

import (
	"context"
	"errors"
	"maps"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

// Host is a host whose storage extension is safe for one queue. Give it to the
// start of an exporter, then call Started; call Stop before its shutdown.
type Host struct {
	component.Host
	extensions map[component.ID]component.Component
	guarded    *guardedExtension
}

var _ componentstatus.Reporter = (*Host)(nil)

// NewHost wraps a host. Extensions other than id stay as they are.
func NewHost(host component.Host, id component.ID, logger *zap.Logger) *Host {
	h := &Host{Host: host, extensions: maps.Clone(host.GetExtensions())}
	if extension, ok := h.extensions[id].(storage.Extension); ok {
		h.guarded = &guardedExtension{Extension: extension, id: id, logger: logger}
		h.extensions[id] = h.guarded
	}
	return h
}

// GetExtensions returns the extensions, the storage as the queue should see it.
func (h *Host) GetExtensions() map[component.ID]component.Component { return h.extensions }

// Report passes a status on.
func (h *Host) Report(event *componentstatus.Event) { componentstatus.ReportStatus(h.Host, event) }

// Started ends the recovery of what an earlier process left. Its error means
// that the queue must not be used; nothing of it is lost.
func (h *Host) Started(ctx context.Context) error {
	var problems []error
	for _, c := range h.clients() {
		problems = append(problems, c.recovered(ctx))
	}
	return errors.Join(problems...)
}

// Stop ends attempts to read from a storage that fails.
func (h *Host) Stop() {
	for _, c := range h.clients() {
		c.stop()
	}
}

func (h *Host) clients() []*client {
	if h.guarded == nil {
		return nil
	}
	return h.guarded.clients
}

// guardedExtension hands out guarded clients.
type guardedExtension struct {
	storage.Extension
	id      component.ID
	logger  *zap.Logger
	clients []*client
}

func (e *guardedExtension) GetClient(ctx context.Context, kind component.Kind, owner component.ID, name string) (storage.Client, error) {
	inner, err := e.Extension.GetClient(ctx, kind, owner, name)
	if err != nil {
		return nil, err
	}
	c := newClient(inner, e.id, e.logger)
	e.clients = append(e.clients, c)
	return c, nil
}
