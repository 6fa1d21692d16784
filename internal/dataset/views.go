// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/spanloop/spanloop/internal/dataset/store"
)

// derived are columns that views add or rename.
var viewDocs = map[string][]ColumnDoc{
	TablePrompts: {
		{Name: "first_seen", Type: "TIMESTAMP", Unit: "UTC", Meaning: "start of the first call with this version"},
		{Name: "last_seen", Type: "TIMESTAMP", Unit: "UTC", Meaning: "start of the latest call with this version"},
	},
	TableTools: {
		{Name: "first_seen", Type: "TIMESTAMP", Unit: "UTC", Meaning: "start of the first call that was offered this version"},
		{Name: "last_seen", Type: "TIMESTAMP", Unit: "UTC", Meaning: "start of the latest call that was offered this version"},
	},
}

// partitionColumns are those that the view messages, which shows a message once,
// is without.
var partitionColumns = []string{"prompt_name", "prompt_version", "date"}

// Columns describes the columns of each view.
func Columns() map[string][]ColumnDoc {
	docs := map[string][]ColumnDoc{}
	for _, table := range []string{TableSpans, TableMessages, TableScores, TablePrompts, TableTools} {
		for _, c := range columnsOf(table) {
			if table == TableMessages && slices.Contains(partitionColumns, c.name) {
				continue
			}
			doc := c.doc
			doc.Name = c.name
			if doc.Type == "" {
				doc.Type = duckType(c.kind)
			}
			docs[table] = append(docs[table], doc)
		}
		docs[table] = append(docs[table], viewDocs[table]...)
	}
	return docs
}

// duckType is DuckDB's name of a column's type.
func duckType(kind arrow.DataType) string {
	switch kind.ID() {
	case arrow.STRING:
		return "VARCHAR"
	case arrow.INT64:
		return "BIGINT"
	case arrow.INT32:
		return "INTEGER"
	case arrow.FLOAT64:
		return "DOUBLE"
	case arrow.BOOL:
		return "BOOLEAN"
	case arrow.TIMESTAMP:
		return "TIMESTAMP"
	case arrow.DATE32:
		return "DATE"
	case arrow.BINARY:
		return "BLOB"
	case arrow.MAP:
		return "MAP(VARCHAR, VARCHAR)"
	case arrow.LIST:
		if kind == callList {
			return "STRUCT(id VARCHAR, \"name\" VARCHAR, arguments VARCHAR)[]"
		}
		return "VARCHAR[]"
	}
	return "VARCHAR"
}

var globSigns = strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]", `\`, "[Z-^]")

// GlobLiteral makes a path stand for itself in DuckDB's globs. DuckDB splits at
// a backslash, so that one is matched by the range around it.
func GlobLiteral(path string) string { return globSigns.Replace(path) }

// viewsFile is views.sql: the same for the folder in which DuckDB is started, or
// for the URL of an object store.
func viewsFile(ctx context.Context, s store.Store) (string, error) {
	where, prefix := "started in this folder", ""
	if _, remote := s.(*store.Bucket); remote {
		// DuckDB's extension for Azure knows the scheme az only.
		root := s.Root()
		if rest, azure := strings.CutPrefix(root, "azblob://"); azure {
			root = "az://" + rest
		}
		where, prefix = "with the extension httpfs or azure", GlobLiteral(root)+"/"
	}
	views, err := viewsOver(ctx, s, prefix, nil)
	return fmt.Sprintf("%s%d), for any DuckDB %s.\n\n%s", viewsHead, Format, where, views.SQL(nil)), err
}

// viewsHead begins views.sql, before the number of the format.
const viewsHead = "-- Views over a Spanloop dataset (format "

// ofNewerFormat tells that a later version wrote views.sql, for the files that it
// wrote.
func ofNewerFormat(views []byte) bool {
	rest, ours := strings.CutPrefix(string(views), viewsHead)
	number, _, closed := strings.Cut(rest, ")")
	format, err := strconv.Atoi(number)
	return ours && closed && err == nil && format > Format
}

