// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package scripted

import (
	"math/rand/v2"
	"strings"
)

// Probabilities of the policy's decisions.
const (
	// misroute is how often search_docs is called in place of lookup_order when
	// its description claims every question.
	misroute = 0.35
	// recoverFromDocs is how often a misrouted call is followed by the right one.
	recoverFromDocs = 0.55
	// correct is how often a refused tool call is tried again.
	correct = 0.75
	// obey is how often an order is looked up first when the prompt asks for it.
	obey = 0.95
	// preamble is how often a tool call comes with a sentence, unless the prompt
	// asks to be brief.
	preamble = 0.60
	// maxToolSteps ends a turn in which tools keep being called.
	maxToolSteps = 5
)

// policy decides one answer.
type policy struct {
	request *request
	model   Model
	rng     *rand.Rand
	rules   rules
}

// decide answers a request as the model would.
func decide(r *request, m Model, rng *rand.Rand) answer {
	p := &policy{request: r, model: m, rng: rng, rules: readRules(r)}
	a := p.answer()
	for i := range a.Calls {
		a.Calls[i].ID = token(rng, 24)
	}
	a.limit(r)
	return a
}

func (p *policy) answer() answer {
	steps := p.steps()
	if name := p.request.Forced; name != "" && name != "-" && len(steps) == 0 {
		return p.forced(name)
	}
	if len(steps) == 0 && chance(p.rng, p.model.Refusals) {
		return answer{Text: p.refusal(), Refused: true}
	}
	if p.request.JSON {
		return answer{Text: object("answer", p.small(), "resolved", true)}
	}
	if len(p.request.Tools) == 0 || p.request.Forced == "-" || len(steps) >= maxToolSteps {
		return p.withoutTools(steps)
	}
	switch intentOf(p.request) {
	case wantsOrder:
		return p.order(steps)
	case wantsRefund:
		return p.refund(steps)
	case wantsThanks:
		return answer{Text: p.thanks()}
	}
	return p.docs(steps)
}

// step is one tool call of the present turn and its result.
type step struct {
	call   toolCall
	result string
}

func (s step) failed() bool {
	return strings.Contains(s.result, `"error"`) || strings.HasPrefix(s.result, "error")
}

// steps pairs the tool calls since the user's last message with their results,
// by id and otherwise by order.
func (p *policy) steps() []step {
	var out []step
	next := 0
	for _, t := range p.request.sinceUser() {
		for _, c := range t.Calls {
			out = append(out, step{call: c})
		}
		if t.Role != roleTool {
			continue
		}
		at := next
		for i := range out {
			if out[i].call.ID != "" && out[i].call.ID == t.CallID {
				at = i
			}
		}
		if at < len(out) {
			out[at].result = t.Text
			next = at + 1
		}
	}
	return out
}

func last(steps []step, name string) (step, bool) {
	for i := len(steps) - 1; i >= 0; i-- {
		if steps[i].call.Name == name {
			return steps[i], true
		}
	}
	return step{}, false
}

func (p *policy) order(steps []step) answer {
	m, known := orderOf(p.request)
	if !known {
		return answer{Text: p.askForOrder()}
	}
	if len(steps) == 0 {
		if p.rules.BroadSearch && chance(p.rng, misroute) {
			return p.search()
		}
		return p.call("lookup_order", p.arguments(false).lookUp(m))
	}
	done := steps[len(steps)-1]
	switch {
	case done.call.Name == "search_docs" && !p.called(steps, "lookup_order") && chance(p.rng, recoverFromDocs):
		return p.call("lookup_order", p.arguments(false).lookUp(m))
	case done.call.Name == "search_docs" && !p.called(steps, "lookup_order"):
		return answer{Text: p.fromDocs(done.result)}
	case done.failed() && p.tries(steps, "lookup_order") < 2 && chance(p.rng, correct):
		return p.call("lookup_order", p.arguments(true).lookUp(m))
	case done.failed():
		return answer{Text: p.notFound(m)}
	}
	return answer{Text: p.orderStatus(m, done.result)}
}

