// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/replay"
	"github.com/spanloop/spanloop/internal/wire"
)

// runReplay sends the requests and adds what came of them.
func (a *app) runReplay(ctx context.Context, f *replayFlags, plan *replay.Plan, result *replay.Result) ([]replay.Run, error) {
	client, err := f.client(plan.Request.Dialect, plan.Source.Call.Provider)
	if err != nil {
		return nil, err
	}
	defer client.CloseIdle()
	result.Endpoint = client.URL()
	if err := a.confirm(f, client.URL(), result.Calls); err != nil {
		return nil, err
	}
	evaluators := evaluator.Defaults()
	runs, err := plan.Execute(ctx, replay.RunOptions{
		Runs: f.runs, Concurrency: f.concurrency, MaxCalls: f.maxCalls, Stream: f.stream,
		Sender: client, Evaluators: evaluators, Progress: a.progress(),
	})
	if runs == nil {
		return nil, err
	}
	result.RunID = replay.NewRunID()
	result.AddRuns(runs, evaluators)
	if err != nil {
		result.Outcome = replay.OutcomeFailed
		if !result.Answered() {
			err = fmt.Errorf("%w (%s)", err, client.URL())
		}
	}
	return runs, err
}

// client is where requests go: only what the operator says.
func (f *replayFlags) client(dialect, provider string) (*wire.Client, error) {
	prefix := "OPENAI"
	if dialect == wire.AnthropicMessages {
		prefix = "ANTHROPIC"
	}
	endpoint := f.endpoint
	if endpoint == "" {
		endpoint = orEnv(prefix+"_BASE_URL", wire.DefaultEndpoint(dialect))
	}
	if own := wire.DefaultProvider(dialect); endpoint == wire.DefaultEndpoint(dialect) && provider != "" && provider != own {
		return nil, usage(fmt.Errorf("the recorded call went to %q, not to %s: name its API with --endpoint", provider, own))
	}
	headers := http.Header{}
	for _, text := range f.headers {
		name, value, found := strings.Cut(text, ":")
		if !found || strings.TrimSpace(name) == "" {
			return nil, usage(errors.New("--header: 'name: value' is expected"))
		}
		headers.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	key := os.Getenv(prefix + "_API_KEY")
	if key == "" && endpoint == wire.DefaultEndpoint(dialect) {
		return nil, usage(fmt.Errorf("set %s_API_KEY, or name another server with --endpoint", prefix))
	}
	return wire.NewClient(wire.ClientConfig{Dialect: dialect, Endpoint: endpoint, APIKey: key, Headers: headers, Timeout: f.timeout})
}

// confirm asks before requests leave the machine.
func (a *app) confirm(f *replayFlags, url string, calls int) error {
	if f.yes || wire.IsLoopback(url) {
		return nil
	}
	if !a.Terminal {
		return usage(fmt.Errorf("%d requests would go to %s and may cost money: give --yes", calls, url))
	}
	fmt.Fprintf(a.Err, "\nSend %d requests to %s? This may cost money. [y/N] ", calls, url)
	answer, _ := bufio.NewReader(a.In).ReadString('\n')
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		return usage(errors.New("replay: nothing was sent"))
	}
	return nil
}

// progress shows on a terminal how far the runs are.
func (a *app) progress() func(done, total int) {
	if a.Quiet || !a.Terminal {
		return nil
	}
	return func(done, total int) {
		end := ""
		if done == total {
			end = "\r\033[K"
		}
		fmt.Fprintf(a.Err, "\r%d of %d answers%s", done, total, end)
	}
}
