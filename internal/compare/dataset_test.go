// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/query"
	"github.com/spanloop/spanloop/internal/report"
	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic/traffictest"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// canary is a fortnight's traffic in small: v1 and, in every fourth session, v2,
// which is faster and calls tools worse.
func canary(sessions int) []traffictest.Span {
	random := stats.Random(77, 1)
	var spans []traffictest.Span
	for i := range sessions {
		version, pass, speed := "v1", 0.95, 1.0
		if random.IntN(4) == 0 {
			version, pass, speed = "v2", 0.6, 0.6
		}
		for turn := range 1 + random.IntN(3) {
			good := random.Float64() < pass
			name := fmt.Sprintf("call %d.%d", i, turn)
			span := traffictest.Span{
				Trace: fmt.Sprintf("trace %d.%d", i, turn), ID: name, Session: fmt.Sprintf("session %d", i),
				Prompt: "support", Version: version, Environment: "production", Model: "m-1",
				Start:    epoch.Add(time.Duration(i)*time.Hour + time.Duration(turn)*time.Minute),
				Duration: time.Duration(speed * 1e9 * math.Exp(0.3*random.NormFloat64())),
				Input:    questions[i%2][random.IntN(4)], OutputTokens: 100 + random.IntN(50), FinishReason: "tool_calls", Tools: []string{"track"},
				Variables: map[string]string{"tier": []string{"gold", "basic"}[i%2]},
				Scores: []evaluator.Score{
					traffictest.Pass("tool_args_schema", "sha256:aa", good), traffictest.Pass("tool_known", "sha256:bb", true),
					traffictest.Rated("helpful", "sha256:cc", math.Round(100*(0.7+0.2*random.Float64()))/100),
				},
			}
			spans = append(spans, span)
		}
	}
	return spans
}

func open(t testing.TB, dir string) *query.DB {
	t.Helper()
	db, err := query.Open(t.Context(), query.Options{Dataset: dir, Threads: 2})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

func run(t testing.TB, dir string, o Options) *Report {
	t.Helper()
	r, err := Run(t.Context(), open(t, dir).SQL(), o)
	require.NoError(t, err)
	return r
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, report.WriteJSON(&b, Schema, v))
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, string(want), got, "go test ./internal/compare -update writes the golden files")
}

func TestReportsOfADataset(t *testing.T) {
	dir := t.TempDir()
	traffictest.Write(t, dir, 0, canary(400)...)
	r := run(t, dir, options(stats.LookAnytime))
	assert.Equal(t, Worse, r.Verdict)
	assert.Equal(t, 1, r.ExitCode)
	golden(t, "canary.json", asJSON(t, r))
	var text, quiet, csv, page bytes.Buffer
	require.NoError(t, r.WriteText(&text, report.Options{}, false))
	require.NoError(t, r.WriteText(&quiet, report.Options{Width: 80}, true))
	require.NoError(t, r.WriteCSV(&csv, report.Options{}))
	require.NoError(t, r.WriteHTML(&page))
	golden(t, "canary.txt", text.String())
	golden(t, "canary-quiet-80.txt", quiet.String())
	golden(t, "canary.csv", csv.String())
	golden(t, "canary.html", page.String())
	assert.NotContains(t, page.String(), "<script")
	assert.NotContains(t, page.String(), "http://www.example", "nothing is loaded")

	var back Report
	require.NoError(t, json.Unmarshal([]byte(asJSON(t, r)), &back))
	assert.Equal(t, asJSON(t, r), asJSON(t, back), "what is printed can be read")
}

// The same spans give the same report to the last bit, in whatever order and
// batches they came and however many threads read them.
func TestRowOrderDoesNotMatter(t *testing.T) {
	spans := canary(160)
	want := ""
	for i, batch := range []int{0, 120} {
		shuffled := slices.Clone(spans)
		stats.Random(uint64(i), 9).Shuffle(len(shuffled), func(a, b int) { shuffled[a], shuffled[b] = shuffled[b], shuffled[a] })
		dir := t.TempDir()
		traffictest.Write(t, dir, batch, shuffled...)
		// What a retry delivers again counts once.
		traffictest.Write(t, dir, 0, shuffled[:20]...)
		got := asJSON(t, run(t, dir, options(stats.LookAnytime)))
		if want == "" {
			want = got
		}
		assert.Equal(t, want, got, "batches of %d", batch)
	}
}

