// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	one     = "prompts/p/versions/1.yaml"
	two     = "prompts/p/versions/2.yaml"
	simple  = "time: 2026-01-01\ntemplate: Report the weather in {{city}}.\n"
	release = "releases/p.yaml"
)

func TestLoadEveryKindOfFile(t *testing.T) {
	s := load(t, map[string]string{
		"README.md": "ignored", ".git/HEAD": "ignored", "prompts/p/NOTES.md": "ignored", "prompts/p/versions/1.yaml~": "ignored",
		"prompts/team/p/prompt.yaml": "description: Says it.\ntags: [a, b]\nprotected_labels: [production]\nvariables:\n  n: {type: number, default: 7, description: How many.}\n",
		"prompts/team/p/versions/v1.yml": `version: v1
author: ann
time: 2026-03-01T10:00:00+02:00
message: First.
messages:
  - {role: system, content: "{{> tone}} Count to {{n}}."}
  - role: user
    content: |
      {{> tone@1}}
      Begin.
params: {temperature: 0.50, stop: ["a"], seed: 12345678901234567890}
response_format: {type: json_object}
partials: {tone: 2}
`,
		"partials/tone/versions/1.yaml":   "time: 2026-01-01\ncontent: Be kind.\n",
		"partials/tone/versions/2.yaml":   "time: 2026-02-01\ncontent: Be very kind.\n",
		"tools/shop/refund/v1.yaml":       "time: 2026-01-01\ndefinition: {name: refund, description: Pays back., parameters: {type: object}}\n",
		"tools/lookup/v1.json":            `{"version": "v1", "author": "bob", "time": "2026-01-01T00:00:00Z", "definition": {"description": "Looks up."}}`,
		"releases/team/p.yaml":            "- {environment: production, time: 2026-04-01, targets: [{version: v1}]}\n",
		"prompts/empty/prompt.yaml":       "",
		"prompts/p/versions/2026-01.yaml": simple,
	})
	p := s.Prompt("team/p")
	require.NotNil(t, p)
	assert.Equal(t, "Says it.", p.Description)
	assert.Equal(t, []string{"a", "b"}, p.Tags)
	assert.Equal(t, []string{"production"}, p.ProtectedLabels)
	assert.Equal(t, "7", *p.Variables["n"].Default)
	v := p.Latest()
	assert.Equal(t, "v1", v.Version)
	assert.Equal(t, "ann", v.Author)
	assert.Equal(t, "First.", v.Message)
	assert.True(t, v.Time.Equal(time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)))
	assert.Equal(t, `{"temperature":0.50,"stop":["a"],"seed":12345678901234567890}`, string(v.Params), "as written")
	assert.Equal(t, `{"type":"json_object"}`, string(v.ResponseFormat))
	assert.Equal(t, []string{"tone@1", "tone@2"}, refNames(v.Partials))
	rendered, err := v.Render(nil)
	require.NoError(t, err)
	assert.Equal(t, []RenderedMessage{{"system", "Be very kind. Count to 7."}, {"user", "Be kind.Begin.\n"}}, rendered)
	assert.Len(t, s.Prompts(), 3)
	assert.Nil(t, s.Prompt("empty").Latest())
	assert.Equal(t, "2026-01", s.Prompt("p").Latest().Version, "the file's name is the version when it says none")
	require.Len(t, s.Tools(), 2)
	assert.Equal(t, "bob", s.Tool("lookup").Version("v1").Author)
	assert.Equal(t, "v1", s.Tool("shop/refund").Version("v1").Version)
	r, live := s.LiveAt("team/p", "production", time.Date(2026, 4, 2, 0, 0, 0, 0, time.UTC))
	require.True(t, live)
	assert.Equal(t, []Target{{Version: "v1", Weight: 100}}, r.Targets)
}

func refNames(refs []PartialRef) []string {
	var out []string
	for _, r := range refs {
		out = append(out, r.Name+"@"+r.Version)
	}
	return out
}

