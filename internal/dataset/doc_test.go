// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the column tables of docs/dataset.md")

const documentation = "../../docs/dataset.md"

// docs/dataset.md lists every column of every view, as Columns describes it.
func TestDocumentation(t *testing.T) {
	content, err := os.ReadFile(documentation)
	require.NoError(t, err)
	section := regexp.MustCompile(`(?s)<!-- columns (\w+) -->\n.*?<!-- end -->`)
	tables := map[string]bool{}
	want := section.ReplaceAllStringFunc(string(content), func(old string) string {
		table := section.FindStringSubmatch(old)[1]
		tables[table] = true
		return fmt.Sprintf("<!-- columns %s -->\n%s<!-- end -->", table, columnTable(Columns()[table]))
	})
	for table := range Columns() {
		assert.True(t, tables[table], "docs/dataset.md has no section for %s", table)
	}
	if *update {
		require.NoError(t, os.WriteFile(documentation, []byte(want), 0o600))
		return
	}
	assert.Equal(t, want, string(content), "run go test ./internal/dataset -run Documentation -update")
}

func columnTable(columns []ColumnDoc) string {
	var b strings.Builder
	b.WriteString("| column | type | unit | meaning |\n|---|---|---|---|\n")
	for _, c := range columns {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", c.Name, strings.ReplaceAll(c.Type, `"`, ""), c.Unit, c.Meaning)
	}
	return b.String()
}

// Every column says what it means, and its unit where it is a quantity.
func TestColumnsAreDescribed(t *testing.T) {
	for table, columns := range Columns() {
		seen := map[string]bool{}
		for _, c := range columns {
			assert.NotEmpty(t, c.Meaning, "%s.%s", table, c.Name)
			assert.NotContains(t, c.Meaning, "|", "%s.%s", table, c.Name)
			assert.False(t, seen[c.Name], "%s.%s stands twice", table, c.Name)
			seen[c.Name] = true
			if strings.HasSuffix(c.Name, "_ns") || strings.HasSuffix(c.Name, "_tokens") || strings.HasSuffix(c.Name, "_chars") || c.Type == "TIMESTAMP" {
				assert.NotEmpty(t, c.Unit, "%s.%s", table, c.Name)
			}
		}
	}
}
