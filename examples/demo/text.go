// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/spanloop/spanloop/internal/report"
)

// text prints the demo's own lines.
type text struct {
	io.Writer
	color bool
	step  int
}

func (t *text) bold(s string) string {
	if !t.color {
		return s
	}
	return "\x1b[1m" + s + "\x1b[0m"
}

// heading begins a step.
func (t *text) heading(title string) {
	t.step++
	fmt.Fprintf(t, "\n%s\n", t.bold(fmt.Sprintf("%d. %s", t.step, title)))
}

// say prints lines of prose.
func (t *text) say(format string, args ...any) {
	for line := range strings.Lines(fmt.Sprintf(format, args...) + "\n") {
		if line != "\n" {
			line = "   " + line
		}
		fmt.Fprint(t, line)
	}
}

// indented returns a writer whose lines are indented as prose is.
func (t *text) indented() io.Writer { return &indented{out: t} }

// indented indents whole lines. What a program writes is made harmless.
type indented struct {
	out  *text
	rest []byte
}

// Write implements io.Writer.
func (w *indented) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		end := bytes.IndexByte(w.rest, '\n')
		if end < 0 {
			return len(p), nil
		}
		if _, err := fmt.Fprintf(w.out, "   %s\n", report.EscapeTerminal(string(w.rest[:end]))); err != nil {
			return 0, err
		}
		w.rest = w.rest[end+1:]
	}
}
