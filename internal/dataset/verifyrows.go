// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// checkRows compares the names and days in the rows of sound files with the
// folders of these, and looks for spans that stand in two files of one day.
func (v *verifier) checkRows(ctx context.Context, files []File, sound map[string]bool) error {
	days := map[string][]File{}
	for _, f := range files {
		if !sound[f.Path] || f.Table == TablePrompts || f.Table == TableTools {
			continue
		}
		if f.Table != TableSpans {
			if err := v.checkPartition(ctx, f, nil); err != nil {
				return fmt.Errorf("%s: %w", f.Path, err)
			}
			continue
		}
		day := path.Base(path.Dir(f.Path))
		days[day] = append(days[day], f)
	}
	for _, day := range slices.Sorted(maps.Keys(days)) {
		if err := v.checkDay(ctx, days[day]); err != nil {
			return err
		}
	}
	return nil
}

// seenSpan is the hash of a span's ids and the file it stands in.
type seenSpan struct {
	hash uint64
	file int
}

// checkDay looks at the span files of one day.
func (v *verifier) checkDay(ctx context.Context, files []File) error {
	seed := maphash.MakeSeed()
	var seen []seenSpan
	for i, f := range files {
		note := func(traceID, spanID string) {
			seen = append(seen, seenSpan{maphash.String(seed, traceID+spanID), i})
		}
		if err := v.checkPartition(ctx, f, note); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	slices.SortFunc(seen, func(a, b seenSpan) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.file, b.file)) })
	repeated := map[[2]int]int{}
	for i, first := 1, 0; i < len(seen); i++ {
		if seen[i].hash != seen[first].hash {
			first = i
			continue
		}
		repeated[[2]int{seen[first].file, seen[i].file}]++
	}
	for pair, n := range repeated {
		detail := fmt.Sprintf("%d of its %d spans stand in %s too: sent again after a restart, or copied", n, files[pair[1]].Rows, files[pair[0]].Path)
		v.Remarks = append(v.Remarks, Finding{RemarkRepeated, files[pair[1]].Path, detail, advice[RemarkRepeated]})
	}
	return nil
}

// checkPartition compares the partition columns of a file with its folder. It
// hands over the ids of spans when note is given.
func (v *verifier) checkPartition(ctx context.Context, f File, note func(traceID, spanID string)) error {
	columns := []string{"date"}
	if f.Table != TableContent {
		columns = append(columns, "prompt_name", "prompt_version")
	}
	if note != nil {
		columns = append(columns, "trace_id", "span_id")
	}
	held := map[partition]int{}
	err := readColumns(ctx, v.store, f.Path, columns, func(record arrow.RecordBatch) error {
		return countPartitions(record, f.Table, held, note)
	})
	if err != nil {
		return err
	}
	wrong, rows := partition{}, 0
	for part, n := range held {
		if !inFolder(part, f) {
			rows += n
			if wrong == (partition{}) || comparePartitions(part, wrong) < 0 {
				wrong = part
			}
		}
	}
	if rows > 0 {
		v.add(FindingPartition, f.Path, fmt.Sprintf("its folder disagrees with the columns of %d rows, which belong in %s", rows, wrong.dir(f.Table)))
	}
	return nil
}

// inFolder tells whether rows of a partition may stand in a file: the smallest
// partitions of a large push stand together. A name that was no UTF-8 is whole in
// neither: its folder ends with a hash, its column holds replacement characters.
func inFolder(part partition, f File) bool {
	folder := path.Dir(f.Path)
	if strings.HasPrefix(folder, f.Table+"/prompt_name="+escapeSegment(Mixed)+"/") {
		return true
	}
	want, got := strings.Split(part.dir(f.Table), "/"), strings.Split(folder, "/")
	names := map[string]string{"prompt_name": part.name, "prompt_version": part.version}
	return slices.EqualFunc(want, got, func(want, got string) bool {
		if want == got {
			return true
		}
		key, _, _ := strings.Cut(want, "=")
		value, found := strings.CutPrefix(got, key+"=")
		return found && strings.ContainsRune(names[key], utf8.RuneError) && strings.Contains(value, "~")
	})
}

func countPartitions(record arrow.RecordBatch, table string, held map[partition]int, note func(traceID, spanID string)) error {
	days, err := columnByName[*array.Date32](record, "date")
	if err != nil {
		return err
	}
	texts := map[string]*array.String{}
	for _, name := range []string{"prompt_name", "prompt_version", "trace_id", "span_id"} {
		if len(record.Schema().FieldIndices(name)) == 0 {
			continue
		}
		if texts[name], err = columnByName[*array.String](record, name); err != nil {
			return err
		}
	}
	for i := range days.Len() {
		part := partition{day: int32(days.Value(i))}
		if table != TableContent {
			part.name, part.version = texts["prompt_name"].Value(i), texts["prompt_version"].Value(i)
		}
		if _, known := held[part]; !known {
			part.name, part.version = strings.Clone(part.name), strings.Clone(part.version)
		}
		held[part]++
		if note != nil {
			note(texts["trace_id"].Value(i), texts["span_id"].Value(i))
		}
	}
	return nil
}
