// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/genai"
)

func setOf(t *testing.T, definitions string) *toolset {
	t.Helper()
	d := genai.ToolDefinitionsFromJSON(definitions)
	list, err := d.List()
	return newToolset(list, err, nil)
}

// What makes no other tool: the order of keys, white space, the provider's
// shape, what instrumentations add.
func TestSameToolVersion(t *testing.T) {
	original := setOf(t, "["+weatherTool+"]")
	require.Len(t, original.versions, 1)
	for name, definitions := range map[string]string{
		"key order":       `[{"parameters":{"properties":{"city":{"type":"string"}},"type":"object"},"description":"Weather of a city.","name":"get_weather","type":"function"}]`,
		"white space":     "[ {\n\"type\" : \"function\",\"name\":\"get_weather\", \"description\":\"Weather of a city.\",\t\"parameters\":{ \"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}}}} ]",
		"escapes":         `[{"type":"function","name":"get\u005fweather","description":"Weather of a city.","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}]`,
		"nested":          `[{"type":"function","function":{"name":"get_weather","description":"Weather of a city.","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}]`,
		"input_schema":    `[{"name":"get_weather","description":"Weather of a city.","input_schema":{"type":"object","properties":{"city":{"type":"string"}}}}]`,
		"inputSchema":     `[{"type":"function","name":"get_weather","description":"Weather of a city.","inputSchema":{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{"city":{"type":"string"}},"additionalProperties":false}}]`,
		"Bedrock":         `[{"toolSpec":{"name":"get_weather","description":"Weather of a city.","inputSchema":{"json":{"type":"object","properties":{"city":{"type":"string"}}}}}}]`,
		"Gemini":          `[{"function_declarations":[{"name":"get_weather","description":"Weather of a city.","parameters":{"type":"OBJECT","properties":{"city":{"type":"STRING"}}}}]}]`,
		"strings of JSON": `["{\"type\":\"function\",\"name\":\"get_weather\",\"description\":\"Weather of a city.\",\"inputSchema\":{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}}}}"]`,
		"strict: null":    `[{"type":"function","name":"get_weather","description":"Weather of a city.","strict":null,"parameters":{"type":"object","properties":{"city":{"type":"string"}}}}]`,
		"schema as text":  `[{"type":"function","name":"get_weather","description":"Weather of a city.","parameters":"{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"}}}"}]`,
	} {
		got := setOf(t, definitions)
		assert.Equal(t, original.versions, got.versions, name)
		assert.Equal(t, original.hash, got.hash, name)
		assert.Equal(t, genai.ToolsFull, got.completeness, name)
	}
}

// Whatever a model can notice makes another version.
func TestOtherToolVersion(t *testing.T) {
	seen := map[string]string{setOf(t, "["+weatherTool+"]").versions[0]: "original"}
	for _, change := range []struct{ name, from, to string }{
		{"description", "Weather of a city.", "Weather of a city, or of anywhere."},
		{"one space in the description", "Weather of a city.", "Weather of  a city."},
		{"parameter renamed", `"city"`, `"town"`},
		{"type of a parameter", `"string"`, `"number"`},
		{"required", `"type":"object"`, `"type":"object","required":["city"]`},
		{"enumeration", `{"type":"string"}`, `{"type":"string","enum":["Oslo"]}`},
		{"strict", `"type":"function"`, `"type":"function","strict":true`},
		{"no schema", `,"parameters":{"type":"object","properties":{"city":{"type":"string"}}}`, ``},
	} {
		definition := strings.Replace(weatherTool, change.from, change.to, 1)
		require.NotEqual(t, weatherTool, definition, change.name)
		got := setOf(t, "["+definition+"]")
		require.Len(t, got.versions, 1, change.name)
		assert.Regexp(t, `^get_weather@[0-9a-f]{12}$`, got.versions[0], change.name)
		assert.Empty(t, seen[got.versions[0]], "%s has the version of %s", change.name, seen[got.versions[0]])
		seen[got.versions[0]] = change.name
	}
}

// A rename keeps everything but the name, so that two versions are told to be
// one tool by what is equal; the hash differs.
func TestRenamedTool(t *testing.T) {
	a, b := setOf(t, "["+weatherTool+"]"), setOf(t, "["+strings.Replace(weatherTool, "get_weather", "weather_of", 1)+"]")
	assert.NotEqual(t, a.hash, b.hash)
	assert.True(t, strings.HasPrefix(b.versions[0], "weather_of@"))
	assert.NotEqual(t, strings.TrimPrefix(a.versions[0], "get_weather@"), strings.TrimPrefix(b.versions[0], "weather_of@"))
}

