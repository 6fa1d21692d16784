// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package mustache

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/spanloop/spanloop/internal/registry/template"
)

// MissingError names a variable that a template needs and nobody gave.
type MissingError = template.MissingError

// Render fills in the variables. Values are strings, numbers, booleans, nil,
// []any and map[string]any. A variable that is not there is a *MissingError; a
// section whose value is not there is false, as in the specification.
func (t *Template) Render(vars map[string]any) (string, error) {
	r := renderer{stack: []any{vars}}
	r.out.Grow(min(len(t.Source)+512, 16<<10))
	if err := r.nodes(t.Nodes); err != nil {
		return "", err
	}
	return r.out.String(), nil
}

// maxSteps bounds the work of one rendering: sections over long lists multiply.
const maxSteps = 2_000_000

type renderer struct {
	out   strings.Builder
	stack []any
	steps int
}

func (r *renderer) nodes(nodes []Node) error {
	for _, n := range nodes {
		if r.steps++; r.steps > maxSteps {
			return &SyntaxError{Line: n.Line, Reason: "rendering takes more than 2,000,000 steps"}
		}
		var err error
		switch n.Kind {
		case Text:
			r.write(n.Text)
		case Variable:
			value, ok := r.lookup(n.Name)
			if !ok {
				return &MissingError{Name: n.Name, Line: n.Line}
			}
			r.write(text(value))
		case Section:
			value, _ := r.lookup(n.Name)
			err = r.section(n, value)
		case Inverted:
			if value, _ := r.lookup(n.Name); !truthy(value) {
				err = r.nodes(n.Nodes)
			}
		default:
			err = &SyntaxError{Line: n.Line, Reason: "partial " + quote(n.Name) + " was not expanded"}
		}
		if err != nil {
			return err
		}
		if r.out.Len() > 4*MaxSourceBytes {
			return &SyntaxError{Line: n.Line, Reason: "the rendered text is longer than 16 MiB"}
		}
	}
	return nil
}

func (r *renderer) write(s string) { r.out.WriteString(s) }

func (r *renderer) section(n Node, value any) error {
	if !truthy(value) {
		return nil
	}
	items, ok := value.([]any)
	if !ok {
		items = []any{value}
	}
	for _, item := range items {
		r.steps++
		r.stack = append(r.stack, item)
		err := r.nodes(n.Nodes)
		r.stack = r.stack[:len(r.stack)-1]
		if err != nil {
			return err
		}
	}
	return nil
}

// lookup resolves a name from the innermost context outwards. A dotted name
// resolves its first part that way and the rest inside of it; a context that
// has the whole dotted name as a key wins, since variables arrive flat on spans.
func (r *renderer) lookup(name string) (any, bool) {
	if name == "." {
		return r.stack[len(r.stack)-1], true
	}
	first, rest, dotted := strings.Cut(name, ".")
	for i := len(r.stack) - 1; i >= 0; i-- {
		m, ok := r.stack[i].(map[string]any)
		if !ok {
			continue
		}
		if value, ok := m[name]; ok {
			return value, true
		}
		if !dotted {
			continue
		}
		if value, ok := m[first]; ok {
			return descend(value, rest)
		}
	}
	return nil, false
}

func descend(value any, path string) (any, bool) {
	for path != "" {
		m, ok := value.(map[string]any)
		if !ok {
			return nil, false
		}
		var key string
		key, path, _ = strings.Cut(path, ".")
		if value, ok = m[key]; !ok {
			return nil, false
		}
	}
	return value, true
}

func truthy(value any) bool {
	switch v := value.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	}
	return true
}

func text(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return v.String()
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case int:
		return strconv.Itoa(v)
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(encoded)
}
