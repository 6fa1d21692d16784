// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// watched is a store whose clock the test moves.
type watched struct {
	*Store
	t     testing.TB
	dir   string
	ticks chan time.Time

	mu     sync.Mutex
	logged []string
}

func watch(t testing.TB, files map[string]string) *watched {
	t.Helper()
	w := &watched{t: t, dir: directory(t, files), ticks: make(chan time.Time)}
	s, err := Open(w.dir, withTicks(w.ticks), WithLogger(func(p Problem) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.logged = append(w.logged, p.String())
	}))
	require.NoError(t, err)
	w.Store = s
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return w
}

// tick lets the store look at the folder once: the second tick is only taken when
// the first one is done.
func (w *watched) tick() {
	w.ticks <- time.Time{}
	w.ticks <- time.Time{}
}

func (w *watched) put(rel, content string) {
	put(w.t, w.dir, rel, content)
	w.tick()
}

func (w *watched) log() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.logged...)
}

func (w *watched) text(prompt string) string {
	latest := w.Snapshot().Prompt(prompt).Latest()
	if latest == nil {
		return ""
	}
	return latest.Messages[0].Content
}

func TestStoreTakesChangesUp(t *testing.T) {
	w := watch(t, map[string]string{one: simple})
	before := w.Snapshot()
	w.tick()
	assert.Same(t, before, w.Snapshot(), "nothing changed, nothing was built")
	w.put(two, "time: 2026-02-01\ntemplate: Report the tides in {{city}}.\n")
	assert.Equal(t, "Report the tides in {{city}}.", w.text("p"))
	assert.Len(t, before.Prompt("p").Versions, 1, "a snapshot that is in use never changes")
	assert.True(t, w.Snapshot().Match("Report the tides in Rome.", nil).Found, "the index is new as well")

	w.put("prompts/q/versions/1.yaml", simple)
	assert.NotNil(t, w.Snapshot().Prompt("q"))
	require.NoError(t, os.RemoveAll(filepath.Join(w.dir, "prompts", "q")))
	w.tick()
	assert.Nil(t, w.Snapshot().Prompt("q"), "what is deleted is gone")
	assert.Empty(t, w.Problems())
}

// An edit that leaves size and time as they were is seen while the file is new.
func TestStoreSeesAnEditWithinATick(t *testing.T) {
	w := watch(t, map[string]string{one: simple})
	info, err := os.Stat(filepath.Join(w.dir, one))
	require.NoError(t, err)
	put(t, w.dir, one, strings.Replace(simple, "weather", "forests", 1))
	require.NoError(t, os.Chtimes(filepath.Join(w.dir, one), info.ModTime(), info.ModTime()))
	w.tick()
	assert.Contains(t, w.text("p"), "forests")
	before := w.Snapshot()
	w.tick()
	assert.Same(t, before, w.Snapshot(), "the same content again is no change")
}

// A broken edit leaves the unit as it was; the others move on; a repair is taken
// up. The problem is logged once.
func TestStoreKeepsTheLastGoodState(t *testing.T) {
	const partial, tool = "partials/tone/versions/1.yaml", "tools/a/1.yaml"
	good := map[string]string{
		one: "time: 2026-01-01\ntemplate: 'Report the weather. {{> tone@1}}'\n", partial: "content: Be kind.\n",
		tool: "definition: {name: a, description: First.}\n", release: "- {environment: production, time: 2026-01-02, targets: [{version: 1}]}\n",
		"prompts/q/versions/1.yaml": simple,
	}
	for name, breakage := range map[string]struct {
		file, content, want string
	}{
		"YAML":             {one, "template: [\n", one + ":"},
		"template":         {one, "time: 2026-01-01\ntemplate: 'Report {{> nowhere}}'\n", one + `:2: partial "nowhere" does not exist`},
		"partial":          {partial, "content: '{{> tone@1}}'\n", partial + ":1: cycle of partials"},
		"release":          {release, "- {environment: production, time: 2026-01-02, targets: [{version: 8}]}\n", release + `:1: "production" leads nowhere`},
		"releases broken":  {release, "- {\n", release + ":"},
		"tool":             {tool, "definition: []\n", tool + ":1: a tool needs a definition"},
		"duplicate":        {"prompts/p/versions/x.yaml", "version: 1\n" + simple, `x.yaml:1: duplicate version "1"`},
		"prompt file":      {"prompts/p/prompt.yaml", "format: erb\n", `prompt.yaml:1: format "erb"`},
		"too large":        {one, strings.Repeat("# x\n", 1<<20+1), one + ": larger than 4 MiB"},
		"replaced by what": {"prompts/p/versions/1.yaml/oops", "", "prompts/p/versions/1.yaml: warning: unknown file"},
	} {
		t.Run(name, func(t *testing.T) {
			w := watch(t, good)
			require.Empty(t, w.Problems())
			if strings.HasSuffix(breakage.file, "/oops") {
				require.NoError(t, os.Remove(filepath.Join(w.dir, one)))
			}
			put(t, w.dir, breakage.file, breakage.content)
			put(t, w.dir, "prompts/q/versions/2.yaml", "time: 2026-02-01\ntemplate: Report the tides.\n")
			w.tick()
			w.tick()
			problems := reasons(w.dir, w.Problems())
			require.NotEmpty(t, problems)
			assert.Contains(t, strings.Join(problems, "\n"), breakage.want)
			assert.Len(t, w.log(), len(problems), "each problem is logged once")
			assert.Equal(t, "Report the tides.", w.text("q"), "the others move on")
			if name == "replaced by what" {
				return // a folder in place of the file: the version was deleted
			}
			rendered, err := w.Snapshot().Prompt("p").Version("1").Render(nil)
			require.NoError(t, err)
			assert.Equal(t, "Report the weather. Be kind.", rendered[0].Content)
			_, live := w.Snapshot().LiveAt("p", "production", time.Now())
			assert.True(t, live)
			assert.NotNil(t, w.Snapshot().Tool("a").Version("1"))
			got := w.Snapshot().Match("Report the weather. Be kind.", nil)
			assert.True(t, got.Found, "the last good state is matched")

			if original, ok := good[breakage.file]; ok {
				put(t, w.dir, breakage.file, original)
			} else {
				require.NoError(t, os.Remove(filepath.Join(w.dir, breakage.file)))
			}
			w.put("prompts/p/versions/3.yaml", "time: 2026-03-01\ntemplate: Report the moon.\n")
			assert.Empty(t, w.Problems())
			assert.Equal(t, "Report the moon.", w.text("p"))
		})
	}
}

