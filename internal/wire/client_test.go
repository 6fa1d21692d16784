// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

const chatAnswer = `{"id":"chatcmpl-1","model":"gpt-4o-2024","system_fingerprint":"fp","choices":[{"index":0,"finish_reason":"tool_calls",
"message":{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]}}],
"usage":{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}}}`

// client returns a client of a test server that waits for nothing.
func client(t *testing.T, config ClientConfig, handler http.HandlerFunc) (*Client, *[]time.Duration) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	if config.Dialect == "" {
		config.Dialect = OpenAIChat
	}
	config.Endpoint = server.URL + config.Endpoint
	c, err := NewClient(config)
	require.NoError(t, err)
	t.Cleanup(c.CloseIdle)
	var waits []time.Duration
	c.wait = func(ctx context.Context, d time.Duration) error {
		waits = append(waits, d)
		return ctx.Err()
	}
	return c, &waits
}

func TestSendOpenAI(t *testing.T) {
	body := `{"model": "m",  "messages":[]}`
	c, _ := client(t, ClientConfig{APIKey: "sk-secret", Endpoint: "/v1", Headers: http.Header{"X-Beta": {"b1"}}}, func(w http.ResponseWriter, r *http.Request) {
		got, _ := io.ReadAll(r.Body)
		assert.Equal(t, body, string(got), "the body is sent as it is")
		assert.Equal(t, "/v1/chat/completions", r.URL.Path)
		assert.Equal(t, "Bearer sk-secret", r.Header.Get("Authorization"))
		assert.Equal(t, "b1", r.Header.Get("X-Beta"))
		_, _ = io.WriteString(w, chatAnswer)
	})
	r, err := c.Send(t.Context(), []byte(body))
	require.NoError(t, err)
	require.Nil(t, r.Err)
	assert.Equal(t, "chatcmpl-1", r.Call.ResponseID)
	assert.Equal(t, "gpt-4o-2024", r.Call.ResponseModel)
	assert.Equal(t, []string{"tool_calls"}, r.Call.FinishReasons)
	assert.Equal(t, int64(10), r.Call.Usage.InputTokens.Value)
	assert.Equal(t, int64(2), r.Call.Usage.ReasoningTokens.Value)
	require.Len(t, r.Call.ToolCalls(), 1)
	assert.JSONEq(t, `{"a":1}`, r.Call.ToolCalls()[0].Arguments)
	attributes := pcommon.NewMap()
	r.PutAttributes(attributes)
	v, _ := attributes.Get("gen_ai.usage.cache_read.input_tokens")
	assert.Equal(t, int64(4), v.Int())
}

func TestSendAnthropic(t *testing.T) {
	c, _ := client(t, ClientConfig{Dialect: AnthropicMessages, APIKey: "key-1"}, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "/v1/messages", r.URL.Path)
		assert.Equal(t, "key-1", r.Header.Get("x-api-key"))
		assert.Equal(t, anthropicVersion, r.Header.Get("anthropic-version"))
		_, _ = io.WriteString(w, `{"id":"msg_1","type":"message","role":"assistant","model":"claude-x","stop_reason":"end_turn",
			"content":[{"type":"text","text":"Hi"}],"usage":{"input_tokens":3,"cache_read_input_tokens":4,"cache_creation_input_tokens":5,"output_tokens":2}}`)
	})
	r, err := c.Send(t.Context(), []byte(`{}`))
	require.NoError(t, err)
	assert.Equal(t, "Hi", r.Call.OutputText())
	assert.Equal(t, int64(12), r.Call.Usage.InputTokens.Value, "cached tokens are input tokens")
	assert.Equal(t, []string{"end_turn"}, r.Call.FinishReasons)
}

func TestEndpoints(t *testing.T) {
	for endpoint, want := range map[string]string{
		"https://api.anthropic.com":           "https://api.anthropic.com/v1/messages",
		"https://host/v1/":                    "https://host/v1/messages",
		"https://host/proxy/v1/messages":      "https://host/proxy/v1/messages",
		"http://127.0.0.1:8080/anthropic?a=b": "http://127.0.0.1:8080/anthropic/v1/messages?a=b",
	} {
		c, err := NewClient(ClientConfig{Dialect: AnthropicMessages, Endpoint: endpoint})
		require.NoError(t, err)
		assert.Equal(t, want, c.url)
		assert.NotContains(t, c.URL(), "?", "a query may hold a key")
	}
	for _, endpoint := range []string{"", "api.openai.com", "ftp://x", "https://", "https://user:secret@host", "http://\x7f"} {
		_, err := NewClient(ClientConfig{Dialect: OpenAIChat, Endpoint: endpoint})
		require.ErrorIs(t, err, ErrEndpoint, endpoint)
		assert.NotContains(t, err.Error(), "secret")
	}
	_, err := NewClient(ClientConfig{Dialect: "x"})
	assert.ErrorIs(t, err, ErrDialect)
	assert.True(t, IsLoopback("http://localhost:1") && IsLoopback("http://[::1]:1") && IsLoopback("http://127.0.0.1/v1"))
	assert.False(t, IsLoopback("http://localhost.example.com") || IsLoopback("https://api.openai.com"))
}

