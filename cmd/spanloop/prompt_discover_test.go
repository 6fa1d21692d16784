// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/identity"
	"github.com/spanloop/spanloop/internal/registry"
)

// instructed is a call with instructions, resolved as a collector without the
// prompt in its registry does it.
func instructed(t testing.TB, minutes int, system string) call {
	t.Helper()
	parts, err := json.Marshal([]map[string]string{{"type": "text", "content": system}})
	require.NoError(t, err)
	c := call{minutes: minutes, attrs: map[string]string{
		"gen_ai.system_instructions": string(parts),
		"gen_ai.input.messages":      `[{"role":"user","parts":[{"type":"text","content":"hello"}]}]`,
	}}
	attrs := pcommon.NewMap()
	resolve(nil, system).Put(attrs)
	for key, value := range attrs.All() {
		if strings.HasPrefix(key, "spanloop.prompt.") || strings.HasPrefix(key, "gen_ai.prompt.") {
			c.attrs[key] = value.AsString()
		}
	}
	return c
}

// resolve is the identity of a call with these instructions.
func resolve(s *registry.Snapshot, system string) identity.Identity {
	r := identity.NewResolver(identity.Options{Registry: func() *registry.Snapshot { return s }})
	return r.Resolve(pcommon.TraceID{1}, clock, &genai.Call{Kind: genai.KindInference, System: genai.NewParts([]genai.Part{{Type: genai.PartText, Content: system}})})
}

var shoppers = []string{"Ann Lee", "Bob Ray", "Cher", "Dana van Dyk", "Eve Ortiz", "Fay Wu", "Gus", "Hal Ng"}

// shopText is one rendering of a prompt whose text holds braces of every kind.
func shopText(i int) (string, map[string]string) {
	values := map[string]string{"name": shoppers[i%len(shoppers)], "date": firstCall.AddDate(0, 0, i).Format("2006-01-02"), "id": fmt.Sprintf("cus_%03d%05d", i, i*37)}
	return "You are the support assistant of Kite Shop.\nToday is " + values["date"] + ".\nYou are talking to " + values["name"] + " (customer id " + values["id"] +
		").\nAnswer as JSON: {\"text\": \"…\"}, and leave {{ placeholders }} and {% tags %} alone.\n", values
}

func shopDesk(t testing.TB, n int) *desk {
	var calls []call
	for i := range n {
		text, _ := shopText(i)
		calls = append(calls, instructed(t, i, text))
	}
	return emptyDesk(t).write(t, calls...)
}

type discovery struct {
	Calls, Proposed, Recognised int64
	Proposals                   []discoveredProposal
	Written                     []versionInfo
}

// What is discovered and written is what the very texts resolve to, with the
// variables that were rendered into them.
func TestDiscoverWriteResolve(t *testing.T) {
	d := shopDesk(t, 40)
	text, _ := shopText(3)
	assert.Equal(t, identity.RungFingerprint, resolve(nil, text).Resolution)

	var found discovery
	d.json(exitDone, "spanloop.prompt.discover/1", &found, "prompt", "discover")
	require.Len(t, found.Proposals, 1)
	assert.EqualValues(t, 40, found.Calls)
	assert.Empty(t, found.Written, "nothing is written without --write")
	assert.NoDirExists(t, d.registry)
	p := found.Proposals[0]
	assert.Equal(t, "support-kite-shop-today", p.Name)
	assert.Equal(t, "f-string", p.Versions[0].TemplateFormat, "Mustache would read the braces")

	d.json(exitDone, "spanloop.prompt.discover/1", &found, "prompt", "discover", "--write", "--author", "ada")
	require.Len(t, found.Written, 1)
	snapshot, problems := registry.Load(d.registry)
	require.Empty(t, problems)
	for i := range 60 {
		text, want := shopText(i)
		id := resolve(snapshot, text)
		require.Equal(t, identity.RungTemplate, id.Resolution, text)
		assert.Equal(t, "support-kite-shop-today", id.PromptName)
		assert.Equal(t, "1", id.PromptVersion)
		got := map[string]string{}
		for _, v := range id.Variables {
			got[v.Name] = v.Value
		}
		assert.Equal(t, want, got)
		assert.Empty(t, id.UncertainVariables)
	}

	d.json(exitDone, "spanloop.prompt.discover/1", &found, "prompt", "discover", "--write")
	assert.Empty(t, found.Proposals, "run twice, nothing is new")
	assert.Empty(t, found.Written)
	assert.EqualValues(t, 40, found.Recognised)
	var list struct{ Prompts []promptInfo }
	d.json(exitDone, "spanloop.prompt.list/1", &list, "prompt", "list")
	require.Len(t, list.Prompts, 1)
	assert.Equal(t, 1, list.Prompts[0].Versions)
	assert.Equal(t, "ada", list.Prompts[0].Latest.Author)
	d.must(exitDone, "prompt", "check")
}

