// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic"
)

// examplesPerSide is how many calls stand for each side of a change.
const examplesPerSide = 3

// gauge is how far a call lies on its side of one channel.
type gauge struct {
	c     *channel
	means [2]float64
	sd    float64
}

// examples lists, for each side of a change, the calls nearest to the change of
// those that are typical of it on the channels that moved: as far on its side
// as its mean, or further.
func examples(f *traffic.Frame, moved []Channel) []Example {
	gauges := newGauges(f, moved)
	list := []Example{}
	if len(gauges) == 0 {
		return list
	}
	for g, side := range []string{"before", "after"} {
		var order []int
		typical := make([]float64, len(f.Calls))
		for i := range f.Calls {
			if f.Calls[i].Arm != g {
				continue
			}
			order = append(order, i)
			for _, x := range gauges {
				typical[i] += x.of(&f.Calls[i], g)
			}
		}
		slices.SortStableFunc(order, func(a, b int) int {
			switch {
			case typical[a] > typical[b]+1e-9:
				return -1
			case typical[a] < typical[b]-1e-9:
				return 1
			case g == 0:
				return b - a
			}
			return a - b
		})
		traces := map[string]bool{}
		for _, i := range order {
			c := &f.Calls[i]
			if traces[c.TraceID] {
				continue
			}
			traces[c.TraceID] = true
			list = append(list, Example{side, c.TraceID, c.SpanID, c.Start, whatOf(c, gauges)})
			if len(traces) == examplesPerSide {
				break
			}
		}
	}
	return list
}

func newGauges(f *traffic.Frame, moved []Channel) []gauge {
	all := behaviourChannels(f, nil)
	var gauges []gauge
	for _, m := range moved {
		i := slices.IndexFunc(all, func(c channel) bool { return c.Name == m.Name })
		if i < 0 || all[i].Value == nil || all[i].units != nil {
			continue
		}
		var sides [2][]float64
		for j := range f.Calls {
			if v, _ := all[i].Value(&f.Calls[j]); stats.Finite(v) {
				sides[f.Calls[j].Arm] = append(sides[f.Calls[j].Arm], v)
			}
		}
		before, _, n := stats.MeanVariance(sides[0])
		after, _, k := stats.MeanVariance(sides[1])
		_, variance, _ := stats.MeanVariance(append(sides[0], sides[1]...))
		if n == 0 || k == 0 || variance == 0 || before == after {
			continue
		}
		gauges = append(gauges, gauge{&all[i], [2]float64{before, after}, math.Sqrt(variance)})
	}
	return gauges
}

// of is how far a call of one side lies from the other side's mean, in standard
// deviations and at most as far as its own side's mean, or a deviation for
// outcomes that are rare on both sides.
func (g *gauge) of(c *traffic.Call, side int) float64 {
	v, _ := g.c.Value(c)
	if !stats.Finite(v) {
		return 0
	}
	apart := (g.means[side] - g.means[1-side]) / g.sd
	far := (v - g.means[1-side]) / g.sd * math.Copysign(1, apart)
	limit := math.Abs(apart)
	if g.c.Kind == traffic.KindBinary {
		limit = max(limit, 1)
	}
	return min(far, limit)
}

// whatOf describes a call by its tools and the first channels.
func whatOf(c *traffic.Call, gauges []gauge) string {
	var parts []string
	if len(c.Tools) > 0 {
		parts = append(parts, "calls "+strings.Join(c.Tools[:min(3, len(c.Tools))], ", "))
	}
	for _, g := range gauges {
		v, _ := g.c.Value(c)
		if !stats.Finite(v) || strings.HasPrefix(g.c.Name, "tool") || len(parts) == 3 {
			continue
		}
		if g.c.Kind == traffic.KindRatio {
			v = math.Exp(v) * g.c.Scale
		}
		parts = append(parts, fmt.Sprintf("%s %.4g", g.c.Name, v))
	}
	return strings.Join(parts, ", ")
}
