// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/report"
	"github.com/spanloop/spanloop/internal/wire"
)

var reportOptions = report.Options{Width: 200}

func jsonOf(t *testing.T, result *Result) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, report.WriteJSON(&b, Schema, result))
	return b.String()
}

func protoOf(t *testing.T, traces ptrace.Traces) string {
	t.Helper()
	text, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(traces)
	require.NoError(t, err)
	return string(text)
}

// exported runs support@v1 against an edit of v2 and returns the spans.
func exported(t *testing.T) (*Plan, []Run, ptrace.Traces) {
	t.Helper()
	snapshot := load(t, registryFolder(t))
	plan := planned(t, snapshot, supportCall(t, snapshot), Changes{PromptVersion: "v2", Edits: []Edit{{"Copy", "Always copy"}}})
	runs, err := plan.Execute(t.Context(), RunOptions{
		Runs: 2, Concurrency: 1, Sender: provider(t, wire.ClientConfig{}, (&serving{}).ServeHTTP), Evaluators: evaluator.Defaults(),
	})
	require.NoError(t, err)
	return plan, runs, plan.Traces("run-1", runs, snapshot)
}

func TestReplaysAreMarkedLinkedAndScored(t *testing.T) {
	plan, _, traces := exported(t)
	require.Equal(t, 4, traces.SpanCount())
	resource := traces.ResourceSpans().At(0).Resource().Attributes().AsRaw()
	assert.Equal(t, map[string]any{"service.name": "shop", "deployment.environment.name": "replay"}, resource)
	ids := map[string]bool{}
	for _, span := range traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
		a := span.Attributes().AsRaw()
		assert.Equal(t, true, a["spanloop.replay"])
		assert.Equal(t, "run-1", a[AttrRunID])
		assert.Equal(t, "exact", a[AttrFidelity])
		assert.Equal(t, "support", a["gen_ai.prompt.name"])
		assert.Equal(t, "Ada", a["gen_ai.prompt.variable.name"])
		assert.NotEmpty(t, a["spanloop.variant.id"], "it has the identity of what it sent")
		assert.NotEmpty(t, a["spanloop.request.sha256"], "it can be replayed itself")
		require.Equal(t, 1, span.Links().Len())
		link := span.Links().At(0)
		assert.Equal(t, traceHex+":"+spanHex, link.TraceID().String()+":"+link.SpanID().String())
		assert.Equal(t, map[string]any{AttrLink: "origin"}, link.Attributes().AsRaw())
		ids[span.TraceID().String()] = true
		switch a[AttrArm] {
		case ArmControl:
			assert.Equal(t, "v1", a["gen_ai.prompt.version"])
			assert.NotContains(t, a, AttrModification)
			assert.Equal(t, plan.Request.SHA256, a["spanloop.request.sha256"])
		case ArmTreatment:
			assert.Equal(t, "v2+edit."+plan.Digest(), a["gen_ai.prompt.version"])
			assert.Contains(t, a[AttrModification], plan.Digest())
		default:
			t.Errorf("arm %v", a[AttrArm])
		}
		assert.Equal(t, a["spanloop.eval.tool_args_schema.score"], 1.0)
		scores := map[string]evaluator.Score{}
		for _, event := range span.Events().All() {
			score, ok := evaluator.ReadEvent(event)
			require.True(t, ok)
			scores[score.Name] = score
		}
		score := scores["tool_args_schema"]
		assert.Equal(t, evaluator.EvaluationID(span.TraceID(), span.SpanID(), score.Name, score.EvaluatorVersion), score.EvaluationID,
			"the collector's own evaluation of the same span is the same score")
	}
	assert.Len(t, ids, 4, "each run is a trace of its own")
}

func TestFailedRunsBecomeErrorSpans(t *testing.T) {
	s := &serving{answer: func(w http.ResponseWriter, n int, _ string) bool {
		if n != 0 {
			return false
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":{"type":"bad","message":"no"}}`)
		return true
	}}
	plan, runs, err := execute(t, s, wire.ClientConfig{}, RunOptions{Runs: 2, Concurrency: 1})
	require.NoError(t, err)
	runs[1].Response, runs[1].Err = nil, ErrNotSent
	spans := plan.Traces("r", runs, nil).ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	require.Equal(t, 3, spans.Len(), "what was not answered at all makes no span")
	assert.Equal(t, ptrace.StatusCodeError, spans.At(0).Status().Code())
	v, _ := spans.At(0).Attributes().Get("error.type")
	assert.Equal(t, "bad", v.Str())
}

func TestExportOTLP(t *testing.T) {
	_, _, traces := exported(t)
	var got ptraceotlp.ExportRequest
	status, body := http.StatusOK, []byte{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "/v1/traces", r.URL.Path)
		assert.Equal(t, "Bearer otlp secret", r.Header.Get("Authorization"))
		text, _ := io.ReadAll(r.Body)
		got = ptraceotlp.NewExportRequest()
		assert.NoError(t, got.UnmarshalProto(text))
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}))
	defer server.Close()
	headers := ParseHeaders("authorization=Bearer%20otlp%20secret, broken,=x")
	require.NoError(t, ExportOTLP(t.Context(), server.URL, headers, traces))
	assert.Equal(t, 4, got.Traces().SpanCount())
	require.NoError(t, ExportOTLP(t.Context(), server.URL+"/v1/traces", headers, traces))

	partial := ptraceotlp.NewExportResponse()
	partial.PartialSuccess().SetRejectedSpans(2)
	partial.PartialSuccess().SetErrorMessage("too old")
	body, _ = partial.MarshalProto()
	err := ExportOTLP(t.Context(), server.URL, headers, traces)
	require.ErrorIs(t, err, ErrExport)
	assert.Contains(t, err.Error(), "2 spans were rejected: too old")

	status, body = http.StatusServiceUnavailable, []byte("Bearer otlp secret")
	err = ExportOTLP(t.Context(), server.URL+"/?key=querysecret", headers, traces)
	require.ErrorIs(t, err, ErrExport)
	assert.Contains(t, err.Error(), "HTTP 503")
	assert.NotContains(t, err.Error(), "secret")
	server.Close()
	for _, endpoint := range []string{"", "localhost:4318", "ftp://x", "http://", "http://user:pass-secret@127.0.0.1:1/?key=querysecret", server.URL} {
		err := ExportOTLP(t.Context(), endpoint, headers, traces)
		require.ErrorIs(t, err, ErrExport, endpoint)
		assert.NotContains(t, err.Error(), "secret")
	}
}

func TestRedacted(t *testing.T) {
	assert.Equal(t, "http://u:xxxxx@host:4318/x", Redacted("http://u:p@host:4318/x?key=k"))
	assert.NotContains(t, Redacted("http://\x7f:secret"), "secret")
}

func TestResultAsJSON(t *testing.T) {
	plan, runs, _ := exported(t)
	result := plan.Result(2, true)
	result.AddRuns(runs, evaluator.Defaults())
	var document map[string]any
	require.NoError(t, json.Unmarshal([]byte(jsonOf(t, result)), &document))
	for _, member := range []string{"schema", "trace_id", "span_id", "prompt", "request", "modifications", "changes", "calls", "runs", "arms", "scores", "notes", "outcome"} {
		assert.Contains(t, document, member)
	}
	assert.Equal(t, Schema, document["schema"])
	request := document["request"].(map[string]any)
	assert.Equal(t, "exact", request["grade"])
	assert.Equal(t, "alias", request["control"].(map[string]any)["model"])
	assert.Len(t, document["runs"], 4)
}
