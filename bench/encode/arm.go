// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/bench/cost"
	"github.com/spanloop/spanloop/exporter/genaiparquetexporter"
	"github.com/spanloop/spanloop/internal/dataset"
)

// arm is one way to write spans under test.
type arm struct {
	name string
	// write writes all batches below a folder that is empty.
	write func(dir string, batches []ptrace.Traces) error

	times                  []time.Duration
	size                   int64
	allocations, allocated uint64
}

// arms are all ways; the first two are what the others are compared with.
func arms() []*arm {
	parquet := func(codec string) func(string, []ptrace.Traces) error {
		return exporting(genaiparquetexporter.NewFactory(), map[string]any{"compression": codec, "sending_queue": map[string]any{"enabled": false}})
	}
	return []*arm{
		{name: "file exporter, proto + zstd", write: exporting(fileexporter.NewFactory(), map[string]any{"format": "proto", "compression": "zstd"})},
		{name: "OTLP + zstd-3, one stream", write: writeStream},
		{name: "genai_parquet, zstd-1", write: parquet("zstd")},
		{name: "genai_parquet, snappy", write: parquet("snappy")},
		{name: "genai_parquet, compacted", write: compacted(parquet("zstd"))},
		{name: "limit: zstd-1 of the new text", write: writeText},
	}
}

// measure writes all batches once.
func (a *arm) measure(batches []ptrace.Traces) error {
	dir, err := os.MkdirTemp("", "encode-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	runtime.GC()
	before, err := cost.Now()
	if err != nil {
		return err
	}
	if err := a.write(dir, batches); err != nil {
		return err
	}
	after, err := cost.Now()
	if err != nil {
		return err
	}
	used := after.Since(before)
	a.times = append(a.times, used.Processor)
	a.allocations, a.allocated = used.Allocations, used.Allocated
	a.size, err = cost.Bytes(dir)
	return err
}

// exporting writes through an exporter, from its start to its shutdown.
func exporting(factory exporter.Factory, settings map[string]any) func(string, []ptrace.Traces) error {
	return func(dir string, batches []ptrace.Traces) error {
		settings["path"] = filepath.Join(dir, "out")
		config := factory.CreateDefaultConfig()
		if err := confmap.NewFromStringMap(settings).Unmarshal(config); err != nil {
			return err
		}
		ctx := context.Background()
		e, err := factory.CreateTraces(ctx, exportertest.NewNopSettings(factory.Type()), config)
		if err != nil {
			return err
		}
		if err := e.Start(ctx, componenttest.NewNopHost()); err != nil {
			return err
		}
		for _, td := range batches {
			if err := e.ConsumeTraces(ctx, td); err != nil {
				return err
			}
		}
		return e.Shutdown(ctx)
	}
}

// compacted compacts the dataset that was written: its time is that of both.
func compacted(write func(string, []ptrace.Traces) error) func(string, []ptrace.Traces) error {
	return func(dir string, batches []ptrace.Traces) error {
		if err := write(dir, batches); err != nil {
			return err
		}
		d, err := dataset.Open(filepath.Join(dir, "out"))
		if err != nil {
			return err
		}
		defer d.Close()
		_, err = d.Compact(context.Background(), dataset.CompactOptions{})
		return err
	}
}
