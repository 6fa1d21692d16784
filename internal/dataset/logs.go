// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/spanloop/spanloop/internal/evaluator"
	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/identity"
)

// contentRow is content of a call that arrived in a log event.
type contentRow struct {
	traceID, spanID              string
	at                           int64
	id                           string
	system, input, output, tools string
	calls                        []genai.ToolCall
	chars                        int
	// identity is what the record was stamped with.
	identity identity.Identity
}

// WriteLogs writes the score events and the content events of a batch; other
// records are skipped. Errors are as in WriteTraces.
func (w *Writer) WriteLogs(ctx context.Context, ld plog.Logs) (Result, error) {
	p, err := newPush(w)
	if err != nil {
		return Result{}, err
	}
	contents := map[partition][]contentRow{}
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				event, ok := genai.ReadLog(record, sl.Scope(), rl.Resource())
				if !ok {
					p.result.Skipped++
					continue
				}
				stored, event, measured := w.storedRecord(record, event, sl, rl)
				if event == nil {
					p.result.Skipped++
					continue
				}
				p.sortEvent(stored, event, measured, contents)
			}
		}
	}
	err = p.writeSpans(ctx)
	if err == nil {
		err = p.writeContents(ctx, contents)
	}
	if err == nil {
		err = p.commit(ctx)
	}
	if err != nil {
		return p.result, fmt.Errorf("dataset %q: %w", w.storage.Root(), err)
	}
	return p.result, nil
}

// sortEvent files one event. An event without a span id can be joined by the
// answer's id if it is a score; content without one is skipped.
func (p *push) sortEvent(record plog.LogRecord, event *genai.LogEvent, measured *measure, contents map[partition][]contentRow) {
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
		row := p.tables.rows.scores.next()
		row.part, row.traceID, row.spanID, row.at = part, traceID, spanID, at
		row.set(score, &p.tables.rows.scoreReader)
		row.rest.responseID = clean(event.ResponseID)
		p.scores[part] = append(p.scores[part], row)
		return
	}
	if event.SpanID.IsEmpty() || event.TraceID.IsEmpty() {
		p.result.Skipped++
		return
	}
	c := event.Call
	row := contentRow{
		traceID: traceID, spanID: spanID, at: at,
		system: clean(c.System.JSON()), input: clean(c.Input.JSON()), output: clean(c.Output.JSON()), tools: clean(c.Tools.JSON()),
		calls: c.ToolCalls(), chars: utf8.RuneCountInString(c.OutputText()),
	}
	if _, stamped := record.Attributes().Get(identity.AttrPromptResolution); stamped {
		row.identity = identity.FromAttributes(record.Attributes())
	}
	if measured != nil {
		row.chars = measured.outputChars
	}
	row.id = digest([]byte(traceID + spanID + strconv.FormatInt(at, 10) + row.system + row.input + row.output + row.tools))[:32]
	part := partition{name: Unresolved, version: NoVersion, day: dayOf(at)}
	contents[part] = append(contents[part], row)
	p.result.Content++
}

// stampID tells what an event was stamped with from anything else; empty for nothing.
func stampID(id *identity.Identity) string {
	if id.Resolution == "" {
		return ""
	}
	texts := []string{id.PromptName, id.PromptVersion, id.PromptHash, id.PromptLabel, id.Resolution, id.UnresolvedReason, id.ToolsetHash}
	for _, v := range id.Variables {
		texts = append(texts, v.Name, v.Value)
	}
	return digest([]byte(strings.Join(texts, "\x00")))[:16]
}

// clean replaces what is no UTF-8, which no reader of Parquet accepts.
func clean(text string) string { return strings.ToValidUTF8(text, "\ufffd") }

func (p *push) writeContents(ctx context.Context, contents map[partition][]contentRow) error {
	for _, part := range sortedParts(contents) {
		enc, err := newEncoder(TableContent, p.writer.options.Codec)
		if err != nil {
			return err
		}
		var c contentLeaves
		if err := bind(enc, &c); err != nil {
			return err
		}
		rows := contents[part]
		for i := range rows {
			c.write(part, &rows[i], i)
			if err := enc.EndRow(rows[i].size()); err != nil {
				return err
			}
		}
		encoded, err := enc.Finish()
		if err != nil {
			return err
		}
		first, last := rows[0].at, rows[0].at
		for i := range rows {
			first, last = min(first, rows[i].at), max(last, rows[i].at)
		}
		if err := p.putFile(ctx, TableContent, part.dir(TableContent), encoded, len(rows), first, last); err != nil {
			return err
		}
	}
	return nil
}

// size is about how many bytes a row has.
func (r *contentRow) size() int {
	return len(r.system) + len(r.input) + len(r.output) + len(r.tools)
}

func (c *contentLeaves) write(part partition, r *contentRow, position int) {
	c.Date.Int(part.day)
	c.TraceID.Text(r.traceID)
	c.SpanID.Text(r.spanID)
	c.TimeUnixNano.Long(r.at)
	c.Position.Int(clampInt32(position))
	c.EventID.Text(r.id)
	c.SystemInstructions.Optional(r.system)
	c.InputMessages.Optional(r.input)
	c.OutputMessages.Optional(r.output)
	c.ToolDefinitions.Optional(r.tools)
	writeCalls(c.CallIDs, c.CallNames, c.CallArguments, r.calls, clean)
	c.OutputChars.Int(clampInt32(r.chars))
	c.writeIdentity(&r.identity)
}

func (c *contentLeaves) writeIdentity(id *identity.Identity) {
	c.IdentityID.Optional(stampID(id))
	c.PromptName.Optional(clean(id.PromptName))
	c.PromptVersion.Optional(clean(id.PromptVersion))
	c.PromptHash.Optional(clean(id.PromptHash))
	c.PromptLabel.Optional(clean(id.PromptLabel))
	c.PromptResolution.Optional(clean(id.Resolution))
	c.PromptUnresolvedReason.Optional(clean(id.UnresolvedReason))
	writeVariables(c.PromptVariablesKeys, c.PromptVariablesValues, id.Variables, clean)
	writeList(c.ToolVersions, id.ToolVersions, clean)
	c.ToolsetHash.Optional(clean(id.ToolsetHash))
	c.ToolsetCompleteness.Optional(clean(id.ToolsetCompleteness))
}
