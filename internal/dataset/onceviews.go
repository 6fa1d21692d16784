// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import "fmt"

// Once is how a table's view shows a row once that a retry wrote twice. Views for
// anybody compare all rows by their keys, so that a look-up by one of them reads
// little, but a statement over all rows holds all of them. Who may keep a table
// asks once which keys occur again, almost always none; then no row is compared.
type Once struct {
	// Table is TableSpans or TableScores.
	Table string
	// Find makes the table of the hashes of keys that occur again, Found counts
	// them.
	Find, Found string
	// None shows the table when there are none, Some when there are.
	None, Some string
}

// Onces are those of the tables that have rows of their own for each push.
var Onces = []Once{
	newOnce(TableSpans, spansKey, spansOrder, storedSpans),
	newOnce(TableScores, scoresKey, scoresOrder, storedScores),
}

// Keys of the tables, and which of the rows of one key is shown.
const (
	spansKey    = "trace_id, span_id"
	spansOrder  = "start_unix_nano, late_identity"
	scoresKey   = "trace_id, span_id, name, evaluator_version, evaluation_id"
	scoresOrder = "time DESC"
)

func newOnce(table, key, order string, view func(rows string) string) Once {
	repeated := "memory.main.repeated_" + table
	hash := "hash(" + key + ")"
	some := fmt.Sprintf(`(SELECT * FROM %[1]s_files ANTI JOIN %[2]s ON %[3]s = key
  UNION ALL SELECT * EXCLUDE (row_number_) FROM (SELECT *, row_number() OVER (PARTITION BY %[4]s ORDER BY %[5]s) AS row_number_
    FROM %[1]s_files SEMI JOIN %[2]s ON %[3]s = key) WHERE row_number_ = 1)`, table, repeated, hash, key, order)
	return Once{
		Table: table,
		Find: fmt.Sprintf("CREATE OR REPLACE TABLE %s AS SELECT key FROM (SELECT %s AS key FROM memory.main.%s_files) GROUP BY key HAVING count(*) > 1",
			repeated, hash, table),
		Found: "SELECT count(*) FROM " + repeated,
		None:  view(table + "_files"),
		Some:  view(some),
	}
}

// numbered are a table's rows, each once, by comparing all.
func numbered(table, key, order string) string {
	return fmt.Sprintf("(SELECT * EXCLUDE (row_number_) FROM (SELECT *, row_number() OVER (PARTITION BY %s ORDER BY %s) AS row_number_ FROM %s_files) WHERE row_number_ = 1)",
		key, order, table)
}

// storedSpans is the view of the rows of spans: of equal ones the one that began
// first, with what was filled in rather than without.
func storedSpans(rows string) string {
	return `
CREATE OR REPLACE VIEW stored_spans AS
SELECT * REPLACE (
  nullif(nullif(prompt_name, '__unresolved__'), '__other__') AS prompt_name,
  nullif(prompt_version, '__none__') AS prompt_version,
  CAST(start_time AT TIME ZONE 'UTC' AS TIMESTAMP) AS start_time)
FROM ` + rows + `;
`
}

// storedScores is the view of the rows of scores, of equal ones the last.
func storedScores(rows string) string {
	return `
CREATE OR REPLACE VIEW stored_scores AS
SELECT * FROM ` + rows + `;
`
}
