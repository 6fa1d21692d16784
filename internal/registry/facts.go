// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/spanloop/spanloop/internal/registry/template"
)

// facts are what the blocks of a template were told: the answers to questions and
// how long lists are.
type facts struct {
	answers []fact
	counts  []count
}

type fact struct {
	question template.Question
	answer   bool
}

type count struct {
	name string
	n    int
}

func (f facts) with(q template.Question, answer bool) facts {
	return facts{append(f.answers[:len(f.answers):len(f.answers)], fact{q, answer}), f.counts}
}

func (f facts) withCount(name string, n int) facts {
	if _, ok := f.count(name); ok {
		return f
	}
	return facts{f.answers, append(f.counts[:len(f.counts):len(f.counts)], count{name, n})}
}

func (f facts) count(name string) (int, bool) {
	for _, c := range f.counts {
		if c.name == name {
			return c.n, true
		}
	}
	return 0, false
}

// known tells what follows from the facts.
func (f facts) known(q template.Question) (answer, ok bool) {
	if n, ok := f.count(q.Name); ok {
		return n > 0 && q.Asks != template.Equal || q.Asks == template.Defined, true
	}
	for _, known := range f.answers {
		switch k := known.question; {
		case k.Name != q.Name:
		case k == q:
			return known.answer, true
		case k.Asks == template.Equal && known.answer:
			return q.Asks == template.Defined || q.Asks == template.True && k.Text != "", true
		case k.Asks == template.Defined && !known.answer:
			return false, true
		case k.Asks == template.True && q.Asks == template.Equal && known.answer == (q.Text == ""):
			return false, true
		case k.Asks == template.True && q.Asks == template.Defined && known.answer:
			return true, true
		}
	}
	return false, false
}

// allow tells whether variables that are printed may have the values of a solution;
// when not, sure tells that no other values of it would do.
func (f facts) allow(names []string, s solution) (allowed, sure bool) {
	allowed, values := true, s.values
	for i, name := range names {
		for _, known := range f.answers {
			if known.question.Name != name {
				continue
			}
			said := true
			switch known.question.Asks {
			case template.True:
				// A number or a boolean may be false and print as something.
				if said = values[i] != ""; said && !known.answer && slices.Contains([]string{"0", "0.0", "-0.0", "False", "None", "false", "[]", "{}"}, values[i]) {
					said = false
				}
			case template.Equal:
				said = values[i] == known.question.Text
			}
			if said != known.answer {
				if allowed = false; s.sure[i] {
					return false, true
				}
			}
		}
	}
	return allowed, allowed
}

// value is what a variable that is not printed must have been, if that is known:
// the text that it equals, or the truth of what is declared to be a boolean.
func (f facts) value(name string, boolean bool) (string, bool) {
	for _, known := range f.answers {
		switch {
		case known.question.Name != name:
		case known.question.Asks == template.Equal && known.answer:
			return known.question.Text, true
		case known.question.Asks == template.True && boolean:
			return strconv.FormatBool(known.answer), true
		}
	}
	return "", false
}

// standIn is a value of a variable that is not printed which gives these facts.
func (f facts) standIn(name string) *tree {
	var equals []string
	out, truth := &tree{}, true
	for _, known := range f.answers {
		switch {
		case known.question.Name != name:
		case known.question.Asks == template.Defined && !known.answer:
			return &tree{none: true}
		case known.question.Asks == template.Equal && known.answer:
			return &tree{text: &known.question.Text}
		case known.question.Asks == template.Equal:
			equals = append(equals, known.question.Text)
		case known.question.Asks == template.True:
			truth = known.answer
		}
	}
	if truth && equals != nil {
		other := "other"
		for slices.Contains(equals, other) {
			other += "."
		}
		out.text = &other
		return out
	}
	out.truth = &truth
	return out
}

// vars are values of the variables that give the shape and its texts; false when
// there are none, because a name is used in two ways.
func (s shape) vars() (map[string]string, bool) {
	root := &tree{}
	for i, name := range s.pattern.names {
		root.at(name).text = &s.solution.values[i]
	}
	for _, c := range s.facts.counts {
		root.at(c.name).extend(c.n)
	}
	for _, known := range s.facts.answers {
		n := root.at(known.question.Name)
		if n.empty() {
			*n = *s.facts.standIn(known.question.Name)
		}
		n.whole = true
	}
	vars, ok := map[string]string{}, true
	for name, n := range root.fields {
		ok = n.write(name, vars) && ok
	}
	return vars, ok
}

// tree is a value that is put together from its parts.
type tree struct {
	text   *string
	truth  *bool
	items  []*tree
	fields map[string]*tree
	// none stands for no value; whole is true of what a block decides by.
	none, whole bool
}

func (n *tree) empty() bool {
	return n.text == nil && n.truth == nil && n.items == nil && n.fields == nil && !n.none
}

// extend makes the node a list of that many items.
func (n *tree) extend(items int) {
	if n.items == nil {
		n.items = []*tree{}
	}
	for len(n.items) < items {
		n.items = append(n.items, &tree{})
	}
}

// at is the node of a path, such as docs[0].title.
func (n *tree) at(path string) *tree {
	for path != "" {
		if rest, ok := strings.CutPrefix(path, "["); ok {
			number, after, _ := strings.Cut(rest, "]")
			k, err := strconv.Atoi(number)
			if err != nil || k > maxItems {
				return &tree{}
			}
			n.extend(k + 1)
			n, path = n.items[k], strings.TrimPrefix(after, ".")
			continue
		}
		end := strings.IndexAny(path, ".[")
		if end < 0 {
			end = len(path)
		}
		if n.fields == nil {
			n.fields = map[string]*tree{}
		}
		field := path[:end]
		if n.fields[field] == nil {
			n.fields[field] = &tree{}
		}
		n, path = n.fields[field], strings.TrimPrefix(path[end:], ".")
	}
	return n
}

// write enters a variable: fields that are not in a list by their dotted names. It
// is false for what is used as a text and as something else.
func (n *tree) write(name string, vars map[string]string) bool {
	switch {
	case n.none:
		return true
	case n.text != nil:
		vars[name] = *n.text
		return n.items == nil && n.fields == nil
	case n.truth != nil || n.items != nil || n.whole:
		encoded, err := json.Marshal(n.value())
		vars[name] = string(encoded)
		return err == nil && (n.items == nil || n.fields == nil)
	}
	ok := true
	for field, inner := range n.fields {
		ok = inner.write(name+"."+field, vars) && ok
	}
	return ok
}

// value is the node as JSON has it; an item that nothing is known of is true.
func (n *tree) value() any {
	switch {
	case n.text != nil:
		return *n.text
	case n.items != nil:
		out := make([]any, 0, len(n.items))
		for _, item := range n.items {
			out = append(out, item.value())
		}
		return out
	case n.fields != nil:
		out := map[string]any{}
		for field, inner := range n.fields {
			if !inner.none {
				out[field] = inner.value()
			}
		}
		return out
	case n.truth != nil:
		return *n.truth
	}
	return true
}
