// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// FuzzParseFile reads any bytes as each kind of file: no panic, lines that exist,
// and what is right can be built.
func FuzzParseFile(f *testing.F) {
	for _, seed := range []string{
		simple, "version: v1\nmessages:\n  - {role: user, content: \"{{#a}}b{{/a}}\"}\nparams: {a: 1.50, b: [~, yes]}\n", "content: |\n  a {{> b@1}}\n",
		"- environment: production\n  time: 2026-01-01\n  targets:\n    - {version: 1, weight: 90}\n", "description: x\nvariables: {a: {type: number, default: 3}}\n",
		"definition: {name: a, parameters: {type: object, required: [a]}}\n", `{"version":"1","definition":{"name":"a"}}`, "a: &a [*a]\n", "? {a: b}\n: c\n", "%YAML 1.1\n---\na: !!binary aGk=\n",
		"\ufefftemplate: a\r\n", bomb(), "template: !!str\n  {{x\n", "params: {<<: {a: b}}\ntemplate: t\n",
	} {
		for kind := range uint8(5) {
			f.Add(kind, []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		file := sourceFile{kind: fileKind(kind % 5), name: "n", stem: "1", rel: "n/1.yaml"}
		if kind >= 128 {
			file.rel = "n/1.json"
		}
		value, err := parse(file, data)
		if err != nil {
			var located *lineError
			if !errors.As(err, &located) || located.line < 0 || located.line > 2+lineEnds(data) {
				t.Fatalf("%#v (%v) for %q", err, err, data)
			}
			if strings.Contains(err.Error(), "registry.") {
				t.Fatalf("an error that speaks of our types: %v", err)
			}
			return
		}
		b := newBuilder("", []*parsedFile{{sourceFile: file, value: value}})
		s := b.snapshot()
		s.index()
		s.Match("some text", nil)
		v := s.Prompt("n").Latest()
		if v == nil {
			return
		}
		again, err := ReadVersion("x", encode(versionFile{
			Version: v.Version, Format: v.Format, Time: stamp(v.Time), Messages: v.Messages, Params: node(t, v.Params), ResponseFormat: node(t, v.ResponseFormat),
		}))
		if err != nil {
			t.Fatalf("written, it cannot be read: %v", err)
		}
		hash, err := contentHash(orMustache(again.Format), again.Messages, v.Partials, again.Params, again.ResponseFormat)
		if err != nil || hash != v.Hash {
			t.Fatalf("written and read, it is another version (%v): %q", err, data)
		}
	})
}

// lineEnds bounds the line ends of a file: YAML knows several, and UTF-16.
func lineEnds(data []byte) (n int) {
	if bytes.HasPrefix(data, []byte("\xfe\xff")) || bytes.HasPrefix(data, []byte("\xff\xfe")) {
		return len(data) / 2
	}
	for _, end := range []string{"\n", "\r", "\u0085", "\u2028", "\u2029"} {
		n += bytes.Count(data, []byte(end))
	}
	return n
}

func node(t *testing.T, text json.RawMessage) (out *yaml.Node) {
	out, err := jsonNode(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// FuzzCanonicalJSON checks that the form is canonical and means the same.
func FuzzCanonicalJSON(f *testing.F) {
	for _, seed := range []string{`{"b":[1,2.50,1e400],"a":"\u20ac\ud83d\ude00"}`, `9007199254740993`, `"\ud800"`, `{"a":{"a":{}}}`, `[-0,1E-7]`, "\"\u2028\"", `{"a":1,"a":2}`, "[[[[]]]]"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		first, err := CanonicalJSON(text)
		if err != nil {
			return
		}
		if !json.Valid(text) || !json.Valid(first) {
			t.Fatalf("%q became %q", text, first)
		}
		again, err := CanonicalJSON(first)
		if err != nil || !bytes.Equal(first, again) {
			t.Fatalf("%q is not canonical: %q (%v)", first, again, err)
		}
		var indented bytes.Buffer
		if err := json.Indent(&indented, text, " ", "\t"); err != nil {
			t.Fatal(err)
		}
		other, err := CanonicalJSON(indented.Bytes())
		if err != nil || !bytes.Equal(first, other) {
			t.Fatalf("white space makes a difference: %q and %q (%v)", first, other, err)
		}
	})
}

// FuzzToolList imports any list: what was imported is unchanged the next time, under
// its name or another one, and the registry is whole.
func FuzzToolList(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","result":{"tools":[{"name":"a","inputSchema":{"type":"object"}}],"nextCursor":"x"}}`, `{"tools":[{"functionDeclarations":[{"name":"b"}]}]}`,
		`[` + refund + `,{"type":"web_search"},{"name":"a/b","strict":true},"c",7]`, `{"error":{"message":1}}`, `{"tools":{}}`,
	} {
		f.Add([]byte(seed), "")
		f.Add([]byte(seed), "mcp__s__")
	}
	f.Fuzz(func(t *testing.T, text []byte, prefix string) {
		list, err := ReadToolList(text)
		if err != nil {
			return
		}
		importer := Importer{Dir: t.TempDir()}
		for _, want := range []Outcome{Added, Unchanged} {
			for i := range list.Tools[:min(len(list.Tools), 3)] {
				d := &list.Tools[i]
				definition, err := Named(d, prefix+d.Name)
				if err != nil {
					continue
				}
				r, err := importer.Tool(NewTool{Name: prefix + d.Name, Definition: definition})
				switch {
				case err != nil:
					t.Fatalf("%q: %v", text, err)
				case r.Outcome == Added && want == Unchanged:
					t.Fatalf("imported twice: %q", text)
				case (r.Outcome == Added || r.Outcome == Unchanged) && r.Version == nil:
					t.Fatalf("no version: %q", text)
				}
			}
		}
		if _, problems := Load(importer.Dir); len(problems) > 0 {
			t.Fatalf("%q: %v", text, problems[0])
		}
	})
}

// FuzzToolDefinition reads any definition: its hash does not depend on how it is
// written, and it does not differ from itself.
func FuzzToolDefinition(f *testing.F) {
	for _, seed := range []string{
		refund, `{"type":"function","function":{"name":"a","strict":true}}`, `{"name":"a","parameters":"{\"type\":\"OBJECT\"}"}`, `{"name":"a","input_schema":{"items":[{"type":"STRING"}],"$schema":1}}`,
		`{"type":"web_search","max":1e400}`, `{"name":"a","parameters":{"properties":7,"required":"x","enum":{}}}`, `{"name":"a","parameters":[true]}`,
	} {
		f.Add([]byte(seed), []byte(refund))
	}
	f.Fuzz(func(t *testing.T, text, other []byte) {
		content, err := ToolContentFromJSON(text)
		if err != nil {
			return
		}
		hash, err := content.Hash()
		if err != nil {
			return
		}
		var indented bytes.Buffer
		if err := json.Indent(&indented, text, "", " "); err != nil {
			t.Fatal(err)
		}
		second, err := ToolContentFromJSON(indented.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if again, err := second.Hash(); err != nil || again != hash {
			t.Fatalf("white space makes another version of %q (%v)", text, err)
		}
		a := &ToolVersion{Definition: text, Hash: hash}
		if changes := DiffTools(a, &ToolVersion{Definition: indented.Bytes(), Hash: hash}); len(changes) > 0 {
			t.Fatalf("%q differs from itself: %v", text, changes)
		}
		if content, err := ToolContentFromJSON(other); err == nil {
			if second, err := content.Hash(); err == nil && second != hash {
				if len(DiffTools(a, &ToolVersion{Definition: other, Hash: second})) == 0 {
					t.Fatalf("nothing differs between %q and %q", text, other)
				}
			}
		}
	})
}

// FuzzMatch renders a template and looks for it: whatever is said about the
// variables is true, and never another version is named.
func FuzzMatch(f *testing.F) {
	f.Add("You are {{a}}, an assistant of {{b}}.", "Ann", "us", "You are {{a}} of {{b}}, an assistant.")
	f.Add("{{a}}{{b}} is a hard one, {{a}}", "aa", "a", "{{a}} is a hard one, {{b}}")
	f.Add("Report the weather{{a}}\n", "\n", "", "Report the weather\n")
	f.Add("Report {{#a}}x{{/a}} the weather", "1", "2", "Report {{a}} the weather")
	f.Fuzz(func(t *testing.T, template, a, b, other string) {
		var files []*parsedFile
		for i, text := range []string{template, other} {
			version := string(rune('1' + i))
			file := sourceFile{kind: kindVersion, name: "p", stem: version, rel: "prompts/p/versions/" + version + ".yaml"}
			value, err := parse(file, encode(versionFile{Version: version, Time: stamp(may), Messages: system(text)}))
			if err != nil {
				return
			}
			files = append(files, &parsedFile{sourceFile: file, value: value})
		}
		s := newBuilder("", files).snapshot()
		s.index()
		v := s.Prompt("p").Version("1")
		if v == nil {
			return
		}
		vars := map[string]string{}
		for i, name := range v.Variables() {
			vars[name] = []string{a, b}[i%2]
		}
		rendered, err := v.Render(vars)
		if err != nil {
			return
		}
		got := s.Match("", rendered)
		if !got.Found {
			return
		}
		if got.Version != v {
			if !v.body.pattern.generalises(&got.Version.body.pattern) && v.body.unmatchable == "" {
				t.Fatalf("%q was taken for %q: %q", template, other, rendered)
			}
			return
		}
		for _, variable := range got.Variables {
			if vars[variable.Name] != variable.Value {
				t.Fatalf("%q: %s is %q, not %q", template, variable.Name, vars[variable.Name], variable.Value)
			}
		}
	})
}

// FuzzMatchMoved puts a preamble before a rendered template: whatever is found
// explains the end of the call's texts.
func FuzzMatchMoved(f *testing.F) {
	f.Add("You are {{a}}, a careful assistant of the house of {{b}}.", "Ann", "us", "Today is Friday.\n", true)
	f.Add("{{a}} is a hard one among all of the hard ones, {{a}}", "aa", "a", "Hello.", false)
	f.Add("Report the weather of today in short sentences\n", "", "", "Report the weather of today in short sentences\n", true)
	f.Fuzz(func(t *testing.T, template, a, b, preamble string, line bool) {
		file := sourceFile{kind: kindVersion, name: "p", stem: "1", rel: "prompts/p/versions/1.yaml"}
		value, err := parse(file, encode(versionFile{Version: "1", Time: stamp(may), Messages: system(template)}))
		if err != nil {
			return
		}
		s := newBuilder("", []*parsedFile{{sourceFile: file, value: value}}).snapshot()
		s.index()
		v := s.Prompt("p").Version("1")
		if v == nil {
			return
		}
		vars := map[string]string{}
		for i, name := range v.Variables() {
			vars[name] = []string{a, b}[i%2]
		}
		texts, err := v.Render(vars)
		if err != nil {
			return
		}
		if line {
			texts[0].Content = preamble + texts[0].Content
		} else {
			texts = append([]RenderedMessage{{"system", preamble}}, texts...)
		}
		got := s.Match("", texts)
		if !got.Found || len(got.UncertainVariables) > 0 {
			return
		}
		found := map[string]string{}
		for _, variable := range got.Variables {
			found[variable.Name] = variable.Value
		}
		again, err := v.Render(found)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			if strings.HasSuffix(trimEnd(text.Content), trimEnd(again[0].Content)) {
				return
			}
		}
		t.Fatalf("%q is no end of %q", again, texts)
	})
}

// FuzzNames looks for names that leave their folder.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{"a/b", "../a", "a//b", "a/./b", `a\..\b`, "a/..", ".git", "a\x00b", "/etc", "C:", "a/versions", "\u202ea", " a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if CheckName(name) == nil && (!filepath.IsLocal(filepath.FromSlash(name)) || filepath.ToSlash(filepath.Clean(filepath.FromSlash(name))) != name) {
			t.Fatalf("%q leaves its folder", name)
		}
		if CheckVersion(name) == nil && filepath.Base(name) != name {
			t.Fatalf("version %q is no file name", name)
		}
	})
}

// FuzzWriteVersion writes any text and reads it again.
func FuzzWriteVersion(f *testing.F) {
	for _, text := range hostileTexts {
		f.Add(text[:min(len(text), 100)], text[:min(len(text), 20)])
	}
	f.Fuzz(func(t *testing.T, text, message string) {
		doc, err := NewVersion{Version: "1", Template: text, Message: message, Author: message, Time: may}.file(&Snapshot{})
		if err != nil {
			return
		}
		read, err := ReadVersion("1.yaml", encode(doc))
		if err != nil {
			t.Fatalf("%q cannot be read: %v", text, err)
		}
		if read.Template != text || read.Message != strings.ToValidUTF8(message, "\ufffd") || !read.Time.Equal(may) {
			t.Fatalf("%q was read as %q, message %q as %q", text, read.Template, message, read.Message)
		}
	})
}
