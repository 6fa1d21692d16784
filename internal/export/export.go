// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package export writes what a dataset holds for other programs: spans as they
// were received as OTLP, and rows of the views as CSV, JSON lines or Arrow.
package export

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Format is a form of the output.
type Format string

// Formats.
const (
	// OTLPJSON is one TracesData object in OTLP JSON a line.
	OTLPJSON Format = "otlp-json"
	// OTLPProto is TracesData messages in protobuf, each after its length as
	// four bytes, big-endian.
	OTLPProto Format = "otlp-proto"
	// CSV has a header and RFC 4180 quoting.
	CSV Format = "csv"
	// JSONLines is one object a row.
	JSONLines Format = "jsonl"
	// Arrow is the Arrow IPC file format, ArrowStream the stream format.
	Arrow       Format = "arrow"
	ArrowStream Format = "arrow-stream"
)

// Formats lists all formats.
var Formats = []Format{OTLPJSON, OTLPProto, CSV, JSONLines, Arrow, ArrowStream}

var extensions = map[string]Format{
	".csv": CSV, ".arrow": Arrow, ".feather": Arrow, ".ipc": Arrow, ".arrows": ArrowStream,
	".pb": OTLPProto, ".binpb": OTLPProto,
}

// FormatFor returns the format that a file's name stands for, else that which
// suits the table.
func FormatFor(path, table string) Format {
	if f, ok := extensions[strings.ToLower(filepath.Ext(path))]; ok {
		return f
	}
	if table == "spans" {
		return OTLPJSON
	}
	return JSONLines
}

// ParseFormat reads a format's name.
func ParseFormat(name string) (Format, error) {
	if f := Format(name); slices.Contains(Formats, f) {
		return f, nil
	}
	names := make([]string, len(Formats))
	for i, f := range Formats {
		names[i] = string(f)
	}
	return "", fmt.Errorf("format %q is not one of %s", name, strings.Join(names, ", "))
}

// IsOTLP tells whether spans are written as they were received.
func (f Format) IsOTLP() bool { return f == OTLPJSON || f == OTLPProto }

// IsBinary tells whether the output is no text.
func (f Format) IsBinary() bool { return f == OTLPProto || f == Arrow || f == ArrowStream }

// ErrSelection is returned for a selection that the table does not know.
var ErrSelection = errors.New("selection")

// Selection says which rows are written; empty fields select all.
type Selection struct {
	// Table is a view: spans, scores, …
	Table string
	// Prompt and Version must match exactly.
	Prompt, Version string
	// Since is inclusive, Until exclusive, by the start of the span.
	Since, Until      time.Time
	SpanIDs, TraceIDs []string
}

// Result counts what was written.
type Result struct {
	// Rows are spans or rows of a view.
	Rows int64
	// Damaged are files of the dataset that were left out, with the reason.
	Damaged []error
}
