// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/identity"
)

// told is a span of a test's trace: what it is and what it says of itself, as
// words: a kind, then key=value.
type told struct {
	id, parent byte
	// at and until are seconds since noon.
	at, until int
	says      string
}

// words of told and what they stand for.
var toldKeys = map[string]string{
	"session": "gen_ai.conversation.id", "user": "user.id", "prompt": identity.AttrPromptName, "version": identity.AttrPromptVersion,
	"rung": identity.AttrPromptResolution, "reason": identity.AttrPromptUnresolvedReason, "hash": identity.AttrPromptHash,
	"label": identity.AttrPromptLabel, "var": identity.AttrPromptVariablePrefix + "topic", "tool": "gen_ai.tool.name", "toolversion": identity.AttrToolVersion,
	"model": identity.AttrModelHash, "variant": identity.AttrVariantID, "same": identity.AttrDuplicateOf, "set": identity.AttrToolsetHash,
}

var toldKinds = map[string]string{"chat": "chat", "agent": "invoke_agent", "workflow": "invoke_workflow", "tool": "execute_tool", "embed": "embeddings"}

func (s told) fill(span ptrace.Span, trace byte) {
	span.SetTraceID(pcommon.TraceID{1, 15: trace})
	span.SetSpanID(pcommon.SpanID{7: s.id})
	if s.parent != 0 {
		span.SetParentSpanID(pcommon.SpanID{7: s.parent})
	}
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(noon.Add(time.Duration(s.at) * time.Second)))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(noon.Add(time.Duration(max(s.at, s.until)) * time.Second)))
	attrs := span.Attributes()
	for i, word := range strings.Fields(s.says) {
		key, value, _ := strings.Cut(word, "=")
		switch {
		case i == 0 && toldKinds[key] != "":
			span.SetName(key)
			attrs.PutStr("gen_ai.operation.name", toldKinds[key])
		case i == 0:
			span.SetName(key)
			attrs.PutStr("openinference.span.kind", strings.ToUpper(key))
		case key == "offers":
			list := attrs.PutEmptySlice(identity.AttrToolVersions)
			for _, tool := range strings.Split(value, ",") {
				list.AppendEmpty().SetStr(tool)
			}
			attrs.PutStr(identity.AttrToolsetHash, "sha256:"+value)
		case key == "score":
			event := span.Events().AppendEmpty()
			event.SetName("gen_ai.evaluation.result")
			event.SetTimestamp(span.EndTimestamp())
			event.Attributes().PutStr("gen_ai.evaluation.name", value)
			event.Attributes().PutDouble("gen_ai.evaluation.score.value", 1)
		case key == "replay":
			attrs.PutBool(identity.AttrReplay, true)
		default:
			attrs.PutStr(toldKeys[key], value)
		}
	}
}

// isEvent tells a log event of the span with that id.
func (s told) isEvent() bool { return strings.HasPrefix(s.says, "event") }

// fillEvent makes the log event, which holds a message and says what a span would.
func (s told) fillEvent(record plog.LogRecord, trace byte) {
	span := ptrace.NewSpan()
	s.fill(span, trace)
	record.SetTraceID(span.TraceID())
	record.SetSpanID(span.SpanID())
	record.SetTimestamp(span.StartTimestamp())
	record.SetEventName("gen_ai.user.message")
	record.Body().SetStr(`{"content":"Hi"}`)
	span.Attributes().MoveTo(record.Attributes())
	record.Attributes().Remove("openinference.span.kind")
}

// tell stores traces, each span and log event in a push of its own, in order.
func tell(t testing.TB, dir string, traces ...[]told) {
	t.Helper()
	w, err := dataset.NewWriter(dir, dataset.WriterOptions{})
	require.NoError(t, err)
	for n, trace := range traces {
		for _, s := range trace {
			if s.isEvent() {
				ld := plog.NewLogs()
				s.fillEvent(ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty(), byte(n+1))
				_, err := w.WriteLogs(t.Context(), ld)
				require.NoError(t, err)
				continue
			}
			td := ptrace.NewTraces()
			s.fill(td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty(), byte(n+1))
			_, err := w.WriteTraces(t.Context(), td)
			require.NoError(t, err)
		}
	}
	require.NoError(t, w.Close())
}

const (
	unresolved = " rung=none reason=no_content"
	named      = " prompt=greet version=3 rung=explicit hash=sha256:aa"
)

