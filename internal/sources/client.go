// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package sources

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const (
	requestTimeout = 60 * time.Second
	maxBody        = 32 << 20
	maxAttempts    = 5
	// maxWait is the longest time to wait between two attempts.
	maxWait = time.Minute
	// maxPages ends a list whose server always says that there is more.
	maxPages = 10_000
)

// client reads one system over HTTP.
type client struct {
	system string
	base   *url.URL
	login  credentials
	agent  string
	http   *http.Client
	wait   func(context.Context, time.Duration) error
}

func newClient(system string, base *url.URL, login credentials, o Options) *client {
	c := &client{system: system, base: base, login: login, agent: o.Agent, wait: o.wait}
	if c.wait == nil {
		c.wait = sleep
	}
	// Credentials go to the address that was named and nowhere else, and answers of
	// another one are not trusted.
	c.http = &http.Client{Transport: o.transport, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if r.URL.Host != base.Host || r.URL.Scheme != base.Scheme {
			return fmt.Errorf("it redirects to %s: name the address that it has moved to", r.URL.Scheme+"://"+r.URL.Host)
		}
		if len(via) >= 5 {
			return errors.New("it redirects without end")
		}
		return nil
	}}
	return c
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// statusError is an answer other than 200.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return e.text }

// notFound tells whether the system said that something does not exist.
func notFound(err error) bool {
	var status *statusError
	return errors.As(err, &status) && status.status == http.StatusNotFound
}

// get reads JSON into a value. Path segments are escaped already.
func (c *client) get(ctx context.Context, path string, query url.Values, into any) error {
	return c.call(ctx, http.MethodGet, path, query, nil, into)
}

// post asks with a body; only questions are sent that way.
func (c *client) post(ctx context.Context, path string, query url.Values, body, into any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return c.call(ctx, http.MethodPost, path, query, encoded, into)
}

func (c *client) call(ctx context.Context, method, path string, query url.Values, body []byte, into any) error {
	address := c.base.String() + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	fail := func(err error) error {
		return fmt.Errorf("%s: %s %s: %w", c.system, method, c.mask(address), c.masked(err))
	}
	for attempt := 1; ; attempt++ {
		answer, pause, err := c.once(ctx, method, address, body)
		if err == nil {
			if err := json.Unmarshal(answer, into); err != nil {
				return fail(nonsense(answer, err))
			}
			return nil
		}
		if pause < 0 || attempt == maxAttempts || ctx.Err() != nil {
			return fail(err)
		}
		if pause == 0 {
			pause = time.Duration(float64(500*time.Millisecond<<(attempt-1)) * (0.75 + rand.Float64()/2))
		}
		if pause > maxWait {
			return fail(fmt.Errorf("%w; it asks to come back in %s", err, pause.Round(time.Second)))
		}
		if err := c.wait(ctx, pause); err != nil {
			return fail(err)
		}
	}
}

// once makes one attempt. With an error, a pause below zero says that another
// attempt is useless, and zero that the system does not say how long to wait.
func (c *client) once(ctx context.Context, method, address string, body []byte) ([]byte, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, -1, err
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", c.agent)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range c.login.headers {
		r.Header.Set(name, value)
	}
	response, err := c.http.Do(r)
	if err != nil {
		var failed *url.Error
		if errors.As(err, &failed) {
			err = failed.Err
		}
		pause := time.Duration(0)
		if strings.Contains(err.Error(), "redirects") {
			pause = -1
		}
		return nil, pause, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("the answer broke off: %w", err)
	case len(answer) > maxBody:
		return nil, -1, fmt.Errorf("the answer is larger than %d MiB", maxBody>>20)
	case response.StatusCode == http.StatusOK:
		return answer, 0, nil
	}
	failed := &statusError{response.StatusCode, describe(response.StatusCode, c.excerpt(answer))}
	if response.StatusCode == http.StatusTooManyRequests || response.StatusCode >= 500 {
		return nil, retryAfter(response.Header.Get("Retry-After"), time.Now()), failed
	}
	return nil, -1, failed
}

// retryAfter is a number of seconds or a date; 0 when it is neither.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 && seconds < 1e8 {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// describe says what a status means for who imports.
func describe(status int, excerpt string) string {
	text := fmt.Sprintf("%d %s", status, http.StatusText(status))
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		text += ": the credentials in the environment are not accepted"
	case http.StatusNotFound:
		text += ": is it the address of the API?"
	case http.StatusTooManyRequests:
		text += ": too many requests"
	}
	if excerpt != "" {
		text += " (" + excerpt + ")"
	}
	return text
}

// nonsense says what came instead of the JSON that was expected.
func nonsense(answer []byte, err error) error {
	if trimmed := bytes.TrimSpace(answer); len(trimmed) == 0 {
		return errors.New("the answer is empty")
	} else if trimmed[0] == '<' {
		return errors.New("the answer is HTML, not JSON: is it the address of the API?")
	}
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("line %d of the answer is no JSON: %w", 1+bytes.Count(answer[:min(len(answer), int(syntax.Offset))], []byte("\n")), err)
	case errors.As(err, &kind):
		return fmt.Errorf("the answer has another form than documented: %s is a %s", kind.Field, kind.Value)
	}
	return fmt.Errorf("the answer has another form than documented: %w", err)
}

// excerpt is the begin of an answer on one line. Secrets are taken out before it is
// cut, so that no half of one is left.
func (c *client) excerpt(answer []byte) string {
	answer = []byte(c.mask(string(answer[:min(len(answer), 1<<16)])))
	text := strings.Join(strings.FieldsFunc(string(answer[:min(len(answer), 2000)]), func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if strings.HasPrefix(text, "<") {
		return ""
	}
	if runes := []rune(text); len(runes) > 200 {
		text = string(runes[:200]) + "…"
	}
	return text
}

// mask takes secrets out of a text: a system may answer with what it was sent.
func (c *client) mask(text string) string {
	for _, secret := range c.login.secrets {
		text = strings.ReplaceAll(text, secret, "***")
		text = strings.ReplaceAll(text, url.QueryEscape(secret), "***")
	}
	return text
}

// masked keeps what errors.As finds and hides secrets in what is printed.
func (c *client) masked(err error) error { return &maskedError{c.mask(err.Error()), err} }

type maskedError struct {
	text  string
	cause error
}

func (e *maskedError) Error() string { return e.text }
func (e *maskedError) Unwrap() error { return e.cause }

// pages counts the pages of a list and refuses a list without end.
type pages struct {
	c    *client
	what string
	n    int
	last string
}

// next is called before each page but the first, with the cursor of the page.
func (p *pages) next(cursor string) error {
	p.n++
	if p.n >= maxPages || cursor == p.last {
		return fmt.Errorf("%s: %s: the list does not end: the same page again, or more than %d", p.c.system, p.what, maxPages)
	}
	p.last = cursor
	return nil
}
