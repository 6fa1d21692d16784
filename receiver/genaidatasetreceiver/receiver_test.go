// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaidatasetreceiver

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pipeline"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/identity"
)

// With an empty configuration the receiver starts, sends ./spanloop-data, and
// stops, once and again.
func TestLifecycle(t *testing.T) {
	t.Chdir(t.TempDir())
	store(t, "spanloop-data", calls(0, 3))
	factory := NewFactory()
	assert.Equal(t, "genai_dataset", factory.Type().String())
	for range 2 {
		next := &sink{}
		r, err := factory.CreateTraces(t.Context(), receivertest.NewNopSettings(factory.Type()), factory.CreateDefaultConfig(), next)
		require.NoError(t, err)
		require.NoError(t, r.Start(t.Context(), componenttest.NewNopHost()))
		require.Eventually(t, func() bool { return len(next.got()) == 3 }, 10*time.Second, time.Millisecond)
		require.NoError(t, r.Shutdown(t.Context()))
		require.NoError(t, r.Shutdown(t.Context()), "twice")
	}
	never, err := factory.CreateTraces(t.Context(), receivertest.NewNopSettings(factory.Type()), factory.CreateDefaultConfig(), consumertest.NewNop())
	require.NoError(t, err)
	require.NoError(t, never.Shutdown(t.Context()), "without a start")
	_, err = factory.CreateLogs(t.Context(), receivertest.NewNopSettings(factory.Type()), factory.CreateDefaultConfig(), consumertest.NewNop())
	require.Error(t, err, "traces only")
	_, err = factory.CreateTraces(t.Context(), receivertest.NewNopSettings(factory.Type()), nil, consumertest.NewNop())
	require.Error(t, err)
	_, err = factory.CreateTraces(t.Context(), receivertest.NewNopSettings(factory.Type()), &Config{Select: SelectConfig{Condition: "="}}, consumertest.NewNop())
	require.Error(t, err)
}

// A start that cannot work says why.
func TestStartFails(t *testing.T) {
	dir := t.TempDir()
	id := component.MustNewID("file_storage")
	for want, config := range map[string]*Config{
		"no dataset":                               {Path: filepath.Join(dir, "none"), End: endStop},
		`extension "file_storage" is not there`:    {Path: dir, End: endStop, Storage: &id},
		`extension "memory" is no storage extensi`: {Path: dir, End: endStop, Storage: &storageID},
	} {
		r, err := NewFactory().CreateTraces(t.Context(), receivertest.NewNopSettings(componentType), config, consumertest.NewNop())
		require.NoError(t, err)
		h := &host{extensions: map[component.ID]component.Component{storageID: struct {
			component.StartFunc
			component.ShutdownFunc
		}{}}}
		require.ErrorContains(t, r.Start(t.Context(), h), want)
		require.NoError(t, r.Shutdown(t.Context()))
	}
}

// Spans arrive as they were stored but for the mark that says where from; they
// stay production traffic.
func TestSpansAreMarked(t *testing.T) {
	dir := t.TempDir()
	store(t, dir, calls(0, 5))
	next := &sink{}
	r := launch(t, next, nil, "path: "+dir).finished(t)
	require.Equal(t, namesOf(upTo(5)...), next.got())
	for _, span := range next.spans {
		source, _ := span.Attributes().Get(identity.AttrSource)
		assert.Equal(t, "dataset", source.Str())
		assert.False(t, identity.IsReplay(span.Attributes()))
		span.Attributes().Remove(identity.AttrSource)
		span.Attributes().Remove(identity.AttrSourceDataset)
		number, _ := span.Attributes().Get("number")
		assert.Equal(t, map[string]any{"gen_ai.operation.name": "chat", "number": number.Int()}, span.Attributes().AsRaw())
		assert.Equal(t, firstStart.Add(time.Duration(number.Int())*time.Minute), span.StartTimestamp().AsTime())
	}
	end := r.logged("the dataset was sent")
	require.Len(t, end, 1)
	assert.EqualValues(t, 5, end[0]["sent_spans"])
	assert.EqualValues(t, 0, end[0]["broken_files"])
	require.Equal(t, []string{"StatusOK"}, r.host.statuses())
	assert.Equal(t, map[string]any{
		"spanloop.dataset.complete": true, "spanloop.dataset.sent_spans": int64(5),
		"spanloop.dataset.refused_spans": int64(0), "spanloop.dataset.broken_files": int64(0),
	}, r.host.events[0].Attributes().AsRaw())
	assert.Empty(t, launch(t, next, nil, "{end: idle, path: "+dir+"}").finished(t).host.statuses(), "idle reports no end")
}

