// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

// lateIdentityColumn is the column that says what of a row's identity other spans
// of its trace revealed: a JSON object of the columns that were filled in, each
// with what the span itself gave.
const lateIdentityColumn = "late_identity"

// lateNodes are the rows of the traces in which a span may reveal something about
// another one; a trace in which every span says all, or none does, has none. What
// a span says of its prompt is without fingerprints, which stand for no name.
const lateNodes = `
  SELECT trace_id, span_id, parent_span_id, is_replay, start_unix_nano AS began, start_unix_nano + duration_ns AS ended, call_kind, counted,
    session_id, user_id, tool_name, tool_version, tool_versions, toolset_hash, model_hash, params_hash, variant_id,
    CASE WHEN prompt_name NOT IN ('__unresolved__', '__other__')
      AND NOT (prompt_resolution = 'fingerprint' AND starts_with(prompt_name, 'fp-')) THEN prompt_name END AS said_name,
    CASE WHEN prompt_version <> '__none__'
      AND NOT (prompt_resolution = 'fingerprint' AND starts_with(prompt_version, 'fp-')) THEN prompt_version END AS said_version,
    call_kind = 'inference' AND prompt_resolution IN ('none', 'ambiguous', 'fingerprint') AS borrows,
    said_name IS NOT NULL AND call_kind NOT IN ('tool', 'evaluation')
      AND NOT (counted AND call_kind IN ('inference', 'embeddings', 'rerank')) AS mentions,
    mentions AND said_version IS NOT NULL AND prompt_resolution IN ('explicit', 'label', 'hash', 'template') AS lends,
    struct_pack(name := nullif(prompt_name, '__unresolved__'), version := nullif(prompt_version, '__none__'), hash := prompt_hash,
      label := prompt_label, resolution := prompt_resolution, reason := prompt_unresolved_reason, variables := prompt_variables) AS prompt
  FROM spans_files
  WHERE trace_id IN (
    SELECT trace_id FROM spans_files GROUP BY trace_id
    HAVING count(session_id) BETWEEN 1 AND count(*) - 1 OR count(user_id) BETWEEN 1 AND count(*) - 1
      OR bool_or(call_kind = 'tool' AND tool_name IS NOT NULL AND tool_version IS NULL) AND bool_or(toolset_hash IS NOT NULL)
      OR bool_or(call_kind = 'inference' AND prompt_resolution IN ('none', 'ambiguous', 'fingerprint'))
        AND bool_or(prompt_resolution IN ('explicit', 'label', 'hash', 'template') AND call_kind NOT IN ('tool', 'evaluation')
          AND NOT (counted AND call_kind IN ('inference', 'embeddings', 'rerank'))))
  QUALIFY row_number() OVER (PARTITION BY trace_id, span_id ORDER BY start_unix_nano, late_identity) = 1`

// lateOthers are the sessions, users and tool versions. A trace has one session,
// or it is not known which. A tool's version is the only one that the trace
// offered, else the one offered last before the tool ran; of a name that one call
// offers twice neither counts.
const lateOthers = `
people AS (
  SELECT trace_id, is_replay, CASE WHEN min(session_id) = max(session_id) THEN min(session_id) END AS session_id,
    CASE WHEN min(user_id) = max(user_id) THEN min(user_id) END AS user_id
  FROM nodes GROUP BY trace_id, is_replay),
offers AS (
  SELECT trace_id, is_replay, began, tool, any_value(version) AS version
  FROM (SELECT trace_id, span_id, is_replay, began, left(offer, length(offer) - position('@' IN reverse(offer))) AS tool, split_part(offer, '@', -1) AS version
    FROM (SELECT trace_id, span_id, is_replay, began, unnest(list_distinct(tool_versions)) AS offer FROM nodes WHERE call_kind <> 'tool')
    WHERE contains(offer, '@'))
  GROUP BY trace_id, span_id, is_replay, began, tool HAVING count(*) = 1),
tools AS (
  SELECT n.trace_id, n.span_id, CASE WHEN min(o.version) = max(o.version) THEN min(o.version)
    ELSE arg_max(o.version, (o.began, o.version)) FILTER (o.began <= n.began) END AS tool_version
  FROM nodes n JOIN offers o ON o.trace_id = n.trace_id AND o.is_replay = n.is_replay AND o.tool = n.tool_name
  WHERE n.call_kind = 'tool' AND n.tool_version IS NULL
  GROUP BY n.trace_id, n.span_id)`

