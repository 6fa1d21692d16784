// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset/store"
	"github.com/spanloop/spanloop/internal/genai"
)

// push is one write on its way.
type push struct {
	writer  *Writer
	rows    map[partition][]*spanRow
	scores  map[partition][]*scoreRow
	tables  *tables
	rejects []reject
	files   []File
	fresh   []content
	// stored are the messages that this push stores, to be remembered.
	stored []map[fingerprint]string
	met    map[string]struct{}
	// names are the files to make durable.
	names  []string
	result Result
}

func newPush(w *Writer) (*push, error) {
	t, err := w.take()
	if err != nil {
		return nil, err
	}
	return &push{
		writer: w, rows: map[partition][]*spanRow{}, scores: map[partition][]*scoreRow{}, tables: t,
		met: map[string]struct{}{}, result: Result{Rejected: map[string]int{}},
	}, nil
}

// sort files the batch's spans by partition.
func (p *push) sort(td ptrace.Traces) {
	m := &p.tables.rows
	if m.seen == nil {
		m.seen = make(map[spanKey]ptrace.Span, td.SpanCount())
	}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			o := p.writer.storedOrigin(rs, ss)
			for _, span := range ss.Spans().All() {
				p.sortSpan(span, ss.Scope(), rs.Resource(), o)
			}
		}
	}
}

type spanKey struct {
	trace [16]byte
	span  [8]byte
}

// sortSpan files a span of a scope and resource; o is what is stored of those.
func (p *push) sortSpan(span ptrace.Span, scope pcommon.InstrumentationScope, resource pcommon.Resource, o *origin) {
	m := &p.tables.rows
	r := &m.reading
	*r = spanReading{}
	m.touched += touch(span)
	isGenAI := genai.ReadInto(&r.call, span, scope, resource)
	if p.writer.options.Redactor != nil && (isGenAI || p.writer.options.Include == IncludeAll) {
		span = r.redact(p.writer.options.Redactor, span, isGenAI, o)
	}
	if !p.wants(span, o, isGenAI) {
		return
	}
	row := m.spans.next()
	r.row = row
	r.read(span, o, isGenAI, m)
	r.holdScores(m)
	r.readRest(m)
	if !p.takes(r) {
		m.spans.back()
		return
	}
	for _, s := range r.scores {
		if s.kind.name == "cost_usd" && s.value.Set && !row.cost.Set {
			row.cost = s.value
		}
		p.scores[s.part] = append(p.scores[s.part], s)
	}
	fresh := false
	if row.profile, fresh = m.profiles.of(r.profile()); fresh {
		p.collect(r)
	}
	p.rows[row.part] = append(p.rows[row.part], row)
}

// wants tells whether a span is one to be stored, and counts or rejects it when
// not.
func (p *push) wants(span ptrace.Span, o *origin, isGenAI bool) bool {
	if !isGenAI && p.writer.options.Include != IncludeAll {
		p.result.Skipped++
		return false
	}
	if span.TraceID().IsEmpty() || span.SpanID().IsEmpty() {
		p.reject(span, o, reasonMissingID)
		return false
	}
	return true
}

// takes tells whether a span that was read is stored, and counts or rejects it
// when not. Only a span that may be too large is measured exactly.
func (p *push) takes(r *spanReading) bool {
	span, o, bound := r.span, r.origin, p.writer.options.MaxSpanBytes
	if r.mostBytes(p.tables.rows.walk.size) > bound && sizer.SpanSize(span) > bound {
		p.reject(span, o, reasonTooLarge)
		return false
	}
	key := spanKey{trace: span.TraceID(), span: span.SpanID()}
	seen := p.tables.rows.seen
	if first, twice := seen[key]; twice {
		if equalSpans(first, span) {
			p.result.Duplicates++
		} else {
			p.reject(span, o, reasonDuplicateID)
		}
		return false
	}
	seen[key] = span
	return true
}

var sizer = &ptrace.ProtoMarshaler{}

// equalSpans compares two spans by their encoding.
func equalSpans(a, b ptrace.Span) bool {
	return a.StartTimestamp() == b.StartTimestamp() && a.EndTimestamp() == b.EndTimestamp() &&
		a.Name() == b.Name() && a.Attributes().Equal(b.Attributes()) && sizer.SpanSize(a) == sizer.SpanSize(b)
}

// writeSpans encodes and stores partition after partition, in a fixed order, so
// that the same batch makes the same files.
func (p *push) writeSpans(ctx context.Context) error {
	t := p.tables
	p.writer.messages.age()
	gather(p.rows)
	gather(p.scores)
	for _, part := range sortedParts(p.rows) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.writeSpanPartition(ctx, t.spans, part); err != nil {
			return err
		}
	}
	for _, part := range sortedParts(p.scores) {
		if err := p.writeScorePartition(ctx, t.scores, part); err != nil {
			return err
		}
	}
	if err := p.writeReferences(ctx); err != nil {
		return err
	}
	p.tables = nil
	p.writer.giveBack(t)
	return nil
}

