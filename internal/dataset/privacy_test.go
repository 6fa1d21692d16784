// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/identity"
	"github.com/spanloop/spanloop/internal/race"
	"github.com/spanloop/spanloop/internal/redact"
)

// planted are values that each rule matches.
var planted = map[string]string{
	redact.RuleEmail: "zelda.planted@corp-example.org", redact.RuleCard: "4012888888881881", redact.RuleIBAN: "DE89370400440532013000",
	redact.RulePhone: "+49 89 5551234567", redact.RuleIP: "203.0.113.77", redact.RuleSecret: "sk-planted-abcdefghijklmnop123456",
}

// word stands in the texts too; no rule matches it, so only hashes replace it.
const word = "zanzibarwaltz"

// inNames are the planted values that names are searched for.
var inNames = []string{planted[redact.RuleEmail], planted[redact.RuleSecret]}

func redactorFor(t testing.TB, mode, key string) *redact.Redactor {
	t.Helper()
	r, err := redact.New(redact.Options{Key: []byte(key), Hashes: mode == redact.ModeHashes})
	require.NoError(t, err)
	return r
}

func allPlanted() string {
	text := word
	for _, rule := range redact.Rules {
		text += " (" + planted[rule] + ")"
	}
	return text
}

// plantAttributes puts a text in every kind of attribute.
func plantAttributes(m pcommon.Map, text string) {
	m.PutStr("app.note", text)
	m.PutStr("app.json", fmt.Sprintf(`{"deep":[{"say":%q,"nested":"{\"again\":\"%s\"}"}]}`, text, text))
	m.PutStr("app.escaped", `{"to":"zelda.planted\u0040corp-example.org"}`)
	m.PutEmptyBytes("app.bytes").FromRaw([]byte(text))
	m.PutInt("app.card", 4012888888881881)
	nested := m.PutEmptyMap("app.map")
	nested.PutStr("say", text)
	nested.PutEmptySlice("list").AppendEmpty().SetStr(text)
	nested.PutStr(planted[redact.RuleEmail], "value")
	m.PutStr("app."+planted[redact.RuleEmail], "value")
	list := m.PutEmptySlice("app.list")
	list.AppendEmpty().SetStr(text)
	list.AppendEmpty().SetEmptyMap().PutStr("say", text)
}

// plantDialects puts a text where the dialects have content.
func plantDialects(m pcommon.Map, text string) {
	said := fmt.Sprintf(`{"role":"user","parts":[{"type":"text","content":%q}]}`, text+strings.Repeat(" and so on", 12))
	m.PutStr("gen_ai.system_instructions", fmt.Sprintf(`[{"type":"text","content":%q}]`, text))
	m.PutStr("gen_ai.input.messages", "["+said+","+said+`,{"role":"assistant","parts":[{"type":"tool_call","id":"c1","name":"lookup","arguments":{"q":"`+text+`"}}]},
		{"role":"tool","parts":[{"type":"tool_call_response","id":"c1","response":{"rows":["`+text+`"]}}]}]`)
	m.PutStr("gen_ai.output.messages", fmt.Sprintf(`[{"role":"assistant","parts":[{"type":"text","content":%q},{"type":"reasoning","content":%q},
		{"type":"tool_call","id":"c2","name":"lookup","arguments":"{\"q\":\"%s\"}"},{"type":"note","about":%q}],"name":%q,"finish_reason":"stop"}]`, text, text, text, text, text))
	m.PutStr("gen_ai.tool.definitions", fmt.Sprintf(`[{"type":"function","name":"lookup","description":%q,"parameters":{"type":"object","properties":{"q":{"description":%q}}}}]`, text, text))
	m.PutStr(identity.AttrPromptVariablePrefix+"customer", text)
	m.PutStr("gen_ai.conversation.id", text)
	m.PutStr("user.id", text)
	m.PutStr("gen_ai.request.stop_sequences", text)
	m.PutStr("gen_ai.agent.name", text)
	m.PutStr("gen_ai.tool.call.arguments", text)
	m.PutStr("error.type", text)
	m.PutStr("traceloop.entity.input", fmt.Sprintf(`{"inputs":%q}`, text))
	m.PutStr("traceloop.prompt.template", text)
	m.PutStr("llm.input_messages.0.message.content", text)
	m.PutStr("langfuse.observation.output", text)
	m.PutStr("exception.stacktrace", text)
	m.PutStr(identity.AttrRequestResidual, fmt.Sprintf(`{"user":%q}`, text))
	m.PutStr(identity.AttrRequestSHA256, "sha256:"+strings.Repeat("ab", 32))
}

