// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaidatasetreceiver

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// Keys in the storage.
const (
	keyCheckpoint = "checkpoint"
	keyFiles      = "files"
)

// checkpoint is how far a backfill has come.
type checkpoint struct {
	// Selection is a digest of path and selection: others begin anew.
	Selection string `json:"selection"`
	// Since and Until are the window, fixed when the backfill began.
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// File is the file being sent, Row the number of the row to go on with.
	File string `json:"file"`
	Row  int64  `json:"row"`
	Done bool   `json:"done"`
	// Round counts the lists of files from 0, Replaced is true when another one must
	// follow, and Latest is the last start in the first one's files.
	Round    int       `json:"round,omitempty"`
	Replaced bool      `json:"replaced,omitempty"`
	Latest   time.Time `json:"latest,omitzero"`
	// Lots counts the lots of spans that were sent.
	Lots int64 `json:"lots,omitempty"`
	// Counts are those of all runs of this backfill.
	Counts counts `json:"counts"`
}

// counts is what became of spans and files.
type counts struct {
	Sent            int64 `json:"sent"`
	Refused         int64 `json:"refused"`
	ConditionFailed int64 `json:"condition_failed"`
	OwnSkipped      int64 `json:"own_skipped"`
	Files           int64 `json:"files"`
	BrokenFiles     int64 `json:"broken_files"`
}

// selectionDigest names a backfill.
func selectionDigest(root string, selection SelectConfig) (string, error) {
	content, err := json.Marshal(struct {
		Root   string
		Select SelectConfig
	}{root, selection})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:16]), nil
}

// openStorage returns a client of the storage extension; one that keeps nothing
// without id.
func openStorage(ctx context.Context, host component.Host, id *component.ID, receiver component.ID) (storage.Client, error) {
	if id == nil {
		return storage.NewNopClient(), nil
	}
	found, ok := host.GetExtensions()[*id]
	if !ok {
		return nil, fmt.Errorf("storage: extension %q is not there: list it under service::extensions", id)
	}
	extension, ok := found.(storage.Extension)
	if !ok {
		return nil, fmt.Errorf("storage: extension %q is no storage extension", id)
	}
	client, err := extension.GetClient(ctx, component.KindReceiver, receiver, "")
	if err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	return client, nil
}

// load returns the checkpoint and the list of files of a backfill, or nil when
// the storage holds none of this selection.
func load(ctx context.Context, client storage.Client, selection string) (*checkpoint, []string, error) {
	content, err := client.Get(ctx, keyCheckpoint)
	if err != nil || content == nil {
		return nil, nil, err
	}
	var c checkpoint
	if err := json.Unmarshal(content, &c); err != nil {
		return nil, nil, fmt.Errorf("checkpoint: %w", err)
	}
	if c.Selection != selection {
		return nil, nil, forget(ctx, client, c.Lots)
	}
	packed, err := client.Get(ctx, keyFiles)
	if err != nil {
		return nil, nil, err
	}
	files, err := unpack(packed)
	return &c, files, err
}

// begin stores a fresh checkpoint with its list of files.
func (c *checkpoint) begin(ctx context.Context, client storage.Client, files []string) error {
	content, err := json.Marshal(c)
	if err != nil {
		return err
	}
	packed, err := pack(files)
	if err != nil {
		return err
	}
	return client.Batch(ctx, storage.SetOperation(keyFiles, packed), storage.SetOperation(keyCheckpoint, content))
}

// save stores the checkpoint together with what else changes.
func (c *checkpoint) save(ctx context.Context, client storage.Client, more ...*storage.Operation) error {
	content, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return client.Batch(ctx, append(more, storage.SetOperation(keyCheckpoint, content))...)
}

func pack(files []string) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, strings.Join(files, "\n")); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func unpack(packed []byte) ([]string, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("checkpoint: list of files: %w", err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: list of files: %w", err)
	}
	if len(text) == 0 {
		return nil, nil
	}
	return strings.Split(string(text), "\n"), nil
}
