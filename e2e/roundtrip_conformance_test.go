// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e && conformance

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/dataset/datasettest"
	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/sharedtest"
)

// TestConformanceRoundTrip posts every recorded traces file to the built
// collector and reads the dataset back: span for span what was sent, once with
// the exporter alone and once after identity and evaluation, whose additions can
// all be told apart.
func TestConformanceRoundTrip(t *testing.T) {
	fixtures := filepath.Join(sharedtest.Dir(t), "fixtures")
	folders, err := os.ReadDir(fixtures)
	require.NoError(t, err)
	for _, p := range []struct {
		name, processors, sections string
		separate                   func(sent, read ptrace.Traces)
	}{
		{"exporter alone", "[]", "", func(ptrace.Traces, ptrace.Traces) {}},
		{"identity and evaluation", "[genai_identity, genai_eval]", "processors:\n  genai_identity:\n  genai_eval:\n", removeAdditions},
	} {
		files, spans, equal, counted := 0, 0, 0, 0
		for _, folder := range folders {
			if !folder.IsDir() {
				continue
			}
			sections := p.sections + "exporters:\n  genai_parquet:\n    include: all\n"
			c := newCollector(t, stockConfig(t, sections, p.processors, "[genai_parquet]"))
			sent, posted := postTraces(t, c, filepath.Join(fixtures, folder.Name()))
			if posted == 0 {
				continue
			}
			files, spans = files+posted, spans+len(sent)
			read := readBack(t, filepath.Join(c.logs, "spanloop-data"))
			for key := range read {
				if original, ok := sent[key]; ok {
					p.separate(original, read[key])
				}
			}
			differences := datasettest.Diff(sent, read)
			equal += len(sent) - len(differences)
			if table, ok := readIndependently(t, filepath.Join(c.logs, "spanloop-data"), dataset.TableSpans); ok {
				require.EqualValues(t, len(sent), table[dataset.TableSpans].Rows, folder.Name())
				require.EqualValues(t, len(sent), table[dataset.TableSpans].Distinct, folder.Name())
				counted += len(sent)
			}
			require.Empty(t, differences, folder.Name())
		}
		require.Positive(t, spans)
		fmt.Printf("conformance: round trip, %s: %d/%d spans of %d files equal, %d counted alike by an independent reader\n",
			p.name, equal, spans, files, counted)
	}
}

// postTraces starts the collector, sends a folder's traces files as they are and
// stops it. Of spans with equal ids in several files the first one counts.
func postTraces(t *testing.T, c *collector, folder string) (map[datasettest.Key]ptrace.Traces, int) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.traces.json"))
	require.NoError(t, err)
	sent := map[datasettest.Key]ptrace.Traces{}
	if len(paths) == 0 {
		return sent, 0
	}
	c.start(t)
	for _, path := range paths {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(content)
		require.NoError(t, err, path)
		again := 0
		for key, one := range datasettest.Split(td) {
			if _, met := sent[key]; met {
				again++
				continue
			}
			sent[key] = one
		}
		require.Zero(t, again, "%s repeats spans of another file of its folder", path)
		status, answer, err := c.post("traces", "application/json", content)
		require.NoError(t, err, path)
		require.Equal(t, http.StatusOK, status, "%s: %s", path, answer)
	}
	c.stop(t)
	return sent, len(paths)
}

func readBack(t *testing.T, dir string) map[datasettest.Key]ptrace.Traces {
	t.Helper()
	d, err := dataset.Open(dir)
	require.NoError(t, err)
	td, err := d.ReadTraces(t.Context(), dataset.Filter{})
	require.NoError(t, err)
	return datasettest.Split(td)
}

// removeAdditions takes from a span that was read what the processors added to
// the one that was sent. What the sender wrote itself stays, whatever its name.
func removeAdditions(sent, read ptrace.Traces) {
	original := sent.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	span := read.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	span.Attributes().RemoveIf(func(key string, _ pcommon.Value) bool {
		_, own := original.Attributes().Get(key)
		return !own && (strings.HasPrefix(key, "spanloop.") || strings.HasPrefix(key, "gen_ai.prompt."))
	})
	span.Events().RemoveIf(func(event ptrace.SpanEvent) bool {
		_, ours := event.Attributes().Get(evaluator.AttrEvaluationID)
		return ours && event.Name() == evaluator.EventName
	})
}
