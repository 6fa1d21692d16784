// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaievalprocessor

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v3"
)

// parse reads a configuration as the collector does.
func parse(text string) (*Config, error) {
	var raw map[string]any
	if err := yaml.Unmarshal([]byte(text), &raw); err != nil {
		return nil, err
	}
	config, ok := createDefaultConfig().(*Config)
	if !ok {
		return nil, errors.New("the default configuration is of another type")
	}
	if err := confmap.NewFromStringMap(raw).Unmarshal(config); err != nil {
		return nil, err
	}
	return config, confmap.Validate(config)
}

func mustParse(t testing.TB, text string) *Config {
	t.Helper()
	config, err := parse(text)
	require.NoError(t, err)
	return config
}

func TestConfigStruct(t *testing.T) {
	require.NoError(t, componenttest.CheckConfigStruct(createDefaultConfig()))
}

func TestEmptyConfig(t *testing.T) {
	for _, text := range []string{"", "rules:", "rules: []"} {
		config := mustParse(t, text)
		assert.Empty(t, config.Rules)
	}
	rule := defaultRule()
	assert.InDelta(t, 1, rule.Sample.Rate, 0)
	list, err := rule.evaluators()
	require.NoError(t, err)
	assert.Len(t, list, 13, "every evaluator without parameters")
}

func TestConfig(t *testing.T) {
	config := mustParse(t, `
rules:
  - name: everything
  - name: support
    match:
      prompt: support-*
      version: ">=3.1 <4"
      operation: chat
      condition: 'span.attributes["tier"] == "gold" and resource.attributes["env"] != "dev"'
    sample: {rate: 0.1, floor: 20}
    evaluators:
      - refusal
      - {name: contains, as: mentions_policy, any: [refund policy], ignore_case: true}
      - name: json_schema
        schema: {type: object, required: [a]}
`)
	require.Len(t, config.Rules, 2)
	assert.InDelta(t, 1, config.Rules[0].Sample.Rate, 0, "a rule without sample scores every call")
	assert.InDelta(t, 0.1, config.Rules[1].Sample.Rate, 0)
	assert.Equal(t, 20, config.Rules[1].Sample.Floor)
	list, err := config.Rules[1].evaluators()
	require.NoError(t, err)
	require.Len(t, list, 3)
	assert.Equal(t, "mentions_policy", list[1].Name())

	config = mustParse(t, "rules: [{name: a, sample: {floor: 5}}]")
	assert.InDelta(t, 1, config.Rules[0].Sample.Rate, 0)
	config = mustParse(t, "rules: [{name: a, sample: {rate: 0}}]")
	assert.Zero(t, config.Rules[0].Sample.Rate, "a rate of zero is one")
}

