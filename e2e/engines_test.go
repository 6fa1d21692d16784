// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/dataset"
	hardset "github.com/spanloop/spanloop/internal/dataset/sample"
)

// engineFacts are what one engine says of a table (readers.py).
type engineFacts struct {
	Rows int64
	// IDs are the distinct pairs of trace_id and span_id.
	IDs     int64
	Names   map[string]int64
	Columns map[string]struct {
		Nulls int64
		Value any
	}
}

// modules are what each engine's code in docs/dataset.md imports.
var modules = map[string]string{"duckdb": "duckdb", "polars": "polars", "pyarrow": "pyarrow", "pandas": "pandas", "spark": "pyspark"}

// TestConformanceEngines reads one dataset with every engine that Python has
// here, by the code that docs/dataset.md gives for it, and compares rows, ids,
// nulls, sums, lengths, distinct values and bounds of every column.
func TestConformanceEngines(t *testing.T) {
	python := readerPython(t)
	dir := t.TempDir()
	figures, err := hardset.Write(t.Context(), filepath.Join(dir, "spanloop-data"))
	require.NoError(t, err)
	reads := documentedReads(t)
	var absent []string
	for engine := range modules {
		if exec.CommandContext(t.Context(), python, "-c", "import "+modules[engine]).Run() != nil {
			absent = append(absent, engine)
			delete(reads, engine)
		}
	}
	if len(reads) == 0 {
		fmt.Println("conformance: engines: no Python with DuckDB, Polars, pandas or Spark (make reader): nothing compared")
		return
	}
	for _, table := range []string{dataset.TableSpans, dataset.TableScores} {
		read := map[string]engineFacts{}
		for engine, code := range reads {
			// The documentation opens the table spans.
			read[engine] = runEngine(t, python, dir, engine, table, strings.ReplaceAll(code, dataset.TableSpans, table))
			if table == dataset.TableSpans {
				checkSent(t, engine, figures, read[engine])
			} else {
				assert.Equal(t, figures.Scores, read[engine].Rows, engine)
			}
		}
		compareEngines(t, table, read, absent)
	}
}

// compareEngines compares what the engines say of one table with each other.
func compareEngines(t *testing.T, table string, read map[string]engineFacts, absent []string) {
	t.Helper()
	engines := slices.Sorted(maps.Keys(read))
	first := read[engines[0]]
	for _, engine := range engines {
		assert.Equal(t, first.Rows, read[engine].Rows, "%s: rows of %s", engine, table)
		assert.Equal(t, first.IDs, read[engine].IDs, "%s: ids of %s", engine, table)
		assert.Equal(t, first.Names, read[engine].Names, "%s: prompts of %s", engine, table)
		for column, want := range first.Columns {
			got := read[engine].Columns[column]
			assert.Equal(t, want.Nulls, got.Nulls, "%s: nulls of %s", engine, column)
			assert.True(t, sameValue(want.Value, got.Value), "%s: %s is %v, %s says %v", engine, column, got.Value, engines[0], want.Value)
		}
		assert.Len(t, read[engine].Columns, len(first.Columns))
	}
	for _, c := range dataset.Columns()[table] {
		assert.Contains(t, first.Columns, c.Name)
	}
	rest := ""
	if len(absent) > 0 {
		slices.Sort(absent)
		rest = "; not here: " + strings.Join(absent, ", ")
	}
	fmt.Printf("conformance: engines: %s agree on %s: %d rows, %d columns%s\n", strings.Join(engines, ", "), table, first.Rows, len(first.Columns), rest)
}

// checkSent compares an engine's facts with what was sent.
func checkSent(t *testing.T, engine string, want hardset.Figures, got engineFacts) {
	t.Helper()
	whole := func(column string) int64 {
		n, err := strconv.ParseInt(fmt.Sprint(got.Columns[column].Value), 10, 64)
		assert.NoError(t, err, "%s: %s", engine, column)
		return n
	}
	number := func(column string) float64 {
		n, ok := got.Columns[column].Value.(float64)
		assert.True(t, ok, "%s: %s is %v", engine, column, got.Columns[column].Value)
		return n
	}
	assert.Equal(t, want.Spans, got.Rows, engine)
	assert.Equal(t, want.Spans, got.IDs, engine)
	assert.Equal(t, want.Names, got.Names, engine)
	assert.Equal(t, want.InputTokens, whole("input_tokens"), engine)
	assert.Equal(t, want.OutputTokens, whole("output_tokens"), engine)
	assert.Equal(t, want.Duration, whole("duration_ns"), engine)
	assert.InDelta(t, want.CostUSD, number("cost_usd"), 1e-9, engine)
	assert.InDelta(t, want.FinishReasons, number("finish_reasons"), 0, engine)
	assert.InDelta(t, want.Variables, number("prompt_variables"), 0, engine)
	assert.Equal(t, want.WithoutUser, got.Columns["user_id"].Nulls, engine)
	assert.Equal(t, want.BeforeColumns, got.Columns["input_chars"].Nulls, engine)
	bounds, err := json.Marshal(got.Columns["start_time"].Value)
	assert.NoError(t, err)
	assert.JSONEq(t, fmt.Sprintf("[%d,%d]", want.FirstStart.UnixMicro(), want.LastStart.UnixMicro()), string(bounds), engine)
}

// sameValue compares facts; sums of fractions depend on their order, and a sum
// of nothing is 0 to some and null to others.
func sameValue(a, b any) bool {
	if list, ok := a.([]any); ok {
		other, ok := b.([]any)
		return ok && slices.EqualFunc(list, other, sameValue)
	}
	if a == nil {
		a = 0.0
	}
	if b == nil {
		b = 0.0
	}
	x, isNumber := a.(float64)
	y, isToo := b.(float64)
	if isNumber && isToo {
		return math.Abs(x-y) <= 1e-12*math.Abs(x)
	}
	return a == b
}

var documentedRead = regexp.MustCompile("(?s)<!-- run ([a-z]+) -->\n```python\n(.*?)```")

// documentedReads are the pieces of docs/dataset.md that open the table spans,
// by engine.
func documentedReads(t *testing.T) map[string]string {
	t.Helper()
	doc, err := os.ReadFile(filepath.Join(repository, "docs", "dataset.md"))
	require.NoError(t, err)
	reads := map[string]string{}
	for _, m := range documentedRead.FindAllStringSubmatch(string(doc), -1) {
		reads[m[1]] = m[2]
	}
	require.Len(t, reads, len(modules))
	return reads
}

// readerPython is the Python with other engines.
func readerPython(t *testing.T) string {
	t.Helper()
	if python := os.Getenv("SPANLOOP_READER"); python != "" {
		return python
	}
	return filepath.Join(absolute(t, repository), "build", "reader", "bin", "python")
}

func runEngine(t *testing.T, python, dir, engine, table, code string) engineFacts {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), python, filepath.Join(absolute(t, "."), "readers.py"), engine, table)
	cmd.Dir = dir
	cmd.Stdin = strings.NewReader(code)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	require.NoError(t, err, "%s: %s", engine, complaints.String())
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	var facts engineFacts
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &facts), "%s: %s", engine, out)
	return facts
}
