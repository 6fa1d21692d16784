// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
)

// contentRow is content of a call that arrived in a log event.
type contentRow struct {
	traceID, spanID              string
	at                           int64
	id                           string
	system, input, output, tools string
}

// WriteLogs writes the score events and the content events of a batch; other
// records are skipped. Errors are as in WriteTraces.
func (w *Writer) WriteLogs(ctx context.Context, ld plog.Logs) (Result, error) {
	p := newPush(w)
	contents := map[partition][]contentRow{}
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				event, ok := genai.ReadLog(record, sl.Scope(), rl.Resource())
				if !ok {
					p.result.Skipped++
					continue
				}
				p.sortEvent(record, event, contents)
			}
		}
	}
	err := p.writeSpans(ctx)
	if err == nil {
		err = p.writeContents(contents)
	}
	if err == nil {
		err = p.commit()
	}
	if err != nil {
		return p.result, fmt.Errorf("dataset %q: %w", w.storage.root, err)
	}
	return p.result, nil
}

// sortEvent files one event. An event without a span id can be joined by the
// answer's id if it is a score; content without one is skipped.
func (p *push) sortEvent(record plog.LogRecord, event *genai.LogEvent, contents map[partition][]contentRow) {
	at := int64(record.Timestamp())
	if at == 0 {
		at = int64(record.ObservedTimestamp())
	}
	traceID, spanID := hex.EncodeToString(event.TraceID[:]), hex.EncodeToString(event.SpanID[:])
	if event.Score != nil {
		part := partition{name: Unresolved, version: NoVersion, day: dayOf(at)}
		score, own := evaluator.ReadAttributes(record.Attributes())
		if !own {
			score = scoreOfGiven(*event.Score, event.TraceID, event.SpanID)
		}
		p.scores[part] = append(p.scores[part], scoreRow{
			part: part, traceID: traceID, spanID: spanID, responseID: event.ResponseID, score: score, at: at,
		})
		return
	}
	if event.SpanID.IsEmpty() || event.TraceID.IsEmpty() {
		p.result.Skipped++
		return
	}
	c := event.Call
	row := contentRow{
		traceID: traceID, spanID: spanID, at: at,
		system: c.System.JSON(), input: c.Input.JSON(), output: c.Output.JSON(), tools: c.Tools.JSON(),
	}
	row.id = digest([]byte(traceID + spanID + strconv.FormatInt(at, 10) + row.system + row.input + row.output + row.tools))[:32]
	part := partition{name: Unresolved, version: NoVersion, day: dayOf(at)}
	contents[part] = append(contents[part], row)
	p.result.Content++
}

func (p *push) writeContents(contents map[partition][]contentRow) error {
	for _, part := range sortedParts(contents) {
		enc, err := newEncoder(TableContent, p.writer.options.Codec)
		if err != nil {
			return err
		}
		rows := contents[part]
		for i := range rows {
			if err := writeContent(enc, part, &rows[i]); err != nil {
				return err
			}
		}
		encoded, err := enc.finish()
		if err != nil {
			return err
		}
		if err := p.putFile(TableContent, part.dir(TableContent), encoded, len(rows), rows[0].at, rows[len(rows)-1].at); err != nil {
			return err
		}
	}
	return nil
}

func writeContent(enc *arrowEncoder, part partition, r *contentRow) error {
	enc.leaf("date").int(part.day)
	enc.leaf("trace_id").text(r.traceID)
	enc.leaf("span_id").text(r.spanID)
	enc.leaf("time_unix_nano").long(r.at)
	enc.leaf("event_id").text(r.id)
	enc.leaf("system_instructions").optional(r.system)
	enc.leaf("input_messages").optional(r.input)
	enc.leaf("output_messages").optional(r.output)
	enc.leaf("tool_definitions").optional(r.tools)
	return enc.endRow(len(r.system) + len(r.input) + len(r.output) + len(r.tools))
}
