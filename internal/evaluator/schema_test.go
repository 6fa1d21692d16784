// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func validate(t *testing.T, schemaText, instance string) (bool, string, error) {
	t.Helper()
	s, err := compileSchema(schemaText)
	require.NoError(t, err, schemaText)
	work := maxWork
	return s.validate(instance, &work)
}

// Every rule of JSON schema has words of its own, that tell the place and never
// the value.
func TestFaults(t *testing.T) {
	const draft2020 = `"$schema":"https://json-schema.org/draft/2020-12/schema",`
	for _, c := range []struct{ schema, instance, want string }{
		{`{"type":["string","null"]}`, `1`, "got number, want null or string"},
		{`{"const":{"a":1}}`, `{"a":2}`, "not an object"},
		{`{"const":[1]}`, `2`, "not an array"},
		{`{"enum":["a","b","c","d","e","f","g"]}`, `"x"`, "not one of a, b, c, d, e, 2 more"},
		{`{"format":"date"}`, `"secret"`, "no valid date"},
		{`{"pattern":"^a"}`, `"secret"`, "does not match the pattern"},
		{`{"required":["c","a","b"]}`, `{}`, "missing a, b, c"},
		{`{"properties":{"p":{"type":"string"}}}`, `{"p":1}`, "/p: got number, want string"},
		{`{"properties":{"a/b~c":{"type":"string"}}}`, `{"a/b~c":1}`, "/a~1b~0c: got number, want string"},
		{`{"dependencies":{"a":["b"]}}`, `{"a":1}`, "missing b"},
		{`{` + draft2020 + `"dependentRequired":{"a":["b"]}}`, `{"a":1}`, "missing b"},
		{`{"additionalProperties":false}`, `{"secret":1}`, "unexpected secret"},
		{`{"propertyNames":{"maxLength":2}}`, `{"long":1}`, "unexpected long"},
		{`{"anyOf":[{"type":"string"},{"type":"null"}]}`, `1`, "fits none of the alternatives"},
		{`{"oneOf":[{"type":"string"},{"type":"null"}]}`, `1`, "fits none of the alternatives"},
		{`{"oneOf":[{"minimum":1},{"minimum":2}]}`, `3`, "fits more than one alternative"},
		{`{"not":{"type":"number"}}`, `3`, "not allowed"},
		{`{"properties":{"a":false}}`, `{"a":1}`, "/a: not allowed"},
		{`{"uniqueItems":true}`, `[1,2,1.0]`, "items 0 and 2 are equal"},
		{`{"minLength":2}`, `"日"`, "shorter than 2 characters"},
		{`{"maxLength":1}`, `"日本"`, "longer than 1 characters"},
		{`{"minItems":1}`, `[]`, "fewer than 1 items"},
		{`{"maxItems":1}`, `[1,2]`, "more than 1 items"},
		{`{"items":[{}],"additionalItems":false}`, `[1,2]`, "more items than allowed"},
		{`{"contains":{"type":"string"}}`, `[1]`, "an item is missing"},
		{`{` + draft2020 + `"contains":{},"minContains":2}`, `[1]`, "an item is missing"},
		{`{` + draft2020 + `"contains":{},"maxContains":1}`, `[1,2]`, "too many items of a kind"},
		{`{"minProperties":1}`, `{}`, "fewer than 1 properties"},
		{`{"maxProperties":0}`, `{"a":1}`, "more than 0 properties"},
		{`{"minimum":1.5}`, `1`, "less than 1.5"},
		{`{"maximum":1}`, `2`, "more than 1"},
		{`{"exclusiveMinimum":1}`, `1`, "not more than 1"},
		{`{"exclusiveMaximum":1}`, `1`, "not less than 1"},
		{`{"multipleOf":0.1}`, `0.35`, "no multiple of 0.1"},
		{`{"maximum":9007199254740992}`, `9007199254740993`, "more than 9.007199254740992e+15"},
		{`{` + draft2020 + `"properties":{"a":{}},"unevaluatedProperties":false}`, `{"a":1,"b":2}`, "/b: not allowed"},
		{`{"allOf":[{"required":["a"]},{"required":["b"]},{"required":["c"]},{"required":["d"]},{"required":["e"]}]}`, `{}`, "missing a; missing b; missing c; and 2 more"},
		{`{"items":{"items":{"type":"null"}}}`, `[[null],[null,1]]`, "/1/1: got number, want null"},
		{`false`, `1`, "not allowed"},
		{`true`, `1`, ""},
	} {
		fits, why, err := validate(t, c.schema, c.instance)
		require.NoError(t, err, c.schema)
		assert.Equal(t, c.want, why, c.schema)
		assert.Equal(t, c.want == "", fits, c.schema)
		assert.NotContains(t, why, "secret\"")
	}
}

