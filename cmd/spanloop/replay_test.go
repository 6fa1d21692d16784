// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/spanloop/spanloop/internal/replay"
	"github.com/spanloop/spanloop/internal/wire"
)

func TestReplayCheck(t *testing.T) {
	d := newReplayDesk(t)
	out := d.must(exitDone, "replay", recordedSpan, "--check")
	assert.True(t, strings.HasPrefix(out, "Fidelity: exact: proved equal to the recorded request by its hash, byte for byte\n"), out)
	assert.Contains(t, out, "the call can be replayed")
	assert.Zero(t, d.sent.Load())
	var result replay.Result
	d.json(exitDone, replay.Schema, &result, "replay", recordedTrace+":"+recordedSpan, "--check")
	assert.Equal(t, replay.OutcomeChecked, result.Outcome)
	assert.Equal(t, "support-agent", result.Prompt.Name)
	assert.Zero(t, result.Calls)
}

func TestReplayDryRun(t *testing.T) {
	d := newReplayDesk(t)
	out := d.must(exitDone, "replay", recordedSpan, "--dry-run", "--prompt-version", "v3.1")
	for _, want := range []string{"Fidelity: exact", "+- Copy the order id exactly", "-Be brief: answer", "Control request:", "Treatment request:", "nothing was sent"} {
		assert.Contains(t, out, want)
	}
	assert.Zero(t, d.sent.Load())
	var result replay.Result
	d.json(exitDone, replay.Schema, &result, "replay", recordedSpan, "--dry-run", "--prompt-version", "v3.1", "-n", "7")
	assert.Equal(t, 14, result.Calls)
	assert.Contains(t, string(result.Request.Treatment), "Copy the order id exactly")
	assert.NotContains(t, string(result.Request.Control), "Copy the order id exactly")
	assert.Equal(t, "/messages/0/content", result.Changes[0].Pointer)
	assert.Len(t, result.Changes, 1)
}

func TestReplayFindsTheBetterVersion(t *testing.T) {
	d := newReplayDesk(t)
	var result replay.Result
	d.json(exitDone, replay.Schema, &result, "replay", "--worst", "tool_args_schema:support-agent@v3.2", "--prompt-version", "v3.1", "-n", "20", "-q")
	assert.Equal(t, replay.Better, result.Outcome)
	assert.Equal(t, recordedSpan, result.SpanID)
	assert.EqualValues(t, 40, d.sent.Load())
	assert.Len(t, result.Runs, 40)

	// The replays are in the dataset, scored, and no production statistic sees them.
	counts := d.must(exitDone, "query", "--format", "csv", "-q", "SELECT is_replay, environment, prompt_version, count(*) FROM spans GROUP BY ALL ORDER BY ALL")
	assert.Contains(t, counts, "true,replay,v3.1,20")
	assert.Contains(t, counts, "true,replay,v3.2,20")
	scores := d.must(exitDone, "query", "--format", "csv", "-q", "SELECT count(*) FROM scores JOIN spans USING (trace_id, span_id) WHERE is_replay AND scores.name = 'tool_args_schema'")
	assert.Contains(t, scores, "40")
	links := d.must(exitDone, "query", "--format", "csv", "-q", "SELECT count(*) FROM spans WHERE is_replay AND links LIKE '%"+recordedSpan+"%'")
	assert.Contains(t, links, "40")
	assert.Contains(t, d.must(exitDone, "coverage"), "1 of 1 model calls")
	compared := d.run("compare", "support-agent", "v3.2", "v3.1")
	assert.NotEqual(t, exitDone, compared.code, "a version that was only replayed has no traffic: %s", compared.out)
	assert.NotContains(t, compared.out, "20", "replays are no calls")
	drift := d.run("drift", "support-agent", "v3.1")
	assert.NotEqual(t, exitDone, drift.code, drift.out)

	// Another replay of the worst call still finds the production call.
	d.json(exitDone, replay.Schema, &result, "replay", "--worst", "tool_args_schema:support-agent@v3.2", "--check", "-q")
	assert.Equal(t, recordedSpan, result.SpanID)
}

func TestReplayOfMessages(t *testing.T) {
	d := newReplayDesk(t)
	d.dialect, d.dataset = wire.AnthropicMessages, filepath.Join(t.TempDir(), "data")
	d.write(d.recordedCall(nil))
	t.Setenv("OPENAI_BASE_URL", "")
	t.Setenv("ANTHROPIC_BASE_URL", strings.TrimSuffix(d.url, "/v1"))
	for _, more := range [][]string{nil, {"--stream"}} {
		var result replay.Result
		d.json(exitDone, replay.Schema, &result, append([]string{"replay", recordedSpan, "--prompt-version", "v3.1", "-n", "16"}, more...)...)
		assert.Equal(t, wire.Exact, result.Request.Grade)
		assert.True(t, result.Request.Bytes)
		assert.Equal(t, "/system", result.Changes[0].Pointer)
		assert.Equal(t, replay.Better, result.Outcome)
		assert.Equal(t, 16, result.Arms[1].Answered)
	}
}

