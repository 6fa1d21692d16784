// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic"
)

const (
	// strong is the difference of the criterion above which one explanation is
	// clearly better than another (Kass and Raftery 1995).
	strong = 6
	// leastShare is the share of the traffic in which a dimension must differ
	// between the sides to explain a change.
	leastShare = 0.1
	// maxMetrics is how many channels an explanation is weighed on, and
	// alike the correlation from which two count as one.
	maxMetrics = 5
	alike      = 0.6
)

const (
	timeName   = "time"
	paramsName = "parameters"
)

// candidate is one dimension as an explanation.
type candidate struct {
	dimension
	values []string
	// criterion is that of the dimension, withTime that of the dimension and
	// the change's time together: a dimension that leaves something to time
	// does not explain the change.
	criterion, withTime float64
}

// explain weighs the recorded dimensions against each other, against "something
// at that time that nothing recorded shows", and against nothing.
func explain(f *traffic.Frame, channels []Channel) Cause {
	metrics := weighed(f, channels)
	side := make([]string, len(f.Units))
	for i, u := range f.Units {
		side[i] = fmt.Sprint(u.Arm)
	}
	weigh := func(values []string, extra int) float64 {
		total := 0.0
		for _, m := range metrics {
			ranked, _ := stats.Attribute(m, []stats.Explanation{{Values: values, Extra: extra}})
			total += ranked[0].Criterion
		}
		return total
	}
	atTime := weigh(side, 1)
	var candidates []candidate
	for _, d := range dimensions(f) {
		values := d.ofUnits(f)
		if shareDifference(f, values) < leastShare {
			continue
		}
		both := make([]string, len(values))
		for i := range values {
			both[i] = values[i] + "\x00" + side[i]
		}
		candidates = append(candidates, candidate{d, values, weigh(values, 0), weigh(both, 1)})
	}
	slices.SortStableFunc(candidates, func(a, b candidate) int {
		switch {
		case a.criterion < b.criterion-1e-9:
			return -1
		case a.criterion > b.criterion+1e-9:
			return 1
		}
		return 0
	})
	cause := Cause{Kind: CauseSilent, Dimensions: []CauseDimension{}, Ranked: rankedOf(candidates, atTime)}
	tied := sufficient(candidates, atTime)
	for _, c := range merge(tied) {
		cause.Dimensions = append(cause.Dimensions, c.describe(f))
	}
	cause.name()
	return cause
}

// weighed picks the channels that moved most and are not copies of each other,
// less what the stratum explains.
func weighed(f *traffic.Frame, channels []Channel) [][]float64 {
	t := &timeline{frame: f}
	var metrics [][]float64
	all := behaviourChannels(f, nil)
	for _, c := range channels {
		i := slices.IndexFunc(all, func(x channel) bool { return x.Name == c.Name })
		if i < 0 {
			continue
		}
		t.series, t.names = nil, nil
		switch all[i].Kind {
		case traffic.KindText:
			t.add(c.Name, separating(f, &all[i]))
		case traffic.KindCategory:
			if len(c.Categories) > 0 {
				t.add(c.Name, indicator(all[i].categories(f), c.Categories[0].Name, namesOf(c.Categories)))
			}
		default:
			t.add(c.Name, all[i].values(f))
		}
		for _, s := range t.series {
			if !slices.ContainsFunc(metrics, func(m []float64) bool { return math.Abs(correlation(m, s)) > alike }) {
				metrics = append(metrics, s)
			}
		}
		if len(metrics) >= maxMetrics {
			break
		}
	}
	return metrics
}

func namesOf(categories []Category) []string {
	var names []string
	for _, c := range categories {
		names = append(names, c.Name)
	}
	return names
}

// separating are the scores along the direction between the sides.
func separating(f *traffic.Frame, c *channel) []float64 {
	vectors := f.Texts(c.dimension, c.text)
	rank, _ := stats.SeparationRank(vectors, c.dimension, f.Assignment())
	scores := slices.Clone(rank.Scores())
	for i := range scores {
		if len(vectors[i]) == 0 {
			scores[i] = math.NaN()
		}
	}
	return scores
}

