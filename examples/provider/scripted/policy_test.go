// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package scripted

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func called(name string) func(answer) bool {
	return func(a answer) bool { return len(a.Calls) == 1 && a.Calls[0].Name == name }
}

func argument(name string) func(answer) string {
	return func(a answer) string {
		var in map[string]json.RawMessage
		if len(a.Calls) == 0 || json.Unmarshal([]byte(a.Calls[0].Arguments), &in) != nil {
			return ""
		}
		return string(in[name])
	}
}

// calls are the answers that call a tool.
func calls(answers []answer) []answer {
	return slices.DeleteFunc(slices.Clone(answers), func(a answer) bool { return len(a.Calls) == 0 })
}

func TestOrderIDFaultsFollowTheInstruction(t *testing.T) {
	const n = 4000
	wrong := func(a answer) bool { return argument("order_id")(a) == `"48213"` }
	tests := []struct {
		name, system, question string
		want                   float64
	}{
		{"guarded", copyID, "Where is my order A-48213?", guardedPlain},
		{"guarded, inviting", copyID, "Where is order number A-48213?", guardedInviting},
		{"bare", "Be helpful.", "Where is my order A-48213?", barePlain},
		{"bare, inviting", "Be helpful.", "Where is order number A-48213?", bareInviting},
		{"an instruction not to", "Do not copy the order id exactly.", "Where is order number A-48213?", bareInviting},
		{"other words for it", "Order ids must reach the tool unchanged, with their prefix.", "Where is order number A-48213?", guardedInviting},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answers := calls(sample(t, asking(tt.system, tt.question), DefaultModel, n))
			within(t, tt.want, rate(answers, wrong), len(answers))
		})
	}
}

func TestGuardMayStandInTheToolDescription(t *testing.T) {
	r := asking("Be helpful.", "Where is order number A-48213?")
	r.Tools[0].Parameters = json.RawMessage(`{"type":"object","properties":{"order_id":{"type":"string","description":"The order id exactly as written."}}}`)
	answers := calls(sample(t, r, DefaultModel, 4000))
	within(t, guardedInviting, rate(answers, func(a answer) bool { return argument("order_id")(a) == `"48213"` }), len(answers))
}

