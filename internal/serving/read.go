// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/traffic"
)

// blocks are the parts of a release's time over which shares are compared.
const blocks = 20

// reader reads counts of calls.
type reader struct {
	db      traffic.Querier
	options Options
	// with are the common tables that the queries share.
	with string
	args []any
}

// where selects production model calls.
func (r *reader) where(conditions ...string) (string, []any) {
	conditions = append([]string{"call_kind = 'inference'", "counted", "NOT is_replay"}, conditions...)
	var args []any
	if !r.options.Since.IsZero() {
		conditions, args = append(conditions, "start_time >= ?"), append(args, r.options.Since.UTC())
	}
	if !r.options.Until.IsZero() {
		conditions, args = append(conditions, "start_time < ?"), append(args, r.options.Until.UTC())
	}
	return strings.Join(conditions, " AND "), args
}

// each runs a query and hands over its rows.
func (r *reader) each(ctx context.Context, statement string, args []any, row func(*sql.Rows) error) error {
	rows, err := r.db.QueryContext(ctx, statement, args...)
	if err != nil {
		return fmt.Errorf("read what is served: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return fmt.Errorf("read what is served: %w", err)
		}
	}
	return rows.Err()
}

// isNameless are calls that nothing but their text names, if anything.
const isNameless = "(prompt_name IS NULL OR prompt_resolution = 'fingerprint' AND prompt_name = prompt_version)"

// source is where calls come from, as spans say it.
type source struct{ prompt, environment, label string }

func (r *reader) sources(ctx context.Context) ([]source, error) {
	conditions := []string{"NOT " + isNameless}
	if r.options.Prompt != "" {
		conditions = []string{"prompt_name = ?"}
	}
	where, args := r.where(conditions...)
	if r.options.Prompt != "" {
		args = append([]any{r.options.Prompt}, args...)
	}
	var list []source
	err := r.each(ctx, `SELECT DISTINCT prompt_name, coalesce(environment, ''), coalesce(prompt_label, '') FROM lean_spans WHERE `+where+` ORDER BY ALL`, args,
		func(rows *sql.Rows) error {
			var s source
			err := rows.Scan(&s.prompt, &s.environment, &s.label)
			list = append(list, s)
			return err
		})
	return list, err
}

// bound is when a release took effect, and the one after it.
type bound struct {
	place
	at, next time.Time
}

// begin names the places of the sources and the bounds of their releases for the
// queries that follow.
func (r *reader) begin(places map[source]place, sources []source, bounds []bound) {
	var b strings.Builder
	b.WriteString("WITH keys(prompt, environment, label, served) AS (VALUES ")
	for i, s := range sources {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("(?, ?, ?, ?)")
		r.args = append(r.args, s.prompt, s.environment, s.label, places[s].environment)
	}
	b.WriteString("), bounds(prompt, served, since, next) AS (VALUES (CAST(NULL AS VARCHAR), CAST(NULL AS VARCHAR), CAST(NULL AS TIMESTAMP), CAST(NULL AS TIMESTAMP))")
	for _, bound := range bounds {
		b.WriteString(", (?, ?, CAST(? AS TIMESTAMP), CAST(? AS TIMESTAMP))")
		r.args = append(r.args, bound.prompt, bound.environment, bound.at.UTC(), orNil(bound.next))
	}
	where, args := r.where()
	r.args = append(r.args, args...)
	b.WriteString(`), calls AS (SELECT k.prompt, k.served, coalesce(prompt_version, '') AS version, trace_id, span_id, start_time,
		coalesce(prompt_resolution, '') AS rung, coalesce(prompt_unresolved_reason, '') AS reason,
		coalesce(nullif(session_id, ''), nullif(trace_id, ''), span_id) AS session, ` + keySQL(r.options.Key) + ` AS key
		FROM lean_spans s JOIN keys k ON s.prompt_name = k.prompt AND coalesce(s.environment, '') = k.environment AND coalesce(s.prompt_label, '') = k.label
		WHERE ` + where + `),
	placed AS (SELECT c.*, b.since, b.next, min(c.start_time) OVER (PARTITION BY c.prompt, c.served, c.session) AS began
		FROM calls c ASOF LEFT JOIN bounds b ON c.prompt = b.prompt AND c.served = b.served AND c.start_time >= b.since)
	`)
	r.with = b.String()
}

// keySQL is what a call belongs to.
func keySQL(key string) string {
	const trace = "nullif(trace_id, ''), span_id)"
	switch key {
	case KeySession:
		return "coalesce(nullif(session_id, ''), " + trace
	case KeyTrace:
		return "coalesce(" + trace
	}
	if key == KeyInstance {
		return `coalesce(nullif(json_extract_string(resource, '$.attributes."service.instance.id"'), ''), nullif(json_extract_string(resource, '$.attributes."k8s.pod.name"'), ''),
			nullif(json_extract_string(resource, '$.attributes."host.name"'), ''), coalesce(service_name, ''))`
	}
	return "coalesce(nullif(user_id, ''), nullif(session_id, ''), " + trace
}

func orNil(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC()
}

func (r *reader) grace() string {
	return fmt.Sprintf("INTERVAL %d MICROSECOND", r.options.Grace.Microseconds())
}

