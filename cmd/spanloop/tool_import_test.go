// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mcpTools is what an MCP server answers.
func mcpTools(description, cursor string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"result":{"tools":[
		{"name":"search","title":"Search","description":%q,"inputSchema":{"type":"object","properties":{"q":{"type":"string"}},"required":["q"]},"annotations":{"readOnlyHint":true}},
		{"name":"close","description":"Closes an issue.","inputSchema":{"type":"object"}}]%s}}`, description, cursor)
}

type importedTools struct {
	DryRun   bool           `json:"dry_run"`
	Complete bool           `json:"complete"`
	Counts   map[string]int `json:"counts"`
	Tools    []struct{ Tool, Version, Outcome, Reason string }
}

func (i importedTools) outcomes() string {
	var list []string
	for _, t := range i.Tools {
		list = append(list, fmt.Sprintf("%s@%s %s", t.Tool, t.Version, t.Outcome))
	}
	return strings.Join(list, ", ")
}

// A server's list is registered under the names that the application uses; again, it
// is unchanged; changed, it is the next version, with what a model may do differently.
func TestToolImport(t *testing.T) {
	d := exampleDesk(t)
	list := d.file("tools.json", mcpTools("Searches issues.", ""))
	var got importedTools
	run := func(code int, args ...string) string {
		got = importedTools{}
		d.json(code, "spanloop.tool.import/1", &got, append([]string{"tool", "import", list, "--prefix", "mcp__tracker__"}, args...)...)
		return got.outcomes()
	}
	assert.Equal(t, "mcp__tracker__search@ imported, mcp__tracker__close@ imported", run(0, "--dry-run"))
	assert.True(t, got.DryRun && got.Complete)
	assert.Equal(t, "mcp__tracker__search@1 imported, mcp__tracker__close@1 imported", run(0), "the dry run wrote nothing")
	assert.Equal(t, "mcp__tracker__search@1 unchanged, mcp__tracker__close@1 unchanged", run(0))
	d.file("tools.json", mcpTools("Searches issues and pull requests.", `,"nextCursor":"p2"`))
	assert.Contains(t, d.must(0, "tool", "import", list, "--prefix", "mcp__tracker__", "--dry-run"), "the description of the tool was broadened")
	assert.Equal(t, "mcp__tracker__search@2 imported, mcp__tracker__close@1 unchanged", run(0))
	assert.False(t, got.Complete)
	d.file("tools.json", mcpTools("Searches issues.", ""))
	assert.Equal(t, "mcp__tracker__search@1 unchanged, mcp__tracker__close@1 unchanged", run(0), "an earlier version is no new one")
	assert.Contains(t, d.must(0, "tool", "log", "mcp__tracker__search"), "mcp__tracker__search")
}

// Every shape that a list comes in, and what of it cannot be registered.
func TestToolImportShapes(t *testing.T) {
	for name, test := range map[string]struct {
		list string
		code int
		want string
	}{
		"definitions":           {`[` + searchNarrow + `]`, 0, "search_docs@v2 imported"},
		"a request":             {`{"model":"m","messages":[],"tools":[` + searchNarrow + `]}`, 0, "search_docs@v2 imported"},
		"Gemini's request":      {`{"tools":[{"functionDeclarations":[{"name":"a","parameters":{"type":"OBJECT"}},{"name":"b"}]}]}`, 0, "a@1 imported, b@1 imported"},
		"a result":              {`{"tools":[{"name":"a","inputSchema":{}}]}`, 0, "a@1 imported"},
		"none":                  {`{"tools":[]}`, 0, ""},
		"twice":                 {`[{"name":"a"},{"name":"a"},{"name":"a","description":"x"}]`, 0, "a@1 imported, a@1 unchanged, a@2 imported"},
		"a name that is none":   {`[{"name":"a/../b","inputSchema":{}},{"name":"c"}]`, 1, "a/../b@ not carried over, c@1 imported"},
		"no name":               {`[{"description":"x"},{"name":"c"}]`, 1, "@ not carried over, c@1 imported"},
		"a schema that is text": {`[{"name":"a","inputSchema":"{"}]`, 1, "a@ not carried over"},
	} {
		t.Run(name, func(t *testing.T) {
			d := exampleDesk(t)
			var got importedTools
			d.json(test.code, "spanloop.tool.import/1", &got, "tool", "import", d.file("tools.json", test.list))
			assert.Equal(t, test.want, got.outcomes())
			d.must(0, "prompt", "check")
		})
	}
}

func TestToolImportOfNoList(t *testing.T) {
	d := exampleDesk(t)
	for text, reason := range map[string]string{
		"": "not valid JSON", `[{"name":"a"}`: "not valid JSON", `{}`: "holds no list of tools", `7`: "holds no list of tools", `{"tools":{"a":1}}`: "holds no list of tools",
		`{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no session\u001b[2J"}}`: `an error of the server: "no session\x1b[2J"`,
	} {
		out := d.run("tool", "import", d.file("tools.json", text))
		require.Equal(t, 2, out.code, text)
		assert.Contains(t, out.err, reason, text)
		assert.Empty(t, out.out)
	}
}