// A later text that is like a registered prompt is a version of it.
func TestDiscoverVersionsOfARegisteredPrompt(t *testing.T) {
	d := shopDesk(t, 30)
	d.must(exitDone, "prompt", "discover", "--write", "--as", "shop/support")
	var calls []call
	for i := range 30 {
		text, _ := shopText(i)
		calls = append(calls, instructed(t, 100+i, strings.ReplaceAll(text, "Answer as JSON", "Be brief and answer as JSON")))
	}
	d.dataset += "-later"
	d.write(t, calls...)
	var found discovery
	d.json(exitDone, "spanloop.prompt.discover/1", &found, "prompt", "discover", "--write")
	require.Len(t, found.Proposals, 1)
	assert.Equal(t, "shop/support", found.Proposals[0].Name)
	assert.True(t, found.Proposals[0].Existing)
	assert.Equal(t, "2", found.Proposals[0].Versions[0].Version)
	snapshot, _ := registry.Load(d.registry)
	text, _ := shopText(77)
	assert.Equal(t, "1", resolve(snapshot, text).PromptVersion)
	assert.Equal(t, "2", resolve(snapshot, strings.ReplaceAll(text, "Answer as JSON", "Be brief and answer as JSON")).PromptVersion)
}

// Calls whose prompt is known another way, replays and other windows are left alone.
func TestDiscoverLooksAtUnresolvedCallsOnly(t *testing.T) {
	var calls []call
	for i := range 20 {
		text, _ := shopText(i)
		known := instructed(t, i, text)
		known.attrs["spanloop.prompt.resolution"] = "explicit"
		replayed := instructed(t, i, text)
		replayed.replay = true
		calls = append(calls, known, replayed, unresolved("no_content"))
	}
	d := emptyDesk(t).write(t, calls...)
	var found discovery
	d.json(exitDone, "spanloop.prompt.discover/1", &found, "prompt", "discover")
	assert.Zero(t, found.Calls)
	assert.Empty(t, found.Proposals)
	d = shopDesk(t, 40)
	d.json(exitDone, "spanloop.prompt.discover/1", &found, "prompt", "discover", "--since", firstCall.Add(20*time.Minute).Format(time.RFC3339))
	assert.EqualValues(t, 20, found.Calls)
	d.json(exitDone, "spanloop.prompt.discover/1", &found, "prompt", "discover", "--min-calls", "41")
	assert.Empty(t, found.Proposals)
}

func TestDiscoverShowsAndChooses(t *testing.T) {
	d := shopDesk(t, 40)
	out := d.must(exitDone, "prompt", "discover")
	assert.Contains(t, out, "1 proposal for 40 of 40 unresolved calls")
	d.golden("discover.txt", out)
	assert.Contains(t, out, "You are talking to {{name}} (customer id {{id}}).")
	for _, format := range []string{"csv", "html"} {
		assert.Contains(t, d.must(exitDone, "prompt", "discover", "--format", format), "support-kite-shop-today")
	}
	var found discovery
	d.json(exitDone, "spanloop.prompt.discover/1", &found, "prompt", "discover", "support-kite-shop-today", "--as", "support", "--write")
	assert.Equal(t, "support", found.Proposals[0].Name)
	assert.FileExists(t, filepath.Join(d.registry, "prompts", "support", "versions", "1.yaml"))
	for _, args := range [][]string{{"nothing"}, {"--as", "../x"}, {"--min-calls", "0"}, {"--min-values", "1"}, {"--as", "a", "--min-calls", "41"}} {
		got := d.run(append([]string{"prompt", "discover"}, args...)...)
		assert.Equal(t, exitUsage, got.code, "%v %s", args, got.out)
	}
}

