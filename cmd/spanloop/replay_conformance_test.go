// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

//go:build conformance

package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gowebpki/jcs"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/replay"
	"github.com/spanloop/spanloop/internal/sharedtest"
	"github.com/spanloop/spanloop/internal/wire"
)

// canonical is the RFC 8785 form of a request without its transport members, by
// encoding/json and the reference implementation alone.
func canonical(t *testing.T, body []byte) string {
	t.Helper()
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(body, &members))
	delete(members, "stream")
	delete(members, "stream_options")
	text, err := json.Marshal(members)
	require.NoError(t, err)
	out, err := jcs.Transform(text)
	require.NoError(t, err)
	return string(out)
}

// shelf is a dataset that is filled with recorded calls.
type shelf struct {
	*desk
	traces ptrace.Traces
	logs   plog.Logs
	spans  ptrace.SpanSlice
	next   uint64
}

func newShelf(t *testing.T) *shelf {
	s := &shelf{desk: exampleDesk(t), traces: ptrace.NewTraces(), logs: plog.NewLogs()}
	s.spans = s.traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	return s
}

// add appends a span and returns it with its id.
func (s *shelf) add() (ptrace.Span, string) {
	s.next++
	var id [16]byte
	binary.BigEndian.PutUint64(id[8:], s.next)
	span := s.spans.AppendEmpty()
	span.SetName("chat")
	span.SetTraceID(id)
	span.SetSpanID([8]byte(id[8:]))
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(clock))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(clock) + 1e9)
	return span, span.SpanID().String()
}

// keep writes everything into the dataset.
func (s *shelf) keep() {
	s.t.Helper()
	w, err := dataset.NewWriter(s.dataset, dataset.WriterOptions{})
	require.NoError(s.t, err)
	result, err := w.WriteTraces(s.t.Context(), s.traces)
	require.NoError(s.t, err)
	require.EqualValues(s.t, s.next, result.Spans)
	_, err = w.WriteLogs(s.t.Context(), s.logs)
	require.NoError(s.t, err)
	require.NoError(s.t, w.Close())
}

// dryRun runs `spanloop replay ID --dry-run` and returns what it prints as JSON.
func (s *shelf) dryRun(id, api string, args ...string) (replay.Result, bool) {
	s.t.Helper()
	got := s.run(append([]string{"replay", id, "--dry-run", "--dialect", api, "--format", "json"}, args...)...)
	var result replay.Result
	if got.code != exitDone && got.code != exitCannotTell {
		return result, false
	}
	require.NoError(s.t, json.Unmarshal([]byte(got.out), &result), got.out)
	return result, true
}

// counts are how rebuilt requests compare with the recorded ones.
type counts struct {
	n, equal, bytes, raw, modelled, mismatch, refused, none, falseExact int
}

func (c *counts) add(t *testing.T, result replay.Result, found bool, want string) {
	t.Helper()
	c.n++
	if !found {
		c.none++
		return
	}
	same := canonical(t, result.Request.Control) == want
	switch {
	case result.Request.Grade == wire.Exact && same:
		c.equal++
	case result.Request.Grade == wire.Exact:
		c.falseExact++
	case result.Request.Grade == wire.Modelled && same:
		c.equal++
	case result.Request.Grade == wire.Modelled:
		c.modelled++
	default:
		c.mismatch++
	}
	if result.Outcome == replay.OutcomeUnfaithful {
		c.refused++
	}
	if result.Request.Bytes {
		c.bytes++
	}
}

func (c *counts) print(set string) {
	bytes := ""
	if c.raw > 0 {
		bytes = fmt.Sprintf(" (byte for byte %d of %d raw)", c.bytes, c.raw)
	}
	fmt.Printf("conformance: replay --dry-run/%s equal %d/%d%s, modelled %d, mismatch %d, no span %d; refused %d; false exact %d\n",
		set, c.equal, c.n, bytes, c.modelled, c.mismatch, c.none, c.refused, c.falseExact)
}

