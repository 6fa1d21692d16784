// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// lockFile is held while a registry is written.
const lockFile = ".spanloop.lock"

// lock makes writers of one registry take turns. Readers need no lock: files
// only ever appear whole.
func lock(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	if err := lockFileExclusive(f); err != nil {
		return nil, errors.Join(fmt.Errorf("registry: %w", err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// create writes a new file below dir and fails when it exists.
func create(dir, file string, content []byte) error {
	full := filepath.Join(dir, file)
	temp, err := writeTemp(full, content)
	if err != nil {
		return err
	}
	defer os.Remove(temp)
	// A link, unlike a rename, never replaces what is there.
	if err := os.Link(temp, full); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("registry: %s exists already: versions are never overwritten", file)
		}
		return fmt.Errorf("registry: %w", err)
	}
	return syncFolder(filepath.Dir(full))
}

// replace writes a file whole or not at all.
func replace(full string, content []byte) error {
	temp, err := writeTemp(full, content)
	if err != nil {
		return err
	}
	if err := os.Rename(temp, full); err != nil {
		return errors.Join(fmt.Errorf("registry: %w", err), os.Remove(temp))
	}
	return syncFolder(filepath.Dir(full))
}

// writeTemp writes a durable file beside full under a name that readers ignore.
func writeTemp(full string, content []byte) (string, error) {
	folder := filepath.Dir(full)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", fmt.Errorf("registry: %w", err)
	}
	f, err := os.CreateTemp(folder, ".new-*")
	if err != nil {
		return "", fmt.Errorf("registry: %w", err)
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err != nil {
		return "", errors.Join(fmt.Errorf("registry: %w", err), os.Remove(f.Name()))
	}
	return f.Name(), nil
}

func syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	// Some file systems cannot sync a folder; the file itself is safe by then.
	_ = f.Sync()
	return f.Close()
}
