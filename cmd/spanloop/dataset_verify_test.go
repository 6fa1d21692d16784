// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// verified is what dataset verify says.
type verified struct {
	Files, Rows       int64
	Findings, Remarks []struct{ Kind, Path, Detail, Advice string }
	Repairs           []struct {
		Action, Path, Detail string
		Done                 bool
	}
}

// kinds are the findings and remarks, "kind path" each.
func (v *verified) kinds() []string {
	var out []string
	for _, f := range v.Findings {
		out = append(out, f.Kind+" "+f.Path)
	}
	for _, f := range v.Remarks {
		out = append(out, "remark "+f.Kind+" "+f.Path)
	}
	return out
}

// actions are the repairs, "action path" each, with a mark when they were not done.
func (v *verified) actions() []string {
	var out []string
	for _, s := range v.Repairs {
		line := s.Action + " " + s.Path
		if !s.Done {
			line += " (not done)"
		}
		out = append(out, line)
	}
	return out
}

// talks is a dataset of calls of two prompts and of none, one of them with a
// history of which the messages are stored apart.
func talks(t *testing.T) *desk {
	return emptyDesk(t).write(t, talk(), resolved("explicit", "other", "v2"), unresolved("no_match"))
}

func talk() call {
	history := strings.TrimSuffix(strings.Repeat(`{"role":"user","parts":[{"type":"text","content":"`+strings.Repeat("words ", 20)+`%d"}]},`, 3), ",")
	long := resolved("explicit", "support", "v1")
	long.attrs["gen_ai.input.messages"] = fmt.Sprintf("["+history+"]", 1, 2, 3)
	return long
}

// only is the path of the only file of a table with rows of a prompt.
func (d *desk) only(table, prompt string) string {
	d.t.Helper()
	var found []string
	for _, file := range d.parquetFiles(table) {
		if strings.Contains(file, "prompt_name="+prompt+"/") {
			found = append(found, file)
		}
	}
	require.Len(d.t, found, 1, "%s of %s", table, prompt)
	return found[0]
}

// relative is a path as findings state it.
func (d *desk) relative(path string) string {
	relative, err := filepath.Rel(d.dataset, path)
	require.NoError(d.t, err)
	return filepath.ToSlash(relative)
}

func (d *desk) copy(from, to string) string {
	d.t.Helper()
	content, err := os.ReadFile(from)
	require.NoError(d.t, err)
	require.NoError(d.t, os.MkdirAll(filepath.Dir(to), 0o750))
	require.NoError(d.t, os.WriteFile(to, content, 0o600))
	return to
}

// entryOf is the manifest entry that names a file.
func (d *desk) entryOf(file string) string {
	d.t.Helper()
	entries, err := filepath.Glob(filepath.Join(d.dataset, "_manifest", "*.json"))
	require.NoError(d.t, err)
	for _, entry := range entries {
		content, err := os.ReadFile(entry)
		require.NoError(d.t, err)
		if strings.Contains(string(content), d.relative(file)) {
			return entry
		}
	}
	require.Fail(d.t, "no entry", file)
	return ""
}

// restate changes what the manifest says of a file; change may drop the entry.
func (d *desk) restate(file string, change func(entry map[string]any) (keep bool)) {
	d.t.Helper()
	name := d.entryOf(file)
	content, err := os.ReadFile(name)
	require.NoError(d.t, err)
	var entry map[string]any
	require.NoError(d.t, json.Unmarshal(content, &entry))
	var files []any
	for _, f := range entry["files"].([]any) {
		if f.(map[string]any)["path"] != d.relative(file) || change(f.(map[string]any)) {
			files = append(files, f)
		}
	}
	entry["files"] = files
	content, err = json.Marshal(entry)
	require.NoError(d.t, err)
	require.NoError(d.t, os.WriteFile(name, content, 0o600))
}

// flip changes one bit of a file, at the offset that find tells.
func (d *desk) flip(path string, find func(*metadata.FileMetaData, int) int64) string {
	d.t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(d.t, err)
	reader, err := file.NewParquetReader(bytes.NewReader(content))
	require.NoError(d.t, err)
	at := find(reader.MetaData(), len(content))
	require.NoError(d.t, reader.Close())
	require.Positive(d.t, at+1)
	content[at] ^= 4
	require.NoError(d.t, os.WriteFile(path, content, 0o600))
	return "altered " + d.relative(path)
}

func chunk(t *testing.T, m *metadata.FileMetaData, column string) *metadata.ColumnChunkMetaData {
	t.Helper()
	c, err := m.RowGroup(0).ColumnChunk(m.Schema.ColumnIndexByName(column))
	require.NoError(t, err)
	return c
}