func TestReplayStreamed(t *testing.T) {
	d := newReplayDesk(t)
	d.must(exitDone, "replay", recordedSpan, "-n", "2", "--stream")
	streamed := d.must(exitDone, "query", "--format", "csv", "-q", "SELECT count(*) FROM spans WHERE is_replay AND time_to_first_token_ns > 0 AND output_tokens > 0")
	assert.Contains(t, streamed, "2")
}

func TestReplaySaysWhatIsWrongInTheRegistry(t *testing.T) {
	d := newReplayDesk(t)
	broken := filepath.Join(d.registry, "prompts", "support-agent", "versions", "v9.yaml")
	require.NoError(t, os.WriteFile(broken, []byte("version: v9\ntemplate: [\n"), 0o600))
	got := d.run("replay", recordedSpan, "--check")
	assert.Equal(t, exitDone, got.code, "the rest of the registry is used")
	assert.Contains(t, got.err, broken+":")
}

func TestReplayOfAReplay(t *testing.T) {
	d := newReplayDesk(t)
	d.must(exitDone, "replay", recordedSpan, "-n", "1")
	id := strings.Fields(d.must(exitDone, "query", "--format", "csv", "-q", "SELECT span_id FROM spans WHERE is_replay"))[1]
	assert.Contains(t, d.must(exitDone, "replay", id, "--check"), "Fidelity: exact")
}

func TestReplayText(t *testing.T) {
	d := newReplayDesk(t)
	out := d.must(exitCannotTell, "replay", recordedSpan, "--prompt-version", "v3.1", "-n", "2")
	for _, want := range []string{"Fidelity:", "v3.2 => v3.1", "Answers", "control", "treatment", "Scores", "not enough runs", "Result: not enough runs to tell", "Kept: 4 spans"} {
		assert.Contains(t, out, want)
	}
	assert.Less(t, strings.Index(out, "Fidelity:"), strings.Index(out, "Changed"), "the grade comes first")
	out = d.must(exitDone, "replay", recordedSpan, "-n", "3", "--export", "none")
	assert.Contains(t, out, "repeated 3 times")
	assert.NotContains(t, out, "treatment")
	assert.NotContains(t, out, "Kept:")
}

func TestReplayCommit(t *testing.T) {
	d := newReplayDesk(t)
	edit := "Be brief: answer in one or two sentences.=>Copy the order id exactly as the customer wrote it, including its prefix."
	var result replay.Result
	d.json(exitDone, replay.Schema, &result, "replay", recordedSpan, "--edit", edit, "-n", "12", "--commit")
	require.NotNil(t, result.Committed)
	assert.Equal(t, "v3.3", result.Committed.Version)
	shown := d.must(exitDone, "prompt", "show", "support-agent", "v3.3")
	assert.Contains(t, shown, "including its prefix.")
	assert.Contains(t, shown, "{{customer_name}}")
	text, err := os.ReadFile(result.Committed.File)
	require.NoError(t, err)
	for _, want := range []string{"author: ada", "parent: v3.2", recordedSpan, "better", result.RunID} {
		assert.Contains(t, string(text), want)
	}
	releases := d.must(exitDone, "prompt", "show", "support-agent", "-e", "production", "--key", "any")
	assert.NotContains(t, releases, "v3.3", "nothing is released by a commit")
}

func TestReplayDoesNotCommitWhatIsWorse(t *testing.T) {
	d := newReplayDesk(t)
	d.write(d.recordedCall(func(a pcommon.Map) {
		a.PutStr("gen_ai.prompt.version", "v3.2")
	}))
	worse := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		id := "A-54206"
		if strings.Contains(string(body), "worse") {
			id = "54206"
		}
		_, _ = io.WriteString(w, `{"id":"x","model":"m","choices":[{"index":0,"finish_reason":"tool_calls","message":{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"lookup_order","arguments":"{\"order_id\":\"`+id+`\"}"}}]}}]}`)
	}))
	defer worse.Close()
	got := d.run("replay", recordedSpan, "--edit", "Be brief=>Be worse", "-n", "8", "--commit", "--endpoint", worse.URL+"/v1", "--export", "none")
	assert.Equal(t, exitFinding, got.code, got.out+got.err)
	assert.Contains(t, got.out, "the change is worse")
	assert.Contains(t, got.err, "not committed")
	assert.NoFileExists(t, filepath.Join(d.registry, "prompts", "support-agent", "versions", "v3.3.yaml"))
}