// lateCases are traces, child first, and what the views show: of some spans
// "name@version rung" and what else was filled in.
var lateCases = []struct {
	name  string
	spans []told
	want  map[byte]string
}{
	{"a wrapper names the prompt", []told{{2, 1, 1, 2, "chat" + unresolved}, {1, 0, 0, 3, "workflow" + named}},
		map[byte]string{2: "greet@3 explicit", 1: "greet@3 explicit"}},
	{"an agent names it", []told{{2, 1, 1, 2, "chat" + unresolved}, {1, 0, 0, 3, "agent" + named}}, map[byte]string{2: "greet@3 explicit"}},
	{"by label, as the label was", []told{{2, 1, 1, 2, "chat" + unresolved}, {1, 0, 0, 3, "agent prompt=greet version=3 rung=label label=prod"}},
		map[byte]string{2: "greet@3 label"}},
	{"a fingerprint is no name", []told{{2, 1, 1, 2, "chat prompt=fp-1 version=fp-1 rung=fingerprint hash=sha256:ff"}, {1, 0, 0, 3, "agent" + named}},
		map[byte]string{2: "greet@3 explicit"}},
	{"nor does one lend", []told{{2, 1, 1, 2, "chat" + unresolved}, {1, 0, 0, 3, "agent prompt=fp-1 version=fp-1 rung=fingerprint"}},
		map[byte]string{2: "none"}},
	{"candidates are settled", []told{{2, 1, 1, 2, "chat rung=ambiguous reason=ambiguous"}, {1, 0, 0, 3, "agent" + named}}, map[byte]string{2: "greet@3 explicit"}},
	{"the nearest counts", []told{{3, 2, 2, 3, "chat" + unresolved}, {2, 1, 1, 4, "workflow" + named}, {1, 0, 0, 5, "workflow prompt=outer version=1 rung=explicit"}},
		map[byte]string{3: "greet@3 explicit"}},
	{"over spans that say nothing", []told{{4, 3, 2, 3, "chat" + unresolved}, {3, 2, 1, 4, "workflow"}, {2, 1, 1, 4, "chain"}, {1, 0, 0, 5, "workflow" + named}},
		map[byte]string{4: "greet@3 explicit"}},
	{"not over a span that is missing", []told{{3, 2, 1, 3, "chat" + unresolved}, {1, 0, 0, 5, "agent" + named}}, map[byte]string{3: "none"}},
	{"not over a tool", []told{{3, 2, 1, 3, "chat" + unresolved}, {2, 1, 1, 4, "tool tool=ask"}, {1, 0, 0, 5, "agent" + named}}, map[byte]string{3: "none"}},
	{"not over another agent", []told{{3, 2, 1, 3, "chat" + unresolved}, {2, 1, 1, 4, "agent"}, {1, 0, 0, 5, "agent" + named}}, map[byte]string{3: "none"}},
	{"a name without a version does not lend", []told{{3, 2, 1, 3, "chat" + unresolved}, {2, 1, 1, 4, "workflow prompt=other rung=none reason=version_unknown"}, {1, 0, 0, 5, "workflow" + named}},
		map[byte]string{3: "none"}},
	{"what a span says stands", []told{{2, 1, 1, 2, "chat prompt=mine version=1 rung=explicit"}, {1, 0, 0, 3, "agent" + named}}, map[byte]string{2: "mine@1 explicit"}},
	{"a name that differs stands", []told{{2, 1, 1, 2, "chat prompt=mine rung=none reason=version_unknown"}, {1, 0, 0, 3, "agent" + named}}, map[byte]string{2: "mine none"}},
	{"a name that agrees is completed", []told{{2, 1, 1, 2, "chat prompt=greet rung=none reason=version_unknown"}, {1, 0, 0, 3, "agent" + named}}, map[byte]string{2: "greet@3 explicit"}},
	{"a version that differs stands", []told{{2, 1, 1, 2, "chat version=9 rung=none reason=no_content"}, {1, 0, 0, 3, "agent" + named}}, map[byte]string{2: "@9 none"}},
	{"two texts are not one prompt", []told{{2, 1, 1, 2, "chat prompt=fp-1 version=fp-1 rung=fingerprint hash=sha256:f1"}, {3, 1, 2, 3, "chat prompt=fp-2 version=fp-2 rung=fingerprint hash=sha256:f2"}, {1, 0, 0, 4, "agent" + named}},
		map[byte]string{2: "fp-1@fp-1 fingerprint", 3: "fp-2@fp-2 fingerprint"}},
	{"several turns of one text are", []told{{2, 1, 1, 2, "chat prompt=fp-1 version=fp-1 rung=fingerprint hash=sha256:f1"}, {3, 1, 2, 3, "chat prompt=fp-1 version=fp-1 rung=fingerprint hash=sha256:f1"}, {1, 0, 0, 4, "agent" + named}},
		map[byte]string{2: "greet@3 explicit", 3: "greet@3 explicit"}},
	{"a call lends to no other", []told{{2, 1, 1, 2, "chat" + unresolved}, {3, 1, 0, 1, "chat" + named}}, map[byte]string{2: "none"}},
	{"a wrapper of the same call does", []told{{2, 1, 1, 2, "chat" + unresolved}, {1, 0, 0, 3, "chat same=0000000000000002" + named}}, map[byte]string{2: "greet@3 explicit"}},
	{"a prompt fetched before", []told{{3, 1, 2, 3, "chat" + unresolved}, {2, 1, 0, 1, "prompt" + named}}, map[byte]string{3: "greet@3 explicit"}},
	{"not one fetched after", []told{{3, 1, 0, 1, "chat" + unresolved}, {2, 1, 2, 3, "prompt" + named}}, map[byte]string{3: "none"}},
	{"beside a wrapper", []told{{4, 3, 3, 4, "chat" + unresolved}, {3, 1, 2, 5, "workflow"}, {2, 1, 0, 1, "prompt" + named}}, map[byte]string{4: "greet@3 explicit"}},
	{"of two prompts fetched it is not known which", []told{{4, 1, 2, 3, "chat" + unresolved}, {2, 1, 0, 1, "prompt" + named}, {3, 1, 0, 1, "prompt prompt=bye version=1 rung=explicit"}},
		map[byte]string{4: "none"}},
	{"fetched and compiled is one", []told{{4, 1, 2, 3, "chat" + unresolved}, {2, 1, 0, 1, "prompt prompt=greet rung=none reason=label_unknown label=prod"}, {3, 1, 1, 2, "prompt" + named}},
		map[byte]string{4: "greet@3 explicit"}},
	{"a circle ends", []told{{2, 1, 1, 2, "chat" + unresolved}, {1, 3, 0, 3, "workflow"}, {3, 1, 0, 3, "workflow"}}, map[byte]string{2: "none"}},
	{"its own parent", []told{{2, 2, 1, 2, "chat" + unresolved}, {1, 0, 0, 3, "agent" + named}}, map[byte]string{2: "none"}},
	{"a span sent twice", []told{{2, 1, 1, 2, "chat" + unresolved}, {2, 1, 1, 2, "chat" + unresolved + " label=x"}, {1, 0, 0, 3, "agent" + named}, {1, 0, 1, 3, "agent user=u" + named}},
		map[byte]string{2: "greet@3 explicit"}},
	{"days apart", []told{{2, 1, 200_000, 200_001, "chat" + unresolved}, {1, 0, 0, 300_000, "agent session=s" + named}}, map[byte]string{2: "greet@3 explicit s"}},
	{"production does not lend to a replay", []told{{2, 1, 1, 2, "chat replay=1" + unresolved}, {1, 0, 0, 3, "agent session=s user=u" + named}}, map[byte]string{2: "none"}},
	{"nor a replay to production", []told{{2, 1, 1, 2, "chat" + unresolved}, {1, 0, 0, 3, "agent replay=1 session=s user=u" + named}}, map[byte]string{2: "none"}},
	{"session and user", []told{{2, 1, 1, 2, "chat" + named}, {3, 2, 1, 2, "tool tool=t"}, {1, 0, 0, 3, "agent session=s user=u"}},
		map[byte]string{2: "greet@3 explicit s u", 3: "s u t", 1: "s u"}},
	{"two sessions are none", []told{{2, 1, 1, 2, "chat" + named}, {1, 0, 0, 3, "agent session=s user=u"}, {4, 0, 0, 3, "agent session=z user=u"}},
		map[byte]string{2: "greet@3 explicit u", 1: "s u", 4: "z u"}},
	{"the tool's version", []told{{2, 1, 1, 2, "tool tool=get"}, {1, 0, 0, 3, "chat offers=get@7,put@2" + named}}, map[byte]string{2: "get@7"}},
	{"a tool that nobody offered", []told{{2, 1, 1, 2, "tool tool=del"}, {1, 0, 0, 3, "chat offers=get@7,put" + named}}, map[byte]string{2: "del"}},
	{"the version that was live", []told{{3, 1, 5, 6, "tool tool=get"}, {1, 0, 0, 3, "chat offers=get@7" + named}, {2, 0, 4, 5, "chat offers=get@8" + named}, {4, 0, 9, 9, "chat offers=get@9" + named}},
		map[byte]string{3: "get@8"}},
	{"none was live yet", []told{{3, 1, 1, 2, "tool tool=get"}, {1, 0, 2, 3, "chat offers=get@7" + named}, {2, 0, 4, 5, "chat offers=get@8" + named}}, map[byte]string{3: "get"}},
	{"one name twice in one call", []told{{3, 1, 5, 6, "tool tool=get"}, {1, 0, 0, 3, "chat offers=get@7,get@8" + named}}, map[byte]string{3: "get"}},
	{"a version that was stamped before all calls were known", []told{
		{3, 1, 5, 6, "tool tool=get toolversion=9"}, {5, 1, 7, 8, "tool tool=get toolversion=8"}, {6, 1, 0, 1, "tool tool=get toolversion=9"},
		{1, 0, 2, 3, "chat offers=get@7" + named}, {2, 0, 4, 5, "chat offers=get@8" + named}, {4, 0, 9, 9, "chat offers=get@9" + named},
	}, map[byte]string{3: "get@8", 5: "get@8", 6: "get@9"}},
	{"a log event of the call tells", []told{{1, 0, 1, 2, "chat" + unresolved}, {1, 0, 1, 1, "event prompt=greet version=3 rung=template"}},
		map[byte]string{1: "greet@3 template"}},
	{"before what an agent says", []told{{1, 0, 1, 1, "event prompt=greet version=3 rung=template"}, {1, 2, 1, 2, "chat" + unresolved}, {2, 0, 0, 3, "agent prompt=a version=1 rung=explicit"}},
		map[byte]string{1: "greet@3 template"}},
	{"a fingerprint of its text does not", []told{{1, 0, 1, 1, "event prompt=fp-1 version=fp-1 rung=fingerprint"}, {1, 2, 1, 2, "chat" + unresolved}, {2, 0, 0, 3, "agent" + named}},
		map[byte]string{1: "greet@3 explicit"}},
	{"but it is better than nothing", []told{{1, 0, 1, 1, "event prompt=fp-1 version=fp-1 rung=fingerprint"}, {1, 0, 1, 2, "chat" + unresolved}},
		map[byte]string{1: "fp-1@fp-1 fingerprint"}},
	{"of several events those with most content", []told{{1, 0, 1, 2, "chat" + unresolved}, {1, 0, 1, 1, "event prompt=fp-1 version=fp-1 rung=fingerprint"}, {1, 0, 2, 2, "event" + named}, {1, 0, 3, 3, "event rung=none reason=no_match"}},
		map[byte]string{1: "greet@3 explicit"}},
	{"unless they differ", []told{{1, 0, 1, 2, "chat" + unresolved}, {1, 0, 1, 1, "event" + named}, {1, 0, 2, 2, "event prompt=greet version=4 rung=template"}},
		map[byte]string{1: "none"}},
	{"events fit several versions", []told{{1, 0, 1, 2, "chat" + unresolved}, {1, 0, 1, 1, "event rung=ambiguous reason=ambiguous"}}, map[byte]string{1: "ambiguous"}},
	{"content of the span goes before its events", []told{{1, 0, 1, 2, "chat rung=none reason=no_match"}, {1, 0, 1, 1, "event" + named}}, map[byte]string{1: "none"}},
	{"events name another prompt", []told{{1, 0, 1, 2, "chat prompt=mine rung=none reason=version_unknown"}, {1, 0, 1, 1, "event" + named}}, map[byte]string{1: "mine none"}},
	{"events of another span", []told{{1, 0, 1, 2, "chat" + unresolved}, {2, 0, 1, 1, "event" + named}}, map[byte]string{1: "none"}},
	{"a tool that events offer", []told{{2, 1, 1, 2, "tool tool=get"}, {1, 0, 0, 3, "chat" + named}, {1, 0, 1, 1, "event offers=get@7" + named}}, map[byte]string{2: "get@7"}},
	{"a version that was stamped stands", []told{{2, 1, 1, 2, "tool tool=get toolversion=1"}, {1, 0, 0, 3, "chat offers=get@7" + named}}, map[byte]string{2: "get@1"}},
}

