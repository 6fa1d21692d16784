// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/dataset/store"
)

// Info summarises a dataset from its manifest.
type Info struct {
	Root   string      `json:"root"`
	Format int         `json:"format"`
	Tables []TableInfo `json:"tables"`
	// Rejected counts reject files.
	Rejected int `json:"rejected_files"`
}

// TableInfo summarises one table.
type TableInfo struct {
	Table      string    `json:"table"`
	Files      int       `json:"files"`
	Rows       int64     `json:"rows"`
	Bytes      int64     `json:"bytes"`
	Partitions int       `json:"partitions"`
	MinTime    time.Time `json:"min_time,omitzero"`
	MaxTime    time.Time `json:"max_time,omitzero"`
}

// Info reads the manifest.
func (d *Dataset) Info(ctx context.Context) (Info, error) {
	files, err := readManifest(ctx, d.store)
	if err != nil {
		return Info{}, fmt.Errorf("dataset %q: %w", d.Root(), err)
	}
	info := Info{Root: d.Root(), Format: Format}
	for _, table := range Tables {
		if err := ctx.Err(); err != nil {
			return info, err
		}
		info.Tables = append(info.Tables, tableInfo(table, files))
	}
	err = d.store.List(ctx, rejectedDir, func(item store.Info) error {
		if strings.HasSuffix(item.Name, ".jsonl") {
			info.Rejected++
		}
		return nil
	})
	return info, err
}

func tableInfo(table string, files []File) TableInfo {
	t := TableInfo{Table: table}
	parts := map[string]bool{}
	for _, f := range files {
		if f.Table != table {
			continue
		}
		t.Files++
		t.Rows += f.Rows
		t.Bytes += f.Bytes
		parts[f.Path[:strings.LastIndexByte(f.Path, '/')+1]] = true
		if !f.MinTime.IsZero() && (t.MinTime.IsZero() || f.MinTime.Before(t.MinTime)) {
			t.MinTime = f.MinTime
		}
		if f.MaxTime.After(t.MaxTime) {
			t.MaxTime = f.MaxTime
		}
	}
	t.Partitions = len(parts)
	return t
}

// sortFindings orders findings by path.
func sortFindings(findings []Finding) {
	slices.SortFunc(findings, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Kind, b.Kind))
	})
}
