// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

// What log events say of the prompt and the tools of their call, by the rules of
// lateidentity.Tell: each was stamped from the events of its call that came so far.

// toldView is told_spans: of the events of the highest rung the prompt with most
// variables, if they name one only, and the tools, if there is one set only. Of spans
// that say all themselves, most of them, no event is looked at.
const toldView = `
CREATE OR REPLACE VIEW told_spans AS
SELECT trace_id, span_id,
  CASE WHEN min(prompt.name) FILTER (rank = top) IS NOT DISTINCT FROM max(prompt.name) FILTER (rank = top)
      AND min(prompt.version) FILTER (rank = top) IS NOT DISTINCT FROM max(prompt.version) FILTER (rank = top)
    THEN arg_max(prompt, (cardinality(prompt.variables), made, event_id, identity_id)) FILTER (rank = top) END AS told_by_events,
  CASE WHEN min(tools.hash) = max(tools.hash) THEN arg_max(tools, (made, event_id, identity_id)) FILTER (tools.hash IS NOT NULL) END AS tools_by_events,
  count(rank) > 0 AS events_name, count(tools.hash) > 0 AS events_offer
FROM (SELECT *, max(rank) OVER (PARTITION BY trace_id, span_id) AS top
  FROM (SELECT trace_id, span_id, time_unix_nano AS made, event_id, identity_id,
      CASE WHEN prompt_resolution IN ('explicit', 'label', 'hash', 'template') THEN 3 WHEN prompt_resolution = 'ambiguous' THEN 2
        WHEN prompt_resolution = 'fingerprint' THEN 1 END AS rank,
      struct_pack(name := prompt_name, version := prompt_version, hash := prompt_hash, label := prompt_label, resolution := prompt_resolution,
        reason := prompt_unresolved_reason, variables := prompt_variables) AS prompt,
      struct_pack(versions := tool_versions, hash := toolset_hash, completeness := toolset_completeness) AS tools
    FROM content_files c SEMI JOIN (
      SELECT trace_id, span_id, prompt_resolution = 'none' AS lacks_prompt, toolset_hash IS NULL AS lacks_tools, late_identity IS NOT NULL AS filled
      FROM spans_files WHERE call_kind <> 'tool') s
    ON c.trace_id = s.trace_id AND c.span_id = s.span_id
      AND (s.filled OR s.lacks_prompt AND c.prompt_resolution <> 'none' OR s.lacks_tools AND c.toolset_hash IS NOT NULL)
    WHERE prompt_resolution IS NOT NULL))
GROUP BY trace_id, span_id;
`

// lateToldTraces are the traces of which events may say something that rows do not
// hold, or said what they hold.
const lateToldTraces = `
      UNION ALL
        SELECT trace_id FROM spans_files JOIN told_spans USING (trace_id, span_id)
        WHERE call_kind <> 'tool' AND (told_by_events IS NOT NULL AND prompt_resolution = 'none' OR tools_by_events IS NOT NULL AND toolset_hash IS NULL
          OR contains(late_identity, '"prompt_resolution":') OR contains(late_identity, '"toolset_hash":'))`

// completed are rows of spans with what each gave (own) completed by what its events
// say: its prompt when it has no content that could say it, and tools of which it
// says nothing.
func completed(rows string) string {
	return `SELECT *, struct_pack(session_id := given.session_id, user_id := given.user_id, tool_version := given.tool_version,
      variant_id := CASE WHEN told_prompt OR told_tools THEN ` + lateVariant("given.variant_id", "said_prompt", "said_tools.hash") + ` ELSE given.variant_id END,
      prompt := said_prompt, tools := said_tools) AS own
  FROM (SELECT *, CASE WHEN told_prompt THEN struct_pack(name := coalesce(told_by_events.name, given.prompt.name),
        version := coalesce(told_by_events.version, given.prompt.version), hash := coalesce(told_by_events.hash, given.prompt.hash),
        label := coalesce(given.prompt.label, told_by_events.label), resolution := told_by_events.resolution, reason := told_by_events.reason,
        variables := CASE WHEN cardinality(given.prompt.variables) > 0 THEN given.prompt.variables ELSE told_by_events.variables END)
      ELSE given.prompt END AS said_prompt,
    CASE WHEN told_tools THEN tools_by_events ELSE given.tools END AS said_tools
  FROM (SELECT *,
    coalesce(told_by_events IS NOT NULL AND call_kind <> 'tool' AND given.prompt.resolution = 'none'
      AND given.prompt.reason IS DISTINCT FROM 'no_match' AND given.prompt.reason IS DISTINCT FROM 'not_a_call'
      AND coalesce(given.prompt.name = told_by_events.name, true) AND coalesce(given.prompt.version = told_by_events.version, true), false) AS told_prompt,
    coalesce(tools_by_events IS NOT NULL AND call_kind <> 'tool' AND given.tools.hash IS NULL, false) AS told_tools,
    coalesce(events_name, false) AS events_told, coalesce(events_offer, false) AS events_offered
  FROM (` + rows + `) LEFT JOIN told_spans USING (trace_id, span_id)))`
}
