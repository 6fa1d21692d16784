// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"fmt"
	"strings"
)

// lateIdentityColumn is the column that says what of a row's identity other spans
// of its trace, or log events of its own, revealed: a JSON object of the columns that were filled in, each
// with what the span itself gave.
const lateIdentityColumn = "late_identity"

// ownColumn is what a span itself gave of a column, where a row holds what was
// filled in.
func ownColumn(column, stored string) string {
	return fmt.Sprintf(`CASE WHEN contains(late_identity, '"%s":') THEN late_identity ->> '%s' ELSE %s END`, column, column, stored)
}

// lateStored and lateOwn are what rows hold in the columns that are filled in, and
// what their spans gave.
const lateStored = `struct_pack(session_id := session_id, user_id := user_id, tool_version := tool_version, variant_id := variant_id,
      prompt := struct_pack(name := nullif(prompt_name, '__unresolved__'), version := nullif(prompt_version, '__none__'), hash := prompt_hash,
        label := prompt_label, resolution := prompt_resolution, reason := prompt_unresolved_reason, variables := prompt_variables),
      tools := struct_pack(versions := tool_versions, hash := toolset_hash, completeness := toolset_completeness))`

var lateOwn = fmt.Sprintf(`struct_pack(session_id := %s, user_id := %s, tool_version := %s, variant_id := %s,
      prompt := struct_pack(name := %s, version := %s, hash := %s, label := %s, resolution := %s, reason := %s,
        variables := CASE WHEN contains(late_identity, '"prompt_variables":') THEN MAP {} ELSE prompt_variables END),
      tools := struct_pack(versions := CASE WHEN contains(late_identity, '"tool_versions":') THEN [] ELSE tool_versions END, hash := %s, completeness := %s))`,
	ownColumn("session_id", "session_id"), ownColumn("user_id", "user_id"), ownColumn("tool_version", "tool_version"),
	ownColumn("variant_id", "variant_id"), ownColumn("prompt_name", "nullif(prompt_name, '__unresolved__')"),
	ownColumn("prompt_version", "nullif(prompt_version, '__none__')"), ownColumn("prompt_hash", "prompt_hash"),
	ownColumn("prompt_label", "prompt_label"), ownColumn("prompt_resolution", "prompt_resolution"),
	ownColumn("prompt_unresolved_reason", "prompt_unresolved_reason"), ownColumn("toolset_hash", "toolset_hash"),
	ownColumn("toolset_completeness", "toolset_completeness"))

// lateNodes are the rows of the traces in which a span, or a log event, may reveal
// something about another one: a trace in which every span says all, or none does,
// has none, and neither has one whose rows hold already what their spans reveal,
// unless several spans say something different. What a span says of its prompt is
// without fingerprints, which stand for no name.
func lateNodes(content bool) string {
	source := "SELECT *, given AS own, false AS events_told, false AS events_offered FROM (" + nodeRows("") + ")"
	if content {
		source = completed(nodeRows(lateToldTraces))
	}
	return `
  SELECT * EXCLUDE (prompt_resolution), own.session_id AS session_id, own.user_id AS user_id, own.prompt AS prompt,
    CASE WHEN own.prompt.name <> '__other__'
      AND NOT (own.prompt.resolution = 'fingerprint' AND starts_with(own.prompt.name, 'fp-')) THEN own.prompt.name END AS said_name,
    CASE WHEN NOT (own.prompt.resolution = 'fingerprint' AND starts_with(own.prompt.version, 'fp-')) THEN own.prompt.version END AS said_version,
    call_kind = 'inference' AND own.prompt.resolution IN ('none', 'ambiguous', 'fingerprint') AS borrows,
    borrows AND NOT events_told AND own.prompt IS DISTINCT FROM stored.prompt AS keeps,
    ` + lateVariant("own.variant_id", "stored.prompt", "own.tools.hash") + ` AS kept_variant,
    said_name IS NOT NULL AND call_kind NOT IN ('tool', 'evaluation')
      AND NOT (counted AND call_kind IN ('inference', 'embeddings', 'rerank')) AS mentions,
    mentions AND said_version IS NOT NULL AND own.prompt.resolution IN ('explicit', 'label', 'hash', 'template') AS lends
  FROM (` + source + `)`
}

