// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/redact"
	"github.com/spanloop/spanloop/internal/stats"
)

// maxText bounds the JSON of a history or an answer that is read, in bytes;
// longer ones count as absent.
const maxText = 1 << 18

// separator splits lists that SQL joins into one text; names of tools and
// reasons cannot hold it.
const separator = "\x1f"

// Load reads an arm's calls with their scores, in time order. Above
// o.MaxCalls it reads the clusters whose hash falls in one part of many, which
// keeps clusters whole.
func Load(ctx context.Context, db Querier, a Arm, o Options) ([]Call, Extent, error) {
	s, err := newSource(ctx, db)
	if err != nil {
		return nil, Extent{}, err
	}
	if o.MaxCalls <= 0 {
		o.MaxCalls = defaultMaxCalls
	}
	extent, err := s.extent(ctx, a, o.MaxCalls)
	if err != nil || extent.Calls == 0 {
		return nil, extent, err
	}
	where, args := s.where(a)
	if extent.SampledOneIn > 1 {
		where += fmt.Sprintf(" AND md5_number_lower(%s) %% %d = 0", clusterSQL, extent.SampledOneIn)
	}
	calls, err := s.calls(ctx, where, args, o.Keys)
	if err != nil {
		return nil, extent, err
	}
	if err := s.addScores(ctx, where, args, calls); err != nil {
		return nil, extent, err
	}
	return calls, extent, s.addToolFailures(ctx, where, args, calls)
}

func (s *source) calls(ctx context.Context, where string, args []any, keys []string) ([]Call, error) {
	var keyArgs []any
	keyColumns := ""
	for _, key := range keys {
		expression, more, err := s.keySQL(key)
		if err != nil {
			return nil, err
		}
		keyColumns += " || chr(31) || " + expression
		keyArgs = append(keyArgs, more...)
	}
	mode := "coalesce(" + s.column("content_mode", "VARCHAR") + ", '" + redact.ModeFull + "')"
	long := func(column string) string {
		return fmt.Sprintf("CASE WHEN strlen(%s) <= %d AND %s <> '%s' THEN %s END", column, maxText, mode, redact.ModeHashes, column)
	}
	statement := fmt.Sprintf(`SELECT ''%s, trace_id, span_id, %s, prompt_version, start_time, duration_ns, time_to_first_token_ns,
		cost_usd, input_tokens, output_tokens, coalesce(status, ''), coalesce(error_type, ''),
		coalesce(array_to_string(finish_reasons, ','), ''),
		coalesce(array_to_string(list_transform(tool_calls, lambda c: c.name), chr(31)), ''),
		%s, %s, %s, coalesce(strlen(system_instructions), 0), coalesce(strlen(input_messages), 0), coalesce(strlen(%s), 0),
		coalesce(provider, ''), coalesce(request_model, ''), coalesce(response_model, ''), coalesce(system_fingerprint, ''),
		coalesce(service_name, ''), coalesce(params_hash, ''), coalesce(toolset_hash, ''), coalesce(prompt_hash, ''),
		coalesce(array_to_string(tool_versions, chr(31)), ''), coalesce(params, ''), coalesce(resource, ''), coalesce(scope, ''),
		coalesce(attributes['server.address'], ''), coalesce(attributes['gen_ai.data_source.id'], ''),
		%s, coalesce(%s, 0), coalesce(%s, 0)
		FROM spans WHERE %s ORDER BY start_time, trace_id, span_id`,
		keyColumns, clusterSQL, long("system_instructions"), long("input_messages"), long("output_messages"),
		s.column("tool_definitions", "VARCHAR"), mode, s.column("input_chars", "INTEGER"), s.column("output_chars", "INTEGER"), where)
	rows, err := s.db.QueryContext(ctx, statement, append(keyArgs, args...)...)
	if err != nil {
		return nil, fmt.Errorf("read calls: %w", err)
	}
	defer rows.Close()
	reader, err := newReader()
	if err != nil {
		return nil, err
	}
	var calls []Call
	for rows.Next() {
		call, err := reader.read(rows)
		if err != nil {
			return nil, fmt.Errorf("read calls: %w", err)
		}
		calls = append(calls, call)
	}
	return calls, rows.Err()
}

// reader turns rows into calls.
type reader struct {
	refusal *evaluator.Evaluator
	// shared keeps one copy of the texts that many calls share.
	shared map[string]string
}

func newReader() (*reader, error) {
	refusal, err := evaluator.New("refusal", nil)
	return &reader{refusal, map[string]string{}}, err
}

// maxShared bounds the copies that are kept.
const maxShared = 10000

func (r *reader) share(text string) string {
	if kept, ok := r.shared[text]; ok {
		return kept
	}
	if len(r.shared) < maxShared {
		r.shared[text] = text
	}
	return text
}