// latePrompts walk up from each unresolved model call. At every step a span of
// the kind prompt that ended before, beside the way up, comes before the span
// above. The nearest that names a prompt decides, and only if it is clear what it
// names: of several the same, with a version, nothing that contradicts the call,
// and no two calls of different fixed text that would both take it. What a tool,
// an agent or an evaluator asks a model is not what those above them asked.
const latePrompts = `
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
  SELECT trace_id, span_id, arg_max(lender, (began, lender)) FILTER (lends) AS lender
  FROM (FROM named QUALIFY level = min(level) OVER (PARTITION BY trace_id, span_id))
  GROUP BY trace_id, span_id
  HAVING min(said_name) = max(said_name) AND min(said_version) = max(said_version) AND bool_or(lends)),
taken AS (
  SELECT n.trace_id, n.span_id, n.prompt AS own, n.toolset_hash, n.model_hash, n.params_hash, n.variant_id,
    struct_pack(name := p.prompt.name, version := p.prompt.version, hash := p.prompt.hash, label := coalesce(n.prompt.label, p.prompt.label),
      resolution := p.prompt.resolution, reason := p.prompt.reason,
      variables := CASE WHEN cardinality(n.prompt.variables) > 0 THEN n.prompt.variables ELSE p.prompt.variables END) AS prompt
  FROM lent l JOIN nodes n ON n.trace_id = l.trace_id AND n.span_id = l.span_id
  JOIN nodes p ON p.trace_id = l.trace_id AND p.span_id = l.lender
  WHERE coalesce(n.said_name = p.said_name, true) AND coalesce(n.said_version = p.said_version, true)
  WINDOW beside AS (PARTITION BY n.trace_id, l.lender)
  QUALIFY min(n.prompt.hash) FILTER (n.counted) OVER beside IS NOT DISTINCT FROM max(n.prompt.hash) FILTER (n.counted) OVER beside),
prompts_taken AS (
  SELECT trace_id, span_id, own, prompt, variant_id AS own_variant, CASE WHEN variant_id IS NOT NULL THEN
    'sha256:' || sha256('{"model":"' || coalesce(model_hash, '') || '","params":"' || coalesce(params_hash, '') || '","prompt":'
      || to_json(coalesce(prompt.hash, prompt.name || '@' || prompt.version)) || ',"toolset":"' || coalesce(toolset_hash, '') || '"}') END AS variant
  FROM taken)`

// lateView is late_spans: what was filled in, for each row that anything was.
const lateView = `
CREATE OR REPLACE VIEW late_spans AS
WITH RECURSIVE nodes AS MATERIALIZED (` + lateNodes + `),` + lateOthers + `,` + latePrompts + `,
late AS (
  SELECT n.trace_id, n.span_id, CASE WHEN n.session_id IS NULL THEN a.session_id END AS session_id,
    CASE WHEN n.user_id IS NULL THEN a.user_id END AS user_id, t.tool_version, p.own, p.prompt, p.own_variant, p.variant
  FROM nodes n
  LEFT JOIN people a ON a.trace_id = n.trace_id AND a.is_replay = n.is_replay
  LEFT JOIN tools t ON t.trace_id = n.trace_id AND t.span_id = n.span_id
  LEFT JOIN prompts_taken p ON p.trace_id = n.trace_id AND p.span_id = n.span_id
  WHERE n.session_id IS NULL AND a.session_id IS NOT NULL OR n.user_id IS NULL AND a.user_id IS NOT NULL
    OR t.tool_version IS NOT NULL OR p.prompt IS NOT NULL)
SELECT trace_id, span_id, session_id, user_id, tool_version, prompt, variant, concat_ws(',',
  CASE WHEN session_id IS NOT NULL THEN '"session_id":null' END,
  CASE WHEN user_id IS NOT NULL THEN '"user_id":null' END,
  CASE WHEN own.name IS DISTINCT FROM prompt.name THEN '"prompt_name":' || coalesce(CAST(to_json(own.name) AS VARCHAR), 'null') END,
  CASE WHEN own.version IS DISTINCT FROM prompt.version THEN '"prompt_version":' || coalesce(CAST(to_json(own.version) AS VARCHAR), 'null') END,
  CASE WHEN own.hash IS DISTINCT FROM prompt.hash THEN '"prompt_hash":' || coalesce(CAST(to_json(own.hash) AS VARCHAR), 'null') END,
  CASE WHEN own.label IS DISTINCT FROM prompt.label THEN '"prompt_label":' || coalesce(CAST(to_json(own.label) AS VARCHAR), 'null') END,
  CASE WHEN own.resolution IS DISTINCT FROM prompt.resolution THEN '"prompt_resolution":' || coalesce(CAST(to_json(own.resolution) AS VARCHAR), 'null') END,
  CASE WHEN own.reason IS DISTINCT FROM prompt.reason THEN '"prompt_unresolved_reason":' || coalesce(CAST(to_json(own.reason) AS VARCHAR), 'null') END,
  CASE WHEN own.variables IS DISTINCT FROM prompt.variables THEN '"prompt_variables":null' END,
  CASE WHEN own_variant IS DISTINCT FROM variant THEN '"variant_id":' || coalesce(CAST(to_json(own_variant) AS VARCHAR), 'null') END,
  CASE WHEN tool_version IS NOT NULL THEN '"tool_version":null' END) AS before
FROM late;
`

