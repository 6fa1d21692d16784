// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// manifestDir holds one entry for each push.
const manifestDir = "_manifest"

// File is one Parquet file of the dataset, as its manifest entry states it.
type File struct {
	Table string `json:"table"`
	// Path is relative to the dataset, with forward slashes.
	Path    string    `json:"path"`
	Rows    int64     `json:"rows"`
	MinTime time.Time `json:"min_time,omitzero"`
	MaxTime time.Time `json:"max_time,omitzero"`
	Bytes   int64     `json:"bytes"`
	SHA256  string    `json:"sha256"`
}

// entry is the manifest of one push.
type entry struct {
	Format int    `json:"format"`
	Files  []File `json:"files"`
}

// putManifest writes the entry of a push. Its name is made from its content, so
// that a retried push meets its own.
func (s *storage) putManifest(files []File, dirty map[string]bool) error {
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	content, err := json.MarshalIndent(entry{Format: Format, Files: files}, "", " ")
	if err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	_, err = s.put(manifestDir+"/"+digest(content)[:32]+".json", content, dirty)
	return err
}

// readManifest returns all files that manifests name, by path, and the manifest
// files that cannot be read with the reason.
func readManifest(root string) (files []File, broken map[string]error, err error) {
	dir := filepath.Join(root, manifestDir)
	list, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("manifest: %w", err)
	}
	broken = map[string]error{}
	seen := map[string]bool{}
	for _, item := range list {
		if !strings.HasSuffix(item.Name(), ".json") {
			continue
		}
		name := manifestDir + "/" + item.Name()
		e, err := readEntry(filepath.Join(dir, item.Name()))
		if err != nil {
			broken[name] = err
			continue
		}
		for _, f := range e.Files {
			if !seen[f.Path] {
				seen[f.Path] = true
				files = append(files, f)
			}
		}
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files, broken, nil
}

func readEntry(path string) (entry, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return entry{}, err
	}
	var e entry
	if err := json.Unmarshal(content, &e); err != nil {
		return entry{}, err
	}
	if e.Format > Format {
		return entry{}, fmt.Errorf("format %d is newer than %d: use a newer spanloop", e.Format, Format)
	}
	for _, f := range e.Files {
		if !filepath.IsLocal(filepath.FromSlash(f.Path)) {
			return entry{}, fmt.Errorf("path %q leaves the dataset", f.Path)
		}
	}
	return e, nil
}
