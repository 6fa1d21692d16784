// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset/benchdata"
	"github.com/spanloop/spanloop/internal/redact"
)

// BenchmarkWriteTraces is the encode path: a batch of spans in, durable files
// out. It reports spans a second on the cores that it is given (run it with
// -cpu 1) and the bytes on disk for each span.
func BenchmarkWriteTraces(b *testing.B) {
	for _, codec := range []string{CodecZstd, CodecSnappy} {
		b.Run(codec, func(b *testing.B) { benchmarkWrite(b, codec) })
	}
}

// BenchmarkContentModes is the encode path in each content mode.
func BenchmarkContentModes(b *testing.B) {
	b.Run(redact.ModeFull, func(b *testing.B) { benchmarkOptions(b, WriterOptions{}) })
	for _, mode := range []string{redact.ModeRedacted, redact.ModeHashes} {
		b.Run(mode, func(b *testing.B) {
			benchmarkOptions(b, WriterOptions{Redactor: redactorFor(b, mode, "a key that nobody knows")})
		})
	}
}

func benchmarkWrite(b *testing.B, codec string) { benchmarkOptions(b, WriterOptions{Codec: codec}) }

func benchmarkOptions(b *testing.B, o WriterOptions) {
	const spans = 4000
	generator := benchdata.New(1, 2)
	var batches []ptrace.Traces
	for range 4 {
		batches = append(batches, generator.Traces(spans))
	}
	dir := b.TempDir()
	w, err := NewWriter(dir, o)
	require.NoError(b, err)
	bytes, n := int64(0), 0
	b.ReportAllocs()
	for b.Loop() {
		td := batches[n%len(batches)]
		result, err := w.WriteTraces(b.Context(), td)
		require.NoError(b, err)
		bytes += result.Bytes
		n++
	}
	b.ReportMetric(float64(n*spans)/b.Elapsed().Seconds(), "spans/s")
	b.ReportMetric(float64(bytes)/float64(n*spans), "B/span")
}
