// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/spanloop/spanloop/internal/dataset"
)

// ageFile writes a file again without the columns that are newer, under the name
// that its content gives it, and corrects its entry.
func ageFile(ctx context.Context, dir string, f *dataset.File) error {
	from := filepath.Join(dir, filepath.FromSlash(f.Path))
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	older, err := withoutColumns(ctx, content, olderColumns)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(older)
	f.SHA256 = hex.EncodeToString(sum[:])
	f.Bytes = int64(len(older))
	f.Path = path.Join(path.Dir(f.Path), f.SHA256[:24]+".parquet")
	if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(f.Path)), older, 0o600); err != nil {
		return err
	}
	return os.Remove(from)
}

func withoutColumns(ctx context.Context, content []byte, columns []string) ([]byte, error) {
	reader, err := file.NewParquetReader(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	rows, err := pqarrow.NewFileReader(reader, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	var kept, groups []int
	for i := range reader.MetaData().Schema.NumColumns() {
		if !slices.Contains(columns, reader.MetaData().Schema.Column(i).ColumnPath()[0]) {
			kept = append(kept, i)
		}
	}
	for i := range reader.NumRowGroups() {
		groups = append(groups, i)
	}
	table, err := rows.ReadRowGroups(ctx, kept, groups)
	if err != nil {
		return nil, err
	}
	defer table.Release()
	var out bytes.Buffer
	properties := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd))
	writer, err := pqarrow.NewFileWriter(table.Schema(), &out, properties, pqarrow.DefaultWriterProps())
	if err != nil {
		return nil, err
	}
	pairs := reader.MetaData().KeyValueMetadata()
	for i, key := range pairs.Keys() {
		if err := writer.AppendKeyValueMetadata(key, pairs.Values()[i]); err != nil {
			return nil, err
		}
	}
	if err := writer.WriteTable(table, max(table.NumRows(), 1)); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
