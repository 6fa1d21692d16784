// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"
)

// convert turns DuckDB's Go values into the few types of Result. The type is nil
// where it is not known; dates then look like timestamps.
func convert(v any, info duckdb.TypeInfo) any {
	switch v := v.(type) {
	case nil, bool, int64, float64, string:
		return v
	case time.Time:
		return moment(v.UTC(), info)
	case []byte:
		return bytes(v, info)
	case []any:
		return list(v, info)
	case map[string]any:
		return structure(v, info)
	case duckdb.OrderedMap:
		return dictionary(v, info)
	case duckdb.Union:
		return convert(v.Value, nil)
	case duckdb.Decimal:
		return decimal(v)
	case *big.Int:
		if v.IsInt64() {
			return v.Int64()
		}
		return v.String()
	case duckdb.Interval:
		return interval(v)
	}
	return number(v)
}

// number converts the remaining kinds.
func number(v any) any {
	switch v := v.(type) {
	case int8:
		return int64(v)
	case int16:
		return int64(v)
	case int32:
		return int64(v)
	case uint8:
		return int64(v)
	case uint16:
		return int64(v)
	case uint32:
		return int64(v)
	case uint64:
		if v > 1<<63-1 {
			return strconv.FormatUint(v, 10)
		}
		return int64(v)
	case float32:
		return float64(v)
	}
	return fmt.Sprint(v)
}

// moment writes dates and times of day as text; timestamps stay.
func moment(t time.Time, info duckdb.TypeInfo) any {
	if info != nil {
		switch info.InternalType() {
		case duckdb.TYPE_DATE:
			return t.Format(time.DateOnly)
		case duckdb.TYPE_TIME, duckdb.TYPE_TIME_TZ:
			return t.Format("15:04:05.999999")
		}
	}
	return t
}

func bytes(v []byte, info duckdb.TypeInfo) any {
	if info != nil && info.InternalType() == duckdb.TYPE_UUID && len(v) == 16 {
		id := duckdb.UUID(v)
		return id.String()
	}
	return fmt.Sprintf(`\x%x`, v)
}

func list(v []any, info duckdb.TypeInfo) any {
	var child duckdb.TypeInfo
	if info != nil {
		switch details := info.Details().(type) {
		case *duckdb.ListDetails:
			child = details.Child
		case *duckdb.ArrayDetails:
			child = details.Child
		}
	}
	out := make([]any, len(v))
	for i := range v {
		out[i] = convert(v[i], child)
	}
	return out
}

func structure(v map[string]any, info duckdb.TypeInfo) any {
	types := map[string]duckdb.TypeInfo{}
	if info != nil {
		if details, ok := info.Details().(*duckdb.StructDetails); ok {
			for _, entry := range details.Entries {
				types[entry.Name()] = entry.Info()
			}
		}
	}
	out := make(map[string]any, len(v))
	for key, value := range v {
		out[key] = convert(value, types[key])
	}
	return out
}

func dictionary(v duckdb.OrderedMap, info duckdb.TypeInfo) any {
	var keyType, valueType duckdb.TypeInfo
	if info != nil {
		if details, ok := info.Details().(*duckdb.MapDetails); ok {
			keyType, valueType = details.Key, details.Value
		}
	}
	values := v.Values()
	out := make(map[string]any, len(values))
	for i, key := range v.Keys() {
		out[fmt.Sprint(convert(key, keyType))] = convert(values[i], valueType)
	}
	return out
}

// decimal is a number where float64 holds all digits, else text.
func decimal(v duckdb.Decimal) any {
	if v.Value == nil {
		return nil
	}
	if v.Width <= 15 {
		return v.Float64()
	}
	text := v.String()
	if f, err := strconv.ParseFloat(text, 64); err == nil && strconv.FormatFloat(f, 'f', -1, 64) == text {
		return f
	}
	return text
}

// interval writes an interval as DuckDB reads it.
func interval(v duckdb.Interval) any {
	var parts []string
	if v.Months != 0 {
		parts = append(parts, fmt.Sprintf("%d months", v.Months))
	}
	if v.Days != 0 {
		parts = append(parts, fmt.Sprintf("%d days", v.Days))
	}
	if v.Micros != 0 || len(parts) == 0 {
		parts = append(parts, (time.Duration(v.Micros) * time.Microsecond).String())
	}
	return strings.Join(parts, " ")
}
