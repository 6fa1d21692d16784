// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiidentityprocessor

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/spanloop/spanloop/internal/registry"
)

// hostWith is a host that runs one extension.
type hostWith map[component.ID]component.Component

func (h hostWith) GetExtensions() map[component.ID]component.Component { return h }

// storeExtension is an extension that shares a store.
type storeExtension struct {
	component.StartFunc
	component.ShutdownFunc
	*registry.Store
}

func newIdle(t *testing.T, reference string) *identityProcessor {
	t.Helper()
	config, _ := createDefaultConfig().(*Config)
	config.Registry = reference
	require.NoError(t, config.Validate())
	p, err := newProcessor(processortest.NewNopSettings(Type), config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.shutdown(t.Context())) })
	return p
}

// The registry of an extension is used as it is now, and outlives the processor.
func TestSharedRegistry(t *testing.T) {
	store, err := registry.Open(registryIn(t, t.TempDir(), supportFiles))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	id := component.NewIDWithName(extensionType, "team")
	p := newIdle(t, "genai_registry/team")
	require.NoError(t, p.start(t.Context(), hostWith{id: storeExtension{Store: store}}))
	assert.Same(t, store.Snapshot(), p.snapshot())
	failures, warnings := p.registryProblems()
	assert.Zero(t, failures+warnings)
	require.NoError(t, p.shutdown(t.Context()))
	assert.NotNil(t, store.Snapshot())
	assert.Nil(t, p.snapshot())
}

func TestSharedRegistryMissing(t *testing.T) {
	id := component.NewID(extensionType)
	p := newIdle(t, "genai_registry")
	require.ErrorContains(t, p.start(t.Context(), hostWith{}), "no extension genai_registry runs")
	other := struct {
		component.StartFunc
		component.ShutdownFunc
	}{}
	require.ErrorContains(t, p.start(t.Context(), hostWith{id: other}), "keeps no prompt registry")
}
