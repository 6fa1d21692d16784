// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaidatasetreceiver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
	"go.yaml.in/yaml/v3"

	"github.com/spanloop/spanloop/internal/dataset"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// firstStart is when the first span of calls starts; each next a minute later.
var firstStart = time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)

// calls returns chat spans number from to to, without to.
func calls(from, to int) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i := from; i < to; i++ {
		span := spans.AppendEmpty()
		span.SetTraceID([16]byte{1, byte(i >> 8), byte(i)})
		span.SetSpanID([8]byte{2, byte(i >> 8), byte(i)})
		span.SetName(fmt.Sprintf("chat %d", i))
		start := firstStart.Add(time.Duration(i) * time.Minute)
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Second)))
		span.Attributes().PutStr("gen_ai.operation.name", "chat")
		span.Attributes().PutInt("number", int64(i))
	}
	return td
}

// store writes each batch as a push of its own.
func store(t testing.TB, dir string, batches ...ptrace.Traces) {
	t.Helper()
	w, err := dataset.NewWriter(dir, dataset.WriterOptions{})
	require.NoError(t, err)
	for _, td := range batches {
		_, err := w.WriteTraces(t.Context(), td)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
}

// sink is a pipeline that may refuse.
type sink struct {
	mu sync.Mutex
	// refuse decides about a batch, counted from 0 over all attempts.
	refuse  func(attempt int, td ptrace.Traces) error
	mutates bool
	// ruin changes what was given.
	ruin     func(ptrace.Traces)
	attempts int
	names    []string
	spans    []ptrace.Span
}

func (s *sink) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: s.mutates}
}

func (s *sink) ConsumeTraces(_ context.Context, td ptrace.Traces) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	attempt := s.attempts
	s.attempts++
	if s.ruin != nil {
		defer s.ruin(td)
	}
	if s.refuse != nil {
		if err := s.refuse(attempt, td); err != nil {
			return err
		}
	}
	for _, span := range spansOf(td) {
		s.names = append(s.names, span.Name())
		copied := ptrace.NewSpan()
		span.CopyTo(copied)
		s.spans = append(s.spans, copied)
	}
	return nil
}

func (s *sink) got() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := append([]string{}, s.names...)
	sort.Strings(got)
	return got
}

func spansOf(td ptrace.Traces) (spans []ptrace.Span) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				spans = append(spans, span)
			}
		}
	}
	return spans
}

// namesOf are the names of calls by number, sorted as text.
func namesOf(numbers ...int) []string {
	names := []string{}
	for _, n := range numbers {
		names = append(names, fmt.Sprintf("chat %d", n))
	}
	sort.Strings(names)
	return names
}

func upTo(n int) (numbers []int) {
	for i := range n {
		numbers = append(numbers, i)
	}
	return numbers
}

// memory is a storage extension whose content outlives its clients.
type memory struct {
	component.StartFunc
	component.ShutdownFunc

	mu      sync.Mutex
	content map[string][]byte
	open    int
	// fails makes every call fail.
	fails error
}

var errStorage = errors.New("storage is out of order")

func (m *memory) GetClient(_ context.Context, kind component.Kind, id component.ID, _ string) (storage.Client, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.content == nil {
		m.content = map[string][]byte{}
	}
	m.open++
	return &memoryClient{memory: m, prefix: kind.String() + "/" + id.String() + "/"}, nil
}

type memoryClient struct {
	memory *memory
	prefix string
}

func (c *memoryClient) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := c.Batch(ctx, op)
	return op.Value, err
}

func (c *memoryClient) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

func (c *memoryClient) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

func (c *memoryClient) Batch(ctx context.Context, ops ...*storage.Operation) error {
	c.memory.mu.Lock()
	defer c.memory.mu.Unlock()
	if err := errors.Join(c.memory.fails, ctx.Err()); err != nil {
		return err
	}
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			op.Value = c.memory.content[c.prefix+op.Key]
		case storage.Set:
			c.memory.content[c.prefix+op.Key] = append([]byte(nil), op.Value...)
		case storage.Delete:
			delete(c.memory.content, c.prefix+op.Key)
		}
	}
	return nil
}

func (c *memoryClient) Close(context.Context) error {
	c.memory.mu.Lock()
	defer c.memory.mu.Unlock()
	c.memory.open--
	return nil
}

// host offers extensions and keeps what is reported.
type host struct {
	extensions map[component.ID]component.Component
	mu         sync.Mutex
	events     []*componentstatus.Event
}

func (h *host) GetExtensions() map[component.ID]component.Component { return maps.Clone(h.extensions) }

func (h *host) Report(event *componentstatus.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, event)
}

func (h *host) statuses() (list []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, event := range h.events {
		list = append(list, event.Status().String())
	}
	return list
}

// running is a receiver under test.
type running struct {
	*datasetReceiver
	host      *host
	logs      *observer.ObservedLogs
	telemetry *componenttest.Telemetry
}

var storageID = component.MustNewID("memory")

// launch starts a receiver on a configuration in YAML.
func launch(t *testing.T, next consumer.Traces, extension component.Component, text string) *running {
	t.Helper()
	return ready(t, next, extension, text).start(t)
}

func (r *running) start(t *testing.T) *running {
	t.Helper()
	require.NoError(t, r.Start(t.Context(), r.host))
	return r
}

// ready makes a receiver with short waits.
func ready(t *testing.T, next consumer.Traces, extension component.Component, text string) *running {
	t.Helper()
	config, err := parse(t, text)
	require.NoError(t, err)
	require.NoError(t, config.Validate())
	r := &running{host: &host{}, telemetry: componenttest.NewTelemetry()}
	if extension != nil {
		r.host.extensions = map[component.ID]component.Component{storageID: extension}
		config.Storage = &storageID
	}
	core, logs := observer.New(zapcore.InfoLevel)
	r.logs = logs
	settings := receivertest.NewNopSettings(componentType)
	settings.ID = component.NewID(componentType)
	settings.TelemetrySettings = r.telemetry.NewTelemetrySettings()
	settings.Logger = zap.New(core)
	r.datasetReceiver, err = newDatasetReceiver(config, settings, next)
	require.NoError(t, err)
	r.sender.firstWait, r.sender.longestWait = time.Millisecond, 4*time.Millisecond
	t.Cleanup(func() { require.NoError(t, r.telemetry.Shutdown(context.Background())) })
	return r
}

// finished waits for the end of the sending and shuts down.
func (r *running) finished(t *testing.T) *running {
	t.Helper()
	select {
	case <-r.done:
	case <-time.After(10 * time.Second):
		require.Fail(t, "the receiver does not end", "%v", r.logs.All())
	}
	require.NoError(t, r.Shutdown(t.Context()))
	return r
}

// logged returns the context of the log lines that contain a text.
func (r *running) logged(text string) (lines []map[string]any) {
	for _, entry := range r.logs.All() {
		if strings.Contains(entry.Message, text) {
			lines = append(lines, entry.ContextMap())
		}
	}
	return lines
}

// exampleOf reads the receiver's section of the README's YAML.
func exampleOf(t *testing.T, readme string) map[string]any {
	t.Helper()
	_, rest, found := strings.Cut(readme, "```yaml\n")
	require.True(t, found)
	text, _, _ := strings.Cut(rest, "```")
	var whole struct {
		Receivers map[string]map[string]any `yaml:"receivers"`
	}
	require.NoError(t, yaml.Unmarshal([]byte(text), &whole))
	section := whole.Receivers["genai_dataset"]
	require.NotNil(t, section)
	return section
}