// plantNames puts values into what names prompts, tools and models.
func plantNames(m pcommon.Map) {
	m.PutStr(identity.AttrPromptName, "greet "+inNames[0])
	m.PutStr(identity.AttrPromptVersion, "2.0.0.1")
	m.PutStr(identity.AttrPromptLabel, inNames[0])
	m.PutStr(identity.AttrPromptHash, "sha256:"+strings.Repeat("cd", 32))
	m.PutStr(identity.AttrPromptResolution, identity.RungExplicit)
	m.PutStr(identity.AttrToolsetHash, "sha256:"+strings.Repeat("ef", 32))
	m.PutStr(identity.AttrVariantID, inNames[1])
	m.PutEmptySlice(identity.AttrToolVersions).AppendEmpty().SetStr("lookup@v1.beta")
	m.PutEmptySlice(identity.AttrPromptPartials).AppendEmpty().SetStr(inNames[0] + "@3")
	m.PutStr("gen_ai.request.model", "model-"+inNames[1])
	m.PutStr("gen_ai.response.model", inNames[0])
	m.PutStr("gen_ai.response.id", inNames[0])
	m.PutStr("gen_ai.tool.name", inNames[0])
	m.PutEmptySlice("gen_ai.response.finish_reasons").AppendEmpty().SetStr(inNames[0])
}

func plantSpan(span ptrace.Span, id byte, text string) {
	span.SetTraceID(pcommon.TraceID{1, id})
	span.SetSpanID(pcommon.SpanID{2, id})
	span.SetStartTimestamp(1_700_000_000_000_000_000)
	span.SetEndTimestamp(1_700_000_001_000_000_000)
	span.SetName(text)
	span.Status().SetMessage(text)
	span.TraceState().FromRaw("vendor=" + text)
	a := span.Attributes()
	a.PutStr("gen_ai.operation.name", "chat")
	plantNames(a)
	plantDialects(a, text)
	plantAttributes(a, text)
	event := span.Events().AppendEmpty()
	event.SetName(text)
	plantAttributes(event.Attributes(), text)
	said := span.Events().AppendEmpty()
	said.SetName("gen_ai.user.message")
	said.Attributes().PutStr("content", text)
	score := span.Events().AppendEmpty()
	score.SetName("gen_ai.evaluation.result")
	plantScore(score.Attributes(), text)
	a.PutStr("spanloop.eval.kind.label", text)
	link := span.Links().AppendEmpty()
	link.TraceState().FromRaw("vendor=" + text)
	plantAttributes(link.Attributes(), text)
}

func plantScore(a pcommon.Map, text string) {
	a.PutStr("gen_ai.evaluation.name", "kind")
	a.PutStr("gen_ai.evaluation.score.label", text)
	a.PutStr("gen_ai.evaluation.explanation", text)
	a.PutStr("spanloop.evaluator.version", "sha256:00ff")
	a.PutStr("spanloop.evaluator.kind", "judge")
	a.PutStr("spanloop.evaluation.id", "0123456789abcdef0123456789abcdef")
	a.PutDouble("spanloop.sampling.probability", 1)
}