func TestSelection(t *testing.T) {
	dir := t.TempDir()
	td := calls(0, 9)
	for i, span := range spansOf(td) {
		if i < 6 {
			span.Attributes().PutStr("gen_ai.prompt.name", []string{"support-eu", "support-us", "billing"}[i%3])
			span.Attributes().PutStr("gen_ai.prompt.version", []string{"v3.1", "v4"}[i/3])
		}
		if i == 8 {
			span.Attributes().PutBool(identity.AttrReplay, true)
		}
	}
	store(t, dir, td)
	for text, want := range map[string][]string{
		"{}":                                    namesOf(0, 1, 2, 3, 4, 5, 6, 7),
		"{include_replays: true}":               namesOf(upTo(9)...),
		"{prompt: 'support-*'}":                 namesOf(0, 1, 3, 4),
		"{prompt: 'support-*', version: 'v3*'}": namesOf(0, 1),
		"{version: v4}":                         namesOf(3, 4, 5),
		"{prompt: '?*'}":                        namesOf(0, 1, 2, 3, 4, 5),
		"{prompt: other}":                       namesOf(),
		"{since: '2026-11-20T10:02', until: '2026-11-20T10:05'}": namesOf(2, 3, 4),
		"{since: 1h}": namesOf(),
		"{condition: 'span.attributes[\"number\"] > 5'}":                namesOf(6, 7),
		"{condition: 'resource.attributes[\"service.name\"] == \"x\"'}": namesOf(),
		"{prompt: billing, condition: 'span.name == \"chat 5\"'}":       namesOf(5),
	} {
		t.Run(text, func(t *testing.T) {
			next := &sink{}
			launch(t, next, nil, "{path: "+dir+", select: "+text+"}").finished(t)
			assert.Equal(t, want, next.got())
			assert.LessOrEqual(t, next.attempts, len(want), "no empty batches")
		})
	}
}

// A condition that cannot be evaluated leaves the span out, counted.
func TestConditionFails(t *testing.T) {
	dir := t.TempDir()
	td := calls(0, 4)
	spansOf(td)[2].Attributes().PutStr("size", "no number")
	for _, i := range []int{0, 1, 3} {
		spansOf(td)[i].Attributes().PutStr("size", "7")
	}
	store(t, dir, td)
	next := &sink{}
	r := launch(t, next, nil, `{path: `+dir+`, select: {condition: 'ParseInt(span.attributes["size"], 10) == 7'}}`).finished(t)
	assert.Equal(t, namesOf(0, 1, 3), next.got())
	assert.Len(t, r.logged("the condition cannot be evaluated"), 1)
	assert.EqualValues(t, 1, r.at.Counts.ConditionFailed)
}

// Damaged files are named and counted, and the rest is sent.
func TestDamagedFile(t *testing.T) {
	dir := t.TempDir()
	store(t, dir, calls(0, 3), calls(3, 5), calls(5, 9))
	d, err := dataset.Open(dir)
	require.NoError(t, err)
	files, err := d.Files(t.Context(), dataset.TableSpans)
	require.NoError(t, err)
	var damaged string
	for _, f := range files {
		if f.Rows == 2 {
			damaged = f.Path
			require.NoError(t, os.Truncate(filepath.Join(dir, filepath.FromSlash(f.Path)), 40))
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "_manifest", "bad.json"), []byte("no JSON"), 0o600))
	next := &sink{}
	r := launch(t, next, nil, "path: "+dir).finished(t)
	assert.Equal(t, namesOf(0, 1, 2, 5, 6, 7, 8), next.got())
	var named []any
	for _, line := range r.logged("a file is skipped") {
		named = append(named, line["file"])
	}
	assert.ElementsMatch(t, []any{damaged, "_manifest/bad.json"}, named)
	end := r.logged("the dataset was sent")
	require.Len(t, end, 1)
	assert.EqualValues(t, 2, end[0]["broken_files"])
	assert.EqualValues(t, 7, end[0]["sent_spans"])
	metrics(t, r, "files", map[string]int64{"read": 2, "broken": 2})
}

func metrics(t *testing.T, r *running, name string, want map[string]int64) {
	t.Helper()
	got, err := r.telemetry.GetMetric("otelcol_receiver_genai_dataset_" + name)
	require.NoError(t, err)
	sum := metricdata.Sum[int64]{Temporality: metricdata.CumulativeTemporality, IsMonotonic: true}
	for outcome, n := range want {
		sum.DataPoints = append(sum.DataPoints, metricdata.DataPoint[int64]{Attributes: attribute.NewSet(attribute.String("outcome", outcome)), Value: n})
	}
	metricdatatest.AssertEqual(t, metricdata.Metrics{Name: got.Name, Description: got.Description, Unit: got.Unit, Data: sum}, got,
		metricdatatest.IgnoreTimestamp())
}

