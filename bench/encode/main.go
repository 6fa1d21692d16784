// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Command encode compares the encode path of genai_parquet with contrib's file
// exporter (protobuf, zstd) and with OTLP in one zstd stream, on the same spans
// in one run: batches in, complete files out, one processor, processor time.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"slices"
	"text/tabwriter"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset/benchdata"
)

func main() {
	spans := flag.Int("spans", 20000, "spans in a run")
	batch := flag.Int("batch", 5000, "spans in a batch: what the exporter's queue hands over (5000 are about 60 MiB)")
	versions := flag.Int("versions", 2, "prompt versions among them: one file a batch and version; 12 in the data that the aims were set on")
	runs := flag.Int("runs", 5, "runs of each; the median counts")
	only := flag.String("data", "", "one kind of spans only: scored, unscored, conversations, aims or aims-conversations")
	flag.Parse()
	runtime.GOMAXPROCS(1)
	for _, d := range []struct {
		name, about string
		generator   *benchdata.Generator
	}{
		{"scored", "single calls, stamped and with three scores", benchdata.New(1, *versions)},
		{"unscored", "single calls as the application sends them", benchdata.NewPlain(1, *versions)},
		{"conversations", "conversations of one to six calls, stamped and with three scores", benchdata.NewConversations(1, *versions)},
		{"aims", "single calls of the shape that the aims were set on", benchdata.NewAimed(1, benchdata.AimedVersions)},
		{"aims-conversations", "conversations of one to six calls of that shape", benchdata.NewAimedConversations(1, benchdata.AimedVersions)},
	} {
		if *only != "" && *only != d.name {
			continue
		}
		batches, total := batchesOf(d.generator, *spans, *batch)
		encoded := 0
		for _, td := range batches {
			encoded += sizer.TracesSize(td)
		}
		fmt.Printf("\n%s: %d spans of %d bytes as OTLP, batches of %d, %d prompt versions, 1 processor, median of %d runs\n",
			d.about, total, encoded/total, *batch, *versions, *runs)
		if err := compare(batches, total, *runs); err != nil {
			log.Fatal(err)
		}
	}
}

var sizer = &ptrace.ProtoMarshaler{}

func batchesOf(generator *benchdata.Generator, spans, batch int) (batches []ptrace.Traces, total int) {
	for total < spans {
		td := generator.Traces(min(batch, spans-total))
		total += td.SpanCount()
		batches = append(batches, td)
	}
	return batches, total
}

// compare runs all arms in turn.
func compare(batches []ptrace.Traces, spans, runs int) error {
	list := arms()
	for range runs {
		for _, a := range list {
			if err := a.measure(batches); err != nil {
				return fmt.Errorf("%s: %w", a.name, err)
			}
		}
	}
	return report(list, spans)
}

func report(list []*arm, spans int) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "arm\tspans/s/core\tµs/span\tto file\tto stream\tB/span\tto file\tto stream\tallocs/span\tB allocated/span\t")
	speed := func(a *arm) float64 {
		slices.Sort(a.times)
		return float64(spans) / a.times[len(a.times)/2].Seconds()
	}
	per := func(n uint64) float64 { return float64(n) / float64(spans) }
	file, stream := list[0], list[1]
	for _, a := range list {
		s, size := speed(a), float64(a.size)
		fmt.Fprintf(w, "%s\t%.0f\t%.1f\t%.2f\t%.2f\t%.0f\t%.2f\t%.2f\t%.1f\t%.0f\t\n", a.name, s, 1e6/s, s/speed(file), s/speed(stream),
			size/float64(spans), size/float64(file.size), size/float64(stream.size), per(a.allocations), per(a.allocated))
	}
	return w.Flush()
}
