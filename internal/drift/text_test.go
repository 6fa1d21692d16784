// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package drift

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/spanloop/spanloop/internal/report"
)

var textOptions = report.Options{Width: 160}

// twoChanges is the report that the golden files show.
var twoChanges = sync.OnceValue(func() *Report {
	return analysed(makeTraffic(5, 700, 1, func(i int) world {
		w := usual()
		if i >= 350 {
			w.tool, w.search = "v2", 0.65
		}
		if i >= 500 {
			w.model, w.fingerprint, w.longer, w.refunds = "large-2", "fp-2", 0.5, 0.65
		}
		return w
	}), searched(0.05))
})

func TestGolden(t *testing.T) {
	r := twoChanges()
	quiet := analysed(makeTraffic(5, 300, 1, steady), searched(0.05))
	for name, write := range map[string]func(*bytes.Buffer) error{
		"two-changes.txt":  func(b *bytes.Buffer) error { return r.WriteText(b, textOptions, false) },
		"two-changes.json": func(b *bytes.Buffer) error { return report.WriteJSON(b, Schema, r) },
		"two-changes.csv":  func(b *bytes.Buffer) error { return r.WriteCSV(b, textOptions) },
		"two-changes.html": func(b *bytes.Buffer) error { return r.WriteHTML(b) },
		"no-drift.txt":     func(b *bytes.Buffer) error { return quiet.WriteText(b, textOptions, false) },
		"no-drift-q.txt":   func(b *bytes.Buffer) error { return quiet.WriteText(b, textOptions, true) },
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			require.NoError(t, write(&out))
			path := filepath.Join("testdata", name)
			if *update {
				require.NoError(t, os.WriteFile(path, out.Bytes(), 0o600))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(want), out.String())
		})
	}
}

// hostile is text that would break out of a terminal, a page or a table.
const hostile = "\x1b[2J\u202eevil<script>alert(1)</script>\n,\"'`"

func TestHostileText(t *testing.T) {
	calls := makeTraffic(5, 400, 1, turning(200, func(w *world) {
		w.model, w.tool, w.params, w.longer = hostile, hostile, `{"`+"stop"+`":"`+"<b>"+`"}`, 0.8
	}))
	for i := range calls {
		if len(calls[i].Tools) > 0 && i >= 200 {
			calls[i].Tools = []string{hostile}
		}
		if calls[i].Failed {
			calls[i].ErrorType = hostile
		}
		calls[i].Keys = []string{hostile}
	}
	o := splitAt(200)
	o.Prompt, o.Version, o.Environment, o.Keys = hostile, hostile, hostile, []string{"attr:" + hostile}
	r := analysed(calls, o)
	require.Equal(t, Drift, r.Verdict)
	for name, write := range map[string]func(*bytes.Buffer) error{
		"text":  func(b *bytes.Buffer) error { return r.WriteText(b, report.Options{}, false) },
		"color": func(b *bytes.Buffer) error { return r.WriteText(b, report.Options{Color: true}, false) },
		"html":  func(b *bytes.Buffer) error { return r.WriteHTML(b) },
		"json":  func(b *bytes.Buffer) error { return report.WriteJSON(b, Schema, r) },
		"csv":   func(b *bytes.Buffer) error { return r.WriteCSV(b, report.Options{Terminal: true}) },
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			require.NoError(t, write(&out))
			require.NotContains(t, out.String(), "\x1b[2J")
			require.NotContains(t, out.String(), "\u202e")
			if name == "html" {
				require.NotContains(t, out.String(), "<script")
			}
		})
	}
}

func TestPageIsSelfContained(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, twoChanges().WriteHTML(&out))
	page := out.String()
	require.Less(t, len(page), 200_000)
	for _, loads := range []string{"<script", "<link", "<img", "url(", "src="} {
		require.NotContains(t, page, loads)
	}
	require.Contains(t, page, "<svg")
	require.Contains(t, page, "change 1")
	require.Contains(t, page, "responding model large-1 to large-2")
	require.Equal(t, 1, strings.Count(page, "</html>"))
}