// Replays, wrappers, embeddings and other prompts' calls are not production
// calls of this prompt.
func TestOnlyProductionCallsCount(t *testing.T) {
	spans := canary(160)
	dir, with := t.TempDir(), t.TempDir()
	traffictest.Write(t, dir, 0, spans...)
	var more []traffictest.Span
	for i, s := range spans {
		s.ID, s.Version, s.Duration = s.ID+" again", "v2", time.Hour
		switch i % 5 {
		case 0:
			s.Replay = true
		case 1:
			s.Operation = "invoke_agent"
		case 2:
			s.Operation = "embeddings"
		case 3:
			s.Prompt = "other"
		case 4:
			s.Environment = "staging"
		}
		more = append(more, s)
	}
	traffictest.Write(t, with, 0, slices.Concat(spans, more)...)
	o := options(stats.LookAnytime)
	o.Environment = "production"
	assert.Equal(t, asJSON(t, run(t, dir, o)), asJSON(t, run(t, with, o)))
}

// What was decided by an earlier moment is decided in every later report, and
// nothing before there are enough sessions.
func TestADecisionStays(t *testing.T) {
	dir := t.TempDir()
	traffictest.Write(t, dir, 0, canary(400)...)
	db := open(t, dir)
	o := options(stats.LookAnytime)
	o.Metrics = []string{"latency"}
	for hours, verdict := range map[int]Verdict{50: NotEnoughData, 150: Better, 250: Better, 400: Better} {
		o.Until = epoch.Add(time.Duration(hours) * time.Hour)
		r, err := Run(t.Context(), db.SQL(), o)
		require.NoError(t, err)
		assert.Equal(t, verdict, r.Verdict, "after %d hours", hours)
		if decided := on(t, r, "latency").DecidedAt; verdict == Better {
			require.NotNil(t, decided)
			assert.True(t, decided.Time.Before(epoch.Add(150*time.Hour)))
			assert.GreaterOrEqual(t, decided.Clusters, 2*stats.BurnIn)
			assert.LessOrEqual(t, decided.Clusters, decided.Calls)
		} else {
			assert.Nil(t, decided)
		}
	}
}

func TestVersionsThatNeverMeet(t *testing.T) {
	dir := t.TempDir()
	spans := canary(160)
	for i := range spans {
		if spans[i].Version == "v2" {
			spans[i].Start = spans[i].Start.AddDate(0, 1, 0)
		}
	}
	traffictest.Write(t, dir, 0, spans...)
	r := run(t, dir, options(stats.LookAnytime))
	assert.Equal(t, NotComparable, r.Verdict)
	assert.Equal(t, 3, r.ExitCode)
	assert.Contains(t, r.Reason, "--sequential")
	var text bytes.Buffer
	require.NoError(t, r.WriteText(&text, report.Options{}, false))
	assert.Contains(t, text.String(), "NOT COMPARABLE")

	o := options(stats.LookAnytime)
	o.Sequential = true
	r = run(t, dir, o)
	assert.NotEqual(t, NotComparable, r.Verdict)
	g, _ := gateNamed(r, "concurrent traffic")
	assert.Equal(t, GateWarns, g.Status)
}

func TestUsage(t *testing.T) {
	dir := t.TempDir()
	traffictest.Write(t, dir, 0, canary(160)...)
	db := open(t, dir)
	for name, c := range map[string]struct {
		change func(*Options)
		text   string
	}{
		"same versions":      {func(o *Options) { o.B = "v1" }, "the same"},
		"no prompt":          {func(o *Options) { o.Prompt = "" }, "a prompt and two versions"},
		"alpha":              {func(o *Options) { o.Alpha = 0.7 }, "alpha"},
		"negative alpha":     {func(o *Options) { o.Alpha = -1 }, "alpha"},
		"NaN alpha":          {func(o *Options) { o.Alpha = math.NaN() }, "alpha"},
		"look":               {func(o *Options) { o.Look = "twice" }, "one of once, anytime, horizon"},
		"horizon of nothing": {func(o *Options) { o.Look = stats.LookHorizon }, "planned number"},
		"negative count":     {func(o *Options) { o.MaxCalls = -1 }, "not below 0"},
		"split":              {func(o *Options) { o.Split = 1 }, "between 0 and 1"},
		"metric":             {func(o *Options) { o.Metrics = []string{"speed"} }, `"speed" in these calls; there are tool_call_accuracy`},
		"many metrics":       {func(o *Options) { o.Metrics = make([]string, 6) }, "at most 5"},
		"margin":             {func(o *Options) { o.Margins = map[string]float64{"latency": -1} }, "above 0"},
		"margin of nothing":  {func(o *Options) { o.Margins = map[string]float64{"speed": 1} }, "speed"},
		"key":                {func(o *Options) { o.Keys = []string{"nowhere"} }, "use one of service_name"},
		"category, peeking":  {func(o *Options) { o.Metrics, o.Look = []string{"finish_reason"}, stats.LookAnytime }, "--look once"},
	} {
		o := options(stats.LookOnce)
		c.change(&o)
		_, err := Run(t.Context(), db.SQL(), o)
		require.ErrorIs(t, err, ErrOptions, name)
		assert.Contains(t, err.Error(), c.text, name)
	}
	o := options(stats.LookOnce)
	o.Prompt = "nobody"
	_, err := Run(t.Context(), db.SQL(), o)
	require.ErrorIs(t, err, ErrNoPrompt)
	o = options(stats.LookOnce)
	o.B = "v9"
	r, err := Run(t.Context(), db.SQL(), o)
	require.NoError(t, err)
	assert.Equal(t, NotEnoughData, r.Verdict)
	assert.Contains(t, r.Reason, "seen: v1 (")
}

