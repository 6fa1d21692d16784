// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"syscall"
	"text/tabwriter"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/spanloop/spanloop/bench/cost"
	"github.com/spanloop/spanloop/exporter/genaiparquetexporter"
	"github.com/spanloop/spanloop/processor/genaievalprocessor"
	"github.com/spanloop/spanloop/processor/genaiidentityprocessor"
)

// stage is a pipeline in this process, of which each has one component more
// than the one before it: the differences say where the time goes.
type stage struct {
	name           string
	identity, eval bool
	exporter       exporter.Factory
	config         map[string]any
	runs           []cost.Used
}

func stages() []*stage {
	return []*stage{
		{name: "OTLP decoded"},
		{name: "+ identity", identity: true},
		{name: "+ eval", identity: true, eval: true},
		{name: "+ genai_parquet", identity: true, eval: true, exporter: genaiparquetexporter.NewFactory()},
		{
			name: "OTLP decoded + file exporter", exporter: fileexporter.NewFactory(),
			config: map[string]any{"format": "proto", "compression": "zstd"},
		},
	}
}

// runStages measures all stages and prints them.
func runStages(o *options, requests [][]byte) error {
	requests, err := outsideHeap(requests)
	if err != nil {
		return err
	}
	list := stages()
	for range o.runs {
		for _, s := range list {
			if err := s.run(o, requests); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "in one process\tµs/span\tallocations/span\tB allocated/span\t")
	for _, s := range list {
		slices.SortFunc(s.runs, func(a, b cost.Used) int { return cmp.Compare(a.Processor, b.Processor) })
		median := s.runs[len(s.runs)/2]
		n := float64(o.spans)
		fmt.Fprintf(w, "%s\t%.1f\t%.0f\t%.0f\t\n", s.name, float64(median.Processor.Nanoseconds())/1e3/n, float64(median.Allocations)/n, float64(median.Allocated)/n)
	}
	return w.Flush()
}

// outsideHeap moves the requests to where the garbage collector does not see
// them: it is to run as often as in a collector, which does not hold them all.
func outsideHeap(requests [][]byte) ([][]byte, error) {
	size := 0
	for _, body := range requests {
		size += len(body)
	}
	room, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("memory for the requests: %w", err)
	}
	moved := make([][]byte, len(requests))
	for i, body := range requests {
		n := copy(room, body)
		moved[i], room = room[:n:n], room[n:]
		requests[i] = nil
	}
	return moved, nil
}

// run sends all requests through the stage's components.
func (s *stage) run(o *options, requests [][]byte) (err error) {
	dir, err := os.MkdirTemp("", "collector-stages-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	next, components, err := s.build(dir)
	if err != nil {
		return err
	}
	ctx := context.Background()
	for _, c := range components {
		if err := c.Start(ctx, componenttest.NewNopHost()); err != nil {
			return err
		}
	}
	runtime.GC()
	stop, err := o.profileStages(s)
	if err != nil {
		return err
	}
	before, err := cost.Now()
	if err != nil {
		return err
	}
	for _, body := range requests {
		request := ptraceotlp.NewExportRequest()
		if err := request.UnmarshalProto(body); err != nil {
			return err
		}
		if err := next.ConsumeTraces(ctx, request.Traces()); err != nil {
			return err
		}
	}
	for i := len(components) - 1; i >= 0; i-- {
		err = errors.Join(err, components[i].Shutdown(ctx))
	}
	stop()
	after, failed := cost.Now()
	s.runs = append(s.runs, after.Since(before))
	return errors.Join(err, failed)
}

// build makes the components, in the order in which they start.
func (s *stage) build(dir string) (next consumer.Traces, components []component.Component, err error) {
	ctx := context.Background()
	next = consumertest.NewNop()
	if s.exporter != nil {
		config := s.exporter.CreateDefaultConfig()
		settings := map[string]any{"path": filepath.Join(dir, "out")}
		for key, value := range s.config {
			settings[key] = value
		}
		if err := confmap.NewFromStringMap(settings).Unmarshal(config); err != nil {
			return nil, nil, err
		}
		e, err := s.exporter.CreateTraces(ctx, exportertest.NewNopSettings(s.exporter.Type()), config)
		if err != nil {
			return nil, nil, err
		}
		next, components = e, append(components, e)
	}
	if s.eval {
		factory := genaievalprocessor.NewFactory()
		p, err := factory.CreateTraces(ctx, processortest.NewNopSettings(factory.Type()), factory.CreateDefaultConfig(), next)
		if err != nil {
			return nil, nil, err
		}
		next, components = p, append(components, p)
	}
	if s.identity {
		factory := genaiidentityprocessor.NewFactory()
		p, err := factory.CreateTraces(ctx, processortest.NewNopSettings(factory.Type()), factory.CreateDefaultConfig(), next)
		if err != nil {
			return nil, nil, err
		}
		next, components = p, append(components, p)
	}
	return next, components, nil
}

// profileStages starts a profile of the stage that -profile-stage names.
func (o *options) profileStages(s *stage) (stop func(), err error) {
	if o.profile == "" || s.name != o.profileStage {
		return func() {}, nil
	}
	file, err := os.Create(o.profile)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return func() { pprof.StopCPUProfile(); _ = file.Close() }, nil
}
