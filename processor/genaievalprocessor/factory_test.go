// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaievalprocessor

import (
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The processor starts with an empty configuration, passes what it gets, and
// stops, once and again.
func TestLifecycle(t *testing.T) {
	factory := NewFactory()
	assert.Equal(t, "genai_eval", factory.Type().String())
	for range 2 {
		sink := new(consumertest.TracesSink)
		p, err := factory.CreateTraces(t.Context(), processortest.NewNopSettings(factory.Type()), factory.CreateDefaultConfig(), sink)
		require.NoError(t, err)
		assert.True(t, p.Capabilities().MutatesData)
		require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
		require.NoError(t, p.ConsumeTraces(t.Context(), oneCall()))
		require.NoError(t, p.ConsumeTraces(t.Context(), ptrace.NewTraces()))
		require.NoError(t, p.Shutdown(t.Context()))
		require.Equal(t, 1, sink.SpanCount())
		assert.Equal(t, []any{"default=scored"}, decisionsOf(spansOf(sink.AllTraces()[0]).At(0)))
	}
	never, err := factory.CreateTraces(t.Context(), processortest.NewNopSettings(factory.Type()), factory.CreateDefaultConfig(), consumertest.NewNop())
	require.NoError(t, err)
	require.NoError(t, never.Shutdown(t.Context()), "a processor that was never started stops as well")
	_, err = factory.CreateMetrics(t.Context(), processortest.NewNopSettings(factory.Type()), factory.CreateDefaultConfig(), consumertest.NewNop())
	require.Error(t, err, "traces only")
	processortest.VerifyShutdown(t, factory, factory.CreateDefaultConfig())
}

// An error of the next component goes back to the sender, so that it sends
// again.
func TestNextFails(t *testing.T) {
	factory := NewFactory()
	refused := errors.New("queue is full")
	p, err := factory.CreateTraces(t.Context(), processortest.NewNopSettings(factory.Type()), factory.CreateDefaultConfig(), consumertest.NewErr(refused))
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), componenttest.NewNopHost()))
	td := oneCall()
	require.ErrorIs(t, p.ConsumeTraces(t.Context(), td), refused)
	require.ErrorIs(t, p.ConsumeTraces(t.Context(), td), refused)
	assert.Len(t, namesOf(spansOf(td).At(0)), 8, "sent again it is not scored again")
	require.NoError(t, p.Shutdown(t.Context()))
}

func TestWrongConfiguration(t *testing.T) {
	factory := NewFactory()
	_, err := factory.CreateTraces(t.Context(), processortest.NewNopSettings(factory.Type()), nil, consumertest.NewNop())
	require.Error(t, err)
}

// Batches arrive from several goroutines.
func TestConcurrentBatches(t *testing.T) {
	p, err := newEvalProcessor(mustParse(t, "rules: [{name: a, sample: {rate: 0.5, floor: 3}}, {name: b, match: {condition: 'name == \"chat\"'}}]"),
		componenttest.NewNopTelemetrySettings())
	require.NoError(t, err)
	var group sync.WaitGroup
	for g := range 8 {
		group.Go(func() {
			for i := range 20 {
				td := calls(5, func(n int, s ptrace.Span) { s.SetTraceID(traceID(uint64(g*1000 + i*10 + n + 1))) })
				_, err := p.processTraces(t.Context(), td)
				assert.NoError(t, err)
			}
		})
	}
	group.Wait()
}
