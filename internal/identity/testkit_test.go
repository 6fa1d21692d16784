// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/registry"
)

// registryFiles is a registry with a prompt of three versions whose releases
// have a history, one that shares its text, and tools.
var registryFiles = map[string]string{
	"prompts/support/versions/v1.yaml": "version: v1\ntime: 2026-01-01T00:00:00Z\ntemplate: \"You help {{customer}}, politely.\"\n",
	"prompts/support/versions/v2.yaml": "version: v2\ntime: 2026-02-01T00:00:00Z\npartials: {policy: p1}\n" +
		"template: \"You help {{customer}} quickly. {{> policy@p1}}\"\n",
	"prompts/support/versions/v3.yaml":    "version: v3\ntime: 2026-03-01T00:00:00Z\ntemplate: You answer in one word.\n",
	"prompts/twin/versions/1.yaml":        "version: \"1\"\ntime: 2026-01-01T00:00:00Z\ntemplate: You answer in one word.\n",
	"prompts/odd/versions/v1.yaml":        "version: v1\ntime: 2026-01-01T00:00:00Z\ntemplate: Odd.\n",
	"partials/policy/versions/p1.yaml":    "version: p1\ntime: 2026-01-01T00:00:00Z\ncontent: Refunds take 30 days.\n",
	"tools/get_weather/2.yaml":            "version: \"2\"\ntime: 2026-01-01T00:00:00Z\ndefinition: {name: get_weather, description: Weather of a city., parameters: {type: object, properties: {city: {type: string}}}}\n",
	"prompts/nested/name/versions/7.yaml": "version: \"7\"\ntime: 2026-01-01T00:00:00Z\nmessages:\n  - {role: system, content: Be brief.}\n  - {role: user, content: \"Translate {{text}} to {{language}}\"}\n",
	"releases/support.yaml": `- {environment: production, time: 2026-01-10T00:00:00Z, targets: [{version: v1, weight: 100}]}
- {environment: production, time: 2026-02-10T00:00:00Z, targets: [{version: v2, weight: 100}]}
- {environment: production, time: 2026-03-10T00:00:00Z, targets: [{version: v2, weight: 90}, {version: v3, weight: 10}]}
- {environment: odd-label, time: 2026-01-10T00:00:00Z, targets: [{version: v1, weight: 100}]}
`,
}

func load(t testing.TB, files map[string]string) *registry.Snapshot {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	snapshot, problems := registry.Load(dir)
	for _, p := range problems {
		require.True(t, p.Warning, p.String())
	}
	return snapshot
}

// resolver returns a Resolver over a snapshot; nil for no registry.
func resolver(snapshot *registry.Snapshot) *Resolver {
	return NewResolver(Options{Registry: func() *registry.Snapshot { return snapshot }})
}

// at is noon of a day in 2026: month, day.
func at(month, day int) time.Time {
	return time.Date(2026, time.Month(month), day, 12, 0, 0, 0, time.UTC)
}

// chat is a model call with instructions (when not empty) and a question.
func chat(system string) *genai.Call {
	c := &genai.Call{Kind: genai.KindInference, Counted: true, Provider: "openai", RequestModel: "m"}
	messages := []genai.Message{said("user", "A question.")}
	if system != "" {
		messages = append([]genai.Message{said("system", system)}, messages...)
	}
	c.Input = genai.NewMessages(messages)
	return c
}

func said(role, text string) genai.Message {
	return genai.Message{Role: role, Parts: []genai.Part{{Type: genai.PartText, Content: text}}}
}

// withPrompt returns the call with a reference on it.
func withPrompt(c *genai.Call, p genai.PromptReference) *genai.Call {
	c.Prompt = p
	return c
}

// withTools returns the call with tool definitions as JSON.
func withTools(c *genai.Call, definitions string) *genai.Call {
	c.Tools = genai.ToolDefinitionsFromJSON(definitions)
	return c
}

// toolRun is the span of one execution of a tool.
func toolRun(name string) *genai.Call {
	return &genai.Call{Kind: genai.KindTool, ToolExecution: &genai.ToolExecution{Name: name}}
}

func param(name, value string) genai.Param {
	return genai.Param{Name: name, Value: json.RawMessage(value)}
}

func traceID(n byte) pcommon.TraceID { return pcommon.TraceID{15: n, 0: 1} }

func spanID(n byte) pcommon.SpanID { return pcommon.SpanID{7: n, 0: 1} }

const weatherTool = `{"type":"function","name":"get_weather","description":"Weather of a city.",` +
	`"parameters":{"type":"object","properties":{"city":{"type":"string"}}}}`

// aliased is a string over memory that a test overwrites.
func aliased(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
