// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/identity"
	"github.com/spanloop/spanloop/internal/registry"
)

// Definitions as an application sent them.
const (
	searchNarrow = `{"type":"function","function":{"name":"search_docs","description":"Searches the help pages about shipping only.","parameters":{"type":"object","properties":{"query":{"type":"string"},"lang":{"type":"string","enum":["en","de"]}},"required":["query","lang"]}}}`
	searchBroad  = `{"type":"function","function":{"name":"search_docs","description":"Searches the help pages about any topic, and orders also.","parameters":{"type":"object","properties":{"query":{"type":"string"},"lang":{"type":"string","enum":["en","de","fr"]}},"required":["query"]}}}`
	searchMoved  = `{"type":"function","function":{"name":"find_docs","description":"Searches the help pages about any topic, and orders also.","parameters":{"type":"object","properties":{"query":{"type":"string"},"lang":{"type":"string","enum":["en","de","fr"]}},"required":["query"]}}}`
)

// offer is some model calls that were offered tools, an hour apart.
type offer struct {
	prompt, version string
	definitions     []string
	day, calls      int
	replay          bool
	executes        string
}

// versionOf is how a span calls a definition that no registry knows.
func versionOf(t testing.TB, definition string) (name, version string) {
	content, err := registry.ToolContentFromJSON([]byte(definition))
	require.NoError(t, err)
	hash, err := content.Hash()
	require.NoError(t, err)
	return content.Name, registry.ShortHash(hash)
}

// record writes the calls to the desk's dataset.
func (d *desk) record(offers ...offer) {
	d.t.Helper()
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	next := uint64(0)
	add := func(operation string, start time.Time) ptrace.Span {
		next++
		span := spans.AppendEmpty()
		var id [16]byte
		binary.BigEndian.PutUint64(id[8:], next)
		span.SetTraceID(id)
		span.SetSpanID([8]byte(id[8:]))
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(start.Add(time.Second)))
		span.Attributes().PutStr("gen_ai.operation.name", operation)
		return span
	}
	for _, o := range offers {
		var versions []string
		for _, definition := range o.definitions {
			name, version := versionOf(d.t, definition)
			versions = append(versions, name+"@"+version)
		}
		for i := range o.calls {
			start := time.Date(2026, 11, o.day, i, 0, 0, 0, time.UTC)
			span := add("chat", start)
			span.Attributes().PutStr("gen_ai.request.model", "gpt-4.1")
			if o.prompt != "" {
				span.Attributes().PutStr("gen_ai.prompt.name", o.prompt)
				span.Attributes().PutStr("gen_ai.prompt.version", o.version)
			}
			if o.replay {
				span.Attributes().PutBool(identity.AttrReplay, true)
			}
			span.Attributes().PutStr("gen_ai.tool.definitions", "["+strings.Join(o.definitions, ",")+"]")
			list := span.Attributes().PutEmptySlice(identity.AttrToolVersions)
			for _, v := range versions {
				list.AppendEmpty().SetStr(v)
			}
			span.Attributes().PutStr(identity.AttrToolsetHash, fmt.Sprintf("sha256:%064x", len(o.definitions)*1000+len(o.definitions[0])))
			if o.executes != "" {
				tool := add("execute_tool", start)
				tool.Attributes().PutStr("gen_ai.tool.name", o.executes)
				tool.Attributes().PutStr(identity.AttrToolVersion, strings.TrimPrefix(versions[0], o.executes+"@"))
			}
		}
	}
	w, err := dataset.NewWriter(d.dataset, dataset.WriterOptions{})
	require.NoError(d.t, err)
	_, err = w.WriteTraces(d.t.Context(), td)
	require.NoError(d.t, err)
	require.NoError(d.t, w.Close())
}