func TestSecretsInTheQueryAreRedacted(t *testing.T) {
	c, _ := client(t, ClientConfig{Endpoint: "/v1?key=query-secret", Retries: -1}, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, "query-secret", r.URL.Query().Get("key"), "it is sent")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"error":{"type":"no query-secret","message":"bad query-secret"}}`)
	})
	r, err := c.Send(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, "HTTP 403 no [redacted]: bad [redacted]", r.Err.Error())
	assert.Equal(t, "no [redacted]", r.Call.ErrorType)
	assert.NotContains(t, c.URL(), "secret")
	assert.Equal(t, "openai", DefaultProvider(OpenAIChat))
	assert.Equal(t, "anthropic", DefaultProvider(AnthropicMessages))
	assert.Empty(t, DefaultProvider("x"))
}

func TestRetries(t *testing.T) {
	calls := 0
	c, waits := client(t, ClientConfig{}, func(w http.ResponseWriter, _ *http.Request) {
		calls++
		switch calls {
		case 1:
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		case 2:
			w.Header().Set("Retry-After-Ms", "1500")
			w.WriteHeader(529)
		case 3:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			_, _ = io.WriteString(w, chatAnswer)
		}
	})
	r, err := c.Send(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, 4, r.Attempts)
	require.Len(t, *waits, 3)
	assert.Equal(t, []time.Duration{7 * time.Second, 1500 * time.Millisecond}, (*waits)[:2])
	assert.Greater(t, (*waits)[2], time.Second)
}

func TestNoRetryOfRefusals(t *testing.T) {
	calls := 0
	c, _ := client(t, ClientConfig{APIKey: "sk-very-secret"}, func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":{"message":"Incorrect API key provided: sk-very-secret.","type":"invalid_request_error","code":"invalid_api_key"}}`)
	})
	r, err := c.Send(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, 1, calls)
	require.NotNil(t, r.Err)
	assert.Equal(t, "HTTP 401 invalid_request_error: Incorrect API key provided: [redacted].", r.Err.Error())
	assert.Equal(t, "invalid_request_error", r.Call.ErrorType)
	assert.NotContains(t, r.Call.ErrorMessage, "secret")
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	followed := false
	c, _ := client(t, ClientConfig{APIKey: "k"}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/other" {
			followed = true
		}
		http.Redirect(w, r, "/other", http.StatusTemporaryRedirect)
	})
	r, err := c.Send(t.Context(), nil)
	require.NoError(t, err)
	assert.NotNil(t, r.Err)
	assert.False(t, followed)
}

func TestBounds(t *testing.T) {
	c, _ := client(t, ClientConfig{MaxResponse: 1000}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat(" ", 2000))
	})
	_, err := c.Send(t.Context(), nil)
	require.ErrorIs(t, err, errTooLarge)

	block := make(chan struct{})
	c, _ = client(t, ClientConfig{APIKey: "sk-hidden"}, func(w http.ResponseWriter, r *http.Request) { <-block })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = c.Send(ctx, nil)
	close(block)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	assert.NotContains(t, err.Error(), "sk-hidden")
}

func TestConnectionFailuresAreRetried(t *testing.T) {
	calls := 0
	c, waits := client(t, ClientConfig{Retries: 2, Transport: failing(func() { calls++ })}, nil)
	_, err := c.Send(t.Context(), nil)
	require.Error(t, err)
	assert.Equal(t, 3, calls)
	assert.Len(t, *waits, 2)
}

type failing func()

func (f failing) RoundTrip(*http.Request) (*http.Response, error) {
	f()
	return nil, &timeoutError{}
}

type timeoutError struct{}

func (*timeoutError) Error() string   { return "connection refused" }
func (*timeoutError) Timeout() bool   { return true }
func (*timeoutError) Temporary() bool { return true }

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "x": 0, "-5": 0, "3": 3 * time.Second, "1e99": maxRetryAfter, "9999": maxRetryAfter,
		"Fri, 02 Jan 2026 03:04:15 GMT": 10 * time.Second, "Fri, 02 Jan 2026 03:04:00 GMT": 0,
	} {
		assert.Equal(t, want, retryAfter(http.Header{"Retry-After": {value}}, now), value)
	}
}

