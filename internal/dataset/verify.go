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
	"os"
	stdpath "path"
	"path/filepath"
	"strings"

	"github.com/apache/arrow-go/v18/parquet/file"
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
// altered, of another row count, stored twice, or named by no manifest.
func (d *Dataset) Verify(ctx context.Context) (Verification, error) {
	m, err := loadManifest(d.root)
	if err != nil {
		return Verification{}, err
	}
	v := Verification{}
	for name, reason := range m.broken {
		v.add(FindingManifest, name, reason.Error())
	}
	named := map[string]bool{}
	for _, r := range m.removed {
		// It waits for its readers, or is gone.
		named[r.Path] = true
	}
	contents := map[string]string{}
	for _, f := range m.files {
		if err := ctx.Err(); err != nil {
			return v, err
		}
		named[f.Path] = true
		v.Files++
		v.Rows += f.Rows
		v.Bytes += f.Bytes
		if v.checkFile(d.root, f) {
			contents[f.SHA256] = f.Path
		}
	}
	if err := v.checkStrangers(d.root, named, contents); err != nil {
		return v, err
	}
	sortFindings(v.Findings)
	return v, nil
}

func (v *Verification) add(kind, path, detail string) {
	v.Findings = append(v.Findings, Finding{Kind: kind, Path: path, Detail: detail})
}

// checkFile compares one file with its manifest entry; true when it is sound.
func (v *Verification) checkFile(root string, f File) bool {
	path := filepath.Join(root, filepath.FromSlash(f.Path))
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		v.add(FindingMissing, f.Path, fmt.Sprintf("%d rows are named by the manifest", f.Rows))
		return false
	case err != nil:
		v.add(FindingMissing, f.Path, err.Error())
		return false
	case info.Size() < f.Bytes:
		v.add(FindingTruncated, f.Path, fmt.Sprintf("%d of %d bytes", info.Size(), f.Bytes))
		return false
	}
	sum, err := fileDigest(path)
	if err != nil || sum != f.SHA256 {
		v.add(FindingAltered, f.Path, "its SHA-256 is not the manifest's")
		return false
	}
	rows, err := fileRows(path)
	if err != nil || rows != f.Rows {
		v.add(FindingRows, f.Path, fmt.Sprintf("%d rows, the manifest says %d", rows, f.Rows))
		return false
	}
	return true
}

// checkStrangers looks for files that no manifest names.
func (v *Verification) checkStrangers(root string, named map[string]bool, contents map[string]string) error {
	for _, table := range Tables {
		paths, err := globFiles(root, table, "")
		if err != nil {
			return err
		}
		for _, path := range paths {
			switch {
			case named[path]:
			case strings.HasSuffix(path, inProgress):
				v.add(FindingUnfinished, path, "left by a crash, or being written now")
			case !strings.HasSuffix(path, ".parquet"):
				v.add(FindingOrphan, path, "no file of a dataset")
			case strings.HasPrefix(stdpath.Base(path), compactedPrefix):
				v.add(FindingUnfinished, path, "left by a compaction that did not end; the next one removes it")
			default:
				v.addStranger(root, path, contents)
			}
		}
	}
	return nil
}

func (v *Verification) addStranger(root, path string, contents map[string]string) {
	sum, err := fileDigest(filepath.Join(root, filepath.FromSlash(path)))
	if original, twice := contents[sum]; err == nil && twice {
		v.add(FindingDuplicated, path, "same content as "+original)
		return
	}
	v.add(FindingOrphan, path, "no manifest names it: its push was not acknowledged, or the file is not ours")
}

// globFiles lists files below a folder of the dataset, slash-separated and
// relative to the dataset.
func globFiles(root, dir, suffix string) ([]string, error) {
	var paths []string
	err := filepath.WalkDir(filepath.Join(root, dir), func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, suffix) {
			return err
		}
		relative, err := filepath.Rel(root, path)
		paths = append(paths, filepath.ToSlash(relative))
		return err
	})
	return paths, err
}

func fileDigest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

func fileRows(path string) (int64, error) {
	reader, err := file.OpenParquetFile(path, false)
	if err != nil {
		return 0, err
	}
	defer reader.Close()
	return reader.NumRows(), nil
}
