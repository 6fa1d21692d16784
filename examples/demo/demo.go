// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spanloop/spanloop/examples/agent/traffic"
	"github.com/spanloop/spanloop/internal/report"
)

// What the scenario calls the prompt and its two versions.
const (
	prompt      = "support-agent"
	liveVersion = "v3.1"
	canary      = "v3.2"
)

// demo is one run.
type demo struct {
	programs
	out     *text
	cmd     *spanloop
	results results
}

func newDemo(s settings, out io.Writer) *demo {
	d := &demo{programs: programs{settings: s, folder: folder{s.dir}}, out: &text{Writer: out, color: s.color}}
	d.cmd = newSpanloop(&d.programs, out, d.out.bold)
	return d
}

// run runs the demo from the start to the last line. Whatever happens, no program
// is left behind.
func (d *demo) run(ctx context.Context) (err error) {
	began := time.Now()
	d.introduce()
	if err := d.remake(d.settings.registry); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	if err := d.start(ctx); err != nil {
		return err
	}
	d.watch(ctx, fail)
	if err = d.loop(ctx); err != nil {
		// A program that ended is the reason for what failed after it.
		if cause := context.Cause(ctx); cause != nil && ctx.Err() != nil {
			err = cause
		}
		return err
	}
	fail(nil)
	if err := d.stop(); err != nil {
		return err
	}
	return d.conclude(time.Since(began))
}

// introduce says what will happen.
func (d *demo) introduce() {
	fmt.Fprintln(d.out, d.out.bold("Spanloop: the whole loop on real traffic"))
	provider := "a scripted provider, which reacts to the prompt and to the tools' descriptions"
	if d.real {
		provider = fmt.Sprintf("%s at %s, which costs a little money (--scripted avoids that)", d.model, d.baseURL)
	}
	d.out.say(`An online shop's support agent answers customers with tool calls to
%s.
Its spans go over OTLP to the collector, and from there into Parquet.

Planted in two simulated weeks, seed %d:
  from day 3   prompt %s on a 10 %% canary beside %s: more wrong tool calls, but faster
  from day %-2d  somebody broadens the description of the tool search_docs; no prompt changes
  from day %-2d  the provider answers from another model under the same name`,
		provider, d.seed, canary, liveVersion, traffic.BroadDay, traffic.SwitchDay)
	if d.real {
		d.out.say("\nA real provider changes no model for us, it may get v3.2's tool calls right, and a few\nsessions are too few for verdicts: none of the findings below can be expected.")
	}
}

// start starts the programs.
func (d *demo) start(ctx context.Context) error {
	d.out.heading("Start")
	if !d.real {
		if err := d.startProvider(ctx); err != nil {
			return err
		}
		d.out.say("provider   %s", d.providerURL)
	}
	if err := d.startCollector(ctx); err != nil {
		return err
	}
	d.out.say("collector  OTLP at %s, configuration %s", d.otlpURL, d.config)
	d.out.say("dataset    %s", d.dataset())
	return nil
}

// loop makes traffic and looks at it.
func (d *demo) loop(ctx context.Context) error {
	d.out.heading("Traffic")
	sent, err := d.runAgent(ctx, d.out.indented())
	if err != nil {
		return err
	}
	if err := d.landed(ctx, sent); err != nil {
		return err
	}
	d.out.heading("Which calls are resolved to a prompt version?")
	if err := d.cmd.show(ctx, "coverage"); err != nil {
		return err
	}
	d.out.heading("Is the canary better?")
	if err := d.both(ctx, &d.results.compare, "compare", prompt, liveVersion, canary); err != nil {
		return err
	}
	d.out.heading("What changed under the live version, whose prompt did not?")
	if err := d.both(ctx, &d.results.drift, "drift", prompt, liveVersion); err != nil {
		return err
	}
	return d.replay(ctx)
}

// both shows a command and reads its JSON, at the same time.
func (d *demo) both(ctx context.Context, into any, args ...string) error {
	read := make(chan error, 1)
	go func() { read <- d.cmd.read(ctx, into, args...) }()
	return errors.Join(d.cmd.show(ctx, args...), <-read)
}

// landTime is how long spans may take from the sender to the dataset.
const landTime = 30 * time.Second

// landed waits until the dataset holds every span that was sent.
func (d *demo) landed(ctx context.Context, sent int64) error {
	began := time.Now()
	for {
		var answer struct {
			Rows []struct {
				Spans int64 `json:"spans"`
			} `json:"rows"`
		}
		// Before the first file there is no dataset.
		err := d.cmd.read(ctx, &answer, "query", "SELECT count(*) AS spans FROM spans")
		if err == nil && len(answer.Rows) == 1 && answer.Rows[0].Spans >= sent {
			d.out.say("%d spans in the dataset, %.0f s after the last was sent", answer.Rows[0].Spans, time.Since(began).Seconds())
			return nil
		}
		if time.Since(began) > landTime {
			if err != nil {
				return err
			}
			return fmt.Errorf("%d spans were sent and %d are in the dataset after %s\n%s", sent, answer.Rows[0].Spans, landTime, d.collector.Tail(20))
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// conclude prints the findings and what to try next.
func (d *demo) conclude(took time.Duration) error {
	d.out.heading("Was everything found that was planted?")
	table, missing := findingsTable(d.results.findings(d.real))
	fmt.Fprintln(d.out)
	if err := table.Write(d.out, report.FormatTable, report.Options{Color: d.color, MaxCell: 100}); err != nil {
		return err
	}
	d.next(took)
	if missing > 0 {
		return fmt.Errorf("%w: %d missing", errMissing, missing)
	}
	return nil
}

// next says what is left and which commands show more of it.
func (d *demo) next(took time.Duration) {
	d.out.heading("Try next")
	d.out.say("Ended after %.0f s; nothing is left running. Everything is in %s:", took.Seconds(), d.root)
	fmt.Fprintln(d.out)
	for _, s := range d.suggestions() {
		line := "$ " + d.cmd.line(s.args...)
		if s.into != "" {
			line += " > " + quote(filepath.Join(d.root, s.into))
		}
		fmt.Fprintln(d.out, line)
	}
}

// suggestion is a command, and the file below the demo's folder that takes its
// output.
type suggestion struct {
	args []string
	into string
}

// suggestions are commands that work on what the demo leaves behind.
func (d *demo) suggestions() []suggestion {
	list := []suggestion{
		{args: []string{"prompt", "rollback", prompt, "-e", "production", "-m", canary + " calls tools with wrong arguments"}},
		{args: []string{"prompt", "diff", prompt, liveVersion, canary}},
		{args: []string{"tool", "log", "search_docs"}},
		{args: []string{"compare", prompt, liveVersion, canary, "--until", dayOf(traffic.BroadDay).Format(time.DateOnly), "--format", "html"}, into: "compare.html"},
		{args: []string{"query", "SELECT prompt_version, tool_name, count(*) AS calls, count(error_type) AS failed FROM spans WHERE tool_name IS NOT NULL GROUP BY ALL ORDER BY ALL"}},
		{args: []string{"query", "SELECT is_replay, prompt_version, count(*) AS calls FROM spans WHERE prompt_name = $$" + prompt + "$$ GROUP BY ALL ORDER BY ALL"}},
		{args: []string{"dataset", "verify"}},
	}
	if worst := d.results.compare.wrongCalls(""); len(worst) > 0 {
		list = append(list, suggestion{args: []string{"replay", worst[0].id(), "--prompt-version", liveVersion, "--dry-run"}})
	}
	return list
}
