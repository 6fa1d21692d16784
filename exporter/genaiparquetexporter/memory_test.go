// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiparquetexporter

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
)

// A limit holds from start to shutdown, unless another one goes first.
func TestMemoryLimit(t *testing.T) {
	unlimited := debug.SetMemoryLimit(-1)
	for name, test := range map[string]struct {
		mib         int
		environment string
		before      int64
		want        int64
	}{
		"none":                {before: unlimited, want: unlimited},
		"set":                 {mib: 1 << 14, before: unlimited, want: 1 << 34},
		"GOMEMLIMIT is set":   {mib: 1 << 14, environment: "1TiB", before: 1 << 40, want: 1 << 40},
		"a lower one holds":   {mib: 1 << 14, before: 1 << 33, want: 1 << 33},
		"a higher one is cut": {mib: 1 << 14, before: 1 << 35, want: 1 << 34},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOMEMLIMIT", test.environment)
			debug.SetMemoryLimit(test.before)
			t.Cleanup(func() { debug.SetMemoryLimit(unlimited) })
			e, err := newParquetExporter(load(t, map[string]any{"path": t.TempDir(), "memory_limit_mib": test.mib}), componenttest.NewNopTelemetrySettings())
			require.NoError(t, err)
			require.NoError(t, e.start(t.Context(), componenttest.NewNopHost()))
			assert.Equal(t, test.want, debug.SetMemoryLimit(-1))
			require.NoError(t, e.shutdown(t.Context()))
			assert.Equal(t, test.before, debug.SetMemoryLimit(-1))
		})
	}
}
