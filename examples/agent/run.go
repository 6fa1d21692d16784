// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spanloop/spanloop/examples/agent/support"
	"github.com/spanloop/spanloop/examples/agent/traffic"
	"github.com/spanloop/spanloop/internal/registry"
)

// Models of the scripted provider: the one it begins with, and the one that
// answers under the same name after the switch.
const (
	firstModel    = localModel
	switchedModel = "example-small"
)

// application is the agent with all that it needs.
type application struct {
	agent     *support.Agent
	snapshot  *registry.Snapshot
	telemetry *support.Telemetry
	transport *http.Transport
}

func start(ctx context.Context, s settings, out io.Writer) (*application, error) {
	snapshot, problems := registry.Load(s.registry)
	for _, p := range problems {
		fmt.Fprintln(out, "registry:", p)
	}
	if snapshot.Prompt(support.PromptName) == nil {
		return nil, fmt.Errorf("the registry %s has no prompt %s: set --registry", s.registry, support.PromptName)
	}
	if err := reachable(ctx, s.baseURL); err != nil {
		return nil, err
	}
	telemetry, err := support.NewTelemetry(ctx, s.otlp)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: s.concurrency, IdleConnTimeout: 30 * time.Second}
	return &application{
		agent: &support.Agent{
			Client: &support.Client{BaseURL: s.baseURL, Key: s.key, HTTP: &http.Client{Transport: transport, Timeout: 2 * time.Minute}},
			Model:  s.model, Tracer: telemetry.Tracer(), ToolTime: toolTime,
		},
		snapshot: snapshot, telemetry: telemetry, transport: transport,
	}, nil
}

// reachable connects to the provider, so that a missing one is an error before
// any span is made.
func reachable(ctx context.Context, baseURL string) error {
	u, err := url.Parse(baseURL)
	if err != nil {
		return err
	}
	port := first(u.Port(), map[string]string{"https": "443"}[u.Scheme], "80")
	if proxy, _ := http.ProxyFromEnvironment(&http.Request{URL: u}); proxy != nil {
		return nil
	}
	dialer := net.Dialer{Timeout: 5 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return fmt.Errorf("no model provider at %s: start one (go run ./examples/provider --admin) or set --provider: %w", baseURL, err)
	}
	return conn.Close()
}

// toolTime waits a few milliseconds, as a back end takes them.
func toolTime(ctx context.Context) {
	t := time.NewTimer(time.Duration(3e6 * math.Exp(0.3*rand.NormFloat64())))
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// close flushes the spans, also when ctx has ended.
func (a *application) close(ctx context.Context) error {
	a.transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return a.telemetry.Close(ctx)
}

// ask holds a conversation of one question, now.
func ask(ctx context.Context, s settings, out io.Writer) error {
	app, err := start(ctx, s, out)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	id := fmt.Sprintf("session-%016x", rand.Uint64())
	answer, err := app.answer(ctx, id, now, s.question, out)
	err = errors.Join(err, app.close(ctx))
	if err == nil {
		fmt.Fprintln(out, answer)
	}
	return err
}

func (a *application) answer(ctx context.Context, id string, now time.Time, question string, out io.Writer) (string, error) {
	version, err := support.VersionFor(a.snapshot, id, now)
	if err != nil {
		return "", err
	}
	prompt, err := support.RenderPrompt(a.snapshot, version, support.NameVersion, []support.Variable{
		{Name: "customer_name", Value: "Ada Example"}, {Name: "tier", Value: "standard"}, {Name: "today", Value: now.Format(time.DateOnly)},
	})
	if err != nil {
		return "", err
	}
	tools, err := support.LoadTools(a.snapshot, false)
	if err != nil {
		return "", err
	}
	conversation := a.agent.Start(id, support.NewClock(now), prompt, tools)
	text, err := conversation.Ask(ctx, question)
	fmt.Fprintf(out, "prompt %s %s, trace %s\n", support.PromptName, version, conversation.Trace())
	return text, err
}

// drive makes the simulated traffic.
func drive(ctx context.Context, s settings, out io.Writer) error {
	app, err := start(ctx, s, out)
	if err != nil {
		return err
	}
	driver := &traffic.Driver{
		Config: traffic.Config{Sessions: s.sessions, Seed: s.seed, From: s.from, Days: s.days, Steady: s.steady},
		Agent:  app.agent, Registry: app.snapshot, Concurrency: s.concurrency,
		Progress: func(format string, args ...any) { fmt.Fprintf(out, format+"\n", args...) },
	}
	if !s.real && !s.steady {
		if err := answerWith(ctx, s.baseURL, firstModel); err != nil {
			return errors.Join(fmt.Errorf("the scenario needs a provider that can change its model (--steady leaves that out): %w", err), app.close(ctx))
		}
		driver.SwitchModel = func(ctx context.Context) error { return answerWith(ctx, s.baseURL, switchedModel) }
	}
	fmt.Fprintf(out, "%d sessions over %d simulated days from %s, seed %d: dates are simulated, durations are measured\n",
		s.sessions, s.days, s.from.Format(time.DateOnly), s.seed)
	began := time.Now()
	result, runErr := driver.Run(ctx)
	err = errors.Join(runErr, app.close(ctx))
	report(out, result, time.Since(began))
	fmt.Fprintf(out, "spans sent: %d\n", app.telemetry.Sent())
	if n := app.telemetry.Rejected(); n > 0 {
		fmt.Fprintf(out, "spans rejected: %d\n", n)
		err = errors.Join(err, fmt.Errorf("%d spans were not taken by the collector", n))
	}
	return err
}

func report(out io.Writer, r traffic.Result, took time.Duration) {
	fmt.Fprintf(out, "sessions: %s; prompt named by: %s\n", counts(r.ByVersion), counts(r.ByNaming))
	fmt.Fprintf(out, "%d questions, %d model calls, %d tool calls in %.1f s\n", r.Questions, r.ModelCalls, r.ToolCalls, took.Seconds())
	if len(r.Errors) > 0 {
		fmt.Fprintf(out, "failed model calls: %s\n", counts(r.Errors))
	}
}

// counts lists a map's entries, sorted by key.
func counts(m map[string]int64) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s %d", key, m[key]))
	}
	return strings.Join(parts, ", ")
}

// answerWith lets the scripted provider answer from a model.
func answerWith(ctx context.Context, baseURL, model string) error {
	u, err := url.Parse(baseURL)
	if err != nil {
		return err
	}
	u.Path = "/admin/model"
	body, err := json.Marshal(map[string]string{"answer_model": model})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: start the provider with --admin", u, resp.Status)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}
