// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package dataset writes and reads Spanloop's dataset: Hive-partitioned Parquet
// files of spans and scores, one partition a prompt version and day, with the
// prompts and tools that they refer to (docs/dataset.md).
package dataset

import (
	"github.com/apache/arrow-go/v18/arrow"
)

// Format is the version of the dataset's layout that this package writes.
const Format = 1

// formatKey is the key of the format in each file's metadata.
const formatKey = "spanloop.format"

// columnsOfKey is the key of a hash of the columns in each file's metadata. Files
// that bear the same one can be read without uniting their columns.
const columnsOfKey = "spanloop.columns"

// Tables of a dataset, as folders.
const (
	TableSpans    = "spans"
	TableMessages = "messages"
	TableScores   = "scores"
	TablePrompts  = "prompts"
	TableTools    = "tools"
	TableContent  = "content"
)

// Tables lists all tables.
var Tables = []string{TableSpans, TableMessages, TableScores, TablePrompts, TableTools, TableContent}

// Values of partition columns that are no names.
const (
	Unresolved = "__unresolved__"
	Other      = "__other__"
	NoVersion  = "__none__"
	// Mixed is the partition of rows whose own would be one too many.
	Mixed = "__mixed__"
)

// encoding says how a column's values repeat.
type encoding uint8

const (
	plain encoding = iota
	// dict is for columns with few distinct values.
	dict
	// bloom is for ids that are looked up.
	bloom
	// text is for long text: large pages, no statistics.
	text
	// delta is for numbers that grow.
	delta
)

// column is one column of a table: its name, type and encoding.
type column struct {
	name     string
	kind     arrow.DataType
	required bool
	encoding encoding
	doc      ColumnDoc
}

// ColumnDoc describes a column to its users.
type ColumnDoc struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Unit    string `json:"unit,omitempty"`
	Meaning string `json:"meaning"`
}

var (
	stringType = arrow.BinaryTypes.String
	int64Type  = arrow.PrimitiveTypes.Int64
	int32Type  = arrow.PrimitiveTypes.Int32
	doubleType = arrow.PrimitiveTypes.Float64
	boolType   = arrow.FixedWidthTypes.Boolean
	timeType   = arrow.FixedWidthTypes.Timestamp_us
	dateType   = arrow.FixedWidthTypes.Date32
	stringList = arrow.ListOfNonNullable(arrow.BinaryTypes.String)
	stringMap  = mapType()
	callList   = arrow.ListOfNonNullable(arrow.StructOf(
		arrow.Field{Name: "id", Type: arrow.BinaryTypes.String},
		arrow.Field{Name: "name", Type: arrow.BinaryTypes.String},
		arrow.Field{Name: "arguments", Type: arrow.BinaryTypes.String},
	))
)

func mapType() arrow.DataType {
	m := arrow.MapOf(arrow.BinaryTypes.String, arrow.BinaryTypes.String)
	m.SetItemNullable(false)
	return m
}

