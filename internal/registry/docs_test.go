// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The files that docs/registry.md shows are a registry.
func TestDocumentedFilesLoad(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "registry.md"))
	require.NoError(t, err)
	files := map[string]string{"prompts/support-agent/versions/v3.1.yaml": "time: 2026-08-24T14:30:00Z\ntemplate: You are talking to {{customer_name}}.\n"}
	for _, m := range regexp.MustCompile("(?s)`((?:prompts|partials|tools|releases)/[^`<]+\\.yaml)`[^`]*```yaml\n(.*?)```").FindAllSubmatch(text, -1) {
		files[string(m[1])] = string(m[2])
	}
	require.Len(t, files, 6)
	messages := regexp.MustCompile("(?s)```yaml\n(messages:.*?)```").FindSubmatch(text)
	require.NotNil(t, messages)
	files["prompts/chat/versions/1.yaml"] = string(messages[1])
	s := load(t, files)
	v := s.Prompt("support-agent").Version("v3.2")
	assert.Equal(t, []string{"shop-policy@v2"}, refNames(v.Partials))
	rendered, err := v.Render(map[string]string{"customer_name": "Ada"})
	require.NoError(t, err)
	assert.Equal(t, "You are talking to Ada, a standard customer.\nReturns are free within 60 days.", rendered[0].Content)
	r, live := s.LiveAt("support-agent", "prod", time.Date(2026, 11, 5, 0, 0, 0, 0, time.UTC))
	require.True(t, live)
	assert.Len(t, r.Targets, 2)
	assert.NotNil(t, s.Tool("refund_order").Version("v2"))
	assert.Len(t, s.Prompt("chat").Version("1").Messages, 2)
}
