// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiconformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Miss is a fact that was read wrongly or not at all.
type Miss struct {
	Fixture, Fact, Want, Got string
	// Held says whether the recording holds the value at all. A miss that is
	// held is a fault of the reader.
	Held bool
	// Reason says why a value that is not held is missing.
	Reason string
}

func (m Miss) String() string {
	return fmt.Sprintf("%s %s: want %q, got %q: %s", m.Fixture, m.Fact, m.Want, m.Got, m.Reason)
}

// oneChoice are the dialects whose SDK keeps one of several choices.
var oneChoice = []string{"vercel-ai"}

// promptElsewhere are the dialects that put the prompt reference on other spans
// of the trace than the model call's, where only a whole trace tells it.
var promptElsewhere = []string{"langwatch"}

// comparison counts the facts of one fixture.
type comparison struct {
	fixture Fixture
	matched int
	misses  []Miss
}

// Compare compares the calls read from a fixture with its truth: how many facts
// agree, and those that do not.
func Compare(f Fixture, calls []Observed) (matched int, misses []Miss) {
	c := &comparison{fixture: f}
	if len(f.truths) > 0 {
		c.fact("calls", strconv.Itoa(len(f.truths)), strconv.Itoa(len(calls)), true)
	}
	for i := range f.truths {
		if call := pick(calls, &f.truths[i], i); call != nil {
			c.call(&f.truths[i], call)
		}
	}
	if f.prompt != nil {
		c.promptReference(calls)
	}
	return c.matched, c.misses
}

// pick pairs a truth with the call of the same response id, else of the same
// position.
func pick(calls []Observed, t *truth, i int) *Observed {
	if t.ResponseID != nil {
		for j := range calls {
			if calls[j].ResponseID == *t.ResponseID {
				return &calls[j]
			}
		}
	}
	if i < len(calls) {
		return &calls[i]
	}
	return nil
}

// absent tells whether the dialect is known not to carry a fact.
func (t *truth) absent(fact string) bool {
	return slices.ContainsFunc(t.NotInTelemetry, func(n string) bool { return n == fact || strings.HasPrefix(n, fact+" ") })
}

func (c *comparison) call(t *truth, got *Observed) {
	c.text(t, "request_model", t.RequestModel, got.RequestModel)
	c.text(t, "response_model", t.ResponseModel, got.ResponseModel)
	c.text(t, "response_id", t.ResponseID, got.ResponseID)
	if t.Usage != nil && !t.absent("usage") {
		c.count("usage.input", t.Usage.Input, got.InputTokens)
		c.count("usage.output", t.Usage.Output, got.OutputTokens)
		c.positive("usage.cache_read", t.Usage.CacheRead, got.CacheRead)
	}
	if len(t.ToolsOffered) > 0 && !t.absent("tools_offered") {
		c.fact("tools_offered", sorted(t.ToolsOffered), sorted(got.Tools), c.holdsDefinition(t.ToolsOffered))
	}
	if len(t.FinishReasons) > 0 && !t.absent("finish_reasons") {
		want, have := words(t.FinishReasons), words(got.FinishReasons)
		if slices.Contains(oneChoice, c.fixture.Dialect()) {
			want = want[:1]
		}
		c.fact("finish_reasons", strings.Join(want, ","), strings.Join(have, ","), c.holdsFinish())
	}
	if !t.absent("tool_calls") {
		c.toolCalls(t, got)
	}
	if got.Content != nil {
		c.content(t, got.Content)
	}
}

func sorted(names []string) string {
	names = slices.Clone(names)
	slices.Sort(names)
	return strings.Join(names, ",")
}

// toolCalls compares the calls in order. When the recording holds none of the
// names each is a miss that is not held.
func (c *comparison) toolCalls(t *truth, got *Observed) {
	held := len(t.ToolCalls) == 0 || c.holdsAny(t.ToolCalls)
	c.fact("tool_calls", strconv.Itoa(len(t.ToolCalls)), strconv.Itoa(len(got.ToolCalls)), held)
	for i, want := range t.ToolCalls {
		have := ToolCall{}
		if i < len(got.ToolCalls) {
			have = got.ToolCalls[i]
		}
		fact := fmt.Sprintf("tool_calls[%d]", i)
		c.fact(fact+".name", want.Name, have.Name, held)
		if want.ID != nil && !t.absent(fact+".id") {
			c.fact(fact+".id", *want.ID, have.ID, c.holds(*want.ID))
		}
		c.fact(fact+".arguments", canonical(want.Arguments), canonical([]byte(have.Arguments)), held)
	}
}

func (c *comparison) holdsAny(calls []toolCall) bool {
	return slices.ContainsFunc(calls, func(call toolCall) bool { return c.holds(call.Name) })
}

// content compares what only a reader of whole calls has.
func (c *comparison) content(t *truth, got *Content) {
	if t.Usage != nil && !t.absent("usage") {
		c.positive("usage.cache_write", t.Usage.CacheWrite, got.CacheWrite)
		c.positive("usage.reasoning", t.Usage.Reasoning, got.Reasoning)
	}
	if want := string(t.SystemPrompt); want != "" {
		c.fact("system_prompt", want, got.SystemText, c.holdsText(want))
	}
	if want := outputText(t.OutputText, slices.Contains(oneChoice, c.fixture.Dialect())); want != "" {
		c.fact("output_text", want, got.OutputText, c.holdsText(want))
	}
	failed, seen := t.HTTPStatus >= 400, got.ErrorType != ""
	c.fact("failed", strconv.FormatBool(failed), strconv.FormatBool(seen), true)
	for name, value := range t.RequestParams {
		if name, ok := paramNames[name]; ok {
			c.fact("params."+name, canonical(value), canonical([]byte(got.Params[name])), c.holds(name))
		}
	}
}

