// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiparquetexporter

import (
	"os"
	"runtime/debug"
)

// limitMemory gives the process a soft memory limit: garbage is collected more
// often near it. GOMEMLIMIT and a lower limit that holds already go first. The
// returned function takes the limit back.
func limitMemory(mib int) (restore func()) {
	limit := int64(mib) << 20
	before := debug.SetMemoryLimit(-1)
	if limit <= 0 || os.Getenv("GOMEMLIMIT") != "" || before <= limit {
		return func() {}
	}
	debug.SetMemoryLimit(limit)
	return func() {
		if debug.SetMemoryLimit(-1) == limit {
			debug.SetMemoryLimit(before)
		}
	}
}