// viewsTries bounds how often views.sql is written when others write it too.
const viewsTries = 4

// writeViews writes views.sql when it is not what it has to be: for other tables
// than those that have files, or of another version.
func writeViews(ctx context.Context, s store.Store) error {
	// Another writer may replace it by what it saw before: who wrote last looks again.
	for range viewsTries {
		content, err := viewsFile(ctx, s)
		if err == nil {
			old, readErr := s.Read(ctx, viewsName)
			if readErr == nil && (string(old) == content || ofNewerFormat(old)) {
				return nil
			}
			err = s.Replace(ctx, viewsName, []byte(content))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", viewsName, err)
		}
	}
	return nil
}

// viewStatements define the views over the files. A span or score that a retry
// wrote twice counts once. Content of a call that arrived in log events stands
// in its span's row where the span itself has none. A history that messages hold
// is rebuilt in spans only: no DuckDB drops that join where the history is not
// asked for, which lean_spans is for.
func viewStatements(content, messages bool) string {
	statements := storedSpans(numbered(TableSpans, spansKey, spansOrder))
	switch {
	case content && messages:
		statements += strings.ReplaceAll(contentViews, "s.input_messages IS NULL", "s.input_messages IS NULL AND coalesce(len(s.input_refs), 0) = 0")
	case content:
		statements += contentViews
	default:
		statements += "\nCREATE OR REPLACE VIEW received_spans AS SELECT * FROM stored_spans;\n"
	}
	statements += lateView(content) + filledViews
	if messages {
		statements += historyViews
	} else {
		statements += "\nCREATE OR REPLACE VIEW spans AS SELECT * FROM lean_spans;\n"
	}
	return statements + messagesView + storedScores(numbered(TableScores, scoresKey, scoresOrder)) + otherViews
}

// contentViews join the events of each span, several of one message or one of
// a whole call, in the order in which they were made.
const contentViews = `
CREATE OR REPLACE VIEW content AS
SELECT trace_id, span_id,
  first(system_instructions ORDER BY time_unix_nano, position) FILTER (system_instructions IS NOT NULL) AS system_instructions,
  CASE WHEN count(input_messages) = 1 THEN any_value(input_messages)
    ELSE '[' || string_agg(substr(input_messages, 2, length(input_messages) - 2), ',' ORDER BY time_unix_nano, position)
      FILTER (input_messages LIKE '[%]') || ']' END AS input_messages,
  CASE WHEN count(output_messages) = 1 THEN any_value(output_messages)
    ELSE '[' || string_agg(substr(output_messages, 2, length(output_messages) - 2), ',' ORDER BY time_unix_nano, position)
      FILTER (output_messages LIKE '[%]') || ']' END AS output_messages,
  first(tool_definitions ORDER BY time_unix_nano, position) FILTER (tool_definitions IS NOT NULL) AS tool_definitions,
  flatten(list(tool_calls ORDER BY time_unix_nano, position)) AS tool_calls,
  CAST(sum(output_chars) AS INTEGER) AS output_chars
FROM (SELECT *, row_number() OVER (PARTITION BY trace_id, span_id, event_id ORDER BY time_unix_nano) AS row_number_ FROM content_files)
WHERE row_number_ = 1
GROUP BY trace_id, span_id;

CREATE OR REPLACE VIEW received_spans AS
SELECT s.* REPLACE (
  coalesce(s.system_instructions, c.system_instructions) AS system_instructions,
  CASE WHEN s.input_messages IS NULL THEN c.input_messages ELSE s.input_messages END AS input_messages,
  coalesce(s.output_messages, c.output_messages) AS output_messages,
  coalesce(s.tool_definitions, c.tool_definitions) AS tool_definitions,
  CASE WHEN s.output_messages IS NULL AND c.output_messages IS NOT NULL THEN c.tool_calls ELSE s.tool_calls END AS tool_calls,
  CASE WHEN s.output_messages IS NULL AND c.output_messages IS NOT NULL THEN CAST(len(c.tool_calls) AS INTEGER) ELSE s.tool_call_count END AS tool_call_count,
  CASE WHEN s.output_messages IS NULL AND c.output_messages IS NOT NULL THEN c.output_chars ELSE s.output_chars END AS output_chars,
  CASE WHEN s.input_messages IS NULL AND c.input_messages IS NOT NULL
    THEN CAST(strlen(c.input_messages) + coalesce(strlen(coalesce(s.system_instructions, c.system_instructions)), 0) AS INTEGER)
    ELSE s.input_chars END AS input_chars)
FROM stored_spans s LEFT JOIN content c ON s.trace_id = c.trace_id AND s.span_id = c.span_id;
`

