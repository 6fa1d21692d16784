// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import "strings"

// maxSolutions is how many ways to fit a text are compared before what differs
// is called uncertain.
const maxSolutions = 8

// search fits a pattern in which variables are repeated, across messages too:
// all places of one variable must hold the same text. It backtracks within
// searchBudget steps. fixed are the variables of which one place is sure.
func (p *pattern) search(texts []string, fixed []bool) solution {
	w := searcher{pattern: p, texts: texts, steps: searchBudget, values: make([]string, len(p.names)), bound: make([]bool, len(p.names))}
	w.message(0)
	out := solution{values: w.first, sure: w.sure}
	if w.found >= maxSolutions {
		for i := range out.sure {
			out.sure[i] = out.sure[i] && fixed[i] // there may be more ways
		}
	}
	switch {
	case w.steps <= 0:
		out.state = undecided
	case w.found > 0:
		out.state = solved
	}
	return out
}

type searcher struct {
	pattern *pattern
	texts   []string
	steps   int
	values  []string
	bound   []bool

	found int
	first []string
	sure  []bool
}

// done is true when nothing more is to be learnt.
func (w *searcher) done() bool { return w.steps <= 0 || w.found >= maxSolutions }

func (w *searcher) message(i int) {
	if i == len(w.pattern.messages) {
		w.note()
		return
	}
	w.token(i, 0, 0)
}

func (w *searcher) note() {
	w.found++
	if w.found == 1 {
		w.first = append([]string(nil), w.values...)
		w.sure = make([]bool, len(w.values))
		for i := range w.sure {
			w.sure[i] = true
		}
		return
	}
	for i, value := range w.values {
		w.sure[i] = w.sure[i] && value == w.first[i]
	}
}

// token fits token k of message i to the text from at on.
func (w *searcher) token(i, k, at int) {
	if w.steps--; w.done() {
		return
	}
	tokens, text := w.pattern.messages[i], w.texts[i]
	if k == len(tokens) {
		if at == len(text) {
			w.message(i + 1)
		}
		return
	}
	t := tokens[k]
	fixed := t.literal
	if t.variable >= 0 {
		if !w.bound[t.variable] {
			w.variable(i, k, at)
			return
		}
		fixed = w.values[t.variable]
	}
	if strings.HasPrefix(text[at:], fixed) {
		w.token(i, k+1, at+len(fixed))
	}
}

// variable tries the values that a variable without one may take.
func (w *searcher) variable(i, k, at int) {
	tokens, text := w.pattern.messages[i], w.texts[i]
	v := tokens[k].variable
	w.bound[v] = true
	defer func() { w.bound[v] = false }()
	if k == len(tokens)-1 {
		w.values[v] = text[at:]
		w.token(i, k+1, len(text))
		return
	}
	next := tokens[k+1]
	stop := ""
	switch {
	case next.variable < 0:
		stop = next.literal
		if k+2 == len(tokens) {
			if end := len(text) - len(stop); end >= at && text[end:] == stop {
				w.values[v] = text[at:end]
				w.token(i, k+1, end)
			}
			return
		}
	case next.variable != v && w.bound[next.variable]:
		stop = w.values[next.variable]
	}
	for end := at; end <= len(text) && !w.done(); {
		jump := strings.Index(text[end:], stop)
		if jump < 0 {
			return
		}
		end += jump
		w.values[v] = text[at:end]
		w.token(i, k+1, end)
		end++
	}
}
