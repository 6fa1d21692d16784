// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spanloop/spanloop/examples/agent/traffic"
	"github.com/spanloop/spanloop/internal/report"
)

// comparison is what is checked of the JSON of `spanloop compare`.
type comparison struct {
	Verdict string `json:"verdict"`
	Reason  string `json:"reason"`
	Metrics []struct {
		Name    string      `json:"name"`
		Verdict string      `json:"verdict"`
		A       estimate    `json:"a"`
		B       estimate    `json:"b"`
		Effect  looseNumber `json:"effect"`
	} `json:"metrics"`
	WorstSpans []worstSpan `json:"worst_spans"`
}

type estimate struct {
	Estimate looseNumber `json:"estimate"`
}

type worstSpan struct {
	TraceID string `json:"trace_id"`
	SpanID  string `json:"span_id"`
	Reason  string `json:"reason"`
}

func (w worstSpan) id() string { return w.TraceID + ":" + w.SpanID }

// looseNumber is a number that a report may not have.
type looseNumber float64

// UnmarshalJSON implements json.Unmarshaler.
func (n *looseNumber) UnmarshalJSON(text []byte) error {
	*n = 0
	_, _ = fmt.Sscan(strings.Trim(string(text), `"`), (*float64)(n))
	return nil
}

// wrongCalls are the worst spans that called a tool wrongly; an empty name is any
// tool.
func (c *comparison) wrongCalls(tool string) []worstSpan {
	return slices.DeleteFunc(slices.Clone(c.WorstSpans), func(w worstSpan) bool {
		return !strings.HasPrefix(w.Reason, "wrong tool call: tool_args_schema") || !strings.Contains(w.Reason, "("+tool)
	})
}

// finding is one planted change and what the commands say of it.
type finding struct {
	planted, expected string
	// reported is what the command's JSON says.
	reported string
	found    bool
	// unplanted is true when this provider does not make the change, or too
	// little traffic to see it.
	unplanted bool
}

// metric checks that compare gives a metric the expected verdict.
func (c *comparison) metric(name, verdict string) (reported string, found bool) {
	for _, m := range c.Metrics {
		if m.Name == name {
			return fmt.Sprintf("compare: %s %s, %.3g to %.3g", name, m.Verdict, m.A.Estimate, m.B.Estimate), m.Verdict == verdict
		}
	}
	return "compare: no metric " + name, false
}

// drifted is what is checked of the JSON of `spanloop drift`.
type drifted struct {
	Verdict string `json:"verdict"`
	Changes []struct {
		At      time.Time `json:"at"`
		DatedBy string    `json:"dated_by"`
		Cause   struct {
			Kind       string      `json:"kind"`
			Dimensions []dimension `json:"dimensions"`
		} `json:"cause"`
	} `json:"changes"`
}

// dimension is a recorded cause of a change.
type dimension struct {
	Name      string    `json:"name"`
	Before    string    `json:"before"`
	After     string    `json:"after"`
	FirstSeen time.Time `json:"first_seen"`
}

// change checks that drift dates a change to a day, within a day, and blames one
// dimension alone, whose new value first appeared on that day.
func (d *drifted) change(day time.Time, name, after string) (reported string, found bool) {
	reported = "drift: no change with the cause " + name
	for _, c := range d.Changes {
		if len(c.Cause.Dimensions) == 0 || c.Cause.Dimensions[0].Name != name {
			continue
		}
		cause := c.Cause.Dimensions[0]
		reported = fmt.Sprintf("drift: %s, %s %s to %s", c.At.Format(time.DateOnly), cause.Name, cause.Before, cause.After)
		onDay := cause.FirstSeen.Format(time.DateOnly) == day.Format(time.DateOnly)
		near := c.At.Sub(day).Abs() <= 24*time.Hour
		if c.DatedBy != "" && near && onDay && c.Cause.Kind == "recorded" && len(c.Cause.Dimensions) == 1 && (after == "" || cause.After == after) {
			return reported, true
		}
	}
	return reported, false
}

// results are the JSON of the commands.
type results struct {
	compare comparison
	drift   drifted
}

// switchedModel is the model that the scripted provider answers from after the
// switch.
const switchedModel = "example-small-2026-10-21"

// firstDay is the first simulated day; the releases of the example registry fit
// it.
const firstDay = "2026-11-02"

// dayOf is the start of a simulated day, counted from 1.
func dayOf(n int) time.Time {
	first, err := time.Parse(time.DateOnly, firstDay)
	if err != nil {
		panic(err)
	}
	return first.AddDate(0, 0, n-1)
}

// findings checks the planted changes against what the commands reported.
func (r *results) findings(real bool) []finding {
	accuracy := finding{planted: canary + " makes more wrong tool calls", expected: "compare: tool_call_accuracy worse"}
	accuracy.reported, accuracy.found = r.compare.metric("tool_call_accuracy", "worse")
	latency := finding{planted: canary + " answers faster", expected: "compare: latency better"}
	latency.reported, latency.found = r.compare.metric("latency", "better")
	tool := finding{planted: fmt.Sprintf("day %d: search_docs is described more broadly", traffic.BroadDay), expected: "drift: that day, tool search_docs"}
	tool.reported, tool.found = r.drift.change(dayOf(traffic.BroadDay), "tool search_docs", "")
	model := finding{planted: fmt.Sprintf("day %d: another model answers", traffic.SwitchDay), expected: "drift: that day, responding model " + switchedModel}
	model.reported, model.found = r.drift.change(dayOf(traffic.SwitchDay), "responding model", switchedModel)
	list := []finding{accuracy, latency, tool, model}
	for i := range list {
		list[i].unplanted = real
	}
	return list
}

// findingsTable lists the findings, and returns how many of the planted ones are
// missing.
func findingsTable(list []finding) (t *report.Table, missing int) {
	t = &report.Table{Columns: []report.Column{{Name: "planted"}, {Name: "reported"}, {Name: "result"}}}
	for _, f := range list {
		result := report.Cell{Text: "found", Style: report.Good}
		switch {
		case f.found:
		case f.unplanted:
			result = report.Cell{Text: "not expected here", Style: report.Muted}
		default:
			result = report.Cell{Text: "NOT FOUND; expected " + f.expected, Style: report.Bad}
			missing++
		}
		t.Rows = append(t.Rows, []report.Cell{report.Text(f.planted), report.Text(f.reported), result})
	}
	return t, missing
}
