// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/wire"
)

// serving answers requests with what the prompt asks for, and remembers them.
type serving struct {
	mutex  sync.Mutex
	bodies []string
	// answer may replace the answer; n counts from 0.
	answer func(w http.ResponseWriter, n int, body string) bool
}

func (s *serving) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mutex.Lock()
	n := len(s.bodies)
	s.bodies = append(s.bodies, string(body))
	s.mutex.Unlock()
	if s.answer != nil && s.answer(w, n, string(body)) {
		return
	}
	arguments := `{"id":"17"}`
	if strings.Contains(string(body), "exactly") {
		arguments = `{"id":"A-17"}`
	}
	_, _ = io.WriteString(w, chatAnswer("m-1", arguments))
}

// execute runs support@v1 against v2 at a server.
func execute(t *testing.T, s *serving, config wire.ClientConfig, o RunOptions) (*Plan, []Run, error) {
	t.Helper()
	snapshot := load(t, registryFolder(t))
	plan := planned(t, snapshot, supportCall(t, snapshot), Changes{PromptVersion: "v2"})
	o.Sender = provider(t, config, s.ServeHTTP)
	if o.Evaluators == nil {
		o.Evaluators = evaluator.Defaults()
	}
	runs, err := plan.Execute(t.Context(), o)
	return plan, runs, err
}

func TestArmsAreInterleaved(t *testing.T) {
	s := &serving{}
	var progress []int
	plan, runs, err := execute(t, s, wire.ClientConfig{}, RunOptions{Runs: 4, Concurrency: 1, Progress: func(done, total int) {
		assert.Equal(t, 8, total)
		progress = append(progress, done)
	}})
	require.NoError(t, err)
	var order, sent []string
	for _, run := range runs {
		order = append(order, fmt.Sprintf("%s%d", run.Arm[:1], run.N))
	}
	for _, body := range s.bodies {
		switch body {
		case plan.Control.Text():
			sent = append(sent, "c")
		case plan.Treatment.Text():
			sent = append(sent, "t")
		}
	}
	assert.Equal(t, []string{"c0", "t0", "t1", "c1", "c2", "t2", "t3", "c3"}, order)
	assert.Equal(t, []string{"c", "t", "t", "c", "c", "t", "t", "c"}, sent, "each body is sent as planned")
	assert.Equal(t, []int{1, 2, 3, 4, 5, 6, 7, 8}, progress)
	for _, run := range runs {
		require.NoError(t, run.Err)
		want := Identical
		if run.Arm == ArmTreatment {
			want = Arguments
		}
		assert.Equal(t, want, run.Divergence.Kind)
		assert.NotEmpty(t, run.Scores)
		assert.Equal(t, "m-1", run.Call.ResponseModel)
	}
}

func TestConcurrencyIsBounded(t *testing.T) {
	var mutex sync.Mutex
	under, most := 0, 0
	s := &serving{answer: func(http.ResponseWriter, int, string) bool {
		mutex.Lock()
		under++
		most = max(most, under)
		mutex.Unlock()
		time.Sleep(2 * time.Millisecond)
		mutex.Lock()
		under--
		mutex.Unlock()
		return false
	}}
	_, runs, err := execute(t, s, wire.ClientConfig{}, RunOptions{Runs: 10, Concurrency: 3})
	require.NoError(t, err)
	assert.Len(t, runs, 20)
	assert.LessOrEqual(t, most, 3)
	assert.Greater(t, most, 1)
}

func TestBudget(t *testing.T) {
	s := &serving{}
	_, runs, err := execute(t, s, wire.ClientConfig{}, RunOptions{Runs: 3, Concurrency: 1, MaxCalls: 5})
	require.ErrorIs(t, err, ErrBudget)
	assert.Nil(t, runs)
	assert.Empty(t, s.bodies, "nothing was sent")
	_, _, err = execute(t, s, wire.ClientConfig{}, RunOptions{Runs: 3, Concurrency: 1, MaxCalls: 6})
	require.NoError(t, err)
}