// spanColumns is the spans table, in file order.
var spanColumns = []column{
	{"prompt_name", stringType, true, dict, ColumnDoc{Meaning: "prompt that produced the call"}},
	{"prompt_version", stringType, true, dict, ColumnDoc{Meaning: "version of that prompt"}},
	{"date", dateType, true, dict, ColumnDoc{Meaning: "day of start_time (UTC); partition"}},
	{"trace_id", stringType, true, bloom, ColumnDoc{Meaning: "trace id, lower-case hex"}},
	{"span_id", stringType, true, bloom, ColumnDoc{Meaning: "span id, lower-case hex"}},
	{"parent_span_id", stringType, false, plain, ColumnDoc{Meaning: "parent's span id, lower-case hex"}},
	{"start_time", timeType, true, delta, ColumnDoc{Unit: "UTC", Meaning: "start, to the microsecond"}},
	{"start_unix_nano", int64Type, true, delta, ColumnDoc{Unit: "ns since 1970", Meaning: "start, exact"}},
	{"duration_ns", int64Type, true, plain, ColumnDoc{Unit: "ns", Meaning: "end minus start"}},
	{"name", stringType, true, dict, ColumnDoc{Meaning: "span name"}},
	{"kind", stringType, true, dict, ColumnDoc{Meaning: "span kind: client, internal, ..."}},
	{"status", stringType, true, dict, ColumnDoc{Meaning: "unset, ok or error"}},
	{"status_message", stringType, false, plain, ColumnDoc{Meaning: "status description"}},
	{"error_type", stringType, false, dict, ColumnDoc{Meaning: "why the call failed; null when it did not"}},
	{"service_name", stringType, false, dict, ColumnDoc{Meaning: "service.name of the resource"}},
	{"environment", stringType, false, dict, ColumnDoc{Meaning: "deployment.environment.name of the resource"}},
	{"session_id", stringType, false, plain, ColumnDoc{Meaning: "conversation or session"}},
	{"user_id", stringType, false, plain, ColumnDoc{Meaning: "end user, as the application names it"}},
	{"call_kind", stringType, true, dict, ColumnDoc{Meaning: "inference, embeddings, rerank, retrieval, tool, agent, workflow, evaluation, prompt or other"}},
	{"counted", boolType, true, plain, ColumnDoc{Meaning: "true on the model call itself, false on wrappers that repeat its usage"}},
	{"operation", stringType, false, dict, ColumnDoc{Meaning: "gen_ai.operation.name"}},
	{"provider", stringType, false, dict, ColumnDoc{Meaning: "gen_ai.provider.name"}},
	{"request_model", stringType, false, dict, ColumnDoc{Meaning: "model that was asked for"}},
	{"response_model", stringType, false, dict, ColumnDoc{Meaning: "model that answered"}},
	{"response_id", stringType, false, plain, ColumnDoc{Meaning: "the provider's id of the answer"}},
	{"system_fingerprint", stringType, false, dict, ColumnDoc{Meaning: "the provider's fingerprint of its backend"}},
	{"params", stringType, false, dict, ColumnDoc{Type: "JSON", Meaning: "request parameters under their OpenTelemetry names"}},
	{"input_tokens", int64Type, false, plain, ColumnDoc{Unit: "tokens", Meaning: "input, cached tokens included"}},
	{"output_tokens", int64Type, false, plain, ColumnDoc{Unit: "tokens", Meaning: "output, reasoning included"}},
	{"cache_read_tokens", int64Type, false, dict, ColumnDoc{Unit: "tokens", Meaning: "input read from a cache"}},
	{"cache_write_tokens", int64Type, false, dict, ColumnDoc{Unit: "tokens", Meaning: "input written to a cache"}},
	{"reasoning_tokens", int64Type, false, dict, ColumnDoc{Unit: "tokens", Meaning: "reasoning within the output"}},
	{"time_to_first_token_ns", int64Type, false, plain, ColumnDoc{Unit: "ns", Meaning: "until the first token of a streamed answer"}},
	{"cost_usd", doubleType, false, plain, ColumnDoc{Unit: "US dollars", Meaning: "cost that the span states or the cost evaluator found"}},
	{"finish_reasons", stringList, true, dict, ColumnDoc{Meaning: "why the model stopped, one a choice, in the provider's words"}},
	{"prompt_hash", stringType, false, dict, ColumnDoc{Meaning: "content hash of the prompt version"}},
	{"prompt_label", stringType, false, dict, ColumnDoc{Meaning: "label under which the prompt was fetched"}},
	{"prompt_resolution", stringType, false, dict, ColumnDoc{Meaning: "rung: explicit, label, hash, template, fingerprint, ambiguous or none"}},
	{"prompt_unresolved_reason", stringType, false, dict, ColumnDoc{Meaning: "why the prompt is unresolved"}},
	{"prompt_variables", stringMap, true, plain, ColumnDoc{Meaning: "values that were rendered into the prompt"}},
	{"tool_versions", stringList, true, dict, ColumnDoc{Meaning: "name@version of each tool offered, in order"}},
	{"toolset_hash", stringType, false, dict, ColumnDoc{Meaning: "hash of the set of tools offered"}},
	{"toolset_completeness", stringType, false, dict, ColumnDoc{Meaning: "full, names_only, absent or truncated"}},
	{"model_hash", stringType, false, dict, ColumnDoc{Meaning: "hash of provider, models, fingerprint and parameters"}},
	{"params_hash", stringType, false, dict, ColumnDoc{Meaning: "hash of the request parameters"}},
	{"variant_id", stringType, false, dict, ColumnDoc{Meaning: "hash of prompt, toolset and model identity"}},
	{"system_instructions", stringType, false, dict, ColumnDoc{Type: "JSON", Meaning: "instructions sent apart from the history: array of parts"}},
	{"input_messages", stringType, false, text, ColumnDoc{Type: "JSON", Meaning: "chat history in the OpenTelemetry shape; in the files null where input_refs hold it"}},
	{"input_refs", stringList, true, dict, ColumnDoc{Meaning: "hashes of the history's messages in order, where the table messages holds them"}},
	{"output_messages", stringType, false, text, ColumnDoc{Type: "JSON", Meaning: "answer in the OpenTelemetry shape"}},
	{"tool_definitions", stringType, false, dict, ColumnDoc{Type: "JSON", Meaning: "tools offered, as the span held them"}},
	{"tool_calls", callList, true, plain, ColumnDoc{Meaning: "tool calls of the answer: id, name, arguments (JSON text)"}},
	{"tool_name", stringType, false, dict, ColumnDoc{Meaning: "tool that a tool span executed"}},
	{"tool_version", stringType, false, dict, ColumnDoc{Meaning: "version of its definition that was live in the trace"}},
	{"input_chars", int32Type, true, plain, ColumnDoc{Unit: "bytes", Meaning: "size of input_messages and system_instructions"}},
	{"output_chars", int32Type, true, plain, ColumnDoc{Unit: "characters", Meaning: "length of the answer's text"}},
	{"tool_call_count", int32Type, true, plain, ColumnDoc{Meaning: "number of tool calls of the answer"}},
	{"is_replay", boolType, true, plain, ColumnDoc{Meaning: "true on replayed calls, which are no production traffic"}},
	{"content_mode", stringType, false, dict, ColumnDoc{Meaning: "full, redacted or hashes: what is stored of texts (docs/privacy.md); null, as full, in files from before there were modes"}},
	{"redactions", int32Type, false, dict, ColumnDoc{Meaning: "number of values that were replaced in the span"}},
	{"late_identity", stringType, false, dict, ColumnDoc{Type: "JSON", Meaning: "columns that other spans of the trace, or log events of the call, filled in, each with what the span itself gave (null for nothing); null when none was"}},
	{"attributes", stringMap, true, plain, ColumnDoc{Meaning: "attributes that have no column of their own; values that are no strings as JSON"}},
	{"attribute_types", stringType, true, dict, ColumnDoc{Meaning: "one letter for each of attributes: string, int, double, bool, json, bytes (y), empty (e)"}},
	{"lifted", int64Type, true, dict, ColumnDoc{Meaning: "bit set of OpenTelemetry attributes that are held by columns only"}},
	{"events", stringType, false, plain, ColumnDoc{Type: "JSON", Meaning: "span events: name, time_unix_nano, attributes; without those that are rows of scores"}},
	{"score_events", int32Type, true, dict, ColumnDoc{Meaning: "number of the span's events that are rows of scores and not repeated in events"}},
	{"scored_unix_nano", int64Type, false, plain, ColumnDoc{Unit: "ns since 1970", Meaning: "time of those events"}},
	{"flat_scores", boolType, true, plain, ColumnDoc{Meaning: "true when the attributes spanloop.eval.<name>.score and .label of those scores are not repeated in attributes"}},
	{"links", stringType, false, plain, ColumnDoc{Type: "JSON", Meaning: "span links: trace_id, span_id, attributes"}},
	{"trace_state", stringType, false, dict, ColumnDoc{Meaning: "W3C trace state"}},
	{"flags", int32Type, true, dict, ColumnDoc{Meaning: "W3C trace flags"}},
	{"dropped_attributes", int32Type, true, dict, ColumnDoc{Meaning: "attributes that the sender dropped"}},
	{"dropped_events", int32Type, true, dict, ColumnDoc{Meaning: "events that the sender dropped"}},
	{"dropped_links", int32Type, true, dict, ColumnDoc{Meaning: "links that the sender dropped"}},
	{"resource", stringType, false, dict, ColumnDoc{Type: "JSON", Meaning: "resource attributes, schema URL"}},
	{"scope", stringType, false, dict, ColumnDoc{Type: "JSON", Meaning: "instrumentation scope: name, version, attributes, schema URL"}},
	{"otlp", arrow.BinaryTypes.Binary, false, plain, ColumnDoc{Meaning: "the span as OTLP protobuf, only where the columns cannot hold it exactly"}},
}

