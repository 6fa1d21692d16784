// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// A call that served other spans before reads like a new one, its content too.
func TestReadIntoReusedCall(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	keys := tableKeys()
	values := []string{
		"7chat", "7x", "7execute_tool", "01234567", "1ab", "3stop", "4x", "7[]", "7[[", "", `7{"type":"llm"}`,
		`7[{"role":"user","parts":[{"type":"text","content":"x"}]}]`, `7[{"name":"f","parameters":{}}]`,
		`7{"messages":[{"role":"user","content":"x"}],"model":"m","usage":{"prompt_tokens":3},"tools":[{"name":"f"}]}`,
	}
	reused := new(Call)
	scope, resource := pcommon.NewInstrumentationScope(), pcommon.NewResource()
	resource.Attributes().PutStr("session.id", "s")
	for range 5000 {
		span := ptrace.NewSpan()
		for range random.IntN(6) {
			putFuzzed(span.Attributes().PutEmpty(keys[random.IntN(len(keys))]), values[random.IntN(len(values))])
		}
		fresh, ok := Read(span, scope, resource)
		require.Equal(t, ok, ReadInto(reused, span, scope, resource))
		if !ok {
			continue
		}
		require.Equal(t, fresh, reused)
		require.Equal(t, fresh.CheckContent(), reused.CheckContent())
		require.Equal(t, fresh, reused)
	}
}
