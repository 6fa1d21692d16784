// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package scripted

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// eventStream writes server-sent events, spread over the time that the answer
// takes.
type eventStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	ctx     context.Context
	pause   time.Duration
	err     error
}

func newEventStream(w http.ResponseWriter, r *http.Request, total time.Duration, events int) *eventStream {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(http.StatusOK)
	return &eventStream{w: w, control: http.NewResponseController(w), ctx: r.Context(), pause: total / time.Duration(max(1, events))}
}

// data sends one event without a name.
func (s *eventStream) data(v any) { s.raw("data: " + quote(v) + "\n\n") }

// named sends one event with its name.
func (s *eventStream) named(name string, v any) {
	s.raw("event: " + name + "\ndata: " + quote(v) + "\n\n")
}

func (s *eventStream) raw(text string) {
	if s.err != nil {
		return
	}
	if s.err = wait(s.ctx, s.pause); s.err != nil {
		return
	}
	if _, s.err = s.w.Write([]byte(text)); s.err == nil {
		s.err = s.control.Flush()
	}
}

// pieces cuts a text into at most n parts at spaces.
func pieces(text string, n int) []string {
	words := strings.SplitAfter(text, " ")
	if text == "" || n < 2 || len(words) == 1 {
		return []string{text}
	}
	size := (len(words) + n - 1) / n
	var out []string
	for ; len(words) > size; words = words[size:] {
		out = append(out, strings.Join(words[:size], ""))
	}
	return append(out, strings.Join(words, ""))
}

// halves cuts arguments in two, so that clients have to put them together.
func halves(text string) []string {
	if len(text) < 2 {
		return []string{text}
	}
	middle := len(text) / 2
	for middle > 0 && text[middle]&0xc0 == 0x80 {
		middle--
	}
	return []string{text[:middle], text[middle:]}
}