// paramNames maps the providers' names of the parameters that are compared.
var paramNames = map[string]string{
	"temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "max_tokens": "max_tokens",
	"max_completion_tokens": "max_tokens", "max_output_tokens": "max_tokens", "seed": "seed", "stop_sequences": "stop_sequences",
}

func outputText(choices []*string, oneOnly bool) string {
	var texts []string
	for _, text := range choices {
		if text != nil && *text != "" {
			texts = append(texts, *text)
		}
	}
	if oneOnly && len(texts) > 1 {
		texts = texts[:1]
	}
	return strings.Join(texts, "\n")
}

func (c *comparison) promptReference(calls []Observed) {
	var name, version string
	for i := range calls {
		if calls[i].PromptName != "" {
			name = calls[i].PromptName
		}
		if calls[i].PromptVersion != "" {
			version = calls[i].PromptVersion
		}
	}
	elsewhere := slices.Contains(promptElsewhere, c.fixture.Dialect())
	if want := c.fixture.prompt.Name; want != nil {
		c.fact("prompt.name", *want, name, c.holds(*want) && !elsewhere)
	}
	if want := c.fixture.prompt.Version; want != nil {
		c.fact("prompt.version", *want, version, c.holds(*want) && !elsewhere)
	}
}

func (c *comparison) text(t *truth, fact string, want *string, got string) {
	if want != nil && !t.absent(fact) {
		c.fact(fact, *want, got, c.holds(*want))
	}
}

func (c *comparison) fact(name, want, got string, held bool) {
	if want == got {
		c.matched++
		return
	}
	miss := Miss{Fixture: c.fixture.Name, Fact: name, Want: want, Got: got, Held: held, Reason: "the recording holds it"}
	if !held {
		miss.Reason = c.reason(name)
	}
	c.misses = append(c.misses, miss)
}

// reason says why a recording does not hold a fact.
func (c *comparison) reason(fact string) string {
	switch dialect := c.fixture.Dialect(); {
	case strings.HasPrefix(fact, "prompt.") && slices.Contains(promptElsewhere, dialect):
		return "the reference is on sibling spans of the model call"
	case c.fixture.Logs != "" && (strings.HasPrefix(fact, "tool_calls") || strings.HasSuffix(fact, "_text") || fact == "system_prompt"):
		return "this instrumentation writes content to log events, not to the span"
	case dialect == "langfuse" && fact == "finish_reasons":
		return "Langfuse's SDK records no finish reason"
	}
	return "the value is nowhere in the recording"
}

func (c *comparison) count(name string, want, got *int64) {
	if want == nil {
		return
	}
	have := ""
	if got != nil {
		have = strconv.FormatInt(*got, 10)
	}
	text := strconv.FormatInt(*want, 10)
	c.fact(name, text, have, c.holds(text))
}

// positive compares a count that senders leave out when it is zero.
func (c *comparison) positive(name string, want, got *int64) {
	if want != nil && *want > 0 {
		c.count(name, want, got)
	}
}

func (c *comparison) holds(value string) bool { return strings.Contains(c.fixture.Text, value) }

// holdsText tells whether a longer text occurs, by its first letters: in the
// recording it is escaped once or twice.
func (c *comparison) holdsText(value string) bool {
	if end := strings.IndexFunc(value, func(r rune) bool { return r == '"' || r == '\\' || r < ' ' || r > '~' }); end > 0 {
		value = value[:end]
	}
	return c.holds(value)
}

// holdsDefinition tells whether the recording has anything that could be a tool
// definition: a name beside a description or a schema.
func (c *comparison) holdsDefinition(names []string) bool {
	if !slices.ContainsFunc([]string{"tool.definitions", "llm.tools", "request.functions", "ai.prompt.tools", "function_tools", `\"tools\"`},
		func(key string) bool { return strings.Contains(c.fixture.Text, key) }) {
		return false
	}
	return slices.ContainsFunc(names, c.holds)
}

func (c *comparison) holdsFinish() bool {
	return strings.Contains(strings.ToLower(c.fixture.Text), "finish") || strings.Contains(c.fixture.Text, "stop_reason")
}

// words maps the dialects' spellings of finish reasons to one.
func words(reasons []string) []string {
	same := map[string]string{
		"tool_calls": "tool_call", "tool-calls": "tool_call", "tool_use": "tool_call", "function_call": "tool_call",
		"end_turn": "stop", "stop_sequence": "stop", "completed": "stop", "max_tokens": "length", "content-filter": "content_filter",
	}
	out := make([]string, len(reasons))
	for i, reason := range reasons {
		out[i] = reason
		if word, ok := same[reason]; ok {
			out[i] = word
		}
	}
	return out
}

// canonical prints JSON with sorted members and numbers as they are, so that
// equal values compare equal. JSON inside a string is unwrapped; text that is no
// JSON stays as it is.
func canonical(text []byte) string {
	var value any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil || decoder.More() {
		return string(text)
	}
	if inner, isText := value.(string); isText {
		if unwrapped := canonical([]byte(inner)); unwrapped != inner {
			return unwrapped
		}
		return inner
	}
	out, err := json.Marshal(value)
	if err != nil {
		return string(text)
	}
	return string(out)
}
