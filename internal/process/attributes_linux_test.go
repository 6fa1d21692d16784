// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A Ctrl-C in the terminal goes to the terminal's whole group of processes. The
// parent stops its children itself, in order.
func TestChildrenAreOutsideTheParentsGroup(t *testing.T) {
	p := start(t, "exec sleep 60")
	group, err := syscall.Getpgid(p.PID())
	require.NoError(t, err)
	assert.Equal(t, p.PID(), group)
}

// A child is tied to the life of its parent, not to that of the thread that
// happened to start it.
func TestChildOutlivesTheStartersThread(t *testing.T) {
	started := make(chan *Process)
	go func() {
		// Not unlocked: the thread ends with the goroutine.
		runtime.LockOSThread()
		started <- start(t, "exec sleep 60")
	}()
	p := <-started
	select {
	case <-p.done:
		assert.Fail(t, "the child has ended", "%v", p.Ended())
	case <-time.After(300 * time.Millisecond):
	}
}

func TestPeakMemory(t *testing.T) {
	p := start(t, "x=$(head -c 30000000 /dev/zero | tr '\\0' x); echo ${#x}; exec sleep 60")
	peak := func() int64 { return p.PeakMemory() }
	require.Eventually(t, func() bool { return peak() > 30_000_000 }, 20*time.Second, time.Millisecond)
	require.NoError(t, p.Stop(10*time.Second))
	assert.Zero(t, peak())
}
