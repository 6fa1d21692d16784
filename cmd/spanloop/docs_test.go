// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/compare"
	"github.com/spanloop/spanloop/internal/drift"
	"github.com/spanloop/spanloop/internal/replay"
)

// sections are the parts of docs/commands.md by the command that heads them; the
// part before the first is under the empty name.
func sections(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "commands.md"))
	require.NoError(t, err)
	out := map[string]string{}
	name := ""
	for line := range strings.Lines(string(text)) {
		if heading := regexp.MustCompile("^### `(spanloop [a-z ]+)`").FindStringSubmatch(line); heading != nil {
			name = heading[1]
		}
		out[name] += line
	}
	return out
}

// runnable are the commands that do something by themselves.
func runnable(cmd *cobra.Command) []*cobra.Command {
	var out []*cobra.Command
	if !cmd.HasSubCommands() && cmd.Name() != "help" {
		out = append(out, cmd)
	}
	for _, sub := range cmd.Commands() {
		if sub.Name() != "completion" {
			out = append(out, runnable(sub)...)
		}
	}
	return out
}

// Every command and every flag is documented, and nothing else is.
func TestDocsDescribeEveryCommand(t *testing.T) {
	root := newRoot(&app{})
	docs := sections(t)
	mentioned := regexp.MustCompile("`--([a-z-]+)")
	shared := flagNames(root.PersistentFlags())
	for _, name := range append(shared, "version") {
		assert.Contains(t, docs[""], "`--"+name, "a flag that all commands share")
	}
	var paths []string
	for _, cmd := range runnable(root) {
		path := cmd.CommandPath()
		paths = append(paths, path)
		section, ok := docs[path]
		if !assert.True(t, ok, "docs/commands.md has no section for %s", path) {
			continue
		}
		assert.Contains(t, section, strings.TrimSuffix(cmd.UseLine(), " [flags]"), "the synopsis of %s", path)
		flags := flagNames(cmd.LocalNonPersistentFlags())
		for _, name := range flags {
			assert.Contains(t, section, "`--"+name, "a flag of %s", path)
		}
		for _, found := range mentioned.FindAllStringSubmatch(section, -1) {
			assert.True(t, slices.Contains(flags, found[1]) || slices.Contains(shared, found[1]), "%s has no flag --%s", path, found[1])
		}
	}
	for path := range docs {
		assert.True(t, path == "" || slices.Contains(paths, path), "%s is no command", path)
	}
}

func flagNames(flags *pflag.FlagSet) []string {
	var names []string
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			names = append(names, f.Name)
		}
	})
	return names
}

// Every JSON schema that the sources name is documented, and nothing else is.
func TestDocsDescribeEverySchema(t *testing.T) {
	inSource, inDocs := map[string]bool{}, map[string]bool{}
	quoted := regexp.MustCompile(`"(spanloop\.[a-z.-]+/\d+)"`)
	for _, dir := range []string{".", "../../internal/compare", "../../internal/drift", "../../internal/replay"} {
		require.NoError(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, found := range quoted.FindAllStringSubmatch(string(text), -1) {
				inSource[found[1]] = true
			}
			return err
		}))
	}
	require.Greater(t, len(inSource), 15)
	for _, section := range sections(t) {
		for _, found := range regexp.MustCompile("`(spanloop\\.[a-z.-]+/\\d+)`").FindAllStringSubmatch(section, -1) {
			inDocs[found[1]] = true
		}
	}
	assert.Equal(t, inSource, inDocs)
}

// Every member at the top of a command's JSON is documented.
func TestDocsDescribeEveryMember(t *testing.T) {
	d := exampleDesk(t).write(t, resolved("explicit", "support-agent", "v3.1"))
	template, tool := d.file("template.txt", "Hello {{name}}"), d.file("tool.json", `{"name":"ping","description":"Pings.","parameters":{"type":"object"}}`)
	docs := sections(t)
	for _, args := range [][]string{
		{"query"}, {"query", "SELECT 1"}, {"coverage"}, {"dataset", "info"}, {"dataset", "verify"},
		{"prompt", "list"}, {"prompt", "show", "support-agent"}, {"prompt", "log", "support-agent"}, {"prompt", "diff", "support-agent", "v3.1", "v3.2"},
		{"prompt", "check"}, {"prompt", "running", "support-agent"}, {"prompt", "discover"}, {"prompt", "add", "hello", template}, {"prompt", "import", "humanloop", "--file", template}, {"prompt", "release", "support-agent", "v3.2", "-e", "staging"},
		{"prompt", "rollback", "support-agent", "-e", "staging"},
		{"tool", "list"}, {"tool", "log", "refund_order"}, {"tool", "diff", "refund_order", "v1", "v2"}, {"tool", "users", "refund_order"}, {"tool", "check"}, {"tool", "add", "ping", tool},
	} {
		path := "spanloop " + args[0]
		if args[0] != "query" && args[0] != "coverage" {
			path += " " + args[1]
		}
		got := d.run(append(args, "--format", "json")...)
		var document map[string]any
		require.NoError(t, json.Unmarshal([]byte(got.out), &document), "%v\n%s%s", args, got.out, got.err)
		for member := range document {
			assert.True(t, member == "schema" || strings.Contains(docs[path], "`"+member+"`"), "%s: %s is not documented", path, member)
		}
	}
	for path, report := range map[string]any{"spanloop compare": compare.Report{}, "spanloop drift": drift.Report{}, "spanloop replay": replay.Result{}} {
		kind := reflect.TypeOf(report)
		for i := range kind.NumField() {
			member, _, _ := strings.Cut(kind.Field(i).Tag.Get("json"), ",")
			assert.True(t, member == "" || strings.Contains(docs[path], "`"+member+"`"), "%s: %s is not documented", path, member)
		}
	}
}

// Links between the documents lead to files.
func TestDocsLinksExist(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	root := filepath.Join("..", "..")
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	require.NoError(t, err)
	for _, file := range append(files, filepath.Join(root, "README.md"), filepath.Join(root, "examples", "README.md")) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, found := range link.FindAllStringSubmatch(string(text), -1) {
			_, err := os.Stat(filepath.Join(filepath.Dir(file), filepath.FromSlash(found[1])))
			assert.NoError(t, err, "%s links to %s", file, found[1])
		}
	}
}