func (p *policy) refund(steps []step) answer {
	m, known := orderOf(p.request)
	if !known {
		return answer{Text: p.askForOrder()}
	}
	c := claimOf(p.request.lastUser())
	if c.Amount == "" {
		return answer{Text: p.askForAmount(m)}
	}
	if len(steps) == 0 && p.rules.LookUpFirst && chance(p.rng, obey) {
		if p.rules.BroadSearch && chance(p.rng, misroute) {
			return p.search()
		}
		return p.call("lookup_order", p.arguments(false).lookUp(m))
	}
	refunded, tried := last(steps, "refund_order")
	switch {
	case !tried && len(steps) > 0 && steps[len(steps)-1].failed() && p.tries(steps, "lookup_order") < 2 && chance(p.rng, correct):
		return p.call("lookup_order", p.arguments(true).lookUp(m))
	case !tried && len(steps) > 0 && steps[len(steps)-1].failed():
		return answer{Text: p.notFound(m)}
	case !tried:
		return p.call("refund_order", p.arguments(false).refund(m, c))
	case refunded.failed() && p.tries(steps, "refund_order") < 2 && chance(p.rng, correct):
		return p.call("refund_order", p.arguments(true).refund(m, c))
	case refunded.failed():
		return answer{Text: p.refundFailed(m)}
	}
	return answer{Text: p.refundDone(m, refunded.result)}
}

func (p *policy) docs(steps []step) answer {
	if len(steps) == 0 {
		return p.search()
	}
	return answer{Text: p.fromDocs(steps[len(steps)-1].result)}
}

func (p *policy) search() answer {
	return p.call("search_docs", object("query", query(p.request.lastUser())))
}

// call makes a tool call, or answers in words when that tool is not offered.
func (p *policy) call(name, arguments string) answer {
	if _, offered := p.request.tool(name); !offered {
		return answer{Text: p.small()}
	}
	a := answer{Calls: []toolCall{{Name: name, Arguments: arguments}}}
	if !p.rules.Brief && chance(p.rng, preamble) {
		a.Text = p.preamble(name)
	}
	return a
}

func (p *policy) forced(name string) answer {
	t, ok := p.request.tool(name)
	if !ok && len(p.request.Tools) > 0 {
		t, ok = pick(p.rng, p.request.Tools), true
	}
	if !ok {
		return answer{Text: p.small()}
	}
	return answer{Calls: []toolCall{{Name: t.Name, Arguments: fromSchema(t.Parameters)}}}
}

func (p *policy) withoutTools(steps []step) answer {
	if len(steps) > 0 {
		return answer{Text: p.fromDocs(steps[len(steps)-1].result)}
	}
	return answer{Text: p.summary()}
}

func (p *policy) arguments(retry bool) *argumentWriter {
	return &argumentWriter{rng: p.rng, model: p.model, rules: p.rules, retry: retry}
}

func (p *policy) called(steps []step, name string) bool {
	_, ok := last(steps, name)
	return ok
}

func (p *policy) tries(steps []step, name string) int {
	n := 0
	for _, s := range steps {
		if s.call.Name == name {
			n++
		}
	}
	return n
}

// limit applies stop sequences and the token limit, and counts the tokens.
func (a *answer) limit(r *request) {
	for _, stop := range r.Stop {
		if i := strings.Index(a.Text, stop); stop != "" && i >= 0 && len(a.Calls) == 0 {
			a.Text, a.StoppedAt = a.Text[:i], stop
		}
	}
	a.Tokens = tokens(a.Text)
	if r.MaxTokens > 0 && a.Tokens > r.MaxTokens {
		a.Text = strings.ToValidUTF8(a.Text[:min(len(a.Text), 4*r.MaxTokens)], "")
		a.Calls, a.Cut, a.Tokens = nil, true, r.MaxTokens
		return
	}
	for _, c := range a.Calls {
		a.Tokens += 6 + tokens(c.Name) + tokens(c.Arguments)
	}
	a.Tokens = max(a.Tokens, 1)
}
