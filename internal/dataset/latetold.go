// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"time"

	"github.com/spanloop/spanloop/internal/dataset/lateidentity"
	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
)

// longestCall bounds how long after the start of its span a log event is looked for.
const longestCall = time.Hour

// toldColumns are what is read of log events.
var toldColumns = []string{
	"trace_id", "span_id", "time_unix_nano", "event_id", "identity_id", "prompt_name", "prompt_version", "prompt_hash", "prompt_label",
	"prompt_resolution", "prompt_unresolved_reason", variableNames, variableValues, toolsColumn, "toolset_hash", "toolset_completeness",
}

// unsettle has the span files looked at again near which there are log events that
// no run has seen.
func (c *compactor) unsettle() {
	for _, content := range c.m.files {
		if content.Table != TableContent || c.settled.reach(content, 1) {
			continue
		}
		from, until := content.MinTime.Add(-min(c.reach(), longestCall)), content.MaxTime.Add(time.Minute)
		for _, f := range c.m.files {
			if f.Table == TableSpans && !f.MaxTime.Before(from) && !f.MinTime.After(until) {
				c.settled.forget([]File{f})
			}
		}
		c.settled.add(content, c.reach())
	}
}

// noteBare notes a span that log events may say something about.
func (b *lateBatch) noteBare(rows *parquetfile.Rows, i int) {
	if kind, _ := rows.Text("call_kind", i); kind == "tool" {
		return
	}
	_, offers := rows.Text("toolset_hash", i)
	_, filled := rows.Text(lateIdentityColumn, i)
	rung, _ := rows.Text("prompt_resolution", i)
	if offers && !filled && rung != "none" {
		return
	}
	if key, ok := keyOf(rows, i); ok {
		b.bare[key] = true
	}
}

// findTold finds out what log events say of the batch's spans.
func (b *lateBatch) findTold(ctx context.Context) error {
	if len(b.bare) == 0 {
		return nil
	}
	events := map[spanKey][]lateidentity.Event{}
	from, until := time.Unix(0, b.first).Add(-time.Minute), time.Unix(0, b.last).Add(min(b.reach(), longestCall))
	for _, f := range b.m.files {
		if f.Table != TableContent || f.MaxTime.Before(from) || f.MinTime.After(until) {
			continue
		}
		err := b.scan(ctx, f, toldColumns, func(_ [16]byte, rows *parquetfile.Rows, i int) {
			if key, ok := keyOf(rows, i); ok && b.bare[key] {
				events[key] = append(events[key], toldEvent(rows, i))
			}
		}, b.known)
		if err != nil {
			return err
		}
	}
	for key, list := range events {
		told := lateidentity.Tell(list)
		if !told.Names && !told.Offers {
			continue
		}
		b.told[key] = told
		t := b.traces[key.trace]
		t.said |= isTold
		b.traces[key.trace] = t
	}
	return nil
}

// toldEvent reads a row as a log event; files from before there were columns for it
// say nothing.
func toldEvent(rows *parquetfile.Rows, i int) lateidentity.Event {
	e := lateidentity.Event{ID: textOf(rows, "event_id", i) + textOf(rows, "identity_id", i), Prompt: promptAt(rows, i), Tools: toolsAt(rows, i)}
	e.At, _ = rows.Long("time_unix_nano", i)
	return e
}
