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
	chosen, ok, err := d.choose(ctx)
	if err != nil {
		return err
	}
	if !ok {
		d.out.say("%s got no call: there is nothing to replay.", canary)
		return nil
	}
	args := []string{"replay", chosen.id()}
	d.out.say("With the prompt of %s:", liveVersion)
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

// choose takes a call of the canary: the first wrong look-up of an order in
// compare's list of worst spans that fails again when it is repeated unchanged,
// since a fault that does not come back teaches nothing about the prompt. Without
// wrong look-ups it is the worst span that compare lists, else the slowest call.
func (d *demo) choose(ctx context.Context) (chosen worstSpan, ok bool, err error) {
	wrong := d.results.compare.wrongCalls("lookup_order")
	switch {
	case len(wrong) == 0 && len(d.results.compare.WorstSpans) > 0:
		d.out.say("The first of the worst spans that compare lists:")
		return d.results.compare.WorstSpans[0], true, nil
	case len(wrong) == 0:
		return d.slowest(ctx)
	case d.real:
		d.out.say("The first wrong look-up of an order that compare lists:")
		return wrong[0], true, nil
	}
	for i, w := range wrong {
		var r replayed
		if err := d.cmd.read(ctx, &r, append([]string{"replay", w.id(), "--export", "none"}, d.send("5")...)...); err != nil {
			return w, false, err
		}
		if r.failsAgain() {
			d.out.say("Of the wrong look-ups of an order that compare lists, number %d is the first that fails again\nwhen it is replayed unchanged.", i+1)
			return w, true, nil
		}
	}
	d.out.say("None of the wrong look-ups of an order that compare lists fails again; the first is taken.")
	return wrong[0], true, nil
}

// slowest is the slowest call of the canary.
func (d *demo) slowest(ctx context.Context) (worstSpan, bool, error) {
	var answer struct {
		Rows []worstSpan `json:"rows"`
	}
	err := d.cmd.read(ctx, &answer, "query", "SELECT trace_id, span_id FROM spans WHERE prompt_name = '"+prompt+"' AND prompt_version = '"+canary+
		"' AND call_kind = 'inference' AND counted ORDER BY duration_ns DESC LIMIT 1")
	if err != nil || len(answer.Rows) == 0 {
		return worstSpan{}, false, err
	}
	d.out.say("compare lists no bad span of %s. Its slowest call:", canary)
	return answer.Rows[0], true, nil
}
