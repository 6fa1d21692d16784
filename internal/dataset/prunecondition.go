// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"encoding/hex"
	"math"
	"time"

	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
)

// condition selects rows by time and prompt. The columns decide, not the folders.
type condition struct {
	// from is inclusive, until exclusive, in nanoseconds since 1970.
	from, until int64
	// prompt and version are empty for all.
	prompt, version string
}

func conditionOf(o PruneOptions) condition {
	c := condition{from: math.MinInt64, until: math.MaxInt64, prompt: clean(o.Prompt), version: clean(o.Version)}
	if !o.Since.IsZero() {
		c.from = nanos(o.Since)
	}
	if !o.Until.IsZero() {
		c.until = nanos(o.Until)
	}
	return c
}

// nanos are those since 1970, the nearest that there are for times beyond.
func nanos(t time.Time) int64 {
	switch first, last := time.Unix(0, math.MinInt64), time.Unix(0, math.MaxInt64); {
	case t.Before(first):
		return math.MinInt64
	case t.After(last):
		return math.MaxInt64
	}
	return t.UnixNano()
}

// mayHold tells from the manifest alone whether a file may hold selected rows.
func (c *condition) mayHold(f File) bool {
	if !f.MinTime.IsZero() && nanos(f.MinTime) >= c.until && c.until != math.MaxInt64 || !f.MaxTime.IsZero() && nanos(f.MaxTime) < c.from {
		return false
	}
	return (c.prompt == "" || mayBe(f.Path, "prompt_name", c.prompt)) && (c.version == "" || mayBe(f.Path, "prompt_version", c.version))
}

// mayBe tells whether rows with a value of a partition column may be in a path.
func mayBe(path, column, value string) bool {
	got, known := segmentValue(path, column)
	return !known || got == value
}

// holds tells whether a row is selected, by its own time and names.
func (c *condition) holds(table string, rows *parquetfile.Rows, i int) bool {
	at, ok := rows.Long(timeColumn[table], i)
	return ok && at >= c.from && (at < c.until || c.until == math.MaxInt64) && c.names(rows, i)
}

func (c *condition) names(rows *parquetfile.Rows, i int) bool {
	for _, want := range [2][2]string{{"prompt_name", c.prompt}, {"prompt_version", c.version}} {
		if got, ok := rows.Text(want[0], i); want[1] != "" && (!ok || got != want[1]) {
			return false
		}
	}
	return true
}

// claims tells whether a row of scores or content is selected whatever became of
// its span: by its time and the names that it bears itself. Events that came
// without a span bear none.
func (c *condition) claims(table string, rows *parquetfile.Rows, i int) bool {
	if c.prompt != "" {
		if name, ok := rows.Text("prompt_name", i); !ok || name == Unresolved {
			return false
		}
	}
	return c.holds(table, rows, i)
}

// keyOf are the ids of a row's span.
func keyOf(rows *parquetfile.Rows, i int) (key spanKey, ok bool) {
	trace, _ := rows.Text("trace_id", i)
	span, _ := rows.Text("span_id", i)
	if len(trace) != 2*len(key.trace) || len(span) != 2*len(key.span) {
		return key, false
	}
	_, err := hex.Decode(key.trace[:], []byte(trace))
	_, spanErr := hex.Decode(key.span[:], []byte(span))
	return key, err == nil && spanErr == nil
}

// traceOf is a row's trace.
func traceOf(rows *parquetfile.Rows, i int) (id [16]byte, ok bool) {
	trace, _ := rows.Text("trace_id", i)
	if len(trace) != 2*len(id) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(trace))
	return id, err == nil
}

// parentOf is the id of a row's parent; false when it has none.
func parentOf(rows *parquetfile.Rows, i int) (id [8]byte, ok bool) {
	parent, _ := rows.Text("parent_span_id", i)
	if len(parent) != 2*len(id) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(parent))
	return id, err == nil
}

// promptVersion names a version of a prompt as the columns do.
type promptVersion struct{ prompt, version string }
