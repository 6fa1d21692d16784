// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiidentityprocessor

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// points adds up the data points with one value of an attribute.
func points(data metricdata.Aggregation, key, value string) (sum int64) {
	var list []metricdata.DataPoint[int64]
	switch d := data.(type) {
	case metricdata.Sum[int64]:
		list = d.DataPoints
	case metricdata.Gauge[int64]:
		list = d.DataPoints
	}
	for _, p := range list {
		if got, _ := p.Attributes.Value(attribute.Key(key)); value == "" || got.AsString() == value {
			sum += p.Value
		}
	}
	return sum
}

func TestMetrics(t *testing.T) {
	r := start(t, nil)
	r.one(t, with(chatOf("x"), "gen_ai.prompt.name", "p", "gen_ai.prompt.version", "1", "gen_ai.usage.input_tokens", "many"))
	r.one(t, chatOf("A text."))
	r.one(t, map[string]any{"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "f"})
	r.one(t, map[string]any{"http.request.method": "GET"})
	assert.EqualValues(t, 1, r.sum(t, "spans", "resolution", "explicit"))
	assert.EqualValues(t, 1, r.sum(t, "spans", "resolution", "fingerprint"))
	assert.EqualValues(t, 3, r.sum(t, "spans", "resolution", ""))
	assert.EqualValues(t, 1, r.sum(t, "unresolved", "reason", "not_a_call"))
	assert.EqualValues(t, 1, r.sum(t, "problems", "reason", "wrong_type"))
	assert.EqualValues(t, 1, r.sum(t, "tool_spans", "version", "no_toolset"))
	assert.EqualValues(t, 0, r.sum(t, "registry_problems", "level", "error"))
}

// Words that come from outside make no new time series.
func TestMetricsHaveBoundedValues(t *testing.T) {
	r := start(t, nil)
	for _, word := range []string{"a", "b", "c", "none"} {
		r.one(t, with(chatOf("x"), "spanloop.prompt.resolution", word))
	}
	assert.EqualValues(t, 3, r.sum(t, "spans", "resolution", "other"))
	assert.EqualValues(t, 1, r.sum(t, "spans", "resolution", "none"))
}

// The README lists the metrics that exist, and no others.
func TestMetricsAreDocumented(t *testing.T) {
	r := start(t, nil)
	td := chatOf("x")
	r.one(t, td)
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	source, err := os.ReadFile("telemetry.go")
	require.NoError(t, err)
	name := regexp.MustCompile(`otelcol_processor_genai_identity_[a-z_]+`)
	assert.Equal(t, unique(name.FindAllString(string(source), -1)), unique(name.FindAllString(string(readme), -1)))
	metadata, err := os.ReadFile("metadata.yaml")
	require.NoError(t, err)
	for _, metric := range unique(name.FindAllString(string(source), -1)) {
		assert.Contains(t, string(metadata), metric[len("otelcol_"):]+":")
	}
}

func unique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}
