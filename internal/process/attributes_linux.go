// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package process

import "syscall"

// attributes ties the child's life to its parent's.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
