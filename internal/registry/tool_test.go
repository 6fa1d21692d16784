// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func toolHash(t testing.TB, definition string) string {
	t.Helper()
	content, err := ToolContentFromJSON([]byte(definition))
	require.NoError(t, err, definition)
	hash, err := content.Hash()
	require.NoError(t, err, definition)
	return hash
}

const refund = `{"name":"refund","description":"Pays back.","parameters":{"type":"object","properties":{"id":{"type":"string"},"why":{"type":"string","enum":["late","lost"]}},"required":["id","why"]}}`

// The same tool, as providers, frameworks and instrumentations write it.
func TestToolHashIsTheSame(t *testing.T) {
	for name, definition := range map[string]string{
		"key order":             `{"parameters":{"required":["id","why"],"properties":{"why":{"enum":["late","lost"],"type":"string"},"id":{"type":"string"}},"type":"object"},"description":"Pays back.","name":"refund"}`,
		"white space":           strings.NewReplacer(":", " :\n", ",", " ,\t").Replace(refund),
		"OpenAI chat":           `{"type":"function","function":` + refund + `}`,
		"OpenAI responses":      strings.Replace(refund, `{`, `{"type":"function",`, 1),
		"Anthropic":             strings.Replace(refund, "parameters", "input_schema", 1),
		"MCP":                   strings.Replace(refund, "parameters", "inputSchema", 1),
		"Gemini schema":         strings.Replace(refund, "parameters", "parametersJsonSchema", 1),
		"Gemini types":          strings.NewReplacer(`"object"`, `"OBJECT"`, `"string"`, `"STRING"`).Replace(refund),
		"$schema":               strings.Replace(refund, `{"type":"object"`, `{"$schema":"http://json-schema.org/draft-07/schema#","type":"object"`, 1),
		"closed":                strings.Replace(refund, `{"type":"object"`, `{"additionalProperties":false,"type":"object"`, 1),
		"schema as a text":      `{"name":"refund","description":"Pays back.","parameters":` + string(marshal(refund[strings.Index(refund, `{"type"`):len(refund)-1])) + `}`,
		"not strict":            strings.Replace(refund, `{`, `{"strict":false,`, 1),
		"strict null":           strings.Replace(refund, `{`, `{"strict":null,`, 1),
		"escapes":               strings.Replace(refund, "Pays", `\u0050ays`, 1),
		"null beside the right": strings.Replace(refund, `{`, `{"input_schema":null,`, 1),
		"fields of a framework": strings.Replace(refund, `{`, `{"cache_control":{"type":"ephemeral"},"metadata":{},`, 1),
	} {
		assert.Equal(t, toolHash(t, refund), toolHash(t, definition), name)
	}
}

// What a model sees differently is another version.
func TestToolHashDiffers(t *testing.T) {
	seen := map[string]string{toolHash(t, refund): "base"}
	for name, definition := range map[string]string{
		"description":          strings.Replace(refund, "Pays back.", "Pays back", 1),
		"name":                 strings.Replace(refund, `"refund"`, `"refund2"`, 1),
		"argument":             strings.Replace(refund, `"id":{`, `"order":{`, 1),
		"argument description": strings.Replace(refund, `"id":{`, `"id":{"description":"A-1",`, 1),
		"required":             strings.Replace(refund, `["id","why"]`, `["id"]`, 1),
		"order of an enum":     strings.Replace(refund, `["late","lost"]`, `["lost","late"]`, 1),
		"enum":                 strings.Replace(refund, `["late","lost"]`, `["late","lost","other"]`, 1),
		"strict":               strings.Replace(refund, `{`, `{"strict":true,`, 1),
		"open":                 strings.Replace(refund, `{"type":"object"`, `{"additionalProperties":true,"type":"object"`, 1),
		"closed deeper":        strings.Replace(refund, `"id":{`, `"id":{"additionalProperties":false,`, 1),
		"no schema":            `{"name":"refund","description":"Pays back."}`,
		"no description":       strings.Replace(refund, `"description":"Pays back.",`, "", 1),
		"a value named OBJECT": strings.Replace(refund, `"late"`, `"OBJECT"`, 1),
		"the value object":     strings.Replace(refund, `"late"`, `"object"`, 1),
		"large number":         strings.Replace(refund, `"id":{`, `"id":{"maximum":9007199254740993,`, 1),
		"next large number":    strings.Replace(refund, `"id":{`, `"id":{"maximum":9007199254740992,`, 1),
		"built in":             `{"type":"web_search_20250305","name":"refund"}`,
		"built in, other":      `{"type":"web_search_20250305","name":"refund","max_uses":3}`,
	} {
		hash := toolHash(t, definition)
		assert.Empty(t, seen[hash], "%s", name)
		seen[hash] = name
	}
}