// age makes every file of the dataset two hours old.
func (d *desk) age() {
	old := time.Now().Add(-2 * time.Hour)
	require.NoError(d.t, filepath.WalkDir(d.dataset, func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			err = os.Chtimes(path, old, old)
		}
		return err
	}))
}

// damage is one fault: what it is done to, what is found, and what a repair does
// and leaves.
type damage struct {
	// do damages the dataset and returns the findings to be made.
	do func(t *testing.T, d *desk) []string
	// repair are the actions of --repair in order, by their verbs.
	repair []string
	// lasts tells that --repair alone leaves findings, and loss how many rows
	// less there are with --accept-loss.
	lasts bool
	loss  int64
}

func damages() map[string]damage {
	kept := []string{"leave"}
	flipped := func(find func(t *testing.T, m *metadata.FileMetaData, size int) int64) damage {
		return damage{repair: kept, lasts: true, loss: 1, do: func(t *testing.T, d *desk) []string {
			return []string{d.flip(d.only("spans", "support"), func(m *metadata.FileMetaData, size int) int64 { return find(t, m, size) })}
		}}
	}
	all := map[string]damage{
		"deleted": {repair: kept, lasts: true, loss: 1, do: func(t *testing.T, d *desk) []string {
			file := d.only("spans", "support")
			require.NoError(t, os.Remove(file))
			return []string{"missing " + d.relative(file)}
		}},
		"truncated": {repair: kept, lasts: true, loss: 1, do: func(t *testing.T, d *desk) []string {
			file := d.only("spans", "support")
			info, err := os.Stat(file)
			require.NoError(t, err)
			require.NoError(t, os.Truncate(file, info.Size()-1))
			return []string{"truncated " + d.relative(file)}
		}},
		"a byte of a page": flipped(func(t *testing.T, m *metadata.FileMetaData, _ int) int64 {
			return chunk(t, m, "output_messages").DataPageOffset() + 40
		}),
		"a byte of a bloom filter": flipped(func(t *testing.T, m *metadata.FileMetaData, _ int) int64 {
			return chunk(t, m, "span_id").BloomFilterOffset() + 30
		}),
		"a byte behind the bloom filters": flipped(func(t *testing.T, m *metadata.FileMetaData, _ int) int64 {
			c := chunk(t, m, "span_id")
			return c.BloomFilterOffset() + int64(c.BloomFilterLength()) + 3
		}),
		"a byte of the footer": flipped(func(_ *testing.T, _ *metadata.FileMetaData, size int) int64 { return int64(size) - 100 }),
		"a byte of the magic":  flipped(func(*testing.T, *metadata.FileMetaData, int) int64 { return 1 }),
		"a byte of the last magic": flipped(func(_ *testing.T, _ *metadata.FileMetaData, size int) int64 {
			return int64(size) - 1
		}),
		"another row count": {repair: kept, lasts: true, loss: 2, do: func(_ *testing.T, d *desk) []string {
			file := d.only("spans", "support")
			d.restate(file, func(entry map[string]any) bool { entry["rows"] = 2; return true })
			return []string{"row_count " + d.relative(file)}
		}},
	}
	maps.Copy(all, strangers())
	maps.Copy(all, disagreements())
	return all
}

