// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/dataset/store"
)

// Verify finds each kind of damage, names the file, and nothing else.
func TestVerifyFindsDamage(t *testing.T) {
	damage := []struct {
		kind string
		do   func(t *testing.T, file string) (damaged string)
	}{
		{FindingMissing, func(t *testing.T, file string) string { require.NoError(t, os.Remove(file)); return file }},
		{FindingTruncated, func(t *testing.T, file string) string { require.NoError(t, os.Truncate(file, 100)); return file }},
		{FindingTruncated, func(t *testing.T, file string) string { require.NoError(t, os.Truncate(file, 0)); return file }},
		{FindingAltered, func(t *testing.T, file string) string {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			content[len(content)/2] ^= 1
			require.NoError(t, os.WriteFile(file, content, 0o600))
			return file
		}},
		{FindingAltered, func(t *testing.T, file string) string {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(file, bytes.Join([][]byte{content, []byte("more")}, nil), 0o600))
			return file
		}},
		{FindingRows, func(t *testing.T, file string) string {
			restate(t, file, func(f *File) { f.Rows++ })
			return file
		}},
		{FindingDuplicated, func(t *testing.T, file string) string {
			twin := filepath.Join(filepath.Dir(file), "twin.parquet")
			copyFile(t, file, twin)
			return twin
		}},
		{FindingOrphan, func(t *testing.T, file string) string {
			stranger := filepath.Join(filepath.Dir(file), "stranger.parquet")
			require.NoError(t, os.WriteFile(stranger, []byte("PAR1"), 0o600))
			return stranger
		}},
		{FindingUnfinished, func(t *testing.T, file string) string {
			require.NoError(t, os.WriteFile(file+store.InProgress, []byte("PAR1"), 0o600))
			return file + store.InProgress
		}},
	}
	for _, d := range damage {
		t.Run(d.kind, func(t *testing.T) {
			w, dir := newWriter(t, WriterOptions{})
			_, err := w.WriteTraces(t.Context(), chat(5))
			require.NoError(t, err)
			set, err := Open(dir)
			require.NoError(t, err)
			sound, err := set.Verify(t.Context())
			require.NoError(t, err)
			require.Empty(t, sound.Findings)
			require.EqualValues(t, 5, sound.Rows)
			files, err := set.Files(t.Context(), TableSpans)
			require.NoError(t, err)
			damaged := d.do(t, filepath.Join(dir, filepath.FromSlash(files[0].Path)))
			v, err := set.Verify(t.Context())
			require.NoError(t, err)
			require.Len(t, v.Findings, 1)
			relative, err := filepath.Rel(dir, damaged)
			require.NoError(t, err)
			assert.Equal(t, d.kind, v.Findings[0].Kind)
			assert.Equal(t, filepath.ToSlash(relative), v.Findings[0].Path)
			assert.NotEmpty(t, v.Findings[0].Detail)
		})
	}
}

func copyFile(t *testing.T, from, to string) {
	content, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, content, 0o600))
}

// A push that was killed before its manifest leaves texts that later ones store
// again: no copy of theirs, which would be a damage.
func TestVerifyTakesTextsOfUnfinishedPushesForOrphans(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	_, err := w.WriteTraces(t.Context(), withText(agedCall{id: 1, prompt: "p", version: "1", at: noon}))
	require.NoError(t, err)
	set := openSet(t, dir)
	files, err := set.Files(t.Context(), TablePrompts)
	require.NoError(t, err)
	require.NotEmpty(t, files)
	copyFile(t, filepath.Join(dir, filepath.FromSlash(files[0].Path)), filepath.Join(dir, TablePrompts, "unfinished.parquet"))
	v, err := set.Verify(t.Context())
	require.NoError(t, err)
	require.Len(t, v.Findings, 1)
	assert.Equal(t, FindingOrphan, v.Findings[0].Kind)
}

