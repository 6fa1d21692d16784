// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	stdpath "path"
	"strings"

	"github.com/apache/arrow-go/v18/parquet/file"

	"github.com/spanloop/spanloop/internal/dataset/store"
)

// Kinds of findings.
const (
	FindingMissing    = "missing"
	FindingTruncated  = "truncated"
	FindingAltered    = "altered"
	FindingRows       = "row_count"
	FindingDuplicated = "duplicated"
	FindingOrphan     = "orphan"
	FindingUnfinished = "unfinished"
	FindingManifest   = "manifest"
	FindingDangling   = "dangling"
)

// Finding is one fault of a dataset.
type Finding struct {
	Kind   string `json:"kind"`
	Path   string `json:"path"`
	Detail string `json:"detail"`
}

// Verification is the result of Verify.
type Verification struct {
	Files    int       `json:"files"`
	Rows     int64     `json:"rows"`
	Bytes    int64     `json:"bytes"`
	Findings []Finding `json:"findings"`
}

// Verify compares every file with the manifest: what is missing, cut short,
// altered, of another row count, stored twice, or named by no manifest; and
// every reference to a message with its partition.
func (d *Dataset) Verify(ctx context.Context) (Verification, error) {
	m, err := loadManifest(ctx, d.store)
	if err != nil {
		return Verification{}, err
	}
	v := verifier{store: d.store}
	for name, reason := range m.broken {
		v.add(FindingManifest, name, reason.Error())
	}
	named := map[string]bool{}
	for _, r := range m.removed {
		// It waits for its readers, or is gone.
		named[r.Path] = true
	}
	contents, sound := map[string]string{}, map[string]bool{}
	for _, f := range m.files {
		if err := ctx.Err(); err != nil {
			return v.Verification, err
		}
		named[f.Path] = true
		v.Files++
		v.Rows += f.Rows
		v.Bytes += f.Bytes
		if v.checkFile(ctx, f) {
			contents[f.SHA256], sound[f.Path] = f.Path, true
		}
	}
	if err := v.checkStrangers(ctx, named, contents); err != nil {
		return v.Verification, err
	}
	if err := v.checkHistories(ctx, m.files, sound); err != nil {
		return v.Verification, err
	}
	sortFindings(v.Findings)
	return v.Verification, nil
}

// verifier compares the files of a store with what its manifest says.
type verifier struct {
	Verification
	store store.Store
}

func (v *verifier) add(kind, path, detail string) {
	v.Findings = append(v.Findings, Finding{Kind: kind, Path: path, Detail: detail})
}

// checkFile compares one file with its manifest entry; true when it is sound.
func (v *verifier) checkFile(ctx context.Context, f File) bool {
	info, err := v.store.Stat(ctx, f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		v.add(FindingMissing, f.Path, fmt.Sprintf("%d rows are named by the manifest", f.Rows))
		return false
	case err != nil:
		v.add(FindingMissing, f.Path, err.Error())
		return false
	case info.Size < f.Bytes:
		v.add(FindingTruncated, f.Path, fmt.Sprintf("%d of %d bytes", info.Size, f.Bytes))
		return false
	}
	source, err := v.store.Open(ctx, f.Path)
	if err != nil {
		v.add(FindingMissing, f.Path, err.Error())
		return false
	}
	defer source.Close()
	sum, err := fileDigest(source)
	if err != nil || sum != f.SHA256 {
		v.add(FindingAltered, f.Path, "its SHA-256 is not the manifest's")
		return false
	}
	rows, err := fileRows(source)
	if err != nil || rows != f.Rows {
		v.add(FindingRows, f.Path, fmt.Sprintf("%d rows, the manifest says %d", rows, f.Rows))
		return false
	}
	return true
}

// checkStrangers looks for files that no manifest names.
func (v *verifier) checkStrangers(ctx context.Context, named map[string]bool, contents map[string]string) error {
	for _, table := range Tables {
		err := v.store.List(ctx, table, func(item store.Info) error {
			switch path := item.Name; {
			case named[path]:
			case strings.HasSuffix(path, store.InProgress):
				v.add(FindingUnfinished, path, "left by a crash, or being written now")
			case !strings.HasSuffix(path, ".parquet"):
				v.add(FindingOrphan, path, "no file of a dataset")
			case strings.HasPrefix(stdpath.Base(path), compactedPrefix):
				v.add(FindingUnfinished, path, "left by a compaction that did not end; the next one removes it")
			default:
				v.addStranger(ctx, path, contents)
			}
			return ctx.Err()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *verifier) addStranger(ctx context.Context, path string, contents map[string]string) {
	sum := ""
	source, err := v.store.Open(ctx, path)
	if err == nil {
		sum, err = fileDigest(source)
		_ = source.Close()
	}
	if original, twice := contents[sum]; err == nil && twice {
		v.add(FindingDuplicated, path, "same content as "+original)
		return
	}
	v.add(FindingOrphan, path, "no manifest names it: its push was not acknowledged, or the file is not ours")
}

func fileDigest(source *store.File) (string, error) {
	hash := sha256.New()
	if _, err := io.Copy(hash, source); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// fileRows counts the rows that a file's footer states.
func fileRows(source *store.File) (int64, error) {
	reader, err := file.NewParquetReader(source.SectionReader)
	if err != nil {
		return 0, err
	}
	return reader.NumRows(), nil
}