// strangers are files that do not belong where they are.
func strangers() map[string]damage {
	return map[string]damage{
		"duplicated file": {repair: []string{"quarantine"}, do: func(_ *testing.T, d *desk) []string {
			file := d.only("spans", "support")
			return []string{"duplicated " + d.relative(d.copy(file, filepath.Join(filepath.Dir(file), "twin.parquet")))}
		}},
		"duplicated file in the manifest": {repair: []string{"quarantine"}, do: func(_ *testing.T, d *desk) []string {
			file := d.only("spans", "support")
			twin := d.copy(file, filepath.Join(filepath.Dir(file), "twin.parquet"))
			entry := d.copy(d.entryOf(file), filepath.Join(d.dataset, "_manifest", "twin.json"))
			content, err := os.ReadFile(entry)
			require.NoError(d.t, err)
			content = bytes.ReplaceAll(content, []byte(d.relative(file)), []byte(d.relative(twin)))
			require.NoError(d.t, os.WriteFile(entry, content, 0o600))
			return []string{"duplicated " + d.relative(twin), "remark repeated " + d.relative(twin)}
		}},
		"orphan": {repair: []string{"quarantine"}, do: func(_ *testing.T, d *desk) []string {
			orphan := filepath.Join(d.dataset, "spans", "orphan.parquet")
			require.NoError(d.t, os.WriteFile(orphan, []byte("PAR1 and no more"), 0o600))
			return []string{"orphan " + d.relative(orphan)}
		}},
		"foreign file": {repair: []string{"quarantine"}, do: func(_ *testing.T, d *desk) []string {
			foreign := filepath.Join(d.dataset, "scores", "notes.txt")
			require.NoError(d.t, os.MkdirAll(filepath.Dir(foreign), 0o750))
			require.NoError(d.t, os.WriteFile(foreign, []byte("notes"), 0o600))
			return []string{"orphan " + d.relative(foreign)}
		}},
		"unfinished": {repair: []string{"remove"}, do: func(_ *testing.T, d *desk) []string {
			return []string{"unfinished " + d.relative(d.copy(d.only("spans", "support"), d.only("spans", "support")+".1-1.inprogress"))}
		}},
		"unfinished entry": {repair: []string{"remove"}, do: func(_ *testing.T, d *desk) []string {
			left := filepath.Join(d.dataset, "_manifest", "x.json.1-1.inprogress")
			require.NoError(d.t, os.WriteFile(left, nil, 0o600))
			return []string{"unfinished " + d.relative(left)}
		}},
		"moved": {repair: []string{"leave", "put back"}, do: func(t *testing.T, d *desk) []string {
			file := d.only("spans", "support")
			away := filepath.Join(d.dataset, "spans", "z.parquet")
			require.NoError(t, os.Rename(file, away))
			return []string{"missing " + d.relative(file), "misplaced " + d.relative(away)}
		}},
	}
}

// disagreements are parts of the dataset that do not fit one another.
func disagreements() map[string]damage {
	return map[string]damage{
		"rows of two files": {do: func(t *testing.T, d *desk) []string {
			before := d.only("spans", "support")
			again := talk()
			again.attrs["http.status"] = "200"
			d.write(t, again)
			for _, file := range d.parquetFiles("spans") {
				if filepath.Dir(file) == filepath.Dir(before) {
					// The later one by path repeats a row of the other.
					before = max(before, file)
				}
			}
			return []string{"remark repeated " + d.relative(before)}
		}},
		"another folder": {repair: []string{"leave"}, lasts: true, do: func(t *testing.T, d *desk) []string {
			file := d.only("spans", "other")
			moved := strings.Replace(file, "prompt_version=v2", "prompt_version=v3", 1)
			d.restate(file, func(entry map[string]any) bool { entry["path"] = d.relative(moved); return true })
			d.copy(file, moved)
			require.NoError(t, os.Remove(file))
			return []string{"partition " + d.relative(moved)}
		}},
		"broken entry": {repair: []string{"name again", "name again", "name again", "name again", "quarantine"}, do: func(t *testing.T, d *desk) []string {
			entry := d.entryOf(d.only("spans", "support"))
			require.NoError(t, os.Truncate(entry, 50))
			found := []string{"manifest " + d.relative(entry)}
			for path := range d.tree() {
				if strings.HasSuffix(path, ".parquet") {
					found = append(found, "orphan "+path)
				}
			}
			return found
		}},
		"newer entry": {repair: []string{"leave"}, lasts: true, do: func(t *testing.T, d *desk) []string {
			entry := filepath.Join(d.dataset, "_manifest", "newer.json")
			require.NoError(t, os.WriteFile(entry, []byte(`{"format":99,"files":[]}`), 0o600))
			return []string{"newer " + d.relative(entry)}
		}},
		"newer file": {repair: []string{"leave"}, lasts: true, do: func(t *testing.T, d *desk) []string {
			return []string{"newer " + d.newer(d.only("spans", "support"))}
		}},
		"newer file of no entry": {repair: []string{"leave"}, lasts: true, do: func(t *testing.T, d *desk) []string {
			file := d.copy(d.only("spans", "support"), filepath.Join(d.dataset, "spans", "c-stray.parquet"))
			return []string{"newer " + d.newer(file)}
		}},
		"dangling references": {repair: []string{"leave"}, lasts: true, do: func(t *testing.T, d *desk) []string {
			messages := d.only("messages", "support")
			d.restate(messages, func(map[string]any) bool { return false })
			require.NoError(t, os.Remove(messages))
			return []string{"dangling " + d.relative(d.only("spans", "support"))}
		}},
	}
}

