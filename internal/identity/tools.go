// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/registry"
)

// toolset is what one text of tool definitions says.
type toolset struct {
	// versions are name@version in offered order.
	versions []string
	// byName holds each tool's version, or why it has none.
	byName       map[string]toolVersion
	hash         string
	completeness string
	// unreadable is set when the text is no list of definitions at all.
	unreadable bool
	bytes      int
}

// toolVersion is the version of an offered tool, or why it has none.
type toolVersion struct{ version, reason string }

// ToolHash is the identity of one tool definition: sha256: and hex over the RFC
// 8785 form of name, description, input schema and strictness (docs/registry.md
// has the details). Equal definitions in the registry have the same hash.
func ToolHash(d genai.ToolDefinition) (string, error) {
	return registry.ToolContent{
		Type: d.Type, Name: d.Name, Description: d.Description, Parameters: d.Parameters,
		Strict: d.Strict.Set && d.Strict.Value, Raw: d.Raw,
	}.Hash()
}

// ToolsetHash is the identity of a set of tool hashes; their order does not
// matter. It is empty for no tools.
func ToolsetHash(hashes []string) string {
	if len(hashes) == 0 {
		return ""
	}
	return hashOf(slices.Sorted(slices.Values(hashes)))
}

// hashOf hashes a value that always has a JSON form.
func hashOf(v any) string {
	encoded, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	hash, err := registry.HashJSON(encoded)
	if err != nil {
		return ""
	}
	return hash
}

// namesOnly tells that a definition is too little to have a version.
func namesOnly(d genai.ToolDefinition) bool {
	return (d.Type == "" || d.Type == "function") && d.Description == "" && len(d.Parameters) == 0
}

// newToolset hashes each definition. One without a usable definition counts by
// its name, and can so never be taken for a full one.
func newToolset(list []genai.ToolDefinition, err error, snapshot *registry.Snapshot) *toolset {
	if err != nil {
		return &toolset{completeness: genai.ToolsTruncated, unreadable: true}
	}
	if len(list) == 0 {
		return &toolset{completeness: genai.ToolsAbsent}
	}
	t := &toolset{completeness: genai.ToolsFull, byName: make(map[string]toolVersion, len(list))}
	hashes := make([]string, 0, len(list))
	for _, d := range list {
		// The set outlives the span whose memory its names are in.
		d.Name = strings.Clone(d.Name)
		hash, err := ToolHash(d)
		switch {
		case namesOnly(d):
			t.completeness = genai.ToolsNamesOnly
			t.remember(d.Name, toolVersion{reason: ToolReasonNamesOnly})
			hash = "name:" + d.Name
		case err != nil:
			t.completeness = genai.ToolsTruncated
			t.remember(d.Name, toolVersion{reason: ToolReasonUnreadable})
			hash = "unreadable:" + d.Name
		default:
			version := versionOfTool(hash, snapshot)
			t.versions = append(t.versions, d.Name+"@"+version)
			t.remember(d.Name, toolVersion{version: version})
			hashes = append(hashes, hash)
			continue
		}
		t.versions = append(t.versions, d.Name)
		hashes = append(hashes, hash)
	}
	t.hash = ToolsetHash(hashes)
	return t
}

// remember notes a tool's version; a name that is offered twice with two
// versions has none.
func (t *toolset) remember(name string, v toolVersion) {
	if before, twice := t.byName[name]; twice && before != v {
		v = toolVersion{reason: ToolReasonAmbiguous}
	}
	t.byName[name] = v
	t.bytes += 2*(len(name)+len(v.version)) + 64
}

// versionOfTool is the registry's name for a definition, else its short hash.
func versionOfTool(hash string, snapshot *registry.Snapshot) string {
	if snapshot != nil {
		if _, v, ok := snapshot.ToolByHash(hash); ok {
			return v.Version
		}
	}
	return registry.ShortHash(hash)
}