// nodeRows are the rows of those traces and of others, one a span, each with what it
// holds and what its span gave.
func nodeRows(others string) string {
	return `SELECT trace_id, span_id, parent_span_id, is_replay, start_unix_nano AS began, start_unix_nano + duration_ns AS ended, call_kind, counted,
      tool_name, model_hash, params_hash, prompt_resolution,
      ` + lateStored + ` AS stored,
      ` + lateOwn + ` AS given
    FROM spans_files
    WHERE trace_id IN (
      SELECT trace_id FROM spans_files LEFT JOIN retold ON retold.tool = tool_name AND call_kind = 'tool' GROUP BY trace_id
      HAVING count(session_id) BETWEEN 1 AND count(*) - 1 OR count(user_id) BETWEEN 1 AND count(*) - 1
        OR bool_or(call_kind = 'tool' AND tool_name IS NOT NULL AND tool_version IS NULL) AND bool_or(toolset_hash IS NOT NULL)
        OR bool_or(call_kind = 'inference' AND prompt_resolution IN ('none', 'ambiguous', 'fingerprint'))
          AND bool_or(prompt_resolution IN ('explicit', 'label', 'hash', 'template') AND call_kind NOT IN ('tool', 'evaluation')
            AND NOT (counted AND call_kind IN ('inference', 'embeddings', 'rerank')))
        OR count(retold.tool) > 0 AND min(hash(tool_versions)) FILTER (` + offersTools + `) <> max(hash(tool_versions)) FILTER (` + offersTools + `)
        OR bool_or(late_identity IS NOT NULL) AND (min(session_id) <> max(session_id) OR min(user_id) <> max(user_id)
          OR bool_or(contains(late_identity, '"prompt_resolution":')) AND count(*) FILTER (prompt_name NOT IN ('__unresolved__', '__other__')
            AND call_kind NOT IN ('tool', 'evaluation') AND NOT (counted AND call_kind IN ('inference', 'embeddings', 'rerank'))) > 1)` + others + `)
    QUALIFY row_number() OVER (PARTITION BY trace_id, span_id ORDER BY start_unix_nano, late_identity) = 1`
}

// offersTools holds for spans that offer tools to a model.
const offersTools = `call_kind <> 'tool' AND len(tool_versions) > 0`

// lateRetold are the tools of which there are several versions. Only where a trace
// has one of them can what a tool's span was stamped with be another version than
// its trace reveals: that of the calls which had arrived by then.
const lateRetold = `
  SELECT tool FROM (
    SELECT DISTINCT left(offer, length(offer) - position('@' IN reverse(offer))) AS tool, offer
    FROM (SELECT unnest(tool_versions) AS offer FROM (SELECT DISTINCT tool_versions FROM spans_files WHERE ` + offersTools + `
      UNION ALL SELECT DISTINCT tool_versions FROM content_files))
    WHERE contains(offer, '@'))
  GROUP BY tool HAVING count(*) > 1`

// lateOthers are the sessions, users and tool versions. A trace has one session,
// or it is not known which. A tool's version is the only one that the trace
// offered, else the one offered last before the tool ran; of a name that one call
// offers twice neither counts. Where the trace offered several, that goes before
// what the tool's span was stamped with when not all of its calls were known.
const lateOthers = `
people AS (
  SELECT trace_id, is_replay, CASE WHEN min(session_id) = max(session_id) THEN min(session_id) END AS session_id,
    CASE WHEN min(user_id) = max(user_id) THEN min(user_id) END AS user_id, count(session_id) AS sessions, count(user_id) AS users,
    bool_or(events_offered) AS events_offered
  FROM nodes GROUP BY trace_id, is_replay),
offers AS (
  SELECT trace_id, is_replay, began, tool, any_value(version) AS version
  FROM (SELECT trace_id, span_id, is_replay, began, left(offer, length(offer) - position('@' IN reverse(offer))) AS tool, split_part(offer, '@', -1) AS version
    FROM (SELECT trace_id, span_id, is_replay, began, unnest(list_distinct(own.tools.versions)) AS offer FROM nodes WHERE call_kind <> 'tool')
    WHERE contains(offer, '@'))
  GROUP BY trace_id, span_id, is_replay, began, tool HAVING count(*) = 1),
tools AS (
  SELECT n.trace_id, n.span_id, CASE WHEN min(o.version) = max(o.version) THEN coalesce(any_value(n.own.tool_version), min(o.version))
    ELSE coalesce(arg_max(o.version, (o.began, o.version)) FILTER (o.began <= n.began), any_value(n.own.tool_version)) END AS tool_version
  FROM nodes n JOIN offers o ON o.trace_id = n.trace_id AND o.is_replay = n.is_replay AND o.tool = n.tool_name
  WHERE n.call_kind = 'tool'
  GROUP BY n.trace_id, n.span_id)`