func TestRefundFaults(t *testing.T) {
	const n = 4000
	tests := []struct {
		name, question, argument string
		right                    []string
	}{
		{"amount", "Please refund €49,90 for order A-48213, it arrived damaged.", "amount", []string{"49.90"}},
		{"reason", "Please refund 49.90 for A-48213, I changed my mind.", "reason", []string{`"other"`}},
		{"id", "Please refund 49.90 for order no. A-48213: wrong item.", "order_id", []string{`"A-48213"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wrong := func(a answer) bool { return !slices.Contains(tt.right, argument(tt.argument)(a)) }
			bare := calls(sample(t, asking("Be helpful.", tt.question), DefaultModel, n))
			require.InDelta(t, 1, rate(bare, called("refund_order")), 0)
			within(t, bareInviting, rate(bare, wrong), len(bare))
			guarded := calls(sample(t, asking(copyID+"\n"+plainSums, tt.question), DefaultModel, n))
			within(t, guardedInviting, rate(guarded, wrong), len(guarded))
		})
	}
}

func TestRefundLooksUpFirstWhenAsked(t *testing.T) {
	const n = 3000
	question := "Please refund 49.90 for A-48213, it arrived damaged."
	first := calls(sample(t, asking(lookFirst, question), DefaultModel, n))
	within(t, obey, rate(first, called("lookup_order")), len(first))
	direct := calls(sample(t, asking("Be helpful.", question), DefaultModel, n))
	assert.Zero(t, rate(direct, called("lookup_order")))
}

func TestBroadSearchDescriptionAttractsCalls(t *testing.T) {
	const n = 4000
	narrow := calls(sample(t, asking(copyID, "Where is my order A-48213?"), DefaultModel, n))
	assert.Zero(t, rate(narrow, called("search_docs")))
	r := asking(copyID, "Where is my order A-48213?")
	r.Tools[2].Description = "Searches everything that the shop has written down. Use it for any question of a customer."
	broad := calls(sample(t, r, DefaultModel, n))
	within(t, misroute, rate(broad, called("search_docs")), len(broad))
}

func TestBriefPromptShortensAnswers(t *testing.T) {
	length := func(system string) int {
		total := 0
		for _, a := range sample(t, asking(system, "Thank you."), DefaultModel, 500) {
			total += a.Tokens
		}
		return total
	}
	assert.Less(t, 2*length(beBrief), length("Be friendly."))
}

func TestOtherModel(t *testing.T) {
	const n = 6000
	question := "Where is my order A-48213?"
	large := sample(t, asking(copyID, question), "example-large", n)
	small := sample(t, asking(copyID, question), "example-small", n)
	refused := func(a answer) bool { return a.Refused }
	within(t, 0.008, rate(large, refused), n)
	within(t, 0.06, rate(small, refused), n)
	wrong := func(a answer) bool { return argument("order_id")(a) == `"48213"` }
	within(t, 1-(1-guardedPlain)*(1-0.08), rate(calls(small), wrong), len(calls(small)))
	thanks := func(model string) (total int) {
		for _, a := range sample(t, asking("Be friendly.", "Thank you."), model, 1000) {
			total += a.Tokens
		}
		return total
	}
	assert.Greater(t, float64(thanks("example-small")), 1.25*float64(thanks("example-large")))
}

// after is a request in which one tool was called and answered.
func after(system, question, name, arguments, result string) *request {
	r := asking(system, question)
	r.Turns = append(r.Turns,
		turn{Role: roleAssistant, Calls: []toolCall{{ID: "call_1", Name: name, Arguments: arguments}}},
		turn{Role: roleTool, CallID: "call_1", Text: result})
	return r
}

func TestAnswerUsesTheToolResult(t *testing.T) {
	r := after(copyID, "Where is my order A-48213?", "lookup_order", `{"order_id":"A-48213"}`, `{"status":"with the carrier","items":["a tent"],"eta":"tomorrow"}`)
	for _, a := range sample(t, r, DefaultModel, 50) {
		require.Empty(t, a.Calls)
		assert.Contains(t, a.Text, "with the carrier")
		assert.Contains(t, a.Text, "tomorrow")
	}
}

func TestRefusedCallIsTriedAgain(t *testing.T) {
	const n = 3000
	r := after("Be helpful.", "Where is order number A-48213?", "lookup_order", `{"order_id":"48213"}`, `{"error":"no order"}`)
	answers := sample(t, r, DefaultModel, n)
	within(t, correct, rate(answers, called("lookup_order")), n)
	again := calls(answers)
	within(t, afterError, rate(again, func(a answer) bool { return argument("order_id")(a) == `"48213"` }), len(again))
}

func TestRepeatedToolErrorsEndTheTurn(t *testing.T) {
	r := after("Be helpful.", "Where is order number A-48213?", "lookup_order", `{"order_id":"48213"}`, `{"error":"no order"}`)
	r.Turns = append(r.Turns, turn{Role: roleAssistant, Calls: []toolCall{{ID: "call_2", Name: "lookup_order", Arguments: `{}`}}}, turn{Role: roleTool, CallID: "call_2", Text: `{"error":"no order"}`})
	for _, a := range sample(t, r, DefaultModel, 100) {
		assert.Empty(t, a.Calls)
	}
}

func TestWithoutTheNeededToolTheAnswerIsText(t *testing.T) {
	r := asking(copyID, "Where is my order A-48213?")
	r.Tools = []tool{{Name: "weather", Parameters: json.RawMessage(`{}`)}}
	for _, a := range sample(t, r, DefaultModel, 20) {
		assert.Empty(t, a.Calls)
		assert.NotEmpty(t, a.Text)
	}
}

func TestForcedToolGetsRequiredArguments(t *testing.T) {
	r := asking("", "Hello")
	r.Tools = []tool{{Name: "set", Parameters: json.RawMessage(`{"properties":{"b":{"type":"integer","minimum":3},"a":{"enum":["x","y"]},"c":{"type":"string"},"d":{"type":"boolean"}},"required":["a","b","d"]}`)}}
	r.Forced = "set"
	a := sample(t, r, DefaultModel, 1)[0]
	require.Len(t, a.Calls, 1)
	assert.Equal(t, `{"b":3,"a":"x","d":false}`, a.Calls[0].Arguments)
}

func TestSummaryWithoutTools(t *testing.T) {
	r := asking("You write notes.", "user: Where is order A-48213?\nassistant: Tomorrow.")
	r.Tools = nil
	a := sample(t, r, "example-large-2026-09-03", 40)
	assert.Greater(t, rate(a, func(a answer) bool { return strings.Contains(a.Text, "a delivery for order A-48213") }), 0.8)
}

func TestLimits(t *testing.T) {
	r := asking("Be friendly.", "Thank you.")
	r.MaxTokens = 4
	a := sample(t, r, DefaultModel, 1)[0]
	assert.True(t, a.Cut)
	assert.LessOrEqual(t, len(a.Text), 16)
	assert.Equal(t, 4, a.Tokens)
	r.MaxTokens, r.Stop = 0, []string{"!", "."}
	a = sample(t, r, DefaultModel, 1)[0]
	assert.NotContains(t, a.Text, ".")
	assert.NotEmpty(t, a.StoppedAt)
}

func TestNoiseRepeats(t *testing.T) {
	r := asking("Be friendly.", "Thank you.")
	m, _ := modelByName(DefaultModel)
	texts := func(n *noise) (out []string) {
		for range 20 {
			out = append(out, decide(r, m, n.source(r)).Text)
		}
		return out
	}
	one, two, other := texts(newNoise(1)), texts(newNoise(1)), texts(newNoise(2))
	assert.Equal(t, one, two)
	assert.NotEqual(t, one, other)
	assert.Greater(t, len(slices.Compact(slices.Clone(one))), 5)
	zero := 0.0
	r.Temperature = &zero
	assert.Len(t, slices.Compact(texts(newNoise(1))), 1)
	r.Temperature = nil
	seed := int64(5)
	r.Seed = &seed
	assert.Len(t, slices.Compact(texts(newNoise(1))), 1)
}

func TestLatencyBounds(t *testing.T) {
	m, _ := modelByName(DefaultModel)
	rng := newNoise(1).source(asking("", ""))
	for tokens := range 400 {
		d := m.latency(tokens, rng)
		assert.GreaterOrEqual(t, d, minLatency)
		assert.LessOrEqual(t, d, maxLatency)
	}
	short, long := 0.0, 0.0
	for range 500 {
		short += m.latency(18, rng).Seconds()
		long += m.latency(60, rng).Seconds()
	}
	assert.Greater(t, long, 1.6*short)
}

func TestMemoryOfRequestsIsBounded(t *testing.T) {
	n := newNoise(1)
	for i := range uint64(maxRemembered + 10) {
		n.next(i)
	}
	assert.LessOrEqual(t, len(n.seen), maxRemembered)
}
