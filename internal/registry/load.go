// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"errors"
	"hash/maphash"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Load reads a registry directory. The snapshot is never nil: what is refused
// is left out of it and listed in the problems, sorted by file and line.
func Load(dir string) (*Snapshot, []Problem) {
	s := newLoader(dir).load()
	return s, s.problems
}

// loader reads a directory again and again and parses only files that changed.
type loader struct {
	dir   string
	known map[string]*parsedFile
	// seen is the list of files of the last load, to tell that nothing changed.
	seen  []sourceFile
	noted []Problem
	// unsettled is true when a file was changed so shortly before it was read that
	// another change may have left it the same time and size.
	unsettled bool
	seed      maphash.Seed
}

// settleTime is how old a file's time must be to tell it from a later one: file
// systems keep it to a tick of the clock, some to two seconds.
const settleTime = 3 * time.Second

func (f sourceFile) settled() bool {
	age := time.Since(f.mtime)
	return age > settleTime || age < -settleTime
}

func newLoader(dir string) *loader {
	return &loader{dir: dir, known: map[string]*parsedFile{}, seed: maphash.MakeSeed()}
}

func (l *loader) load() *Snapshot {
	s, _ := l.reload(true)
	return s
}

// reload returns false when the directory is as it was.
func (l *loader) reload(force bool) (*Snapshot, bool) {
	root, err := os.OpenRoot(l.dir)
	if err != nil {
		reason := "cannot be opened: " + plain(err)
		if errors.Is(err, fs.ErrNotExist) {
			reason = "no such folder: the registry is empty until it appears"
		}
		problems := []Problem{{File: l.dir, Reason: reason, unit: wholeRegistry}}
		if !force && l.seen == nil && slices.Equal(problems, l.noted) {
			return nil, false
		}
		l.seen, l.noted = nil, problems
		s := newBuilder(l.dir, nil).snapshot()
		s.problems = problems
		s.index()
		return s, true
	}
	defer root.Close()
	files, problems := scan(l.dir, root)
	same := !force && slices.Equal(files, l.seen) && slices.Equal(problems, l.noted)
	if same && !l.unsettled {
		return nil, false
	}
	l.seen, l.noted = files, problems
	parsed, changed := l.parseAll(root, files)
	if same && !changed {
		return nil, false
	}
	b := newBuilder(l.dir, parsed)
	s := b.snapshot()
	s.problems = append(slices.Clone(problems), b.problems...)
	sortProblems(s.problems)
	s.index()
	return s, true
}

// wholeRegistry is the unit of problems that concern everything.
const wholeRegistry = "*"

func sortProblems(problems []Problem) {
	slices.SortStableFunc(problems, func(x, y Problem) int {
		if c := strings.Compare(x.File, y.File); c != 0 {
			return c
		}
		return x.Line - y.Line
	})
}

// parseAll parses in parallel what is new or changed, and reports whether
// anything was.
func (l *loader) parseAll(root *os.Root, files []sourceFile) ([]*parsedFile, bool) {
	out := make([]*parsedFile, len(files))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), 8) {
		workers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(files) {
					return
				}
				out[i] = l.parseOne(root, files[i])
			}
		})
	}
	workers.Wait()
	changed := len(out) != len(l.known)
	known := make(map[string]*parsedFile, len(out))
	l.unsettled = false
	for _, f := range out {
		known[f.rel] = f
		changed = changed || l.known[f.rel] != f
		l.unsettled = l.unsettled || !f.settledWhenRead
	}
	l.known = known
	return out, changed
}

func (l *loader) parseOne(root *os.Root, f sourceFile) *parsedFile {
	old := l.known[f.rel]
	if old != nil && old.sourceFile != f {
		old = nil
	}
	if old != nil && f.settled() && old.settledWhenRead {
		return old
	}
	p := &parsedFile{sourceFile: f, settledWhenRead: f.settled()}
	data, err := root.ReadFile(f.rel)
	if err != nil {
		p.err, p.settledWhenRead = errors.New("cannot be read: "+plain(err)), false
		if old != nil && old.err != nil && old.err.Error() == p.err.Error() {
			return old
		}
		return p
	}
	p.sum = maphash.Bytes(l.seed, data)
	if old != nil && old.sum == p.sum && p.sum != 0 {
		old.settledWhenRead = p.settledWhenRead
		return old
	}
	p.value, p.err = parse(f, data)
	return p
}