func TestReplayChangesFromFilesAndRegistry(t *testing.T) {
	d := newReplayDesk(t)
	patch := d.file("edit.patch", "--- a\n+++ b\n@@ -9,1 +9,1 @@\n-Be brief: answer in one or two sentences.\n+Be thorough.\n")
	tool := d.file("tool.json", `{"name":"lookup_order","description":"Another.","input_schema":{"type":"object"}}`)
	var result replay.Result
	d.json(exitDone, replay.Schema, &result, "replay", recordedSpan, "--dry-run", "--edit", "@"+patch, "--tool", "lookup_order="+tool,
		"--tool", "refund_order=@v1", "--model", "example-small", "--param", "temperature=0", "--param", "seed=7")
	var compact bytes.Buffer
	require.NoError(t, json.Compact(&compact, result.Request.Treatment))
	treatment := compact.String()
	for _, want := range []string{"Be thorough.", `"description":"Another.","parameters":{"type":"object"}`, `"model":"example-small"`, `"temperature":0`, `"seed":7`} {
		assert.Contains(t, treatment, want)
	}
	assert.NotContains(t, treatment, `"enum":["damaged"`)
}

func TestReplayUsage(t *testing.T) {
	d := newReplayDesk(t)
	for _, c := range []struct {
		want string
		args []string
	}{
		{"a span id is expected", nil},
		{"exclude each other", []string{recordedSpan, "--worst", "a:b@c"}},
		{"1 to 1000", []string{recordedSpan, "-n", "0"}},
		{"1 to 64", []string{recordedSpan, "--concurrency", "0"}},
		{"otlp, dataset or none", []string{recordedSpan, "--export", "mail"}},
		{"table or json", []string{recordedSpan, "--format", "csv"}},
		{"--commit needs --edit", []string{recordedSpan, "--commit"}},
		{"--commit needs runs", []string{recordedSpan, "--commit", "--edit", "a=>b", "--dry-run"}},
		{"16 hex digits", []string{"xyz"}},
		{"no such span", []string{"00000000000000ff"}},
		{"SCORE:PROMPT@VERSION", []string{"--worst", "x"}},
		{"no scored call", []string{"--worst", "nothing:support-agent@v3.2"}},
		{"name=value", []string{recordedSpan, "--set", "x"}},
		{"no variable", []string{recordedSpan, "--set", "nobody=1"}},
		{`no version "v9"`, []string{recordedSpan, "--prompt-version", "v9"}},
		{"occurs 0 times", []string{recordedSpan, "--edit", "not there=>x"}},
		{"'old text=>new text'", []string{recordedSpan, "--edit", "x"}},
		{"no such file", []string{recordedSpan, "--edit", "@nowhere.patch"}},
		{"no such file", []string{recordedSpan, "--tool", "lookup_order=nowhere.json"}},
		{`no version "v9"`, []string{recordedSpan, "--tool", "lookup_order=@v9"}},
		{"unknown provider API", []string{recordedSpan, "--dialect", "x"}},
		{"--max-calls allows 3", []string{recordedSpan, "-n", "4", "--max-calls", "3"}},
		{"an http or https URL", []string{recordedSpan, "--endpoint", "host"}},
		{"'name: value'", []string{recordedSpan, "--header", "x"}},
		{"give --yes", []string{recordedSpan, "--endpoint", "https://models.example.org/v1"}},
	} {
		got := d.run(append([]string{"replay"}, c.args...)...)
		assert.Equal(t, exitUsage, got.code, "%v: %s", c.args, got.err)
		assert.Contains(t, got.err, c.want, c.args)
	}
	assert.Zero(t, d.sent.Load(), "nothing is sent on bad usage")
	d.dataset = t.TempDir()
	assert.Equal(t, exitUsage, d.run("replay", recordedSpan).code, "no dataset")
}

func TestReplayAsksBeforeItSpends(t *testing.T) {
	d := newReplayDesk(t)
	t.Setenv("OPENAI_BASE_URL", "")
	got := d.run("replay", recordedSpan)
	assert.Equal(t, exitUsage, got.code)
	assert.Contains(t, got.err, "OPENAI_API_KEY")
	t.Setenv("OPENAI_API_KEY", "sk-test-key-1")
	got = d.run("replay", recordedSpan, "-n", "3")
	assert.Equal(t, exitUsage, got.code)
	assert.Contains(t, got.err, "3 requests would go to https://api.openai.com/v1/chat/completions and may cost money: give --yes")
	assert.NotContains(t, got.err, "sk-test-key-1")

	for answer, sent := range map[string]bool{"": false, "n\n": false, "y\n": true} {
		var errs strings.Builder
		a := &app{In: strings.NewReader(answer), Err: &errs, Terminal: true}
		err := a.confirm(&replayFlags{}, "https://api.example.org", 3)
		assert.Equal(t, sent, err == nil, "answer %q", answer)
		assert.Contains(t, errs.String(), "Send 3 requests to https://api.example.org?")
	}
}

