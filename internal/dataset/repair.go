// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	stdpath "path"
	"slices"
	"strings"
	"time"

	"github.com/spanloop/spanloop/internal/dataset/store"
)

// quarantineDir is where repairs move what is no part of the dataset, under the
// path that it had. Nothing reads it.
const quarantineDir = "_quarantine"

// Actions of a repair.
const (
	ActionRemove     = "remove"
	ActionQuarantine = "quarantine"
	ActionPutBack    = "put back"
	ActionName       = "name again"
	ActionForget     = "forget"
	ActionLeave      = "leave"
)

// RepairOptions say what a repair may do.
type RepairOptions struct {
	// DryRun only says what would be done.
	DryRun bool
	// AcceptLoss takes files out of the manifest that are missing or damaged.
	AcceptLoss bool
	// MinAge is how old a file must be that no manifest names: a younger one may
	// belong to a push on its way.
	MinAge time.Duration
}

// Step is one action of a repair.
type Step struct {
	Action string `json:"action"`
	Path   string `json:"path"`
	Detail string `json:"detail"`
	Done   bool   `json:"done"`
}

// Repair does what is safe about findings: no row of the dataset is lost, and
// nothing but unfinished files is deleted. It returns all steps, also those that
// it took before an error. ErrBusy tells that another process changes files.
func (d *Dataset) Repair(ctx context.Context, findings []Finding, o RepairOptions) ([]Step, error) {
	if !o.DryRun {
		locked, unlock, err := lock(ctx, d.store, time.Now)
		if err != nil {
			return nil, fmt.Errorf("repair of dataset %q: %w", d.Root(), err)
		}
		defer unlock()
		ctx = locked
	}
	m, err := loadManifest(ctx, d.store)
	if err != nil {
		return nil, err
	}
	r := repair{store: d.store, options: o, manifest: m, now: time.Now()}
	ordered := slices.Clone(findings)
	// A broken entry goes when what it may have named is named again.
	slices.SortStableFunc(ordered, func(a, b Finding) int { return order(a.Kind) - order(b.Kind) })
	for _, f := range ordered {
		if err := r.take(ctx, f); err != nil {
			return r.steps, fmt.Errorf("repair of dataset %q: %s: %w", d.Root(), f.Path, err)
		}
	}
	return r.steps, nil
}

func order(kind string) int {
	if kind == FindingManifest {
		return 1
	}
	return 0
}

// repair is one on its way.
type repair struct {
	store    store.Store
	options  RepairOptions
	manifest manifest
	now      time.Time
	steps    []Step
	// skipped tells that a file of a broken entry may be left unnamed.
	skipped bool
}

// step notes an action and takes it, unless this is a dry run.
func (r *repair) step(action, path, detail string, act func() error) error {
	s := Step{Action: action, Path: path, Detail: detail}
	var err error
	if !r.options.DryRun && act != nil {
		err = act()
		s.Done = err == nil
	}
	r.steps = append(r.steps, s)
	return err
}

func (r *repair) leave(path, why string) error { return r.step(ActionLeave, path, why, nil) }

// take decides what to do about one finding.
func (r *repair) take(ctx context.Context, f Finding) error {
	if err := r.manifest.newer(); err != nil {
		return r.leave(f.Path, err.Error())
	}
	switch f.Kind {
	case FindingMissing, FindingTruncated, FindingAltered, FindingRows:
		return r.forget(ctx, f)
	case FindingManifest:
		return r.dropEntry(ctx, f)
	case FindingDuplicated:
		if r.names(f.Path) {
			return r.step(ActionQuarantine, f.Path, f.Detail, func() error { return r.takeOut(ctx, f.Path) })
		}
	case FindingMisplaced, FindingOrphan, FindingUnfinished:
	default:
		return r.leave(f.Path, "nothing can be done about it here: "+f.Advice)
	}
	return r.takeStranger(ctx, f)
}

// takeStranger decides about a file that no manifest names.
func (r *repair) takeStranger(ctx context.Context, f Finding) error {
	info, err := r.store.Stat(ctx, f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return r.leave(f.Path, "it is gone")
	}
	if err != nil {
		return err
	}
	if age := r.now.Sub(info.Modified); age < r.options.MinAge {
		r.skipped = true
		return r.leave(f.Path, fmt.Sprintf("younger than %s: a push may be on its way", r.options.MinAge))
	}
	switch {
	case strings.HasSuffix(f.Path, store.InProgress):
		return r.step(ActionRemove, f.Path, f.Detail, func() error { return r.store.Remove(ctx, f.Path) })
	case f.Kind == FindingUnfinished:
		return r.leave(f.Path, f.Detail)
	case f.Kind == FindingMisplaced:
		return r.putBack(ctx, f)
	case f.Kind == FindingOrphan && len(r.manifest.broken) > 0:
		return r.nameAgain(ctx, f)
	}
	return r.step(ActionQuarantine, f.Path, f.Detail, func() error { return r.quarantine(ctx, f.Path) })
}