// searchDesk registers the narrow definition; traffic saw it, then a broader one,
// then a renamed one.
func searchDesk(t testing.TB) *desk {
	d := exampleDesk(t)
	d.in = searchNarrow
	d.must(exitDone, "tool", "add", "docs/search", "-", "--version", "v7", "--at", "2026-10-30", "-m", "First.")
	d.record(
		offer{agent, "v3.1", []string{searchNarrow}, 1, 6, false, "search_docs"},
		offer{agent, "v3.2", []string{searchNarrow}, 2, 2, false, ""},
		offer{agent, "v3.1", []string{searchBroad}, 3, 5, false, ""},
		offer{"", "", []string{searchBroad}, 4, 1, false, ""},
		offer{agent, "v3.1", []string{searchMoved}, 5, 3, false, ""},
		offer{agent, "v3.1", []string{searchBroad}, 20, 9, true, ""},
	)
	// The example's own search_docs stands in the way of nothing here.
	require.NoError(t, os.RemoveAll(filepath.Join(d.registry, "tools", "search_docs")))
	return d
}

func TestToolListMergesRegistryAndTraffic(t *testing.T) {
	d := searchDesk(t)
	var list struct{ Tools []toolInfo }
	d.json(exitDone, "spanloop.tool.list/1", &list, "tool", "list")
	byName := map[string]toolInfo{}
	for _, info := range list.Tools {
		byName[info.Name] = info
	}
	require.Len(t, byName, 4)
	search := byName["docs/search"]
	assert.Equal(t, fromBoth, search.From, "the folder's name and the definition's are one tool")
	assert.Equal(t, 2, search.Versions)
	assert.Equal(t, 1, search.Unregistered)
	assert.EqualValues(t, 6+2+5+1, search.Calls, "replays do not count")
	assert.EqualValues(t, 6, search.Executions)
	assert.Equal(t, []string{agent}, search.Prompts)
	assert.Equal(t, "2026-11-01T00:00:00Z", search.FirstSeen.Format(time.RFC3339))
	assert.Equal(t, "2026-11-04T00:00:00Z", search.LastSeen.Format(time.RFC3339))
	moved := byName["find_docs"]
	assert.Equal(t, fromTraffic, moved.From)
	assert.Equal(t, "search_docs", moved.RenamedFrom, "the same definition under another name")
	assert.Equal(t, fromRegistry, byName["lookup_order"].From)
	assert.Nil(t, byName["lookup_order"].FirstSeen)

	d.json(exitDone, "spanloop.tool.list/1", &list, "tool", "list", "--since", "2026-11-03", "--until", "2026-11-04")
	for _, info := range list.Tools {
		if info.Name == "docs/search" {
			assert.EqualValues(t, 5, info.Calls)
		}
	}
}

func TestToolLogSaysWhenAndWhat(t *testing.T) {
	d := searchDesk(t)
	var log struct {
		Tool     string
		Versions []loggedTool
	}
	d.json(exitDone, "spanloop.tool.log/1", &log, "tool", "log", "docs/search")
	require.Len(t, log.Versions, 2)
	_, broad := versionOf(t, searchBroad)
	newest, first := log.Versions[0], log.Versions[1]
	assert.Equal(t, broad, newest.Version)
	assert.Equal(t, fromTraffic, newest.From)
	assert.Equal(t, "v7", newest.ComparedWith)
	assert.Equal(t, []toolUser{{agent, "v3.1", 5}, {"", "", 1}}, newest.Prompts)
	assert.Equal(t, []string{
		registry.ChangeDescriptionBroadened, registry.ChangeRequiredRemoved, registry.ChangeEnumWidened,
	}, kinds(newest.Changes))
	assert.Equal(t, "v7", first.Version)
	assert.Equal(t, fromBoth, first.From)
	assert.Equal(t, "First.", first.Message)
	assert.Equal(t, []toolUser{{agent, "v3.1", 6}, {agent, "v3.2", 2}}, first.Prompts, "spans that called it by its hash count as well")
	text := d.must(exitDone, "tool", "log", "docs/search")
	assert.Contains(t, text, "was broadened")
	assert.Contains(t, text, "support-agent@v3.1 (5), no prompt (1)")
}

func kinds(changes []registry.Change) []string {
	var out []string
	for _, c := range changes {
		out = append(out, c.Kind)
	}
	return out
}