func TestToolContentRefuses(t *testing.T) {
	for _, definition := range []string{"", "[]", `"a"`, "null ", `{"name":7}`, `{"name":"a","strict":"yes"}`, `{"type":["function"]}`, `{"function":{"name":[]}}`} {
		content, err := ToolContentFromJSON([]byte(definition))
		if err == nil {
			_, err = content.Hash()
		}
		assert.Error(t, err, definition)
	}
	for _, schema := range []string{`"{not json"`, `"{\"a\":"`} {
		content, err := ToolContentFromJSON([]byte(`{"name":"a","parameters":` + schema + `}`))
		require.NoError(t, err)
		_, err = content.Hash()
		assert.Error(t, err, schema)
	}
	empty, err := ToolContentFromJSON([]byte(`{"name":"a","parameters":{}}`))
	require.NoError(t, err)
	hash, err := empty.Hash()
	require.NoError(t, err)
	assert.Equal(t, toolHash(t, `{"name":"a"}`), hash, "an empty schema is none")
}

func diffTools(before, after string) []Change {
	return DiffTools(&ToolVersion{Definition: json.RawMessage(before), Hash: "1"}, &ToolVersion{Definition: json.RawMessage(after), Hash: "2"})
}

func TestDiffTools(t *testing.T) {
	edit := func(old, replacement string) string { return strings.Replace(refund, old, replacement, 1) }
	for name, test := range map[string]struct {
		before, after string
		want          []string
	}{
		"renamed":              {refund, edit(`"refund"`, `"pay_back"`), []string{"renamed name: renamed from refund to pay_back"}},
		"description":          {refund, edit("Pays back.", "Returns money."), []string{"description_changed description: the description of the tool changed"}},
		"broadened by a word":  {refund, edit("Pays back.", "Pays back any order."), []string{"description_broadened description: the description of the tool was broadened"}},
		"limit taken away":     {edit("Pays back.", "Only pays back late orders."), edit("Pays back.", "Pays back late orders."), []string{"description_broadened description: the description of the tool was broadened"}},
		"limit added":          {refund, edit("Pays back.", "Pays back, but never gifts."), []string{"description_changed description: the description of the tool changed"}},
		"went on":              {refund, edit("Pays back.", "Pays back. Sends a letter."), []string{"description_broadened description: the description of the tool was broadened"}},
		"optional now":         {refund, edit(`["id","why"]`, `["id"]`), []string{"required_removed parameters.why: parameters.why is optional now"}},
		"required now":         {edit(`["id","why"]`, `["id"]`), refund, []string{"required_added parameters.why: parameters.why is required now"}},
		"enum widened":         {refund, edit(`"lost"]`, `"lost","other"]`), []string{"enum_widened parameters.why: parameters.why allows more values: other"}},
		"enum narrowed":        {refund, edit(`"late",`, ``), []string{"enum_narrowed parameters.why: parameters.why no longer allows: late"}},
		"enum changed":         {refund, edit(`"late"`, `"damaged"`), []string{"enum_widened parameters.why: parameters.why allows more values: damaged", "enum_narrowed parameters.why: parameters.why no longer allows: late"}},
		"enum gone":            {refund, edit(`,"enum":["late","lost"]`, ``), []string{"enum_widened parameters.why: parameters.why allows any value now"}},
		"enum new":             {edit(`,"enum":["late","lost"]`, ``), refund, []string{"enum_narrowed parameters.why: parameters.why allows only: late, lost"}},
		"argument added":       {refund, edit(`"id":{`, `"note":{"type":"string"},"id":{`), []string{"property_added parameters.note: parameters.note was added"}},
		"argument removed":     {edit(`"id":{`, `"note":{"type":"string"},"id":{`), refund, []string{"property_removed parameters.note: parameters.note was removed"}},
		"type":                 {refund, edit(`"id":{"type":"string"}`, `"id":{"type":"integer"}`), []string{`type_changed parameters.id: parameters.id changed from type "string" to "integer"`}},
		"types":                {refund, edit(`"id":{"type":"string"}`, `"id":{"type":["string","null"]}`), []string{`type_changed parameters.id: parameters.id changed from type "string" to ["string","null"]`}},
		"argument description": {edit(`"id":{`, `"id":{"description":"Only A-1.",`), edit(`"id":{`, `"id":{"description":"Any id.",`), []string{"description_broadened parameters.id.description: the description of parameters.id was broadened"}},
		"nested":               {edit(`"id":{"type":"string"}`, `"id":{"type":"array","items":{"type":"object","properties":{"a":{"enum":[1]}}}}`), edit(`"id":{"type":"string"}`, `"id":{"type":"array","items":{"type":"object","properties":{"a":{"enum":[1,2]}}}}`), []string{"enum_widened parameters.id[].a: parameters.id[].a allows more values: 2"}},
		"strict":               {refund, strings.Replace(refund, `{`, `{"strict":true,`, 1), []string{"strict_changed strict: strict changed from false to true"}},
		"another keyword":      {refund, edit(`"id":{`, `"id":{"pattern":"^A",`), []string{"schema_changed parameters.id.pattern: parameters.id.pattern changed"}},
		"no schema any more":   {refund, `{"name":"refund","description":"Pays back."}`, nil},
		"built in":             {`{"type":"web_search","name":"w","max":1}`, `{"type":"web_search","name":"w","max":2}`, []string{"schema_changed : the definition changed in a way that has no name here"}},
		"shape only":           {refund, `{"type":"function","function":` + refund + `}`, nil},
		"unreadable":           {refund, `[]`, []string{"schema_changed : a definition cannot be read"}},
		"several, outside in": {refund, `{"name":"pay","description":"Pays back everything.","parameters":{"type":"object","properties":{"id":{"type":"string"},"why":{"type":"string"}},"required":["id"]}}`,
			[]string{"renamed name: renamed from refund to pay", "description_broadened description: the description of the tool was broadened", "required_removed parameters.why: parameters.why is optional now", "enum_widened parameters.why: parameters.why allows any value now"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, c := range diffTools(test.before, test.after) {
				got = append(got, c.Kind+" "+c.Path+": "+c.Text)
			}
			switch name {
			case "no schema any more":
				require.NotEmpty(t, got)
				assert.Contains(t, strings.Join(got, "\n"), "parameters.id was removed")
			case "shape only":
				assert.Equal(t, []string{"schema_changed : the definition changed in a way that has no name here"}, got, "only because the test gives the hashes")
			default:
				assert.Equal(t, test.want, got)
			}
		})
	}
	assert.Empty(t, DiffTools(&ToolVersion{Definition: json.RawMessage(refund), Hash: "1"}, &ToolVersion{Definition: json.RawMessage(`{"type":"function","function":` + refund + `}`), Hash: "1"}))
}

