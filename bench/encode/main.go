// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Command encode compares the encode path of genai_parquet with contrib's file
// exporter (protobuf, zstd) on the same spans in one run: batches in, complete
// files out, one processor, processor time.
package main

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/exporter/genaiparquetexporter"
	"github.com/spanloop/spanloop/internal/dataset/benchdata"
)

// arm is one exporter under test.
type arm struct {
	name    string
	factory exporter.Factory
	config  map[string]any
	times   []time.Duration
	size    int64
}

// The name of the path in both configurations, filled in for each run.
const pathKey = "path"

func arms() []*arm {
	parquet := func(codec string) map[string]any {
		return map[string]any{"compression": codec, "sending_queue": map[string]any{"enabled": false}}
	}
	return []*arm{
		{name: "file exporter, proto + zstd", factory: fileexporter.NewFactory(), config: map[string]any{"format": "proto", "compression": "zstd"}},
		{name: "genai_parquet, zstd", factory: genaiparquetexporter.NewFactory(), config: parquet("zstd")},
		{name: "genai_parquet, snappy", factory: genaiparquetexporter.NewFactory(), config: parquet("snappy")},
	}
}

func main() {
	spans := flag.Int("spans", 20000, "spans in a run")
	batch := flag.Int("batch", 5000, "spans in a batch: what the exporter's queue hands over (5000 are about 60 MiB)")
	versions := flag.Int("versions", 2, "prompt versions among them: one file a batch and version")
	runs := flag.Int("runs", 5, "runs of each; the median counts")
	flag.Parse()
	runtime.GOMAXPROCS(1)
	if err := run(*spans, *batch, *versions, *runs); err != nil {
		log.Fatal(err)
	}
}

func run(spans, batch, versions, runs int) error {
	generator := benchdata.New(1, versions)
	var batches []ptrace.Traces
	total := 0
	for total < spans {
		td := generator.Traces(min(batch, spans-total))
		total += td.SpanCount()
		batches = append(batches, td)
	}
	encoded := 0
	for _, td := range batches {
		encoded += (&ptrace.ProtoMarshaler{}).TracesSize(td)
	}
	fmt.Printf("encode: %d spans of %d bytes as OTLP, batches of %d, %d prompt versions, 1 processor, median of %d runs\n",
		total, encoded/total, batch, versions, runs)
	list := arms()
	for range runs {
		for _, a := range list {
			if err := a.run(batches); err != nil {
				return fmt.Errorf("%s: %w", a.name, err)
			}
		}
	}
	return report(list, total)
}

// run writes all batches once.
func (a *arm) run(batches []ptrace.Traces) error {
	dir, err := os.MkdirTemp("", "encode-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	a.config[pathKey] = filepath.Join(dir, "out")
	config := a.factory.CreateDefaultConfig()
	if err := confmap.NewFromStringMap(a.config).Unmarshal(config); err != nil {
		return err
	}
	ctx := context.Background()
	e, err := a.factory.CreateTraces(ctx, exportertest.NewNopSettings(a.factory.Type()), config)
	if err != nil {
		return err
	}
	if err := e.Start(ctx, componenttest.NewNopHost()); err != nil {
		return err
	}
	runtime.GC()
	before := processorTime()
	for _, td := range batches {
		if err := e.ConsumeTraces(ctx, td); err != nil {
			return err
		}
	}
	if err := e.Shutdown(ctx); err != nil {
		return err
	}
	a.times = append(a.times, processorTime()-before)
	a.size, err = sizeOf(dir)
	return err
}

// processorTime is what this process used so far, in user and kernel mode.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func sizeOf(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}

func report(list []*arm, spans int) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "exporter\tspans/s/core\tµs/span\tratio\tB/span\tratio\t")
	speed := func(a *arm) float64 {
		slices.Sort(a.times)
		return float64(spans) / a.times[len(a.times)/2].Seconds()
	}
	base, baseSize := speed(list[0]), float64(list[0].size)
	for _, a := range list {
		s := speed(a)
		fmt.Fprintf(w, "%s\t%.0f\t%.1f\t%.2f\t%.0f\t%.2f\t\n", a.name, s, 1e6/s, s/base, float64(a.size)/float64(spans), float64(a.size)/baseSize)
	}
	return w.Flush()
}