// latePrompts walk up from each unresolved model call. At every step a span of
// the kind prompt that ended before, beside the way up, comes before the span
// above. The nearest that names a prompt decides, and only if it is clear what it
// names: of several the same, with a version, nothing that contradicts the call,
// and no two calls of different fixed text that would both take it. What a tool,
// an agent or an evaluator asks a model is not what those above them asked.
var latePrompts = `
walk AS (
  SELECT trace_id, span_id, is_replay, parent_span_id AS up, began, 0 AS depth FROM nodes WHERE borrows AND parent_span_id IS NOT NULL
  UNION ALL
  SELECT w.trace_id, w.span_id, w.is_replay, n.parent_span_id, n.began, w.depth + 1
  FROM walk w JOIN nodes n ON n.trace_id = w.trace_id AND n.span_id = w.up AND n.is_replay = w.is_replay
  WHERE w.depth < 63 AND n.parent_span_id IS NOT NULL AND NOT n.mentions AND n.call_kind NOT IN ('tool', 'evaluation', 'agent')),
named AS (
  SELECT w.trace_id, w.span_id, 2 * w.depth AS level, n.span_id AS lender, n.began, n.lends, n.said_name, n.said_version
  FROM walk w JOIN nodes n ON n.trace_id = w.trace_id AND n.parent_span_id = w.up AND n.is_replay = w.is_replay
  WHERE n.mentions AND n.call_kind = 'prompt' AND n.ended <= w.began
  UNION ALL
  SELECT w.trace_id, w.span_id, 2 * w.depth + 1, n.span_id, n.began, n.lends, n.said_name, n.said_version
  FROM walk w JOIN nodes n ON n.trace_id = w.trace_id AND n.span_id = w.up AND n.is_replay = w.is_replay
  WHERE n.mentions AND n.span_id <> w.span_id),
lent AS (
  SELECT trace_id, span_id, CASE WHEN min(said_name) = max(said_name) AND min(said_version) = max(said_version)
    THEN arg_max(lender, (began, lender)) FILTER (lends) END AS lender
  FROM (FROM named QUALIFY level = min(level) OVER (PARTITION BY trace_id, span_id))
  GROUP BY trace_id, span_id),
taken AS (
  SELECT n.trace_id, n.span_id, n.own.tools.hash AS toolset_hash, n.model_hash, n.params_hash, n.own.variant_id AS variant_id,
    struct_pack(name := p.prompt.name, version := p.prompt.version, hash := p.prompt.hash, label := coalesce(n.prompt.label, p.prompt.label),
      resolution := p.prompt.resolution, reason := p.prompt.reason,
      variables := CASE WHEN cardinality(n.prompt.variables) > 0 THEN n.prompt.variables ELSE p.prompt.variables END) AS prompt
  FROM lent l JOIN nodes n ON n.trace_id = l.trace_id AND n.span_id = l.span_id
  JOIN nodes p ON p.trace_id = l.trace_id AND p.span_id = l.lender
  WHERE coalesce(n.said_name = p.said_name, true) AND coalesce(n.said_version = p.said_version, true)
  WINDOW beside AS (PARTITION BY n.trace_id, l.lender)
  QUALIFY min(n.prompt.hash) FILTER (n.counted) OVER beside IS NOT DISTINCT FROM max(n.prompt.hash) FILTER (n.counted) OVER beside),
prompts_taken AS (
  SELECT trace_id, span_id, prompt, ` + lateVariant("variant_id", "prompt", "toolset_hash") + ` AS variant_id
  FROM taken)`

