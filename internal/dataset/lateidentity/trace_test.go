// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package lateidentity

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func pick[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

var noTools = Tools{Hash: Null, Completeness: Null}

// offered are the tools of a call.
func offering(versions ...string) Tools {
	return Tools{Versions: EncodeList(versions), Hash: Text("sha256:" + strings.Join(versions, ",")), Completeness: "full"}
}

// randomEvents are what log events of a span may say.
func randomEvents(r *rand.Rand) (events []Event) {
	for range pick(r, 0, 0, 1, 2, 3) {
		e := Event{At: int64(r.IntN(3)), ID: Text(rune('a' + r.IntN(9))), Prompt: randomState(r, "inference").Prompt, Tools: noTools}
		if r.IntN(2) == 0 {
			e.Tools = pick(r, offering("get@1"), offering("get@1"), offering("get@2"))
		}
		events = append(events, e)
	}
	return events
}

// randomState is what a span may give.
func randomState(r *rand.Rand, kind string) State {
	s := State{Session: pick(r, Null, Null, "s", "z"), User: pick(r, Null, "u"), ToolVersion: Null, Variant: Null, Prompt: Prompt{
		Name: Null, Version: Null, Hash: Null, Label: Null, Resolution: Null, Reason: Null,
	}, Tools: noTools}
	if kind == "tool" {
		s.ToolVersion = pick(r, Null, Null, "9")
		return s
	}
	switch r.IntN(5) {
	case 0:
		s.Prompt.Name, s.Prompt.Version, s.Prompt.Resolution = pick[Text](r, "a", "b", `q"\`), pick[Text](r, "1", "2"), pick[Text](r, "explicit", "hash")
		s.Prompt.Hash, s.Prompt.Variables = pick(r, Null, "sha256:x"), EncodeVariables([]string{"k"}, []string{"v"})
	case 1:
		text := pick[Text](r, "fp-1", "fp-2")
		s.Prompt.Name, s.Prompt.Version, s.Prompt.Hash, s.Prompt.Resolution = text, text, text, "fingerprint"
	case 2, 3:
		s.Prompt.Resolution, s.Prompt.Reason, s.Variant = "none", "no_content", pick(r, Null, "v")
	}
	return s
}

func randomRows(r *rand.Rand) (rows []Span) {
	for id := range 2 + r.IntN(9) {
		s := Span{
			ID: ID{byte(id + 1)}, Kind: pick(r, "inference", "inference", "inference", "agent", "workflow", "tool", "prompt", "evaluation"),
			Replay: r.IntN(8) == 0, Counted: r.IntN(4) > 0, Began: int64(r.IntN(4)), ToolName: Null, Model: Null, Params: Null, Marker: Null,
		}
		s.Ended = s.Began + int64(r.IntN(3))
		if id > 0 {
			s.Parent = ID{byte(1 + r.IntN(id+1))}
		}
		s.Own = randomState(r, s.Kind)
		switch s.Kind {
		case "tool":
			s.ToolName = pick[Text](r, "get", "put")
		case "inference":
			s.Own.Tools = pick(r, noTools, offering("get@1"), offering("get@2", "put@1"), offering("get@1", "get@2"), offering("get"))
		}
		s.Stored, s.Told = s.Own, Tell(randomEvents(r))
		rows = append(rows, s)
	}
	return rows
}

// fill makes rows hold what they are to hold, as compaction does.
func fill(rows []Span) {
	for i, state := range Resolve(rows) {
		rows[i].Stored, rows[i].Marker = state, state.Marker(rows[i].Own)
	}
}

// What rows are to hold depends neither on their order nor on which of them hold it
// already, and what their spans gave is always known.
func TestResolveIsStable(t *testing.T) {
	filled := 0
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		all := randomRows(r)
		want := Resolve(all)
		// Rows come in two lots, in another order, and are filled in between.
		order := r.Perm(len(all))
		var rows []Span
		for n, i := range order {
			rows = append(rows, all[i])
			if n == len(order)/2 {
				// The log events of some spans come later.
				for k := range rows {
					if r.IntN(3) == 0 {
						rows[k].Told = Told{}
					}
				}
				fill(rows)
				for k := range rows {
					rows[k].Told = all[order[k]].Told
				}
			}
		}
		fill(rows)
		for n, i := range order {
			require.Equal(t, want[i], rows[n].Stored, "seed %d", seed)
			require.Equal(t, all[i].Own, rows[n].Stored.Before(rows[n].Marker), "seed %d", seed)
			if rows[n].Marker != Null {
				filled++
			}
		}
		again := Resolve(rows)
		for n := range rows {
			require.Equal(t, rows[n].Stored, again[n], "seed %d: nothing is left to do", seed)
		}
	}
	assert.Greater(t, filled, 1000)
}

// What was filled in stays when the spans that told it are gone.
func TestResolveKeepsWhatWasTold(t *testing.T) {
	lender := State{Session: "s", User: Null, ToolVersion: Null, Variant: Null, Prompt: Prompt{
		Name: "a", Version: "1", Hash: Null, Label: Null, Resolution: "explicit", Reason: Null,
	}, Tools: noTools}
	call := State{Session: Null, User: Null, ToolVersion: Null, Variant: "v", Prompt: Prompt{
		Name: Null, Version: Null, Hash: Null, Label: Null, Resolution: "none", Reason: "no_content",
	}, Tools: noTools}
	rows := []Span{
		{ID: ID{1}, Kind: "agent", Own: lender, Stored: lender, Marker: Null},
		{ID: ID{2}, Parent: ID{1}, Kind: "inference", Counted: true, Own: call, Stored: call, Marker: Null, Model: Null, Params: Null},
	}
	fill(rows)
	require.Equal(t, Text("a"), rows[1].Stored.Prompt.Name)
	require.NotEqual(t, Text("v"), rows[1].Stored.Variant)
	assert.Equal(t, Text(`{"session_id":null,"prompt_name":null,"prompt_version":null,"prompt_resolution":"none","prompt_unresolved_reason":"no_content","variant_id":"v"}`), rows[1].Marker)
	assert.Equal(t, []State{rows[1].Stored}, Resolve(rows[1:]))
}

// A marker that is none says nothing.
func TestMarkerOfOthers(t *testing.T) {
	s := State{Session: "s"}
	for _, marker := range []Text{Null, "", "{", "[]", `{"session_id":1}`, "null", `{"other":"x"}`} {
		assert.Equal(t, s, s.Before(marker), "%q", marker)
	}
}

func TestVariables(t *testing.T) {
	for _, texts := range [][]string{nil, {""}, {"a", "", "b\x00c"}} {
		names, values := DecodeVariables(EncodeVariables(texts, texts))
		assert.Equal(t, texts, names)
		assert.Equal(t, texts, values)
	}
}
