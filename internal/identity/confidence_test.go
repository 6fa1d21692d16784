// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/registry"
)

func TestConfidence(t *testing.T) {
	files := map[string]string{
		"prompts/short/versions/1.yaml": "version: \"1\"\ntime: 2026-01-01T00:00:00Z\ntemplate: \"Translate: {{text}}\"\n",
		"prompts/fixed/versions/1.yaml": "version: \"1\"\ntime: 2026-01-01T00:00:00Z\ntemplate: \"Be brief\"\n",
		"prompts/long/versions/1.yaml":  "version: \"1\"\ntime: 2026-01-01T00:00:00Z\ntemplate: \"You translate legal texts from English to {{language}} word by word.\"\n",
		"prompts/twin/versions/1.yaml":  "version: \"1\"\ntime: 2026-01-01T00:00:00Z\ntemplate: \"Sort the tickets of {{team}} by what they are about.\"\n",
		"prompts/twin/versions/2.yaml":  "version: \"2\"\ntime: 2026-01-01T00:00:00Z\ntemplate: \"Sort the tickets of {{group}} by what they are about.\"\n",
		"releases/long.yaml":            "- {environment: production, time: 2026-01-10T00:00:00Z, targets: [{version: \"1\", weight: 100}]}\n",
	}
	snapshot := load(t, files)
	resolver := NewResolver(Options{Registry: func() *registry.Snapshot { return snapshot }})
	none := NewResolver(Options{})
	for name, test := range map[string]struct {
		resolver *Resolver
		call     *genai.Call
		want     string
	}{
		"stated":                      {resolver, withPrompt(chat(""), genai.PromptReference{Name: "long", Version: "1"}), ConfidenceCertain},
		"stated, without a registry":  {none, withPrompt(chat(""), genai.PromptReference{Name: "long", Version: "1"}), ConfidenceCertain},
		"stated, unknown version":     {resolver, withPrompt(chat(""), genai.PromptReference{Name: "long", Version: "9"}), ConfidenceHigh},
		"stated, unknown prompt":      {resolver, withPrompt(chat(""), genai.PromptReference{Name: "other", Version: "1"}), ConfidenceHigh},
		"a label":                     {resolver, withPrompt(chat(""), genai.PromptReference{Name: "long", Label: "production"}), ConfidenceCertain},
		"a rendering":                 {resolver, chat("You translate legal texts from English to Dutch word by word."), ConfidenceHigh},
		"a rendering of little":       {resolver, chat("Translate: You are an assistant."), ConfidenceLow},
		"a short text, word for word": {resolver, chat("Be brief"), ConfidenceHigh},
		"several versions":            {resolver, chat("Sort the tickets of Ops by what they are about."), ConfidenceLow},
		"unknown text":                {resolver, chat("You are somebody else."), ConfidenceLow},
		"nothing":                     {resolver, chat(""), ""},
	} {
		id := test.resolver.Resolve(pcommon.TraceID{1}, time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), test.call)
		assert.Equal(t, test.want, id.Confidence, "%s: %s %s", name, id.Resolution, id.UnresolvedReason)
	}
}
