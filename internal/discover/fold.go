// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"cmp"
	"slices"
	"strings"
)

// frame are the tokens that all folded texts share, in order.
type frame struct {
	ids []uint32
	// gap tells of each token whether others may stand before it; end whether they
	// may behind the last.
	gap []bool
	end bool
}

// fold keeps of a frame what another text has too. Tokens that stood side by side
// in all texts do so without a gap.
func (f *frame) fold(ids []uint32, w weights) {
	if slices.Equal(f.ids, ids) && !f.end && !slices.Contains(f.gap, true) {
		return
	}
	var out frame
	last := pair{-1, -1}
	for _, p := range align(f.ids, ids, w) {
		gap := f.gap[p.a] || p.a != last.a+1 || p.b != last.b+1
		out.ids, out.gap = append(out.ids, f.ids[p.a]), append(out.gap, gap)
		last = p
	}
	out.end = f.end || last.a != len(f.ids)-1 || last.b != len(ids)-1
	*f = out
}

// frameOf folds texts.
func (m *miner) frameOf(docs []*doc) frame {
	first := docs[0].ids
	f := frame{ids: slices.Clone(first), gap: make([]bool, len(first))}
	seen := map[string]bool{}
	for _, d := range docs[1:] {
		key := idsKey(d.ids)
		if !seen[key] {
			seen[key] = true
			f.fold(d.ids, m.weights)
		}
	}
	return f
}

// element is static text, or a variable with its value in each text.
type element struct {
	text     string
	variable bool
	// class is that of all values; TypeText for others.
	class  string
	values []string
}

// elements cut the texts by the frame. A value's class that did not change is
// static text, unless it is one that always may.
func (f *frame) elements(docs []*doc) []element {
	// runs are the stretches of the frame without a gap.
	var runs [][]uint32
	for i, id := range f.ids {
		if i == 0 || f.gap[i] {
			runs = append(runs, nil)
		}
		runs[len(runs)-1] = append(runs[len(runs)-1], id)
	}
	places := make([][]int, len(docs))
	for i, d := range docs {
		places[i] = f.places(runs, d.ids)
	}
	var out []element
	variable := func(class string, value func(int) string) {
		e := element{variable: true, class: class, values: make([]string, len(docs))}
		for i := range docs {
			e.values[i] = value(i)
		}
		out = append(out, e)
	}
	for r, ids := range runs {
		if r > 0 || f.gap[0] {
			variable("", func(i int) string { return docs[i].join(places[i], runs, r) })
		}
		for k := range ids {
			first := docs[0].tokens[places[0][r]+k]
			same := true
			for i, d := range docs {
				same = same && d.tokens[places[i][r]+k].text == first.text
			}
			if same && !always(first.class) {
				out = append(out, element{text: first.text})
				continue
			}
			variable(first.class, func(i int) string { return docs[i].tokens[places[i][r]+k].text })
		}
	}
	if f.end || len(runs) == 0 {
		variable("", func(i int) string { return docs[i].join(places[i], runs, len(runs)) })
	}
	return tidy(out)
}

// join is the text between run r-1 and run r.
func (d *doc) join(places []int, runs [][]uint32, r int) string {
	from, to := 0, len(d.tokens)
	if r > 0 {
		from = places[r-1] + len(runs[r-1])
	}
	if r < len(runs) {
		to = places[r]
	}
	text := ""
	for _, t := range d.tokens[from:to] {
		text += t.text
	}
	return text
}

// places are where the runs stand in a text, as early as possible; the first at
// the begin and the last at the end where the frame has no gap there.
func (f *frame) places(runs [][]uint32, ids []uint32) []int {
	out := make([]int, len(runs))
	at := 0
	for r, want := range runs {
		switch {
		case r == 0 && !f.gap[0]:
			out[r] = 0
		case r == len(runs)-1 && !f.end:
			out[r] = len(ids) - len(want)
		default:
			out[r] = index(ids, want, at)
		}
		at = out[r] + len(want)
	}
	return out
}

func index(ids, want []uint32, from int) int {
	for i := from; i+len(want) <= len(ids); i++ {
		if slices.Equal(ids[i:i+len(want)], want) {
			return i
		}
	}
	return -1
}

// tidy joins neighbours of one kind and leaves out variables without any value.
func tidy(list []element) []element {
	var out []element
	for _, e := range list {
		if e.variable && !slices.ContainsFunc(e.values, func(v string) bool { return v != "" }) {
			continue
		}
		k := len(out) - 1
		switch {
		case k >= 0 && !e.variable && !out[k].variable:
			out[k].text += e.text
		case k >= 0 && e.variable && out[k].variable:
			out[k] = joined(out[k], "", e)
		default:
			out = append(out, e)
		}
	}
	return out
}

// joined is one variable for two with a text between.
func joined(a element, between string, b element) element {
	out := element{variable: true, values: make([]string, len(a.values))}
	for i := range out.values {
		out.values[i] = a.values[i] + between + b.values[i]
	}
	return out
}

// dissolve makes one variable of two with a text between that does not tell where
// one ends and the other begins.
func dissolve(list []element, docs []*doc) []element {
	for {
		var at []int
		for i := 1; i+1 < len(list) && at == nil; i++ {
			if !list[i].variable && weak(list[i-1], list[i].text, list[i+1]) {
				at = []int{i}
			}
		}
		if at == nil {
			at = unsureElements(list, docs)
		}
		if len(at) == 0 {
			return list
		}
		list = merge(list, at)
	}
}

// merge makes one variable of each of the static texts with those beside it.
func merge(list []element, at []int) []element {
	var out []element
	for i := 0; i < len(list); i++ {
		if slices.Contains(at, i) && i+1 < len(list) {
			k := len(out) - 1
			out[k] = joined(out[k], list[i].text, list[i+1])
			i++
			continue
		}
		out = append(out, list[i])
	}
	return tidy(out)
}

// weak tells a text between variables that is hardly more than a blank: Ann Lee has
// one, Cher has none.
func weak(before element, text string, after element) bool {
	blank := strings.TrimSpace(text) == "" && !strings.Contains(text, "\n")
	switch {
	case letters(text) >= 3:
		return false
	case before.class != "" || after.class != "":
		return blank
	}
	return !strings.Contains(text, "\n")
}

// manyUnsure is how many unsure texts are too many to look at one after the other.
const manyUnsure = 16

// unsureElements is the static text that has several places in more than one of
// twenty texts, of several the one that has them most often: without it others may
// be sure. Of very many the worse half goes at once.
func unsureElements(list []element, docs []*doc) []int {
	pattern, _ := patternOf(list)
	counts := make([]int, len(list))
	n := min(checked, len(docs))
	for _, d := range docs[:n] {
		for _, i := range pattern.unsure(d.text) {
			counts[i]++
		}
	}
	var worst []int
	for i, c := range counts {
		if c*20 > n {
			worst = append(worst, i)
		}
	}
	slices.SortStableFunc(worst, func(x, y int) int { return -cmp.Compare(counts[x], counts[y]) })
	if len(worst) > manyUnsure {
		return worst[:len(worst)/2]
	}
	return worst[:min(1, len(worst))]
}

// patternOf is the pattern of elements, segment for element.
func patternOf(list []element) (Pattern, int) {
	p := make(Pattern, len(list))
	slots := 0
	for i, e := range list {
		p[i] = Segment{Text: e.text, Slot: -1}
		if e.variable {
			p[i] = Segment{Slot: slots}
			slots++
		}
	}
	return p, slots
}
