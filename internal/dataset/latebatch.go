// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"hash/fnv"
	"math"
	"time"

	"github.com/spanloop/spanloop/internal/dataset/lateidentity"
	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
)

// lateBatch looks at the traces of some files, and at what other files hold of
// them.
type lateBatch struct {
	*compactor
	files []File
	// traces are those of the files.
	traces map[[16]byte]metTrace
	// first and last are the times between which they lie.
	first, last int64
	// quiet is the time after which no span of a trace must have ended, soon the
	// one after which an end is that of a clock that is wrong.
	quiet, soon int64

	// bare are the spans that log events may say something about, told what they say.
	bare map[spanKey]bool
	told map[spanKey]lateidentity.Told

	fills map[spanKey]lateFill
	// filled are the files with rows to change, of moving ones those whose
	// rows are not known to be settled.
	filled, moving map[string]bool
	states         map[lateidentity.State]*lateidentity.State
}

// metTrace is what is known of a trace before its spans are read.
type metTrace struct {
	said uint16
	rows uint32
	last int64
	// tools is a hash of the tools that a call offered.
	tools uint64
}

// lateFill is what a row is to hold whose span gave own.
type lateFill struct{ own, state *lateidentity.State }

// What rows of a trace say or lack.
const (
	saysSession = 1 << iota
	lacksSession
	saysUser
	lacksUser
	lacksTool
	saysTools
	lacksPrompt
	saysPrompt
	ranTool
	changedTools
	isFilled
	isTold
)

// flagColumns are what tells whether a trace is to be looked at.
var flagColumns = []string{
	"trace_id", "start_unix_nano", "duration_ns", "session_id", "user_id", "call_kind", "counted", "tool_name", "tool_version",
	toolsColumn, "toolset_hash", "prompt_resolution", "prompt_unresolved_reason", "span_id", lateIdentityColumn,
}

// flagsOf are what a row says and lacks.
func flagsOf(rows *parquetfile.Rows, i int) (said uint16) {
	has := func(column string) bool { _, ok := rows.Text(column, i); return ok }
	either := func(column string, yes, no uint16) {
		if has(column) {
			said |= yes
		} else {
			said |= no
		}
	}
	either("session_id", saysSession, lacksSession)
	either("user_id", saysUser, lacksUser)
	either("toolset_hash", saysTools, 0)
	either(lateIdentityColumn, isFilled, 0)
	kind, _ := rows.Text("call_kind", i)
	if kind == "tool" && has("tool_name") {
		said |= ranTool
		if !has("tool_version") {
			said |= lacksTool
		}
	}
	isCall := rows.Bool("counted", i) && (kind == "inference" || kind == "embeddings" || kind == "rerank")
	switch rung, _ := rows.Text("prompt_resolution", i); rung {
	case "none", "ambiguous", "fingerprint":
		if kind == "inference" {
			said |= lacksPrompt
		}
	case "explicit", "label", "hash", "template":
		if !isCall && kind != "tool" && kind != "evaluation" {
			said |= saysPrompt
		}
	}
	return said
}

// reveals tells whether a span of the trace may say what another one lacks, or a log
// event what its span does.
func (t *metTrace) reveals() bool {
	if t.said&isTold != 0 {
		return true
	}
	for _, both := range []uint16{saysSession | lacksSession, saysUser | lacksUser, saysTools | lacksTool, saysPrompt | lacksPrompt, ranTool | changedTools, isFilled} {
		if t.said&both == both {
			return true
		}
	}
	return false
}

// note adds a row to what is known of its trace.
func (b *lateBatch) note(key [16]byte, rows *parquetfile.Rows, i int) {
	t := b.traces[key]
	began, _ := rows.Long("start_unix_nano", i)
	duration, _ := rows.Long("duration_ns", i)
	ended := began + duration
	t.said |= flagsOf(rows, i)
	t.noteTools(rows, i)
	b.noteBare(rows, i)
	t.rows++
	if ended <= b.soon {
		t.last = max(t.last, ended)
	}
	b.traces[key] = t
	b.first, b.last = min(b.first, began), max(b.last, began)
}

// noteTools notes whether calls of the trace offered different tools.
func (t *metTrace) noteTools(rows *parquetfile.Rows, i int) {
	offered := rows.Texts(toolsColumn, i)
	if kind, _ := rows.Text("call_kind", i); kind == "tool" || len(offered) == 0 {
		return
	}
	h := fnv.New64a()
	for _, tool := range offered {
		_, _ = h.Write([]byte(tool))
		_, _ = h.Write([]byte{0})
	}
	switch hash := h.Sum64(); t.tools {
	case 0, hash:
		t.tools = hash
	default:
		t.said |= changedTools
	}
}

func (b *lateBatch) isQuiet(t metTrace) bool { return t.last <= b.quiet }