const shownSQL = `SELECT trace_id, span_id, concat_ws(' ', coalesce(prompt_name, '') || coalesce('@' || prompt_version, '')
	|| coalesce(' ' || prompt_resolution, ''), session_id, user_id, tool_name || coalesce('@' || tool_version, '')) FROM lean_spans`

func TestLateIdentity(t *testing.T) {
	dir := t.TempDir()
	var traces [][]told
	for _, c := range lateCases {
		traces = append(traces, c.spans)
	}
	tell(t, dir, traces...)
	db := open(t, Options{Dataset: dir})
	result, err := db.Query(t.Context(), shownSQL)
	require.NoError(t, err)
	got := map[[2]string]string{}
	for _, row := range result.Rows {
		got[[2]string{row[0].(string), row[1].(string)}] = strings.TrimSpace(row[2].(string))
	}
	for n, c := range lateCases {
		for id, want := range c.want {
			trace, span := pcommon.TraceID{1, 15: byte(n + 1)}.String(), pcommon.SpanID{7: id}.String()
			assert.Equal(t, want, got[[2]string{trace, span}], "%s: span %d", c.name, id)
		}
	}
}

// What was filled in says what stood there, and the variant is that of a call
// which named its prompt itself.
func TestLateIdentitySaysWhat(t *testing.T) {
	dir := t.TempDir()
	call := genai.Call{Kind: genai.KindInference, Provider: "openai", RequestModel: "gpt-4.1", Counted: true}
	call.Prompt.Name, call.Prompt.Version = `gr"eet`, "3"
	resolver := identity.NewResolver(identity.Options{})
	want := resolver.Resolve(pcommon.TraceID{1}, noon, &call)
	call.Prompt = genai.PromptReference{}
	before := resolver.Resolve(pcommon.TraceID{1}, noon, &call)
	require.NotEqual(t, want.VariantID, before.VariantID)
	tell(t, dir, []told{
		{2, 1, 1, 2, "chat" + unresolved + " model=" + before.ModelHash + " variant=" + before.VariantID},
		{1, 0, 0, 3, `agent session=s var=tea prompt=gr"eet version=3 rung=explicit reason=prompt_unknown`},
	})
	db := open(t, Options{Dataset: dir})
	result, err := db.Query(t.Context(), `SELECT late_identity, variant_id, prompt_unresolved_reason, prompt_variables['topic'] FROM spans ORDER BY span_id DESC`)
	require.NoError(t, err)
	assert.Equal(t, [][]any{
		{fmt.Sprintf(`{"session_id":null,"prompt_name":null,"prompt_version":null,"prompt_resolution":"none","prompt_unresolved_reason":"no_content","prompt_variables":null,"variant_id":%q}`, before.VariantID),
			want.VariantID, "prompt_unknown", "tea"},
		{nil, nil, "prompt_unknown", "tea"},
	}, result.Rows)
}