// scoreColumns is the scores table.
var scoreColumns = []column{
	{"prompt_name", stringType, true, dict, ColumnDoc{Meaning: "prompt of the scored call"}},
	{"prompt_version", stringType, true, dict, ColumnDoc{Meaning: "version of that prompt"}},
	{"date", dateType, true, dict, ColumnDoc{Meaning: "day of time (UTC); partition"}},
	{"trace_id", stringType, true, plain, ColumnDoc{Meaning: "trace id, lower-case hex"}},
	{"span_id", stringType, true, bloom, ColumnDoc{Meaning: "span id of the scored call, lower-case hex"}},
	{"evaluation_id", stringType, false, plain, ColumnDoc{Meaning: "deterministic key of the score; in the files null where it is the first 32 hex digits of SHA-256 over the bytes of trace id and span id, the name, a zero byte and the evaluator's version"}},
	{"name", stringType, true, dict, ColumnDoc{Meaning: "name of the evaluator"}},
	{"value", doubleType, false, plain, ColumnDoc{Meaning: "score; null when the evaluation failed or only labels"}},
	{"label", stringType, false, dict, ColumnDoc{Meaning: "pass, fail, unknown, or the evaluator's own word"}},
	{"explanation", stringType, false, plain, ColumnDoc{Meaning: "why"}},
	{"evaluator_version", stringType, false, dict, ColumnDoc{Meaning: "version of the evaluator; scores of different versions are not comparable"}},
	{"kind", stringType, false, dict, ColumnDoc{Meaning: "code, judge, human or external"}},
	{"range", stringType, false, dict, ColumnDoc{Meaning: "min..max"}},
	{"direction", stringType, false, dict, ColumnDoc{Meaning: "higher, lower (is better) or neutral"}},
	{"sampling_rule", stringType, false, dict, ColumnDoc{Meaning: "rule that chose the call"}},
	{"sampling_probability", doubleType, true, dict, ColumnDoc{Meaning: "probability with which the call was chosen"}},
	{"time", timeType, true, delta, ColumnDoc{Unit: "UTC", Meaning: "when the score was made"}},
	{"time_unix_nano", int64Type, true, delta, ColumnDoc{Unit: "ns since 1970", Meaning: "when the score was made, exact"}},
	{"event", int32Type, false, plain, ColumnDoc{Meaning: "position among the span's events, for a score that the span carried and whose event this row stands for"}},
	{"error_type", stringType, false, dict, ColumnDoc{Meaning: "why the evaluation failed"}},
	{"response_id", stringType, false, plain, ColumnDoc{Meaning: "answer that was scored, when the score names it"}},
}

