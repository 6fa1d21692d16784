// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"net/url"
	"path"
	"strings"
	"time"
	"unicode/utf8"
)

// partition is the folder that a row belongs to.
type partition struct {
	name, version string
	// day counts from 1970-01-01.
	day int32
}

const nanosPerDay = 24 * int64(time.Hour)

// dayOf is the UTC day of a time in nanoseconds since 1970.
func dayOf(unixNano int64) int32 {
	day := unixNano / nanosPerDay
	if unixNano%nanosPerDay < 0 {
		day--
	}
	return int32(day)
}

// dir is the partition's folder below a table's, with forward slashes.
func (p partition) dir(table string) string {
	date := "date=" + time.Unix(int64(p.day)*86400, 0).UTC().Format(time.DateOnly)
	if table == TableContent {
		return path.Join(table, date)
	}
	return path.Join(table, "prompt_name="+escapeSegment(p.name), "prompt_version="+escapeSegment(p.version), date)
}

// maxPartitions bounds the partitions, and so the files of a table, that one push
// writes: whatever names spans bear, files stay few and worth reading.
const maxPartitions = 64

// gather bounds the partitions of a push. Of more than maxPartitions, those with a
// fair share of the rows stay; the rows of all others, so few that a file of their
// own would be mostly footer, go to one partition together, under the latest of
// their days. Rows keep their names and dates in their columns.
func gather[T any](rows map[partition][]T) {
	if len(rows) <= maxPartitions {
		return
	}
	total := 0
	for _, part := range rows {
		total += len(part)
	}
	mixed := partition{name: Mixed, version: Mixed, day: math.MinInt32}
	var together []T
	for _, part := range sortedParts(rows) {
		// So many cannot all have more than their share: some go, and fewer than
		// maxPartitions stay.
		if len(rows[part])*maxPartitions > total {
			continue
		}
		mixed.day = max(mixed.day, part.day)
		together = append(together, rows[part]...)
		delete(rows, part)
	}
	rows[mixed] = together
}

// maxSegment bounds an escaped value, in bytes; file systems allow 255 for
// "prompt_version=" and the value.
const maxSegment = 200

// escapeSegment makes any text one harmless path segment: everything but
// letters, digits and a few signs is percent-encoded, as Hive readers decode
// it; what is too long is cut and ends with its hash.
func escapeSegment(value string) string {
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		c := value[i]
		if harmless(c, i) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte("0123456789ABCDEF"[c>>4])
		b.WriteByte("0123456789ABCDEF"[c&15])
	}
	escaped := b.String()
	if len(escaped) <= maxSegment && utf8.ValidString(value) && !reservedName(value) {
		return escaped
	}
	sum := sha256.Sum256([]byte(value))
	keep := escaped[:min(len(escaped), maxSegment-20)]
	if cut := strings.LastIndexByte(keep, '%'); cut >= 0 && cut > len(keep)-3 {
		keep = keep[:cut]
	}
	return keep + "~" + hex.EncodeToString(sum[:8])
}

// harmless tells which bytes stand for themselves. A point does not stand first.
func harmless(c byte, at int) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_':
		return true
	case c == '.':
		return at > 0
	}
	return false
}

// reservedName tells names of devices on Windows, in any case and with any
// ending.
func reservedName(value string) bool {
	base, _, _ := strings.Cut(strings.ToLower(value), ".")
	switch base {
	case "con", "prn", "aux", "nul":
		return true
	}
	return len(base) == 4 && (strings.HasPrefix(base, "com") || strings.HasPrefix(base, "lpt")) && base[3] >= '1' && base[3] <= '9'
}

// unescapeSegment reads a value back that escapeSegment wrote whole.
func unescapeSegment(segment string) (string, bool) {
	value, err := url.PathUnescape(segment)
	return value, err == nil
}
