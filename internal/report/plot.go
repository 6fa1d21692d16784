// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"html"
	"html/template"
	"math"
	"strings"
)

// Interval is one row of a forest plot: an effect with its interval, in units
// in which 1 is the margin of what matters.
type Interval struct {
	Label               string
	Low, Estimate, High float64
	// Text is printed beside the row.
	Text  string
	Style Style
}

// ForestPlot draws effects with their intervals over a band from -1 to 1, within
// which a difference does not matter.
func ForestPlot(intervals []Interval) template.HTML {
	const rowHeight, left, plotWidth, right = 26, 190, 420, 210
	limit := 1.5
	for _, i := range intervals {
		for _, v := range []float64{i.Low, i.High, i.Estimate} {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				limit = max(limit, math.Abs(v)*1.1)
			}
		}
	}
	limit = min(limit, 12)
	x := func(v float64) float64 {
		return left + plotWidth/2 + max(-limit, min(limit, v))/limit*plotWidth/2
	}
	height := rowHeight*len(intervals) + 30
	var b strings.Builder
	fmt.Fprintf(&b, `<svg role="img" aria-label="effects with intervals" viewBox="0 0 %d %d" width="%d" height="%d">`,
		left+plotWidth+right, height, left+plotWidth+right, height)
	fmt.Fprintf(&b, `<rect x="%.1f" y="0" width="%.1f" height="%d" fill="#eef1f4"/>`, x(-1), x(1)-x(-1), height-24)
	fmt.Fprintf(&b, `<line x1="%.1f" y1="0" x2="%.1f" y2="%d" stroke="#57606a"/>`, x(0), x(0), height-24)
	for n, i := range intervals {
		y := float64(n*rowHeight) + rowHeight/2
		color := map[Style]string{Good: "#116329", Bad: "#b42318"}[i.Style]
		if color == "" {
			color = "#57606a"
		}
		fmt.Fprintf(&b, `<text x="0" y="%.1f">%s</text>`, y+4, html.EscapeString(Truncate(i.Label, 28)))
		if !math.IsNaN(i.Low) && !math.IsNaN(i.High) {
			fmt.Fprintf(&b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="2"/>`, x(i.Low), y, x(i.High), y, color)
		}
		if !math.IsNaN(i.Estimate) {
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>`, x(i.Estimate), y, color)
		}
		fmt.Fprintf(&b, `<text x="%d" y="%.1f" fill="%s">%s</text>`, left+plotWidth+10, y+4, color, html.EscapeString(Truncate(i.Text, 34)))
	}
	fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle" fill="#57606a">no difference; the band is the margin</text></svg>`, x(0), height-6)
	return template.HTML(b.String()) //nolint:gosec // every text in it is escaped above
}

// Point is one block of a time series.
type Point struct {
	// X runs from 0 to 1.
	X, Y float64
}

// Mark is a dated line across a time series.
type Mark struct {
	X    float64
	Text string
}

// TimeSeries draws block means over time with dated marks.
func TimeSeries(label, from, to string, points []Point, marks []Mark) template.HTML {
	const w, h, margin = 720, 150, 34
	low, high := math.Inf(1), math.Inf(-1)
	for _, p := range points {
		low, high = min(low, p.Y), max(high, p.Y)
	}
	if len(points) == 0 || low == high {
		low, high = low-1, high+1
	}
	px := func(p Point) (float64, float64) {
		return margin + p.X*(w-2*margin), h - margin - (p.Y-low)/(high-low)*(h-2*margin)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg role="img" aria-label="%s over time" viewBox="0 0 %d %d" width="%d" height="%d">`, html.EscapeString(label), w, h, w, h)
	for _, m := range marks {
		x := margin + m.X*(w-2*margin)
		fmt.Fprintf(&b, `<line x1="%.1f" y1="14" x2="%.1f" y2="%d" stroke="#b42318" stroke-dasharray="4 3"/><text x="%.1f" y="11" text-anchor="middle" fill="#b42318">%s</text>`,
			x, x, h-margin, x, html.EscapeString(Truncate(m.Text, 40)))
	}
	var path strings.Builder
	for i, p := range points {
		x, y := px(p)
		command := "L"
		if i == 0 {
			command = "M"
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", command, x, y)
		fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="2.5" fill="#0a4b8f"/>`, x, y)
	}
	fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="#0a4b8f"/>`, path.String())
	fmt.Fprintf(&b, `<text x="0" y="%d" fill="#57606a">%.4g</text><text x="0" y="%d" fill="#57606a">%.4g</text>`, margin, high, h-margin, low)
	fmt.Fprintf(&b, `<text x="%d" y="%d" fill="#57606a">%s</text><text x="%d" y="%d" text-anchor="end" fill="#57606a">%s</text>`,
		margin, h-10, html.EscapeString(from), w-margin, h-10, html.EscapeString(to))
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle">%s</text></svg>`, w/2, h-10, html.EscapeString(label))
	return template.HTML(b.String()) //nolint:gosec // every text in it is escaped above
}