// lateVariant is a call's variant with a prompt and a toolset; none for a span that
// has none.
func lateVariant(own, prompt, toolset string) string {
	return fmt.Sprintf(`CASE WHEN %[3]s IS NOT NULL THEN
    'sha256:' || sha256('{"model":' || to_json(coalesce(model_hash, '')) || ',"params":' || to_json(coalesce(params_hash, '')) || ',"prompt":'
      || to_json(coalesce(%[1]s.hash, %[1]s.name || '@' || coalesce(%[1]s.version, ''), '')) || ',"toolset":' || to_json(coalesce(%[2]s, '')) || '}') END`,
		prompt, toolset, own)
}

// lateView is late_spans: what rows are to hold that do not hold it. What was
// written into a row stays where no span is left that tells.
func lateView(content bool) string {
	told := ""
	if content {
		told = toldView
	}
	return told + `
CREATE OR REPLACE VIEW late_spans AS
WITH RECURSIVE retold AS (` + lateRetold + `),
nodes AS MATERIALIZED (` + lateNodes(content) + `),` + lateOthers + `,` + latePrompts + `,
late AS (
  SELECT n.trace_id, n.span_id, n.given AS own, n.stored, struct_pack(
    session_id := coalesce(n.session_id, CASE WHEN a.sessions = 0 THEN n.stored.session_id ELSE a.session_id END),
    user_id := coalesce(n.user_id, CASE WHEN a.users = 0 THEN n.stored.user_id ELSE a.user_id END),
    tool_version := CASE WHEN t.span_id IS NOT NULL THEN t.tool_version WHEN a.events_offered THEN n.own.tool_version ELSE n.stored.tool_version END,
    variant_id := CASE WHEN p.span_id IS NOT NULL THEN p.variant_id WHEN d.span_id IS NULL AND n.keeps THEN n.kept_variant ELSE n.own.variant_id END,
    prompt := CASE WHEN p.span_id IS NOT NULL THEN p.prompt WHEN d.span_id IS NULL AND n.keeps THEN n.stored.prompt ELSE n.own.prompt END,
    tools := n.own.tools) AS final
  FROM nodes n
  LEFT JOIN people a ON a.trace_id = n.trace_id AND a.is_replay = n.is_replay
  LEFT JOIN tools t ON t.trace_id = n.trace_id AND t.span_id = n.span_id
  LEFT JOIN lent d ON d.trace_id = n.trace_id AND d.span_id = n.span_id
  LEFT JOIN prompts_taken p ON p.trace_id = n.trace_id AND p.span_id = n.span_id)
SELECT trace_id, span_id, final.session_id AS session_id, final.user_id AS user_id, final.tool_version AS tool_version,
  final.variant_id AS variant_id, final.prompt AS prompt, final.tools AS tools, nullif('{' || concat_ws(',',
` + lateMarker() + `) || '}', '{}') AS late_identity
FROM late WHERE final IS DISTINCT FROM stored;
`
}

// lateMarker are the pairs of late_identity.
func lateMarker() string {
	var pairs []string
	for _, c := range []struct{ column, field string }{
		{"session_id", "session_id"}, {"user_id", "user_id"}, {"prompt_name", "prompt.name"}, {"prompt_version", "prompt.version"},
		{"prompt_hash", "prompt.hash"}, {"prompt_label", "prompt.label"}, {"prompt_resolution", "prompt.resolution"},
		{"prompt_unresolved_reason", "prompt.reason"}, {"prompt_variables", "prompt.variables"}, {"variant_id", "variant_id"}, {"tool_version", "tool_version"},
		{"tool_versions", "tools.versions"}, {"toolset_hash", "tools.hash"}, {"toolset_completeness", "tools.completeness"},
	} {
		value := fmt.Sprintf("coalesce(CAST(to_json(own.%s) AS VARCHAR), 'null')", c.field)
		if strings.HasSuffix(c.field, "s") {
			// Lists are filled in where there are none only.
			value = "'null'"
		}
		pairs = append(pairs, fmt.Sprintf(`  CASE WHEN own.%[1]s IS DISTINCT FROM final.%[1]s THEN '"%[2]s":' || %[3]s END`, c.field, c.column, value))
	}
	return strings.Join(pairs, ",\n")
}

