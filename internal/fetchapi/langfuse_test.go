// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package fetchapi

import (
	"encoding/json"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLangfuse(t *testing.T) {
	h := serve(t)
	assert.JSONEq(t, `{"name": "support/answer", "version": 2, "type": "chat", "prompt": [
		{"type": "chatmessage", "role": "system", "content": "Help {{name}}, shortly."},
		{"type": "chatmessage", "role": "user", "content": "{{question}}"}],
		"config": {"model": "m", "temperature": 0.2}, "labels": ["production", "staging", "latest"], "tags": ["support"],
		"commitMessage": "shorter", "resolutionGraph": null}`, get(t, h, "/api/public/v2/prompts/support%2Fanswer?version=2"))
	assert.Contains(t, get(t, h, "/api/public/v2/prompts/support%2Fanswer?version=1"), `"type":"text","prompt":"Help {{name}}. Be kind."`)
	assert.Contains(t, get(t, h, "/api/public/v2/prompts/support%2Fanswer?version=1&resolve=false"), `{{\u003e tone@1}}`)
	assert.Contains(t, get(t, h, "/api/public/v2/prompts/named"), `"version":1`, "v1 is 1 for who knows only numbers")
	assert.Contains(t, get(t, h, "/api/public/v2/prompts/named?version=1&cacheBuster=x"), `"prompt":"Text."`)
	assert.Contains(t, get(t, h, "/api/public/v2/prompts/chatty?version=1"), `{"type":"placeholder","name":"history"},{"type":"chatmessage","role":"user","content":""}]`)
	assert.Contains(t, get(t, h, "/api/public/projects"), `"name":"spanloop"`)
}

// Clients without a key parameter pass the key with the label, and get what the
// same key gets from us.
func TestLangfuseKey(t *testing.T) {
	h := serve(t)
	met := map[string]bool{}
	for i := range 50 {
		key := "user " + string(rune('A'+i))
		var ours ownAnswer
		var theirs langfuseAnswer
		require.NoError(t, json.Unmarshal([]byte(get(t, h, "/v1/prompts/support/answer?key="+url.QueryEscape(key))), &ours))
		require.NoError(t, json.Unmarshal([]byte(get(t, h, "/api/public/v2/prompts/support%2Fanswer?label="+url.QueryEscape("production@"+key))), &theirs))
		assert.Equal(t, ours.Version, string(rune('0'+theirs.Version)))
		met[ours.Version] = true
		require.NoError(t, json.Unmarshal([]byte(get(t, h, "/api/public/v2/prompts/support%2Fanswer", headerKey, key)), &theirs))
		assert.Equal(t, ours.Version, string(rune('0'+theirs.Version)))
	}
	assert.Len(t, met, 2)
	refused(t, ask(h, "GET", "/api/public/v2/prompts/support%2Fanswer?label=@x", ""), 404, "no label before the key")
}

func TestLangfuseList(t *testing.T) {
	h := serve(t)
	assert.JSONEq(t, `{"data": [
		{"name": "braces", "type": "text", "versions": [1], "labels": ["latest"], "tags": [], "lastUpdatedAt": "2026-01-01T00:00:00Z", "lastConfig": {}},
		{"name": "chatty", "type": "chat", "versions": [1], "labels": ["latest"], "tags": [], "lastUpdatedAt": "2026-01-01T00:00:00Z", "lastConfig": {}}],
		"meta": {"page": 1, "limit": 2, "totalItems": 4, "totalPages": 2}}`, get(t, h, "/api/public/v2/prompts?limit=2"))
	assert.JSONEq(t, `{"data": [
		{"name": "support/answer", "type": "chat", "versions": [2], "labels": ["production", "staging", "latest"], "tags": ["support"],
			"lastUpdatedAt": "2026-01-02T00:00:00Z", "lastConfig": {"model": "m", "temperature": 0.2}}],
		"meta": {"page": 1, "limit": 10, "totalItems": 1, "totalPages": 1}}`,
		get(t, h, "/api/public/v2/prompts?label=staging&tag=support&name=support/answer&fromUpdatedAt=2026-01-02T00:00:00Z&toUpdatedAt=2026-01-03T00:00:00Z"))
	assert.JSONEq(t, `{"data": [], "meta": {"page": 9, "limit": 10, "totalItems": 0, "totalPages": 0}}`, get(t, h, "/api/public/v2/prompts?page=9&toUpdatedAt=2020-01-01T00:00:00Z"))
}