// What was broken from the start does not keep the rest of the unit from moving.
func TestStoreStartsWithProblems(t *testing.T) {
	w := watch(t, map[string]string{one: simple, two: "template: [\n"})
	assert.Len(t, w.log(), 1)
	w.put("prompts/p/versions/3.yaml", "time: 2026-03-01\ntemplate: Report the moon.\n")
	assert.Equal(t, "Report the moon.", w.text("p"))
	assert.Len(t, w.log(), 1, "an old problem is not logged again")
	w.put("prompts/p/versions/4.yaml", "template: [\n")
	assert.Len(t, w.log(), 2)
	assert.Len(t, w.Snapshot().Prompt("p").Versions, 2)
}

// A released version that is edited in place is refused while the store lives.
func TestStoreRefusesAnEditedRelease(t *testing.T) {
	dir := t.TempDir()
	v, err := AddVersion(dir, NewVersion{Prompt: "p", Template: "Report the weather."})
	require.NoError(t, err)
	_, err = AddRelease(dir, "p", NewRelease{Environment: "production", Targets: []Target{{Version: v.Version}}})
	require.NoError(t, err)
	ticks := make(chan time.Time)
	s, err := Open(dir, withTicks(ticks))
	require.NoError(t, err)
	defer s.Close()
	w := &watched{Store: s, t: t, dir: dir, ticks: ticks}
	text, err := os.ReadFile(v.File)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(v.File, []byte(strings.Replace(string(text), "weather", "WEATHER", 1)), 0o600))
	w.tick()
	problems := s.Problems()
	require.Len(t, problems, 1)
	assert.Contains(t, problems[0].Reason, "was changed in place")
	assert.Equal(t, "Report the weather.", w.text("p"))
}

func TestStoreFolderComesAndGoes(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "registry")
	ticks := make(chan time.Time)
	s, err := Open(dir, withTicks(ticks))
	require.NoError(t, err)
	defer s.Close()
	w := &watched{Store: s, t: t, dir: dir, ticks: ticks}
	assert.True(t, s.Snapshot().Empty())
	require.Len(t, s.Problems(), 1)
	w.put(one, simple)
	assert.Contains(t, w.text("p"), "weather")
	assert.Empty(t, s.Problems())

	require.NoError(t, os.Rename(dir, dir+".away"))
	w.tick()
	assert.Contains(t, w.text("p"), "weather", "an unmounted folder takes nothing away")
	require.Len(t, s.Problems(), 1)
	require.NoError(t, os.Rename(dir+".away", dir))
	w.put(two, "time: 2026-02-01\ntemplate: Report the tides.\n")
	assert.Equal(t, "Report the tides.", w.text("p"))
	assert.Empty(t, s.Problems())
}

func TestStoreOpenRefusesNonsense(t *testing.T) {
	_, err := Open("")
	require.Error(t, err)
	_, err = Open(t.TempDir(), WithInterval(0))
	require.Error(t, err)
}

// Readers never see half of a change, with the real clock and writers at work;
// the goroutine ends with Close (TestMain looks for leaks).
func TestStoreUnderConcurrentWrites(t *testing.T) {
	dir := t.TempDir()
	_, err := AddVersion(dir, NewVersion{Prompt: "p", Version: "v1", Template: "Report number 1."})
	require.NoError(t, err)
	s, err := Open(dir, WithInterval(time.Millisecond))
	require.NoError(t, err)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				snapshot := s.Snapshot()
				for i, v := range snapshot.Prompt("p").Versions {
					if want := fmt.Sprintf("Report number %d.", i+1); v.Messages[0].Content != want {
						t.Errorf("version %s holds %q", v.Version, v.Messages[0].Content)
					}
				}
			}
		})
	}
	for i := 2; i <= 25; i++ {
		_, err := AddVersion(dir, NewVersion{Prompt: "p", Template: fmt.Sprintf("Report number %d.", i)})
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool { return len(s.Snapshot().Prompt("p").Versions) == 25 }, 10*time.Second, time.Millisecond)
	close(stop)
	readers.Wait()
	assert.Empty(t, s.Problems())
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "closing twice is harmless")
	assert.Len(t, s.Snapshot().Prompt("p").Versions, 25, "the last state stays usable")
}