func TestNormalise(t *testing.T) {
	for _, c := range []struct {
		schema, instance string
		fits             bool
	}{
		{`{"type":"STRING"}`, `"a"`, true},
		{`{"type":"STRING"}`, `1`, false},
		{`{"type":"string","nullable":true}`, `null`, true},
		{`{"type":"string","nullable":true,"enum":["a"]}`, `null`, true},
		{`{"type":"string","nullable":false}`, `null`, false},
		{`{"properties":{"type":{"type":"INTEGER"}}}`, `{"type":1}`, true},
		{`{"enum":["STRING",{"type":"STRING"}]}`, `{"type":"STRING"}`, true},
		{`{"enum":["STRING",{"type":"STRING"}]}`, `{"type":"string"}`, false},
		{`{"$schema":"http://json-schema.org/draft-04/schema#","minimum":1,"exclusiveMinimum":true}`, `1`, false},
		{`{"$schema":"https://evil.example/schema","minimum":1}`, `0`, false},
		{`{"default":{"type":"STRING"},"example":1}`, `1`, true},
	} {
		fits, why, err := validate(t, c.schema, c.instance)
		require.NoError(t, err, c.schema)
		assert.Equal(t, c.fits, fits, "%s with %s: %s", c.schema, c.instance, why)
	}
}

// Schemas whose work grows beyond all bounds are let through as long as they
// visit few places, and refused from then on.
func TestCostsRefuseWhatExplodes(t *testing.T) {
	const budget = 1 << 16
	list := "[" + strings.TrimSuffix(strings.Repeat(`"abcdefgh",`, 2000), ",") + "]"
	numbers := make([]string, 2000)
	for i := range numbers {
		numbers[i] = strconv.Itoa(i)
	}
	allowed := func(text, instance string) bool {
		text = strings.ReplaceAll(text, `{"type":"object"}`, `{"type":"object","format":"count"}`)
		s, err := compileSchema(text)
		require.NoError(t, err)
		work := uint64(budget)
		if _, _, err = s.validate(instance, &work); err != nil {
			require.ErrorIs(t, err, errTooExpensive)
			return false
		}
		assert.LessOrEqual(t, countVisits(t, text, instance), budget-work)
		return true
	}
	last := true
	for n := range 60 {
		now := allowed(exponentialSchema(n), `{}`)
		assert.True(t, last || !now, "refused at %d and allowed at %d definitions", n-1, n)
		last = now
	}
	assert.True(t, allowed(exponentialSchema(10), `{}`))
	assert.False(t, allowed(exponentialSchema(20), `{}`))
	assert.False(t, allowed(exponentialSchema(10), list))
	assert.True(t, allowed(`{"uniqueItems":true}`, list))
	assert.False(t, allowed(`{"items":{"enum":[`+strings.Join(numbers, ",")+`]}}`, list))
	assert.False(t, allowed(`{"items":{"pattern":"^(a|b|c|d|e|f|g|h|i){1,50}$"}}`, list))
	assert.False(t, allowed(`{"properties":{"a":{"$ref":"#"},"b":{"$ref":"#"}}}`, nested(40)))
	assert.True(t, allowed(treeSchema, `{"name":"a","nodes":[{"name":"b"},{"name":"c","nodes":[{"name":"d"}]}]}`))
}

