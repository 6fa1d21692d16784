// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/dataset"
)

// perRequest is the number of spans of a request of the tests that count what
// was acknowledged.
const perRequest = 40

// TestCrash kills the collector at random instants under load: while it starts
// and takes up what an earlier kill left in the queue, while it receives, and
// while it writes. With persistent storage every acknowledged span is in the
// dataset afterwards, once.
func TestCrash(t *testing.T) {
	crashes := 3
	if n, err := strconv.Atoi(os.Getenv("SPANLOOP_CRASHES")); err == nil {
		crashes = n
	}
	random := rand.New(rand.NewPCG(7, uint64(crashes)))
	c := newCollector(t, "examples/collector/config-durable.yaml")
	load := &load{collector: c}
	early, compacting := 0, 0
	for n := range crashes {
		// With the default of 5 s most kills would find the queue full and the
		// writer idle: every other time it writes all the time, and is killed
		// under load, and every fourth time while it merges files and deletes what
		// was merged. Otherwise the instant may be any since the launch.
		if n%2 == 1 {
			c.settings = []string{"exporters::genai_parquet::sending_queue::batch::flush_timeout: 100ms"}
			if n%4 == 1 {
				c.settings = append(c.settings, killedCompacting...)
				compacting++
			}
			c.start(t)
		} else {
			c.settings = nil
			c.launch(t)
		}
		before := load.acknowledgements()
		load.start(4)
		time.Sleep(time.Duration(random.IntN(1500)) * time.Millisecond)
		c.proc.Kill()
		c.proc = nil
		load.stop()
		if load.acknowledgements() == before {
			early++
		}
	}
	require.NotZero(t, load.acknowledgements(), "nothing was acknowledged: the test proves nothing")
	c.settings = nil
	c.start(t)
	load.awaitPresent(t)
	c.stop(t)
	present, lost := load.check(t)
	compacted := c.compactedFiles(t)
	if compacting > 1 {
		assert.NotZero(t, compacted, "nothing was merged: the test proves less than it says")
	}
	fmt.Printf("e2e: crash: %d kills, %d of them before the collector answered, %d while it compacted (%d files of spans are merged ones), %d spans acknowledged, %d lost, %d in the dataset\n",
		crashes, early, compacting, compacted, load.acknowledgements()*perRequest, lost, present)
}

// killedCompacting makes the collector merge files, and delete those that were
// merged, all the time.
var killedCompacting = []string{
	"exporters::genai_parquet::compaction::interval: 20ms",
	"exporters::genai_parquet::compaction::min_files: 2",
	"exporters::genai_parquet::compaction::grace: 0s",
}

// compactedFiles counts the files of spans that compaction made.
func (c *collector) compactedFiles(t *testing.T) (n int) {
	t.Helper()
	d, err := dataset.Open(c.dataset)
	require.NoError(t, err)
	files, err := d.Files(t.Context(), dataset.TableSpans)
	require.NoError(t, err)
	for _, f := range files {
		if strings.HasPrefix(path.Base(f.Path), "c-") {
			n++
		}
	}
	return n
}

// load sends requests of perRequest spans to a collector, and remembers which
// ones were acknowledged.
type load struct {
	collector *collector
	next      atomic.Uint64
	clients   sync.WaitGroup
	ended     atomic.Bool

	mu           sync.Mutex
	acknowledged map[uint64]bool
	refused      []error
}

// start starts clients that send until stop.
func (l *load) start(clients int) {
	l.ended.Store(false)
	for range clients {
		l.clients.Go(func() {
			for !l.ended.Load() {
				if err := l.send(); err != nil {
					time.Sleep(5 * time.Millisecond)
				}
			}
		})
	}
}

func (l *load) stop() {
	l.ended.Store(true)
	l.clients.Wait()
}

// send sends one request with ids that no other one has.
func (l *load) send() error {
	seed := l.next.Add(1)
	err := l.collector.sendTraces(chatSpans(perRequest, seed))
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.refused = append(l.refused, err)
		return err
	}
	if l.acknowledged == nil {
		l.acknowledged = map[uint64]bool{}
	}
	l.acknowledged[seed] = true
	return nil
}

func (l *load) acknowledgements() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acknowledged)
}

func (l *load) refusals() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.refused)
}

// spansBySeed counts the spans of each request.
const spansBySeed = "SELECT CAST('0x' || left(span_id, 8) AS BIGINT) AS seed, count(*) AS n, count(DISTINCT span_id) AS spans FROM spans GROUP BY seed"

// awaitPresent waits until the queue on disk has been worked off: all that was
// acknowledged is in the dataset, or nothing more has come for a while.
func (l *load) awaitPresent(t *testing.T) {
	t.Helper()
	want := int64(l.acknowledgements() * perRequest)
	count, changed := int64(-1), time.Now()
	for count < want && time.Since(changed) < 30*time.Second {
		time.Sleep(500 * time.Millisecond)
		if now := l.collector.count(t, "SELECT count(*) AS n FROM spans"); now != count {
			count, changed = now, time.Now()
		}
	}
}

// check compares the dataset with what was acknowledged: nothing lost, nothing
// twice, every file readable, by our reader and by one that is not ours.
func (l *load) check(t *testing.T) (present, lost int) {
	t.Helper()
	spans := map[uint64]int{}
	for _, row := range l.collector.query(t, spansBySeed) {
		seed, n, distinct := number(t, row["seed"]), number(t, row["n"]), number(t, row["spans"])
		assert.Equal(t, distinct, n, "a span of request %d is in the dataset more than once", seed)
		spans[uint64(seed)] = int(n)
		present += int(n)
	}
	for seed := range l.acknowledged {
		if missing := perRequest - spans[seed]; missing != 0 {
			lost += missing
			assert.Zero(t, missing, "acknowledged spans of request %d are lost", seed)
		}
	}
	l.collector.checkFiles(t)
	if read, ok := readEverything(t, l.collector.dataset); ok {
		assert.Empty(t, read.Unreadable, "unreadable files")
		assert.Equal(t, present, read.Spans, "spans by the documented deduplication in a DuckDB that is not ours")
		assert.Equal(t, present, read.Viewed, "spans by views.sql in a DuckDB that is not ours")
	} else {
		fmt.Println("e2e: no Python with DuckDB (make reader): only our own reader looked at the files")
	}
	return present, lost
}

// checkFiles verifies the dataset. A kill may leave a file that no manifest
// names, since its push was not finished, and unfinished ones; nothing else.
func (c *collector) checkFiles(t *testing.T) {
	t.Helper()
	d, err := dataset.Open(c.dataset)
	require.NoError(t, err)
	verified, err := d.Verify(t.Context())
	require.NoError(t, err)
	for _, f := range verified.Findings {
		assert.Contains(t, []string{dataset.FindingOrphan, dataset.FindingUnfinished}, f.Kind, "%s: %s", f.Path, f.Detail)
	}
}

func number(t *testing.T, value any) int64 {
	t.Helper()
	text, ok := value.(json.Number)
	require.True(t, ok, "%v is no number", value)
	n, err := text.Int64()
	require.NoError(t, err)
	return n
}
