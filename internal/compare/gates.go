// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic"
)

// gateLevel is the error rate of warnings that would otherwise be frequent.
const gateLevel = 0.001

// timesDiffer tells whether the arms' clusters are spread differently over the
// window, so that a change over time would look like one of version.
func timesDiffer(frame *traffic.Frame) bool {
	const blocks = 6
	counts := [2][]float64{make([]float64, blocks), make([]float64, blocks)}
	order := make([]int, len(frame.Units))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return frame.Units[a].Start.Compare(frame.Units[b].Start) })
	for position, i := range order {
		counts[frame.Units[i].Arm][position*blocks/len(order)]++
	}
	return stats.ChiSquareHomogeneity(counts[0], counts[1]).P < gateLevel
}

// describeStrata lists the strata's shares.
func (r *Report) describeStrata(frame *traffic.Frame, byTime bool) {
	r.Strata.Inputs, r.Strata.TimeBlocks, r.Strata.Count = frame.Inputs, frame.TimeBlocks, frame.Strata
	r.Strata.OverlapB = traffic.Number(1 - frame.Alone(1))
	totals := frame.Clusters()
	counts, example := make([][2]int, frame.Strata), make([]int, frame.Strata)
	for i := range example {
		example[i] = -1
	}
	for _, u := range frame.Units {
		counts[u.Stratum][u.Arm]++
		if example[u.Stratum] < 0 {
			example[u.Stratum] = u.Calls[0]
		}
	}
	order := make([]int, frame.Strata)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return counts[b][0] + counts[b][1] - counts[a][0] - counts[a][1] })
	for _, s := range order[:min(12, len(order))] {
		if example[s] < 0 {
			continue
		}
		c := frame.Calls[example[s]]
		r.Strata.Rows = append(r.Strata.Rows, Stratum{ShareA: traffic.Number(float64(counts[s][0]) / float64(totals[0])),
			ShareB: traffic.Number(float64(counts[s][1]) / float64(totals[1])), TraceID: c.TraceID, SpanID: c.SpanID, Keys: c.Keys})
	}
	if byTime {
		r.gate("time", GateWarns, "the versions' traffic is spread differently over the window: compared within six blocks of time")
	}
}

// trafficGates checks the overlap of inputs and the planned split.
func (r *Report) trafficGates(frame *traffic.Frame, o Options) {
	counts := frame.Clusters()
	overlap := 1 - frame.Alone(1)
	switch {
	case min(counts[0], counts[1]) < 2:
	case overlap < 0.5:
		r.gate("input overlap", GateBlocks, fmt.Sprintf("only %.0f%% of %s's traffic has counterparts of alike input in %s", 100*overlap, o.B, o.A))
	default:
		r.gate("input overlap", GatePasses, fmt.Sprintf("%.0f%% of %s's traffic has counterparts of alike input in %s", 100*overlap, o.B, o.A))
	}
	if o.Split <= 0 || o.Split >= 1 {
		return
	}
	a, b := float64(r.A.usedClusters), float64(r.B.usedClusters)
	expected := (a + b) * o.Split
	z := (b - expected) / math.Sqrt(expected*(1-o.Split))
	text := fmt.Sprintf("%s got %.1f%% of the sessions or traces, planned %.1f%%", o.B, 100*b/(a+b), 100*o.Split)
	if stats.NormalTwoSided(z) < gateLevel {
		r.gate("sample ratio", GateWarns, text+": something but chance decides which version a session gets; look for lost or misrouted traffic")
		return
	}
	r.gate("sample ratio", GatePasses, text)
}

// releasedSplit is B's planned share when one release served both versions over
// the whole window; 0 when that is not known. Without an environment those count
// that the calls come from.
func releasedSplit(ctx context.Context, db traffic.Querier, o Options, window [2]time.Time) float64 {
	if window[0].IsZero() || window[1].IsZero() {
		return 0
	}
	rows, err := db.QueryContext(ctx, `SELECT version, weight, count(*) OVER () FROM releases
		WHERE prompt = $1 AND version IN ($2, $3) AND weight > 0
		AND (environment = $4 OR $4 = '' AND environment IN (
			SELECT DISTINCT environment FROM lean_spans WHERE prompt_name = $1 AND prompt_version IN ($2, $3) AND start_time >= $5 AND start_time < $6))
		AND from_time <= $5 AND (to_time IS NULL OR to_time >= $6)`,
		o.Prompt, o.A, o.B, o.Environment, window[0].UTC(), window[1].UTC())
	if err != nil {
		// A dataset without a registry has no releases to check against.
		return 0
	}
	defer rows.Close()
	weights, total := map[string]float64{}, 0
	for rows.Next() {
		var version string
		var weight float64
		if rows.Scan(&version, &weight, &total) != nil {
			return 0
		}
		weights[version] += weight
	}
	if rows.Err() != nil || total != 2 || len(weights) != 2 {
		return 0
	}
	return weights[o.B] / (weights[o.A] + weights[o.B])
}

