// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genai

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// answers are in every shape that an answer comes in, plain ones and others in
// turn, so that memory of one shows in the next if it should.
var answers = []string{
	`[{"role":"assistant","parts":[{"type":"text","content":"Grüße, \u00fc"},{"type":"tool_call","id":"a","name":"f","arguments":{"x":1}}],"finish_reason":"stop"}]`,
	`[{"role":"assistant","parts":[{"type":"text","content":"one"},{"type":"text","content":"two"}]},{"role":"assistant","parts":[{"type":"tool_call","id":"b","name":"g","arguments":"{\"y\":2}"}]}]`,
	`[{"role":"assistant","parts":[{"type":"reasoning","content":"hm"},{"type":"text","content":"so"}]}]`,
	`[{"role":"assistant","content":"other shape","tool_calls":[{"id":"c","type":"function","function":{"name":"h","arguments":"{}"}}]}]`,
	`[{"role":"assistant","parts":[{"type":"text","content":"cut`,
	`[{"role":"assistant","parts":[{"type":"text","content":"` + "broken \xff byte" + `"}]}]`,
	`[{"role":"assistant","parts":[]}]`, `[]`, `"text"`, `{}`, ``, ` `, `[{"role":"assistant","parts":[{"type":"text","content":"last"}]}]`,
}

func requireSameAnswer(t *testing.T, reader *AnswerReader, text string) {
	t.Helper()
	read, want := Call{Output: MessagesFromJSON(text)}, Call{Output: MessagesFromJSON(text)}
	before := []ToolCall{{ID: "kept"}}
	calls, characters := reader.Read(&read, before)
	require.Equal(t, append([]ToolCall{{ID: "kept"}}, want.ToolCalls()...), calls, text)
	require.Equal(t, utf8.RuneCountInString(want.OutputText()), characters, text)
}

func TestAnswerReaderSaysWhatTheCallSays(t *testing.T) {
	var reader AnswerReader
	for range 2 {
		for _, text := range answers {
			requireSameAnswer(t, &reader, text)
		}
		reader.Release()
	}
}

func TestAnswerReaderKeepsWhatItGave(t *testing.T) {
	var reader AnswerReader
	first := Call{Output: MessagesFromJSON(answers[0])}
	calls, _ := reader.Read(&first, nil)
	for _, text := range answers {
		requireSameAnswer(t, &reader, text)
	}
	reader.Release()
	require.Equal(t, first.ToolCalls(), calls)
}

func TestAnswerReaderGivesBackMuchMemory(t *testing.T) {
	var reader AnswerReader
	part := `{"type":"text","content":"x"}`
	requireSameAnswer(t, &reader, `[{"role":"assistant","parts":[`+strings.Repeat(part+",", 2*maxKept)+part+`]}]`)
	reader.Release()
	require.Zero(t, cap(reader.scanner.parts))
}

func FuzzAnswerReader(f *testing.F) {
	for _, text := range answers {
		f.Add(text, answers[0])
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		var reader AnswerReader
		requireSameAnswer(t, &reader, first)
		requireSameAnswer(t, &reader, second)
	})
}
