// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"math"
	"slices"
	"strings"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/stats"
)

// Verdicts on one score, treatment against control.
const (
	Better        = "better"
	Worse         = "worse"
	Differs       = "differs"
	Equal         = "equal"
	NotEnoughRuns = "not enough runs"
)

// alpha is the probability with which replays of an unchanged request may be
// called different, over all scores of a family together.
const alpha = 0.05

// ArmScore is a score in one arm.
type ArmScore struct {
	// Runs is how many answers have the score; without any there is no mean.
	Runs int     `json:"runs"`
	Mean float64 `json:"mean"`
	// SD is the standard deviation over the runs: the noise of the model.
	SD float64 `json:"sd"`
}

// Measure compares one score between the arms.
type Measure struct {
	Name      string `json:"name"`
	Version   string `json:"evaluator_version"`
	Direction string `json:"direction"`
	// Quality scores lie between 0 and 1 and decide the result; the others
	// (latency, tokens, cost, lengths) are told beside them.
	Quality bool `json:"quality"`
	// Recorded is the recorded call's score, by the same evaluator.
	Recorded  *float64  `json:"recorded"`
	Control   ArmScore  `json:"control"`
	Treatment *ArmScore `json:"treatment,omitempty"`
	// Difference is treatment minus control, with its 95 % interval: Newcombe's
	// for passes and failures, Welch's for numbers; none for numbers that do not
	// vary within the arms.
	Difference *float64 `json:"difference,omitempty"`
	Low        *float64 `json:"low,omitempty"`
	High       *float64 `json:"high,omitempty"`
	// P is the permutation test's, adjusted for the scores of its family that
	// could have been significant at all (Tarone 1990).
	P       *float64 `json:"p,omitempty"`
	Verdict string   `json:"verdict,omitempty"`
	// RunsNeeded per arm would show the difference seen with power 0.8.
	RunsNeeded int `json:"runs_needed,omitempty"`

	raw, attainable    float64
	control, treatment []float64
}

