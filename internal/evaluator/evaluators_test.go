// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package evaluator

import "testing"

// tables are the cases of every evaluator in the catalogue.
var tables = map[string][]testCase{
	"tool_args_schema": append(toolArgsCases, hostileToolArgsCases...),
	"tool_known":       toolKnownCases,
	"tool_call_loop":   toolCallLoopCases,
}

func TestEvaluators(t *testing.T) {
	for name, cases := range tables {
		for _, c := range cases {
			t.Run(name+"/"+c.name, func(t *testing.T) { c.check(t, name) })
		}
	}
}