// Whatever makes another version is also named as a change, and nothing else is.
func TestDiffToolsAgreesWithTheHash(t *testing.T) {
	g := generator{newRand(11)}
	for range 3000 {
		a, b := g.tool(), g.tool()
		x, y := toolHash(t, a), toolHash(t, b)
		changes := DiffTools(&ToolVersion{Definition: json.RawMessage(a), Hash: x}, &ToolVersion{Definition: json.RawMessage(b), Hash: y})
		require.Equal(t, x == y, len(changes) == 0, "%s\n%s\n%v", a, b, changes)
		for _, c := range changes {
			require.NotContains(t, c.Text, "no name here", "%s\n%s", a, b)
		}
	}
}

// tool is a small definition; many of them are equal.
func (g generator) tool() string {
	property := func() string {
		return []string{`{"type":"string"}`, `{"type":"STRING"}`, `{"type":"integer"}`, `{"enum":["a"]}`, `{"enum":["a","b"]}`, `{"type":"array","items":{"type":"string"}}`, `{"type":"array"}`, `true`}[g.IntN(8)]
	}
	schema := `{"type":"object","properties":{"x":` + property() + `}}`
	if g.IntN(2) == 0 {
		schema = `{"required":["x"],"properties":{"x":` + property() + `},"additionalProperties":false,"type":"object"}`
	}
	return `{"description":"` + []string{"a", "b"}[g.IntN(2)] + `","parameters":` + schema + `,"name":"t"}`
}

func TestDiffVersions(t *testing.T) {
	s := load(t, map[string]string{
		"prompts/p/versions/1.yaml": "time: 2026-01-01\nmessages: [{role: system, content: Be kind.}, {role: user, content: 'Q: {{q}}'}]\nparams: {temperature: 1, stop: [a]}\n",
		"prompts/p/versions/2.yaml": "time: 2026-01-02\nmessages: [{role: developer, content: Be kind.}]\nparams: {temperature: 1.0, top_p: 0.5}\nresponse_format: {type: text}\n",
		"prompts/p/versions/3.yaml": "time: 2026-01-03\nmessages: [{role: developer, content: Be kind.}, {role: user, content: 'Q: {{q}}'}, {role: user, content: more}]\n",
		"prompts/p/versions/4.yaml": "time: 2026-01-04\nmessages: [{content: Be kind., role: developer}]\nresponse_format: {  type: text}\nparams: {top_p: 5e-1, temperature: 1}\n",
	})
	p := s.Prompt("p")
	texts := func(a, b string) []string {
		_, changes := DiffVersions(p.Version(a), p.Version(b))
		var out []string
		for _, c := range changes {
			out = append(out, c.Kind+": "+c.Text)
		}
		return out
	}
	assert.Equal(t, []string{
		"role_changed: the role changed from system to developer", "message_removed: a user message was removed",
		"param_removed: stop is no longer set (was [\"a\"])", "param_added: top_p is set to 0.5 now", "response_format_changed: the response format changed",
	}, texts("1", "2"))
	assert.Equal(t, []string{
		"message_added: a user message was added", "message_added: a user message was added",
		"param_removed: temperature is no longer set (was 1.0)", "param_removed: top_p is no longer set (was 0.5)", "response_format_changed: the response format changed",
	}, texts("2", "3"))
	unified, changes := DiffVersions(p.Version("2"), p.Version("4"))
	assert.Empty(t, changes, "other spelling, the same content")
	assert.Empty(t, unified)
	assert.Equal(t, p.Version("2").Hash, p.Version("4").Hash)
	unified, _ = DiffVersions(p.Version("1"), p.Version("3"))
	assert.Contains(t, unified, "-[system]\n+[developer]\n")
	assert.Contains(t, unified, "-  \"temperature\": 1,\n")
}