// plantedTraces has a good span, one with invalid UTF-8, one of another kind, and
// those that are rejected.
func plantedTraces() ptrace.Traces {
	text := allPlanted()
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	rs.SetSchemaUrl("https://example.com/?to=" + inNames[0])
	plantAttributes(rs.Resource().Attributes(), text)
	rs.Resource().Attributes().PutStr("service.name", text)
	rs.Resource().Attributes().PutStr("service.version", "10.20.30.40")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.SetSchemaUrl("https://example.com/?to=" + inNames[0])
	ss.Scope().SetName(text)
	ss.Scope().SetVersion(inNames[0])
	plantAttributes(ss.Scope().Attributes(), text)
	plantSpan(ss.Spans().AppendEmpty(), 1, text)
	invalid := ss.Spans().AppendEmpty()
	plantSpan(invalid, 2, text)
	invalid.Attributes().PutStr("app.invalid", "\xff "+text)
	other := ss.Spans().AppendEmpty()
	plantSpan(other, 3, text)
	other.Attributes().RemoveIf(func(key string, _ pcommon.Value) bool { return !strings.HasPrefix(key, "app.") })
	other.Events().RemoveIf(func(ptrace.SpanEvent) bool { return true })
	plantSpan(ss.Spans().AppendEmpty(), 1, "twice "+text)
	plantSpan(ss.Spans().AppendEmpty(), 4, text)
	ss.Spans().At(4).SetSpanID(pcommon.SpanID{})
	plantSpan(ss.Spans().AppendEmpty(), 5, strings.Repeat(text+" ", 100))
	return td
}

func plantedLogs() plog.Logs {
	text := allPlanted()
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	plantAttributes(rl.Resource().Attributes(), text)
	sl := rl.ScopeLogs().AppendEmpty()
	record := func(name string) plog.LogRecord {
		r := sl.LogRecords().AppendEmpty()
		r.SetEventName(name)
		r.SetTimestamp(1_700_000_000_000_000_000)
		r.SetTraceID(pcommon.TraceID{1, 1})
		r.SetSpanID(pcommon.SpanID{2, 1})
		return r
	}
	plantScore(record("gen_ai.evaluation.result").Attributes(), text)
	foreign := record("gen_ai.evaluation.result")
	plantScore(foreign.Attributes(), text)
	foreign.Attributes().Remove("spanloop.evaluation.id")
	foreign.Attributes().PutStr("gen_ai.response.id", inNames[0])
	details := record("gen_ai.client.inference.operation.details")
	plantDialects(details.Attributes(), text)
	details.Attributes().PutStr(identity.AttrPromptResolution, identity.RungTemplate)
	user := record("gen_ai.user.message")
	user.Body().SetEmptyMap().PutStr("content", text)
	return ld
}

// contents reads every file below a folder.
func contents(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		files[path] = path + "\n" + string(content)
		return err
	}))
	require.NotEmpty(t, files)
	return files
}

// spellings are how a value can stand in a file.
func spellings(value string) []string {
	list := []string{value, strings.ToUpper(value), strings.ReplaceAll(value, "@", "%40"), strings.ReplaceAll(value, "@", `\u0040`), strings.ReplaceAll(value, "+", `\u002b`)}
	for shift := range 3 {
		encoded := base64.StdEncoding.EncodeToString([]byte("xyz"[:shift] + value))
		list = append(list, encoded[4:len(encoded)-4])
	}
	return list
}

func plantedWriter(t testing.TB, mode, key string) (*Writer, string) {
	t.Helper()
	w, dir := newWriter(t, WriterOptions{Codec: CodecNone, Include: IncludeAll, MaxSpanBytes: 1 << 17, Redactor: redactorFor(t, mode, key)})
	result, err := w.WriteTraces(t.Context(), plantedTraces())
	require.NoError(t, err)
	rejected, spans := map[string]int{reasonMissingID: 1, reasonDuplicateID: 1, reasonTooLarge: 1}, 3
	if mode == redact.ModeHashes {
		// Of large texts it stores tokens.
		delete(rejected, reasonTooLarge)
		spans++
	}
	require.Equal(t, rejected, result.Rejected)
	require.Equal(t, spans, result.Spans)
	require.Positive(t, result.Messages)
	logged, err := w.WriteLogs(t.Context(), plantedLogs())
	require.NoError(t, err)
	require.Equal(t, 2, logged.Content)
	require.Equal(t, 2, logged.Scores)
	return w, dir
}

