// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// largeRegistry writes prompts of some versions each, of about 2 kB, with a
// release for every prompt and shared partials.
func largeRegistry(b testing.TB, prompts, versions int) string {
	dir := b.TempDir()
	g := generator{rand.New(rand.NewPCG(1, 1))}
	write := func(rel string, value any) {
		full := filepath.Join(dir, filepath.FromSlash(rel))
		require.NoError(b, os.MkdirAll(filepath.Dir(full), 0o755))
		require.NoError(b, os.WriteFile(full, encode(value), 0o600))
	}
	for i := range 20 {
		text := strings.Join(g.words(60), " ")
		write(fmt.Sprintf("partials/part-%d/versions/1.yaml", i), versionFile{Version: "1", Time: stamp(may), Content: &text})
	}
	for p := range prompts {
		name := fmt.Sprintf("team-%d/prompt-%d", p%50, p)
		parts := strings.Fields(strings.Join(g.words(300), " "))
		for v := range versions {
			parts[g.IntN(len(parts))] = fmt.Sprintf("{{v%d}}", g.IntN(4))
			parts = g.edit(parts)
			text := fmt.Sprintf("You are assistant %d.\n%s\n{{> part-%d@1}}\n", p, strings.Join(parts, " "), p%20)
			version := fmt.Sprintf("v%d", v+1)
			write(fmt.Sprintf("prompts/%s/versions/%s.yaml", name, version),
				versionFile{Version: version, Author: "ann", Time: stamp(may.Add(time.Duration(v) * time.Hour)), Message: "Edit.", Template: &text})
		}
		write("releases/"+name+".yaml", []releaseFile{{Environment: "production", Time: stamp(may), Author: "ann", Targets: []targetFile{{Version: "v1", Weight: 100}}}})
	}
	return dir
}

// BenchmarkLoad reads a registry of 10,000 versions: one version of each of 10,000
// prompts, and ten of each of 1,000; and looks at it again, unchanged and after one
// edit. heap-MB is what the snapshot holds, cpu-s the processor time of all threads.
func BenchmarkLoad(b *testing.B) {
	for _, size := range []struct{ prompts, versions int }{{10_000, 1}, {1_000, 10}} {
		name := fmt.Sprintf("%dx%d", size.prompts, size.versions)
		dir := largeRegistry(b, size.prompts, size.versions)
		b.Run(name+"/all", func(b *testing.B) { benchmarkLoad(b, dir) })
		l := settled(b, dir)
		b.Run(name+"/unchanged", func(b *testing.B) {
			for b.Loop() {
				if _, changed := l.reload(false); changed {
					b.Fatal("nothing changed")
				}
			}
		})
		b.Run(name+"/one-edit", func(b *testing.B) {
			used := -processorTime(b)
			defer func() { reportProcessor(b, used+processorTime(b)) }()
			for i := 0; b.Loop(); i++ {
				put(b, dir, "prompts/new/versions/1.yaml", fmt.Sprintf("template: Report number %d.\n", i))
				if _, changed := l.reload(false); !changed {
					b.Fatal("the edit was not seen")
				}
			}
		})
	}
}

func benchmarkLoad(b *testing.B, dir string) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var s *Snapshot
	used := -processorTime(b)
	for b.Loop() {
		var problems []Problem
		if s, problems = Load(dir); len(problems) > 0 {
			b.Fatal(problems[0])
		}
	}
	reportProcessor(b, used+processorTime(b))
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "heap-MB")
	runtime.KeepAlive(s)
}

// processorTime is what the process used, which a busy machine changes less than the
// time on the wall.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func reportProcessor(b *testing.B, used time.Duration) {
	b.Helper()
	b.ReportMetric(used.Seconds()/float64(b.N), "cpu-s/op")
}

// settled is a loader that has read a folder of files that are not new.
func settled(b *testing.B, dir string) *loader {
	old := time.Now().Add(-time.Hour)
	require.NoError(b, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		return os.Chtimes(path, old, old)
	}))
	l := newLoader(dir)
	l.load()
	return l
}
