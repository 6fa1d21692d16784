// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Defaults of a Client.
const (
	DefaultTimeout     = 5 * time.Minute
	DefaultMaxResponse = 32 << 20
	DefaultRetries     = 3
	maxRetryAfter      = time.Minute
	redacted           = "[redacted]"
)

// ErrEndpoint is returned for an endpoint that cannot be used.
var ErrEndpoint = errors.New("endpoint")

// ClientConfig says where requests go. All of it is the operator's: nothing of
// it may come from a span.
type ClientConfig struct {
	Dialect string
	// Endpoint is the API's base URL as the provider's own SDK takes it.
	Endpoint string
	// APIKey is sent in the header that the API asks for, and nowhere else.
	APIKey string
	// Headers are sent besides.
	Headers http.Header
	// Timeout bounds one attempt; DefaultTimeout when 0.
	Timeout time.Duration
	// MaxResponse bounds an answer in bytes; DefaultMaxResponse when 0.
	MaxResponse int64
	// Retries is how often a request is sent again after 408, 409, 429, 5xx or
	// a connection that failed; DefaultRetries when 0, none when negative.
	Retries int
	// Transport replaces the default one.
	Transport http.RoundTripper
}

// Client posts requests to one endpoint.
type Client struct {
	config  ClientConfig
	dialect *dialect
	url     string
	http    *http.Client
	// wait sleeps between attempts; tests replace it.
	wait func(context.Context, time.Duration) error
}

// DefaultEndpoint is the provider's own endpoint.
func DefaultEndpoint(dialectName string) string {
	switch dialectName {
	case OpenAIChat:
		return "https://api.openai.com/v1"
	case AnthropicMessages:
		return "https://api.anthropic.com"
	}
	return ""
}

// DefaultProvider is the provider that serves the default endpoint.
func DefaultProvider(dialectName string) string {
	if d, err := dialectOf(dialectName); err == nil {
		return d.providers[0]
	}
	return ""
}

