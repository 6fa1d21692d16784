// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build conformance

package drift

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/query"
	"github.com/spanloop/spanloop/internal/sharedtest"
	"github.com/spanloop/spanloop/internal/stats"
	"github.com/spanloop/spanloop/internal/traffic"
)

// driftRow is one recorded call of the shared material.
type driftRow struct {
	Dataset       string                  `json:"dataset"`
	Task          string                  `json:"task"`
	PromptID      string                  `json:"prompt_id"`
	Period        string                  `json:"period"`
	Model         string                  `json:"model"`
	ResponseModel string                  `json:"response_model"`
	PromptVersion string                  `json:"prompt_version"`
	ToolsSHA      string                  `json:"tools_sha"`
	Params        map[string]any          `json:"params"`
	Evaluator     string                  `json:"evaluator"`
	Input         string                  `json:"input"`
	Output        string                  `json:"output"`
	ToolCalls     []struct{ Name string } `json:"tool_calls"`
	Scores        map[string]float64      `json:"scores"`
	ErrorType     string                  `json:"error_type"`
	InputTokens   float64                 `json:"input_tokens"`
	OutputTokens  float64                 `json:"output_tokens"`
	Latency       float64                 `json:"latency_s"`
	Cost          float64                 `json:"cost_usd"`
}

func readRows(t *testing.T, path string) []driftRow {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	var rows []driftRow
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var row driftRow
		require.NoError(t, json.Unmarshal(lines.Bytes(), &row))
		rows = append(rows, row)
	}
	require.NoError(t, lines.Err())
	return rows
}

// prompt is what a task asked of a model becomes in the dataset: its version is
// the model that was asked for, which does not change.
func (r *driftRow) recorded(i int) recorded {
	start, err := time.Parse("2006-01", r.Period[:7])
	if err != nil {
		start = day
	}
	c := recorded{
		id: fmt.Sprintf("%s/%s/%s/%s/%s/%d", r.Task, r.Model, r.ResponseModel, r.Period, r.PromptID, i), prompt: r.Task, version: r.Model,
		start: start.Add(time.Duration(i) * time.Second), latency: time.Duration(r.Latency * 1e9), provider: "openai", request: r.Model, response: r.ResponseModel,
		input: r.Input, output: r.Output, params: r.Params, inputTokens: int(r.InputTokens), outputTokens: int(r.OutputTokens), cost: r.Cost,
		scores: r.Scores, evaluator: "authors",
	}
	for _, call := range r.ToolCalls {
		c.tools = append(c.tools, call.Name)
	}
	return c
}

// byPeriod splits calls at what answered, by the order of first appearance.
func byPeriod(calls []traffic.Call) [2][]traffic.Call {
	var sides [2][]traffic.Call
	for _, c := range calls {
		g := 0
		if c.Start.Month() != calls[0].Start.Month() {
			g = 1
		}
		sides[g] = append(sides[g], c)
	}
	return sides
}

// sample draws n calls without replacement, in random order.
func sample(random *rand.Rand, calls []traffic.Call, n int) []traffic.Call {
	order := random.Perm(len(calls))
	var drawn []traffic.Call
	for _, i := range order[:min(n, len(calls))] {
		drawn = append(drawn, calls[i])
	}
	return drawn
}

// disjoint draws n calls a side that share no input.
func disjoint(random *rand.Rand, before, after []traffic.Call, n int) (a, b []traffic.Call) {
	taken := map[uint64]bool{}
	a = sample(random, before, n)
	for _, c := range a {
		taken[c.InputHash] = true
	}
	rest := slices.DeleteFunc(slices.Clone(after), func(c traffic.Call) bool { return taken[c.InputHash] })
	return a, sample(random, rest, n)
}

type set struct {
	name  string
	sides [2][]traffic.Call
}

// llmdrift writes the LLMDrift sets as spans and reads them back.
func llmdrift(t *testing.T) []set {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(sharedtest.Dir(t), "driftdata", "llmdrift", "*.jsonl"))
	require.NoError(t, err)
	require.Len(t, files, 3)
	dir := t.TempDir()
	var calls []recorded
	random := seeded(3)
	for _, file := range files {
		rows := readRows(t, file)
		// The files are sorted by question; traffic is not.
		for i, at := range random.Perm(len(rows)) {
			calls = append(calls, rows[i].recorded(at))
		}
	}
	writeCalls(t, dir, calls)
	db := openDataset(t, dir)
	var sets []set
	for _, prompt := range []string{"opinionqa", "prime_full", "sensitiveq_aimattack"} {
		for _, version := range []string{"gpt-3.5-turbo", "gpt-4"} {
			sets = append(sets, set{prompt + " " + version, byPeriod(loadCalls(t, db, prompt, version))})
		}
	}
	total := 0
	for _, s := range sets {
		total += len(s.sides[0]) + len(s.sides[1])
	}
	require.Equal(t, len(calls), total, "calls read back")
	checkCommand(t, db)
	return sets
}

