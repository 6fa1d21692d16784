// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"math"
	"slices"
	"strings"

	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic"
)

// Margins: what effect matters, from no effect on.
const (
	marginShare    = 0.03
	marginRank     = 0.04
	marginCategory = 0.05
	marginText     = 0.05
)

// maxTools is how many tools get a channel of their own.
const maxTools = 20

// channel is one thing that may move.
type channel struct {
	traffic.Metric
	// text and dimension are those of hashed text.
	text      func(*traffic.Call) []stats.Feature
	dimension int
	// units overrides how the units' values come about.
	units func(*traffic.Frame) []float64
}

// values are the units' means.
func (c *channel) values(f *traffic.Frame) []float64 {
	if c.units != nil {
		return c.units(f)
	}
	return f.Means(func(call *traffic.Call) float64 { v, _ := c.Value(call); return v })
}

// categories are the values of each unit's calls.
func (c *channel) categories(f *traffic.Frame) [][]string {
	values := make([][]string, len(f.Units))
	for i := range f.Calls {
		if v := c.Category(&f.Calls[i]); v != "" {
			values[f.UnitOf[i]] = append(values[f.UnitOf[i]], v)
		}
	}
	return values
}

// number makes a channel of a call's number.
func number(name, unit string, kind traffic.Kind, margin float64, value func(*traffic.Call) float64) channel {
	return channel{Metric: traffic.Metric{Name: name, Unit: unit, Kind: kind, Margin: margin, Scale: 1, Low: math.NaN(), High: math.NaN(),
		Value: func(c *traffic.Call) (float64, float64) { return value(c), 1 }}}
}

func category(name string, value func(*traffic.Call) string) channel {
	return channel{Metric: traffic.Metric{Name: name, Kind: traffic.KindCategory, Margin: marginCategory, Category: value}}
}

// inputOnly are metrics that say nothing of the answer.
var inputOnly = []string{"input_tokens"}

// behaviourChannels are what may move although the inputs are alike. Scores of
// excluded evaluators are left out.
func behaviourChannels(f *traffic.Frame, excluded []EvaluatorChange) []channel {
	var channels []channel
	for _, m := range traffic.Metrics(f) {
		name, isScore := strings.CutPrefix(m.Name, "score:")
		if slices.Contains(inputOnly, m.Name) || isScore && (slices.Contains(traffic.Covered, name) || isExcluded(excluded, name)) {
			continue
		}
		if m.Name == "tool_call_accuracy" && slices.ContainsFunc(traffic.ToolEvaluators, func(e string) bool { return isExcluded(excluded, e) }) {
			continue
		}
		if m.Kind == traffic.KindBinary {
			m.Margin = marginShare
		}
		channels = append(channels, channel{Metric: m})
	}
	channels = append(channels, toolChannels(f)...)
	channels = append(channels, styleChannels(func(c *traffic.Call) *traffic.Style { return &c.OutputStyle }, "output_")...)
	channels = append(channels, spread("output_length_spread", func(c *traffic.Call) float64 { return c.OutputStyle.Chars }),
		category("error_type", func(c *traffic.Call) string { return c.ErrorType }),
		channel{Metric: traffic.Metric{Name: "output_text", Kind: traffic.KindText, Margin: marginText},
			text: func(c *traffic.Call) []stats.Feature { return c.Output }, dimension: traffic.OutputDimension},
		hiddenContext(f))
	return channels
}

func isExcluded(excluded []EvaluatorChange, name string) bool {
	return slices.ContainsFunc(excluded, func(e EvaluatorChange) bool { return e.Name == name })
}

// styleChannels are what a text looks like. Lengths are compared by rank, yes
// and no by share.
func styleChannels(style func(*traffic.Call) *traffic.Style, prefix string) []channel {
	rank := func(name string, value func(*traffic.Style) float64) channel {
		return number(prefix+name, "", traffic.KindRank, marginRank, func(c *traffic.Call) float64 { return value(style(c)) })
	}
	share := func(name string, value func(*traffic.Style) float64) channel {
		return number(prefix+name, "", traffic.KindBinary, marginShare, func(c *traffic.Call) float64 { return value(style(c)) })
	}
	return []channel{
		rank("words", func(s *traffic.Style) float64 { return s.Words }),
		rank("lines", func(s *traffic.Style) float64 { return s.Lines }),
		rank("digits", func(s *traffic.Style) float64 { return s.DigitShare }),
		share("fence", func(s *traffic.Style) float64 { return s.Fence }),
		share("bullets", func(s *traffic.Style) float64 { return s.Bullets }),
		share("json", func(s *traffic.Style) float64 { return s.JSON }),
		share("tag", func(s *traffic.Style) float64 { return s.Tag }),
		share("ends_punctuated", func(s *traffic.Style) float64 { return s.EndsPunctuated }),
		share("capitalised", func(s *traffic.Style) float64 { return s.Capitalised }),
	}
}

// spread is how far a value lies from the middle of its stratum, in ranks: it
// sees a distribution that widens around the same middle.
func spread(name string, value func(*traffic.Call) float64) channel {
	c := number(name, "", traffic.KindRank, marginRank, value)
	c.units = func(f *traffic.Frame) []float64 {
		values := f.Means(value)
		for _, members := range f.Members() {
			column := make([]float64, len(members))
			for i, unit := range members {
				column[i] = values[unit]
			}
			ranks, n := stats.Midranks(column)
			for i, unit := range members {
				values[unit] = math.Abs(ranks[i]/float64(n+1) - 0.5)
			}
		}
		return values
	}
	return c
}

// toolChannels are the number of calls, which tool is called first, in which
// order, and each tool by itself.
func toolChannels(f *traffic.Frame) []channel {
	counts := map[string]int{}
	for i := range f.Calls {
		for _, name := range distinct(f.Calls[i].Tools) {
			counts[name]++
		}
		for name := range f.Calls[i].Identity.Tools {
			counts[name] += 0
		}
	}
	if len(counts) == 0 {
		return nil
	}
	channels := []channel{
		number("tool_calls", "", traffic.KindRank, marginRank, func(c *traffic.Call) float64 {
			if c.Failed {
				return math.NaN()
			}
			return float64(len(c.Tools))
		}),
		category("first_tool", func(c *traffic.Call) string {
			if len(c.Tools) == 0 {
				return ""
			}
			return c.Tools[0]
		}),
		category("tool_sequence", func(c *traffic.Call) string {
			if len(c.Tools) == 0 {
				return ""
			}
			return strings.Join(slices.Compact(slices.Clone(c.Tools)), " > ")
		}),
	}
	names := traffic.ByCount(counts)
	for _, name := range names[:min(maxTools, len(names))] {
		channels = append(channels, number("tool:"+name, "", traffic.KindBinary, marginShare, func(c *traffic.Call) float64 {
			switch {
			case c.Failed:
				return math.NaN()
			case slices.Contains(c.Tools, name):
				return 1
			}
			return 0
		}))
	}
	return channels
}

func distinct(names []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(names)))
}