func TestToolset(t *testing.T) {
	search := `{"type":"function","name":"search","description":"Search."}`
	full := setOf(t, "["+weatherTool+","+search+"]")
	tests := map[string]struct {
		definitions, completeness string
		versions                  []string
		sameAsFull                bool
	}{
		"order of tools":         {definitions: "[" + search + "," + weatherTool + "]", completeness: genai.ToolsFull, versions: []string{full.versions[1], full.versions[0]}, sameAsFull: true},
		"one tool fewer":         {definitions: "[" + weatherTool + "]", completeness: genai.ToolsFull, versions: full.versions[:1]},
		"names only":             {definitions: `[{"type":"function","name":"get_weather"},{"type":"function","name":"search"}]`, completeness: genai.ToolsNamesOnly, versions: []string{"get_weather", "search"}},
		"a list of names":        {definitions: `["get_weather","search"]`, completeness: genai.ToolsNamesOnly, versions: []string{"get_weather", "search"}},
		"one of two with a name": {definitions: `[{"type":"function","name":"get_weather"},` + search + `]`, completeness: genai.ToolsNamesOnly, versions: []string{"get_weather", full.versions[1]}},
		"no tools":               {definitions: `[]`, completeness: genai.ToolsAbsent},
		"cut off":                {definitions: `[{"type":"function","name":"get_wea`, completeness: genai.ToolsTruncated},
		"no list":                {definitions: `7`, completeness: genai.ToolsTruncated},
		"built-in without name":  {definitions: `[{"type":"web_search","search_context_size":"low"}]`, completeness: genai.ToolsFull, versions: []string{"@" + strings.TrimPrefix(setOf(t, `[{"type":"web_search","search_context_size":"low"}]`).versions[0], "@")}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := setOf(t, test.definitions)
			assert.Equal(t, test.completeness, got.completeness)
			assert.Equal(t, test.versions, got.versions)
			assert.Equal(t, test.sameAsFull, got.hash == full.hash)
		})
	}
	assert.NotEqual(t, setOf(t, `[{"type":"web_search"}]`).hash, setOf(t, `[{"type":"web_search","search_context_size":"low"}]`).hash,
		"a built-in tool counts with its settings")
}

// A set of which only names are known is never taken for one of full definitions.
func TestNamesOnlyIsAnotherSet(t *testing.T) {
	names := setOf(t, `[{"type":"function","name":"get_weather"}]`)
	assert.NotEmpty(t, names.hash)
	assert.NotEqual(t, names.hash, setOf(t, "["+weatherTool+"]").hash)
	assert.NotEqual(t, names.hash, setOf(t, `[{"type":"function","name":"get_weather","description":"d"}]`).hash)
}

func TestToolsOnTheIdentity(t *testing.T) {
	r := resolver(load(t, registryFiles))
	known := r.Resolve(traceID(1), at(1, 1), withTools(chat("x"), "["+weatherTool+"]"))
	assert.Equal(t, []string{"get_weather@2"}, known.ToolVersions, "the registry's own name of the version")
	assert.Equal(t, genai.ToolsFull, known.ToolsetCompleteness)
	none := r.Resolve(traceID(1), at(1, 1), chat("x"))
	assert.Equal(t, genai.ToolsAbsent, none.ToolsetCompleteness)
	assert.Empty(t, none.ToolsetHash)
	agent := r.Resolve(traceID(1), at(1, 1), &genai.Call{Kind: genai.KindAgent})
	assert.Empty(t, agent.ToolsetCompleteness, "of a span that is no model call nothing is missing")

	// Definitions from several attributes have no text of their own.
	flattened := chat("x")
	flattened.Tools = genai.NewToolDefinitions([]genai.ToolDefinition{{
		Type: "function", Name: "get_weather", Description: "Weather of a city.", Parameters: json.RawMessage(`{"properties":{"city":{"type":"string"}},"type":"object"}`),
	}})
	assert.Equal(t, known.ToolsetHash, r.Resolve(traceID(1), at(1, 1), flattened).ToolsetHash)
}

// The hash of a definition does not depend on how its JSON is written: shuffled
// keys and white space at any depth change nothing.
func TestToolHashRoundTrip(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		value := randomObject(random, 4)
		a, b := shuffled(random, value), shuffled(random, value)
		hash := func(schema string) string {
			h, err := ToolHash(genai.ToolDefinition{Name: "f", Parameters: json.RawMessage(schema)})
			require.NoError(t, err, schema)
			return h
		}
		require.Equal(t, hash(a), hash(b), "%s\n%s", a, b)
		value["extra"] = random.Float64()
		require.NotEqual(t, hash(a), hash(shuffled(random, value)))
	}
}

func randomObject(random *rand.Rand, depth int) map[string]any {
	object := map[string]any{"seed": random.Int64()}
	for range random.IntN(5) {
		key := fmt.Sprintf("k\"%c%d", 'é'+rune(random.IntN(500)), random.IntN(9))
		switch random.IntN(6) {
		case 0:
			object[key] = random.NormFloat64() * 1e9
		case 1:
			object[key] = random.Uint64()
		case 2:
			object[key] = random.IntN(2) == 0
		case 3:
			object[key] = nil
		case 4:
			object[key] = []any{key, random.IntN(100), map[string]any{"z": 1, "a": "<&>\u2028"}}
		default:
			if depth > 0 {
				object[key] = randomObject(random, depth-1)
			}
		}
	}
	return object
}

// shuffled writes a value as JSON with the keys and white space in any order.
func shuffled(random *rand.Rand, value any) string {
	space := func() string { return strings.Repeat([]string{" ", "\n", "\t"}[random.IntN(3)], random.IntN(2)) }
	switch v := value.(type) {
	case map[string]any:
		var members []string
		for key, member := range v {
			name, _ := json.Marshal(key)
			members = append(members, space()+string(name)+space()+":"+space()+shuffled(random, member))
		}
		random.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		return "{" + strings.Join(members, ",") + space() + "}"
	case []any:
		var items []string
		for _, item := range v {
			items = append(items, shuffled(random, item))
		}
		return "[" + strings.Join(items, space()+",") + "]"
	}
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}