// identityWarnings tells when something besides the version differs.
func (r *Report) identityWarnings(frame *traffic.Frame) {
	dimensions := []struct {
		name  string
		value func(*traffic.Identity) string
	}{
		{"response model", func(i *traffic.Identity) string { return i.ResponseModel }},
		{"toolset", func(i *traffic.Identity) string { return i.ToolsetHash }},
		{"parameters", func(i *traffic.Identity) string { return i.ParamsHash }},
	}
	for _, d := range dimensions {
		// Calls of a session are alike: each counts once, by its first call.
		var counts [2]map[string]int
		for g := range counts {
			counts[g] = map[string]int{}
		}
		for _, u := range frame.Units {
			if v := d.value(&frame.Calls[u.Calls[0]].Identity); v != "" {
				counts[u.Arm][v]++
			}
		}
		r.identityGate(d.name, counts)
	}
}

func (r *Report) identityGate(name string, counts [2]map[string]int) {
	a, b := traffic.ByCount(counts[0]), traffic.ByCount(counts[1])
	switch {
	case len(a) == 0 || len(b) == 0 || len(a) == 1 && len(b) == 1 && a[0] == b[0]:
	case len(a) == 1 && len(b) == 1:
		r.gate(name, GateWarns, fmt.Sprintf("%s used %s, %s used %s: the difference includes that", r.VersionA, short(a[0]), r.VersionB, short(b[0])))
	default:
		var table [2][]float64
		for _, v := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b)))) {
			for g := range table {
				table[g] = append(table[g], float64(counts[g][v]))
			}
		}
		text := fmt.Sprintf("%s: %s; %s: %s", r.VersionA, shares(counts[0], a), r.VersionB, shares(counts[1], b))
		if stats.ChiSquareHomogeneity(table[0], table[1]).P < gateLevel {
			r.gate(name, GateWarns, "several, in other shares: the difference includes that ("+text+")")
			return
		}
		r.gate(name, GatePasses, "several, in like shares ("+text+")")
	}
}

func shares(counts map[string]int, names []string) string {
	total := 0
	for _, n := range counts {
		total += n
	}
	var parts []string
	for i, name := range names {
		if i == 3 {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, fmt.Sprintf("%s %.0f%%", short(name), 100*float64(counts[name])/float64(total)))
	}
	return strings.Join(parts, ", ")
}

// short cuts the hex of a hash.
func short(value string) string {
	if rest, ok := strings.CutPrefix(value, "sha256:"); ok && len(rest) > 12 {
		return rest[:12]
	}
	return value
}

// missingLevel is the error rate of the warning that values are missing more
// often in one version.
const missingLevel = 0.01

// missingness warns when values are missing more often in one version, since
// what is missing may not be missing by chance. It counts sessions, as the
// intervals do. Values that only some calls can have, and those that were
// sampled, are left out.
func (r *Report) missingness(frame *traffic.Frame, estimates []*estimate) {
	for _, e := range estimates {
		conditional := e.m.Name == "tool_call_accuracy" || slices.Contains(traffic.Covered, strings.TrimPrefix(e.m.Name, "score:"))
		if !e.m.decides || conditional || e.m.Weighted || e.m.Kind == KindCategory {
			continue
		}
		d := stats.Diff(frame.Sums(false, func(c *traffic.Call) (float64, float64) {
			if v, _ := e.m.Value(c); stats.Finite(v) {
				return 0, 1
			}
			return 1, 1
		}), true)
		if d.Strata == 0 || d.NullSE == 0 || stats.StudentTwoSided(d.Value/d.NullSE, d.DF) >= missingLevel {
			continue
		}
		r.gate("missing values", GateWarns, fmt.Sprintf("%s is missing on %.1f%% of %s's and %.1f%% of %s's calls: what is missing may not be missing by chance",
			e.m.Name, 100*d.A.Mean, r.VersionA, 100*d.B.Mean, r.VersionB))
	}
}
