// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e && objectstore

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/dataset/datasettest"
	"github.com/spanloop/spanloop/internal/dataset/store"
	"github.com/spanloop/spanloop/internal/process"
)

// startObjectStore starts moto's S3 server (SPANLOOP_MOTO) with a bucket, and
// returns its address.
func startObjectStore(t *testing.T) string {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("SPANLOOP_CACHE", t.TempDir())
	port, err := process.FreePort()
	require.NoError(t, err)
	dir := t.TempDir()
	server, err := process.Start(process.Options{
		Name: "moto", Path: os.Getenv("SPANLOOP_MOTO"), Args: []string{"-H", "127.0.0.1", "-p", fmt.Sprint(port)}, Dir: dir, LogDir: dir,
	})
	require.NoError(t, err, "run it by `make objectstore`")
	t.Cleanup(server.Kill)
	address := fmt.Sprintf("127.0.0.1:%d", port)
	require.NoError(t, server.WaitListening(t.Context(), address))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+address+"/bucket", nil)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusOK, answer.StatusCode)
	return address
}

// bucketURL is a prefix of the bucket behind an address.
func bucketURL(address, prefix, more string) string {
	return fmt.Sprintf("s3://bucket/%s?endpoint=http://%s&use_path_style=true&region=us-east-1%s", prefix, address, more)
}

// A name that is taken stays as it is, for objects that are sent in one request and
// in parts, by another client too. That of writers at the same instant one wins is
// the server's part: moto looks and writes in two steps.
func TestObjectStorePutIfAbsent(t *testing.T) {
	eachObjectServer(t, testPutIfAbsent)
}

func testPutIfAbsent(t *testing.T, urlOf func(string) string) {
	path := urlOf("taken")
	first, err := store.Create(t.Context(), path)
	require.NoError(t, err)
	defer first.Close()
	second, err := store.Create(t.Context(), path)
	require.NoError(t, err)
	defer second.Close()
	for _, size := range []int{0, 100, 17 << 20} {
		name := fmt.Sprint("object-", size)
		content, other := make([]byte, size), make([]byte, size+1)
		require.NoError(t, first.Put(t.Context(), name, content))
		require.NoError(t, second.Put(t.Context(), name, content), "a retry meets its own")
		require.ErrorIs(t, second.Put(t.Context(), name, other), store.ErrDiffers)
		there, err := first.Read(t.Context(), name)
		require.NoError(t, err)
		require.Len(t, there, size)
	}
}

// Two writers push the same batches to one dataset, each twice: the dataset is
// whole, without duplicates, and the commands read it by its URL.
func TestObjectStoreDataset(t *testing.T) {
	eachObjectServer(t, testObjectStoreDataset)
}

func testObjectStoreDataset(t *testing.T, urlOf func(string) string) {
	c := newCollector(t, "examples/collector/config-durable.yaml")
	c.dataset = urlOf("data/set")
	const batches, perBatch = 6, 50
	all := ptrace.NewTraces()
	var sent []ptrace.Traces
	for seed := range uint64(batches) {
		td := chatSpans(perBatch, seed+1)
		if seed%2 == 1 {
			for _, span := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
				span.Attributes().PutStr("gen_ai.prompt.version", "8")
			}
		}
		td.ResourceSpans().At(0).CopyTo(all.ResourceSpans().AppendEmpty())
		sent = append(sent, td)
	}
	var writers sync.WaitGroup
	failures := make([]error, 2)
	for i := range failures {
		writers.Go(func() { failures[i] = pushTwice(t, c.dataset, sent) })
	}
	writers.Wait()
	require.Equal(t, make([]error, 2), failures)

	d, err := dataset.Open(c.dataset)
	require.NoError(t, err)
	defer d.Close()
	files, err := d.Files(t.Context(), dataset.TableSpans)
	require.NoError(t, err)
	assert.Len(t, files, batches, "a push that is repeated meets its own files")
	verified, err := d.Verify(t.Context())
	require.NoError(t, err)
	assert.Empty(t, verified.Findings)
	back, err := d.ReadTraces(t.Context(), dataset.Filter{})
	require.NoError(t, err)
	want, got := datasettest.Split(all), datasettest.Split(back)
	require.Len(t, got, batches*perBatch)
	for key, td := range want {
		require.Equal(t, td, got[key])
	}

	assert.EqualValues(t, batches*perBatch, c.count(t, "SELECT count(*) AS n FROM spans"))
	for _, args := range [][]string{{"dataset", "info"}, {"dataset", "verify"}, {"compare", "weather", "7", "8"}} {
		stdout, stderr, code := c.spanloop(t, args...)
		assert.NotContains(t, []int{2, 4}, code, "%s: %s%s", args, stdout, stderr)
	}
	fmt.Printf("e2e: object store %s: %d spans by 2 writers, each batch 4 times: %d read back equal, %d files of spans, %d findings\n",
		strings.SplitN(c.dataset, ":", 2)[0], batches*perBatch, len(got), len(files), len(verified.Findings))
}