// Everything that is refused says so with file, line and reason, and the good
// prompt beside it stays.
func TestLoadRefuses(t *testing.T) {
	tests := map[string]struct {
		files map[string]string
		want  []string
	}{
		"wrong type":              {map[string]string{one: "time: 2026-01-01\nmessages: 7\n"}, []string{one + ":2: not valid YAML for this file: cannot unmarshal !!int `7`"}},
		"wrong type of a time":    {map[string]string{one: "template: t\ntime: soon\n"}, []string{one + `:2: not valid YAML for this file: "soon" is no time`}},
		"a date in quotes":        {map[string]string{one: "template: t\ntime: \"2026-01-01\"\n"}, []string{one + `:2: not valid YAML for this file: "2026-01-01" is a text: write the date without quotes`}},
		"unknown key":             {map[string]string{one: simple + "mdl: x\n"}, []string{one + ":3: not valid YAML for this file: field mdl not found"}},
		"duplicate key":           {map[string]string{one: simple + "time: 2026-01-02\n"}, []string{one + `:3: not valid YAML for this file: mapping key "time" already defined at line 1`}},
		"duplicate key in params": {map[string]string{one: simple + "params:\n  a: 1\n  a: 2\n"}, []string{one + `:5: key "a" occurs twice`}},
		"tab":                     {map[string]string{one: "time: 2026-01-01\nmessages:\n\t- role: user\n"}, []string{one + ":3: not valid YAML for this file: found character that cannot start any token"}},
		"open quote":              {map[string]string{one: "time: 2026-01-01\ntemplate: \"never closed\n"}, []string{one + ":2: not valid YAML for this file: found unexpected end of stream"}},
		"empty file":              {map[string]string{one: ""}, []string{one + ":1: the file is empty"}},
		"comment only":            {map[string]string{one: "# nothing\n"}, []string{one + ":1: the file is empty"}},
		"a list":                  {map[string]string{one: "- a\n"}, []string{one + ":1: not valid YAML for this file: cannot unmarshal !!seq"}},
		"two documents":           {map[string]string{one: simple + "---\n" + simple}, []string{one + ":3: a second YAML document"}},
		"unknown anchor":          {map[string]string{one: "time: 2026-01-01\ntemplate: *nothing\n"}, []string{one + ":2: not valid YAML for this file: unknown anchor 'nothing' referenced"}},
		"binary":                  {map[string]string{one: "time: 2026-01-01\ntemplate: \"\x00\x01\xff\"\n"}, []string{one + ":"}},
		"not UTF-8":               {map[string]string{one: "template: \xff\xfe\xfa\n"}, []string{one + ":"}},
		"binary text":             {map[string]string{one: "time: 2026-01-01\ntemplate: !!binary aGVsbG8=\n"}, []string{one + ":2: the template must be a text"}},
		"binary parameter":        {map[string]string{one: simple + "params: {a: !!binary aGVsbG8=}\n"}, []string{one + ":3: binary data has no form in JSON"}},
		"no template":             {map[string]string{one: "time: 2026-01-01\n"}, []string{one + ":1: a prompt needs a template or messages"}},
		"template and messages":   {map[string]string{one: simple + "messages: [{role: user, content: a}]\n"}, []string{one + ":2: a prompt has a template or messages, not both"}},
		"content in a prompt":     {map[string]string{one: "time: 2026-01-01\ncontent: x\n"}, []string{one + ":2: content belongs to partials"}},
		"template is a list":      {map[string]string{one: "time: 2026-01-01\ntemplate: [a]\n"}, []string{one + ":2: the template must be a text"}},
		"message without a role":  {map[string]string{one: "messages:\n  - role: user\n    content: a\n  - content: b\n"}, []string{one + ":4: a message has a role and a content"}},
		"message with more":       {map[string]string{one: "messages:\n  - {role: user, content: a, name: b}\n"}, []string{one + ":2: a message has a role and a content, or a placeholder, and nothing else"}},
		"placeholder with more":   {map[string]string{one: "messages:\n  - {placeholder: history, role: user}\n"}, []string{one + ":2: a message has a role and a content, or a placeholder"}},
		"placeholder of braces":   {map[string]string{one: "messages:\n  - {placeholder: '{{x}}'}\n"}, []string{one + `:2: the placeholder "{{x}}" holds a blank or a brace`}},
		"placeholder twice":       {map[string]string{one: "messages: [{placeholder: a}, {role: user, content: b}, {placeholder: a}]\n"}, []string{one + `:1: the placeholder "a" stands twice`}},
		"placeholder and name":    {map[string]string{one: "messages: [{placeholder: a}, {role: user, content: '{{a}}'}]\n"}, []string{one + `:1: "a" is a placeholder and a variable`}},
		"params a list":           {map[string]string{one: simple + "params: [1]\n"}, []string{one + ":3: params must be a map"}},
		"params merge key":        {map[string]string{one: "params:\n  <<: {a: 1}\n" + simple}, []string{one + ":2: a key must be a plain text"}},
		"bad template":            {map[string]string{one: "time: 2026-01-01\ntemplate: |\n  first\n  {{#open}} second\n"}, []string{one + `:4: section "open" is never closed`}},
		"bad second message":      {map[string]string{one: "messages:\n  - {role: system, content: a}\n  - role: user\n    content: >-\n      b\n\n      {{c\n"}, []string{one + `:6: tag "{{" is never closed`}},
		"label as a version":      {map[string]string{one: "version: latest\n" + simple}, []string{one + `:1: version "latest" is a label`}},
		"version with a slash":    {map[string]string{one: "version: a/b\n" + simple}, []string{one + `:1: version "a/b" holds`}},
		"duplicate version":       {map[string]string{one: simple, "prompts/p/versions/other.yaml": "version: 1\n" + simple}, []string{`prompts/p/versions/other.yaml:1: duplicate version "1": ` + one + " holds it already"}},
		"edited in place":         {map[string]string{one: "hash: sha256:" + strings.Repeat("0", 64) + "\n" + simple}, []string{one + ":1: the content was changed in place"}},
		"unknown partial":         {map[string]string{one: "time: 2026-01-01\ntemplate: |\n  a\n  {{> tone}}\n"}, []string{one + `:4: partial "tone" does not exist`}},
		"unknown version of a partial": {map[string]string{one: "time: 2026-01-01\ntemplate: a {{> tone@9}}\n", "partials/tone/versions/1.yaml": "content: b\n"},
			[]string{one + `:2: partial "tone" has no version "9"`}},
		"partial of later": {map[string]string{one: "time: 2026-01-01\ntemplate: a {{> tone}}\n", "partials/tone/versions/1.yaml": "time: 2026-02-01\ncontent: b\n"},
			[]string{one + `:2: partial "tone" without a version: pin one`}},
		"cycle": {map[string]string{"partials/a/versions/1.yaml": "content: |\n  x\n  {{> b@1}}\n", "partials/b/versions/1.yaml": "content: \"{{> c@1}}\"\n", "partials/c/versions/1.yaml": "content: \"{{> a@1}}\"\n"},
			[]string{"partials/a/versions/1.yaml:3: ", "partials/b/versions/1.yaml:1: ", "partials/c/versions/1.yaml:1: cycle of partials: a@1 > b@1 > c@1 > a@1"}},
		"self": {map[string]string{"partials/a/versions/1.yaml": "content: \"{{> a@1}}\"\n"}, []string{"partials/a/versions/1.yaml:1: cycle of partials: a@1 > a@1"}},
		"user of a refused partial": {map[string]string{one: "time: 2026-01-01\ntemplate: text {{> a@1}}\n", "partials/a/versions/1.yaml": "content: \"{{> a@1}}\"\n"},
			[]string{"partials/a/versions/1.yaml:1: cycle", one + `:2: partial "a@1" is refused`}},
		"partial with two texts":  {map[string]string{"partials/a/versions/1.yaml": "content: a\ntemplate: b\n"}, []string{"partials/a/versions/1.yaml:1: a partial holds exactly one text"}},
		"format":                  {map[string]string{"prompts/p/prompt.yaml": "description: x\nformat: erb\n"}, []string{`prompts/p/prompt.yaml:2: format "erb" is none of mustache, f-string, jinja`}},
		"type of a variable":      {map[string]string{"prompts/p/prompt.yaml": "variables:\n  a: {type: string}\n  b:\n    type: int\n"}, []string{`prompts/p/prompt.yaml:4: variable "b": type "int" is none of`}},
		"tool without definition": {map[string]string{"tools/a/1.yaml": "author: x\n"}, []string{"tools/a/1.yaml:1: a tool needs a definition"}},
		"tool as a list":          {map[string]string{"tools/a/1.yaml": "time: 2026-01-01\ndefinition: [a]\n"}, []string{"tools/a/1.yaml:2: a tool needs a definition"}},
		"tool with a wrong name":  {map[string]string{"tools/a/1.yaml": "definition:\n  name: [a]\n"}, []string{"tools/a/1.yaml:2: definition: tool definition: json: cannot unmarshal array"}},
		"tool edited in place":    {map[string]string{"tools/a/1.yaml": "hash: sha256:00\ndefinition: {name: a}\n"}, []string{"tools/a/1.yaml:1: the definition was changed in place"}},
		"tool JSON syntax":        {map[string]string{"tools/a/1.json": "{\n\"definition\": {\"name\": \"a\",}\n}"}, []string{"tools/a/1.json:2: not valid JSON for this file: invalid character '}'"}},
		"tool JSON unknown key":   {map[string]string{"tools/a/1.json": "{\n\"defnition\": {}}"}, []string{`tools/a/1.json:2: not valid JSON for this file: unknown field "defnition"`}},
		"tool JSON more text":     {map[string]string{"tools/a/1.json": "{\"definition\": {\"name\": \"a\"}}\n{}"}, []string{"tools/a/1.json:2: more text after the JSON object"}},
		"tool twice":              {map[string]string{"tools/a/1.json": `{"definition": {"name": "a"}}`, "tools/a/1.yaml": "definition: {name: a}\n"}, []string{`tools/a/1.yaml:1: duplicate version "1"`}},
		"release of nothing":      {map[string]string{"releases/q.yaml": "- {environment: production, time: 2026-01-01, targets: [{version: 1}]}\n"}, []string{`releases/q.yaml:1: releases of a prompt that does not exist: "q"`}},
		"release leads nowhere": {map[string]string{one: simple, release: "- environment: production\n  time: 2026-01-01\n  targets:\n    - {version: 1, weight: 1}\n    - {version: 9, weight: 1}\n"},
			[]string{release + `:5: "production" leads nowhere: prompt "p" has no version "9"`}},
		"release without weights": {map[string]string{one: simple, two: simple, release: "- environment: production\n  time: 2026-01-01\n  targets:\n    - {version: 1, weight: 1}\n    - {version: 2}\n"},
			[]string{release + `:5: version "2" has no weight`}},
		"negative weight":               {map[string]string{one: simple, release: "- {environment: a, time: 2026-01-01, targets: [{version: 1, weight: -1}]}\n"}, []string{release + `:1: weight -1 of version "1" is not above zero`}},
		"weight is no number":           {map[string]string{one: simple, release: "- {environment: a, time: 2026-01-01, targets: [{version: 1, weight: .nan}]}\n"}, []string{release + `:1: weight NaN of version "1" is not above zero`}},
		"infinite weight":               {map[string]string{one: simple, release: "- {environment: a, time: 2026-01-01, targets: [{version: 1, weight: .inf}]}\n"}, []string{release + `:1: weight +Inf of version "1" is not above zero`}},
		"a target twice":                {map[string]string{one: simple, release: "- {environment: a, time: 2026-01-01, targets: [{version: 1, weight: 1}, {version: 1, weight: 2}]}\n"}, []string{release + `:1: version "1" is a target twice`}},
		"no target":                     {map[string]string{one: simple, release: "- {environment: a, time: 2026-01-01, targets: []}\n"}, []string{release + ":1: a release needs at least one target"}},
		"no environment":                {map[string]string{one: simple, release: "- {time: 2026-01-01, targets: [{version: 1}]}\n"}, []string{release + ":1: a release needs an environment"}},
		"environment is a path":         {map[string]string{one: simple, release: "- {environment: .., time: 2026-01-01, targets: [{version: 1}]}\n"}, []string{release + `:1: environment ".."`}},
		"no time":                       {map[string]string{one: simple, release: "- {environment: a, targets: [{version: 1}]}\n"}, []string{release + ":1: a release needs its time"}},
		"history out of order":          {map[string]string{one: simple, release: "- {environment: a, time: 2026-01-02, targets: [{version: 1}]}\n- {environment: a, time: 2026-01-01, targets: [{version: 1}]}\n"}, []string{release + ":2: this release of a is older"}},
		"released version edited":       {map[string]string{one: simple, release: "- {environment: a, time: 2026-01-02, targets: [{version: 1, hash: 'sha256:00'}]}\n"}, []string{one + `:1: released version "1" was changed in place`}},
		"release a map":                 {map[string]string{one: simple, release: "environment: a\n"}, []string{release + ":1: not valid YAML for this file: cannot unmarshal !!map"}},
		"two files of releases":         {map[string]string{one: simple, release: "[]\n", "releases/p.yml": "[]\n"}, []string{"releases/p.yml:1: a second file of releases: " + release}},
		"unknown folder":                {map[string]string{"prompt/p.yaml": simple}, []string{"prompt: warning: unknown folder: ignored"}},
		"unknown file":                  {map[string]string{"prompts/p/v1.yaml": simple, "x.txt": "a"}, []string{"prompts/p/v1.yaml: warning: unknown file: ignored", "x.txt: warning: unknown file: ignored"}},
		"versions of no prompt":         {map[string]string{"prompts/versions/1.yaml": simple}, []string{`prompts/versions: name "versions": the part "versions" is reserved: ignored`}},
		"name with a control character": {map[string]string{"prompts/a\x07b/versions/1.yaml": simple}, []string{`: name "a\ab": the character U+0007: ignored`}},
		"too large":                     {map[string]string{one: "template: |\n" + strings.Repeat("  "+strings.Repeat("x", 1000)+"\n", 10_500)}, []string{one + ": larger than 4 MiB: refused"}},
		"anchors bomb":                  {map[string]string{one: simple + bomb()}, []string{one + ":"}},
		"deep":                          {map[string]string{one: simple + "params: {a: " + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}\n"}, []string{one + ":3: "}},
		"not recognised":                {map[string]string{one: "time: 2026-01-01\ntemplate: '{{a}}'\n"}, []string{one + `: warning: version "1" is not recognised from rendered texts`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.files["prompts/good/versions/1.yaml"] = simple
			dir := directory(t, test.files)
			start := time.Now()
			s, problems := Load(dir)
			assert.Less(t, time.Since(start), 30*time.Second)
			got := reasons(dir, problems)
			require.Len(t, got, len(test.want), "%q", got)
			for i, want := range test.want {
				assert.Contains(t, got[i], want)
			}
			assert.NotNil(t, s.Prompt("good").Latest(), "the prompt beside it is there")
			assert.Equal(t, problems, s.Problems())
		})
	}
}

// bomb is a few hundred bytes that stand for 10^9 values.
func bomb() string {
	var b strings.Builder
	b.WriteString("params:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 9; i++ {
		fmt.Fprintf(&b, "  a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	return b.String()
}

// Line ends and byte order marks of other editors make no difference.
func TestLoadOtherEditors(t *testing.T) {
	const text = "time: 2026-01-01\ntemplate: |\n  Report the weather.\n  Be brief.\n"
	plain := load(t, map[string]string{one: text}).Prompt("p").Latest()
	for name, other := range map[string]string{
		"CRLF": strings.ReplaceAll(text, "\n", "\r\n"), "byte order mark": "\ufeff" + text, "both": "\ufeff" + strings.ReplaceAll(text, "\n", "\r\n"),
		"no final line end": strings.TrimSuffix(text, "\n") + "\n\n", "comments": "# head\n" + text + "# tail\n",
	} {
		assert.Equal(t, plain.Hash, load(t, map[string]string{one: other}).Prompt("p").Latest().Hash, name)
	}
}

func TestLoadSymlinks(t *testing.T) {
	dir := directory(t, map[string]string{one: simple, "..data/1.yaml": simple})
	outside := directory(t, map[string]string{"secret.yaml": simple, "q/versions/1.yaml": simple})
	link := func(target, name string) {
		full := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o755))
		require.NoError(t, os.Symlink(target, full))
	}
	link(filepath.Join(outside, "secret.yaml"), "prompts/p/versions/2.yaml")
	link("../../../..data/1.yaml", "prompts/p/versions/3.yaml")
	link("nowhere.yaml", "prompts/p/versions/4.yaml")
	link(filepath.Join(outside, "q"), "prompts/q")
	link("..", "prompts/loop")
	s, problems := Load(dir)
	assert.Equal(t, []string{"1", "3"}, versionNames(s.Prompt("p")), "links inside are followed, as Kubernetes mounts need")
	assert.Nil(t, s.Prompt("q"))
	got := strings.Join(reasons(dir, problems), "\n")
	assert.Contains(t, got, "prompts/p/versions/2.yaml: cannot be read: path escapes from parent")
	assert.Contains(t, got, "prompts/p/versions/4.yaml: cannot be read: no such file or directory")
	assert.Contains(t, got, "nested deeper than 16")
}

func versionNames(p *Prompt) []string {
	var out []string
	for _, v := range p.Versions {
		out = append(out, v.Version)
	}
	return out
}

func TestLoadWithoutAFolder(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none")
	s, problems := Load(missing)
	require.Len(t, problems, 1)
	assert.Contains(t, problems[0].String(), missing+": no such folder")
	assert.True(t, s.Empty())
	assert.False(t, s.Match("text", nil).Found)

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, problems = Load(file)
	require.Len(t, problems, 1)
	assert.Contains(t, problems[0].String(), "cannot be opened")
}

// Versions are in order of time, then by number: v2 stands before v10.
func TestLoadOrdersVersions(t *testing.T) {
	s := load(t, map[string]string{
		"prompts/p/versions/v10.yaml": "template: text number ten\n", "prompts/p/versions/v2.yaml": "template: text number two\n",
		"prompts/p/versions/v1.yaml": "time: 2026-01-01\ntemplate: text number one\n", "prompts/p/versions/v2a.yaml": "template: text two a\n",
	})
	assert.Equal(t, []string{"v2", "v2a", "v10", "v1"}, versionNames(s.Prompt("p")))
	for _, pair := range [][2]string{{"v2", "v10"}, {"1.9", "1.10"}, {"a", "b"}, {"1", "1.0"}, {"2026-01-09", "2026-01-10"}} {
		assert.Negative(t, compareVersions(pair[0], pair[1]), "%v", pair)
		assert.Positive(t, compareVersions(pair[1], pair[0]), "%v", pair)
	}
}

// Whatever the names are, their order is a total one.
func TestCompareVersionsIsAnOrder(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(5, 5))}
	name := func() string {
		var b strings.Builder
		for range 1 + g.IntN(4) {
			b.WriteString([]string{"0", "1", "9", "10", "a", ".", "99999999999999999999999"}[g.IntN(7)])
		}
		return b.String()
	}
	for range 20_000 {
		a, b, c := name(), name(), name()
		require.Equal(t, compareVersions(a, b), -compareVersions(b, a), "%s %s", a, b)
		require.Equal(t, a == b, compareVersions(a, b) == 0, "%s %s", a, b)
		if compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0 {
			require.LessOrEqual(t, compareVersions(a, c), 0, "%s %s %s", a, b, c)
		}
	}
}
