// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// docs/attributes.md has every attribute that the sources write, and no other;
// it names every rung and reason.
func TestAttributesAreDocumented(t *testing.T) {
	content, err := os.ReadFile("../../docs/attributes.md")
	require.NoError(t, err)
	document := string(content)
	documented := map[string]bool{}
	for _, name := range regexp.MustCompile("`(spanloop\\.[a-z0-9_.<>]+)`").FindAllStringSubmatch(document, -1) {
		documented[name[1]] = true
	}
	written := map[string]bool{}
	literal := regexp.MustCompile(`"(spanloop\.[a-z0-9_]+(?:\.[a-z0-9_]+)*\.?)"`)
	for _, root := range []string{"../../internal", "../../processor", "../../exporter"} {
		require.NoError(t, filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			for _, name := range literal.FindAllStringSubmatch(string(source), -1) {
				written[name[1]] = true
			}
			return err
		}))
	}
	// Metadata of a file, not attributes.
	delete(written, "spanloop.format")
	delete(written, "spanloop.columns")
	for name := range written {
		if prefix, isPrefix := strings.CutSuffix(name, "."); isPrefix {
			assert.True(t, documented[prefix+".<name>.score"], "%s: not in docs/attributes.md", name)
			delete(documented, prefix+".<name>.score")
			delete(documented, prefix+".<name>.label")
			continue
		}
		assert.True(t, documented[name], "%s: not in docs/attributes.md", name)
		delete(documented, name)
	}
	assert.Empty(t, documented, "documented, and written by nothing")
	for _, word := range []string{
		RungExplicit, RungLabel, RungHash, RungTemplate, RungFingerprint, RungAmbiguous, RungNone,
		ReasonNoContent, ReasonNoMatch, ReasonAmbiguous, ReasonLabelUnknown, ReasonVersionUnknown, ReasonPromptUnknown, ReasonMalformed, ReasonNotACall,
		ToolReasonNoToolset, ToolReasonNotOffered, ToolReasonNamesOnly, ToolReasonUnreadable, ToolReasonAmbiguous,
	} {
		assert.Contains(t, document, "`"+word+"`")
	}
}
