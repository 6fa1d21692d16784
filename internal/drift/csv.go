// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"io"
	"math"

	"github.com/spanloop/spanloop/internal/report"
	"github.com/spanloop/spanloop/internal/traffic"
)

// WriteCSV prints one line a channel: inputs, behaviour, then each change's.
func (r *Report) WriteCSV(w io.Writer, o report.Options) error {
	t := &report.Table{Schema: Schema}
	for _, name := range []string{"group", "change", "at", "cause", "channel", "kind", "unit", "before", "after", "effect", "low", "high", "raw", "margin", "p", "p_adjusted", "wander", "verdict", "clusters_before", "clusters_after", "note"} {
		t.Columns = append(t.Columns, report.Column{Name: name})
	}
	add := func(group string, n int, at, cause string, channels []Channel) {
		for i := range channels {
			t.Rows = append(t.Rows, append([]report.Cell{report.Text(group), report.Number(int64(n), "%d"), report.Text(at), report.Text(cause)}, channels[i].raw()...))
		}
	}
	add("inputs", 0, "", "", r.Inputs.Channels)
	add("behaviour", 0, "", "", r.Behaviour.Channels)
	for n, c := range r.Changes {
		at := ""
		if c.DatedBy != "" {
			at = c.At.UTC().Format("2006-01-02T15:04:05Z")
		}
		add("change", n+1, at, c.Cause.Text, c.Channels)
	}
	return t.Write(w, report.FormatCSV, o)
}

func (c *Channel) raw() []report.Cell {
	number := func(n traffic.Number) report.Cell {
		if v := float64(n); !math.IsNaN(v) && !math.IsInf(v, 0) {
			return report.Cell{Text: report.Digits(v), Value: v}
		}
		return report.Cell{}
	}
	return []report.Cell{
		report.Text(c.Name), report.Text(string(c.Kind)), report.Text(c.Unit), number(c.Before.Estimate), number(c.After.Estimate), number(c.Effect),
		number(c.Low), number(c.High), number(c.Raw), number(c.Margin), number(c.P), number(c.PAdjusted), number(c.Wander), report.Text(string(c.Verdict)),
		report.Number(int64(c.Before.Clusters), "%d"), report.Number(int64(c.After.Clusters), "%d"), report.Text(c.Note),
	}
}