// pushTwice writes each batch twice through one writer.
func pushTwice(t *testing.T, path string, batches []ptrace.Traces) error {
	w, err := dataset.NewWriter(path, dataset.WriterOptions{})
	if err != nil {
		return err
	}
	defer w.Close()
	for range 2 {
		for _, td := range batches {
			if _, err := w.WriteTraces(t.Context(), td); err != nil {
				return err
			}
		}
	}
	return nil
}

// TestObjectStoreFailing sends spans to the collector while the object store
// fails, cuts connections and hangs at random: every acknowledged span is in the
// dataset afterwards, once, and all files are whole.
func TestObjectStoreFailing(t *testing.T) {
	faults := newFaultyProxy(t, startObjectStore(t))
	c := newCollector(t, "examples/collector/config-durable.yaml")
	c.dataset = bucketURL(faults.address, "failing", "&timeout=1s")
	c.settings = []string{
		"exporters::genai_parquet::sending_queue::batch::flush_timeout: 100ms",
		"exporters::genai_parquet::retry_on_failure::initial_interval: 100ms",
		"exporters::genai_parquet::retry_on_failure::max_interval: 500ms",
	}
	c.start(t)
	faults.fail(true)
	const perRequest = 40
	var acknowledged []uint64
	for until, seed := time.Now().Add(12*time.Second), uint64(100); time.Now().Before(until); seed++ {
		if c.sendTraces(chatSpans(perRequest, seed)) == nil {
			acknowledged = append(acknowledged, seed)
		}
		time.Sleep(50 * time.Millisecond)
	}
	faults.fail(false)
	want := int64(len(acknowledged) * perRequest)
	require.Positive(t, want)
	awaitRows(t, c.dataset, want)
	c.stop(t)

	d, err := dataset.Open(c.dataset)
	require.NoError(t, err)
	defer d.Close()
	verified, err := d.Verify(t.Context())
	require.NoError(t, err)
	for _, f := range verified.Findings {
		assert.Equal(t, dataset.FindingOrphan, f.Kind, "%s: %s", f.Path, f.Detail)
	}
	present, duplicates := map[string]bool{}, 0
	for _, row := range c.query(t, "SELECT span_id, count(*) AS n FROM spans GROUP BY span_id") {
		present[row["span_id"].(string)] = true
		if fmt.Sprint(row["n"]) != "1" {
			duplicates++
		}
	}
	lost := 0
	for _, seed := range acknowledged {
		for i := range uint64(perRequest) {
			if !present[fmt.Sprintf("%016x", seed<<32|i+1)] {
				lost++
			}
		}
	}
	assert.Zero(t, lost, "acknowledged spans lost")
	assert.Zero(t, duplicates)
	counts := faults.counts()
	for kind, n := range counts {
		assert.Positive(t, n, "no %s was injected: the test proves less than it says", kind)
	}
	fmt.Printf("e2e: object store failing: %d spans acknowledged, %d lost, %d duplicates, failures injected: %v of %d requests\n",
		want, lost, duplicates, counts, faults.requests.Load())
}

// awaitRows waits until the manifest names so many rows of spans.
func awaitRows(t *testing.T, path string, want int64) {
	t.Helper()
	rows := func() (n int64) {
		d, err := dataset.Open(path)
		if err != nil {
			return 0
		}
		defer d.Close()
		files, err := d.Files(t.Context(), dataset.TableSpans)
		require.NoError(t, err)
		for _, f := range files {
			n += f.Rows
		}
		return n
	}
	for until := time.Now().Add(90 * time.Second); rows() < want && time.Now().Before(until); {
		time.Sleep(500 * time.Millisecond)
	}
}
