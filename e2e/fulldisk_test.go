// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e && linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// diskSize is the size of the disks that are filled.
const diskSize = 64 << 20

// TestCrashOnFullDisk fills the disk of the dataset, then that of the queue,
// under load. What cannot be kept is refused; a kill and a start on the full
// disk lose nothing; with room again all that was acknowledged is in the dataset,
// once, and was never visible in part.
func TestCrashOnFullDisk(t *testing.T) {
	if again, err := withMounts(t); again {
		require.NoError(t, err)
		return
	}
	for name, folder := range map[string]func(*collector) *string{
		"dataset": func(c *collector) *string { return &c.dataset },
		"queue":   func(c *collector) *string { return &c.storage },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCollector(t, "examples/collector/config-durable.yaml")
			c.settings = []string{
				"exporters::genai_parquet::max_span_bytes: 4194304",
				"exporters::genai_parquet::sending_queue::queue_size: 8388608",
				"exporters::genai_parquet::sending_queue::block_on_overflow: false",
				"exporters::genai_parquet::sending_queue::batch: {min_size: 1048576, flush_timeout: 100ms}",
				"exporters::genai_parquet::retry_on_failure: {initial_interval: 50ms, max_interval: 500ms}",
			}
			path := folder(c)
			disk := newDisk(t)
			*path = filepath.Join(disk, name)
			load := &load{collector: c}
			c.start(t)
			load.start(4)
			require.Eventually(t, func() bool { return load.acknowledgements() > 20 }, 30*time.Second, time.Millisecond)
			fill(t, disk)
			// Until requests are refused for want of room, and for a while after.
			before := load.refusals()
			require.Eventually(t, func() bool { return load.refusals() > before+50 }, 60*time.Second, time.Millisecond, "nothing is refused on a full disk")
			load.stop()
			c.checkFiles(t)
			assert.Contains(t, c.log(t), "no space left on device")
			assert.Contains(t, c.log(t), *path, "the message says which folder")

			c.proc.Kill()
			c.launch(t)
			refusesToStart := !c.serves(t)
			if refusesToStart {
				assert.ErrorContains(t, c.proc.Ended(), "no space left on device")
			}
			load.start(2)
			time.Sleep(time.Second)
			load.stop()
			require.NoError(t, os.Remove(filepath.Join(disk, ballast)))
			if refusesToStart {
				c.start(t)
			}
			load.awaitPresent(t)
			c.stop(t)
			present, lost := load.check(t)
			fmt.Printf("e2e: full disk of the %s: %d requests refused, %d spans acknowledged, %d lost, %d in the dataset\n",
				name, load.refusals(), load.acknowledgements()*perRequest, lost, present)
		})
	}
}

// serves waits until a launched collector serves or has ended.
func (c *collector) serves(t *testing.T) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	return c.proc.WaitListening(ctx, fmt.Sprintf("localhost:%d", c.httpPort)) == nil
}

// ballast is the file that fills a disk.
const ballast = "ballast"

func fill(t *testing.T, disk string) {
	t.Helper()
	f, err := os.Create(filepath.Join(disk, ballast))
	require.NoError(t, err)
	block := make([]byte, 1<<16)
	for err == nil {
		_, err = f.Write(block)
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, f.Close())
}

// newDisk mounts a small disk in memory.
func newDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, syscall.Mount("none", dir, "tmpfs", 0, fmt.Sprintf("size=%d", diskSize)))
	t.Cleanup(func() { assert.NoError(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	return dir
}

// withMounts tells whether the test has run again, in a namespace of its own,
// since this process may not mount.
func withMounts(t *testing.T) (bool, error) {
	t.Helper()
	dir := t.TempDir()
	err := syscall.Mount("none", dir, "tmpfs", 0, "")
	if err == nil {
		return false, syscall.Unmount(dir, syscall.MNT_DETACH)
	}
	const inside = "SPANLOOP_OWN_MOUNTS"
	if !errors.Is(err, syscall.EPERM) || os.Getenv(inside) != "" {
		return true, fmt.Errorf("a small disk cannot be mounted: %w", err)
	}
	cmd := exec.CommandContext(t.Context(), "unshare", "--map-root-user", "--mount", os.Args[0], "-test.run", "^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return true, cmd.Run()
}