// What spans hold steers no terminal, and is in the file as it was.
func TestDiscoverOfHostileText(t *testing.T) {
	hostile := func(i int) string {
		return "You are \x1b[2J\u202e a <script>alert(1)</script> bot \x00 with {{#sections}} and {{{triple}}} for user number " + fmt.Sprint(i) + "\r\n{%- raw %} \t end. \n: - 'yaml' \"quotes\" #"
	}
	var calls []call
	for i := range 30 {
		calls = append(calls, instructed(t, i, hostile(i)))
	}
	d := emptyDesk(t).write(t, calls...)
	for _, format := range []string{"table", "json", "html"} {
		out := d.must(exitDone, "prompt", "discover", "--format", format)
		assert.NotContains(t, out, "\x1b", format)
		assert.NotContains(t, out, "\u202e", format)
		if format == "html" {
			assert.NotContains(t, out, "<script")
		}
	}
	d.must(exitDone, "prompt", "discover", "--write", "--as", "hostile")
	snapshot, problems := registry.Load(d.registry)
	require.Empty(t, problems)
	id := resolve(snapshot, hostile(4711))
	assert.Equal(t, identity.RungTemplate, id.Resolution)
	assert.Equal(t, []genai.Variable{{Name: "number", Value: "4711"}}, id.Variables)
}

// A prompt that is sent as the user's message is written as one.
func TestDiscoverOfUsersMessages(t *testing.T) {
	text := func(i int) string {
		return fmt.Sprintf("Extract the name, the price and the colour from this product text as JSON. Text: %s sells a kite for %d euros", shoppers[i%8], i)
	}
	var calls []call
	for i := range 30 {
		message, err := json.Marshal([]map[string]any{{"role": "user", "parts": []map[string]string{{"type": "text", "content": text(i)}}}})
		require.NoError(t, err)
		calls = append(calls, call{minutes: i, attrs: map[string]string{
			"gen_ai.input.messages": string(message), "spanloop.prompt.resolution": "none", "spanloop.prompt.unresolved_reason": "no_match"}})
	}
	d := emptyDesk(t).write(t, calls...)
	d.must(exitDone, "prompt", "discover", "--write", "--as", "extract")
	snapshot, problems := registry.Load(d.registry)
	require.Empty(t, problems)
	assert.Equal(t, "user", snapshot.Prompt("extract").Latest().Messages[0].Role)
	m := snapshot.Match("", []registry.TextMessage{{Role: "user", Content: text(99)}})
	require.True(t, m.Found)
	assert.Empty(t, m.UncertainVariables)
}

// Instructions with a templated user message are a prompt of two messages.
func TestDiscoverWithAUsersTemplate(t *testing.T) {
	user := func(i int) string {
		return fmt.Sprintf("Please answer this question of a shopper:\n%s asks about order ORD-%d\n\nThanks.", shoppers[i%8], 1000+i)
	}
	messages := func(i int) []map[string]any {
		return []map[string]any{{"role": "user", "parts": []map[string]string{{"type": "text", "content": user(i)}}}}
	}
	var calls []call
	for i := range 40 {
		text, _ := shopText(i)
		c := instructed(t, i, text)
		encoded, err := json.Marshal(messages(i))
		require.NoError(t, err)
		c.attrs["gen_ai.input.messages"] = string(encoded)
		calls = append(calls, c)
	}
	d := emptyDesk(t).write(t, calls...)
	out := d.must(exitDone, "prompt", "discover", "--write", "--as", "shop")
	assert.Contains(t, out, "Please answer this question of a shopper:")
	snapshot, problems := registry.Load(d.registry)
	require.Empty(t, problems)
	v := snapshot.Prompt("shop").Latest()
	require.Len(t, v.Messages, 2)
	text, _ := shopText(99)
	m := snapshot.Match(text, []registry.TextMessage{{Role: "user", Content: user(99)}, {Role: "assistant", Content: "yes"}})
	require.True(t, m.Found)
	assert.Len(t, m.Variables, 5)
	assert.Empty(t, m.UncertainVariables)
	var found discovery
	d.json(exitDone, "spanloop.prompt.discover/1", &found, "prompt", "discover", "--write")
	assert.Empty(t, found.Proposals)
}