// What the pipeline refuses for good is skipped and counted, what it refuses for
// now is sent again as it was stored, though the pipeline changes its data.
func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	store(t, dir, calls(0, 3), calls(3, 5), calls(5, 9))
	next := &sink{
		mutates: true,
		ruin:    func(td ptrace.Traces) { td.ResourceSpans().RemoveIf(func(ptrace.ResourceSpans) bool { return true }) },
		refuse: func(attempt int, td ptrace.Traces) error {
			switch {
			case td.SpanCount() == 2:
				return consumererror.NewPermanent(errors.New("never"))
			case attempt%3 != 2:
				return errors.New("not now")
			}
			return nil
		},
	}
	r := launch(t, next, nil, "path: "+dir).finished(t)
	assert.Equal(t, namesOf(0, 1, 2, 5, 6, 7, 8), next.got())
	assert.Len(t, r.logged("refused spans for good"), 1)
	metrics(t, r, "spans", map[string]int64{"sent": 7, "refused": 2})
	statuses := r.host.statuses()
	assert.Contains(t, statuses, "StatusRecoverableError")
	assert.Equal(t, "StatusOK", statuses[len(statuses)-1])
}

// Of a batch that was taken in part only the rest is sent again.
func TestPartialRefusal(t *testing.T) {
	dir := t.TempDir()
	store(t, dir, calls(0, 4))
	next := &sink{}
	next.refuse = func(attempt int, td ptrace.Traces) error {
		if attempt > 0 {
			return nil
		}
		rest := ptrace.NewTraces()
		td.CopyTo(rest)
		rest.ResourceSpans().At(0).ScopeSpans().At(0).Spans().RemoveIf(func(s ptrace.Span) bool { return s.Name() != "chat 3" })
		return consumererror.NewTraces(errors.New("one is left"), rest)
	}
	launch(t, next, nil, "path: "+dir).finished(t)
	assert.Equal(t, namesOf(3), next.got(), "the others were taken at first")
	assert.Equal(t, 2, next.attempts)
}

// The contract of receivers holds whatever errors the pipeline answers with.
func TestConsumeContract(t *testing.T) {
	dir := t.TempDir()
	var batches []ptrace.Traces
	var ids []receivertest.UniqueIDAttrVal
	for i := range 40 {
		td := calls(i, i+1)
		id := spansOf(td)[0].Name()
		spansOf(td)[0].Attributes().PutStr(receivertest.UniqueIDAttrName, id)
		ids = append(ids, receivertest.UniqueIDAttrVal(id))
		batches = append(batches, td)
	}
	store(t, dir, batches...)
	factory := receiver.NewFactory(componentType, createDefaultConfig, receiver.WithTraces(
		func(ctx context.Context, set receiver.Settings, cfg component.Config, next consumer.Traces) (receiver.Traces, error) {
			r, err := createTraces(ctx, set, cfg, next)
			if r, ok := r.(*datasetReceiver); ok {
				r.sender.firstWait, r.sender.longestWait = time.Millisecond, 2*time.Millisecond
			}
			return r, err
		}, component.StabilityLevelAlpha))
	receivertest.CheckConsumeContract(receivertest.CheckConsumeContractParams{
		T: t, Factory: factory, Signal: pipeline.SignalTraces, Config: &Config{Path: dir, End: endStop},
		Generator: &stored{ids: ids}, GenerateCount: len(ids),
	})
}

// stored generates nothing: it names the spans that the dataset holds.
type stored struct {
	ids  []receivertest.UniqueIDAttrVal
	mu   sync.Mutex
	next int
}

func (s *stored) Start() { s.next = 0 }
func (s *stored) Stop()  {}

func (s *stored) Generate() []receivertest.UniqueIDAttrVal {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	return s.ids[s.next-1 : s.next]
}

