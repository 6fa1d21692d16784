// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiparquetexporter

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/client"
	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// extensions is a host's.
type extensions map[component.ID]component.Component

func (e extensions) GetExtensions() map[component.ID]component.Component { return e }

// fileStorage is built like the file_storage extension.
type fileStorage struct {
	component.StartFunc
	component.ShutdownFunc
	cfg *fileStorageConfig
}

type fileStorageConfig struct {
	Directory string
	FSync     bool
}

// otherStorage has a field of the same name and another type.
type otherStorage struct {
	component.StartFunc
	component.ShutdownFunc
	cfg string
}

// Settings with which a queue on disk loses spans are named at start, with what
// to do; others are not.
func TestTraps(t *testing.T) {
	synced, lazy := &fileStorage{cfg: &fileStorageConfig{FSync: true}}, &fileStorage{cfg: &fileStorageConfig{}}
	for name, test := range map[string]struct {
		retry   map[string]any
		memory  bool
		storage component.Component
		want    []string
	}{
		"safe":                         {storage: synced},
		"retry disabled":               {storage: synced, retry: map[string]any{"enabled": false}, want: []string{"retry_on_failure is disabled"}},
		"bounded retry":                {storage: synced, retry: map[string]any{"max_elapsed_time": "5m"}, want: []string{"max_elapsed_time is 5m0s"}},
		"bounded retry, disabled":      {storage: synced, retry: map[string]any{"enabled": false, "max_elapsed_time": "5m"}, want: []string{"retry_on_failure is disabled"}},
		"no fsync":                     {storage: lazy, want: []string{"file_storage has fsync: false"}},
		"two at once":                  {storage: lazy, retry: map[string]any{"max_elapsed_time": "1s"}, want: []string{"max_elapsed_time is 1s", "fsync: false"}},
		"a queue in memory":            {memory: true, storage: lazy, retry: map[string]any{"enabled": false}},
		"another storage":              {storage: &otherStorage{cfg: "x"}},
		"a storage without its config": {storage: &fileStorage{}},
		"no such extension":            {},
	} {
		t.Run(name, func(t *testing.T) {
			content := map[string]any{}
			if test.retry != nil {
				content["retry_on_failure"] = test.retry
			}
			if !test.memory {
				content["sending_queue"] = map[string]any{"storage": "file_storage"}
			}
			host := extensions{}
			if test.storage != nil {
				host[component.MustNewID("file_storage")] = test.storage
			}
			got := load(t, content).traps(host)
			require.Len(t, got, len(test.want), "%v", got)
			for i, want := range test.want {
				assert.Contains(t, got[i], want)
			}
		})
	}
}

// What arrives from a component that has answered already is named once; what a
// receiver waits for is not.
func TestAcknowledgedBefore(t *testing.T) {
	cancellable, cancel := context.WithCancel(context.Background())
	defer cancel()
	for name, test := range map[string]struct {
		content  map[string]any
		ctx      context.Context
		warnings int
	}{
		"batch processor":   {ctx: context.Background(), warnings: 1},
		"with its metadata": {ctx: client.NewContext(context.Background(), client.Info{Metadata: client.NewMetadata(map[string][]string{"tenant": {"a"}})}), warnings: 1},
		"from the network":  {ctx: client.NewContext(context.Background(), client.Info{Addr: &net.TCPAddr{}})},
		"cancellable":       {ctx: cancellable},
	} {
		t.Run(name, func(t *testing.T) {
			core, logs := observer.New(zap.WarnLevel)
			w := load(t, map[string]any{"sending_queue": map[string]any{"storage": "file_storage"}}).watcher(zap.New(core))
			w.watch(test.ctx)
			w.watch(test.ctx)
			assert.Equal(t, test.warnings, logs.Len())
			load(t, map[string]any{}).watcher(zap.New(core)).watch(test.ctx)
			assert.Equal(t, test.warnings, logs.Len(), "a queue in memory promises nothing")
		})
	}
}
