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

// Colours of figures; they have enough contrast on white.
const (
	ink   = "#0a4b8f"
	grey  = "#57606a"
	green = "#116329"
	red   = "#b42318"
	band  = "#eef1f4"
)

func (s Style) color() string {
	switch s {
	case Good:
		return green
	case Bad:
		return red
	}
	return grey
}

// drawing collects the elements of a figure. Every text in it is escaped.
type drawing struct{ b strings.Builder }

func newDrawing(label string, width, height int) *drawing {
	d := &drawing{}
	fmt.Fprintf(&d.b, `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="%s" viewBox="0 0 %d %d" width="%d" height="%d">`,
		html.EscapeString(EscapeTerminal(label)), width, height, width, height)
	return d
}

func (d *drawing) line(x1, y1, x2, y2 float64, color, more string) {
	fmt.Fprintf(&d.b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"%s/>`, x1, y1, x2, y2, color, more)
}

func (d *drawing) rect(x, y, width, height float64, color string) {
	fmt.Fprintf(&d.b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`, x, y, max(width, 0), max(height, 0), color)
}

func (d *drawing) circle(x, y, r float64, color string) {
	fmt.Fprintf(&d.b, `<circle cx="%.1f" cy="%.1f" r="%.1f" fill="%s"/>`, x, y, r, color)
}

// text writes at most so many columns; anchor is start, middle or end.
func (d *drawing) text(x, y float64, anchor, color, text string, columns int) {
	fmt.Fprintf(&d.b, `<text x="%.1f" y="%.1f" text-anchor="%s" fill="%s">%s</text>`,
		x, y, anchor, color, html.EscapeString(cellText(text, columns)))
}

func (d *drawing) html() template.HTML {
	d.b.WriteString("</svg>")
	return template.HTML(d.b.String()) //nolint:gosec // every text in it is escaped above
}

// Interval is one row of a forest plot: an effect with its interval, in units
// in which 1 is the margin of what matters.
type Interval struct {
	Label               string
	Low, Estimate, High float64
	// Text is printed beside the row.
	Text  string
	Style Style
}

// maxEffect is where a forest plot ends, in margins; what lies beyond is drawn
// at its edge.
const maxEffect = 12

// ForestPlot draws effects with their intervals over a band from -1 to 1, within
// which a difference does not matter.
func ForestPlot(intervals []Interval) template.HTML {
	const rowHeight, left, plotWidth, right, foot = 26, 190, 420, 210, 30
	limit := 1.5
	for _, i := range intervals {
		for _, v := range []float64{i.Low, i.High, i.Estimate} {
			if isFinite(v) {
				limit = max(limit, math.Abs(v)*1.1)
			}
		}
	}
	limit = min(limit, maxEffect)
	x := func(v float64) float64 {
		return left + plotWidth/2 + max(-limit, min(limit, v))/limit*plotWidth/2
	}
	height := rowHeight*len(intervals) + foot
	bottom := float64(height - foot + 6)
	d := newDrawing("effects with intervals", left+plotWidth+right, height)
	d.rect(x(-1), 0, x(1)-x(-1), bottom, band)
	d.line(x(0), 0, x(0), bottom, grey, "")
	for n, i := range intervals {
		y := float64(n*rowHeight) + rowHeight/2
		color := i.Style.color()
		d.text(0, y+4, "start", "#1b1f24", i.Label, 28)
		if !math.IsNaN(i.Low) && !math.IsNaN(i.High) {
			d.line(x(i.Low), y, x(i.High), y, color, ` stroke-width="2"`)
		}
		if !math.IsNaN(i.Estimate) {
			d.circle(x(i.Estimate), y, 4, color)
		}
		d.text(left+plotWidth+10, y+4, "start", color, i.Text, 34)
	}
	d.text(x(0), float64(height-6), "middle", grey, "no difference; the band is the margin", 60)
	return d.html()
}

func isFinite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// Point is one block of a time series.
type Point struct {
	// X runs from 0 to 1.
	X, Y float64
}

// Mark is a dated line across a time series, with the interval in which it may
// lie; equal bounds are none.
type Mark struct {
	X, Low, High float64
	Text         string
}

// Width and margin of figures over time.
const (
	timeWidth  = 720.0
	timeMargin = 64.0
)

// timeAt is where a moment between 0 and 1 stands; what is no number stands at 0.
func timeAt(x float64) float64 {
	if math.IsNaN(x) {
		x = 0
	}
	return timeMargin + max(0, min(1, x))*(timeWidth-2*timeMargin)
}

// TimeSeries draws block means over time with dated marks. Points without a
// value are left out.
func TimeSeries(label, from, to string, points []Point, marks []Mark) template.HTML {
	const w, h, margin = timeWidth, 150.0, 34.0
	low, high := bounds(points)
	d := newDrawing(label+" over time", w, h)
	for _, m := range marks {
		if m.High > m.Low {
			d.rect(timeAt(m.Low), 14, timeAt(m.High)-timeAt(m.Low), h-margin-14, band)
		}
	}
	for _, m := range marks {
		d.line(timeAt(m.X), 14, timeAt(m.X), h-margin, red, ` stroke-dasharray="4 3"`)
		d.text(timeAt(m.X), 11, "middle", red, m.Text, 40)
	}
	var path strings.Builder
	command := "M"
	for _, p := range points {
		if !isFinite(p.X) || !isFinite(p.Y) {
			continue
		}
		x, y := timeAt(p.X), h-margin-(p.Y-low)/(high-low)*(h-2*margin)
		fmt.Fprintf(&path, "%s%.1f %.1f", command, x, y)
		d.circle(x, y, 2.5, ink)
		command = "L"
	}
	if path.Len() > 0 {
		fmt.Fprintf(&d.b, `<path d="%s" fill="none" stroke="%s"/>`, path.String(), ink)
		d.text(timeMargin-6, margin+4, "end", grey, fmt.Sprintf("%.4g", high), 8)
		d.text(timeMargin-6, h-margin+4, "end", grey, fmt.Sprintf("%.4g", low), 8)
	}
	d.text(timeMargin, h-10, "start", grey, from, 25)
	d.text(w-timeMargin, h-10, "end", grey, to, 25)
	d.text(w/2, h-10, "middle", "#1b1f24", label, 40)
	return d.html()
}

// bounds are the least and the largest value, apart from each other.
func bounds(points []Point) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, p := range points {
		if isFinite(p.X) && isFinite(p.Y) {
			low, high = min(low, p.Y), max(high, p.Y)
		}
	}
	if low > high {
		return 0, 1
	}
	if low == high {
		apart := max(1, math.Abs(low)/2)
		return low - apart, high + apart
	}
	return low, high
}

// Lane is what held from one moment to another, between 0 and 1.
type Lane struct {
	Label    string
	From, To float64
	// Style Strong marks a lane.
	Style Style
}

// Lanes draws what held when, under a time series and to its scale.
func Lanes(label string, lanes []Lane) template.HTML {
	const rowHeight = 20
	d := newDrawing(label, timeWidth, max(1, rowHeight*len(lanes)))
	for n, l := range lanes {
		y := float64(n * rowHeight)
		color := "#d0d7de"
		if l.Style == Strong {
			color = "#9ec5f0"
		}
		d.rect(timeAt(l.From), y+2, max(2, timeAt(l.To)-timeAt(l.From)), rowHeight-4, color)
		anchor, x := "start", timeAt(l.From)+4
		if l.From > 0.5 {
			anchor, x = "end", timeAt(l.To)-4
		}
		d.text(x, y+14, anchor, "#1b1f24", l.Label, 60)
	}
	return d.html()
}

// Bar is one bar of a chart.
type Bar struct {
	Label string
	// Value is 0 or more.
	Value float64
	Text  string
	Style Style
}

// Bars draws horizontal bars from a common zero.
func Bars(label string, bars []Bar) template.HTML {
	const rowHeight, left, plotWidth, right = 22, 220, 380, 120
	top := 0.0
	for _, b := range bars {
		if isFinite(b.Value) {
			top = max(top, b.Value)
		}
	}
	d := newDrawing(label, left+plotWidth+right, max(1, rowHeight*len(bars)))
	for n, b := range bars {
		y := float64(n * rowHeight)
		length := 0.0
		if isFinite(b.Value) && b.Value > 0 {
			length = max(1, b.Value/top*plotWidth)
		}
		color := ink
		if b.Style == Good || b.Style == Bad || b.Style == Muted {
			color = b.Style.color()
		}
		d.text(left-8, y+15, "end", "#1b1f24", b.Label, 32)
		d.rect(left, y+4, length, rowHeight-8, color)
		d.text(left+length+6, y+15, "start", grey, b.Text, 18)
	}
	return d.html()
}
