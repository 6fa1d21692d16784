// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// keysOfAllKinds are keys of the table, of families, unknown and long ones.
var keysOfAllKinds = []string{
	"gen_ai.operation.name", "gen_ai.request.temperature", "gen_ai.request.stop_sequences", "gen_ai.request.something", "llm.model_name",
	"gen_ai.prompt.0.role", "gen_ai.prompt.0.content", "gen_ai.completion.0.content", "tenant", "", "x", "gen_ai.response.finish_reasons",
	"gen_ai.request.max_tokens", "llm.invocation_parameters", "gen_ai.prompt.variable.name", "stream",
	"a.key.that.is.longer.than.what.is.remembered.of.keys.by.their.places", "gen_ai.request.a.key.that.is.longer.than.what.is.remembered",
}

// randomSpan draws keys and values of any type.
func randomSpan(random *rand.Rand) ptrace.Span {
	span := ptrace.NewSpan()
	attributes := span.Attributes()
	attributes.PutStr("gen_ai.operation.name", "chat")
	for range random.IntN(8) {
		value := attributes.PutEmpty(keysOfAllKinds[random.IntN(len(keysOfAllKinds))])
		switch random.IntN(7) {
		case 0:
			value.SetStr([]string{"a", "chat", `["x"]`, `{"seed":3}`, "stop, length", ""}[random.IntN(6)])
		case 1:
			value.SetInt(random.Int64N(3))
		case 2:
			value.SetDouble([]float64{0, 0.5, math.NaN(), math.Inf(1), 1}[random.IntN(5)])
		case 3:
			value.SetBool(random.IntN(2) == 0)
		case 4:
			value.SetEmptySlice().AppendEmpty().SetStr([]string{"stop", "length"}[random.IntN(2)])
		case 5:
			value.SetEmptyMap().PutInt("n", random.Int64N(2))
		}
	}
	return span
}

// readWith reads a span with the memory of those before.
func readWith(r *reading, span ptrace.Span) *Call {
	for i := range r.first {
		r.first[i] = -1
	}
	c := new(Call)
	r.scan(span.Attributes())
	r.scanEvents(span.Events())
	r.fill(c, span, pcommon.NewInstrumentationScope())
	r.forget()
	return c
}

func TestWhatIsRememberedChangesNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	old := new(reading)
	for i := range 3000 {
		span := randomSpan(random)
		want, got := readWith(new(reading), span), readWith(old, span)
		require.Equal(t, want, got, "span %d: %v", i, span.Attributes().AsRaw())
	}
}

// TestWhatIsRememberedIsOfNoSpan changes a span after it was read: what it left
// must not change with it.
func TestWhatIsRememberedIsOfNoSpan(t *testing.T) {
	spanOf := func(temperature float64, finish string) ptrace.Span {
		span := ptrace.NewSpan()
		span.Attributes().PutDouble("gen_ai.request.temperature", temperature)
		span.Attributes().PutEmptySlice("gen_ai.response.finish_reasons").AppendEmpty().SetStr(finish)
		return span
	}
	r := new(reading)
	first := readWith(r, spanOf(0.2, "stop"))
	second := readWith(r, spanOf(0.7, "length"))
	third := readWith(r, spanOf(0.2, "stop"))
	require.Equal(t, "0.2", string(first.Params[0].Value))
	require.Equal(t, "0.7", string(second.Params[0].Value))
	require.Equal(t, "0.2", string(third.Params[0].Value))
	require.Equal(t, []string{"stop"}, first.FinishReasons)
	require.Equal(t, []string{"length"}, second.FinishReasons)
	first.Params = append(first.Params, Param{Name: "z"})
	fourth := readWith(r, spanOf(0.2, "stop"))
	fourth.addParam("zz", []byte("1"))
	require.Len(t, third.Params, 1)
	require.Equal(t, "zz", fourth.Params[1].Name)
	require.Len(t, readWith(r, spanOf(0.2, "stop")).Params, 1)
}

func TestMemoryOfPlacesIsBounded(t *testing.T) {
	span := ptrace.NewSpan()
	span.Attributes().PutStr("gen_ai.operation.name", "chat")
	for i := range 10 * maxPlaces {
		span.Attributes().PutInt(fmt.Sprint("gen_ai.request.p", i), int64(i))
	}
	r := new(reading)
	require.Len(t, readWith(r, span).Params, maxParams)
	require.LessOrEqual(t, cap(r.places), 2*maxPlaces)
	require.LessOrEqual(t, len(r.params.sources), maxSources)
}