// Nothing that the rules match is in any byte of any file, wherever it stood.
func TestPlantedValuesAreNowhere(t *testing.T) {
	for mode, hidden := range map[string][]string{redact.ModeRedacted: nil, redact.ModeHashes: {word}} {
		t.Run(mode, func(t *testing.T) {
			_, dir := plantedWriter(t, mode, "a key that nobody knows")
			for _, value := range planted {
				hidden = append(hidden, value)
			}
			tables := map[string]bool{}
			for path, content := range contents(t, dir) {
				relative, err := filepath.Rel(dir, path)
				require.NoError(t, err)
				tables[strings.Split(relative, string(filepath.Separator))[0]] = true
				for _, value := range hidden {
					for _, spelling := range spellings(value) {
						if at := strings.Index(content, spelling); at >= 0 {
							t.Errorf("%s holds %q: %q", relative, spelling, content[max(0, at-80):min(len(content), at+80)])
						}
					}
				}
			}
			for _, table := range []string{TableSpans, TableScores, TablePrompts, TableTools, TableContent, TableMessages, rejectedDir} {
				assert.True(t, tables[table], "%s has no file to look into", table)
			}
			requireSound(t, dir)
		})
	}
}

// The same data in mode full holds all of it: the search can find.
func TestPlantedValuesAreFoundInFull(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{Codec: CodecNone, Include: IncludeAll})
	_, err := w.WriteTraces(t.Context(), plantedTraces())
	require.NoError(t, err)
	all := ""
	for _, content := range contents(t, dir) {
		all += content
	}
	for _, value := range planted {
		assert.Contains(t, all, value)
	}
	for _, rs := range readAll(t, dir, Filter{}).ResourceSpans().All() {
		_, marked := rs.ScopeSpans().At(0).Spans().At(0).Attributes().Get(identity.AttrContentMode)
		assert.False(t, marked)
	}
}

// Versions, hashes and names without values stay, so that calls are counted under
// what they belong to.
func TestIdentitySurvives(t *testing.T) {
	for _, mode := range []string{redact.ModeRedacted, redact.ModeHashes} {
		_, dir := plantedWriter(t, mode, "a key that nobody knows")
		span := ptrace.NewSpan()
		for _, rs := range readAll(t, dir, Filter{SpanIDs: []string{"0201000000000000"}}).ResourceSpans().All() {
			rs.ScopeSpans().At(0).Spans().At(0).CopyTo(span)
			version, _ := rs.Resource().Attributes().Get("service.version")
			assert.Equal(t, "10.20.30.40", version.Str(), "no machine's address")
		}
		id := identity.FromAttributes(span.Attributes())
		assert.Regexp(t, `^greet \[email:[a-p]{16}\]$`, id.PromptName)
		assert.Equal(t, "2.0.0.1", id.PromptVersion)
		assert.Equal(t, []string{"lookup@v1.beta"}, id.ToolVersions)
		assert.Equal(t, "sha256:"+strings.Repeat("cd", 32), id.PromptHash)
		_, proved := span.Attributes().Get(identity.AttrRequestSHA256)
		assert.False(t, proved, "a hash of the whole request would give the values away")
		stored, count := redact.ModeOf(span.Attributes())
		assert.Equal(t, mode, stored)
		assert.Greater(t, count, int64(20))
	}
}

var anyToken = regexp.MustCompile(`\[[a-z]+:[a-p]{16}[:\]]`)

func tokensOf(t *testing.T, dir string) map[string]bool {
	found := map[string]bool{}
	for _, content := range contents(t, dir) {
		for _, token := range anyToken.FindAllString(content, -1) {
			found[token] = true
		}
	}
	require.NotEmpty(t, found)
	return found
}

// One key makes the same tokens in every push, process and table; those of two
// keys have nothing in common.
func TestTokensJoin(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{redact.ModeRedacted, redact.ModeHashes} {
		w, dir := plantedWriter(t, mode, "a key that nobody knows")
		_, same := plantedWriter(t, mode, "a key that nobody knows")
		_, other := plantedWriter(t, mode, "a key of somebody else")
		tokens := tokensOf(t, dir)
		assert.Equal(t, tokens, tokensOf(t, same))
		for token := range tokensOf(t, other) {
			assert.False(t, tokens[token], token)
		}
		again, err := w.WriteTraces(t.Context(), plantedTraces())
		require.NoError(t, err)
		assert.Zero(t, again.Messages, "the messages are known by the hash of what is stored")
		before := len(contents(t, dir))
		_, err = w.WriteTraces(t.Context(), plantedTraces())
		require.NoError(t, err)
		assert.Len(t, contents(t, dir), before, "a batch that is sent again meets its own files")
	}
}

