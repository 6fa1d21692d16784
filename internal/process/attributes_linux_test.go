// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"syscall"
	"testing"

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