func TestConformanceReplayDryRun(t *testing.T) {
	for _, api := range []string{wire.OpenAIChat, wire.AnthropicMessages} {
		t.Run(api, func(t *testing.T) {
			pairs := sharedtest.Pairs(t, api)
			s := newShelf(t)
			captured, plain, swapped := make([]string, len(pairs)), make([]string, len(pairs)), make([]string, len(pairs))
			var hashes []string
			for i, p := range pairs {
				var span ptrace.Span
				span, captured[i] = s.add()
				fill(t, span, api, p)
				hash, _ := span.Attributes().Get("spanloop.request.sha256")
				hashes = append(hashes, hash.Str())
				span, plain[i] = s.add()
				fill(t, span, api, p)
				span.Attributes().RemoveIf(func(key string, _ pcommon.Value) bool { return strings.HasPrefix(key, "spanloop.") })
			}
			for i, p := range pairs {
				// Another request's hash: what a mixed-up or forged span holds.
				var span ptrace.Span
				span, swapped[i] = s.add()
				fill(t, span, api, p)
				span.Attributes().PutStr("spanloop.request.sha256", hashes[(i+1)%len(hashes)])
			}
			s.keep()
			var ours, theirs, forged counts
			for i, p := range pairs {
				want := canonical(t, []byte(p.Request.Body))
				if p.Request.Fidelity == "raw" {
					ours.raw++
				}
				result, found := s.dryRun(captured[i], api)
				if p.Request.Fidelity != "raw" {
					result.Request.Bytes = false
				}
				ours.add(t, result, found, want)
				result, found = s.dryRun(plain[i], api)
				theirs.add(t, result, found, want)
				if hashes[i] != hashes[(i+1)%len(hashes)] {
					result, found = s.dryRun(swapped[i], api)
					forged.add(t, result, found, want)
				}
			}
			ours.print(api + "/captured")
			theirs.print(api + "/semconv")
			forged.print(api + "/forged hash")
			require.Equal(t, ours.n, ours.equal)
			require.Zero(t, ours.falseExact+theirs.falseExact+forged.falseExact)
			require.Equal(t, forged.n, forged.mismatch)
			require.Equal(t, forged.n, forged.refused, "and nothing would be sent")
		})
	}
}

// fill sets what our capture records of a request and its answer.
func fill(t *testing.T, span ptrace.Span, api string, p sharedtest.Pair) {
	t.Helper()
	request, err := wire.Capture(api, []byte(p.Request.Body))
	require.NoError(t, err)
	request.Attributes.CopyTo(span.Attributes())
	var answer *wire.Response
	if p.Stream && strings.Contains(p.Response.Body, "data:") {
		answer, err = wire.ParseStream(api, p.Response.Status, strings.NewReader(p.Response.Body))
	} else {
		answer, err = wire.ParseResponse(api, p.Response.Status, []byte(p.Response.Body))
	}
	require.NoError(t, err)
	answer.PutAttributes(span.Attributes())
}

func TestConformanceReplayOfInstrumentations(t *testing.T) {
	type record struct {
		API     string          `json:"api"`
		Request json.RawMessage `json:"request"`
		Spans   []struct {
			Name       string         `json:"name"`
			Attributes map[string]any `json:"attributes"`
		} `json:"spans"`
		Logs []struct {
			EventName  string         `json:"eventName"`
			Attributes map[string]any `json:"attributes"`
			Body       any            `json:"body"`
		} `json:"logs"`
	}
	for _, set := range []string{"otel", "traceloop"} {
		file, err := os.Open(filepath.Join(sharedtest.Dir(t), "roundtrip", set+".jsonl"))
		require.NoError(t, err)
		defer file.Close()
		s := newShelf(t)
		records := s.logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
		type kept struct{ id, api, want string }
		var list []kept
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			var r record
			require.NoError(t, json.Unmarshal(lines.Bytes(), &r))
			if r.API != wire.OpenAIChat && r.API != wire.AnthropicMessages {
				continue
			}
			k := kept{api: r.API, want: canonical(t, r.Request)}
			if len(r.Spans) > 0 {
				var span ptrace.Span
				span, k.id = s.add()
				span.SetName(r.Spans[0].Name)
				require.NoError(t, span.Attributes().FromRaw(r.Spans[0].Attributes))
				for i, l := range r.Logs {
					entry := records.AppendEmpty()
					entry.SetEventName(l.EventName)
					entry.SetTraceID(span.TraceID())
					entry.SetSpanID(span.SpanID())
					entry.SetTimestamp(span.StartTimestamp() + pcommon.Timestamp(i))
					require.NoError(t, entry.Attributes().FromRaw(l.Attributes))
					require.NoError(t, entry.Body().FromRaw(l.Body))
				}
			}
			list = append(list, k)
		}
		require.NoError(t, lines.Err())
		s.keep()
		byAPI := map[string]*counts{}
		for _, k := range list {
			c := byAPI[k.api]
			if c == nil {
				c = &counts{}
				byAPI[k.api] = c
			}
			result, found := replay.Result{}, false
			if k.id != "" {
				result, found = s.dryRun(k.id, k.api)
			}
			c.add(t, result, found, k.want)
		}
		for _, api := range []string{wire.OpenAIChat, wire.AnthropicMessages} {
			if c := byAPI[api]; c != nil {
				c.print(set + "/" + api)
				require.Zero(t, c.falseExact)
			}
		}
	}
}
