// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package query

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestQueryFigures prints the memory and the processor time that statements over
// all rows take, each in a process of its own: with all rows compared by their keys,
// and with only those whose keys occur again.
func TestQueryFigures(t *testing.T) {
	if child := os.Getenv("SPANLOOP_QUERY_CHILD"); child != "" {
		answerOnce(t, child)
		return
	}
	spans, _ := strconv.Atoi(os.Getenv("SPANLOOP_QUERY"))
	if spans == 0 {
		t.Skip("a measurement: make bench-query")
	}
	dir := t.TempDir()
	fillForLookUp(t, dir, spans)
	fmt.Printf("query: %d rows\n", spans)
	for _, statement := range []string{
		"SELECT count(*) FROM spans",
		"SELECT request_model, count(*), avg(output_tokens) FROM spans GROUP BY ALL",
		"SELECT count(*), avg(duration_ns) FROM lean_spans WHERE start_time >= TIMESTAMP '2026-11-01' AND start_time < TIMESTAMP '2026-11-02'",
		"SELECT prompt_name, prompt_version, count(*) FROM lean_spans GROUP BY ALL",
	} {
		for _, arm := range []struct {
			name, from, memory string
		}{
			{"all rows compared", strconv.Itoa(math.MaxInt64), ""},
			{"keys looked through", strconv.Itoa(onceFrom), ""},
			{"keys looked through, 1 GB", strconv.Itoa(onceFrom), "1GB"},
		} {
			fmt.Printf("query: %s: %s: %s\n", statement, arm.name, inChild(t, dir, arm.from, arm.memory, statement))
		}
	}
}

// TestManyFilesFigures prints what opening many small files takes: with columns
// that are known to be the same, and with one file that lacks a column, for which
// DuckDB unites those of all.
func TestManyFilesFigures(t *testing.T) {
	count, _ := strconv.Atoi(os.Getenv("SPANLOOP_FILES"))
	if count == 0 {
		t.Skip("a measurement, which takes 1 GB for each thousand files: make bench-query")
	}
	dir := write(t, t.TempDir(), 3, "support")
	path := spanFile(t, dir)
	for i := range count - 1 {
		require.NoError(t, os.Link(path, filepath.Join(filepath.Dir(path), fmt.Sprintf("%06d.parquet", i))))
	}
	const statement = "SELECT count(*) FROM spans"
	fmt.Printf("query: %d files: %s: columns alike: %s\n", count, statement, inChild(t, dir, strconv.Itoa(onceFrom), "", statement))
	withoutColumn(t, path, "late_identity")
	fmt.Printf("query: %d files: %s: columns united: %s\n", count, statement, inChild(t, dir, strconv.Itoa(onceFrom), "", statement))
}

// inChild runs a statement in a process of its own and returns its peak memory and
// the processors' time.
func inChild(t *testing.T, dir, from, memory, statement string) string {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestQueryFigures$")
	cmd.Env = append(os.Environ(), "SPANLOOP_QUERY_CHILD="+strings.Join([]string{dir, from, memory, statement}, "\n"))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	_, after, found := strings.Cut(string(out), "peak=")
	require.True(t, found, "%s", out)
	peak, _, _ := strings.Cut(after, "\n")
	return fmt.Sprintf("%s, %.1f s of processors", peak, (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds())
}

// answerOnce runs the statement of a child process.
func answerOnce(t *testing.T, child string) {
	words := strings.Split(child, "\n")
	db := open(t, Options{Dataset: words[0], MemoryLimit: words[2]})
	from, err := strconv.ParseInt(words[1], 10, 64)
	require.NoError(t, err)
	db.once.from = from
	_, err = db.Query(t.Context(), words[3])
	require.NoError(t, err)
	// The usage that a parent sees includes its own before the child was there.
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	peak := regexp.MustCompile(`VmHWM:\s*(\d+) kB`).FindSubmatch(status)
	require.NotNil(t, peak)
	kilobytes, err := strconv.Atoi(string(peak[1]))
	require.NoError(t, err)
	fmt.Printf("peak=%d MB\n", kilobytes*1024/1_000_000)
}
