// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build conformance

package replay

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanloop/spanloop/internal/sharedtest"
	"github.com/spanloop/spanloop/internal/wire"
)

var (
	// lastText is what follows the last text of messages.
	lastText = regexp.MustCompile(`(?s)^.*"type":"text","content":"(?:[^"\\]|\\.)+`)
	toolID   = regexp.MustCompile(`"type":"tool_call","id":"[^"]*"`)
)

// rewrite changes the input messages; false says that there was nothing to.
func rewrite(a pcommon.Map, edit func(string) string) bool {
	v, ok := a.Get("gen_ai.input.messages")
	if !ok {
		return false
	}
	before := v.Str()
	v.SetStr(edit(before))
	return v.Str() != before
}

func appended(mark string) func(pcommon.Map) bool {
	return func(a pcommon.Map) bool {
		return rewrite(a, func(s string) string {
			at := len(lastText.FindString(s))
			if at == 0 {
				return s
			}
			return s[:at] + mark + s[at:]
		})
	}
}

// injected are damages as content capture does them to real spans.
var injected = []struct {
	id   string
	edit func(pcommon.Map) bool
}{
	{"no-input", func(a pcommon.Map) bool { return a.Remove("gen_ai.input.messages") }},
	{"content-malformed", func(a pcommon.Map) bool { return rewrite(a, func(s string) string { return s[:len(s)*6/10] }) }},
	{"truncated", appended(" [truncated 51 chars]")},
	{"truncated", appended("...(truncated)")},
	{"redacted", appended(" [REDACTED]")},
	{"redacted", appended(" <EMAIL_ADDRESS>")},
	{"redacted", appended(" ********")},
	{"tools-missing", func(a pcommon.Map) bool {
		input, _ := a.Get("gen_ai.input.messages")
		output, found := a.Get("gen_ai.output.messages")
		provider, _ := a.Get("gen_ai.provider.name")
		called := provider.Str() == "anthropic" && strings.Contains(input.Str(), `"type":"tool_call"`) || found && strings.Contains(output.Str(), `"type":"tool_call"`)
		return called && a.Remove("gen_ai.tool.definitions")
	}},
	{"tool-id-missing", func(a pcommon.Map) bool {
		return rewrite(a, func(s string) string { return toolID.ReplaceAllString(s, `"type":"tool_call"`) })
	}},
	{"model-missing", func(a pcommon.Map) bool { return a.Remove("gen_ai.request.model") }},
}

func TestConformanceDamage(t *testing.T) {
	for _, api := range []string{wire.OpenAIChat, wire.AnthropicMessages} {
		var spans, found, damaged, alarms, provedAlarms int
		ids := map[string]bool{}
		for _, d := range injected {
			ids[d.id] = true
		}
		for _, p := range sharedtest.Pairs(t, api) {
			spans++
			call := recording{dialect: api, body: p.Request.Body, plain: true}
			if !p.Stream {
				call.answer = p.Response.Body
			}
			check := func(call recording) []wire.Note {
				plan, err := NewPlan(call.source(t, nil), PlanOptions{Dialect: api})
				require.NoError(t, err, p.Name)
				return plan.Notes
			}
			for _, n := range check(call) {
				if ids[n.ID] {
					if n.Severity != wire.Error {
						continue
					}
					alarms++
					t.Logf("%s: false alarm %s: %s", p.Name, n.ID, n.Text)
				}
			}
			proved := call
			proved.plain = false
			for _, n := range check(proved) {
				if ids[n.ID] && n.Severity == wire.Error {
					provedAlarms++
				}
			}
			for i, d := range injected {
				hit := false
				broken := call
				broken.edit = func(a pcommon.Map) { hit = d.edit(a) }
				notes := check(broken)
				if !hit {
					continue
				}
				damaged++
				if len(withID(notes, d.id)) > 0 && failed(notes) {
					found++
				} else {
					t.Logf("%s: damage %d %s not found: %v", p.Name, i, d.id, notes)
				}
			}
		}
		fmt.Printf("conformance: replay --check/%s damages found %d/%d, false alarms on %d plain spans %d, on as many captured ones %d\n", api, found, damaged, spans, alarms, provedAlarms)
		require.GreaterOrEqual(t, found*100, damaged*98)
		require.Zero(t, provedAlarms)
	}
}