// latePromptRows are the spans whose prompt another span named.
const latePromptRows = `SELECT trace_id, span_id, any_value(prompt_name) AS prompt_name, any_value(prompt_version) AS prompt_version
FROM (SELECT trace_id, span_id, prompt.name AS prompt_name, prompt.version AS prompt_version FROM late_rows WHERE prompt IS NOT NULL
  UNION ALL
  SELECT trace_id, span_id, prompt_name, prompt_version FROM spans_files WHERE late_identity IS NOT NULL AND contains(late_identity, '"prompt_resolution":'))
GROUP BY trace_id, span_id`

// filledViews show the rows with what was filled in. A score has the prompt of
// its span. late_rows and late_prompts are what programs may keep in tables:
// they are small, and making them is most of the cost.
const filledViews = `
CREATE OR REPLACE VIEW late_rows AS SELECT * FROM late_spans;

CREATE OR REPLACE VIEW late_prompts AS
` + latePromptRows + `;

CREATE OR REPLACE VIEW lean_spans AS
SELECT s.* REPLACE (
  coalesce(s.session_id, l.session_id) AS session_id,
  coalesce(s.user_id, l.user_id) AS user_id,
  coalesce(s.tool_version, l.tool_version) AS tool_version,
  CASE WHEN l.prompt IS NULL THEN s.prompt_name ELSE l.prompt.name END AS prompt_name,
  CASE WHEN l.prompt IS NULL THEN s.prompt_version ELSE l.prompt.version END AS prompt_version,
  CASE WHEN l.prompt IS NULL THEN s.prompt_hash ELSE l.prompt.hash END AS prompt_hash,
  CASE WHEN l.prompt IS NULL THEN s.prompt_label ELSE l.prompt.label END AS prompt_label,
  CASE WHEN l.prompt IS NULL THEN s.prompt_resolution ELSE l.prompt.resolution END AS prompt_resolution,
  CASE WHEN l.prompt IS NULL THEN s.prompt_unresolved_reason ELSE l.prompt.reason END AS prompt_unresolved_reason,
  CASE WHEN l.prompt IS NULL THEN s.prompt_variables ELSE l.prompt.variables END AS prompt_variables,
  CASE WHEN l.prompt IS NULL THEN s.variant_id ELSE l.variant END AS variant_id,
  CASE WHEN l.before IS NULL THEN s.late_identity
    ELSE '{' || concat_ws(',', substr(s.late_identity, 2, length(s.late_identity) - 2), l.before) || '}' END AS late_identity)
FROM received_spans s LEFT JOIN late_rows l ON s.trace_id = l.trace_id AND s.span_id = l.span_id;
`

// LateTables are statements that keep what the views fill in in tables, which have
// no rows until LateRows are put into them.
var LateTables = []string{
	"DROP VIEW late_prompts", "DROP VIEW late_rows",
	`CREATE TABLE late_rows (trace_id VARCHAR, span_id VARCHAR, session_id VARCHAR, user_id VARCHAR, tool_version VARCHAR,
  prompt STRUCT("name" VARCHAR, "version" VARCHAR, hash VARCHAR, label VARCHAR, resolution VARCHAR, reason VARCHAR, variables MAP(VARCHAR, VARCHAR)),
  variant VARCHAR, before VARCHAR)`,
	"CREATE TABLE late_prompts (trace_id VARCHAR, span_id VARCHAR, prompt_name VARCHAR, prompt_version VARCHAR)",
}

// LateRows fill the tables of LateTables, anew.
var LateRows = []string{
	"DELETE FROM memory.main.late_rows", "DELETE FROM memory.main.late_prompts",
	"INSERT INTO memory.main.late_rows SELECT * FROM memory.main.late_spans",
	"INSERT INTO memory.main.late_prompts " + latePromptRows,
}
