// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"

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

// results are the JSON of the commands.
type results struct {
	compare comparison
}

// findings checks the planted changes against what the commands reported.
func (r *results) findings(real bool) []finding {
	accuracy := finding{planted: canary + " makes more wrong tool calls", expected: "compare: tool_call_accuracy worse"}
	accuracy.reported, accuracy.found = r.compare.metric("tool_call_accuracy", "worse")
	latency := finding{planted: canary + " answers faster", expected: "compare: latency better"}
	latency.reported, latency.found = r.compare.metric("latency", "better")
	list := []finding{accuracy, latency}
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