func TestReplayGoesOnlyWhereTheOperatorSays(t *testing.T) {
	d := newReplayDesk(t)
	trap := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request followed a span") }))
	defer trap.Close()
	host, port, _ := strings.Cut(strings.TrimPrefix(trap.URL, "http://"), ":")
	d.dataset = filepath.Join(t.TempDir(), "data")
	d.write(d.recordedCall(func(a pcommon.Map) {
		a.PutStr("server.address", host)
		a.PutStr("server.port", port)
		a.PutStr("url.full", trap.URL)
		a.PutStr("gen_ai.request.base_url", trap.URL)
	}))
	d.must(exitDone, "replay", recordedSpan, "-n", "2")
	assert.EqualValues(t, 2, d.sent.Load())

	d.dataset = filepath.Join(t.TempDir(), "data")
	d.write(d.recordedCall(func(a pcommon.Map) { a.PutStr("gen_ai.provider.name", "deepseek") }))
	t.Setenv("OPENAI_BASE_URL", "")
	t.Setenv("OPENAI_API_KEY", "sk-test-key-1")
	got := d.run("replay", recordedSpan, "--yes")
	assert.Equal(t, exitUsage, got.code)
	assert.Contains(t, got.err, `the recorded call went to "deepseek", not to openai`)
}

func TestReplayRefusesDamagedSpans(t *testing.T) {
	d := newReplayDesk(t)
	d.dataset = filepath.Join(t.TempDir(), "data")
	d.write(d.recordedCall(func(a pcommon.Map) {
		v, _ := a.Get("gen_ai.input.messages")
		v.SetStr(strings.Replace(v.Str(), "A-54206", "[REDACTED]", 1))
	}))
	got := d.run("replay", recordedSpan)
	assert.Equal(t, exitCannotTell, got.code)
	assert.Contains(t, got.out, "Fidelity: MISMATCH")
	assert.Contains(t, got.out, "redacted")
	assert.Contains(t, got.out, "nothing was sent")
	assert.Zero(t, d.sent.Load())
}

func TestReplayOfAProviderThatFails(t *testing.T) {
	d := newReplayDesk(t)
	t.Setenv("OPENAI_API_KEY", "sk-test-key-1")
	failing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":{"type":"auth","message":"wrong key `+strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")+`\u001b[2J"}}`)
	}))
	defer failing.Close()
	got := d.run("replay", recordedSpan, "--endpoint", failing.URL, "--header", "X-Org: org-secret")
	assert.Equal(t, exitFailed, got.code)
	assert.Contains(t, got.err, "HTTP 401 auth: wrong key [redacted]")
	assert.Contains(t, got.err, failing.URL)
	assert.NotContains(t, got.out+got.err, "sk-test-key-1")
	assert.NotContains(t, got.out+got.err, "\x1b")

	got = d.run("replay", recordedSpan, "--model", "nobody-serves-this", "-n", "10")
	assert.Equal(t, exitFailed, got.code)
	assert.Contains(t, got.out, "Result: failed")
	assert.Contains(t, got.out, "Kept:", "what was answered is kept")
}

func TestReplayExportsOverOTLP(t *testing.T) {
	d := newReplayDesk(t)
	spans, status := 0, http.StatusOK
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		request := ptraceotlp.NewExportRequest()
		assert.NoError(t, request.UnmarshalProto(body))
		assert.Equal(t, "Bearer otlp-secret", r.Header.Get("Authorization"))
		spans += request.Traces().SpanCount()
		w.WriteHeader(status)
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer%20otlp-secret")
	out := d.must(exitDone, "replay", recordedSpan, "-n", "3")
	assert.Equal(t, 3, spans)
	assert.Contains(t, out, "3 spans sent to "+collector.URL)

	status = http.StatusForbidden
	got := d.run("replay", recordedSpan, "-n", "2", "--export", "otlp")
	assert.Equal(t, exitFailed, got.code)
	assert.Contains(t, got.out, "repeated 2 times", "the result is shown all the same")
	assert.Contains(t, got.err, "HTTP 403")
	assert.NotContains(t, got.out+got.err, "otlp-secret")
}

func TestReplayJSONIsOneDocument(t *testing.T) {
	d := newReplayDesk(t)
	for _, args := range [][]string{{"--check"}, {"--dry-run"}, {"-n", "1"}, {"-n", "1", "--prompt-version", "v3.1"}} {
		got := d.run(append([]string{"replay", recordedSpan, "--format", "json"}, args...)...)
		decoder := json.NewDecoder(strings.NewReader(got.out))
		var document map[string]any
		require.NoError(t, decoder.Decode(&document), args)
		assert.False(t, decoder.More(), args)
	}
}