// libraryOf names an instrumentation scope with its version.
func libraryOf(scope string) string {
	name, version := gjson.Get(scope, "name").Str, gjson.Get(scope, "version").Str
	if version == "" {
		return name
	}
	return name + " " + version
}

func (r *reader) read(rows *sql.Rows) (Call, error) {
	var c Call
	var keys, cluster, status, tools, versions, resource, scope string
	var version, system, input, output sql.NullString
	var duration, first, cost, inputTokens, outputTokens sql.NullFloat64
	var inputChars, outputChars float64
	err := rows.Scan(&keys, &c.TraceID, &c.SpanID, &cluster, &version, &c.Start, &duration, &first, &cost, &inputTokens, &outputTokens,
		&status, &c.ErrorType, &c.FinishReason, &tools, &system, &input, &output,
		&c.VisibleInput[0], &c.VisibleInput[1], &c.VisibleInput[2],
		&c.Identity.Provider, &c.Identity.RequestModel, &c.Identity.ResponseModel, &c.Identity.Fingerprint,
		&c.Identity.Service, &c.Identity.ParamsHash, &c.Identity.ToolsetHash, &c.Identity.PromptHash, &versions,
		&c.Identity.Params, &resource, &scope, &c.Identity.Server, &c.Identity.DataSource,
		&c.ContentMode, &inputChars, &outputChars)
	if err != nil {
		return c, err
	}
	c.Start, c.Version, c.Cluster = c.Start.UTC(), version.String, stats.HashText(cluster)
	c.DurationNS, c.TimeToFirstTokenNS = positive(duration), positive(first)
	c.CostUSD, c.InputTokens, c.OutputTokens = number(cost), number(inputTokens), number(outputTokens)
	c.Failed = c.ErrorType != "" || status == "error"
	if keys != "" {
		c.Keys = strings.Split(keys[1:], separator)
	}
	if tools != "" {
		c.Tools = strings.Split(tools, separator)
	}
	c.Identity.Tools = toolVersions(versions)
	c.Identity.Params = r.share(c.Identity.Params)
	c.Identity.ServiceVersion = r.share(gjson.Get(resource, `attributes.service\.version`).Str)
	c.Identity.SDK = r.share(libraryOf(scope))
	c.ContentMode = r.share(c.ContentMode)
	if c.ContentMode == redact.ModeHashes {
		c.withoutContent(inputChars, outputChars)
	} else {
		r.texts(&c, system.String, input.String, output.String)
	}
	return c, nil
}

func number(v sql.NullFloat64) float64 {
	if !v.Valid || !stats.Finite(v.Float64) || v.Float64 < 0 {
		return math.NaN()
	}
	return v.Float64
}

// positive reads a duration: zero is a clock that did not tell.
func positive(v sql.NullFloat64) float64 {
	if n := number(v); n > 0 {
		return n
	}
	return math.NaN()
}

func toolVersions(joined string) map[string]string {
	if joined == "" {
		return nil
	}
	tools := map[string]string{}
	for _, entry := range strings.Split(joined, separator) {
		if at := strings.LastIndexByte(entry, '@'); at > 0 {
			tools[entry[:at]] = entry[at+1:]
		}
	}
	return tools
}

// texts hashes what the call was asked and answered.
func (r *reader) texts(c *Call, system, input, output string) {
	if system != "" || input != "" {
		c.InputHash = stats.HashText(system + separator + input)
	}
	question := lastUserText(input)
	c.Input, c.InputStyle = stats.TextFeatures(question, InputDimension), StyleOf(question)

	answer := &genai.Call{Kind: genai.KindInference, Output: genai.MessagesFromJSON(output)}
	if c.FinishReason != "" {
		answer.FinishReasons = strings.Split(c.FinishReason, ",")
	}
	text := answer.OutputText()
	c.Output, c.OutputStyle = stats.TextFeatures(text, OutputDimension), StyleOf(text)
	if output != "" {
		c.OutputHash = outputHash(text, answer.ToolCalls())
	}
	c.Refused = math.NaN()
	score, applies := r.refusal.Evaluate(&evaluator.Input{Call: answer})
	if applies && score.Value.Set {
		c.Refused = score.Value.Value
	}
}

// outputHash leaves out what differs between equal answers: the calls' ids.
func outputHash(text string, calls []genai.ToolCall) uint64 {
	seed := stats.NewSeed()
	seed.Text(text)
	for _, call := range calls {
		seed.Text(call.Name)
		seed.Text(call.Arguments)
	}
	return seed.Value()
}

// lastUserText is the text of the last message of the user; of the last message
// when none is marked as the user's.
func lastUserText(input string) string {
	messages := genai.MessagesFromJSON(input)
	list, err := messages.List()
	if err != nil {
		return ""
	}
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].Role == "user" {
			if text := list[i].Text(); text != "" {
				return text
			}
		}
	}
	if len(list) > 0 {
		return list[len(list)-1].Text()
	}
	return ""
}
