// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/identity"
	"github.com/spanloop/spanloop/internal/query"
	"github.com/spanloop/spanloop/internal/traffic"
)

var update = flag.Bool("update", false, "rewrite golden files")

// recorded is a call as it is written into a test's dataset.
type recorded struct {
	id, session, prompt, version, environment string
	start                                     time.Time
	latency                                   time.Duration
	provider, request, response, fingerprint  string
	input, output                             string
	tools                                     []string // called
	offered                                   []string // name@version
	params                                    map[string]any
	inputTokens, outputTokens                 int
	cost                                      float64
	failure                                   string
	serviceVersion                            string
	scores                                    map[string]float64
	evaluator                                 string // version of the scores' evaluators
	kind                                      string // of evaluator
}

// writeCalls writes calls as OTLP spans through the dataset's writer.
func writeCalls(t testing.TB, dir string, calls []recorded) {
	t.Helper()
	w, err := dataset.NewWriter(dir, dataset.WriterOptions{})
	require.NoError(t, err)
	const batch = 5000
	for len(calls) > 0 {
		part := calls[:min(batch, len(calls))]
		calls = calls[len(part):]
		td := ptrace.NewTraces()
		for i := range part {
			rs := td.ResourceSpans().AppendEmpty()
			rs.Resource().Attributes().PutStr("service.name", "test")
			if part[i].serviceVersion != "" {
				rs.Resource().Attributes().PutStr("service.version", part[i].serviceVersion)
			}
			if part[i].environment != "" {
				rs.Resource().Attributes().PutStr("deployment.environment.name", part[i].environment)
			}
			part[i].fill(rs.ScopeSpans().AppendEmpty().Spans().AppendEmpty())
		}
		result, err := w.WriteTraces(t.Context(), td)
		require.NoError(t, err)
		require.Equal(t, len(part), result.Spans)
	}
	require.NoError(t, w.Close())
}

func (r *recorded) fill(span ptrace.Span) {
	sum := sha256.Sum256([]byte(r.id))
	span.SetTraceID(pcommon.TraceID(sum[:16]))
	span.SetSpanID(pcommon.SpanID(sum[16:24]))
	span.SetName("chat")
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(r.start))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(r.start.Add(r.latency)))
	a := span.Attributes()
	put := func(key, value string) {
		if value != "" {
			a.PutStr(key, value)
		}
	}
	put("gen_ai.operation.name", "chat")
	put("gen_ai.provider.name", r.provider)
	put("gen_ai.request.model", r.request)
	put("gen_ai.response.model", r.response)
	put("openai.response.system_fingerprint", r.fingerprint)
	put("gen_ai.prompt.name", r.prompt)
	put("gen_ai.prompt.version", r.version)
	put("gen_ai.conversation.id", r.session)
	put("gen_ai.input.messages", messages("user", r.input, nil))
	put("gen_ai.output.messages", messages("assistant", r.output, r.tools))
	put("error.type", r.failure)
	if r.inputTokens > 0 {
		a.PutInt("gen_ai.usage.input_tokens", int64(r.inputTokens))
	}
	if r.outputTokens > 0 {
		a.PutInt("gen_ai.usage.output_tokens", int64(r.outputTokens))
	}
	if r.cost > 0 {
		a.PutDouble("gen_ai.usage.cost", r.cost)
	}
	params, _ := json.Marshal(r.params)
	for key, value := range r.params {
		switch v := value.(type) {
		case float64:
			a.PutDouble("gen_ai.request."+key, v)
		default:
			put("gen_ai.request."+key, fmt.Sprint(v))
		}
	}
	if len(r.params) > 0 {
		put(identity.AttrParamsHash, hashText(string(params)))
	}
	if len(r.offered) > 0 {
		list := a.PutEmptySlice(identity.AttrToolVersions)
		for _, v := range r.offered {
			list.AppendEmpty().SetStr(v)
		}
		put(identity.AttrToolsetHash, hashText(fmt.Sprint(r.offered)))
	}
	for _, name := range sortedKeys(r.scores) {
		kind := r.kind
		if kind == "" {
			kind = evaluator.KindCode
		}
		evaluator.Score{
			Name: name, Value: genai.Some(r.scores[name]), Kind: kind, EvaluatorVersion: r.evaluator, Range: "0..1",
			Direction: evaluator.HigherIsBetter, Probability: 1,
			EvaluationID: evaluator.EvaluationID(span.TraceID(), span.SpanID(), name, r.evaluator),
		}.AppendTo(span, span.EndTimestamp())
	}
}

func hashText(text string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text))) }

func messages(role, content string, calls []string) string {
	parts := []map[string]any{}
	if content != "" {
		parts = append(parts, map[string]any{"type": "text", "content": content})
	}
	for i, name := range calls {
		parts = append(parts, map[string]any{"type": "tool_call", "id": fmt.Sprint("call", i), "name": name, "arguments": map[string]any{}})
	}
	if len(parts) == 0 {
		return ""
	}
	encoded, _ := json.Marshal([]map[string]any{{"role": role, "parts": parts}})
	return string(encoded)
}

// loadCalls reads a prompt version's calls back as drift does.
func loadCalls(t testing.TB, db *query.DB, prompt, version string) []traffic.Call {
	t.Helper()
	calls, _, err := traffic.Load(t.Context(), db.SQL(), traffic.Arm{Prompt: prompt, Version: version}, traffic.Options{MaxCalls: 1 << 20})
	require.NoError(t, err)
	return calls
}

func openDataset(t testing.TB, dir string) *query.DB {
	t.Helper()
	db, err := query.Open(t.Context(), query.Options{Dataset: dir, Threads: 2})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return db
}

// day is the first day of synthetic traffic.
var day = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// seeded is a test's source of randomness.
func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }

// inTime gives copies of calls consecutive times, the first list on day 0 and
// the second on day 1, without regard to when they were made.
func inTime(before, after []traffic.Call) []traffic.Call {
	var calls []traffic.Call
	for d, list := range [][]traffic.Call{before, after} {
		for i, c := range list {
			c.Start = day.AddDate(0, 0, d).Add(time.Duration(i) * 24 * time.Hour / time.Duration(len(list)))
			calls = append(calls, c)
		}
	}
	return calls
}

// oneDayEach are the options for what inTime makes.
func oneDayEach(alpha float64) Options {
	return Options{Prompt: "p", Version: "v", Alpha: alpha, BaselineSince: day, BaselineUntil: day.AddDate(0, 0, 1), Since: day.AddDate(0, 0, 1)}
}

func searched(alpha float64) Options { return Options{Prompt: "p", Version: "v", Alpha: alpha} }

func analysed(calls []traffic.Call, o Options) *Report {
	return analyse(calls, traffic.Extent{SampledOneIn: 1}, o)
}