// versions counts the calls of each version, by rung as well.
func (r *reader) versions(ctx context.Context) ([]Served, error) {
	var list []Served
	index := map[[3]string]int{}
	err := r.each(ctx, r.with+`SELECT prompt, served, version, count(*), count(DISTINCT trace_id), min(start_time), max(start_time)
		FROM calls GROUP BY ALL ORDER BY prompt, served, min(start_time), version`, r.args, func(rows *sql.Rows) error {
		s := Served{Resolution: []Rung{}, FirstSeen: new(time.Time), LastSeen: new(time.Time)}
		err := rows.Scan(&s.Prompt, &s.Environment, &s.Version, &s.Calls, &s.Traces, s.FirstSeen, s.LastSeen)
		*s.FirstSeen, *s.LastSeen = s.FirstSeen.UTC(), s.LastSeen.UTC()
		index[[3]string{s.Prompt, s.Environment, s.Version}] = len(list)
		list = append(list, s)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = r.each(ctx, r.with+`SELECT prompt, served, version, rung, reason, count(*) FROM calls GROUP BY ALL ORDER BY 6 DESC, rung, reason`, r.args, func(rows *sql.Rows) error {
		var key [3]string
		var rung Rung
		err := rows.Scan(&key[0], &key[1], &key[2], &rung.Rung, &rung.Reason, &rung.Calls)
		if i, ok := index[key]; ok {
			list[i].Resolution = append(list[i].Resolution, rung)
		}
		return err
	})
	return list, err
}

// segment counts the calls of a version while one release was live.
type segment struct {
	place
	version string
	// at is when the release took effect; zero without one.
	at time.Time
	// settled are the calls that the grace does not excuse, continued those of them
	// whose session began before the release.
	settled, continued int64
	first, last        time.Time
}

func (r *reader) segments(ctx context.Context) ([]segment, error) {
	settled := fmt.Sprintf("(since IS NULL OR start_time >= since + %s) AND (next IS NULL OR start_time < next - %s)", r.grace(), r.grace())
	var list []segment
	err := r.each(ctx, r.with+`SELECT prompt, served, version, since, count(*), count(*) FILTER (began < since), min(start_time), max(start_time)
		FROM placed WHERE version <> '' AND `+settled+` GROUP BY ALL ORDER BY prompt, served, since NULLS FIRST, version`, r.args, func(rows *sql.Rows) error {
		var s segment
		var at sql.NullTime
		err := rows.Scan(&s.prompt, &s.environment, &s.version, &at, &s.settled, &s.continued, &s.first, &s.last)
		if at.Valid {
			s.at = at.Time.UTC()
		}
		s.first, s.last = s.first.UTC(), s.last.UTC()
		list = append(list, s)
		return err
	})
	return list, err
}

// tally are the keys whose first call under a release got a version, in one block
// of the release's time, by the version of the key before.
type tally struct {
	place
	at      time.Time
	block   int
	version string
	// before is the version of the key before, which the first key has none of.
	before sql.NullString
	keys   int64
}

// firsts are the first calls of the keys that began under a release.
func (r *reader) firsts() string {
	return fmt.Sprintf(`%s, firsts AS (SELECT prompt, served, since, key, arg_min(version, (start_time, span_id)) AS version, min(start_time) AS first
		FROM placed WHERE since IS NOT NULL AND began >= since + %s GROUP BY ALL) `, r.with, r.grace())
}

func (r *reader) tallies(ctx context.Context) ([]tally, error) {
	var list []tally
	err := r.each(ctx, r.firsts()+fmt.Sprintf(`, ordered AS (SELECT *, ntile(%d) OVER w AS block, lag(version) OVER w AS before
			FROM firsts WINDOW w AS (PARTITION BY prompt, served, since ORDER BY first, key))
		SELECT prompt, served, since, block, version, before, count(*) FROM ordered GROUP BY ALL ORDER BY ALL`, blocks), r.args, func(rows *sql.Rows) error {
		var t tally
		err := rows.Scan(&t.prompt, &t.environment, &t.at, &t.block, &t.version, &t.before, &t.keys)
		t.at = t.at.UTC()
		list = append(list, t)
		return err
	})
	return list, err
}

// minutes counts the minutes in which keys began under a release.
func (r *reader) minutes(ctx context.Context) (map[bound]int64, error) {
	out := map[bound]int64{}
	err := r.each(ctx, r.firsts()+`SELECT prompt, served, since, count(DISTINCT date_trunc('minute', first)) FROM firsts GROUP BY ALL`, r.args, func(rows *sql.Rows) error {
		var b bound
		var minutes int64
		err := rows.Scan(&b.prompt, &b.environment, &b.at, &minutes)
		b.at = b.at.UTC()
		out[b] = minutes
		return err
	})
	return out, err
}

// nameless are calls whose text fits several prompts, or none.
type nameless struct {
	environment string
	rung        string
	// prompts are those of the candidates.
	prompts []string
	calls   int64
}

func (r *reader) nameless(ctx context.Context) ([]nameless, error) {
	where, args := r.where(isNameless)
	var list []nameless
	err := r.each(ctx, `SELECT coalesce(environment, ''), coalesce(prompt_resolution, ''),
		CASE WHEN prompt_resolution = 'ambiguous' THEN coalesce(attributes['spanloop.prompt.candidates'], '') ELSE '' END, count(*)
		FROM lean_spans WHERE `+where+` GROUP BY ALL ORDER BY ALL`, args, func(rows *sql.Rows) error {
		var n nameless
		var candidates string
		if err := rows.Scan(&n.environment, &n.rung, &candidates, &n.calls); err != nil {
			return err
		}
		var names []string
		_ = json.Unmarshal([]byte(candidates), &names)
		for _, name := range names {
			if at := strings.LastIndexByte(name, '@'); at > 0 && !slices.Contains(n.prompts, name[:at]) {
				n.prompts = append(n.prompts, name[:at])
			}
		}
		list = append(list, n)
		return nil
	})
	return list, err
}
