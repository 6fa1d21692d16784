// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

// Package e2e drives the built collector and command as their users do: OTLP
// over the wire in, Parquet and reports out.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/spanloop/spanloop/internal/process"
)

// repository is the checkout's root, seen from this package.
const repository = ".."

// collector is a running otelcol-spanloop and the folders it works on.
type collector struct {
	config string
	// settings are laid over the configuration, as the yaml provider reads them.
	settings []string
	dataset  string
	registry string
	storage  string
	logs     string
	grpcPort int
	httpPort int
	proc     *process.Process
	client   *http.Client
}

// newCollector prepares folders and ports; config is a file, absolute or below
// the repository.
func newCollector(t *testing.T, config string) *collector {
	t.Helper()
	dir := t.TempDir()
	c := &collector{
		config:   config,
		dataset:  filepath.Join(dir, "dataset"),
		registry: filepath.Join(dir, "registry"),
		storage:  filepath.Join(dir, "storage"),
		logs:     dir,
		client:   &http.Client{Timeout: 60 * time.Second},
	}
	if !filepath.IsAbs(config) {
		c.config = filepath.Join(absolute(t, repository), config)
	}
	var err error
	c.grpcPort, err = process.FreePort()
	require.NoError(t, err)
	c.httpPort, err = process.FreePort()
	require.NoError(t, err)
	t.Cleanup(func() {
		if c.proc != nil {
			c.proc.Kill()
		}
	})
	return c
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	require.NoError(t, err)
	return abs
}

func program(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(absolute(t, repository), "bin", name)
	_, err := os.Stat(path)
	require.NoError(t, err, "run `make build` first")
	return path
}

// start starts the collector and waits until it serves.
func (c *collector) start(t *testing.T) {
	t.Helper()
	c.launch(t)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	require.NoError(t, c.proc.WaitListening(ctx, fmt.Sprintf("localhost:%d", c.httpPort)))
	c.waitReady(t)
}

func (c *collector) launch(t *testing.T) {
	t.Helper()
	args := []string{"--config", c.config}
	for _, setting := range c.settings {
		args = append(args, "--config", "yaml:"+setting)
	}
	proc, err := process.Start(process.Options{
		Name: "collector",
		Path: program(t, "otelcol-spanloop"),
		Args: args,
		Env: []string{
			"SPANLOOP_DATASET=" + c.dataset,
			"SPANLOOP_REGISTRY=" + c.registry,
			"SPANLOOP_STORAGE=" + c.storage,
			fmt.Sprintf("SPANLOOP_GRPC_PORT=%d", c.grpcPort),
			fmt.Sprintf("SPANLOOP_HTTP_PORT=%d", c.httpPort),
		},
		Dir:    c.logs,
		LogDir: c.logs,
	})
	require.NoError(t, err)
	c.proc = proc
}

// waitReady waits until all components run: an interrupt before that ends the
// collector at once, with what it has accepted, since it takes signals only then.
func (c *collector) waitReady(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(c.proc.Tail(200), "Everything is ready") },
		60*time.Second, 20*time.Millisecond, "the collector is not ready")
}

// stop ends the collector gently: what it has accepted is in the dataset then.
func (c *collector) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, c.proc.Stop(60*time.Second))
	c.proc = nil
}

// log is what the collector wrote since its first start.
func (c *collector) log(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(c.logs, "collector.log"))
	require.NoError(t, err)
	return string(content)
}

// post sends one OTLP/HTTP request and returns the answer's status and body.
func (c *collector) post(signal, contentType string, body []byte) (int, string, error) {
	url := fmt.Sprintf("http://localhost:%d/v1/%s", c.httpPort, signal)
	response, err := c.client.Post(url, contentType, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return response.StatusCode, string(answer), err
}

// sendTraces sends traces as protobuf; nil means that they were acknowledged.
func (c *collector) sendTraces(td ptrace.Traces) error {
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	if err != nil {
		return err
	}
	return c.acknowledged("traces", body)
}

func (c *collector) sendLogs(ld plog.Logs) error {
	body, err := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
	if err != nil {
		return err
	}
	return c.acknowledged("logs", body)
}

func (c *collector) acknowledged(signal string, body []byte) error {
	status, answer, err := c.post(signal, "application/x-protobuf", body)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d: %s", status, answer)
	}
	return err
}

// spanloop runs the built command against the collector's dataset and registry
// and returns its output and exit code.
func (c *collector) spanloop(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program(t, "spanloop"), args...)
	cmd.Env = append(os.Environ(), "SPANLOOP_DATASET="+c.dataset, "SPANLOOP_REGISTRY="+c.registry, "NO_COLOR=1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// query runs SQL through the built command and returns the rows, each column
// under its name.
func (c *collector) query(t *testing.T, sql string) []map[string]any {
	t.Helper()
	stdout, stderr, code := c.spanloop(t, "query", sql, "--format", "json")
	require.Zero(t, code, "%s\n%s", sql, stderr)
	var answer struct {
		Rows []map[string]any `json:"rows"`
	}
	decoder := json.NewDecoder(strings.NewReader(stdout))
	decoder.UseNumber()
	require.NoError(t, decoder.Decode(&answer), stdout)
	return answer.Rows
}

// count runs SQL that returns one number.
func (c *collector) count(t *testing.T, sql string) int64 {
	t.Helper()
	rows := c.query(t, sql)
	require.Len(t, rows, 1)
	require.Len(t, rows[0], 1)
	for _, value := range rows[0] {
		number, err := value.(json.Number).Int64()
		require.NoError(t, err)
		return number
	}
	return 0
}
