// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/spanloop/spanloop/internal/process"
)

// stockComponent is a component of ours beside stock ones.
type stockComponent struct {
	id, module, section string
	processors          string
	exporters           string
	// left are the names of what a run leaves in its working directory.
	left  []string
	check func(t *testing.T, dir string, received ptrace.Traces)
}

var stockComponents = []stockComponent{
	{
		id: "genai_identity", module: "processor/genaiidentityprocessor", section: "processors",
		processors: "[genai_identity]", exporters: "[debug, file, otlp_http]", left: []string{"out.json"}, check: identityStamped,
	},
	{
		id: "genai_eval", module: "processor/genaievalprocessor", section: "processors",
		processors: "[genai_eval]", exporters: "[debug, file, otlp_http]", left: []string{"out.json"}, check: scoresWritten,
	},
	{
		id: "genai_parquet", module: "exporter/genaiparquetexporter", section: "exporters",
		processors: "[]", exporters: "[debug, file, otlp_http, genai_parquet]", left: []string{"out.json", "spanloop-data"}, check: datasetWritten,
	},
}

// Each component alone, with an empty configuration, in an otherwise stock
// collector that is started in an empty folder without a registry: it starts,
// passes data and stops. Once in our distribution, and once in a minimal one
// that the collector builder makes of it and stock components.
func TestEachComponentAlone(t *testing.T) {
	for _, component := range stockComponents {
		t.Run(component.id+"/distribution", func(t *testing.T) { component.run(t, program(t, "otelcol-spanloop")) })
		t.Run(component.id+"/minimal", func(t *testing.T) { component.run(t, minimalDistribution(t, component.module)) })
	}
}

const stockSpans = 5

func (c *stockComponent) run(t *testing.T, binary string) {
	work, logs := t.TempDir(), t.TempDir()
	backend := newBackend(t)
	port, err := process.FreePort()
	require.NoError(t, err)
	config := filepath.Join(logs, "config.yaml")
	require.NoError(t, os.WriteFile(config, []byte(c.config(port, backend.url)), 0o600))
	proc, err := process.Start(process.Options{Name: "collector", Path: binary, Args: []string{"--config", config}, Dir: work, LogDir: logs})
	require.NoError(t, err)
	t.Cleanup(proc.Kill)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, proc.WaitListening(ctx, fmt.Sprintf("localhost:%d", port)))

	sender := &collector{httpPort: port, client: &http.Client{Timeout: time.Minute}}
	require.NoError(t, sender.sendTraces(withPlainSpan(chatSpans(stockSpans, 2))))
	require.NoError(t, proc.Stop(time.Minute))
	require.NoError(t, proc.Wait(ctx, time.Second), "a clean stop ends with exit code 0, not by a signal")

	out, err := os.ReadFile(filepath.Join(work, "out.json"))
	require.NoError(t, err)
	assert.Equal(t, stockSpans, strings.Count(string(out), `"gen_ai.operation.name"`))
	received := backend.received()
	assert.Equal(t, stockSpans+1, received.SpanCount(), "what went in came out on the other side")
	c.check(t, work, received)

	var left []string
	entries, err := os.ReadDir(work)
	require.NoError(t, err)
	for _, entry := range entries {
		left = append(left, entry.Name())
	}
	assert.Equal(t, c.left, left, "nothing else is left in the working directory")
}

// config is a stock configuration in which the component has none of its own.
func (c *stockComponent) config(port int, backend string) string {
	sections := map[string]string{"processors": "", "exporters": ""}
	sections[c.section] = "  " + c.id + ":\n"
	return fmt.Sprintf(`receivers:
  otlp:
    protocols:
      http:
        endpoint: localhost:%d
processors:
%sexporters:
%s  debug:
  file:
    path: out.json
  otlp_http:
    endpoint: %s
    compression: none
service:
  pipelines:
    traces:
      receivers: [otlp]
      processors: %s
      exporters: %s
  telemetry:
    metrics:
      level: none
`, port, sections["processors"], sections["exporters"], backend, c.processors, c.exporters)
}

// withPlainSpan adds a span that is none of GenAI's.
func withPlainSpan(td ptrace.Traces) ptrace.Traces {
	span := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().AppendEmpty()
	span.SetTraceID([16]byte{9})
	span.SetSpanID([8]byte{9})
	span.SetName("GET /")
	span.Attributes().PutStr("http.route", "/")
	return td
}