// A pipeline that writes to the dataset it reads comes to an end, and the next
// start does not go round again.
func TestLoop(t *testing.T) {
	dir := t.TempDir()
	store(t, dir, calls(0, 20))
	writer, err := dataset.NewWriter(dir, dataset.WriterOptions{})
	require.NoError(t, err)
	written := 0
	loop, err := consumer.NewTraces(func(ctx context.Context, td ptrace.Traces) error {
		written += td.SpanCount()
		_, err := writer.WriteTraces(ctx, td)
		return err
	})
	require.NoError(t, err)
	kept := &memory{}
	launch(t, loop, kept, "path: "+dir).finished(t)
	require.Equal(t, 20, written)
	launch(t, loop, kept, "path: "+dir).finished(t)
	require.Equal(t, 20, written, "this selection was sent")
	rows := storedRows(t, dir)
	require.EqualValues(t, 40, rows)
	var r *running
	for range 5 {
		r = launch(t, loop, nil, "path: "+dir).finished(t)
	}
	assert.Equal(t, rows, storedRows(t, dir), "starts without end add nothing")
	assert.Len(t, r.logged("cannot be sent"), 1)
	assert.Equal(t, []string{"StatusPermanentError"}, r.host.statuses())
	require.ErrorIs(t, r.host.events[0].Err(), errLoop)
}

func storedRows(t *testing.T, dir string) (rows int64) {
	t.Helper()
	d, err := dataset.Open(dir)
	require.NoError(t, err)
	files, err := d.Files(t.Context(), dataset.TableSpans)
	require.NoError(t, err)
	for _, f := range files {
		rows += f.Rows
	}
	return rows
}

// A second dataset takes the spans for what they are, and can be read in turn.
func TestSecondDataset(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	store(t, first, calls(0, 6))
	writer, err := dataset.NewWriter(second, dataset.WriterOptions{})
	require.NoError(t, err)
	into, err := consumer.NewTraces(func(ctx context.Context, td ptrace.Traces) error {
		_, err := writer.WriteTraces(ctx, td)
		return err
	})
	require.NoError(t, err)
	launch(t, into, nil, "path: "+first).finished(t)
	next := &sink{}
	launch(t, next, nil, "path: "+second).finished(t)
	assert.Equal(t, namesOf(upTo(6)...), next.got())
	seen := map[string]bool{}
	for _, span := range next.spans {
		id, _ := span.Attributes().Get(identity.AttrSourceDataset)
		seen[id.Str()] = true
	}
	assert.Equal(t, map[string]bool{datasetID(second): true}, seen)
	assert.NotEqual(t, datasetID(first), datasetID(second))
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(first, link))
	assert.Equal(t, datasetID(first), datasetID(link), "by another way it is the same")
}

// Shutdown ends waits for the rate, for a retry and for a pipeline at once.
func TestShutdownIsQuick(t *testing.T) {
	dir := t.TempDir()
	store(t, dir, calls(0, 50))
	refusing := &sink{refuse: func(int, ptrace.Traces) error { return errors.New("not now") }}
	blocked, err := consumer.NewTraces(func(ctx context.Context, _ ptrace.Traces) error {
		<-ctx.Done()
		return ctx.Err()
	})
	require.NoError(t, err)
	for name, c := range map[string]struct {
		next consumer.Traces
		rate string
	}{"rate": {&sink{}, "0.01"}, "retry": {refusing, "0"}, "pipeline": {blocked, "0"}} {
		t.Run(name, func(t *testing.T) {
			kept := &memory{}
			r := ready(t, c.next, kept, "{path: "+dir+", rate: "+c.rate+"}")
			r.sender.firstWait, r.sender.longestWait = time.Hour, time.Hour
			r.start(t)
			time.Sleep(30 * time.Millisecond)
			begun := time.Now()
			require.NoError(t, r.Shutdown(t.Context()))
			assert.Less(t, time.Since(begun), 2*time.Second)
			assert.Empty(t, r.logged("the dataset was sent"))
			assert.Zero(t, kept.open, "the storage is closed")
		})
	}
}

func TestRate(t *testing.T) {
	dir := t.TempDir()
	store(t, dir, calls(0, 90))
	next := &sink{}
	begun := time.Now()
	launch(t, next, nil, "{path: "+dir+", rate: 60}").finished(t)
	took := time.Since(begun)
	assert.Len(t, next.got(), 90)
	assert.Equal(t, 2, next.attempts, "batches of at most a second's spans")
	assert.Greater(t, took, 990*time.Millisecond, "the second batch waits a second for the first one's 60 spans")
	assert.Less(t, took, 5*time.Second)
}

// The documents name every key, outcome and attribute.
func TestReadmeNamesEverything(t *testing.T) {
	content, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, word := range []string{
		"`path`", "`select.prompt`", "`select.version`", "`select.since`", "`select.until`", "`select.condition`", "`select.include_replays`",
		"`rate`", "`end`", "`storage`", "`sent`", "`refused`", "`condition_failed`", "`own`", "`read`", "`broken`",
		"`" + identity.AttrSource + "`", "`" + identity.AttrSourceDataset + "`",
	} {
		assert.True(t, strings.Contains(string(content), word), word)
	}
}