func TestOneFailureDoesNotEndAReplay(t *testing.T) {
	s := &serving{answer: func(w http.ResponseWriter, n int, _ string) bool {
		if n%4 != 1 {
			return false
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":{"type":"invalid_request_error","message":"no"}}`)
		return true
	}}
	plan, runs, err := execute(t, s, wire.ClientConfig{}, RunOptions{Runs: 4, Concurrency: 1})
	require.NoError(t, err)
	result := plan.Result(4, false)
	result.AddRuns(runs, evaluator.Defaults())
	assert.Equal(t, 2, 8-result.Arms[0].Answered-result.Arms[1].Answered)
	failed := 0
	for _, run := range result.Runs {
		if run.Error != "" {
			failed++
			assert.Equal(t, "HTTP 400 invalid_request_error: no", run.Error)
			assert.InDelta(t, 1, run.Scores["error"], 0)
		}
	}
	assert.Equal(t, 2, failed)
	for _, m := range result.Scores {
		if m.Name == "latency_ms" {
			assert.Equal(t, result.Arms[0].Answered, m.Control.Runs, "a failed call has no latency")
		}
	}
}

func TestAnArmThatFailsEndsAReplay(t *testing.T) {
	s := &serving{answer: func(w http.ResponseWriter, _ int, body string) bool {
		if !strings.Contains(body, "exactly") {
			return false
		}
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"error":{"type":"not_found","message":"no such model"}}`)
		return true
	}}
	plan, runs, err := execute(t, s, wire.ClientConfig{}, RunOptions{Runs: 50, Concurrency: 1})
	require.ErrorIs(t, err, ErrProvider)
	assert.Contains(t, err.Error(), "3 requests of the treatment arm in a row failed: HTTP 404 not_found: no such model")
	assert.LessOrEqual(t, len(s.bodies), 6, "the rest was not sent")
	result := plan.Result(50, false)
	result.AddRuns(runs, evaluator.Defaults())
	assert.True(t, result.Answered(), "what was paid for is kept")
	assert.Equal(t, len(s.bodies), result.Calls)
	notSent := 0
	for _, run := range runs {
		if errors.Is(run.Err, ErrNotSent) {
			notSent++
			assert.True(t, run.Start.IsZero())
			assert.Nil(t, run.Call)
		}
	}
	assert.Equal(t, 100-len(s.bodies), notSent)
}

func TestRateLimitsAreWaitedFor(t *testing.T) {
	s := &serving{answer: func(w http.ResponseWriter, n int, _ string) bool {
		if n != 0 {
			return false
		}
		w.Header().Set("Retry-After-Ms", "5")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	}}
	plan, runs, err := execute(t, s, wire.ClientConfig{}, RunOptions{Runs: 1, Concurrency: 1})
	require.NoError(t, err)
	result := plan.Result(1, false)
	result.AddRuns(runs, nil)
	assert.Equal(t, 3, result.Calls, "retries are counted")
	assert.Equal(t, 2, runs[0].Response.Attempts)
	waited := runs[0].End.Sub(runs[0].Start)
	assert.GreaterOrEqual(t, waited, 5*time.Millisecond)
	assert.Less(t, runs[0].Response.Duration, waited, "waiting is no latency of the model")
}

func TestEndpointsThatHang(t *testing.T) {
	s := &serving{answer: func(_ http.ResponseWriter, _ int, _ string) bool {
		time.Sleep(300 * time.Millisecond)
		return false
	}}
	start := time.Now()
	_, runs, err := execute(t, s, wire.ClientConfig{Timeout: 30 * time.Millisecond}, RunOptions{Runs: 2, Concurrency: 2})
	require.ErrorIs(t, err, ErrProvider)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.Len(t, runs, 4)
	assert.Less(t, time.Since(start), 5*time.Second)
}

func TestInterruption(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	plan := planned(t, snapshot, supportCall(t, snapshot), Changes{PromptVersion: "v2"})
	ctx, cancel := context.WithCancel(t.Context())
	s := &serving{answer: func(_ http.ResponseWriter, n int, _ string) bool {
		if n == 2 {
			cancel()
		}
		return false
	}}
	runs, err := plan.Execute(ctx, RunOptions{Runs: 20, Concurrency: 1, Sender: provider(t, wire.ClientConfig{}, s.ServeHTTP)})
	require.ErrorIs(t, err, context.Canceled)
	assert.LessOrEqual(t, len(s.bodies), 4)
	assert.Len(t, runs, 40)
	require.NoError(t, runs[0].Err, "what was answered before stays")
}

func TestBadAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter)
		config wire.ClientConfig
		want   string
	}{
		"no JSON": {answer: func(w http.ResponseWriter) { _, _ = io.WriteString(w, "<html>") }, want: "JSON"},
		"empty":   {answer: func(http.ResponseWriter) {}, want: "JSON"},
		"stream cut": {answer: func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\n")
		}, want: "stream_incomplete"},
		"stream of garbage": {answer: func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: {\n\n")
		}, want: "event"},
		"huge": {answer: func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, `{"choices":"`+strings.Repeat("x", 1<<20)+`"}`)
		}, config: wire.ClientConfig{MaxResponse: 1 << 16}, want: "larger than the limit"},
		"redirect": {answer: func(w http.ResponseWriter) {
			w.Header().Set("Location", "http://169.254.169.254/")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}, want: "HTTP 307"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &serving{answer: func(w http.ResponseWriter, _ int, _ string) bool {
				c.answer(w)
				return true
			}}
			c.config.Retries = -1
			plan, runs, err := execute(t, s, c.config, RunOptions{Runs: 1, Concurrency: 1})
			require.ErrorIs(t, err, ErrProvider)
			assert.Contains(t, err.Error(), c.want)
			result := plan.Result(1, false)
			result.AddRuns(runs, evaluator.Defaults())
			assert.False(t, result.Answered())
		})
	}
}

func TestStreamedReplay(t *testing.T) {
	s := &serving{answer: func(w http.ResponseWriter, _ int, body string) bool {
		assert.Contains(t, body, `"stream":true`)
		assert.Contains(t, body, `"include_usage":true`)
		w.Header().Set("Content-Type", "text/event-stream")
		for _, event := range []string{
			`{"id":"chatcmpl-1","model":"m-1","choices":[{"index":0,"delta":{"role":"assistant","tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"find","arguments":"{\"id\":"}}]}}]}`,
			`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"\"17\"}"}}]},"finish_reason":"tool_calls"}]}`,
			`{"choices":[],"usage":{"prompt_tokens":20,"completion_tokens":5}}`, `[DONE]`,
		} {
			_, _ = io.WriteString(w, "data: "+event+"\n\n")
		}
		return true
	}}
	plan, runs, err := execute(t, s, wire.ClientConfig{}, RunOptions{Runs: 1, Concurrency: 1, Stream: true})
	require.NoError(t, err)
	assert.Equal(t, Identical, runs[0].Divergence.Kind)
	traces := plan.Traces("r", runs, nil)
	span := traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	v, ok := span.Attributes().Get("gen_ai.request.stream")
	require.True(t, ok)
	assert.True(t, v.Bool())
}

func TestSecretsAreNotShown(t *testing.T) {
	const key, header = "sk-very-secret-key", "org-header-secret"
	s := &serving{answer: func(w http.ResponseWriter, n int, _ string) bool {
		if n%2 == 0 {
			return false
		}
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":{"type":"bad `+key+`","message":"Incorrect API key provided: `+key+` for `+header+`"}}`)
		return true
	}}
	plan, runs, err := execute(t, s, wire.ClientConfig{APIKey: key, Headers: http.Header{"X-Org": {header}}}, RunOptions{Runs: 2, Concurrency: 1})
	require.NoError(t, err)
	result := plan.Result(2, true)
	result.AddRuns(runs, evaluator.Defaults())
	var b strings.Builder
	require.NoError(t, result.WriteFidelity(&b))
	require.NoError(t, result.WriteRuns(&b, reportOptions))
	b.WriteString(jsonOf(t, result) + protoOf(t, plan.Traces("r", runs, nil)))
	assert.NotContains(t, b.String(), key)
	assert.NotContains(t, b.String(), header)
	assert.Contains(t, b.String(), "[redacted]")
}