// eachSpan calls genAI for the calls; the plain span must be as it was sent.
func eachSpan(t *testing.T, td ptrace.Traces, genAI func(ptrace.Span)) {
	t.Helper()
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				if span.Name() == "GET /" {
					assert.Equal(t, map[string]any{"http.route": "/"}, span.Attributes().AsRaw())
					assert.Zero(t, span.Events().Len())
					continue
				}
				genAI(span)
			}
		}
	}
}

func identityStamped(t *testing.T, _ string, received ptrace.Traces) {
	eachSpan(t, received, func(span ptrace.Span) {
		raw := span.Attributes().AsRaw()
		assert.Equal(t, "explicit", raw["spanloop.prompt.resolution"])
		assert.NotEmpty(t, raw["spanloop.variant.id"])
		assert.Equal(t, "weather", raw["gen_ai.prompt.name"])
	})
}

func scoresWritten(t *testing.T, _ string, received ptrace.Traces) {
	eachSpan(t, received, func(span ptrace.Span) {
		raw := span.Attributes().AsRaw()
		assert.Equal(t, "pass", raw["spanloop.eval.tool_args_schema.label"])
		assert.Equal(t, []any{"default=scored"}, raw["spanloop.evaluation.decisions"])
		assert.Equal(t, "gen_ai.evaluation.result", span.Events().At(0).Name())
	})
}

func datasetWritten(t *testing.T, dir string, received ptrace.Traces) {
	eachSpan(t, received, func(span ptrace.Span) { assert.Zero(t, span.Events().Len()) })
	c := &collector{dataset: filepath.Join(dir, "spanloop-data"), registry: filepath.Join(dir, "none")}
	assert.EqualValues(t, stockSpans, c.count(t, "SELECT count(*) AS n FROM spans WHERE prompt_name = 'weather'"))
}

// backend is an OTLP/HTTP server that keeps what it gets.
type backend struct {
	url    string
	mu     sync.Mutex
	traces ptrace.Traces
}

func newBackend(t *testing.T) *backend {
	t.Helper()
	b := &backend{traces: ptrace.NewTraces()}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		request := ptraceotlp.NewExportRequest()
		if err == nil {
			err = request.UnmarshalProto(body)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		request.Traces().ResourceSpans().MoveAndAppendTo(b.traces.ResourceSpans())
	}))
	t.Cleanup(server.Close)
	b.url = server.URL
	return b
}

func (b *backend) received() ptrace.Traces {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.traces
}

// minimalDistribution builds a collector of stock components and one of ours,
// with the collector builder and our distribution's module versions.
func minimalDistribution(t *testing.T, module string) string {
	t.Helper()
	dir, root := t.TempDir(), absolute(t, repository)
	for _, name := range []string{"go.mod", "go.sum"} {
		content, err := os.ReadFile(filepath.Join(root, "distribution", name))
		require.NoError(t, err)
		content = []byte(strings.Replace(string(content), "github.com/spanloop/spanloop v0.0.0 => ..", "github.com/spanloop/spanloop v0.0.0 => "+root, 1))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	section := strings.SplitN(module, "/", 2)[0] + "s"
	stock := map[string]string{"exporters": minimalExporters, "processors": ""}
	stock[section] += fmt.Sprintf("  - {gomod: github.com/spanloop/spanloop v0.0.0, import: github.com/spanloop/spanloop/%s, path: %s}\n", module, root)
	config := filepath.Join(dir, "builder.yaml")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil, minimalManifest, dir, stock["processors"], stock["exporters"]), 0o600))

	start := time.Now()
	cmd := exec.CommandContext(t.Context(), "go", "tool", "-modfile="+filepath.Join("internal", "tools", "go.mod"),
		"builder", "--config", config, "--skip-get-modules", "--ldflags", "-s -w")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	fmt.Printf("e2e: minimal distribution with %s built in %.1f s\n", module, time.Since(start).Seconds())
	return filepath.Join(dir, "otelcol-minimal")
}

const minimalManifest = `dist:
  module: github.com/spanloop/spanloop/distribution
  name: otelcol-minimal
  output_path: %s
  version: 0.1.0
receivers:
  - gomod: go.opentelemetry.io/collector/receiver/otlpreceiver v0.162.0
processors:
%sexporters:
%sproviders:
  - gomod: go.opentelemetry.io/collector/confmap/provider/fileprovider v1.70.0
  - gomod: go.opentelemetry.io/collector/confmap/provider/envprovider v1.70.0
`

const minimalExporters = `  - gomod: go.opentelemetry.io/collector/exporter/debugexporter v0.164.0
  - gomod: go.opentelemetry.io/collector/exporter/otlphttpexporter v0.162.0
  - gomod: github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter v0.161.0
`
