// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The catalogue in the documentation is the catalogue of the code.
func TestDocs(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "evaluators.md")
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	head, rest, found := strings.Cut(string(content), "-run TestDocs -update -->\n")
	require.True(t, found, "the mark before the catalogue is missing")
	written, tail, found := strings.Cut(rest, "<!-- end of catalogue -->")
	require.True(t, found, "the mark after the catalogue is missing")
	want := catalogueTable()
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(head+"-run TestDocs -update -->\n"+want+"<!-- end of catalogue -->"+tail), 0o600))
		return
	}
	assert.Equal(t, want, written, "run go test ./internal/evaluator -run TestDocs -update")
}

func catalogueTable() string {
	var b strings.Builder
	b.WriteString("| evaluator | what it says | range | better | parameters |\n|---|---|---|---|---|\n")
	for _, info := range Catalogue() {
		var params []string
		for _, p := range info.Params {
			params = append(params, fmt.Sprintf("`%s`: %s", p.Name, p.Meaning))
		}
		needed := ""
		if info.NeedsParams {
			needed = " (needs parameters)"
		}
		fmt.Fprintf(&b, "| `%s`%s | %s | `%s` | %s | %s |\n",
			info.Name, needed, info.Summary, info.Range, info.Direction, strings.Join(params, "; "))
	}
	return b.String()
}
