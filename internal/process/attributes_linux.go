// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package process

import "syscall"

// attributes ties the child's life to its parent's, and keeps the terminal's
// Ctrl-C from it: the parent stops its children in the right order.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