// Whatever befalls a dataset is found, with the file, what it is and what to do.
func TestDatasetVerifyFinds(t *testing.T) {
	for name, c := range damages() {
		t.Run(name, func(t *testing.T) {
			d := talks(t)
			want := c.do(t, d)
			code := exitFinding
			if strings.HasPrefix(want[0], "remark") {
				code = exitDone
			}
			var v verified
			d.json(code, "spanloop.dataset.verify/1", &v, "dataset", "verify")
			assert.ElementsMatch(t, want, v.kinds())
			table, csv := d.must(code, "dataset", "verify"), d.must(code, "dataset", "verify", "--format", "csv")
			for _, f := range append(v.Findings, v.Remarks...) {
				assert.NotEmpty(t, f.Detail)
				assert.NotEmpty(t, f.Advice)
				for _, text := range []string{f.Kind, f.Path, f.Advice} {
					assert.Contains(t, table, text)
					assert.Contains(t, csv, text)
				}
			}
		})
	}
}

// A repair does what is safe, says what, and loses no row but on consent.
func TestDatasetVerifyRepairs(t *testing.T) {
	for name, c := range damages() {
		t.Run(name, func(t *testing.T) {
			d := talks(t)
			want := c.do(t, d)
			d.age()
			before := d.tree()
			var plan, done, after verified
			code := exitFinding
			if strings.HasPrefix(want[0], "remark") {
				code = exitDone
			}
			d.json(code, "spanloop.dataset.verify/1", &plan, "dataset", "verify", "--repair", "--dry-run")
			assert.ElementsMatch(t, want, plan.kinds())
			assert.Equal(t, before, d.tree(), "a dry run changes nothing")
			verbs := []string{}
			for _, s := range plan.Repairs {
				assert.False(t, s.Done)
				assert.NotEmpty(t, s.Detail)
				verbs = append(verbs, s.Action)
			}
			assert.ElementsMatch(t, c.repair, verbs)

			code = exitDone
			if c.lasts {
				code = exitFinding
			}
			d.json(code, "spanloop.dataset.verify/1", &done, "dataset", "verify", "--repair")
			assert.Len(t, done.Repairs, len(c.repair))
			if c.lasts {
				assert.ElementsMatch(t, want, done.kinds(), "what cannot be repaired is said again")
				assert.Equal(t, before, d.tree(), "and nothing is changed")
			}
			for path, content := range before {
				if !strings.HasSuffix(path, ".inprogress") {
					assert.Contains(t, d.contents(), content, "%s is deleted", path)
				}
			}
			if c.loss > 0 {
				out := d.must(exitDone, "dataset", "verify", "--repair", "--accept-loss")
				assert.Contains(t, out, "repair: forget")
				d.json(exitDone, "spanloop.dataset.verify/1", &after, "dataset", "verify")
				assert.Equal(t, plan.Rows-c.loss, after.Rows)
				d.must(exitDone, "query", "SELECT count(*) FROM spans")
			}
		})
	}
}

// tree are the contents of all files but the lock by path, and contents these alone.
func (d *desk) tree() map[string]string {
	files := map[string]string{}
	require.NoError(d.t, filepath.WalkDir(d.dataset, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || d.relative(path) == "_manifest/lock" {
			return err
		}
		content, err := os.ReadFile(path)
		files[d.relative(path)] = string(content)
		return err
	}))
	return files
}

func (d *desk) contents() map[string]bool {
	all := map[string]bool{}
	for _, content := range d.tree() {
		all[content] = true
	}
	return all
}

// What may belong to a push on its way is left alone.
func TestDatasetRepairLeavesFreshFiles(t *testing.T) {
	d := talks(t)
	fresh := filepath.Join(d.dataset, "spans", "fresh.parquet")
	require.NoError(t, os.WriteFile(fresh, []byte("PAR1"), 0o600))
	var v verified
	d.json(exitFinding, "spanloop.dataset.verify/1", &v, "dataset", "verify", "--repair")
	assert.Equal(t, []string{"leave spans/fresh.parquet (not done)"}, v.actions())
	d.json(exitDone, "spanloop.dataset.verify/1", &v, "dataset", "verify", "--repair", "--min-age", "0s")
	assert.Equal(t, []string{"quarantine spans/fresh.parquet"}, v.actions())
	assert.FileExists(t, filepath.Join(d.dataset, "_quarantine", "spans", "fresh.parquet"))

	require.NoError(t, os.WriteFile(fresh, []byte("PAR2"), 0o600))
	d.must(exitDone, "dataset", "verify", "--repair", "--min-age", "0s")
	kept, err := filepath.Glob(filepath.Join(d.dataset, "_quarantine", "spans", "*"))
	require.NoError(t, err)
	assert.Len(t, kept, 2, "nothing is overwritten there")
	d.must(exitUsage, "dataset", "verify", "--dry-run")
	d.must(exitUsage, "dataset", "verify", "--accept-loss")
}