// A dataset without content can be written again, in any mode: tokens stay, and
// so does the mark.
func TestRedactedTwice(t *testing.T) {
	for _, mode := range []string{redact.ModeRedacted, redact.ModeHashes} {
		_, dir := plantedWriter(t, mode, "a key that nobody knows")
		first := readAll(t, dir, Filter{})
		for _, second := range []*redact.Redactor{nil, redactorFor(t, mode, "a key that nobody knows")} {
			w, copied := newWriter(t, WriterOptions{Include: IncludeAll, Redactor: second})
			_, err := w.WriteTraces(t.Context(), first)
			require.NoError(t, err)
			requireEqualTraces(t, first, readAll(t, copied, Filter{}))
		}
	}
}

// What is stored of odd spans is read back as it was stored, and does not change
// when it is stored again.
func TestRoundTripOfRedactedSpans(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{redact.ModeRedacted, redact.ModeHashes} {
		for seed := range uint64(race.Fewer(2, 1)) {
			options := WriterOptions{Include: IncludeAll, Redactor: redactorFor(t, mode, "a key that nobody knows")}
			w, dir := newWriter(t, options)
			result, err := w.WriteTraces(t.Context(), newGenerator(seed).traces(20))
			require.NoError(t, err)
			require.Equal(t, 20, result.Spans)
			stored := readAll(t, dir, Filter{})
			if mode == redact.ModeHashes {
				// What could not be read as messages is a message now.
				stored = storedAgain(t, options, stored)
			}
			requireEqualTraces(t, stored, storedAgain(t, options, stored))
		}
	}
}

func storedAgain(t *testing.T, options WriterOptions, td ptrace.Traces) ptrace.Traces {
	t.Helper()
	w, dir := newWriter(t, options)
	_, err := w.WriteTraces(t.Context(), td)
	require.NoError(t, err)
	return readAll(t, dir, Filter{})
}

// Sizes and hashes are those of the original.
func TestMeasuresAreTheOriginals(t *testing.T) {
	td := plantedTraces()
	full, fullDir := newWriter(t, WriterOptions{})
	_, err := full.WriteTraces(t.Context(), td)
	require.NoError(t, err)
	want := columnsAsText(t, fullDir, TableSpans, "input_chars", "output_chars", "tool_call_count")
	hashes := columnsAsText(t, fullDir, TableTools, "hash", "version")
	for _, mode := range []string{redact.ModeRedacted, redact.ModeHashes} {
		w, dir := newWriter(t, WriterOptions{Redactor: redactorFor(t, mode, "a key that nobody knows")})
		_, err := w.WriteTraces(t.Context(), td)
		require.NoError(t, err)
		assert.Equal(t, want, columnsAsText(t, dir, TableSpans, "input_chars", "output_chars", "tool_call_count"))
		assert.Equal(t, hashes, columnsAsText(t, dir, TableTools, "hash", "version"))
		assert.Contains(t, columnsAsText(t, dir, TableSpans, "content_mode")[0], mode)
	}
}

// columnsAsText are rows' values of some columns, in order of the files.
func columnsAsText(t *testing.T, dir, table string, columns ...string) []string {
	t.Helper()
	d, err := Open(dir)
	require.NoError(t, err)
	defer d.Close()
	files, err := d.Files(t.Context(), table)
	require.NoError(t, err)
	var rows []string
	for _, f := range files {
		require.NoError(t, readFile(t.Context(), d.store, f.Path, nil, func(record arrow.RecordBatch) error {
			for i := range int(record.NumRows()) {
				line := ""
				for _, column := range columns {
					line += record.Column(record.Schema().FieldIndices(column)[0]).ValueStr(i) + "|"
				}
				rows = append(rows, line)
			}
			return nil
		}))
	}
	require.NotEmpty(t, rows)
	return rows
}
