// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"errors"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/report"
	"github.com/spanloop/spanloop/internal/wire"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), text)
}

// timed gives runs times that do not vary.
func timed(runs []Run) []Run {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i := range runs {
		runs[i].Start = start.Add(time.Duration(i) * time.Second)
		runs[i].End = runs[i].Start.Add(time.Duration(80+i%3) * time.Millisecond)
		for j := range runs[i].Scores {
			if runs[i].Scores[j].Name == "latency_ms" {
				runs[i].Scores[j].Value.Value = float64(80 + i%3)
			}
		}
	}
	return runs
}

func text(t *testing.T, result *Result) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, result.WriteFidelity(&b))
	if len(result.Runs) > 0 {
		require.NoError(t, result.WriteRuns(&b, report.Options{Width: 160}))
	}
	return b.String()
}

func TestTextOfAComparison(t *testing.T) {
	plan, runs, err := execute(t, &serving{}, wire.ClientConfig{}, RunOptions{Runs: 5, Concurrency: 1})
	require.NoError(t, err)
	result := plan.Result(5, false)
	result.RunID, result.Exported = "run-1", "10 spans written to the dataset ./spanloop-data"
	result.AddRuns(timed(runs), evaluator.Defaults())
	golden(t, "compared.txt", text(t, result))
	assert.Equal(t, 0, result.ExitCode())
}

func TestTextOfARepetition(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	plan := planned(t, snapshot, supportCall(t, snapshot), Changes{})
	s := &serving{answer: func(w http.ResponseWriter, n int, _ string) bool {
		if n == 1 {
			_, _ = w.Write([]byte(textAnswer("It is on its way.")))
		}
		return n == 1
	}}
	runs, err := plan.Execute(t.Context(), RunOptions{Runs: 3, Concurrency: 1, Sender: provider(t, wire.ClientConfig{}, s.ServeHTTP), Evaluators: evaluator.Defaults()})
	require.NoError(t, err)
	result := plan.Result(3, false)
	result.AddRuns(timed(runs), evaluator.Defaults())
	golden(t, "repeated.txt", text(t, result))
}

func TestTextOfARefusal(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	call := supportCall(t, snapshot)
	call.edit = func(a pcommon.Map) {
		a.PutStr("gen_ai.input.messages", `[{"role":"user","parts":[{"type":"text","content":"where is [REDACTED]"}]}]`)
	}
	plan := planned(t, snapshot, call, Changes{})
	golden(t, "refused.txt", text(t, plan.Result(5, false)))
}

func TestHostileTextIsEscaped(t *testing.T) {
	const clear, right = "\x1b[2J\x1b]0;owned\x07", "\u202e"
	hostile := recording{
		body:   chatBody("You help. " + clear + right),
		answer: chatAnswer("m"+clear, `{"id":"`+strings.ReplaceAll(clear, "\x1b", "\\u001b")+`"}`), prompt: "v1",
		edit: func(a pcommon.Map) {
			a.PutStr("gen_ai.prompt.name", "support"+clear)
			a.PutStr("gen_ai.request.model", "alias")
		},
	}
	hostile.answer = strings.ReplaceAll(hostile.answer, "\x07", "")
	plan, err := NewPlan(hostile.source(t, nil), PlanOptions{Changes: Changes{Edits: []Edit{{"help", "aid" + clear}}, Model: "x" + right}})
	require.NoError(t, err)
	s := &serving{answer: func(w http.ResponseWriter, n int, _ string) bool {
		if n == 0 {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(clear + right))
			return true
		}
		_, _ = w.Write([]byte(textAnswer("fine" + clear + right)))
		return true
	}}
	runs, err := plan.Execute(t.Context(), RunOptions{Runs: 2, Concurrency: 1, Sender: provider(t, wire.ClientConfig{}, s.ServeHTTP), Evaluators: evaluator.Defaults()})
	require.NoError(t, err)
	result := plan.Result(2, true)
	result.AddRuns(runs, evaluator.Defaults())
	shown := text(t, result) + jsonOf(t, result)
	for _, forbidden := range []string{"\x1b", "\x07", right} {
		assert.NotContains(t, shown, forbidden)
	}
	assert.Contains(t, shown, `\x1b`, "it is shown escaped, not hidden")
}

