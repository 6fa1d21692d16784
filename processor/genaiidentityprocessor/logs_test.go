// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiidentityprocessor

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/processortest"
)

// bothRig is one configuration in a pipeline of spans and one of logs.
type bothRig struct {
	*rig
	logs processor.Logs
	sink *consumertest.LogsSink
}

func startBoth(t testing.TB, files map[string]string) *bothRig {
	t.Helper()
	var config *Config
	b := &bothRig{sink: new(consumertest.LogsSink)}
	b.rig = start(t, func(c *Config) {
		config = c
		if files != nil {
			c.Registry = registryIn(t, t.TempDir(), files)
		}
	})
	var err error
	b.logs, err = NewFactory().CreateLogs(t.Context(), processortest.NewNopSettings(Type), config, b.sink)
	require.NoError(t, err)
	require.NoError(t, b.logs.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, b.logs.Shutdown(context.Background())) })
	return b
}

// tell sends log records and returns them as they came out.
func (b *bothRig) tell(t testing.TB, records ...plog.LogRecord) []plog.LogRecord {
	t.Helper()
	ld := plog.NewLogs()
	list := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for _, record := range records {
		record.CopyTo(list.AppendEmpty())
	}
	before := len(b.sink.AllLogs())
	require.NoError(t, b.logs.ConsumeLogs(t.Context(), ld))
	require.Len(t, b.sink.AllLogs(), before+1)
	var out []plog.LogRecord
	for _, record := range b.sink.AllLogs()[before].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		out = append(out, record)
	}
	return out
}

// logEvent is an event of the span with that number.
func logEvent(t testing.TB, id byte, name string, second int, body, attributes map[string]any) plog.LogRecord {
	t.Helper()
	record := plog.NewLogRecord()
	record.SetTraceID(pcommon.TraceID{0: 1, 15: 1})
	record.SetSpanID(pcommon.SpanID{0: 1, 7: id})
	record.SetEventName(name)
	record.SetTimestamp(pcommon.NewTimestampFromTime(time.Date(2026, 2, 1, 0, 0, second, 0, time.UTC)))
	require.NoError(t, record.Attributes().FromRaw(attributes))
	if body != nil {
		require.NoError(t, record.Body().FromRaw(body))
	}
	return record
}

// detailsOf is the event of the details of a whole call.
func detailsOf(t testing.TB, id byte, system string) plog.LogRecord {
	t.Helper()
	return logEvent(t, id, "gen_ai.client.inference.operation.details", 1, nil, with(chatOf(system), "gen_ai.tool.definitions", tool("get_order", "Looks an order up.")))
}

