// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// tables are the cases of every evaluator in the catalogue.
var tables = map[string][]testCase{
	"tool_args_schema": append(toolArgsCases, hostileToolArgsCases...),
	"tool_known":       toolKnownCases,
	"tool_call_loop":   toolCallLoopCases,
	"is_json":          isJSONCases,
	"json_schema":      jsonSchemaCases,
	"contains":         containsCases,
	"equals":           equalsCases,
	"regex":            regexCases,
	"length_chars":     lengthCharsCases,
	"length_words":     lengthWordsCases,
	"latency_ms":       latencyCases,
	"cost_usd":         costCases,
	"input_tokens":     inputTokensCases,
	"output_tokens":    outputTokensCases,
	"finish_reason":    finishReasonCases,
	"refusal":          refusalCases,
	"error":            errorCases,
}

func TestEvaluators(t *testing.T) {
	for _, name := range Names() {
		cases := tables[name]
		assert.NotEmpty(t, cases, "%s has no cases", name)
		for _, c := range cases {
			t.Run(name+"/"+c.name, func(t *testing.T) { c.check(t, name) })
		}
	}
}
