// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/spanloop/spanloop/internal/process"
)

const (
	// startTime is how long a program may take until it listens.
	startTime = 30 * time.Second
	// stopTime is how long a program may take to end; the collector writes what
	// it holds in that time.
	stopTime = 30 * time.Second
	// agentStopTime is shorter: an interrupted agent has nothing that must be kept.
	agentStopTime = 3 * time.Second
	// attempts is how often a program is started on other ports when the port
	// was taken in the meantime.
	attempts = 3
)

// programs are the demo's children.
type programs struct {
	settings
	folder
	providerURL, otlpURL string
	provider, collector  *process.Process
}

// offline hides the environment's credentials and endpoints from programs that
// have to do with this machine only.
func (p *programs) offline() []string {
	env := []string{"OTEL_EXPORTER_OTLP_HEADERS=", "OTEL_EXPORTER_OTLP_ENDPOINT=", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="}
	if !p.real {
		env = append(env, "OPENAI_API_KEY=", "OPENAI_BASE_URL=", "OPENAI_MODEL=")
	}
	return env
}

func (p *programs) child(name string, args, env []string) (*process.Process, error) {
	return process.Start(process.Options{
		Name: name, Path: filepath.Join(p.bin, name), Args: args, Env: append(p.offline(), env...), LogDir: p.logs(),
	})
}

// startProvider starts the scripted provider. Its admin interface lets the agent
// change the model that answers.
func (p *programs) startProvider(ctx context.Context) error {
	return again(func() error {
		port, err := process.FreePort()
		if err != nil {
			return err
		}
		address := fmt.Sprintf("127.0.0.1:%d", port)
		p.providerURL = "http://" + address + "/v1"
		p.provider, err = p.child("example-provider", []string{"--admin", "--listen", address, "--seed", strconv.FormatUint(p.seed, 10)}, nil)
		if err != nil {
			return err
		}
		return p.listening(ctx, p.provider, address)
	})
}

// startCollector starts the collector with its example configuration.
func (p *programs) startCollector(ctx context.Context) error {
	return again(func() error {
		var ports [2]int
		for i := range ports {
			var err error
			if ports[i], err = process.FreePort(); err != nil {
				return err
			}
		}
		p.otlpURL = fmt.Sprintf("http://127.0.0.1:%d", ports[1])
		env := []string{
			"SPANLOOP_DATASET=" + p.dataset(), "SPANLOOP_REGISTRY=" + p.folder.registry(),
			fmt.Sprintf("SPANLOOP_GRPC_PORT=%d", ports[0]), fmt.Sprintf("SPANLOOP_HTTP_PORT=%d", ports[1]),
		}
		var err error
		if p.collector, err = p.child("otelcol-spanloop", []string{"--config", p.config}, env); err != nil {
			return err
		}
		return p.listening(ctx, p.collector, fmt.Sprintf("127.0.0.1:%d", ports[1]))
	})
}

func (p *programs) listening(ctx context.Context, child *process.Process, address string) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if err := child.WaitListening(ctx, address); err != nil {
		return err
	}
	// Somebody else may have taken the port and answer there.
	select {
	case <-child.Done():
		return child.Ended()
	case <-time.After(50 * time.Millisecond):
		return nil
	}
}

var addressInUse = regexp.MustCompile(`(?i)address already in use`)

// again repeats a start whose port was taken.
func again(start func() error) error {
	var err error
	for range attempts {
		if err = start(); err == nil || !addressInUse.MatchString(err.Error()) {
			return err
		}
	}
	return err
}

// watch ends the context when a program ends that should run on.
func (p *programs) watch(ctx context.Context, fail context.CancelCauseFunc) {
	for _, child := range []*process.Process{p.provider, p.collector} {
		if child == nil {
			continue
		}
		go func() {
			select {
			case <-child.Done():
				fail(child.Ended())
			case <-ctx.Done():
			}
		}()
	}
}

var spansSent = regexp.MustCompile(`(?m)^spans sent: (\d+)$`)

// runAgent makes the traffic and returns how many spans were sent.
func (p *programs) runAgent(ctx context.Context, out io.Writer) (int64, error) {
	args := []string{"--otlp", p.otlpURL, "--registry", p.folder.registry(), "--seed", strconv.FormatUint(p.seed, 10), "--from", firstDay}
	if p.real {
		args = append(args, "--model", p.model)
	} else {
		args = append(args, "--provider", p.providerURL)
	}
	if p.sessions > 0 {
		args = append(args, "--sessions", strconv.Itoa(p.sessions))
	}
	child, err := process.Start(process.Options{
		Name: "example-agent", Path: filepath.Join(p.bin, "example-agent"), Args: args, Env: p.offline(), LogDir: p.logs(), Out: out,
	})
	if err != nil {
		return 0, err
	}
	if err := child.Wait(ctx, agentStopTime); err != nil {
		return 0, err
	}
	log, err := os.ReadFile(filepath.Join(p.logs(), "example-agent.log"))
	if err != nil {
		return 0, err
	}
	found := spansSent.FindSubmatch(log)
	if found == nil {
		return 0, errors.New("the agent did not say how many spans it sent")
	}
	return strconv.ParseInt(string(found[1]), 10, 64)
}

// stop ends the programs, the collector last: it writes what it still holds.
func (p *programs) stop() error {
	err := errors.Join(p.provider.Stop(stopTime), p.collector.Stop(stopTime))
	p.provider, p.collector = nil, nil
	return err
}