var bareCall = map[string]any{"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "m"}

// sendBare sends a call without content.
func (b *bothRig) sendBare(t testing.TB, id byte) map[string]any {
	t.Helper()
	td := ptrace.NewTraces()
	addSpan(t, td, 1, id, bareCall)
	return spansOf(b.through(t, td))[0].Attributes().AsRaw()
}

// A span whose content came before it in a log event has the identity that it
// would have with that content on itself, and so does a tool's span.
func TestContentBeforeItsSpan(t *testing.T) {
	b := startBoth(t, supportFiles)
	whole := with(chatOf("You help Anna with orders, politely."), "gen_ai.tool.definitions", tool("get_order", "Looks an order up."))
	want := b.one(t, whole)
	event := b.tell(t, detailsOf(t, 7, "You help Anna with orders, politely."))[0].Attributes().AsRaw()
	got := b.sendBare(t, 7)
	for key, value := range want {
		_, sent := whole[key]
		if !sent {
			assert.Equal(t, value, got[key], key)
		}
	}
	assert.NotContains(t, got, "gen_ai.input.messages", "content stays where it was sent")
	for _, key := range []string{
		"gen_ai.prompt.name", "gen_ai.prompt.version", "gen_ai.prompt.variable.customer", "spanloop.prompt.hash", "spanloop.prompt.resolution",
		"spanloop.tool.versions", "spanloop.toolset.hash", "spanloop.toolset.completeness",
	} {
		assert.Equal(t, want[key], event[key], key)
	}
	for _, key := range []string{"spanloop.variant.id", "spanloop.model.hash", "spanloop.params.hash"} {
		assert.NotContains(t, event, key, "that is the span's to say")
	}
	td := ptrace.NewTraces()
	addSpan(t, td, 1, 9, map[string]any{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "get_order"})
	assert.NotEmpty(t, text(spansOf(b.through(t, td))[0], "spanloop.tool.version"))
	assert.EqualValues(t, 1, b.sum(t, "log_events", "resolution", "template"))
}

// Old conventions have one event a message. They come in several batches and in any
// order, and some are sent again.
func TestMessagesInEventsOfTheirOwn(t *testing.T) {
	files := map[string]string{"prompts/triage/versions/3.yaml": strings.Join([]string{
		"version: \"3\"", "time: 2026-01-01T00:00:00Z", "messages:", "  - {role: system, content: \"You sort tickets of {{team}}.\"}",
		"  - {role: user, content: \"Ticket: {{ticket}}\"}", "",
	}, "\n")}
	for name, order := range map[string][][]int{
		"one batch": {{0, 1, 2}}, "a batch each": {{0}, {1}, {2}}, "backwards": {{2}, {1}, {0}}, "sent again": {{0, 1}, {0, 1}, {2}}, "again at once": {{0, 0, 1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			b := startBoth(t, files)
			all := []plog.LogRecord{
				logEvent(t, 1, "gen_ai.system.message", 1, map[string]any{"content": "You sort tickets of Ops."}, nil),
				logEvent(t, 1, "gen_ai.user.message", 2, map[string]any{"content": "Ticket: the printer"}, nil),
				logEvent(t, 1, "gen_ai.choice", 3, map[string]any{"index": 0, "finish_reason": "stop", "message": map[string]any{"content": "Ok."}}, nil),
			}
			for _, batch := range order {
				var records []plog.LogRecord
				for _, i := range batch {
					records = append(records, all[i])
				}
				b.tell(t, records...)
			}
			got := b.sendBare(t, 1)
			assert.Equal(t, "triage", got["gen_ai.prompt.name"])
			assert.Equal(t, "3", got["gen_ai.prompt.version"])
			assert.Equal(t, "Ops", got["gen_ai.prompt.variable.team"])
			assert.Equal(t, "the printer", got["gen_ai.prompt.variable.ticket"])
		})
	}
}

func TestSpanBeforeItsContent(t *testing.T) {
	b := startBoth(t, supportFiles)
	got := b.sendBare(t, 3)
	assert.Equal(t, "no_content", got["spanloop.prompt.unresolved_reason"])
	event := b.tell(t, detailsOf(t, 3, "You help Bo with orders, politely."))[0].Attributes().AsRaw()
	assert.Equal(t, "support", event["gen_ai.prompt.name"])
	assert.Equal(t, "Bo", event["gen_ai.prompt.variable.customer"])
}

// What a span says itself goes before what events say, and events of one span say
// nothing of another.
func TestSpanGoesBeforeItsEvents(t *testing.T) {
	b := startBoth(t, supportFiles)
	b.tell(t, detailsOf(t, 4, "You help Anna with orders, politely."))
	td := ptrace.NewTraces()
	addSpan(t, td, 1, 4, chatOf("Something else entirely."))
	addSpan(t, td, 1, 5, bareCall)
	spans := spansOf(b.through(t, td))
	assert.Equal(t, "fingerprint", text(spans[0], "spanloop.prompt.resolution"))
	assert.NotEmpty(t, text(spans[0], "spanloop.toolset.hash"), "tools that only the event has")
	assert.Equal(t, "no_content", text(spans[1], "spanloop.prompt.unresolved_reason"))
}

// Scores, records of other kinds and events that a collector before has stamped pass
// as they are.
func TestOtherRecordsPassUntouched(t *testing.T) {
	b := startBoth(t, supportFiles)
	records := []plog.LogRecord{
		logEvent(t, 1, "", 1, map[string]any{"content": "a line"}, map[string]any{"gen_ai.prompt.name": "x"}),
		logEvent(t, 1, "gen_ai.evaluation.result", 1, nil, map[string]any{"gen_ai.evaluation.name": "a", "gen_ai.evaluation.score.value": 1.0}),
		logEvent(t, 1, "gen_ai.choice", 1, map[string]any{"message": map[string]any{"content": "Ok."}}, nil),
		logEvent(t, 1, "gen_ai.user.message", 1, map[string]any{"content": "Hi"}, map[string]any{"spanloop.prompt.resolution": "explicit"}),
	}
	for i, got := range b.tell(t, records[:3]...) {
		assert.Equal(t, records[i].Attributes().AsRaw(), got.Attributes().AsRaw())
		assert.Equal(t, records[i].Body().AsRaw(), got.Body().AsRaw())
	}
	assert.Equal(t, records[3].Attributes().AsRaw(), b.tell(t, records[3])[0].Attributes().AsRaw())
}

// An event without ids speaks for itself alone; what cannot be read is named on it.
func TestEventsThatSayLittle(t *testing.T) {
	b := startBoth(t, supportFiles)
	lone := detailsOf(t, 1, "You help Cy with orders, politely.")
	lone.SetSpanID(pcommon.SpanID{})
	assert.Equal(t, "support", b.tell(t, lone)[0].Attributes().AsRaw()["gen_ai.prompt.name"])
	broken := logEvent(t, 6, "gen_ai.client.inference.operation.details", 1, nil, map[string]any{
		"gen_ai.operation.name": "chat", "gen_ai.input.messages": `[{"role":"system","parts":[{"type":"text","content":"You he`,
	})
	got := b.tell(t, broken)[0].Attributes().AsRaw()
	assert.NotEmpty(t, got["spanloop.problems"])
	assert.Equal(t, "malformed", got["spanloop.prompt.unresolved_reason"])
	assert.Equal(t, "no_content", b.sendBare(t, 6)["spanloop.prompt.unresolved_reason"])
}

// The pipelines of one configuration are one processor until the last has ended.
func TestPipelinesShareOneProcessor(t *testing.T) {
	config, _ := createDefaultConfig().(*Config)
	config.Registry = registryIn(t, t.TempDir(), supportFiles)
	set := processortest.NewNopSettings(Type)
	traces, err := NewFactory().CreateTraces(t.Context(), set, config, consumertest.NewNop())
	require.NoError(t, err)
	logs, err := NewFactory().CreateLogs(t.Context(), set, config, consumertest.NewNop())
	require.NoError(t, err)
	p := processors.byConfig[config]
	require.NotNil(t, p)
	require.NoError(t, traces.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, logs.Start(t.Context(), componenttest.NewNopHost()))
	require.NoError(t, traces.Shutdown(t.Context()))
	assert.NotNil(t, p.snapshot(), "the other pipeline runs on")
	require.NoError(t, logs.Shutdown(t.Context()))
	assert.Nil(t, p.snapshot())
	assert.NotContains(t, processors.byConfig, config)
	other, _ := createDefaultConfig().(*Config)
	next, err := processorOf(set, other)
	require.NoError(t, err)
	assert.NotSame(t, p, next)
	require.NoError(t, next.shutdown(t.Context()))
}

// Both pipelines at once, for the race detector.
func TestBothPipelinesAtOnce(t *testing.T) {
	b := startBoth(t, supportFiles)
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 50 {
				id := byte(i)
				if worker%2 == 0 {
					ld := plog.NewLogs()
					detailsOf(t, id, fmt.Sprintf("You help %d with orders, politely.", i)).CopyTo(ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty())
					assert.NoError(t, b.logs.ConsumeLogs(t.Context(), ld))
				} else {
					td := ptrace.NewTraces()
					addSpan(t, td, 1, id, bareCall)
					assert.NoError(t, b.ConsumeTraces(t.Context(), td))
				}
			}
		})
	}
	wg.Wait()
	assert.Equal(t, "support", b.sendBare(t, 49)["gen_ai.prompt.name"])
}