// checkCommand runs the whole path once over the dataset: the change of model
// between the two periods is found, dated and named.
func checkCommand(t *testing.T, db *query.DB) {
	t.Helper()
	r, err := Run(t.Context(), db.SQL(), Options{Prompt: "prime_full", Version: "gpt-4"})
	require.NoError(t, err)
	require.Equal(t, Drift, r.Verdict)
	require.Len(t, r.Changes, 1)
	require.Equal(t, CauseRecorded, r.Changes[0].Cause.Kind)
	require.Equal(t, "responding model", r.Changes[0].Cause.Dimensions[0].Name)
	require.Equal(t, time.June, r.Changes[0].At.Month())
}

const (
	perSide     = 50
	changeDraws = 10
	halvesDraws = 200
)

// TestConformanceLLMDrift finds the silent model updates of March to June 2023
// at 50 calls a side with disjoint prompts, and stays quiet on random halves of
// one period.
func TestConformanceLLMDrift(t *testing.T) {
	sets := llmdrift(t)
	random := seeded(1)
	foundSets := 0
	for _, s := range sets {
		var found [2]int
		var off []int
		named, silent := 0, 0
		for range changeDraws {
			a, b := disjoint(random, s.sides[0], s.sides[1], perSide)
			r := analysed(inTime(a, b), oneDayEach(0.05))
			found[0] += count(r.Verdict == Drift)
			named += count(len(r.Changes) == 1 && r.Changes[0].Cause.Kind == CauseRecorded && r.Changes[0].Cause.Dimensions[0].Name == "responding model")
			// Without what names the cause the date is that of the behaviour.
			r = analysed(inTime(unnamed(a), unnamed(b)), searched(0.05))
			found[1] += count(r.Verdict == Drift)
			if len(r.Changes) > 0 {
				off = append(off, away(r, len(a)))
				silent += count(r.Changes[0].Cause.Kind == CauseSilent)
			}
		}
		slices.Sort(off)
		fmt.Printf("drift: %s, %d a side: found %d/%d with windows, cause named %d/%d; found %d/%d searched without the model's name, silent %d/%d, date off by (median, largest) %d, %d calls\n",
			s.name, perSide, found[0], changeDraws, named, changeDraws, found[1], changeDraws, silent, changeDraws, middle(off), largest(off))
		if found[0] == changeDraws {
			foundSets++
		}
	}
	fmt.Printf("drift: LLMDrift March to June: %d/%d sets found in every draw\n", foundSets, len(sets))
	require.Equal(t, len(sets), foundSets)
	halves(t, sets, perSide)
	halves(t, sets, 500)
}

// unnamed are copies of calls that do not say what answered.
func unnamed(calls []traffic.Call) []traffic.Call {
	copies := slices.Clone(calls)
	for i := range copies {
		copies[i].Identity.ResponseModel = ""
	}
	return copies
}

// halves counts alarms on random halves within a period.
func halves(t *testing.T, sets []set, most int) {
	t.Helper()
	random := seeded(2)
	var alarms [2]int
	inputs := 0
	why := map[string]int{}
	for draw := range halvesDraws {
		s := sets[draw%len(sets)]
		calls := s.sides[draw/len(sets)%2]
		drawn := sample(random, calls, min(2*most, len(calls)))
		a, b := drawn[:len(drawn)/2], drawn[len(drawn)/2:]
		for mode, o := range []Options{oneDayEach(0.05), searched(0.05)} {
			r := analysed(inTime(a, b), o)
			if r.ExitCode == 1 {
				alarms[mode]++
				if len(r.Changes) > 0 {
					why[fmt.Sprint(mode, " ", s.name, " ", r.Changes[0].Channels[0].Name)]++
				}
			}
			if mode == 0 && r.Inputs.Drifted {
				inputs++
			}
		}
	}
	fmt.Printf("drift: halves of one period, up to %d a side: alarms %d/%d with windows, %d/%d searched; input drift %d/%d\n",
		most, alarms[0], halvesDraws, alarms[1], halvesDraws, inputs, halvesDraws)
	t.Log(why)
	require.LessOrEqual(t, alarms[0], halvesDraws/20)
	require.LessOrEqual(t, alarms[1], halvesDraws/20)
}

// truth is what the paired full-sample analysis of the material says of two
// periods.
type truth struct {
	Dataset, Task, Model string
	Ref, Cur             map[string]string
	Kind                 string
	Changed              []string
	Flips                int `json:"score_flips_on_identical_output"`
}