func sortedParts[T any](m map[partition]T) []partition {
	parts := make([]partition, 0, len(m))
	for part := range m {
		parts = append(parts, part)
	}
	slices.SortFunc(parts, comparePartitions)
	return parts
}

func comparePartitions(a, b partition) int {
	return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.version, b.version), cmp.Compare(a.day, b.day))
}

func (p *push) writeSpanPartition(ctx context.Context, t *spanTable, part partition) error {
	t.messages.begin(part)
	rows := p.rows[part]
	byStart := func(a, b *spanRow) int { return cmp.Compare(a.start, b.start) }
	if !slices.IsSortedFunc(rows, byStart) {
		slices.SortStableFunc(rows, byStart)
	}
	for _, row := range rows {
		if err := t.write(row); err != nil {
			return fmt.Errorf("span %s: %w", row.spanID, err)
		}
	}
	content, err := t.finish()
	if err != nil {
		return fmt.Errorf("spans of %s@%s: %w", part.name, part.version, err)
	}
	first, last := rows[0].start, rows[len(rows)-1].start
	f := newFile(TableSpans, part.dir(TableSpans), content, len(rows), first, last)
	// A span file that can be read refers to messages that can.
	if err := p.writeMessages(ctx, t.messages, f); err != nil {
		return err
	}
	p.result.Spans += len(rows)
	return p.putAs(ctx, f, content)
}

// writeMessages stores the messages that the spans of a file refer to and that
// are new. The times are those of the spans.
func (p *push) writeMessages(ctx context.Context, t *messageTable, spans File) error {
	if t.rows == 0 {
		return nil
	}
	content, err := t.enc.Finish()
	if err != nil {
		return fmt.Errorf("messages of %s@%s: %w", t.folder.name, t.folder.version, err)
	}
	if !t.shared {
		p.stored = append(p.stored, t.fresh)
	}
	p.result.Messages += t.rows
	f := newFile(TableMessages, t.folder.dir(TableMessages), content, t.rows, 0, 0)
	f.MinTime, f.MaxTime = spans.MinTime, spans.MaxTime
	// Other spans may need the same messages once this file was replaced and its
	// name is remembered as removed: theirs is another one.
	f.Path = fileName(t.folder.dir(TableMessages), "", f.SHA256, "-"+spans.SHA256[:16])
	return p.putAs(ctx, f, content)
}

func (p *push) writeScorePartition(ctx context.Context, t *scoreTable, part partition) error {
	rows := byEvaluator(p.scores[part])
	first, last := rows[0].at, rows[0].at
	for _, row := range rows {
		if err := t.write(row); err != nil {
			return err
		}
		first, last = min(first, row.at), max(last, row.at)
	}
	content, err := t.enc.Finish()
	if err != nil {
		return fmt.Errorf("scores of %s@%s: %w", part.name, part.version, err)
	}
	p.result.Scores += len(rows)
	return p.putFile(ctx, TableScores, part.dir(TableScores), content, len(rows), first, last)
}

func (p *push) put(ctx context.Context, name string, content []byte) error {
	p.names = append(p.names, name)
	return putContent(ctx, p.writer.storage, name, content)
}

// putContent stores a file whose name is made from its content: what else the
// name holds is a damaged copy.
func putContent(ctx context.Context, s store.Store, name string, content []byte) error {
	err := s.Put(ctx, name, content)
	if errors.Is(err, store.ErrDiffers) {
		err = s.Replace(ctx, name, content)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// putFile stores a Parquet file under a name made from its content.
func (p *push) putFile(ctx context.Context, table, dir string, content []byte, rows int, first, last int64) error {
	return p.putAs(ctx, newFile(table, dir, content, rows, first, last), content)
}

func (p *push) putAs(ctx context.Context, f File, content []byte) error {
	if err := p.put(ctx, f.Path, content); err != nil {
		return err
	}
	p.files = append(p.files, f)
	p.result.Files++
	p.result.Bytes += f.Bytes
	return nil
}

// newFile describes a file under a name made from its content.
func newFile(table, dir string, content []byte, rows int, first, last int64) File {
	sum := digest(content)
	f := File{Table: table, Path: fileName(dir, "", sum, ""), Rows: int64(rows), Bytes: int64(len(content)), SHA256: sum}
	if first != 0 || last != 0 {
		f.MinTime, f.MaxTime = time.Unix(0, first).UTC(), time.Unix(0, last).UTC()
	}
	return f
}

// fileName is the path of a file with a content. More tells it from others of the
// same content; it is empty or begins with a hyphen.
func fileName(dir, prefix, sum, more string) string {
	return dir + "/" + prefix + sum[:24] + more + ".parquet"
}

// commit makes the files' folders durable, then the manifest that names them.
func (p *push) commit(ctx context.Context) error {
	if err := p.writeRejects(ctx); err != nil {
		return err
	}
	if err := p.writer.storage.Sync(ctx, p.names); err != nil {
		return err
	}
	if len(p.files) == 0 {
		return nil
	}
	p.names = nil
	if err := p.putManifest(ctx); err != nil {
		return err
	}
	if err := p.writer.storage.Sync(ctx, p.names); err != nil {
		return err
	}
	return p.writer.viewTables(ctx, p.files)
}