// Scores have the prompt of their span, as it is known now.
func TestScoresOfLateIdentity(t *testing.T) {
	dir := t.TempDir()
	tell(t, dir, []told{{2, 1, 1, 2, "chat score=is_json" + unresolved}, {1, 0, 0, 3, "agent" + named}, {3, 0, 0, 3, "chat score=is_json" + unresolved}})
	result, err := open(t, Options{Dataset: dir}).Query(t.Context(), "SELECT span_id, prompt_name, prompt_version FROM scores ORDER BY span_id")
	require.NoError(t, err)
	assert.Equal(t, [][]any{{"0000000000000002", "greet", "3"}, {"0000000000000003", nil, nil}}, result.Rows)
}

// A statement looks for what other spans say when it reads what they can fill in.
func TestLateIdentityIsFoundWhenItMatters(t *testing.T) {
	dir := t.TempDir()
	tell(t, dir, []told{{2, 1, 1, 2, "chat score=is_json" + unresolved}, {1, 0, 0, 3, "agent" + named}})
	for statement, matters := range map[string]bool{
		"SELECT count(*) FROM spans":                                  false,
		"SELECT avg(duration_ns) FROM lean_spans WHERE name = 'chat'": false,
		"SELECT avg(value) FROM scores":                               false,
		"SELECT 1":                                                    false,
		"FROM spans":                                                  true,
		"SELECT count(*) FROM spans WHERE prompt_name = 'greet'":      true,
		"SELECT COLUMNS('prompt_n.*') FROM spans":                     true,
		"SELECT s FROM lean_spans s":                                  true,
		"SELECT count(late_identity) FROM spans":                      true,
		"SELECT COLUMNS('late.*') FROM spans":                         true,
		"SELECT prompt_version FROM scores":                           true,
		"FROM prompts":                                                true,
	} {
		db := open(t, Options{Dataset: dir})
		_, err := db.Query(t.Context(), statement)
		require.NoError(t, err, statement)
		assert.Equal(t, matters, db.late.done(), statement)
	}
}