// TestConformanceSubtle prints, for information, what is found of subtler
// changes: model snapshots (AlpacaEval) and re-runs of tool-calling models under
// other tool definitions, temperatures and scorers (BFCL).
func TestConformanceSubtle(t *testing.T) {
	folder := filepath.Join(sharedtest.Dir(t), "driftdata")
	content, err := os.ReadFile(filepath.Join(folder, "truth.json"))
	require.NoError(t, err)
	var truths []truth
	require.NoError(t, json.Unmarshal(content, &truths))
	calls := subtleCalls(t, folder)
	random := seeded(4)
	type tally struct{ changed, found, same, alarms, named, wrong, flipped, evaluators int }
	tallies := map[string]*tally{}
	for _, w := range truths {
		if w.Dataset == "llmdrift" || w.Cur["prompt_version"] != "" {
			continue
		}
		before, after := pick(calls, w.Dataset, w.Task, w.Model, w.Ref), pick(calls, w.Dataset, w.Task, w.Model, w.Cur)
		require.NotEmpty(t, before)
		require.NotEmpty(t, after)
		r := analysed(inTime(sample(random, before, len(before)), sample(random, after, len(after))), oneDayEach(0.05))
		kind, _, _ := strings.Cut(w.Kind, " (")
		c := tallies[w.Dataset+" "+kind]
		if c == nil {
			c = &tally{}
			tallies[w.Dataset+" "+kind] = c
		}
		switch {
		case len(w.Changed) > 0:
			c.changed++
			c.found += count(r.Verdict == Drift)
		default:
			c.same++
			c.alarms += count(r.Verdict == Drift)
			for _, change := range r.Changes {
				t.Logf("%s %s %s: %v", w.Task, w.Model, w.Kind, movedNames(change.Channels))
			}
		}
		for _, change := range r.Changes {
			c.named += count(slices.ContainsFunc(change.Cause.Dimensions, func(d CauseDimension) bool {
				return strings.HasPrefix(w.Kind, d.Name) || strings.HasPrefix(w.Kind, "params") && d.Name == "parameters" || strings.Contains(w.Kind, "model") && d.Name == "responding model"
			}))
			c.wrong += count(change.Cause.Kind == CauseRecorded && strings.HasPrefix(w.Kind, "tool-set"))
		}
		c.flipped += count(w.Flips > 0 && strings.HasPrefix(w.Kind, "evaluator"))
		c.evaluators += count(len(r.Evaluators) > 0 && strings.HasPrefix(w.Kind, "evaluator"))
	}
	for _, kind := range sortedKeys(tallies) {
		c := tallies[kind]
		fmt.Printf("drift: %s: found %d/%d that changed, cause named %d, alarms %d/%d where the paired analysis proves no change; evaluator change reported %d/%d\n",
			kind, c.found, c.changed, c.named, c.alarms, c.same, c.evaluators, c.flipped)
		require.Equal(t, c.flipped, c.evaluators, kind)
		require.Zero(t, c.wrong, kind)
	}
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// subtle is a call with what the truth names it by.
type subtle struct {
	row  driftRow
	call traffic.Call
}

func subtleCalls(t *testing.T, folder string) []subtle {
	t.Helper()
	dir := t.TempDir()
	var rows []driftRow
	var calls []recorded
	for _, name := range []string{"alpaca_eval/gpt35.jsonl", "alpaca_eval/claude.jsonl", "bfcl/bfcl.jsonl"} {
		for i, row := range readRows(t, filepath.Join(folder, name)) {
			c := row.recorded(i)
			c.id = fmt.Sprint(name, i)
			c.session, c.prompt, c.version = c.id, "subtle", "v"
			// That of a benchmark run is of the network of that day.
			c.latency = 0
			rows, calls = append(rows, row), append(calls, c)
		}
	}
	writeCalls(t, dir, calls)
	index := map[uint64]int{}
	for i, c := range calls {
		index[stats.HashText(c.session)] = i
	}
	var list []subtle
	for _, call := range loadCalls(t, openDataset(t, dir), "subtle", "v") {
		list = append(list, subtle{rows[index[call.Cluster]], call})
	}
	require.Len(t, list, len(rows))
	return list
}

func pick(calls []subtle, set, task, model string, where map[string]string) []traffic.Call {
	var picked []traffic.Call
	for _, c := range calls {
		r := &c.row
		if r.Dataset != set || r.Model != model || task != "all" && r.Task != task {
			continue
		}
		if where["period"] != "" && r.Period != where["period"] || where["response_model"] != "" && r.ResponseModel != where["response_model"] {
			continue
		}
		if set == "alpaca_eval" && r.PromptVersion != "base" {
			continue
		}
		picked = append(picked, c.call)
	}
	return picked
}

// away is how many units the first change is from the true one.
func away(r *Report, truth int) int {
	at := int(r.Changes[0].At.Sub(day) * time.Duration(truth) / (24 * time.Hour))
	return max(at-truth, truth-at)
}

func middle(sorted []int) int {
	if len(sorted) == 0 {
		return -1
	}
	return sorted[len(sorted)/2]
}

func largest(sorted []int) int {
	if len(sorted) == 0 {
		return -1
	}
	return sorted[len(sorted)-1]
}