func TestToolDiff(t *testing.T) {
	d := searchDesk(t)
	_, broad := versionOf(t, searchBroad)
	var diff toolDiff
	d.json(exitFinding, "spanloop.tool.diff/1", &diff, "tool", "diff", "docs/search", "v7", broad)
	assert.False(t, diff.Same)
	assert.Contains(t, kinds(diff.Changes), registry.ChangeDescriptionBroadened)
	assert.EqualValues(t, 8, diff.A.Calls)
	assert.EqualValues(t, 6, diff.B.Calls)
	assert.Contains(t, diff.Unified, `-  "description": "Searches the help pages about shipping only."`)
	text := d.must(exitFinding, "tool", "diff", "docs/search", "v7", broad[:6])
	assert.Contains(t, text, "parameters.lang is optional now")
	assert.Contains(t, text, "Offered by")

	d.json(exitFinding, "spanloop.tool.diff/1", &diff, "tool", "diff", "docs/search", broad, "find_docs@"+moved(t))
	assert.Equal(t, []string{registry.ChangeRenamed}, kinds(diff.Changes))
	d.json(exitDone, "spanloop.tool.diff/1", &diff, "tool", "diff", "docs/search", "v7", "v7")
	assert.True(t, diff.Same)

	for want, args := range map[string][]string{
		`no tool "serch"`:                 {"serch", "v1", "v2"},
		"there is":                        {"docs/search", "v8", "v7"},
		`tool "find_docs" has no version`: {"docs/search", "v7", "find_docs@zzzz"},
	} {
		got := d.run(append([]string{"tool", "diff"}, args...)...)
		assert.Equal(t, exitUsage, got.code)
		assert.Contains(t, got.err, want)
	}
}

func moved(t testing.TB) string {
	_, version := versionOf(t, searchMoved)
	return version
}

// A definition that was discovered in traffic becomes a version of the registry,
// and the spans that carry its hash are shown under it.
func TestToolAddFromTraffic(t *testing.T) {
	d := searchDesk(t)
	var log struct{ Versions []loggedTool }
	d.json(exitDone, "spanloop.tool.log/1", &log, "tool", "log", "docs/search")
	d.in = string(log.Versions[0].Definition)
	var added struct{ Added versionInfo }
	d.json(exitDone, "spanloop.tool.add/1", &added, "tool", "add", "docs/search", "-")
	assert.Equal(t, "v8", added.Added.Version)
	d.json(exitDone, "spanloop.tool.log/1", &log, "tool", "log", "docs/search")
	require.Len(t, log.Versions, 2)
	for _, v := range log.Versions {
		if v.Version == "v8" {
			assert.Equal(t, fromBoth, v.From)
			assert.EqualValues(t, 6, v.Calls)
		}
	}
	d.in = "no JSON"
	got := d.run("tool", "add", "docs/search", "-")
	assert.Equal(t, exitUsage, got.code)
	d.in = `{"description": 7}`
	got = d.run("tool", "add", "docs/search", "-")
	assert.Equal(t, exitUsage, got.code, got.err)
	d.must(exitDone, "prompt", "check")
}

func TestToolWithoutRegistry(t *testing.T) {
	d := searchDesk(t)
	d.registry = filepath.Join(filepath.Dir(d.registry), "none")
	var list struct{ Tools []toolInfo }
	d.json(exitDone, "spanloop.tool.list/1", &list, "tool", "list")
	require.Len(t, list.Tools, 2, "traffic alone is enough")
	assert.Equal(t, fromTraffic, list.Tools[1].From)
}

func TestToolWithANameOnly(t *testing.T) {
	index := newToolIndex()
	index.offered([]any{"bare", "p", "v1", int64(3), clock, clock})
	index.offered([]any{"known@abc", "p", "v1", int64(2), clock, clock})
	tools := index.histories()
	require.Len(t, tools, 2)
	assert.Equal(t, 0, tools[0].info().Versions, "a name is no version")
	assert.EqualValues(t, 3, tools[0].info().Calls)
	_, err := diffTool(tools, "known", "abc", "abc")
	assert.ErrorContains(t, err, "definition of known@abc is not known")
	encoded, err := json.Marshal(tools[0].log())
	require.NoError(t, err)
	assert.Contains(t, string(encoded), `"names_only":true`)
}
