// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package durablequeue

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap/zaptest"
)

func guarded(t *testing.T, d *disk) *client {
	t.Helper()
	return newClient(&diskClient{d}, storageID, zaptest.NewLogger(t))
}

// recoveredClient is past its start.
func recoveredClient(t *testing.T, d *disk) *client {
	t.Helper()
	c := guarded(t, d)
	require.NoError(t, c.recovered(t.Context()))
	return c
}

// A client keeps the contract of storages, before and after the recovery: reads
// see earlier writes, an absent key is nil, deleting one is no error, and the
// operations of a batch take effect in their order.
func TestContract(t *testing.T) {
	for name, start := range map[string]func(*testing.T, *disk) *client{"recovering": guarded, "recovered": recoveredClient} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			c := start(t, newDisk())
			value := func(key string) string {
				got, err := c.Get(ctx, key)
				require.NoError(t, err)
				return string(got)
			}
			assert.Empty(t, value("a"))
			require.NoError(t, c.Delete(ctx, "a"))
			require.NoError(t, c.Set(ctx, "a", []byte("1")))
			assert.Equal(t, "1", value("a"))
			require.NoError(t, c.Set(ctx, "a", []byte("2")))
			require.NoError(t, c.Batch(ctx, storage.SetOperation("b", []byte("3")), storage.DeleteOperation("a")))
			assert.Empty(t, value("a"))
			assert.Equal(t, "3", value("b"))

			get := storage.GetOperation("c")
			require.NoError(t, c.Batch(ctx, storage.SetOperation("c", []byte("4")), get, storage.DeleteOperation("c")))
			assert.Equal(t, "4", string(get.Value))
			assert.Empty(t, value("c"))
			require.NoError(t, c.Close(ctx))
		})
	}
}

// Nothing reaches the storage before the recovery ends, then all at once.
func TestRecoveryIsOneTransaction(t *testing.T) {
	d := newDisk()
	d.values["1"] = []byte("on its way")
	c := guarded(t, d)
	require.NoError(t, c.Delete(t.Context(), "1"))
	require.NoError(t, c.Set(t.Context(), "2", []byte("on its way")))
	assert.Equal(t, map[string][]byte{"1": []byte("on its way")}, d.after().values)
	d.kill(1)
	require.NoError(t, c.recovered(t.Context()))
	assert.Equal(t, map[string][]byte{"2": []byte("on its way")}, d.after().values)
	require.Error(t, c.Set(t.Context(), "3", nil), "the one write is used up")
}

// After an error during the recovery nothing is read, written or deleted.
func TestFailedRecoveryLeavesEverything(t *testing.T) {
	d := newDisk()
	d.values["1"] = []byte("on its way")
	d.full = true
	c := guarded(t, d)
	require.NoError(t, c.Delete(t.Context(), "1"))
	require.ErrorIs(t, c.recovered(t.Context()), errDisk)
	d.set(func() { d.full = false })
	require.ErrorIs(t, c.Delete(t.Context(), "1"), errDisk)
	require.ErrorIs(t, c.Set(t.Context(), "2", nil), errDisk)
	_, err := c.Get(t.Context(), "1")
	require.ErrorIs(t, err, errDisk)
	require.NoError(t, c.Close(t.Context()))
	assert.Equal(t, map[string][]byte{"1": []byte("on its way")}, d.after().values)
}

// A deletion that failed is made up for, and never takes away what was written
// under its key since.
func TestLeftDeletions(t *testing.T) {
	d := newDisk()
	c := recoveredClient(t, d)
	for _, key := range []string{"1", "2", "3"} {
		require.NoError(t, c.Set(t.Context(), key, []byte("item")))
	}
	d.set(func() { d.full = true })
	require.Error(t, c.Delete(t.Context(), "1"))
	require.Error(t, c.Delete(t.Context(), "2"))
	get := storage.GetOperation("1")
	require.NoError(t, c.Batch(t.Context(), storage.SetOperation("mark", nil), get), "an item is read without its mark")
	assert.Nil(t, get.Value, "it was deleted")
	d.set(func() { d.full = false })
	require.NoError(t, c.Set(t.Context(), "2", []byte("again")))
	assert.Equal(t, map[string][]byte{"2": []byte("again"), "3": []byte("item")}, d.after().values)

	d.set(func() { d.full = true })
	require.Error(t, c.Delete(t.Context(), "3"))
	d.set(func() { d.full = false })
	require.NoError(t, c.Close(t.Context()))
	assert.Equal(t, map[string][]byte{"2": []byte("again")}, d.after().values)
}

// A read from a storage that answers nothing at all waits until it does, or
// until the stop.
func TestUnreadable(t *testing.T) {
	d := newDisk()
	c := recoveredClient(t, d)
	require.NoError(t, c.Set(t.Context(), "1", []byte("item")))
	d.set(func() { d.unreadable = true })
	get := storage.GetOperation("1")
	read := make(chan error)
	go func() { read <- c.Batch(t.Context(), storage.SetOperation("mark", nil), get) }()
	select {
	case err := <-read:
		require.Fail(t, "the read ended", "%v", err)
	case <-time.After(20 * time.Millisecond):
	}
	d.set(func() { d.unreadable = false })
	require.NoError(t, <-read)
	assert.Equal(t, "item", string(get.Value))

	d.set(func() { d.unreadable = true })
	go func() { read <- c.Batch(t.Context(), storage.SetOperation("mark", nil), get) }()
	c.stop()
	require.ErrorIs(t, <-read, errStopped)
	require.ErrorIs(t, c.Delete(t.Context(), "1"), errStopped, "the item stays for the next start")
}
