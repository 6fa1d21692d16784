// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxDepth = 4
	// groupLetters is how many static letters make values that differ in parts one
	// wording, such as a sentence with a name in it.
	groupLetters = 12
	// lookedAt bounds the values of a slot that are compared with each other.
	lookedAt = 64
	// fewLetters is how little two versions may differ by without a note.
	fewLetters  = 24
	maxExamples = 3
	maxExample  = 80
)

// splitter splits a family into versions.
type splitter struct {
	*miner
	versions []Version
	notes    []string
}

// choice is a place that holds one of few wordings.
type choice struct {
	// labels number the wording of each text, words holds them.
	labels []int
	words  []string
}

// split makes versions of texts: places that hold one of few wordings, many calls
// each, tell versions apart, unless all combinations of them occur.
func (s *splitter) split(docs []*doc, depth int) {
	if total(docs) < float64(s.options.MinCalls) || len(s.versions) > 4*maxVersions {
		return
	}
	f := s.frameOf(docs)
	if len(f.ids) == 0 {
		return
	}
	list := dissolve(f.elements(docs), docs)
	var choices []choice
	if depth < maxDepth {
		for i := range list {
			if c, ok := s.choice(list, i, docs); ok {
				choices = append(choices, c)
			}
		}
	}
	if len(choices) == 0 {
		s.add(list, docs)
		return
	}
	parts := map[string][]*doc{}
	var keys []string
	for i, d := range docs {
		key := ""
		for _, c := range choices {
			key += fmt.Sprint(c.labels[i], " ")
		}
		if parts[key] == nil {
			keys = append(keys, key)
		}
		parts[key] = append(parts[key], d)
	}
	keys = slices.DeleteFunc(keys, func(key string) bool { return total(parts[key]) < float64(s.options.MinCalls) })
	slices.SortFunc(keys, func(x, y string) int {
		return cmp.Or(-cmp.Compare(total(parts[x]), total(parts[y])), strings.Compare(x, y))
	})
	most := 1
	for _, c := range choices {
		most += len(c.words) - 1
	}
	if len(keys) > most || len(keys) > maxVersions {
		s.note("%d places vary among few values each, in %d combinations: taken for variables, not for versions", len(choices), len(keys))
		s.add(list, docs)
		return
	}
	if len(keys) == 1 && len(parts[keys[0]]) == len(docs) {
		s.add(list, docs)
		return
	}
	if len(keys) > 1 {
		for _, c := range choices {
			if longest := slices.MaxFunc(c.words, func(x, y string) int { return cmp.Compare(letters(x), letters(y)) }); letters(longest) < fewLetters {
				s.note("versions differ by %s: if that is a variable with few values, make one version of them", quoted(c.words))
			}
		}
	}
	for _, key := range keys {
		s.split(parts[key], depth+1)
	}
}

func (s *splitter) note(format string, args ...any) {
	note := fmt.Sprintf(format, args...)
	if !slices.Contains(s.notes, note) {
		s.notes = append(s.notes, note)
	}
}

func quoted(words []string) string {
	words = slices.Sorted(slices.Values(words))
	var out []string
	for i, w := range words {
		if i == 4 {
			out = append(out, "…")
			break
		}
		out = append(out, fmt.Sprintf("%q", w))
	}
	return strings.Join(out, ", ")
}

// choice tells whether a variable holds one of few wordings. Values of a known type
// do not, nor do names where the words before announce one.
func (s *splitter) choice(list []element, at int, docs []*doc) (choice, bool) {
	e := list[at]
	if !e.variable || typeOf(list, at) != "" {
		return choice{}, false
	}
	c := choice{labels: make([]int, len(docs))}
	labels := map[string]int{}
	var groups []*wording
	values := 0
	for i := range docs {
		value := e.values[i]
		label, seen := labels[value]
		if !seen {
			values++
			if values > lookedAt && len(groups) >= s.options.MinValues {
				return choice{}, false
			}
			label = s.wordingOf(&groups, value)
			labels[value] = label
			if len(groups) >= s.options.MinValues {
				return choice{}, false
			}
		}
		c.labels[i] = label
	}
	if len(groups) < 2 {
		return choice{}, false
	}
	for _, g := range groups {
		if g.values > 1 && values >= s.options.MinValues && g.shared() < groupLetters {
			return choice{}, false
		}
		c.words = append(c.words, g.first.text)
	}
	return c, true
}

// wording are values that say the same in other words for a part.
type wording struct {
	first  *doc
	frame  frame
	values int
}

func (g *wording) shared() int {
	n := 0
	at := 0
	for _, id := range g.frame.ids {
		for at < len(g.first.ids) && g.first.ids[at] != id {
			at++
		}
		if at < len(g.first.ids) {
			if t := g.first.tokens[at]; t.class == "" {
				n += t.letters
			}
			at++
		}
	}
	return n
}

