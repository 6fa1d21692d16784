// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaidatasetreceiver

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// However often the receiver is stopped in the middle, every span is sent, and
// none that the pipeline has acknowledged is sent again.
func TestRestarts(t *testing.T) {
	dir := t.TempDir()
	store(t, dir, calls(0, 23), calls(23, 30), calls(30, 70), calls(70, 71))
	kept := &memory{}
	next := &sink{}
	for restart := 0; ; restart++ {
		require.Less(t, restart, 100, "it comes to an end")
		r := stoppedAfter(t, next, kept, dir, 2)
		if len(r.logged("the dataset was sent")) > 0 {
			assert.Greater(t, restart, 2)
			assert.EqualValues(t, 71, r.at.Counts.Sent, "counts go on over restarts")
			break
		}
	}
	assert.Equal(t, namesOf(upTo(71)...), next.got())
	next.refuse = nil
	again := launch(t, next, kept, "path: "+dir).finished(t)
	assert.Len(t, next.got(), 71, "what is complete is not sent again")
	assert.Len(t, again.logged("was sent completely before"), 1)
	assert.Equal(t, []string{"StatusOK"}, again.host.statuses())
	assert.Zero(t, kept.open)
}

// A batch whose acknowledgement was lost is the only one that comes twice.
func TestUnacknowledgedBatchComesAgain(t *testing.T) {
	dir := t.TempDir()
	store(t, dir, calls(0, 6), calls(6, 12))
	kept := &memory{}
	next := &sink{}
	// The storage goes away while the second batch is taken, as in a crash.
	next.refuse = func(attempt int, _ ptrace.Traces) error {
		if attempt == 1 {
			kept.mu.Lock()
			defer kept.mu.Unlock()
			kept.fails = errStorage
		}
		return nil
	}
	r := launch(t, next, kept, "path: "+dir).finished(t)
	assert.NotEmpty(t, r.logged("the checkpoint cannot be stored"))
	kept.fails = nil
	launch(t, next, kept, "path: "+dir).finished(t)
	got := next.got()
	assert.Len(t, got, 18)
	assert.Equal(t, namesOf(upTo(12)...), slices.Compact(got))
}

// Another selection, and another dataset, begin anew; the window of a backfill
// stays as it was at its first start.
func TestCheckpointBelongsToItsSelection(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	store(t, dir, calls(0, 4))
	store(t, other, calls(4, 6))
	kept := &memory{}
	next := &sink{}
	first := launch(t, next, kept, "{path: "+dir+", select: {until: 1h}}").finished(t)
	require.Len(t, next.got(), 4)
	again := launch(t, next, kept, "{path: "+dir+", select: {until: 1h}}").finished(t)
	assert.Equal(t, first.at.Until, again.at.Until)
	assert.False(t, again.at.Until.IsZero())
	require.Len(t, next.got(), 4)
	launch(t, next, kept, "{path: "+dir+", select: {until: 2h}}").finished(t)
	assert.Len(t, next.got(), 8)
	launch(t, next, kept, "{path: "+other+", select: {until: 2h}}").finished(t)
	assert.Len(t, next.got(), 10)
}

// A backfill is of the files that were there when it began.
func TestFilesThatComeLater(t *testing.T) {
	dir := t.TempDir()
	store(t, dir, calls(0, 3), calls(3, 6))
	kept := &memory{}
	next := &sink{refuse: func(attempt int, _ ptrace.Traces) error {
		if attempt > 0 {
			return errors.New("down")
		}
		return nil
	}}
	r := launch(t, next, kept, "path: "+dir)
	require.Eventually(t, func() bool { return len(r.logged("does not take spans")) > 0 }, 10*time.Second, time.Millisecond)
	require.NoError(t, r.Shutdown(t.Context()))
	for i := 6; i < 20; i++ {
		store(t, dir, calls(i, i+1))
	}
	next.refuse = nil
	launch(t, next, kept, "path: "+dir).finished(t)
	assert.Equal(t, namesOf(upTo(6)...), next.got())
}

// A checkpoint that cannot be read is an error and no reason to send everything
// once more.
func TestUnreadableCheckpoint(t *testing.T) {
	dir := t.TempDir()
	store(t, dir, calls(0, 3))
	for name, damage := range map[string]func(m *memory, prefix string){
		"no JSON":     func(m *memory, prefix string) { m.content[prefix+keyCheckpoint] = []byte("{") },
		"no list":     func(m *memory, prefix string) { delete(m.content, prefix+keyFiles) },
		"broken list": func(m *memory, prefix string) { m.content[prefix+keyFiles] = m.content[prefix+keyFiles][:12] },
		"no storage":  func(m *memory, _ string) { m.fails = errStorage },
	} {
		t.Run(name, func(t *testing.T) {
			kept := &memory{}
			next := &sink{}
			launch(t, next, kept, "path: "+dir).finished(t)
			damage(kept, "Receiver/genai_dataset/")
			r := launch(t, next, kept, "path: "+dir).finished(t)
			assert.Len(t, next.got(), 3)
			assert.Len(t, r.logged("cannot be sent"), 1)
			assert.Equal(t, []string{"StatusPermanentError"}, r.host.statuses())
		})
	}
}

func TestListOfFiles(t *testing.T) {
	for _, n := range []int{0, 1, 1000} {
		var files []string
		for i := range n {
			files = append(files, fmt.Sprintf("spans/prompt_name=a/%d.parquet", i))
		}
		packed, err := pack(files)
		require.NoError(t, err)
		got, err := unpack(packed)
		require.NoError(t, err)
		assert.Equal(t, files, got)
	}
}
