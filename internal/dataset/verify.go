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
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/parquet/file"

	"github.com/spanloop/spanloop/internal/dataset/store"
)

// Verify compares every file with the manifest: what is missing, cut short,
// altered, of another row count, stored twice, moved, in a folder that its rows
// do not belong in, or named by no manifest; and every reference to a message
// with its partition.
func (d *Dataset) Verify(ctx context.Context) (Verification, error) {
	m, err := loadManifest(ctx, d.store)
	if err != nil {
		return Verification{}, err
	}
	v := verifier{store: d.store, manifest: m, contents: map[string]string{}, lost: map[string]string{}}
	for name, reason := range m.broken {
		if errors.Is(reason, ErrNewer) {
			v.add(FindingNewer, name, reason.Error()+": what files it names or removes is not known")
			continue
		}
		v.add(FindingManifest, name, "cannot be read: "+reason.Error())
	}
	sound := map[string]bool{}
	for _, f := range m.files {
		if err := ctx.Err(); err != nil {
			return v.Verification, err
		}
		v.Files++
		v.Rows += f.Rows
		v.Bytes += f.Bytes
		sound[f.Path] = v.checkFile(ctx, f)
		if sound[f.Path] {
			v.noteContent(f)
		}
		if v.unavailable != nil {
			return v.Verification, v.unavailable
		}
	}
	if err := v.checkStrangers(ctx); err != nil {
		return v.Verification, err
	}
	if err := v.checkHistories(ctx, m.files, sound); err != nil {
		return v.Verification, err
	}
	if err := v.checkRows(ctx, m.files, sound); err != nil {
		return v.Verification, err
	}
	if err := v.forgetChanges(ctx); err != nil {
		return v.Verification, err
	}
	sortFindings(v.Findings)
	sortFindings(v.Remarks)
	return v.Verification, nil
}

// verifier compares the files of a store with what its manifest says.
type verifier struct {
	Verification
	store    store.Store
	manifest manifest
	// contents are the sound files, and lost the missing ones, by their SHA-256.
	contents, lost map[string]string
	// unavailable is the error of a store that does not answer: no finding.
	unavailable error
}

func (v *verifier) add(kind, path, detail string) {
	v.Findings = append(v.Findings, Finding{Kind: kind, Path: path, Detail: detail, Advice: advice[kind]})
}

// noteContent notes what a sound file holds. Names are made from content: the
// same content under two names is a copy, but for messages and the texts of prompts
// and tools, which several pushes may store, acknowledged or not, and readers count
// once.
func (v *verifier) noteContent(f File) {
	if slices.Contains([]string{TableMessages, TablePrompts, TableTools}, f.Table) {
		return
	}
	if original, twice := v.contents[f.SHA256]; twice {
		v.add(FindingDuplicated, f.Path, "same content as "+original+", and both are in the manifest: every row counts twice for who reads the files themselves")
		return
	}
	v.contents[f.SHA256] = f.Path
}

// forgetChanges drops what others changed meanwhile: files that a push or a
// compaction took into the manifest or out of it.
func (v *verifier) forgetChanges(ctx context.Context) error {
	if len(v.Findings) == 0 {
		return nil
	}
	now, err := loadManifest(ctx, v.store)
	if err != nil {
		return err
	}
	before, after := v.manifest.paths(), now.paths()
	v.Findings = slices.DeleteFunc(v.Findings, func(f Finding) bool {
		return f.Kind != FindingManifest && before[f.Path] != after[f.Path]
	})
	return nil
}

// paths tells of each file that entries name whether it is part of the dataset.
func (m *manifest) paths() map[string]bool {
	named := map[string]bool{}
	for _, r := range m.removed {
		named[r.Path] = false
	}
	for _, f := range m.files {
		named[f.Path] = true
	}
	return named
}