// promptColumns and toolColumns hold content once for each hash.
var promptColumns = []column{
	{"name", stringType, true, dict, ColumnDoc{Meaning: "prompt"}},
	{"version", stringType, true, dict, ColumnDoc{Meaning: "version"}},
	{"hash", stringType, true, plain, ColumnDoc{Meaning: "content hash"}},
	{"template", stringType, false, text, ColumnDoc{Meaning: "template when the span names it, else the instructions of the first call seen"}},
}

var toolColumns = []column{
	{"name", stringType, true, dict, ColumnDoc{Meaning: "tool"}},
	{"version", stringType, true, dict, ColumnDoc{Meaning: "registered version, or the first 12 hex digits of the hash"}},
	{"hash", stringType, true, plain, ColumnDoc{Meaning: "content hash"}},
	{"definition", stringType, false, text, ColumnDoc{Type: "JSON", Meaning: "the definition that was offered"}},
}

// contentColumns holds content that arrived in log events.
var contentColumns = []column{
	{"date", dateType, true, dict, ColumnDoc{Meaning: "day of time (UTC); partition"}},
	{"trace_id", stringType, true, plain, ColumnDoc{Meaning: "trace id, lower-case hex"}},
	{"span_id", stringType, true, bloom, ColumnDoc{Meaning: "span id, lower-case hex"}},
	{"time_unix_nano", int64Type, true, delta, ColumnDoc{Unit: "ns since 1970", Meaning: "time of the event"}},
	{"position", int32Type, true, plain, ColumnDoc{Meaning: "order among the events of one request, for those of one time"}},
	{"event_id", stringType, true, plain, ColumnDoc{Meaning: "hash of the event, for deduplication"}},
	{"system_instructions", stringType, false, text, ColumnDoc{Type: "JSON", Meaning: "as in spans"}},
	{"input_messages", stringType, false, text, ColumnDoc{Type: "JSON", Meaning: "as in spans"}},
	{"output_messages", stringType, false, text, ColumnDoc{Type: "JSON", Meaning: "as in spans"}},
	{"tool_definitions", stringType, false, dict, ColumnDoc{Type: "JSON", Meaning: "as in spans"}},
	{"tool_calls", callList, true, plain, ColumnDoc{Meaning: "as in spans"}},
	{"output_chars", int32Type, true, plain, ColumnDoc{Unit: "characters", Meaning: "as in spans"}},
	{"identity_id", stringType, false, dict, ColumnDoc{Meaning: "hash of what the event was stamped with, for deduplication: it may be sent again when more is known"}},
	{"prompt_name", stringType, false, dict, ColumnDoc{Meaning: "prompt that the call's events up to this one are made from"}},
	{"prompt_version", stringType, false, dict, ColumnDoc{Meaning: "as in spans"}},
	{"prompt_hash", stringType, false, dict, ColumnDoc{Meaning: "as in spans"}},
	{"prompt_label", stringType, false, dict, ColumnDoc{Meaning: "as in spans"}},
	{"prompt_resolution", stringType, false, dict, ColumnDoc{Meaning: "as in spans; null when no identity processor saw the event"}},
	{"prompt_unresolved_reason", stringType, false, dict, ColumnDoc{Meaning: "as in spans"}},
	{"prompt_variables", stringMap, true, plain, ColumnDoc{Meaning: "as in spans"}},
	{"tool_versions", stringList, true, dict, ColumnDoc{Meaning: "as in spans"}},
	{"toolset_hash", stringType, false, dict, ColumnDoc{Meaning: "as in spans"}},
	{"toolset_completeness", stringType, false, dict, ColumnDoc{Meaning: "as in spans"}},
}

// columnsOf returns the columns of a table.
func columnsOf(table string) []column {
	switch table {
	case TableSpans:
		return spanColumns
	case TableMessages:
		return messageColumns
	case TableScores:
		return scoreColumns
	case TablePrompts:
		return promptColumns
	case TableTools:
		return toolColumns
	case TableContent:
		return contentColumns
	}
	return nil
}

// arrowSchema is the schema of a table.
func arrowSchema(columns []column) *arrow.Schema {
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = arrow.Field{Name: c.name, Type: c.kind, Nullable: !c.required}
	}
	return arrow.NewSchema(fields, nil)
}

// Schema is the Arrow schema of a table as this version writes it; nil for no
// table. Files from before a column was added lack it.
func Schema(table string) *arrow.Schema {
	if columns := columnsOf(table); columns != nil {
		return arrowSchema(columns)
	}
	return nil
}
