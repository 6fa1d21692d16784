// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package genaiconformance compares calls that were read from recorded spans
// with what the provider really answered. The reader's own test and the
// end-to-end test of the collector share it.
package genaiconformance

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Dialects are the folders of recorded spans that are in scope.
var Dialects = []string{
	"otel-semconv-new", "otel-semconv-old", "openinference", "openllmetry-legacy", "openllmetry-new",
	"langfuse", "langsmith", "vercel-ai", "pydantic-ai-logfire",
}

// oneChoice are the dialects whose SDK keeps one of several choices.
var oneChoice = []string{"vercel-ai"}

// ToolCall is a tool call with its arguments as JSON text.
type ToolCall struct {
	ID, Name, Arguments string
}

// Observed is one model call as it was read, in order of start time.
type Observed struct {
	RequestModel, ResponseModel, ResponseID string
	InputTokens, OutputTokens, CacheRead    *int64
	Tools                                   []string
	ToolCalls                               []ToolCall
	FinishReasons                           []string
	PromptName, PromptVersion               string
}

// truth is what the provider's recording says about one call.
type truth struct {
	RequestModel  *string  `json:"request_model"`
	ResponseModel *string  `json:"response_model"`
	ResponseID    *string  `json:"response_id"`
	ToolsOffered  []string `json:"tools_offered"`
	FinishReasons []string `json:"finish_reasons"`
	ToolCalls     []struct {
		ID        *string `json:"id"`
		Name      string  `json:"name"`
		Arguments any     `json:"arguments"`
	} `json:"tool_calls"`
	Usage *struct {
		Input     *int64 `json:"input"`
		Output    *int64 `json:"output"`
		CacheRead *int64 `json:"cache_read"`
	} `json:"usage"`
	NotInTelemetry []string `json:"not_in_telemetry"`
}

// Fixture is one recorded file with what is known about it.
type Fixture struct {
	// Name is DIALECT/FILE without its ending; Path and Text are the file's.
	Name, Path, Text string
	truths           []truth
	prompt           *struct {
		Name    *string `json:"name"`
		Version *string `json:"version"`
	}
}

// Miss is a fact that was read wrongly or not at all.
type Miss struct {
	Fixture, Fact, Want, Got string
	// Held says whether the span holds the value anywhere.
	Held bool
}

// Load returns the fixtures of a dialect that have a known truth.
func Load(shared, dialect string) ([]Fixture, error) {
	content, err := os.ReadFile(filepath.Join(shared, "fixtures", "EXPECTED.json"))
	if err != nil {
		return nil, err
	}
	var all map[string]struct {
		Truth  []truth `json:"provider_truth"`
		Prompt *struct {
			Name    *string `json:"name"`
			Version *string `json:"version"`
		} `json:"prompt_ref"`
	}
	if err := json.Unmarshal(content, &all); err != nil {
		return nil, err
	}
	paths, err := filepath.Glob(filepath.Join(shared, "fixtures", dialect, "*.traces.json"))
	if err != nil {
		return nil, err
	}
	var fixtures []Fixture
	for _, path := range paths {
		name := dialect + "/" + strings.TrimSuffix(filepath.Base(path), ".traces.json")
		known, ok := all[name]
		if !ok {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		fixtures = append(fixtures, Fixture{Name: name, Path: path, Text: string(text), truths: known.Truth, prompt: known.Prompt})
	}
	return fixtures, nil
}

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
	for i, t := range f.truths {
		if call := pick(calls, t, i); call != nil {
			c.call(t, *call)
		}
	}
	if f.prompt != nil {
		c.promptReference(calls)
	}
	return c.matched, c.misses
}

// pick pairs a truth with the call of the same response id, else of the same
// position.
func pick(calls []Observed, t truth, i int) *Observed {
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

func (c *comparison) call(t truth, got Observed) {
	absent := func(fact string) bool {
		return slices.ContainsFunc(t.NotInTelemetry, func(n string) bool { return n == fact || strings.HasPrefix(n, fact+" ") })
	}
	text := func(fact string, want *string, got string) {
		if want != nil && !absent(fact) {
			c.fact(fact, *want, got, c.holds(*want))
		}
	}
	text("request_model", t.RequestModel, got.RequestModel)
	text("response_model", t.ResponseModel, got.ResponseModel)
	text("response_id", t.ResponseID, got.ResponseID)
	if t.Usage != nil && !absent("usage") {
		c.count("usage.input", t.Usage.Input, got.InputTokens)
		c.count("usage.output", t.Usage.Output, got.OutputTokens)
		if t.Usage.CacheRead != nil && *t.Usage.CacheRead > 0 {
			c.count("usage.cache_read", t.Usage.CacheRead, got.CacheRead)
		}
	}
	if len(t.ToolsOffered) > 0 && !absent("tools_offered") {
		want := slices.Clone(t.ToolsOffered)
		have := slices.Clone(got.Tools)
		slices.Sort(want)
		slices.Sort(have)
		c.fact("tools_offered", strings.Join(want, ","), strings.Join(have, ","), c.holdsDefinition(want))
	}
	if len(t.FinishReasons) > 0 && !absent("finish_reasons") {
		want, have := words(t.FinishReasons), words(got.FinishReasons)
		if slices.Contains(oneChoice, strings.Split(c.fixture.Name, "/")[0]) {
			want = want[:1]
		}
		c.fact("finish_reasons", strings.Join(want, ","), strings.Join(have, ","), c.holdsFinish())
	}
	if !absent("tool_calls") {
		c.toolCalls(t, got, absent)
	}
}

func (c *comparison) toolCalls(t truth, got Observed, absent func(string) bool) {
	for i, want := range t.ToolCalls {
		have := ToolCall{}
		if i < len(got.ToolCalls) {
			have = got.ToolCalls[i]
		}
		fact := fmt.Sprintf("tool_calls[%d]", i)
		c.fact(fact+".name", want.Name, have.Name, c.holds(want.Name))
		if want.ID != nil && !absent(fact+".id") {
			c.fact(fact+".id", *want.ID, have.ID, c.holds(*want.ID))
		}
		arguments, err := json.Marshal(want.Arguments)
		if text, isText := want.Arguments.(string); isText {
			arguments, err = []byte(text), nil
		}
		if err == nil {
			c.fact(fact+".arguments", canonical(string(arguments)), canonical(have.Arguments), c.holds(want.Name))
		}
	}
}

func (c *comparison) promptReference(calls []Observed) {
	var name, version string
	for _, call := range calls {
		if call.PromptName != "" {
			name = call.PromptName
		}
		if call.PromptVersion != "" {
			version = call.PromptVersion
		}
	}
	if want := c.fixture.prompt.Name; want != nil {
		c.fact("prompt.name", *want, name, c.holds(*want))
	}
	if want := c.fixture.prompt.Version; want != nil {
		c.fact("prompt.version", *want, version, c.holds(*want))
	}
}

func (c *comparison) fact(name, want, got string, held bool) {
	if want == got {
		c.matched++
		return
	}
	c.misses = append(c.misses, Miss{Fixture: c.fixture.Name, Fact: name, Want: want, Got: got, Held: held})
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

func (c *comparison) holds(value string) bool { return strings.Contains(c.fixture.Text, value) }

// holdsDefinition tells whether the file has anything that could be a tool
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

// canonical prints JSON with sorted members, so that equal values compare equal.
func canonical(text string) string {
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil || reflect.ValueOf(value).Kind() == reflect.Invalid {
		return text
	}
	out, err := json.Marshal(value)
	if err != nil {
		return text
	}
	return string(out)
}