// wordingOf is the number of the group that a value belongs to, a new one if need be.
func (s *splitter) wordingOf(groups *[]*wording, value string) int {
	d := s.doc(&sampled{text: value})
	for i, g := range *groups {
		if slices.Equal(g.first.ids, d.ids) || s.similarity(g.first, d) >= alike {
			g.values++
			g.frame.fold(d.ids, s.weights)
			return i
		}
	}
	*groups = append(*groups, &wording{first: d, frame: s.frameOf([]*doc{d}), values: 1})
	return len(*groups) - 1
}

// add makes a version of elements.
func (s *splitter) add(list []element, docs []*doc) {
	pattern, _ := patternOf(list)
	v := Version{Pattern: pattern, Slots: []Slot{}}
	taken := map[string]int{}
	for i, e := range list {
		if !e.variable {
			continue
		}
		class := typeOf(list, i)
		slot := Slot{Type: cmp.Or(class, TypeText), Name: slotName(before(list, i), class, len(v.Slots)+1)}
		if taken[slot.Name]++; taken[slot.Name] > 1 {
			slot.Name = fmt.Sprintf("%s_%d", slot.Name, taken[slot.Name])
		}
		slot.Values, slot.Examples = examples(e.values, docs)
		v.Slots = append(v.Slots, slot)
	}
	if len(docs) > 0 && len(pattern) > 0 {
		s.versions = append(s.versions, v)
	}
}

// examples are some of the different values, whichever hash lowest.
func examples(values []string, docs []*doc) (int, []string) {
	seen := map[string]bool{}
	out := []string{}
	for i := range docs {
		if v := values[i]; !seen[v] {
			seen[v] = true
			if len(out) < maxExamples {
				out = append(out, shorten(v))
			}
		}
	}
	return len(seen), out
}

func shorten(v string) string {
	if len(v) <= maxExample {
		return v
	}
	cut := maxExample
	for cut > 0 && !utf8.RuneStart(v[cut]) {
		cut--
	}
	return v[:cut] + "…"
}

// typeOf is what all values of a variable are, by their shape or by the words
// before it; "" for text.
func typeOf(list []element, at int) string {
	e := list[at]
	class := cmp.Or(e.class, classOf(e.values))
	switch {
	case class != "":
		return class
	case announced(before(list, at), naming) && areNames(e.values):
		return TypeName
	case announced(before(list, at), identifying) && areIDs(e.values):
		return TypeID
	}
	return ""
}

// classOf is the class that all values have, "" for none.
func classOf(values []string) string {
	class := ""
	for _, v := range values {
		if v == "" {
			continue
		}
		list := tokens(v)
		if len(list) != 1 || list[0].class == "" || class != "" && list[0].class != class {
			return ""
		}
		class = list[0].class
	}
	return class
}

// before is the static text before an element.
func before(list []element, at int) string {
	if at == 0 || list[at-1].variable {
		return ""
	}
	return list[at-1].text
}

// naming are the last words before somebody's name.
var naming = []string{
	"name", "user", "customer", "client", "hello", "hi", "dear", "talking to", "speaking to", "speaking with", "talking with", "chatting with",
	"assisting", "helping", "name is", "named", "called", "user is", "customer is", "agent", "username", "author", "on behalf of", "signed by", "mr.", "mrs.", "ms.", "dr.",
}

// identifying are the last words before an id.
var identifying = []string{"id", "ids", "identifier", "uuid", "guid", "session", "trace", "token", "ticket", "number"}

// announced tells a text that ends in one of the words.
func announced(before string, by []string) bool {
	words := strings.ToLower(strings.TrimRight(before, " \t:=\"'<({[*_`-#"))
	return slices.ContainsFunc(by, func(n string) bool {
		rest, ok := strings.CutSuffix(words, n)
		return ok && (rest == "" || !isWord(lastRune(rest)))
	})
}

// areIDs tells values of one word each with no blank.
func areIDs(values []string) bool {
	return !slices.ContainsFunc(values, func(v string) bool { return strings.ContainsFunc(v, unicode.IsSpace) })
}

// areNames tells values of one to four words with capitals.
func areNames(values []string) bool {
	for _, v := range values {
		parts := strings.Fields(v)
		if len(parts) > 4 || v != "" && len(parts) == 0 {
			return false
		}
		for _, part := range parts {
			r, _ := utf8.DecodeRuneInString(part)
			if unicode.IsLower(r) && len(parts) > 1 && !slices.Contains([]string{"de", "van", "von", "der", "den", "da", "di", "la", "le", "el", "bin", "al"}, part) {
				return false
			}
			if !unicode.IsLetter(r) {
				return false
			}
		}
	}
	return true
}

func lastRune(s string) rune {
	r, _ := utf8.DecodeLastRuneInString(s)
	return r
}
