// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// lineError is an error with its place in a file.
type lineError struct {
	line   int
	reason string
}

func (e *lineError) Error() string { return e.reason }

func failAt(line int, format string, args ...any) error {
	return &lineError{line: line, reason: fmt.Sprintf(format, args...)}
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)

// decodeYAML reads exactly one document into v and refuses unknown keys.
func decodeYAML(data []byte, v any) error {
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(v); err != nil {
		return yamlError(data, err)
	}
	var more yaml.Node
	switch err := d.Decode(&more); {
	case err == nil:
		return failAt(more.Line, "a second YAML document: one file holds one")
	case !errors.Is(err, io.EOF):
		return yamlError(data, err)
	}
	return nil
}

// yamlError finds the line of a YAML error.
func yamlError(data []byte, err error) error {
	if errors.Is(err, io.EOF) {
		return failAt(1, "the file is empty")
	}
	var located *lineError
	if errors.As(err, &located) {
		return located
	}
	var typed *yaml.TypeError
	message := err.Error()
	isType := errors.As(err, &typed) && len(typed.Errors) > 0
	if isType {
		message = typed.Errors[0]
	}
	line, reason := 1, strings.TrimPrefix(message, "yaml: ")
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		line, _ = strconv.Atoi(m[1])
		reason = m[2]
		if !isType && countsFromZero(reason) {
			line++
		}
	} else if name, ok := strings.CutPrefix(reason, "unknown anchor '"); ok {
		name, _, _ = strings.Cut(name, "'")
		line = 1 + bytes.Count(data[:max(0, bytes.Index(data, []byte("*"+name)))], []byte("\n"))
	}
	if text, ok := badTime(err); ok {
		line, reason = valueLine(data, text), show(text)+" is no time: 2026-01-31 or 2026-01-31T12:00:00Z is expected"
		if _, err := time.Parse(time.DateOnly, text); err == nil {
			reason = show(text) + " is a text: write the date without quotes"
		}
	}
	reason = goType.ReplaceAllString(reason, "")
	return failAt(line, "%s", "not valid YAML for this file: "+reason)
}

// goType is the name of our own type at the end of the decoder's messages.
var goType = regexp.MustCompile(` (in type|into) \S*(registry|yaml)\.\S+$`)

// badTime is the text of a value that should have been a time.
func badTime(err error) (string, bool) {
	var bad *time.ParseError
	if errors.As(err, &bad) {
		return bad.Value, true
	}
	return "", false
}

// keyLine is the line of a value under these keys, for errors that are found
// after decoding; 1 when it is not there.
func keyLine(data []byte, keys ...string) int {
	var doc yaml.Node
	if yaml.Unmarshal(data, &doc) != nil || len(doc.Content) == 0 {
		return 1
	}
	node := doc.Content[0]
	for _, key := range keys {
		var value *yaml.Node
		for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == key {
				value = node.Content[i+1]
			}
		}
		if value == nil {
			break
		}
		node = value
	}
	return max(1, node.Line)
}

// valueLine is the line of the first scalar with this text; 1 when there is none.
func valueLine(data []byte, text string) int {
	var doc yaml.Node
	if yaml.Unmarshal(data, &doc) != nil {
		return 1
	}
	nodes := []*yaml.Node{&doc}
	for len(nodes) > 0 {
		node := nodes[0]
		if node.Kind == yaml.ScalarNode && node.Value == text {
			return node.Line
		}
		nodes = append(node.Content[:len(node.Content):len(node.Content)], nodes[1:]...)
	}
	return 1
}

// countsFromZero tells the parser's errors, whose lines the library counts from
// zero, from the scanner's, which it counts from one.
func countsFromZero(reason string) bool {
	switch {
	case strings.HasPrefix(reason, "did not find expected '"), strings.HasPrefix(reason, "did not find expected <"),
		reason == "did not find expected node content", reason == "did not find expected key",
		reason == "found undefined tag handle", strings.HasPrefix(reason, "found duplicate %"),
		reason == "found incompatible YAML document":
		return true
	}
	return false
}

// scalar returns the text of a node that must be a text.
func scalar(node *yaml.Node, what string) (string, error) {
	for hops := 0; node.Kind == yaml.AliasNode && hops < 8; hops++ {
		node = node.Alias
	}
	if node.Kind != yaml.ScalarNode || node.Tag == "!!null" || node.ShortTag() == "!!binary" {
		return "", failAt(node.Line, "%s must be a text", what)
	}
	return node.Value, nil
}

// textLine is the line in the file of line n (1-based) of a node's text.
func textLine(node *yaml.Node, n int) int {
	if node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return node.Line + n
	}
	return node.Line + n - 1
}

// jsonBudget bounds what aliases can blow up.
const jsonBudget = 200_000

// nodeJSON writes a YAML node as JSON. Numbers keep their source text where
// JSON has the same form; dates are texts.
func nodeJSON(node *yaml.Node) (json.RawMessage, error) {
	w := nodeWriter{left: jsonBudget}
	if err := w.write(node, 0); err != nil {
		return nil, err
	}
	return w.out, nil
}

type nodeWriter struct {
	out  []byte
	left int
}

func (w *nodeWriter) write(node *yaml.Node, depth int) error {
	w.left--
	if w.left < 0 || depth > 100 || len(w.out) > maxFileBytes*2 {
		return failAt(node.Line, "nested too deep, or too large once its aliases are followed")
	}
	switch node.Kind {
	case yaml.AliasNode:
		return w.write(node.Alias, depth+1)
	case yaml.SequenceNode:
		w.out = append(w.out, '[')
		for i, item := range node.Content {
			if i > 0 {
				w.out = append(w.out, ',')
			}
			if err := w.write(item, depth+1); err != nil {
				return err
			}
		}
		w.out = append(w.out, ']')
		return nil
	case yaml.MappingNode:
		return w.mapping(node, depth)
	}
	return w.scalar(node)
}

func (w *nodeWriter) mapping(node *yaml.Node, depth int) error {
	seen := make(map[string]bool, len(node.Content)/2)
	w.out = append(w.out, '{')
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		if key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
			return failAt(key.Line, "a key must be a plain text")
		}
		if seen[key.Value] {
			return failAt(key.Line, "key %s occurs twice", show(key.Value))
		}
		seen[key.Value] = true
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.out = append(append(w.out, marshal(key.Value)...), ':')
		if err := w.write(node.Content[i+1], depth+1); err != nil {
			return err
		}
	}
	w.out = append(w.out, '}')
	return nil
}

func (w *nodeWriter) scalar(node *yaml.Node) error {
	var value any
	switch node.ShortTag() {
	case "!!int", "!!float":
		if isJSONNumber(node.Value) {
			w.out = append(w.out, node.Value...)
			return nil
		}
		if err := node.Decode(&value); err != nil {
			return failAt(node.Line, "%s is no number", show(node.Value))
		}
	case "!!binary":
		return failAt(node.Line, "binary data has no form in JSON")
	case "!!bool", "!!null":
		if err := node.Decode(&value); err != nil {
			return failAt(node.Line, "%s cannot be read", show(node.Value))
		}
	default:
		value = node.Value
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return failAt(node.Line, "%s has no form in JSON", show(node.Value))
	}
	if text, ok := value.(string); ok {
		encoded = marshal(text)
	}
	w.out = append(w.out, encoded...)
	return nil
}

func isJSONNumber(s string) bool {
	return s != "" && (s[0] == '-' || (s[0] >= '0' && s[0] <= '9')) && json.Valid([]byte(s))
}
