// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// writeStream writes OTLP protobuf with length prefixes into one zstd stream of
// level 3.
func writeStream(dir string, batches []ptrace.Traces) error {
	out, err := os.Create(filepath.Join(dir, "stream.zst"))
	if err != nil {
		return err
	}
	w, err := zstd.NewWriter(out, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(3)), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	for _, td := range batches {
		encoded, err := sizer.MarshalTraces(td)
		if err != nil {
			return err
		}
		var length [4]byte
		binary.BigEndian.PutUint32(length[:], uint32(len(encoded)))
		if _, err := w.Write(append(length[:], encoded...)); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return out.Close()
}

// textPage is how much text is compressed at once.
const textPage = 4 << 20

// writeText compresses with zstd-1 what no encoder can leave out: the last
// message of each history and the answer. All else is free.
func writeText(dir string, batches []ptrace.Traces) error {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	if err != nil {
		return err
	}
	var page, out []byte
	for _, td := range batches {
		for _, key := range []string{"gen_ai.input.messages", "gen_ai.output.messages"} {
			page = page[:0]
			for _, rs := range td.ResourceSpans().All() {
				for _, span := range rs.ScopeSpans().At(0).Spans().All() {
					value, _ := span.Attributes().Get(key)
					text := value.Str()
					page = append(page, text[max(0, strings.LastIndex(text, `{"role"`)):]...)
					if len(page) >= textPage {
						out, page = w.EncodeAll(page, out), page[:0]
					}
				}
			}
			out = w.EncodeAll(page, out)
		}
	}
	return os.WriteFile(filepath.Join(dir, "text.zst"), out, 0o600)
}
