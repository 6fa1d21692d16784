// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic/traffictest"
)

// comparable writes calls of three versions: 1.1 is like 1.0, 1.2 slower.
func comparable(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	random := stats.Random(5, 5)
	var spans []traffictest.Span
	for i := range 600 {
		version := i % 3
		duration := 1e9 * math.Exp(0.2*random.NormFloat64())
		if version == 2 {
			duration *= 1.6
		}
		spans = append(spans, traffictest.Span{
			Trace: fmt.Sprint(i), ID: fmt.Sprint(i), Prompt: "support", Version: fmt.Sprint("1.", version), Environment: "production", Model: "m",
			Start: time.Date(2026, 11, 2, 0, i, 0, 0, time.UTC), Duration: time.Duration(duration), Input: "where is my parcel",
			Scores: []evaluator.Score{traffictest.Pass("helpful", "1", random.Float64() < 0.9)},
		})
	}
	traffictest.Write(t, dir, 0, spans...)
	return dir
}

// runCompare runs the command and returns its exit code and outputs.
func runCompare(t *testing.T, dir string, args ...string) (code int, out, errors string) {
	t.Helper()
	var stdout, stderr strings.Builder
	a := &app{In: strings.NewReader(""), Out: &stdout, Err: &stderr, Now: time.Now}
	code = run(t.Context(), a, append(args, "--dataset", dir, "--registry", t.TempDir()))
	return code, stdout.String(), stderr.String()
}

func TestCompareExitCodes(t *testing.T) {
	dir := comparable(t)
	for name, c := range map[string]struct {
		args []string
		code int
		text string
	}{
		"worse":           {[]string{"compare", "support", "1.0", "1.2"}, exitFinding, "WORSE: worse on latency"},
		"better":          {[]string{"compare", "support", "1.2", "1.0", "--metric", "latency"}, exitDone, "BETTER: better on latency, nothing worse"},
		"equivalent":      {[]string{"compare", "support", "1.0", "1.1", "--metric", "latency", "--margin", "latency=20%"}, exitDone, "EQUIVALENT"},
		"not enough data": {[]string{"compare", "support", "1.0", "1.1", "--metric", "helpful"}, exitCannotTell, "NOT ENOUGH DATA: undecided on score:helpful (about"},
		"nothing yet":     {[]string{"compare", "support", "1.0", "1.1", "--until", "2026-11-01"}, exitCannotTell, "NOT ENOUGH DATA: no production calls of version 1.0"},
		"one look":        {[]string{"compare", "support", "1.0", "1.2", "--look", "once"}, exitFinding, "95% interval"},
		"horizon":         {[]string{"compare", "support", "1.0", "1.2", "--horizon", "400"}, exitFinding, "95% horizon interval"},
		"all pairs":       {[]string{"compare", "support"}, exitFinding, "compare all versions of support"},
	} {
		code, out, errors := runCompare(t, dir, c.args...)
		assert.Equal(t, c.code, code, "%s: %s%s", name, out, errors)
		assert.Contains(t, out, c.text, name)
		assert.Empty(t, errors, name)
	}
}

func TestCompareUsage(t *testing.T) {
	dir := comparable(t)
	for name, c := range map[string]struct {
		args []string
		text string
	}{
		"unknown prompt":   {[]string{"compare", "suppor", "1.0", "1.1"}, `prompt "suppor": no production call is of it; there is support`},
		"unknown version":  {[]string{"compare", "support", "1.0", "1.7"}, `has no version "1.7"; there is 1.0, 1.1, 1.2`},
		"environment":      {[]string{"compare", "support", "1.0", "1.1", "--environment", "prod"}, `--environment "prod": no production call of "support" is of it; there is production`},
		"negative":         {[]string{"compare", "support", "1.0", "1.1", "--max-calls", "-5"}, "not below 0"},
		"one version":      {[]string{"compare", "support", "1.0"}, "not 2 arguments"},
		"same version":     {[]string{"compare", "support", "1.0", "1.0"}, "are the same"},
		"unknown metric":   {[]string{"compare", "support", "1.0", "1.1", "--metric", "speed"}, "there are error_rate, latency"},
		"margin":           {[]string{"compare", "support", "1.0", "1.1", "--margin", "latency"}, "METRIC=VALUE"},
		"margin's value":   {[]string{"compare", "support", "1.0", "1.1", "--margin", "latency=much"}, `--margin latency "much"`},
		"alpha":            {[]string{"compare", "support", "1.0", "1.1", "--alpha", "0.9"}, "alpha"},
		"split":            {[]string{"compare", "support", "1.0", "1.1", "--split", "200%"}, "split"},
		"look":             {[]string{"compare", "support", "1.0", "1.1", "--look", "often"}, "one of once, anytime, horizon"},
		"key":              {[]string{"compare", "support", "1.0", "1.1", "--stratify", "nowhere"}, "use one of service_name"},
		"hostile versions": {[]string{"compare", "support", "1.0", "\x1b[31m"}, `has no version "\x1b[31m"`},
	} {
		code, out, errors := runCompare(t, dir, c.args...)
		assert.Equal(t, exitUsage, code, name)
		assert.Empty(t, out, name)
		assert.Contains(t, errors, c.text, name)
	}
	code, _, errors := runCompare(t, dir+"/none", "compare", "support", "1.0", "1.1")
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, errors, "no dataset")
}

func TestCompareFormats(t *testing.T) {
	dir := comparable(t)
	_, out, _ := runCompare(t, dir, "compare", "support", "1.0", "1.2", "--format", "json")
	var body struct {
		Schema   string
		Verdict  string
		ExitCode int `json:"exit_code"`
		Metrics  []struct{ Name, Verdict string }
	}
	require.NoError(t, json.Unmarshal([]byte(out), &body))
	assert.Equal(t, "spanloop.compare/1", body.Schema)
	assert.Equal(t, "worse", body.Verdict)
	assert.Equal(t, exitFinding, body.ExitCode)

	_, out, _ = runCompare(t, dir, "compare", "support", "--format", "json")
	assert.Contains(t, out, `"schema": "spanloop.compare-all/1"`)

	_, out, _ = runCompare(t, dir, "compare", "support", "1.0", "1.2", "--format", "csv")
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	require.NoError(t, err)
	assert.Equal(t, "metric", rows[0][2])
	assert.Len(t, rows, 1+len(body.Metrics))

	_, out, _ = runCompare(t, dir, "compare", "support", "1.0", "1.2", "--format", "html")
	assert.Contains(t, out, "<svg")
	assert.Contains(t, out, "WORSE")
}

func TestCompareCompletion(t *testing.T) {
	dir := comparable(t)
	a := &app{Dataset: dir, Now: time.Now}
	assert.Equal(t, []string{"support"}, a.completeVersions(t.Context(), nil))
	assert.Equal(t, []string{"1.0", "1.1", "1.2"}, a.completeVersions(t.Context(), []string{"support"}))
	assert.Equal(t, []string{"1.0", "1.2"}, a.completeVersions(t.Context(), []string{"support", "1.1"}), "not the same again")
	assert.Empty(t, a.completeVersions(t.Context(), []string{"support", "1.0", "1.1"}))
	a.Dataset = dir + "/none"
	assert.Empty(t, a.completeVersions(t.Context(), nil))
}