func TestStrataByKeysAndOneLook(t *testing.T) {
	dir := t.TempDir()
	traffictest.Write(t, dir, 0, canary(240)...)
	o := options(stats.LookOnce)
	o.Keys, o.Metrics = []string{"var:tier"}, []string{"finish_reason", "helpful"}
	r := run(t, dir, o)
	require.GreaterOrEqual(t, r.Strata.Count, 2)
	tiers := map[string]bool{}
	for _, s := range r.Strata.Rows {
		tiers[s.Keys[0]] = true
	}
	assert.Equal(t, map[string]bool{"gold": true, "basic": true}, tiers)
	assert.Equal(t, NoChange, on(t, r, "finish_reason").Verdict)
	assert.True(t, on(t, r, "score:helpful").Decides)
	assert.Nil(t, on(t, r, "score:helpful").DecidedAt, "one look has no earlier ones")
}

func TestSampleOfManyCalls(t *testing.T) {
	dir := t.TempDir()
	traffictest.Write(t, dir, 0, canary(400)...)
	o := options(stats.LookAnytime)
	o.MaxCalls = 300
	r := run(t, dir, o)
	assert.Equal(t, 2, r.A.SampledOneIn)
	assert.Equal(t, 1, r.B.SampledOneIn)
	assert.InDelta(t, r.A.AllCalls/2, r.A.Calls, 60)
	assert.Contains(t, r.basis(), "up to 1 session in 2")
	assert.Equal(t, Worse, r.Verdict)
}

func TestAllPairs(t *testing.T) {
	dir := t.TempDir()
	spans := canary(400)
	for i := range spans {
		if spans[i].Version == "v1" && strings.HasPrefix(spans[i].Input, "refund") {
			spans[i].Version = "v0"
		}
	}
	traffictest.Write(t, dir, 0, spans...)
	all, err := RunAll(t.Context(), open(t, dir).SQL(), Options{Prompt: "support"})
	require.NoError(t, err)
	require.Len(t, all.Pairs, 3)
	assert.Equal(t, []string{"v0", "v1", "v2"}, slices.Sorted(slices.Values(all.Versions)))
	assert.Equal(t, 1, all.ExitCode)
	for _, p := range all.Pairs {
		assert.InDelta(t, 0.05/3, p.Looks.Alpha, 1e-12)
	}
	var text, csv, page bytes.Buffer
	require.NoError(t, all.WriteText(&text, report.Options{}, false))
	assert.Contains(t, text.String(), "error rate 5% over all pairs together")
	require.NoError(t, all.WriteCSV(&csv, report.Options{}))
	assert.Contains(t, csv.String(), "v1,v2,latency,")
	require.NoError(t, all.WriteHTML(&page))
	assert.Contains(t, page.String(), "support@v1 -&gt; support@v2")

	_, err = RunAll(t.Context(), open(t, dir).SQL(), Options{Prompt: "nobody"})
	require.ErrorIs(t, err, ErrNoPrompt)
	alone := t.TempDir()
	traffictest.Write(t, alone, 0, traffictest.Span{Trace: "t", ID: "s", Prompt: "p", Version: "v1", Start: epoch, Duration: time.Second, Model: "m"})
	_, err = RunAll(t.Context(), open(t, alone).SQL(), Options{Prompt: "p"})
	require.ErrorIs(t, err, ErrOptions)
	assert.Contains(t, err.Error(), "p@v1 is the only version")
}