func correlation(a, b []float64) float64 {
	var n, sa, sb, aa, bb, ab float64
	for i := range a {
		if !stats.Finite(a[i]) || !stats.Finite(b[i]) {
			continue
		}
		n++
		sa, sb = sa+a[i], sb+b[i]
		aa, bb, ab = aa+a[i]*a[i], bb+b[i]*b[i], ab+a[i]*b[i]
	}
	va, vb := aa-sa*sa/n, bb-sb*sb/n
	if n < 2 || va <= 0 || vb <= 0 {
		return 0
	}
	return (ab - sa*sb/n) / math.Sqrt(va*vb)
}

func rankedOf(candidates []candidate, atTime float64) []Explanation {
	best := atTime
	for _, c := range candidates {
		best = min(best, c.criterion)
	}
	ranked := []Explanation{{timeName, traffic.Number(atTime - best)}}
	for _, c := range candidates {
		ranked = append(ranked, Explanation{c.name, traffic.Number(c.criterion - best)})
	}
	slices.SortStableFunc(ranked, func(a, b Explanation) int {
		switch {
		case a.Criterion < b.Criterion:
			return -1
		case a.Criterion > b.Criterion:
			return 1
		}
		return 0
	})
	return ranked
}

// sufficient are the dimensions that explain the change as well as its time
// does, leave nothing to it, and are as good as the best of them.
func sufficient(candidates []candidate, atTime float64) []candidate {
	var kept []candidate
	for _, c := range candidates {
		switch {
		case c.criterion > atTime+strong || c.criterion > c.withTime+strong:
		case len(kept) > 0 && c.criterion > kept[0].criterion+strong:
		default:
			kept = append(kept, c)
		}
	}
	return kept
}

// merge names the widest of several dimensions of a family that moved together,
// single tools before their set.
func merge(tied []candidate) []candidate {
	var kept []candidate
	for _, c := range tied {
		if c.name == "toolset" && slices.ContainsFunc(tied, func(x candidate) bool { return strings.HasPrefix(x.name, toolPrefix) }) {
			continue
		}
		i := slices.IndexFunc(kept, func(k candidate) bool { return k.family == c.family && c.family != familyTools })
		switch {
		case i < 0:
			kept = append(kept, c)
		case order(c.name) < order(kept[i].name):
			kept[i] = c
		}
	}
	return kept
}

// order is the place of a dimension within its family, the widest first.
func order(name string) int {
	return slices.Index([]string{"provider", "request model", "responding model", "system fingerprint", "server", "service", "service version", "SDK"}, name)
}

// describe tells the usual value of each side.
func (c *candidate) describe(f *traffic.Frame) CauseDimension {
	var counts [2]map[string]int
	for g := range counts {
		counts[g] = map[string]int{}
	}
	for i, u := range f.Units {
		counts[u.Arm][c.values[i]]++
	}
	d := CauseDimension{Name: c.name, Before: shiftedFrom(counts[0], counts[1]), After: shiftedFrom(counts[1], counts[0])}
	for i := range f.Calls {
		if c.value(&f.Calls[i]) == d.After {
			d.FirstSeen = f.Calls[i].Start
			break
		}
	}
	if c.family == familyParams {
		d.Detail = paramsDetail(f)
	}
	d.Before, d.After = short(d.Before), short(d.After)
	return d
}

// shiftedFrom is the value whose share is most larger here than there.
func shiftedFrom(here, there map[string]int) string {
	total := func(m map[string]int) (n float64) {
		for _, v := range m {
			n += float64(v)
		}
		return max(n, 1)
	}
	best, by := "", math.Inf(-1)
	for _, name := range sortedKeys(here) {
		if d := float64(here[name])/total(here) - float64(there[name])/total(there); d > by {
			best, by = name, d
		}
	}
	return best
}

// name makes the sentence of a cause.
func (c *Cause) name() {
	var parts []string
	for _, d := range c.Dimensions {
		text := fmt.Sprintf("%s %s to %s", d.Name, d.Before, d.After)
		switch {
		case d.Detail != "" && d.Name == paramsName:
			text = d.Name + ": " + d.Detail
		case d.Detail != "":
			text += " (" + d.Detail + ")"
		}
		if !d.FirstSeen.IsZero() {
			text += ", first seen " + stamp(d.FirstSeen)
		}
		parts = append(parts, text)
	}
	switch len(parts) {
	case 0:
		c.Kind, c.Text = CauseSilent, "silent: no recorded dimension explains it"
	case 1:
		c.Kind, c.Text = CauseRecorded, parts[0]
	default:
		c.Kind, c.Text = CauseAmbiguous, strings.Join(parts, "; or ")+" (changed together)"
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04") }
