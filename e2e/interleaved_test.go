// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// TestInterleavedTraces sends agent traces that all run at the same time, 1,000 of
// them or SPANLOOP_TRACES. In end-time order the tool spans leave the collector with
// the version of their tool; in any order the views know of each span what its trace
// reveals, and compaction writes it into the rows. At least 99.9 % must be right.
func TestInterleavedTraces(t *testing.T) {
	traces := 1000
	if text := os.Getenv("SPANLOOP_TRACES"); text != "" {
		var err error
		traces, err = strconv.Atoi(text)
		require.NoError(t, err, "SPANLOOP_TRACES is a number")
	}
	byEnd := interleavedTraces(traces)
	slices.SortStableFunc(byEnd, func(a, b ptrace.Span) int { return cmp.Compare(a.EndTimestamp(), b.EndTimestamp()) })
	t.Run("end-time order", func(t *testing.T) {
		c := storeInterleaved(t, byEnd)
		c.mostlyRight(t, "as they left the collector: tool versions", "spans_files", toolRight)
		c.revealed(t)
	})
	t.Run("random order", func(t *testing.T) {
		shuffled := slices.Clone(byEnd)
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		storeInterleaved(t, shuffled).revealed(t)
	})
}

// storeInterleaved sends spans in requests of 500 to a collector of its own.
func storeInterleaved(t *testing.T, spans []ptrace.Span) *collector {
	t.Helper()
	c := newCollector(t, defaults)
	registerSearchTools(t, c.registry)
	c.start(t)
	for chunk := range slices.Chunk(spans, 500) {
		td := ptrace.NewTraces()
		list := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
		for _, span := range chunk {
			span.CopyTo(list.AppendEmpty())
		}
		require.NoError(t, c.sendTraces(td))
	}
	c.stop(t)
	require.EqualValues(t, len(spans), c.count(t, "SELECT count(*) AS n FROM spans"))
	return c
}

// What holds of spans that are right, and of which spans it is asked. Each span
// says in attributes what is true of it.
var (
	toolRight    = [2]string{"call_kind = 'tool'", "tool_version = attributes['truth.tool']"}
	promptRight  = [2]string{"call_kind = 'inference'", "prompt_name = 'search' AND prompt_version = attributes['truth.version']"}
	sessionRight = [2]string{"true", "session_id = attributes['truth.session']"}
)

// revealed asks for what is revealed by trace before and after compaction.
func (c *collector) revealed(t *testing.T) {
	t.Helper()
	ask := func(where, table string) {
		c.mostlyRight(t, where+": tool versions", table, toolRight)
		c.mostlyRight(t, where+": prompts", table, promptRight)
		c.mostlyRight(t, where+": sessions", table, sessionRight)
	}
	ask("views", "spans")
	_, stderr, code := c.spanloop(t, "dataset", "compact", "--grace", "0s", "--settle", "0s")
	require.Zero(t, code, stderr)
	ask("rows after compaction", "spans_files")
	ask("views after compaction", "spans")
}

func (c *collector) mostlyRight(t *testing.T, what, table string, right [2]string) {
	t.Helper()
	of := c.count(t, fmt.Sprintf("SELECT count(*) AS n FROM %s WHERE %s", table, right[0]))
	good := c.count(t, fmt.Sprintf("SELECT count(*) AS n FROM %s WHERE %s AND %s", table, right[0], right[1]))
	t.Logf("%s: %d of %d right", what, good, of)
	require.NotZero(t, of)
	assert.GreaterOrEqual(t, 1000*good, 999*of, what)
}
