// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"fmt"
	"strings"
	"time"
)

// ParseWorst reads SCORE:PROMPT@VERSION.
func ParseWorst(text string) (score, prompt, version string, err error) {
	score, rest, found := strings.Cut(text, ":")
	prompt, version = cutLast(rest, "@")
	if !found || score == "" || prompt == "" || version == "" {
		return "", "", "", fmt.Errorf("--worst %q: SCORE:PROMPT@VERSION is expected, like tool_args_schema:support@3.2", text)
	}
	return score, prompt, version, nil
}

// WorstSQL selects trace id, span id and value of the worst score: the lowest,
// or the highest where lower is better, the newest of equals. Its arguments are
// score, prompt and version. Replays are left out.
func WorstSQL(since, until time.Time) string {
	window := ""
	if !since.IsZero() {
		window += fmt.Sprintf(" AND p.start_time >= TIMESTAMP '%s'", since.UTC().Format("2006-01-02 15:04:05.000000"))
	}
	if !until.IsZero() {
		window += fmt.Sprintf(" AND p.start_time < TIMESTAMP '%s'", until.UTC().Format("2006-01-02 15:04:05.000000"))
	}
	return `SELECT p.trace_id, p.span_id, s.value
		FROM scores s JOIN lean_spans p ON p.trace_id = s.trace_id AND p.span_id = s.span_id
		WHERE s.name = ? AND s.value IS NOT NULL AND p.prompt_name = ? AND p.prompt_version = ? AND NOT p.is_replay` + window + `
		ORDER BY CASE WHEN s.direction = 'lower' THEN -s.value ELSE s.value END, p.start_time DESC, p.span_id LIMIT 1`
}
