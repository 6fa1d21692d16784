// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Command collector measures the whole built collector: OTLP over HTTP in,
// identity, evaluation and Parquet on disk out, beside the same binary with
// contrib's file exporter (protobuf, zstd). Processor time and bytes are the
// child's own; what starting and stopping costs is measured alone and taken off.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/spanloop/spanloop/internal/dataset/benchdata"
)

// options are the command's flags.
type options struct {
	binary, profile, profileStage  string
	spans, request, versions, runs int
	clients                        int
	evaluators, before, only       string
	stages                         bool
}

func main() {
	var o options
	flag.StringVar(&o.binary, "bin", "../bin/otelcol-spanloop", "collector to measure")
	flag.StringVar(&o.before, "before", "", "another collector, measured in turn with genai_parquet: what a change brought")
	flag.StringVar(&o.only, "only", "", "leave out pipelines whose name does not contain this, but the first")
	flag.IntVar(&o.spans, "spans", 40000, "spans in a run")
	flag.IntVar(&o.request, "request", 200, "spans in a request: what an SDK's batch processor sends")
	flag.IntVar(&o.versions, "versions", 2, "prompt versions among them")
	flag.IntVar(&o.runs, "runs", 3, "runs of each; the median counts")
	flag.IntVar(&o.clients, "clients", 2, "clients that send at once")
	flag.StringVar(&o.profile, "profile", "", "write a CPU profile of the last arm's collector to this file")
	flag.StringVar(&o.evaluators, "evaluators", "", "evaluators that score each span, separated by commas; all that need no parameters when empty")
	flag.BoolVar(&o.stages, "stages", false, "measure the components in this process instead, one after the other")
	flag.StringVar(&o.profileStage, "profile-stage", "+ eval", "with -stages: the stage that -profile is of")
	flag.Parse()
	if err := run(&o); err != nil {
		log.Fatal(err)
	}
}

func run(o *options) error {
	requests, size, err := o.requests()
	if err != nil {
		return err
	}
	fmt.Printf("collector: %d spans of %d bytes as OTLP, %d a request, %d prompt versions, %d clients, median of %d runs\n",
		o.spans, size/o.spans, o.request, o.versions, o.clients, o.runs)
	if o.stages {
		return runStages(o, requests)
	}
	list := o.arms()
	for _, a := range list {
		if a.idle, _, err = a.measure(o, nil); err != nil {
			return fmt.Errorf("%s, idle: %w", a.name, err)
		}
	}
	for range o.runs {
		for _, a := range list {
			used, bytes, err := a.measure(o, requests)
			if err != nil {
				return fmt.Errorf("%s: %w", a.name, err)
			}
			a.times, a.size = append(a.times, used-a.idle), bytes
		}
	}
	return report(list, o.spans)
}

// requests are the encoded export requests of a run.
func (o *options) requests() (requests [][]byte, size int, err error) {
	if o.spans <= 0 || o.request <= 0 || o.runs <= 0 || o.clients <= 0 {
		return nil, 0, errors.New("-spans, -request, -runs and -clients must be above zero")
	}
	generator := benchdata.NewPlain(1, o.versions)
	for sent := 0; sent < o.spans; sent += o.request {
		td := generator.Traces(min(o.request, o.spans-sent))
		body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
		if err != nil {
			return nil, 0, err
		}
		requests, size = append(requests, body), size+len(body)
	}
	return requests, size, nil
}

// report prints each pipeline beside the first (contrib's file exporter alone)
// and beside the second (the same processors before it).
func report(list []*arm, spans int) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "pipeline\tspans/s/core\tµs/span\tx file\tx same pipeline\tB/span\tx file\tx same pipeline\tpeak MB\t")
	speed := func(a *arm) float64 {
		slices.Sort(a.times)
		return float64(spans) / max(a.times[len(a.times)/2], time.Microsecond).Seconds()
	}
	file, same := list[0], list[min(1, len(list)-1)]
	beside := func(ratio float64) string {
		if same.processors != identityEval || same.exporter != fileExporter {
			return "-"
		}
		return fmt.Sprintf("%.2f", ratio)
	}
	for _, a := range list {
		s, size := speed(a), float64(a.size)
		fmt.Fprintf(w, "%s\t%.0f\t%.1f\t%.2f\t%s\t%.0f\t%.2f\t%s\t%d\t\n", a.name, s, 1e6/s, s/speed(file), beside(s/speed(same)),
			size/float64(spans), size/float64(file.size), beside(size/float64(same.size)), a.memory/1e6)
	}
	return w.Flush()
}