// Each error says where it is and what would be right.
func TestConfigErrors(t *testing.T) {
	for text, want := range map[string]string{
		"rules: [{}]":                                                         "rules[0].name: \"\": up to 64 letters",
		"rules: [{name: 'a=b'}]":                                              "rules[0].name: \"a=b\": up to 64 letters",
		"rules: [{name: a}, {name: a}]":                                       "rules[1].name: \"a\" is used twice",
		"rules: [{name: a, sample: {rate: 1.5}}]":                             "rules[0].sample.rate: 1.5 is not between 0 and 1",
		"rules: [{name: a, sample: {rate: -1}}]":                              "rules[0].sample.rate: -1 is not between 0 and 1",
		"rules: [{name: a, sample: {rate: .nan}}]":                            "rules[0].sample.rate: NaN is not between 0 and 1",
		"rules: [{name: a, sample: {floor: -1}}]":                             "rules[0].sample.floor: -1 is negative",
		"rules: [{name: a, sample: {rate: often}}]":                           "rate",
		"rules: [{name: a, match: {version: '>= 3'}}]":                        "rules[0].match.version: \">=\" is no bound like >=3.1",
		"rules: [{name: a, match: {version: '>=three'}}]":                     "rules[0].match.version: \">=three\" is no bound",
		"rules: [{name: a, match: {condition: 'name =='}}]":                   "rules[0].match.condition: ",
		"rules: [{name: a, match: {condition: 'nope == 1'}}]":                 "rules[0].match.condition: ",
		"rules: [{name: a, match: {prompts: x}}]":                             "prompts",
		"rules: [{name: a, rate: 1}]":                                         "rate",
		"rulez: []":                                                           "rulez",
		"rules: [{name: b}, {name: a, evaluators: [error, tool_arg_schema]}]": "rules[1].evaluators[1]: unknown evaluator \"tool_arg_schema\"; did you mean tool_args_schema",
		"rules: [{name: a, evaluators: [contains]}]":                          "rules[0].evaluators[0]: contains: one of all, any and none is expected",
		"rules: [{name: a, evaluators: [{name: latency_ms, maximum: 4}]}]":    "rules[0].evaluators[0]: latency_ms: parameters: json: unknown field \"maximum\"",
		"rules: [{name: a, evaluators: [{max: 4}]}]":                          "rules[0].evaluators[0]: name: the evaluator's name is expected",
		"rules: [{name: a, evaluators: [5]}]":                                 "rules[0].evaluators[0]: a name or a map is expected, not int",
		"rules: [{name: a, evaluators: [error, error]}]":                      "rules[0].evaluators[1]: two evaluators write scores named \"error\"; rename one with as",
		"rules: [{name: a, evaluators: [{name: regex, pattern: '('}]}]":       "rules[0].evaluators[0]: regex: pattern: error parsing regexp",
	} {
		_, err := parse(text)
		if assert.Error(t, err, text) {
			assert.Contains(t, err.Error(), want)
		}
	}
	_, err := parse("rules: [{sample: {rate: 2}}, {name: a, sample: {floor: -1}, evaluators: [x]}]")
	require.Error(t, err)
	for _, want := range []string{"rules[0].name", "rules[0].sample.rate", "rules[1].sample.floor", "rules[1].evaluators[0]"} {
		assert.Contains(t, err.Error(), want, "all errors at once")
	}
}

// FuzzConfig configures the processor with whatever a file holds.
func FuzzConfig(f *testing.F) {
	f.Add("rules: [{name: a, match: {prompt: 'x*', version: '>=1 <2', condition: 'name == \"a\"'}, sample: {rate: 0.5, floor: 1}, evaluators: [error]}]")
	f.Add("rules: [{name: a, evaluators: [{name: json_schema, schema: {$ref: '#'}}]}]")
	f.Add("rules: [[]]")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsAny(text, "&*<") && strings.Contains(text, "<<") {
			return // YAML merges are the parser's business.
		}
		config, err := parse(text)
		if err != nil {
			return
		}
		p, err := newEvalProcessor(config, componenttest.NewNopTelemetrySettings())
		if err != nil {
			t.Fatalf("valid, and yet: %v", err)
		}
		td := oneCall()
		if _, err := p.processTraces(t.Context(), td); err != nil {
			t.Fatal(err)
		}
		if td.SpanCount() != 1 {
			t.Fatal("a span was lost")
		}
	})
}

// The examples of the documentation are valid configurations.
func TestExamplesInDocs(t *testing.T) {
	for _, path := range []string{"README.md", filepath.Join("..", "..", "docs", "evaluators.md")} {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		found := 0
		for _, block := range strings.Split(string(content), "```yaml\n")[1:] {
			block, _, _ = strings.Cut(block, "```")
			var example struct {
				Processors struct {
					Eval yaml.Node `yaml:"genai_eval"`
				} `yaml:"processors"`
			}
			require.NoError(t, yaml.Unmarshal([]byte(block), &example), path)
			text, err := yaml.Marshal(&example.Processors.Eval)
			require.NoError(t, err)
			config := mustParse(t, string(text))
			assert.NotEmpty(t, config.Rules, path)
			found++
		}
		assert.Positive(t, found, path)
	}
}