func TestOutcomesAndExitCodes(t *testing.T) {
	measure := func(verdicts ...string) []Measure {
		var list []Measure
		for _, v := range verdicts {
			list = append(list, Measure{Quality: v != Differs, Verdict: v})
		}
		return list
	}
	snapshot := load(t, registryFolder(t))
	plan := planned(t, snapshot, supportCall(t, snapshot), Changes{PromptVersion: "v2"})
	for _, c := range []struct {
		scores  []Measure
		outcome string
		code    int
	}{
		{measure(Better, Equal), Better, 0},
		{measure(Better, Worse), Worse, 1},
		{measure(Better, NotEnoughRuns), Better, 0},
		{measure(Equal, NotEnoughRuns), NotEnoughRuns, 3},
		{measure(Equal, Differs), Equal, 0},
		{measure(Differs), NotEnoughRuns, 3},
		{nil, NotEnoughRuns, 3},
	} {
		r := plan.Result(1, false)
		r.Scores = c.scores
		r.Outcome = r.outcome()
		assert.Equal(t, c.outcome, r.Outcome)
		assert.Equal(t, c.code, r.ExitCode())
		assert.NotEmpty(t, r.sentence())
	}
	for outcome, code := range map[string]int{OutcomeFailed: 4, OutcomeUnfaithful: 3, OutcomeChecked: 0, OutcomePlanned: 0, OutcomeRepeated: 0} {
		r := plan.Result(1, false)
		r.Outcome = outcome
		assert.Equal(t, code, r.ExitCode(), outcome)
	}
}

func TestWhatMovedIsSaid(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	call := supportCall(t, snapshot)
	call.answer = chatAnswer("m-0", `{"id":17}`)
	plan := planned(t, snapshot, call, Changes{})
	s := &serving{}
	runs, err := plan.Execute(t.Context(), RunOptions{Runs: 3, Concurrency: 1, Sender: provider(t, wire.ClientConfig{}, s.ServeHTTP), Evaluators: evaluator.Defaults()})
	require.NoError(t, err)
	plan.Source.Scores = []evaluator.Score{{Name: "judge", EvaluatorVersion: "v9"}}
	result := plan.Result(3, false)
	result.AddRuns(runs, evaluator.Defaults())
	ids := noteIDs(result.Notes)
	assert.Subset(t, ids, []string{"model-moved", "not-reproduced", "score-not-reproduced", "evaluator-not-rerun"})

	same := planned(t, snapshot, supportCall(t, snapshot), Changes{})
	runs, err = same.Execute(t.Context(), RunOptions{Runs: 3, Concurrency: 1, Sender: provider(t, wire.ClientConfig{}, s.ServeHTTP), Evaluators: evaluator.Defaults()})
	require.NoError(t, err)
	result = same.Result(3, false)
	result.AddRuns(runs, evaluator.Defaults())
	for _, id := range []string{"model-moved", "not-reproduced", "score-not-reproduced"} {
		assert.NotContains(t, noteIDs(result.Notes), id)
	}
}

func TestWithoutARecordedAnswerNothingIsCompared(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	call := supportCall(t, snapshot)
	call.answer = ""
	plan := planned(t, snapshot, call, Changes{PromptVersion: "v2"})
	runs, err := plan.Execute(t.Context(), RunOptions{Runs: 2, Concurrency: 1, Sender: provider(t, wire.ClientConfig{}, (&serving{}).ServeHTTP), Evaluators: evaluator.Defaults()})
	require.NoError(t, err)
	result := plan.Result(2, false)
	result.AddRuns(runs, evaluator.Defaults())
	assert.Zero(t, result.Arms[0].Compared)
	assert.Equal(t, 2, result.Arms[0].Answered)
	assert.Equal(t, "oo", result.strip(ArmControl))
	assert.NotContains(t, noteIDs(result.Notes), "not-reproduced")
	shown := text(t, result)
	assert.Contains(t, shown, "recorded  no answer")
	assert.NotContains(t, shown, "0 %")
}

func TestUnsentRunsAreShown(t *testing.T) {
	snapshot := load(t, registryFolder(t))
	plan := planned(t, snapshot, supportCall(t, snapshot), Changes{PromptVersion: "v2"})
	result := plan.Result(2, false)
	result.AddRuns([]Run{{Arm: ArmControl, Err: errors.New("refused")}, {Arm: ArmTreatment, Err: ErrNotSent}}, nil)
	assert.Equal(t, "!", result.strip(ArmControl))
	assert.Equal(t, ".", result.strip(ArmTreatment))
	shown := text(t, result)
	assert.Contains(t, shown, "1 of the control arm: refused")
	assert.Contains(t, shown, "1 of the treatment arm: not sent")
}