// A manifest that is broken or of hostile paths is named, and
// reads nothing outside of the dataset.
func TestVerifyFindsBrokenManifests(t *testing.T) {
	for name, content := range map[string]string{
		"broken":  `{"format":1,"files":[`,
		"outside": `{"format":1,"files":[{"table":"spans","path":"../../etc/passwd","rows":1}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			w, dir := newWriter(t, WriterOptions{})
			_, err := w.WriteTraces(t.Context(), chat(2))
			require.NoError(t, err)
			path := filepath.Join(dir, manifestDir, "x.json")
			require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
			set, err := Open(dir)
			require.NoError(t, err)
			v, err := set.Verify(t.Context())
			require.NoError(t, err)
			require.Len(t, v.Findings, 1)
			assert.Equal(t, FindingManifest, v.Findings[0].Kind)
			assert.Equal(t, manifestDir+"/x.json", v.Findings[0].Path)
			assert.Equal(t, 2, readAll(t, dir, Filter{}).SpanCount(), "the good entry is read")
		})
	}
}

// A file whose rows are gone says so instead of returning fewer.
func TestReadNamesBrokenFile(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	_, err := w.WriteTraces(t.Context(), chat(2))
	require.NoError(t, err)
	set, err := Open(dir)
	require.NoError(t, err)
	files, err := set.Files(t.Context(), TableSpans)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(filepath.Join(dir, files[0].Path), 50))
	_, err = set.ReadTraces(t.Context(), Filter{})
	require.Error(t, err)
	assert.Contains(t, err.Error(), files[0].Path)
}

// restate changes what the only manifest entry of a dataset says of a file.
func restate(t *testing.T, file string, change func(*File)) {
	t.Helper()
	root, _, found := strings.Cut(file, "/"+TableSpans+"/")
	require.True(t, found, file)
	entries, err := filepath.Glob(filepath.Join(root, manifestDir, "*.json"))
	require.NoError(t, err)
	require.Len(t, entries, 1)
	content, err := os.ReadFile(entries[0])
	require.NoError(t, err)
	var e entry
	require.NoError(t, json.Unmarshal(content, &e))
	for i := range e.Files {
		if filepath.Join(root, filepath.FromSlash(e.Files[i].Path)) == file {
			change(&e.Files[i])
		}
	}
	content, err = json.Marshal(e)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(entries[0], content, 0o600))
}

// Files that were taken out of the dataset are no fault, whether they are still
// there or not; a new one that was never taken in is unfinished.
func TestVerifyKnowsRemovals(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	_, err := w.WriteTraces(t.Context(), chat(5))
	require.NoError(t, err)
	set, err := Open(dir)
	require.NoError(t, err)
	files, err := set.Files(t.Context(), TableSpans)
	require.NoError(t, err)
	old := filepath.Join(dir, filepath.FromSlash(files[0].Path))
	content, err := os.ReadFile(old)
	require.NoError(t, err)
	merged := filepath.Join(filepath.Dir(old), compactedPrefix+"1.parquet")
	require.NoError(t, os.WriteFile(merged, content, 0o600))

	v, err := set.Verify(t.Context())
	require.NoError(t, err)
	require.Len(t, v.Findings, 1)
	assert.Equal(t, FindingUnfinished, v.Findings[0].Kind)

	f := files[0]
	f.Path = filepath.ToSlash(filepath.Dir(files[0].Path)) + "/" + filepath.Base(merged)
	_, err = putEntry(t.Context(), w.storage, entry{Files: []File{f}, Removed: []Removal{{File: files[0]}}})
	require.NoError(t, err)
	for range 2 {
		v, err = set.Verify(t.Context())
		require.NoError(t, err)
		assert.Empty(t, v.Findings)
		assert.EqualValues(t, 5, v.Rows)
		_ = os.Remove(old)
	}
}

// A push that ends while a dataset is verified leaves no finding.
func TestVerifyForgetsWhatChangedMeanwhile(t *testing.T) {
	w, dir := newWriter(t, WriterOptions{})
	d, err := Open(dir)
	require.NoError(t, err)
	before, err := loadManifest(t.Context(), d.store)
	require.NoError(t, err)
	_, err = w.WriteTraces(t.Context(), chat(2))
	require.NoError(t, err)
	files, err := d.Files(t.Context(), TableSpans)
	require.NoError(t, err)
	v := verifier{store: d.store, manifest: before}
	v.add(FindingOrphan, files[0].Path, "not named yet")
	v.add(FindingOrphan, "spans/other.parquet", "never named")
	require.NoError(t, v.forgetChanges(t.Context()))
	require.Len(t, v.Findings, 1)
	assert.Equal(t, "spans/other.parquet", v.Findings[0].Path)
}