// latePromptRows are the spans whose prompt another span named.
const latePromptRows = `SELECT trace_id, span_id, any_value(prompt_name) AS prompt_name, any_value(prompt_version) AS prompt_version
FROM (SELECT trace_id, span_id, prompt.name AS prompt_name, prompt.version AS prompt_version FROM late_rows WHERE contains(late_identity, '"prompt_resolution":')
  UNION ALL
  SELECT trace_id, span_id, nullif(prompt_name, '__unresolved__'), nullif(prompt_version, '__none__')
  FROM spans_files ANTI JOIN late_rows USING (trace_id, span_id)
  WHERE contains(late_identity, '"prompt_resolution":'))
GROUP BY trace_id, span_id`

// filledViews show the rows with what was filled in. A score has the prompt of
// its span. late_rows and late_prompts are what programs may keep in tables:
// they are small, and making them is most of the cost.
var filledViews = `
CREATE OR REPLACE VIEW late_rows AS SELECT * FROM late_spans;

CREATE OR REPLACE VIEW late_prompts AS
` + latePromptRows + `;

CREATE OR REPLACE VIEW lean_spans AS
SELECT s.* REPLACE (
` + filledColumns() + `)
FROM received_spans s LEFT JOIN late_rows l ON s.trace_id = l.trace_id AND s.span_id = l.span_id;
`

// filledColumns are the columns with what was filled in.
func filledColumns() string {
	var columns []string
	for _, c := range []struct{ column, late string }{
		{"session_id", "l.session_id"}, {"user_id", "l.user_id"}, {"tool_version", "l.tool_version"},
		{"prompt_name", "nullif(l.prompt.name, '__other__')"}, {"prompt_version", "l.prompt.version"}, {"prompt_hash", "l.prompt.hash"},
		{"prompt_label", "l.prompt.label"}, {"prompt_resolution", "l.prompt.resolution"}, {"prompt_unresolved_reason", "l.prompt.reason"},
		{"prompt_variables", "l.prompt.variables"}, {"variant_id", "l.variant_id"},
		{"tool_versions", "l.tools.versions"}, {"toolset_hash", "l.tools.hash"}, {"toolset_completeness", "l.tools.completeness"}, {"late_identity", "l.late_identity"},
	} {
		columns = append(columns, fmt.Sprintf("  CASE WHEN l.span_id IS NULL THEN s.%s ELSE %s END AS %s", c.column, c.late, c.column))
	}
	return strings.Join(columns, ",\n")
}

// LateTables are statements that keep what the views fill in in tables, which have
// no rows until LateRows are put into them.
var LateTables = []string{
	"DROP VIEW late_prompts", "DROP VIEW late_rows",
	`CREATE TABLE late_rows (trace_id VARCHAR, span_id VARCHAR, session_id VARCHAR, user_id VARCHAR, tool_version VARCHAR, variant_id VARCHAR,
  prompt STRUCT("name" VARCHAR, "version" VARCHAR, hash VARCHAR, label VARCHAR, resolution VARCHAR, reason VARCHAR, variables MAP(VARCHAR, VARCHAR)),
  tools STRUCT(versions VARCHAR[], hash VARCHAR, completeness VARCHAR),
  late_identity VARCHAR)`,
	"CREATE TABLE late_prompts (trace_id VARCHAR, span_id VARCHAR, prompt_name VARCHAR, prompt_version VARCHAR)",
}

// LateRows fill the tables of LateTables, anew.
var LateRows = []string{
	"DELETE FROM memory.main.late_rows", "DELETE FROM memory.main.late_prompts",
	"INSERT INTO memory.main.late_rows SELECT * FROM memory.main.late_spans",
	"INSERT INTO memory.main.late_prompts " + latePromptRows,
}
