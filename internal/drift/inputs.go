// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic"
)

// inputChannels are what the model was asked.
func inputChannels(f *traffic.Frame, keys []string) []channel {
	channels := styleChannels(func(c *traffic.Call) *traffic.Style { return &c.InputStyle }, "input_")
	logSize := func(name string, value func(*traffic.Call) float64) channel {
		c := number(name, "characters", traffic.KindRatio, math.Log1p(0.1), func(c *traffic.Call) float64 {
			if v := value(c); v > 0 {
				return math.Log(v)
			}
			return math.NaN()
		})
		return c
	}
	channels = append(channels,
		logSize("input_length", func(c *traffic.Call) float64 { return c.InputStyle.Chars }),
		logSize("instructions_length", func(c *traffic.Call) float64 { return c.VisibleInput[0] }),
		logSize("history_length", func(c *traffic.Call) float64 { return c.VisibleInput[1] }),
		channel{Metric: traffic.Metric{Name: "input_text", Kind: traffic.KindText, Margin: marginText},
			text: func(c *traffic.Call) []stats.Feature { return c.Input }, dimension: traffic.InputDimension},
		inputMix(f))
	for i, key := range keys {
		channels = append(channels, category("key:"+key, func(c *traffic.Call) string { return orNone(c.Keys[i]) }))
	}
	return channels
}

// inputMix is the group of alike inputs that a unit's stratum stands for.
func inputMix(f *traffic.Frame) channel {
	group := make(map[spanKey]string, len(f.Calls))
	for i := range f.Calls {
		c := &f.Calls[i]
		if len(c.Input) > 0 {
			group[spanKey{c.TraceID, c.SpanID}] = fmt.Sprintf("group %d", f.Units[f.UnitOf[i]].Stratum+1)
		}
	}
	return category("input_groups", func(c *traffic.Call) string { return group[spanKey{c.TraceID, c.SpanID}] })
}

type spanKey struct{ trace, span string }

const hiddenName = "hidden_input_tokens"

// hiddenContext is the number of input tokens beyond what the visible input
// explains: a step in it means another tokenizer, or text around the input that
// the span does not show. Where equal inputs recur it is exact; else the tokens
// in a byte of instructions, history and tool definitions are fitted by ridge
// regression.
func hiddenContext(f *traffic.Frame) channel {
	fit := fitTokens(f)
	expected, recurring := recurringTokens(f)
	value := fit.residual
	if recurring >= len(f.Calls)/2 || !fit.usable && recurring >= 2*minChannel {
		value = func(c *traffic.Call) float64 {
			if e, ok := expected[inputOf(c)]; ok {
				return c.InputTokens - e
			}
			return math.NaN()
		}
	}
	return number(hiddenName, "tokens", traffic.KindMean, max(5, 0.02*fit.mean), value)
}

// input is all that a request's tokens may depend on.
type input struct {
	hash    uint64
	toolset string
}

func inputOf(c *traffic.Call) input { return input{c.InputHash, c.Identity.ToolsetHash} }

// recurringTokens are the mean input tokens of each input that recurs, and the
// number of calls with one.
func recurringTokens(f *traffic.Frame) (expected map[input]float64, calls int) {
	sums, counts := map[input]float64{}, map[input]int{}
	for i := range f.Calls {
		if c := &f.Calls[i]; c.InputHash != 0 && !math.IsNaN(c.InputTokens) {
			sums[inputOf(c)] += c.InputTokens
			counts[inputOf(c)]++
		}
	}
	expected = map[input]float64{}
	for in, n := range counts {
		if n > 1 {
			expected[in] = sums[in] / float64(n)
			calls += n
		}
	}
	return expected, calls
}

// tokenFit predicts input tokens.
type tokenFit struct {
	weights [3]float64
	// offset makes the mean residual 0; mean is that of the tokens.
	offset, mean float64
	usable       bool
}

// Bounds of the fit: the calls it needs, and the share of the variance of the
// input tokens that must be explained, unless they hardly vary.
const (
	minFit      = 50
	leastFit    = 0.5
	steadyShare = 0.02
)

func visible(c *traffic.Call) [3]float64 {
	return [3]float64{c.VisibleInput[0] / 1000, c.VisibleInput[1] / 1000, c.VisibleInput[2] / 1000}
}

func fittable(c *traffic.Call) bool {
	return !math.IsNaN(c.InputTokens) && c.VisibleInput[0]+c.VisibleInput[1] > 0
}

// fitTokens fits differences between consecutive calls: one step, which is what
// is looked for, is in one of them only and does not bend the fit.
func fitTokens(f *traffic.Frame) tokenFit {
	var gram [9]float64
	var target [3]float64
	var values []float64
	var last *traffic.Call
	for i := range f.Calls {
		c := &f.Calls[i]
		if !fittable(c) {
			continue
		}
		values = append(values, c.InputTokens)
		if last != nil {
			x, before := visible(c), visible(last)
			for a := range x {
				target[a] += (x[a] - before[a]) * (c.InputTokens - last.InputTokens)
				for b := range x {
					gram[a*3+b] += (x[a] - before[a]) * (x[b] - before[b])
				}
			}
		}
		last = c
	}
	fit := tokenFit{}
	mean, _, n := stats.MeanVariance(values)
	fit.mean = mean
	if n < minFit || !fit.solve(gram, target, n) {
		return fit
	}
	fit.usable = true
	var residuals []float64
	for i := range f.Calls {
		if v := fit.residual(&f.Calls[i]); stats.Finite(v) {
			residuals = append(residuals, v)
		}
	}
	fit.offset, _, _ = stats.MeanVariance(residuals)
	left, all := roughness(residuals), roughness(values)
	fit.usable = left <= (1-leastFit)*all || math.Sqrt(left) <= steadyShare*mean
	return fit
}

func (t *tokenFit) solve(gram [9]float64, target [3]float64, n int) bool {
	for a := range 3 {
		gram[a*3+a] += 1e-6 * float64(n)
	}
	var chol mat.Cholesky
	if !chol.Factorize(mat.NewSymDense(3, gram[:])) {
		return false
	}
	var solved mat.VecDense
	if err := chol.SolveVecTo(&solved, mat.NewVecDense(3, target[:])); err != nil {
		return false
	}
	for a := range t.weights {
		t.weights[a] = solved.AtVec(a)
	}
	return true
}

// roughness is the variance by successive differences (von Neumann 1941), in
// which one step, which is what is looked for, hardly counts.
func roughness(values []float64) float64 {
	total := 0.0
	for i := 1; i < len(values); i++ {
		d := values[i] - values[i-1]
		total += d * d / 2
	}
	return total / float64(max(1, len(values)-1))
}

func (t tokenFit) residual(c *traffic.Call) float64 {
	if !t.usable || !fittable(c) {
		return math.NaN()
	}
	residual := c.InputTokens - t.offset
	for i, x := range visible(c) {
		residual -= t.weights[i] * x
	}
	return residual
}