// NewClient checks the configuration and returns a client.
func NewClient(config ClientConfig) (*Client, error) {
	d, err := dialectOf(config.Dialect)
	if err != nil {
		return nil, err
	}
	base, err := checkEndpoint(config.Endpoint)
	if err != nil {
		return nil, err
	}
	path := d.path
	if strings.HasSuffix(base.Path, "/v1") {
		path = strings.TrimPrefix(path, "/v1")
	}
	if strings.HasSuffix(base.Path, d.path) {
		path = ""
	}
	base.Path += path
	if config.Timeout == 0 {
		config.Timeout = DefaultTimeout
	}
	if config.MaxResponse == 0 {
		config.MaxResponse = DefaultMaxResponse
	}
	if config.Retries == 0 {
		config.Retries = DefaultRetries
	}
	return &Client{
		config: config, dialect: d, url: base.String(), wait: sleep,
		http: &http.Client{
			Transport: config.Transport, Timeout: config.Timeout,
			// A redirect could lead the key and the content elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func checkEndpoint(endpoint string) (*url.URL, error) {
	base, err := url.Parse(endpoint)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: not a URL", ErrEndpoint)
	case base.Scheme != "https" && base.Scheme != "http", base.Host == "":
		return nil, fmt.Errorf("%w: an http or https URL is expected, like https://api.openai.com/v1", ErrEndpoint)
	case base.User != nil:
		return nil, fmt.Errorf("%w: credentials do not belong into the URL; set the API key in the environment", ErrEndpoint)
	}
	base.Path, base.Fragment = strings.TrimRight(base.Path, "/"), ""
	return base, nil
}

// IsLoopback tells whether an endpoint is on this machine.
func IsLoopback(endpoint string) bool {
	base, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	host := base.Hostname()
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// URL is where requests go, without the query, which may hold credentials.
func (c *Client) URL() string {
	shown, _, _ := strings.Cut(c.url, "?")
	return shown
}

// CloseIdle closes connections that are kept for further requests.
func (c *Client) CloseIdle() { c.http.CloseIdleConnections() }

// Send posts a request as it is and reads the answer, streamed or not. An
// answer that states an error is returned with Err set, after the retries that
// are worth it; the error is for requests that got no answer.
func (c *Client) Send(ctx context.Context, body []byte) (*Response, error) {
	for attempt := 1; ; attempt++ {
		r, after, err := c.attempt(ctx, body)
		if r != nil {
			r.Attempts = attempt
		}
		again := err != nil && isTransient(err) || err == nil && isRetryable(r.Status)
		if !again || attempt > c.config.Retries || ctx.Err() != nil {
			return r, c.safe(err)
		}
		if waitErr := c.wait(ctx, delay(attempt, after)); waitErr != nil {
			return r, c.safe(errors.Join(err, waitErr))
		}
	}
}

func (c *Client) attempt(ctx context.Context, body []byte) (*Response, time.Duration, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return nil, 0, fmt.Errorf("request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, text/event-stream")
	request.Header.Set("User-Agent", "spanloop")
	for name, values := range c.config.Headers {
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	for name, value := range c.dialect.headers(c.config.APIKey) {
		request.Header.Set(name, value)
	}
	start := time.Now()
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, 0, fmt.Errorf("request: %w", err)
	}
	defer answer.Body.Close()
	r, err := c.read(answer, start)
	if err != nil {
		return nil, 0, err
	}
	r.Duration = time.Since(start)
	if r.Err != nil {
		r.Err.Type, r.Err.Message = c.redact(r.Err.Type), c.redact(r.Err.Message)
		r.Call.ErrorType, r.Call.ErrorMessage = r.Err.Type, r.Err.Message
	}
	return r, retryAfter(answer.Header, time.Now()), nil
}

func (c *Client) read(answer *http.Response, start time.Time) (*Response, error) {
	body := &limited{source: answer.Body, left: c.config.MaxResponse}
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if kind == "text/event-stream" && answer.StatusCode/100 == 2 {
		r := &Response{Status: answer.StatusCode, Streamed: true}
		err := r.readStream(c.dialect, body, func() { r.FirstEvent = time.Since(start) })
		return r, err
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	return ParseResponse(c.dialect.name, answer.StatusCode, text)
}

// errTooLarge is returned for an answer that exceeds the limit.
var errTooLarge = errors.New("the answer is larger than the limit")

// limited fails, rather than ends, when the limit is reached.
type limited struct {
	source io.Reader
	left   int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errTooLarge
	}
	n, err := l.source.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

func isRetryable(status int) bool {
	return status == http.StatusRequestTimeout || status == http.StatusConflict || status == http.StatusTooManyRequests || status >= 500
}

// isTransient tells failures of the connection from those that come again.
func isTransient(err error) bool {
	var network net.Error
	return errors.As(err, &network) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, io.ErrUnexpectedEOF)
}

// retryAfter reads the Retry-After header (RFC 9110 §10.2.3) and the
// retry-after-ms of OpenAI; 0 when there is none.
func retryAfter(h http.Header, now time.Time) time.Duration {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil && ms > 0 {
		return min(time.Duration(min(ms, 1e9)*float64(time.Millisecond)), maxRetryAfter)
	}
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseFloat(value, 64); err == nil && seconds > 0 {
		return min(time.Duration(min(seconds, 1e6)*float64(time.Second)), maxRetryAfter)
	}
	if at, err := http.ParseTime(value); err == nil && at.After(now) {
		return min(at.Sub(now), maxRetryAfter)
	}
	return 0
}

// delay is what the provider asks for, else 0.5 s doubled with each attempt,
// with up to a quarter of jitter.
func delay(attempt int, after time.Duration) time.Duration {
	if after > 0 {
		return after
	}
	d := min(500*time.Millisecond<<min(attempt-1, 6), 20*time.Second)
	return d - time.Duration(rand.Int64N(int64(d)/4))
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// redact takes secrets out of text that the provider or the network layer made.
func (c *Client) redact(text string) string {
	secrets := []string{c.config.APIKey}
	for _, values := range c.config.Headers {
		secrets = append(secrets, values...)
	}
	if base, err := url.Parse(c.url); err == nil {
		for _, values := range base.Query() {
			secrets = append(secrets, values...)
		}
	}
	for _, secret := range secrets {
		if len(secret) >= 4 {
			text = strings.ReplaceAll(text, secret, redacted)
		}
	}
	return text
}

// safe redacts an error's text and keeps what errors.Is and errors.As find.
func (c *Client) safe(err error) error {
	if err == nil {
		return nil
	}
	return &safeError{text: c.redact(err.Error()), err: err}
}

type safeError struct {
	text string
	err  error
}

func (e *safeError) Error() string { return e.text }
func (e *safeError) Unwrap() error { return e.err }