func TestStreams(t *testing.T) {
	openAI := ": keep-alive\r\n\r\n" +
		"data: {\"id\":\"chatcmpl-2\",\"model\":\"m1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hel\"}}]}\r\n\r\n" +
		"data:{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo\",\"reasoning_content\":\"why\"}}]}\n\n" +
		"data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"x\\\"\"}}]}}]}\n\n" +
		"data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\":1}\"}},{\"index\":0,\"id\":\"b\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]}}]}\n\n" +
		"data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n" +
		"data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n"
	r, err := ParseStream(OpenAIChat, 200, strings.NewReader(openAI))
	require.NoError(t, err)
	require.Nil(t, r.Err)
	assert.Equal(t, "Hello", r.Call.OutputText())
	calls := r.Call.ToolCalls()
	require.Len(t, calls, 2, "another id at the same index is another call")
	assert.Equal(t, `{"x":1}`, calls[0].Arguments)
	assert.Equal(t, "g", calls[1].Name)
	assert.Equal(t, int64(2), r.Call.Usage.OutputTokens.Value)

	anthropic := "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"role\":\"assistant\",\"model\":\"c\",\"content\":[],\"usage\":{\"input_tokens\":7,\"output_tokens\":1}}}\n\n" +
		"event: ping\ndata: {\"type\":\"ping\"}\n\n" +
		"data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n" +
		"data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}}\n\n" +
		"data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"sig\"}}\n\n" +
		"data: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{}}}\n\n" +
		"data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\"}}\n\n" +
		"data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"2}\"}}\n\n" +
		"data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"output_tokens\":9}}\n\ndata: {\"type\":\"message_stop\"}\n\n"
	r, err = ParseStream(AnthropicMessages, 200, strings.NewReader(anthropic))
	require.NoError(t, err)
	require.Nil(t, r.Err)
	assert.Equal(t, `{"a":2}`, r.Call.ToolCalls()[0].Arguments)
	assert.Equal(t, "sig", r.Body.At("/content/0/signature").Str())
	assert.Equal(t, int64(9), r.Call.Usage.OutputTokens.Value)
	assert.Equal(t, int64(7), r.Call.Usage.InputTokens.Value)
}

func TestBrokenStreams(t *testing.T) {
	for _, c := range []struct{ dialect, text, kind string }{
		{OpenAIChat, "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}\n\n", "server_error"},
		{OpenAIChat, "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n", "stream_incomplete"},
		{OpenAIChat, "", "stream_incomplete"},
		{AnthropicMessages, "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}\n\n", "overloaded_error"},
		{AnthropicMessages, "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"x\"}}", "stream_incomplete"},
		{AnthropicMessages, "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\"}}\n\ndata: {\"type\":\"message_stop\"}\n\n", "stream_incomplete"},
	} {
		r, err := ParseStream(c.dialect, 200, strings.NewReader(c.text))
		require.NoError(t, err, c.text)
		require.NotNil(t, r.Err, c.text)
		assert.Equal(t, c.kind, r.Err.Type)
	}
	for _, text := range []string{"data: {\n\n", "data: {\"choices\":[{\"index\":99999999}]}\n\n", "data: {\"choices\":[{\"index\":-1}]}\n\n"} {
		_, err := ParseStream(OpenAIChat, 200, strings.NewReader(text))
		assert.ErrorIs(t, err, errRead(err), text)
		assert.Error(t, err, text)
	}
}

func errRead(err error) error {
	if errors.Is(err, errStream) {
		return errStream
	}
	return fmt.Errorf("another error")
}

func TestStreamedAnswerIsRecognised(t *testing.T) {
	c, _ := client(t, ClientConfig{}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		_, _ = io.WriteString(w, "data: {\"id\":\"x\",\"choices\":[{\"delta\":{\"content\":\"ok\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
	})
	r, err := c.Send(t.Context(), nil)
	require.NoError(t, err)
	assert.True(t, r.Streamed)
	assert.Positive(t, r.FirstEvent)
	assert.Equal(t, "ok", r.Call.OutputText())
}

func TestParseResponseErrors(t *testing.T) {
	r, err := ParseResponse(OpenAIChat, 502, []byte("<html>bad gateway"))
	require.NoError(t, err)
	assert.Equal(t, "502", r.Err.Type)
	_, err = ParseResponse(OpenAIChat, 200, []byte("<html>"))
	require.Error(t, err)
	r, err = ParseResponse(OpenAIChat, 200, []byte(`{"error":{"code":429,"message":"limit"}}`))
	require.NoError(t, err)
	assert.Equal(t, "429", r.Err.Type)
	r, err = ParseResponse(OpenAIChat, 200, []byte(`[1]`))
	require.NoError(t, err)
	assert.Nil(t, r.Err)
	assert.Empty(t, r.Call.OutputText())
}

func FuzzParseStream(f *testing.F) {
	f.Add(true, "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"id\":\"a\"}]}}]}\n\n")
	f.Add(false, "data: {\"type\":\"content_block_start\",\"index\":3,\"content_block\":{}}\n\ndata: {\"type\":\"message_stop\"}\n\n")
	f.Fuzz(func(t *testing.T, openAI bool, text string) {
		dialect := AnthropicMessages
		if openAI {
			dialect = OpenAIChat
		}
		if r, err := ParseStream(dialect, 200, strings.NewReader(text)); err == nil {
			require.NotNil(t, r.Call)
			r.PutAttributes(pcommon.NewMap())
		}
	})
}
