// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// marker tells a folder of the demo from one that must not be removed.
const marker = ".spanloop-demo"

// folder is where a run keeps what it makes.
type folder struct{ root string }

func (f folder) dataset() string  { return filepath.Join(f.root, "dataset") }
func (f folder) registry() string { return filepath.Join(f.root, "registry") }
func (f folder) logs() string     { return filepath.Join(f.root, "logs") }

// remake removes what an earlier run left and copies the registry, so that
// whatever is tried afterwards changes no file of the checkout.
func (f folder) remake(registry string) error {
	entries, err := os.ReadDir(f.root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("%w: %w", errUsage, err)
	case len(entries) > 0:
		if _, err := os.Lstat(filepath.Join(f.root, marker)); err != nil {
			return fmt.Errorf("%w: %s holds files that are not the demo's: remove it, or name another folder with --dir", errUsage, f.root)
		}
	}
	for _, path := range []string{f.dataset(), f.registry(), f.logs()} {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(f.logs(), 0o750); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(f.root, marker), nil, 0o600); err != nil {
		return err
	}
	if err := os.CopyFS(f.registry(), os.DirFS(registry)); err != nil {
		return fmt.Errorf("copy the registry: %w", err)
	}
	return nil
}