// measureScores compares all scores of the arms.
func measureScores(recorded []evaluator.Score, runs []Run, compare bool) []Measure {
	index := map[string]*Measure{}
	var names []string
	for i := range runs {
		for _, s := range runs[i].Scores {
			if !s.Value.Set || runs[i].Err != nil && s.Name != "error" {
				continue
			}
			m := index[s.Name]
			if m == nil {
				m = &Measure{Name: s.Name, Version: s.EvaluatorVersion, Direction: s.Direction}
				m.Quality = s.Range == "0..1" && s.Direction != evaluator.Neutral
				index[s.Name] = m
				names = append(names, s.Name)
			}
			if runs[i].Arm == ArmControl {
				m.control = append(m.control, s.Value.Value)
			} else {
				m.treatment = append(m.treatment, s.Value.Value)
			}
		}
	}
	slices.Sort(names)
	list := make([]Measure, 0, len(names))
	for _, name := range names {
		m := index[name]
		for _, s := range recorded {
			if s.Name == name && s.Value.Set {
				value := s.Value.Value
				m.Recorded = &value
			}
		}
		m.describe(compare)
		list = append(list, *m)
	}
	if compare {
		judge(list, true)
		judge(list, false)
	}
	slices.SortStableFunc(list, func(a, b Measure) int {
		if a.Quality != b.Quality {
			if a.Quality {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list
}

// describe fills in means, difference and interval.
func (m *Measure) describe(compare bool) {
	meanA, varA, nA := stats.MeanVariance(m.control)
	m.Control = ArmScore{Runs: nA, Mean: finite(meanA), SD: finite(math.Sqrt(varA))}
	if !compare {
		return
	}
	meanB, varB, nB := stats.MeanVariance(m.treatment)
	m.Treatment = &ArmScore{Runs: nB, Mean: finite(meanB), SD: finite(math.Sqrt(varB))}
	if nA == 0 || nB == 0 {
		m.Verdict = NotEnoughRuns
		return
	}
	difference := meanB - meanA
	m.Difference = &difference
	m.raw, m.attainable = permutation(m.control, m.treatment)
	if isBinary(m.control) && isBinary(m.treatment) {
		low, high := stats.Newcombe(meanA, float64(nA), meanB, float64(nB), stats.NormalQuantile(1-alpha/2))
		m.Low, m.High = &low, &high
	} else if nA > 1 && nB > 1 && varA+varB > 0 {
		low, high := welch(difference, varA, nA, varB, nB)
		m.Low, m.High = &low, &high
	}
	if difference != 0 {
		pooled := (varA + varB) / 2
		if n := 2 * pooled * 7.849 / (difference * difference); n > float64(max(nA, nB)) && n < 1e6 {
			m.RunsNeeded = int(math.Ceil(n))
		}
	}
}

func finite(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return x
}

func isBinary(values []float64) bool {
	return !slices.ContainsFunc(values, func(v float64) bool { return v != 0 && v != 1 })
}

// welch is the t interval of a difference of means with unequal variances.
func welch(difference, varA float64, nA int, varB float64, nB int) (low, high float64) {
	a, b := varA/float64(nA), varB/float64(nB)
	df := (a + b) * (a + b) / (a*a/float64(nA-1) + b*b/float64(nB-1))
	half := stats.StudentQuantile(1-alpha/2, df) * math.Sqrt(a+b)
	return difference - half, difference + half
}

// judge gives the verdicts of one family of scores. Scores that could not be
// significant however the runs had come out do not count (Tarone's K).
func judge(list []Measure, quality bool) {
	var family []*Measure
	for i := range list {
		if m := &list[i]; m.Quality == quality && m.Difference != nil {
			family = append(family, m)
		}
	}
	k := 1
	for ; k < len(family); k++ {
		testable := 0
		for _, m := range family {
			if m.attainable <= alpha/float64(k) {
				testable++
			}
		}
		if testable <= k {
			break
		}
	}
	for _, m := range family {
		p := min(1, m.raw*float64(k))
		m.P = &p
		m.Verdict = m.verdict(p, k)
	}
}

func (m *Measure) verdict(p float64, k int) string {
	constant := slices.Max(m.control) == slices.Min(m.control) && slices.Max(m.treatment) == slices.Min(m.treatment)
	switch {
	case constant && *m.Difference == 0:
		return Equal
	case p > alpha || m.attainable > alpha/float64(k):
		return NotEnoughRuns
	case m.Direction == evaluator.HigherIsBetter && *m.Difference > 0, m.Direction == evaluator.LowerIsBetter && *m.Difference < 0:
		return Better
	case m.Direction == evaluator.HigherIsBetter || m.Direction == evaluator.LowerIsBetter:
		return Worse
	}
	return Differs
}

const (
	maxExact = 200_000
	draws    = 20_000
)

// permutation tests a difference of means by relabeling runs: exactly where the
// relabelings can be counted, else by drawing. attainable is the smallest p that
// these values could have given.
func permutation(control, treatment []float64) (p, attainable float64) {
	all := slices.Concat(control, treatment)
	n, k := len(all), len(treatment)
	total := 0.0
	for _, v := range all {
		total += v
	}
	statistic := func(sum float64) float64 {
		return math.Abs(sum/float64(k) - (total-sum)/float64(n-k))
	}
	observed := 0.0
	for _, v := range treatment {
		observed += v
	}
	t := statistic(observed)
	slack := 1e-9 * (math.Abs(t) + 1)
	var seen []float64
	if choose(n, k) <= maxExact {
		seen = make([]float64, 0, int(choose(n, k)))
		combinations(all, 0, k, 0, func(sum float64) { seen = append(seen, statistic(sum)) })
	} else {
		seen = append(drawn(all, k, statistic), t)
	}
	largest := slices.Max(seen)
	asLarge, atMost := 0, 0
	for _, v := range seen {
		if v >= t-slack {
			asLarge++
		}
		if v >= largest-slack {
			atMost++
		}
	}
	return float64(asLarge) / float64(len(seen)), float64(atMost) / float64(len(seen))
}

func choose(n, k int) float64 {
	c := 1.0
	for i := range min(k, n-k) {
		c = c * float64(n-i) / float64(i+1)
	}
	return c
}

// combinations visits the sum of every choice of k values.
func combinations(values []float64, from, k int, sum float64, visit func(float64)) {
	if k == 0 {
		visit(sum)
		return
	}
	for i := from; i <= len(values)-k; i++ {
		combinations(values, i+1, k-1, sum+values[i], visit)
	}
}

func drawn(values []float64, k int, statistic func(float64) float64) []float64 {
	random := stats.Random(uint64(len(values)), uint64(k))
	shuffled := slices.Clone(values)
	seen := make([]float64, draws)
	for d := range seen {
		sum := 0.0
		for i := range k {
			j := i + random.IntN(len(shuffled)-i)
			shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
			sum += shuffled[i]
		}
		seen[d] = statistic(sum)
	}
	return seen
}
