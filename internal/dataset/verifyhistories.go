// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// checkHistories looks for spans that refer to messages which their partition
// does not hold. Files are by table and path; only sound ones are looked at, and
// no partition of which a file of messages is damaged: that is found already.
func (v *verifier) checkHistories(ctx context.Context, files []File, sound map[string]bool) error {
	spans, messages := map[string][]File{}, map[string][]File{}
	damaged := map[string]bool{}
	for _, f := range files {
		table, folder, _ := strings.Cut(path.Dir(f.Path), "/")
		switch {
		case table == TableMessages && !sound[f.Path]:
			damaged[folder] = true
		case table == TableMessages:
			messages[folder] = append(messages[folder], f)
		case table == TableSpans && sound[f.Path]:
			spans[folder] = append(spans[folder], f)
		}
	}
	for folder, list := range spans {
		if damaged[folder] {
			continue
		}
		held := map[string]struct{}{}
		for _, f := range messages[folder] {
			note := func(hash, _ string) { held[hash] = struct{}{} }
			if _, err := readMessages(ctx, v.store, f.Path, nil, []string{"hash"}, note); err != nil {
				return fmt.Errorf("%s: %w", f.Path, err)
			}
		}
		for _, f := range list {
			if err := v.checkReferences(ctx, f, held); err != nil {
				return fmt.Errorf("%s: %w", f.Path, err)
			}
		}
	}
	return nil
}

// checkReferences compares a file's references with the hashes of its partition.
func (v *verifier) checkReferences(ctx context.Context, f File, held map[string]struct{}) error {
	missing, example := map[string]struct{}{}, ""
	err := v.eachReference(ctx, f, func(hash string) {
		if _, ok := held[hash]; !ok {
			example = strings.Clone(hash)
			missing[example] = struct{}{}
		}
	})
	if len(missing) > 0 {
		v.add(FindingDangling, f.Path, fmt.Sprintf("its spans refer to %d messages that the partition does not hold, %s for one", len(missing), example))
	}
	return err
}

func (v *verifier) eachReference(ctx context.Context, f File, take func(hash string)) error {
	reader, err := openFile(ctx, v.store, f.Path)
	if err != nil {
		return err
	}
	defer reader.Close()
	leaf := reader.MetaData().Schema.ColumnIndexByName("input_refs.list.element")
	if leaf < 0 {
		return nil
	}
	return eachRecord(ctx, reader, selection{leaves: []int{leaf}, batch: narrowRows}, func(record arrow.RecordBatch) error {
		lists, err := columnByName[*array.List](record, "input_refs")
		if err != nil {
			return err
		}
		hashes, ok := lists.ListValues().(*array.String)
		if !ok {
			return fmt.Errorf("column input_refs has type %s", lists.DataType())
		}
		for i := range hashes.Len() {
			take(hashes.Value(i))
		}
		return nil
	})
}
