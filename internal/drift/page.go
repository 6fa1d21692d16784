// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/report"
	"github.com/spanloop/spanloop/internal/traffic"
)

// WriteHTML prints the report as a page that loads nothing.
func (r *Report) WriteHTML(w io.Writer) error {
	return report.Page{
		Title: r.headline(), Banner: strings.ToUpper(string(r.Verdict)) + ": " + r.Reason, BannerStyle: r.Verdict.style(), Sections: r.sections(),
	}.Write(w)
}

func (r *Report) sections() []report.Section {
	sections := []report.Section{{Text: append(r.basis(), r.summary()...)}}
	for i := range r.Changes {
		c := &r.Changes[i]
		sections = append(sections,
			report.Section{Title: c.title(i + 1), Text: append([]string{"cause: " + c.Cause.Text}, c.Cause.differences()...), Table: channelTable("", c.Channels)})
		if len(c.Examples) > 0 {
			sections = append(sections, report.Section{Text: []string{"typical calls; replay one: spanloop replay TRACE:SPAN"}, Table: exampleTable(c.Examples)})
		}
	}
	for i, s := range r.Timeline {
		section := report.Section{Figure: report.TimeSeries(s.title(), r.day(s, 0), r.day(s, len(s.Points)-1), s.figure(), r.marks(&s))}
		if i == 0 {
			section.Title = "Over time"
			section.Text = []string{"means of blocks of equally many sessions or traces; dashed lines are changes, grey bands where they may lie by behaviour alone"}
		}
		sections = append(sections, section)
	}
	if lanes := r.lanes(); len(lanes) > 0 {
		sections = append(sections, report.Section{Text: []string{"what produced the calls over the same time; marked when it explains a change"}, Figure: report.Lanes("identity over time", lanes)})
	}
	if len(r.Identities) > 0 {
		sections = append(sections, report.Section{Title: "What produced the calls", Table: r.identityTable()})
	}
	if len(r.Inputs.Channels) > 0 {
		sections = append(sections, report.Section{Title: "Inputs", Table: channelTable("", r.Inputs.Channels)})
	}
	if len(r.Behaviour.Channels) > 0 {
		sections = append(sections, report.Section{Title: r.behaviourTitle(), Table: channelTable("", r.Behaviour.Channels)})
	}
	return append(sections, report.Section{Title: "Conditions", Table: r.conditions()})
}

func (s *Series) title() string {
	if s.Unit != "" {
		return s.Name + ", " + s.Unit
	}
	return s.Name
}

func (r *Report) day(s Series, i int) string {
	if i < 0 || i >= len(s.Points) {
		return ""
	}
	return stamp(s.Points[i].Time)
}

// place is where a moment stands between the first and the last point.
func (s *Series) place(at time.Time) float64 {
	if len(s.Points) < 2 {
		return 0
	}
	first, last := s.Points[0].Time, s.Points[len(s.Points)-1].Time
	return at.Sub(first).Seconds() / math.Max(1e-9, last.Sub(first).Seconds())
}

func (s *Series) figure() []report.Point {
	points := make([]report.Point, len(s.Points))
	for i, p := range s.Points {
		points[i] = report.Point{X: s.place(p.Time), Y: float64(p.Value)}
	}
	return points
}

// marks are the changes that moved the series.
func (r *Report) marks(s *Series) []report.Mark {
	var marks []report.Mark
	for n, c := range r.Changes {
		for _, channel := range c.Channels {
			if c.DatedBy != "" && channel.Name == s.Name {
				marks = append(marks, report.Mark{X: s.place(c.At), Low: s.place(c.From), High: s.place(c.Until), Text: fmt.Sprintf("change %d", n+1)})
			}
		}
	}
	return marks
}

// maxLanes bounds the lanes of one page.
const maxLanes = 16

// lanes are the values of the recorded dimensions over time, those that explain
// a change first.
func (r *Report) lanes() []report.Lane {
	var lanes []report.Lane
	if len(r.Timeline) == 0 || len(r.Timeline[0].Points) < 2 {
		return nil
	}
	for _, explains := range []bool{true, false} {
		for _, i := range r.Identities {
			if explains != (i.Change > 0) {
				continue
			}
			for _, v := range i.Values {
				lane := report.Lane{Label: i.Name + " " + short(v.Value), From: r.Timeline[0].place(v.FirstSeen), To: r.Timeline[0].place(v.LastSeen)}
				if explains {
					lane.Style = report.Strong
				}
				lanes = append(lanes, lane)
			}
		}
	}
	return lanes[:min(maxLanes, len(lanes))]
}

func (r *Report) identityTable() *report.Table {
	t := &report.Table{Columns: []report.Column{{Name: "dimension"}, {Name: "value"}, {Name: "calls", Align: report.Right}, {Name: "first seen"}, {Name: "last seen"}, {Name: "explains"}}}
	for _, i := range r.Identities {
		explains := ""
		if i.Change > 0 {
			explains = fmt.Sprintf("change %d", i.Change)
		}
		for _, v := range i.Values {
			t.Rows = append(t.Rows, []report.Cell{report.Text(i.Name), report.Text(short(v.Value)), report.Number(int64(v.Calls), "%d"), report.Text(stamp(v.FirstSeen)), report.Text(stamp(v.LastSeen)), report.Text(explains)})
		}
	}
	return t
}

func (r *Report) conditions() *report.Table {
	t := &report.Table{Columns: []report.Column{{Name: "condition"}, {Name: "status"}, {Name: "what was seen"}}}
	for _, g := range r.Gates {
		style := map[string]report.Style{traffic.GateWarns: report.Strong, traffic.GateBlocks: report.Bad}[g.Status]
		t.Rows = append(t.Rows, []report.Cell{report.Text(g.Name), {Text: g.Status, Style: style}, report.Text(g.Text)})
	}
	t.Notes = []string{fmt.Sprintf("error rate %.3g over all channels of behaviour; %s; seed %d", r.Alpha, plural(r.Strata.Count, "input group"), r.Seed)}
	return t
}