// checkFile compares one file with its manifest entry; true when it is sound.
func (v *verifier) checkFile(ctx context.Context, f File) bool {
	info, err := v.store.Stat(ctx, f.Path)
	switch {
	case errors.Is(err, store.ErrUnavailable):
		v.unavailable = err
		return false
	case errors.Is(err, fs.ErrNotExist):
		v.add(FindingMissing, f.Path, fmt.Sprintf("the manifest names it, with %d rows", f.Rows))
		if v.lost != nil {
			v.lost[f.SHA256] = f.Path
		}
		return false
	case err != nil:
		v.add(FindingMissing, f.Path, err.Error())
		return false
	case info.Size < f.Bytes:
		v.add(FindingTruncated, f.Path, fmt.Sprintf("%d of %d bytes", info.Size, f.Bytes))
		return false
	}
	source, err := v.store.Open(ctx, f.Path)
	if errors.Is(err, store.ErrUnavailable) {
		v.unavailable = err
		return false
	}
	if err != nil {
		v.add(FindingMissing, f.Path, err.Error())
		return false
	}
	defer source.Close()
	sum, err := fileDigest(source)
	if errors.Is(err, store.ErrUnavailable) {
		v.unavailable = err
		return false
	}
	if err != nil || sum != f.SHA256 {
		v.add(FindingAltered, f.Path, "its SHA-256 is not the manifest's")
		return false
	}
	rows, err := fileRows(source)
	if errors.Is(err, ErrNewer) {
		v.add(FindingNewer, f.Path, err.Error())
		return false
	}
	if err != nil || rows != f.Rows {
		v.add(FindingRows, f.Path, fmt.Sprintf("%d rows, the manifest says %d", rows, f.Rows))
		return false
	}
	return true
}

// checkStrangers looks for files that no manifest names, and for unfinished ones.
func (v *verifier) checkStrangers(ctx context.Context) error {
	named := v.manifest.paths()
	return v.store.List(ctx, "", func(item store.Info) error {
		_, known := named[item.Name]
		table, _, _ := strings.Cut(item.Name, "/")
		switch name := item.Name; {
		case known || table == quarantineDir:
		case strings.HasSuffix(name, store.InProgress):
			v.add(FindingUnfinished, name, "left by a crash, or being written now")
		case !slices.Contains(Tables, table):
			// Whatever else a folder holds, nobody reads it as part of the dataset.
		case !strings.HasSuffix(name, ".parquet"):
			v.add(FindingOrphan, name, "no file of a dataset")
		case v.addNewer(ctx, name):
		case strings.HasPrefix(stdpath.Base(name), compactedPrefix) && len(v.manifest.broken) == 0:
			v.add(FindingUnfinished, name, "left by a compaction that did not end; the next one removes it")
		default:
			v.addStranger(ctx, name)
		}
		return ctx.Err()
	})
}

// addNewer names a file of a newer format that no entry names; false for others.
func (v *verifier) addNewer(ctx context.Context, path string) bool {
	err := formatOf(ctx, v.store, path)
	if !errors.Is(err, ErrNewer) {
		return false
	}
	v.add(FindingNewer, path, err.Error()+"; no manifest entry that this version reads names it")
	return true
}

func (v *verifier) addStranger(ctx context.Context, path string) {
	sum := ""
	source, err := v.store.Open(ctx, path)
	if err == nil {
		sum, err = fileDigest(source)
		_ = source.Close()
	}
	if v.manifest.newer() != nil {
		// The entry of a newer format may name it.
		return
	}
	if original, twice := v.contents[sum]; err == nil && twice {
		v.add(FindingDuplicated, path, "same content as "+original)
		return
	}
	if home, missing := v.lost[sum]; err == nil && missing {
		v.add(FindingMisplaced, path, "the content of "+home+", which is missing")
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

// fileRows counts the rows that a file's footer states; ErrNewer for one of a newer
// format.
func fileRows(source *store.File) (int64, error) {
	reader, err := file.NewParquetReader(source.SectionReader)
	if err != nil {
		return 0, err
	}
	if err := checkFormat(reader); errors.Is(err, ErrNewer) {
		return 0, err
	}
	return reader.NumRows(), nil
}
