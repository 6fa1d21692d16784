// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"slices"
)

// Fragments of the canary's prompt and what the demo puts in their place.
const (
	fragment = "Be brief: answer in one or two sentences."
	edited   = "Copy the order id exactly as the customer wrote it. Be brief: answer in one or two sentences."
)

// replayed is what is read of the JSON of `spanloop replay`.
type replayed struct {
	Scores []struct {
		Name    string `json:"name"`
		Control struct {
			Mean looseNumber `json:"mean"`
			Runs int         `json:"runs"`
		} `json:"control"`
	} `json:"scores"`
}

// failsAgain is true when the unchanged call gets its tool's arguments wrong in
// most runs.
func (r *replayed) failsAgain() bool {
	for _, s := range r.Scores {
		if s.Name == "tool_args_schema" {
			return s.Control.Runs > 0 && s.Control.Mean < 0.5
		}
	}
	return false
}

// replay replays the worst call of the canary under the live version's prompt,
// and with one sentence added to its own.
func (d *demo) replay(ctx context.Context) error {
	d.out.heading("What would have happened?")
	worst := d.results.compare.wrongCalls("lookup_order")
	if len(worst) == 0 {
		d.out.say("compare lists no worst span with a wrong look-up of an order: there is nothing to replay.")
		return nil
	}
	chosen, err := d.choose(ctx, worst)
	if err != nil {
		return err
	}
	args := []string{"replay", chosen.id()}
	d.out.say("It, with the prompt of %s:", liveVersion)
	if err := d.cmd.show(ctx, slices.Concat(args, []string{"--prompt-version", liveVersion}, d.send("20"))...); err != nil {
		return err
	}
	d.out.say("\nAnd with one sentence added to the canary's own prompt:")
	return d.cmd.show(ctx, slices.Concat(args, []string{"--edit", fragment + "=>" + edited}, d.send("20"))...)
}

// send are the flags that say how many runs go where.
func (d *demo) send(runs string) []string {
	if d.real {
		return []string{"-n", "3", "--yes", "--endpoint", d.baseURL, "--otlp-endpoint", d.otlpURL}
	}
	return []string{"-n", runs, "--endpoint", d.providerURL, "--otlp-endpoint", d.otlpURL}
}

// choose takes the first of the worst calls that fails again when it is repeated
// unchanged: a fault that does not come back teaches nothing about the prompt.
func (d *demo) choose(ctx context.Context, worst []worstSpan) (worstSpan, error) {
	if d.real {
		d.out.say("The first wrong look-up of an order that compare lists is replayed.")
		return worst[0], nil
	}
	for i, w := range worst {
		var r replayed
		if err := d.cmd.read(ctx, &r, append([]string{"replay", w.id(), "--export", "none"}, d.send("5")...)...); err != nil {
			return w, err
		}
		if r.failsAgain() {
			d.out.say("Of the wrong look-ups of an order that compare lists, number %d is the first that fails again\nwhen it is replayed unchanged.", i+1)
			return w, nil
		}
	}
	d.out.say("None of the wrong look-ups of an order that compare lists fails again; the first is taken.")
	return worst[0], nil
}
