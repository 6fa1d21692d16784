// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaievalprocessor

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset/benchdata"
)

// A span in a batch, whose candidates share memory, is scored as it is alone.
func TestBatchScoresLikeSpansAlone(t *testing.T) {
	for _, config := range []string{
		"",
		"rules:\n  - name: a\n    sample: {rate: 0.5}\n  - name: b\n    evaluators: [refusal, {name: length_chars, as: size, max: 800}, tool_known]\n",
	} {
		newProcessor := func() *evalProcessor {
			p, err := newEvalProcessor(mustParse(t, config), componenttest.NewNopTelemetrySettings())
			require.NoError(t, err)
			p.now = func() time.Time { return testStart }
			return p
		}
		td := benchdata.NewPlain(3, 2).Traces(120)
		alone := ptrace.NewTraces()
		td.CopyTo(alone)
		batch, err := newProcessor().processTraces(t.Context(), td)
		require.NoError(t, err)
		p := newProcessor()
		for _, rs := range alone.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					one := ptrace.NewTraces()
					to := one.ResourceSpans().AppendEmpty()
					rs.Resource().CopyTo(to.Resource())
					scope := to.ScopeSpans().AppendEmpty()
					ss.Scope().CopyTo(scope.Scope())
					span.CopyTo(scope.Spans().AppendEmpty())
					scored, err := p.processTraces(t.Context(), one)
					require.NoError(t, err)
					spansOf(scored).At(0).CopyTo(span)
				}
			}
		}
		encode := func(td ptrace.Traces) []byte {
			encoded, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
			require.NoError(t, err)
			return encoded
		}
		require.Equal(t, encode(alone), encode(batch))
		require.Positive(t, spansOf(batch).At(0).Events().Len())
	}
}
