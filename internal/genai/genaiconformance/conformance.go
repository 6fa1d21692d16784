// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package genaiconformance compares calls that were read from recorded spans
// with what the provider really answered. The reader's own test and the
// end-to-end test of the collector share it, so that both mean the same by
// agreement.
package genaiconformance

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spanloop/spanloop/internal/genai"
)

// Dialects are the folders of recorded spans that are in scope.
var Dialects = []string{
	"otel-semconv-new", "otel-semconv-old", "openinference", "openllmetry-legacy", "openllmetry-new",
	"langfuse", "langsmith", "vercel-ai", "pydantic-ai-logfire",
}

// MoreDialects are folders of dialects that are read as far as rows of the
// table go.
var MoreDialects = []string{
	"agenta", "braintrust", "helicone", "humanloop", "langwatch", "mlflow", "openlit", "promptlayer", "respan-keywordsai",
}

// ToolCall is a tool call with its arguments as JSON text.
type ToolCall struct {
	ID, Name, Arguments string
}

// Observed is one model call as it was read. Calls are compared in order of
// start time.
type Observed struct {
	RequestModel, ResponseModel, ResponseID string
	InputTokens, OutputTokens, CacheRead    *int64
	Tools                                   []string
	ToolCalls                               []ToolCall
	FinishReasons                           []string
	PromptName, PromptVersion               string
	// Content is compared too when it is not nil.
	Content *Content
}

// Content is what can be compared beyond the facts that every reader has.
type Content struct {
	CacheWrite, Reasoning *int64
	OutputText            string
	SystemText            string
	ErrorType             string
	// Params are request parameters by their OpenTelemetry name, as JSON.
	Params map[string]string
}

// FromCall returns the observation of a call, with its content.
func FromCall(call *genai.Call) (Observed, error) {
	u := &call.Usage
	o := Observed{
		RequestModel: call.RequestModel, ResponseModel: call.ResponseModel, ResponseID: call.ResponseID,
		InputTokens: pointer(u.InputTokens), OutputTokens: pointer(u.OutputTokens), CacheRead: pointer(u.CacheReadTokens),
		FinishReasons: call.FinishReasons, PromptName: call.Prompt.Name, PromptVersion: call.Prompt.Version,
		Content: &Content{
			CacheWrite: pointer(u.CacheWriteTokens), Reasoning: pointer(u.ReasoningTokens), ErrorType: call.ErrorType,
			OutputText: call.OutputText(), SystemText: call.SystemText(), Params: map[string]string{},
		},
	}
	for _, param := range call.Params {
		o.Content.Params[param.Name] = string(param.Value)
	}
	for _, c := range call.ToolCalls() {
		o.ToolCalls = append(o.ToolCalls, ToolCall{ID: c.ID, Name: c.Name, Arguments: c.Arguments})
	}
	var err error
	o.Tools, err = ToolNames(call.Tools)
	return o, err
}

// ToolNames lists the tools by name; built-in ones without a name by type.
func ToolNames(tools genai.ToolDefinitions) ([]string, error) {
	list, err := tools.List()
	var names []string
	for i := range list {
		name := list[i].Name
		if name == "" {
			name = list[i].Type
		}
		names = append(names, name)
	}
	return names, err
}

func pointer(count genai.Opt[int64]) *int64 {
	if !count.Set {
		return nil
	}
	return &count.Value
}

// truth is what the provider's recording says about one call.
type truth struct {
	HTTPStatus    int        `json:"http_status"`
	RequestModel  *string    `json:"request_model"`
	ResponseModel *string    `json:"response_model"`
	ResponseID    *string    `json:"response_id"`
	ToolsOffered  []string   `json:"tools_offered"`
	FinishReasons []string   `json:"finish_reasons"`
	OutputText    []*string  `json:"output_text"`
	SystemPrompt  systemText `json:"system_prompt"`
	ToolCalls     []toolCall `json:"tool_calls"`
	Usage         *struct {
		Input      *int64 `json:"input"`
		Output     *int64 `json:"output"`
		CacheRead  *int64 `json:"cache_read"`
		CacheWrite *int64 `json:"cache_write"`
		Reasoning  *int64 `json:"reasoning"`
	} `json:"usage"`
	RequestParams  map[string]json.RawMessage `json:"request_params"`
	NotInTelemetry []string                   `json:"not_in_telemetry"`
}

type toolCall struct {
	ID        *string         `json:"id"`
	Name      string          `json:"name"`
	Arguments json.RawMessage `json:"arguments"`
}

// systemText is a system prompt: text, or a list of blocks with text.
type systemText string

// UnmarshalJSON reads either form.
func (s *systemText) UnmarshalJSON(data []byte) error {
	var text *string
	if json.Unmarshal(data, &text) == nil {
		if text != nil {
			*s = systemText(*text)
		}
		return nil
	}
	var blocks []struct {
		Text string `json:"text"`
	}
	if err := json.Unmarshal(data, &blocks); err != nil {
		return fmt.Errorf("system prompt: %w", err)
	}
	var texts []string
	for _, block := range blocks {
		texts = append(texts, block.Text)
	}
	*s = systemText(strings.Join(texts, "\n"))
	return nil
}

// promptReference is the prompt that was set when the spans were recorded.
type promptReference struct {
	Name    *string `json:"name"`
	Version *string `json:"version"`
}

// Fixture is one recorded file with what is known about it.
type Fixture struct {
	// Name is DIALECT/FILE without its ending; Path is the file of spans, Logs
	// that of their log events, empty when there is none.
	Name, Path, Logs string
	// Text is what was recorded: that of the spans, and of the log events when
	// WithLogs was called.
	Text   string
	truths []truth
	prompt *promptReference
}

// Dialect is the folder the fixture comes from.
func (f Fixture) Dialect() string { return strings.Split(f.Name, "/")[0] }

// WithLogs returns the fixture with the content of its log events counted as
// recorded.
func (f Fixture) WithLogs() (Fixture, error) {
	logs, err := os.ReadFile(f.Logs)
	if err != nil {
		return f, fmt.Errorf("log events of %s: %w", f.Name, err)
	}
	f.Text += string(logs)
	return f, nil
}

// Load returns the fixtures of a dialect that have a known truth. The folder
// shared holds fixtures/EXPECTED.json and fixtures/DIALECT/*.traces.json.
func Load(shared, dialect string) ([]Fixture, error) {
	content, err := os.ReadFile(filepath.Join(shared, "fixtures", "EXPECTED.json"))
	if err != nil {
		return nil, fmt.Errorf("known truths: %w", err)
	}
	var all map[string]struct {
		Truth  []truth          `json:"provider_truth"`
		Prompt *promptReference `json:"prompt_ref"`
	}
	if err := json.Unmarshal(content, &all); err != nil {
		return nil, fmt.Errorf("known truths: %w", err)
	}
	paths, err := filepath.Glob(filepath.Join(shared, "fixtures", dialect, "*.traces.json"))
	if err != nil {
		return nil, fmt.Errorf("fixtures of %s: %w", dialect, err)
	}
	var fixtures []Fixture
	for _, path := range paths {
		base := strings.TrimSuffix(path, ".traces.json")
		name := dialect + "/" + filepath.Base(base)
		known, ok := all[name]
		if !ok {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("fixture %s: %w", name, err)
		}
		f := Fixture{Name: name, Path: path, Text: string(text), truths: known.Truth, prompt: known.Prompt}
		if _, err := os.Stat(base + ".logs.json"); err == nil {
			f.Logs = base + ".logs.json"
		}
		fixtures = append(fixtures, f)
	}
	return fixtures, nil
}
