// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestValues(t *testing.T) {
	db := open(t, Options{Dataset: t.TempDir()})
	for expression, want := range map[string]any{
		"NULL":                          nil,
		"true":                          true,
		"1::TINYINT":                    int64(1),
		"1::USMALLINT":                  int64(1),
		"-5::BIGINT":                    int64(-5),
		"18446744073709551615::UBIGINT": "18446744073709551615",
		"12::HUGEINT":                   int64(12),
		"170141183460469231731687303715884105727::HUGEINT": "170141183460469231731687303715884105727",
		"1.5::FLOAT": 1.5,
		"1.25":       1.25,
		"12345678901234567890.123::DECIMAL(38,3)":      "12345678901234567890.123",
		"'infinity'::DOUBLE":                           math.Inf(1),
		"'text'":                                       "text",
		"'\\x00\\xff'::BLOB":                           `\x00ff`,
		"DATE '2026-11-01'":                            "2026-11-01",
		"TIME '12:30:00'":                              "12:30:00",
		"TIMESTAMP '2026-11-01 12:00'":                 noon,
		"TIMESTAMPTZ '2026-11-01 14:00:00+02'":         noon,
		"TIMESTAMP_NS '2026-11-01 12:00:00.000000001'": noon.Add(time.Nanosecond),
		"INTERVAL 3 DAY":                               "3 days",
		"INTERVAL 90 SECOND":                           "1m30s",
		"[1, NULL, 3]":                                 []any{int64(1), nil, int64(3)},
		"[DATE '2026-11-01']":                          []any{"2026-11-01"},
		"{'a': 1, 'b': [DATE '2026-11-01']}":           map[string]any{"a": int64(1), "b": []any{"2026-11-01"}},
		"MAP {'k': 'v'}":                               map[string]any{"k": "v"},
		"MAP {1: DATE '2026-11-01'}":                   map[string]any{"1": "2026-11-01"},
		"'6f1c2a9b-e07d-4355-8f1c-2a9be07d3355'::UUID": "6f1c2a9b-e07d-4355-8f1c-2a9be07d3355",
		"'a'::ENUM('a', 'b')":                          "a",
		"'101'::BIT":                                   "101",
		"'{\"a\": [1]}'::JSON":                         map[string]any{"a": []any{1.0}},
		"array_value(1, 2)":                            []any{int64(1), int64(2)},
		"union_value(n := 7)":                          int64(7),
	} {
		assert.Equal(t, want, one(t, db, "SELECT "+expression), expression)
	}
}

func TestParameters(t *testing.T) {
	db := open(t, Options{Dataset: write(t, t.TempDir(), 4)})
	count := "SELECT count(*) FROM spans WHERE ($1 IS NULL OR start_time >= $1) AND ($2 IS NULL OR start_time < $2)"
	assert.EqualValues(t, 4, one(t, db, count, nil, nil))
	assert.EqualValues(t, 2, one(t, db, count, noon.Add(2*time.Minute), nil))
	assert.EqualValues(t, 1, one(t, db, count, nil, noon.Add(time.Minute)))
	assert.EqualValues(t, "it's", one(t, db, "SELECT ?::VARCHAR", "it's"))
	_, err := db.Query(t.Context(), count, 1)
	require.Error(t, err)
}

func TestColumnTypes(t *testing.T) {
	db := open(t, Options{Dataset: t.TempDir()})
	result, err := db.Query(t.Context(), "SELECT 1::BIGINT AS a, 'x' AS b, [1.5::DOUBLE] AS c, 1 AS a")
	require.NoError(t, err)
	assert.Equal(t, []Column{{"a", "BIGINT"}, {"b", "VARCHAR"}, {"c", "DOUBLE[]"}, {"a", "INTEGER"}}, result.Columns)
}
