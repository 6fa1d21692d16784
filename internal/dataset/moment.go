// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseMoment reads a time as people give it: RFC 3339, a date or a minute in
// UTC, or a duration back from now, which may end in d for days or w for weeks. An
// empty text is the zero time.
func ParseMoment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04", time.DateOnly, time.DateTime} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	for unit, days := range map[string]float64{"d": 1, "w": 7} {
		number, found := strings.CutSuffix(text, unit)
		if n, err := strconv.ParseFloat(number, 64); found && err == nil && n >= 0 && n*days < 36500 {
			return now.Add(-time.Duration(n * days * 24 * float64(time.Hour))).UTC(), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d).UTC(), nil
	}
	return time.Time{}, fmt.Errorf("%q: a time is expected, like 2026-11-01, 2026-11-01T12:00:00Z, 24h or 7d", text)
}