// historyViews rebuild the histories: each message once, though a message may
// stand in several files and a span in two. A history of which a message is
// missing is null.
const historyViews = `
CREATE OR REPLACE VIEW histories AS
SELECT trace_id, span_id,
  CASE WHEN count(*) = any_value(n) THEN '[' || string_agg(content, ',' ORDER BY position) || ']' END AS input_messages
FROM (SELECT trace_id, span_id, position, n, any_value(content) AS content
      FROM (SELECT trace_id, span_id, len(input_refs) AS n, unnest(input_refs) AS hash, generate_subscripts(input_refs, 1) AS position
            FROM spans_files WHERE len(input_refs) > 0) r
      JOIN messages_files m ON m.hash = r.hash
      GROUP BY trace_id, span_id, position, n)
GROUP BY trace_id, span_id;

CREATE OR REPLACE VIEW spans AS
SELECT s.* REPLACE (CASE WHEN len(s.input_refs) > 0 THEN h.input_messages ELSE s.input_messages END AS input_messages)
FROM lean_spans s LEFT JOIN histories h ON s.trace_id = h.trace_id AND s.span_id = h.span_id;
`

const messagesView = `
CREATE OR REPLACE VIEW messages AS
SELECT hash, any_value(role) AS role, any_value(content) AS content, any_value(size) AS size
FROM messages_files GROUP BY hash;
`

const otherViews = `
CREATE OR REPLACE VIEW scores AS
SELECT s.* REPLACE (
  coalesce(l.prompt_name, nullif(nullif(s.prompt_name, '__unresolved__'), '__other__')) AS prompt_name,
  coalesce(l.prompt_version, nullif(s.prompt_version, '__none__')) AS prompt_version,
  coalesce(evaluation_id, left(sha256(unhex(s.trace_id || s.span_id) || encode(name) || '\x00'::BLOB || encode(coalesce(evaluator_version, ''))), 32)) AS evaluation_id,
  CAST(time AT TIME ZONE 'UTC' AS TIMESTAMP) AS time)
FROM stored_scores s
LEFT JOIN late_prompts l ON l.trace_id = s.trace_id AND l.span_id = s.span_id;

CREATE OR REPLACE VIEW prompts AS
SELECT p.name, p.version, p.hash, any_value(p.template) AS template, min(s.first_seen) AS first_seen, max(s.last_seen) AS last_seen
FROM prompts_files p
LEFT JOIN (SELECT prompt_name, prompt_version, min(start_time) AS first_seen, max(start_time) AS last_seen
           FROM lean_spans WHERE NOT is_replay GROUP BY ALL) s ON s.prompt_name = p.name AND s.prompt_version = p.version
GROUP BY p.name, p.version, p.hash;

CREATE OR REPLACE VIEW tools AS
SELECT t.name, t.version, t.hash, any_value(t.definition) AS definition, min(s.first_seen) AS first_seen, max(s.last_seen) AS last_seen
FROM tools_files t
LEFT JOIN (SELECT tool, min(start_time) AS first_seen, max(start_time) AS last_seen
           FROM (SELECT unnest(tool_versions) AS tool, start_time FROM lean_spans WHERE NOT is_replay) GROUP BY tool) s
  ON s.tool = t.name || '@' || t.version
GROUP BY t.name, t.version, t.hash;
`
