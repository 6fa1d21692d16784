// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package support

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Telemetry sends spans to an OTLP/HTTP endpoint and counts what became of them.
type Telemetry struct {
	provider *sdktrace.TracerProvider
	counter  *countingExporter
}

// NewTelemetry sets up the SDK. The endpoint is the base address of an OTLP/HTTP
// receiver, such as http://127.0.0.1:4318. It is asked to take an empty request
// first, so that a missing collector is an error now and not lost spans later.
func NewTelemetry(ctx context.Context, endpoint string) (*Telemetry, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("OTLP endpoint %q: expected http://host:port", endpoint)
	}
	target := strings.TrimSuffix(endpoint, "/") + "/v1/traces"
	if err := probe(ctx, target); err != nil {
		return nil, fmt.Errorf("no collector at %s: start one (bin/otelcol-spanloop --config examples/collector/config.yaml) or set --otlp: %w", target, err)
	}
	exporter, err := otlptracehttp.New(ctx,
		otlptracehttp.WithEndpointURL(target),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: true, InitialInterval: 200 * time.Millisecond, MaxInterval: 2 * time.Second, MaxElapsedTime: 20 * time.Second}))
	if err != nil {
		return nil, fmt.Errorf("OTLP exporter: %w", err)
	}
	t := &Telemetry{counter: &countingExporter{SpanExporter: exporter}}
	t.provider = sdktrace.NewTracerProvider(
		// Blocking: an example must not drop spans when it makes them too fast.
		sdktrace.WithBatcher(t.counter, sdktrace.WithBlocking(), sdktrace.WithMaxQueueSize(8192), sdktrace.WithBatchTimeout(time.Second)),
		sdktrace.WithIDGenerator(IDs{}),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", AgentName),
			attribute.String("service.version", "1.4.0"),
			attribute.String("deployment.environment.name", Environment),
			attribute.String("telemetry.sdk.language", "go"),
			attribute.String("telemetry.sdk.name", "opentelemetry"))))
	return t, nil
}

// probe posts an empty OTLP request.
func probe(ctx context.Context, target string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(nil))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("it answers %s", resp.Status)
	}
	return nil
}

// Tracer makes the agent's spans.
func (t *Telemetry) Tracer() trace.Tracer {
	return t.provider.Tracer(ScopeName, trace.WithSchemaURL(SchemaURL))
}

// Close sends what is left. After it the counts are final.
func (t *Telemetry) Close(ctx context.Context) error {
	err := t.provider.Shutdown(ctx)
	return errors.Join(err, t.counter.lastError())
}

// Sent is the number of spans that the collector took.
func (t *Telemetry) Sent() int64 { return t.counter.sent.Load() }

// Rejected is the number of spans that the collector refused, or that could not
// be sent.
func (t *Telemetry) Rejected() int64 { return t.counter.rejected.Load() }

// countingExporter counts what the exporter behind it got rid of.
type countingExporter struct {
	sdktrace.SpanExporter
	sent, rejected atomic.Int64
	mu             sync.Mutex
	last           error
}

// rejectedSpans finds the number in the SDK's error for a partial success; its
// type is internal to the SDK.
var rejectedSpans = regexp.MustCompile(`OTLP partial success: .*\((\d+) spans rejected\)`)

// ExportSpans implements sdktrace.SpanExporter.
func (e *countingExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	refused := 0
	if err != nil {
		refused = len(spans)
		if m := rejectedSpans.FindStringSubmatch(err.Error()); m != nil {
			if n, parseErr := strconv.Atoi(m[1]); parseErr == nil {
				refused = min(n, len(spans))
			}
		}
		e.mu.Lock()
		e.last = err
		e.mu.Unlock()
	}
	e.sent.Add(int64(len(spans) - refused))
	e.rejected.Add(int64(refused))
	return err
}

func (e *countingExporter) lastError() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.last == nil {
		return nil
	}
	return fmt.Errorf("OTLP export: %w", e.last)
}