// The validator visits no more places than the costs say.
func TestCostIsAnUpperBound(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var most uint64
	for range 300 {
		text := randomSchema(random, 4)
		instance := randomInstance(random, 3)
		s, err := compileSchema(text)
		require.NoError(t, err, text)
		work := maxWork
		_, _, err = s.validate(instance, &work)
		require.NoError(t, err, text)
		visits := countVisits(t, text, instance)
		assert.LessOrEqual(t, visits, maxWork-work, "%s with %s", text, instance)
		most = max(most, visits)
	}
	assert.Greater(t, most, uint64(20), "the schemas were too simple to prove anything")
}

// countVisits counts how often a value meets a subschema: each object of a
// random schema has a format that counts.
func countVisits(t *testing.T, text, instance string) uint64 {
	t.Helper()
	var visits uint64
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft7)
	compiler.RegisterFormat(&jsonschema.Format{Name: "count", Validate: func(any) error { visits++; return nil }})
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	require.NoError(t, err)
	require.NoError(t, compiler.AddResource(schemaURL, document))
	compiled, err := compiler.Compile(schemaURL)
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(instance))
	require.NoError(t, err)
	_ = compiled.Validate(value)
	return visits
}

// randomSchema returns a schema in which only local references to the
// definition d occur.
func randomSchema(random *rand.Rand, depth int) string {
	return `{"definitions":{"d":{"format":"count"}},"allOf":[` + randomSubschema(random, depth) + `]}`
}

func randomSubschema(random *rand.Rand, depth int) string {
	const count = `"format":"count",`
	sub := func() string { return randomSubschema(random, depth-1) }
	if depth == 0 {
		return []string{`{"format":"count"}`, `{` + count + `"maxLength":3}`, `{"$ref":"#/definitions/d"}`, `true`}[random.IntN(4)]
	}
	switch random.IntN(5) {
	case 0:
		return fmt.Sprintf(`{%s"allOf":[%s,%s,%s]}`, count, sub(), sub(), sub())
	case 1:
		return fmt.Sprintf(`{%s"anyOf":[{"not":%s},%s]}`, count, sub(), sub())
	case 2:
		return fmt.Sprintf(`{%s"properties":{"a":%s,"b":%s},"additionalProperties":%s}`, count, sub(), sub(), sub())
	case 3:
		return fmt.Sprintf(`{%s"items":%s,"contains":%s}`, count, sub(), sub())
	}
	return fmt.Sprintf(`{%s"if":%s,"then":%s,"else":%s}`, count, sub(), sub(), sub())
}

func randomInstance(random *rand.Rand, depth int) string {
	if depth == 0 {
		return []string{`1`, `"a"`, `null`, `{}`}[random.IntN(4)]
	}
	if random.IntN(2) == 0 {
		return fmt.Sprintf(`{"a":%s,"c":%s}`, randomInstance(random, depth-1), randomInstance(random, depth-1))
	}
	return fmt.Sprintf(`[%s,%s]`, randomInstance(random, depth-1), randomInstance(random, depth-1))
}

// A reference never reads a file or asks a server, not even one that would
// answer with a good schema.
func TestReferencesStayInside(t *testing.T) {
	asked := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked = true
		_, _ = w.Write([]byte(`{"type":"object"}`))
	}))
	defer server.Close()
	file := filepath.Join(t.TempDir(), "schema.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"type":"object"}`), 0o600))
	for _, reference := range []string{server.URL + "/schema.json", "file://" + file, file} {
		for _, text := range []string{`{"$ref":%s}`, `{"properties":{"a":{"$ref":%s}}}`, `{"$schema":"https://json-schema.org/draft/2020-12/schema","$ref":%s}`} {
			_, err := compileSchema(fmt.Sprintf(text, quoted(reference)))
			require.ErrorContains(t, err, "a reference leaves the schema", reference)
			assert.NotContains(t, err.Error(), reference)
		}
	}
	assert.False(t, asked)
}