// putBack moves a file to the place of the missing one with its content.
func (r *repair) putBack(ctx context.Context, f Finding) error {
	content, err := r.store.Read(ctx, f.Path)
	if err != nil {
		return err
	}
	sum := digest(content)
	for _, home := range r.manifest.files {
		if home.SHA256 == sum {
			return r.step(ActionPutBack, f.Path, "to "+home.Path, func() error { return r.move(ctx, f.Path, home.Path, content) })
		}
	}
	return r.leave(f.Path, "its content changed meanwhile")
}

// nameAgain gives an orphan an entry of its own, when its name proves its
// content: it may be of an entry that cannot be read.
func (r *repair) nameAgain(ctx context.Context, f Finding) error {
	named, err := describeFile(ctx, r.store, f.Path)
	if err != nil {
		r.skipped = true
		return r.leave(f.Path, "an entry that cannot be read may name it, but "+err.Error())
	}
	return r.step(ActionName, f.Path, fmt.Sprintf("%d rows, in a manifest entry of its own", named.Rows), func() error {
		return r.putEntry(ctx, entry{Files: []File{named}})
	})
}

func (r *repair) putEntry(ctx context.Context, e entry) error {
	name, err := putEntry(ctx, r.store, e)
	if err != nil {
		return err
	}
	return r.store.Sync(ctx, []string{name})
}

// dropEntry moves an entry that cannot be read out of the way.
func (r *repair) dropEntry(ctx context.Context, f Finding) error {
	switch err := r.manifest.broken[f.Path]; {
	case err == nil:
		return r.leave(f.Path, "it is gone, or can be read now")
	case r.skipped:
		return r.leave(f.Path, "it may name files that could not be named again")
	}
	return r.step(ActionQuarantine, f.Path, f.Detail, func() error { return r.quarantine(ctx, f.Path) })
}

// forget takes a file that cannot be read out of the manifest, on consent.
func (r *repair) forget(ctx context.Context, f Finding) error {
	if !r.options.AcceptLoss {
		return r.leave(f.Path, f.Kind+"; "+f.Advice)
	}
	if _, err := r.store.Stat(ctx, f.Path); f.Kind == FindingMissing && err == nil {
		return r.leave(f.Path, "it is there now")
	}
	return r.step(ActionForget, f.Path, f.Detail, func() error { return r.takeOut(ctx, f.Path) })
}

// names tells whether a readable entry names a file.
func (r *repair) names(path string) bool {
	return slices.ContainsFunc(r.manifest.files, func(f File) bool { return f.Path == path })
}

// takeOut writes the entries that name a file anew without it, keeps the old ones
// in quarantine, and moves the file there too.
func (r *repair) takeOut(ctx context.Context, path string) error {
	for name, e := range r.manifest.entries {
		kept := slices.DeleteFunc(slices.Clone(e.Files), func(f File) bool { return f.Path == path })
		if len(kept) == len(e.Files) {
			continue
		}
		delete(r.manifest.entries, name)
		if e.Files = kept; len(e.Files)+len(e.Removed) > 0 {
			fresh, err := putEntry(ctx, r.store, e)
			if err != nil {
				return err
			}
			if err := r.store.Sync(ctx, []string{fresh}); err != nil {
				return err
			}
			r.manifest.entries[fresh] = e
		}
		if err := r.quarantine(ctx, name); err != nil {
			return err
		}
	}
	err := r.quarantine(ctx, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// quarantine moves a file out of the dataset, never over another one.
func (r *repair) quarantine(ctx context.Context, path string) error {
	content, err := r.store.Read(ctx, path)
	if err != nil {
		return err
	}
	target := quarantineDir + "/" + path
	err = r.move(ctx, path, target, content)
	if errors.Is(err, store.ErrDiffers) {
		err = r.move(ctx, path, target+"."+digest(content)[:12], content)
	}
	return err
}

// move makes the content durable under the new name before the old one goes.
func (r *repair) move(ctx context.Context, from, to string, content []byte) error {
	if err := r.store.Put(ctx, to, content); err != nil {
		return err
	}
	if err := r.store.Sync(ctx, []string{to}); err != nil {
		return err
	}
	if err := r.store.Remove(ctx, from); err != nil {
		return err
	}
	return r.store.Sync(ctx, []string{from})
}

// describeFile makes the manifest entry of a file whose name is made from its
// content.
func describeFile(ctx context.Context, s store.Store, path string) (File, error) {
	content, err := s.Read(ctx, path)
	if err != nil {
		return File{}, err
	}
	table, _, _ := strings.Cut(path, "/")
	f := File{Table: table, Path: path, Bytes: int64(len(content)), SHA256: digest(content)}
	name := strings.TrimPrefix(strings.TrimSuffix(stdpath.Base(path), ".parquet"), compactedPrefix)
	name, _, _ = strings.Cut(name, "-")
	if len(name) < 24 || !strings.HasPrefix(f.SHA256, name) {
		return File{}, errors.New("its name does not prove its content")
	}
	reader, err := openFile(ctx, s, path)
	if err != nil {
		return File{}, err
	}
	defer reader.Close()
	f.Rows = reader.NumRows()
	f.MinTime, f.MaxTime, err = timeRange(ctx, s, path, table)
	return f, err
}
