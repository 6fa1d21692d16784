// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spanloop/spanloop/bench/cost"
	"github.com/spanloop/spanloop/internal/process"
)

// arm is one pipeline of the collector.
type arm struct {
	name, processors, exporter string
	// binary is the collector, that of the options when empty.
	binary string
	idle   time.Duration
	times  []time.Duration
	size   int64
	// memory is the most that a run held resident.
	memory int64
}

const (
	fileExporter = "file:\n    path: out/spans\n    format: proto\n    compression: zstd"
	identityEval = "genai_identity, genai_eval"
)

const parquetExporter = "genai_parquet:\n    path: out"

// arms are the pipelines to measure. Others are compared with the first one, and
// with the second where it is among them.
func (o *options) arms() []*arm {
	list := []*arm{
		{name: "otlp > file exporter, proto + zstd", exporter: fileExporter},
		{name: "otlp > identity > eval > file exporter", processors: identityEval, exporter: fileExporter},
		{name: "otlp > identity > eval > batch > file exporter", processors: identityEval + ", batch", exporter: fileExporter},
		{name: "otlp > identity > eval > genai_parquet", processors: identityEval, exporter: parquetExporter},
	}
	if o.before != "" {
		last := *list[len(list)-1]
		last.name, last.binary = last.name+", before", o.before
		list = append(list, &last)
	}
	first := list[0]
	return slices.DeleteFunc(list, func(a *arm) bool { return a != first && !strings.Contains(a.name, o.only) })
}

const configuration = `receivers:
  otlp:
    protocols:
      http:
        endpoint: localhost:%d
        max_request_body_size: 67108864
processors:
  genai_identity:
  genai_eval: %s
  # About what the queue of genai_parquet gathers: what gathering spans costs by
  # itself.
  batch:
    send_batch_size: 2600
    timeout: 5s
exporters:
  %s
extensions:
  pprof:
    endpoint: localhost:%d
service:
  extensions: [%s]
  pipelines:
    traces:
      receivers: [otlp]
      processors: [%s]
      exporters: [%s]
  telemetry:
    metrics:
      level: none
`

// measure runs the collector once on the requests, and returns its processor
// time and the bytes that it left.
func (a *arm) measure(o *options, requests [][]byte) (used time.Duration, size int64, err error) {
	dir, err := os.MkdirTemp("", "collector-bench-")
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(dir)
	port, err := process.FreePort()
	if err != nil {
		return 0, 0, err
	}
	profilePort, err := process.FreePort()
	if err != nil {
		return 0, 0, err
	}
	proc, err := a.start(o, dir, port, profilePort)
	if err != nil {
		return 0, 0, err
	}
	defer proc.Kill()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := proc.WaitListening(ctx, fmt.Sprintf("localhost:%d", port)); err != nil {
		return 0, 0, err
	}
	profiled := make(chan error, 1)
	go func() { profiled <- o.takeProfile(profilePort, requests) }()
	if err := send(o.clients, fmt.Sprintf("http://localhost:%d/v1/traces", port), requests); err != nil {
		return 0, 0, err
	}
	if err := <-profiled; err != nil {
		return 0, 0, err
	}
	a.memory = max(a.memory, proc.PeakMemory())
	if err := proc.Stop(time.Minute); err != nil {
		return 0, 0, err
	}
	size, err = cost.Bytes(filepath.Join(dir, "out"))
	return proc.CPUTime(), size, err
}

// rules is the evaluation processor's configuration.
func (o *options) rules() string {
	if o.evaluators == "" {
		return ""
	}
	return fmt.Sprintf("{rules: [{name: bench, evaluators: [%s]}]}", o.evaluators)
}

func (a *arm) start(o *options, dir string, port, profilePort int) (*process.Process, error) {
	if err := os.Mkdir(filepath.Join(dir, "out"), 0o750); err != nil {
		return nil, err
	}
	name, _, _ := strings.Cut(a.exporter, ":")
	extension := ""
	if o.profile != "" {
		extension = "pprof"
	}
	config := filepath.Join(dir, "config.yaml")
	content := fmt.Sprintf(configuration, port, o.rules(), a.exporter, profilePort, extension, a.processors, name)
	if err := os.WriteFile(config, []byte(content), 0o600); err != nil {
		return nil, err
	}
	binary, err := filepath.Abs(cmp.Or(a.binary, o.binary))
	if err != nil {
		return nil, err
	}
	return process.Start(process.Options{Name: "collector", Path: binary, Args: []string{"--config", config}, Dir: dir, LogDir: dir})
}

// takeProfile fetches a profile of the collector while it works.
func (o *options) takeProfile(port int, requests [][]byte) error {
	if o.profile == "" || requests == nil {
		return nil
	}
	response, err := http.Get(fmt.Sprintf("http://localhost:%d/debug/pprof/profile?seconds=10", port))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	return os.WriteFile(o.profile, content, 0o600)
}

// send posts all requests from so many clients; each waits for its answer.
func send(clients int, url string, requests [][]byte) error {
	var next atomic.Int64
	var group sync.WaitGroup
	failures := make(chan error, clients)
	for range clients {
		group.Go(func() {
			for {
				at := int(next.Add(1)) - 1
				if at >= len(requests) {
					return
				}
				if err := post(url, requests[at]); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	group.Wait()
	close(failures)
	return <-failures
}

func post(url string, body []byte) error {
	response, err := http.Post(url, "application/x-protobuf", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", response.StatusCode, answer)
	}
	return err
}