// find finds out what rows are to hold. Of traces that go on it is left for later.
func (b *lateBatch) find(ctx context.Context) error {
	b.first, b.last = math.MaxInt64, math.MinInt64
	own := map[string]bool{}
	for _, f := range b.files {
		own[f.Path] = true
		err := b.scan(ctx, f, flagColumns, func(key [16]byte, rows *parquetfile.Rows, i int) { b.note(key, rows, i) }, nil)
		if err != nil {
			return err
		}
	}
	var near []File
	for _, f := range b.near() {
		if own[f.Path] {
			continue
		}
		found := false
		err := b.scan(ctx, f, flagColumns, func(key [16]byte, rows *parquetfile.Rows, i int) {
			found = true
			b.note(key, rows, i)
		}, b.known)
		if err != nil {
			return err
		}
		if found {
			near = append(near, f)
		}
	}
	if err := b.findTold(ctx); err != nil {
		return err
	}
	if err := b.findMoving(ctx); err != nil {
		return err
	}
	return b.resolve(ctx, append(near, b.files...))
}

func (b *lateBatch) known(key [16]byte) bool { _, ok := b.traces[key]; return ok }

// near are the span files that begin within reach of the batch's spans.
func (b *lateBatch) near() (files []File) {
	if len(b.traces) == 0 {
		return nil
	}
	reach := b.reach()
	from, until := time.Unix(0, b.first).Add(-reach), time.Unix(0, b.last).Add(reach)
	for _, f := range b.m.files {
		if f.Table == TableSpans && !f.MaxTime.Before(from) && !f.MinTime.After(until) {
			files = append(files, f)
		}
	}
	return files
}

// findMoving finds the batch's files of which a trace goes on.
func (b *lateBatch) findMoving(ctx context.Context) error {
	goesOn := func(key [16]byte) bool { return !b.isQuiet(b.traces[key]) }
	for _, t := range b.traces {
		if b.isQuiet(t) {
			continue
		}
		for _, f := range b.files {
			take := func([16]byte, *parquetfile.Rows, int) { b.moving[f.Path] = true }
			if err := b.scan(ctx, f, []string{"trace_id"}, take, goesOn); err != nil {
				return err
			}
		}
		return nil
	}
	return nil
}

// unmarked is the number of a file from before there was a column for what is
// filled in. The views do it.
const unmarked = -1

// resolve reads the spans of the traces that may reveal something, so many at a
// time as memory allows.
func (b *lateBatch) resolve(ctx context.Context, files []File) error {
	rows := 0
	for _, t := range b.traces {
		if t.reveals() && b.isQuiet(t) {
			rows += int(t.rows)
		}
	}
	shards := uint32((rows + b.spansAtOnce() - 1) / b.spansAtOnce())
	for shard := range shards {
		type placed struct {
			spans []lateidentity.Span
			files []int32
		}
		traces := map[[16]byte]*placed{}
		wanted := func(key [16]byte) bool {
			t, known := b.traces[key]
			return known && t.reveals() && b.isQuiet(t) && shardOf(key, shards) == shard
		}
		for n, f := range files {
			err := b.scan(ctx, f, lateSpanColumns, func(key [16]byte, rows *parquetfile.Rows, i int) {
				ids, ok := keyOf(rows, i)
				if !ok {
					return
				}
				t := traces[key]
				if t == nil {
					t = &placed{}
					traces[key] = t
				}
				place := int32(n)
				if !rows.Has(lateIdentityColumn) {
					place = unmarked
				}
				span := lateSpan(rows, i, ids)
				span.Told = b.told[ids]
				t.spans, t.files = append(t.spans, span), append(t.files, place)
			}, wanted)
			if err != nil {
				return err
			}
		}
		for key, t := range traces {
			for i, state := range lateidentity.Resolve(t.spans) {
				if s := &t.spans[i]; state != s.Stored && t.files[i] != unmarked {
					b.fills[spanKey{key, s.ID}] = lateFill{b.shared(s.Own), b.shared(state)}
					b.filled[files[t.files[i]].Path] = true
				}
			}
		}
	}
	return nil
}

func shardOf(key [16]byte, shards uint32) uint32 {
	h := fnv.New32a()
	_, _ = h.Write(key[:])
	return h.Sum32() % shards
}

// shared returns the one state of these values.
func (b *lateBatch) shared(s lateidentity.State) *lateidentity.State {
	if known := b.states[s]; known != nil {
		return known
	}
	b.states[s] = &s
	return &s
}

// scan hands over the rows of a file whose trace is wanted; nil wants all.
func (b *lateBatch) scan(ctx context.Context, f File, columns []string, take func([16]byte, *parquetfile.Rows, int), wanted func([16]byte) bool) error {
	where := func(ids *parquetfile.Rows, i int) bool {
		key, ok := traceOf(ids, i)
		return ok && (wanted == nil || wanted(key))
	}
	return b.eachChosen(ctx, f, "trace_id", where, columns, func(rows *parquetfile.Rows, chosen []int) error {
		for _, i := range chosen {
			key, _ := traceOf(rows, i)
			take(key, rows, i)
		}
		return nil
	})
}
