// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e && linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestCrashOnReadOnlyDisk takes the right to write away under load. What was
// acknowledged waits in the queue, across a kill; the message says where; all of
// it is in the dataset once the disk can be written again. A dataset that cannot
// even be begun ends the start.
func TestCrashOnReadOnlyDisk(t *testing.T) {
	if again, err := withMounts(t); again {
		require.NoError(t, err)
		return
	}
	c := newCollector(t, "examples/collector/config-durable.yaml")
	c.settings = []string{
		"exporters::genai_parquet::sending_queue::batch::flush_timeout: 100ms",
		"exporters::genai_parquet::retry_on_failure: {initial_interval: 50ms, max_interval: 200ms}",
	}
	disk := newDisk(t)
	remount := func(flags uintptr) {
		// A file that is being written delays the change.
		require.Eventually(t, func() bool {
			return syscall.Mount("none", disk, "tmpfs", syscall.MS_REMOUNT|flags, fmt.Sprintf("size=%d", diskSize)) == nil
		}, 10*time.Second, time.Millisecond)
	}
	c.dataset = filepath.Join(disk, "dataset")
	load := &load{collector: c}
	send := func(n int) {
		for range n {
			require.NoError(t, load.send(), "the queue takes it")
		}
	}
	c.start(t)
	send(5)
	load.awaitPresent(t)
	remount(syscall.MS_RDONLY)
	send(5)
	logged := func() bool { return containsAll(c.log(t), "read-only file system", c.dataset) }
	assert.Eventually(t, logged, 10*time.Second, 10*time.Millisecond, "the message says what and where")
	c.proc.Kill()
	c.start(t)
	send(5)
	remount(0)
	load.awaitPresent(t)
	c.stop(t)
	present, lost := load.check(t)
	fmt.Printf("e2e: disk read-only for a while: %d spans acknowledged, %d lost, %d in the dataset\n", load.acknowledgements()*perRequest, lost, present)

	c.dataset = filepath.Join(disk, "another")
	remount(syscall.MS_RDONLY)
	c.launch(t)
	err := c.proc.Ended()
	require.ErrorContains(t, err, "read-only file system")
	require.ErrorContains(t, err, c.dataset)
	c.proc = nil
	_, err = os.Stat(c.dataset)
	require.ErrorIs(t, err, os.ErrNotExist)
}
