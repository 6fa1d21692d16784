// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset/store"
	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/redact"
)

// Inclusion says which spans are stored.
const (
	IncludeGenAI = "genai"
	IncludeAll   = "all"
)

// DefaultMaxSpanBytes bounds one span's content.
const DefaultMaxSpanBytes = 64 << 20

// WriterOptions configure a Writer. The zero value works.
type WriterOptions struct {
	// Codec is zstd (default), snappy or none.
	Codec string
	// Include is genai (default) or all.
	Include string
	// MaxSpanBytes bounds a span's size as OTLP; larger ones are rejected.
	MaxSpanBytes int
	// Redactor replaces content before it is stored; nil stores it as it is.
	Redactor *redact.Redactor
}

// Writer writes spans, scores, prompts and tools. It keeps no rows: when a write
// returns nil all of it is durable. It is safe for concurrent use.
type Writer struct {
	storage store.Store
	options WriterOptions
	known   known
	// messages remembers which messages of histories are stored.
	messages *messageMemory
	// spare are encoders that no write uses now: their memory is worth keeping
	// from one garbage collection to the next.
	spare chan *tables

	// viewed are the tables that views.sql knows files of.
	viewed sync.Map
	views  sync.Mutex
}

// viewsName is the file with the views over the dataset.
const viewsName = "views.sql"

// digest names content.
func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// spareTables is how many sets of encoders a writer keeps: one for each consumer
// of the exporter's queue.
const spareTables = 2

// tables are the encoders that one write needs, reused.
type tables struct {
	spans    *spanTable
	messages *messageTable
	scores   *scoreTable
	rows     rowMemory
}

// Result counts what one write did.
type Result struct {
	Spans, Scores, Content int
	// Messages are those of histories that were not stored yet.
	Messages int
	Files    int
	Bytes    int64
	// Skipped are spans that are no GenAI spans.
	Skipped int
	// Duplicates are spans that stood twice in the batch, equal both times.
	Duplicates int
	// Rejected counts spans in the reject file by reason.
	Rejected map[string]int
}

// NewWriter prepares a folder for writing: it creates it, writes views.sql, and
// removes what a crash left unfinished an hour ago or earlier. Of an object store
// nothing is asked before the first push.
func NewWriter(path string, options WriterOptions) (*Writer, error) {
	ctx := context.Background()
	storage, err := store.Create(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("dataset %q: %w", store.Display(path), err)
	}
	w := writerTo(storage, options)
	if _, remote := storage.(*store.Bucket); remote {
		// It may be out of reach now: the first push writes views.sql.
		return w, nil
	}
	return w, w.writeViews(ctx)
}

// writerTo makes a writer to a store.
func writerTo(storage store.Store, options WriterOptions) *Writer {
	if options.Codec == "" {
		options.Codec = CodecZstd
	}
	if options.Include == "" {
		options.Include = IncludeGenAI
	}
	if options.MaxSpanBytes == 0 {
		options.MaxSpanBytes = DefaultMaxSpanBytes
	}
	return &Writer{storage: storage, options: options, messages: newMessageMemory(), spare: make(chan *tables, spareTables)}
}

// writeViews writes views.sql when it is missing or of another version.
func (w *Writer) writeViews(ctx context.Context) error {
	w.views.Lock()
	defer w.views.Unlock()
	// Another writer may replace it by what it saw before: who wrote last looks again.
	for range viewsTries {
		content, err := viewsFile(ctx, w.storage)
		if err == nil {
			old, readErr := w.storage.Read(ctx, viewsName)
			if readErr == nil && string(old) == content {
				return nil
			}
			err = w.storage.Replace(ctx, viewsName, []byte(content))
		}
		if err != nil {
			return fmt.Errorf("dataset %q: %s: %w", w.storage.Root(), viewsName, err)
		}
	}
	return nil
}

// viewsTries bounds how often views.sql is written when others write it too.
const viewsTries = 4

// Close releases the writer. Nothing is pending.
func (w *Writer) Close() error { return w.storage.Close() }

func (w *Writer) take() (*tables, error) {
	select {
	case t := <-w.spare:
		return t, nil
	default:
	}
	messages, err := newMessageTable(w.options.Codec, w.messages)
	if err != nil {
		return nil, err
	}
	spans, err := newSpanTable(w.options.Codec, messages)
	if err != nil {
		return nil, err
	}
	scores, err := newScoreTable(w.options.Codec)
	if err != nil {
		return nil, err
	}
	// One file is written after the other.
	messages.enc.ShareCodec(spans.enc)
	scores.enc.ShareCodec(spans.enc)
	return &tables{spans: spans, messages: messages, scores: scores}, nil
}

// giveBack keeps encoders for the next write; only those whose last file is
// finished.
func (w *Writer) giveBack(t *tables) {
	t.messages.release()
	t.rows.release()
	t.spans.valid = validTexts{}
	select {
	case w.spare <- t:
	default:
	}
}

// WriteTraces writes a batch of spans. An error means that the batch is not
// durable and should be sent again: what was written of it already is met again
// under the same names. Spans that can never be written go to a reject file.
func (w *Writer) WriteTraces(ctx context.Context, td ptrace.Traces) (Result, error) {
	p, err := newPush(w)
	if err != nil {
		return Result{}, err
	}
	p.sort(td)
	err = p.writeSpans(ctx)
	if err == nil {
		err = p.commit(ctx)
	}
	if err != nil {
		return p.result, fmt.Errorf("dataset %q: %w", w.storage.Root(), err)
	}
	w.known.remember(p.fresh)
	for _, list := range p.stored {
		w.messages.remember(list)
	}
	return p.result, nil
}

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
	// collected is what the row before referred to.
	collected reference
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
	row := m.spans.next()
	isGenAI := genai.ReadInto(&row.call, span, scope, resource)
	if p.writer.options.Redactor != nil && (isGenAI || p.writer.options.Include == IncludeAll) {
		span = row.redact(p.writer.options.Redactor, span, isGenAI, o)
	}
	if !p.takes(span, o, isGenAI) {
		m.spans.back()
		return
	}
	row.read(span, o, isGenAI, m)
	row.holdScores(m)
	for _, s := range row.scores {
		if s.score.Name == "cost_usd" && s.score.Value.Set && !row.cost.Set {
			row.cost = s.score.Value
		}
		p.scores[s.part] = append(p.scores[s.part], s)
	}
	p.rows[row.part] = append(p.rows[row.part], row)
}

// takes tells whether a span is to be stored, and counts or rejects it when not.
func (p *push) takes(span ptrace.Span, o *origin, isGenAI bool) bool {
	if !isGenAI && p.writer.options.Include != IncludeAll {
		p.result.Skipped++
		return false
	}
	if span.TraceID().IsEmpty() || span.SpanID().IsEmpty() {
		p.reject(span, o, reasonMissingID)
		return false
	}
	if largerThan(span, p.writer.options.MaxSpanBytes) {
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
	slices.SortStableFunc(rows, func(a, b *spanRow) int {
		return cmp.Compare(int64(a.span.StartTimestamp()), int64(b.span.StartTimestamp()))
	})
	for _, row := range rows {
		if err := t.write(row); err != nil {
			return fmt.Errorf("span %s: %w", row.spanID, err)
		}
		p.collect(row)
	}
	content, err := t.enc.Finish()
	if err != nil {
		return fmt.Errorf("spans of %s@%s: %w", part.name, part.version, err)
	}
	first, last := int64(rows[0].span.StartTimestamp()), int64(rows[len(rows)-1].span.StartTimestamp())
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

// viewTables renews views.sql when a table has its first files.
func (w *Writer) viewTables(ctx context.Context, files []File) error {
	fresh := false
	for _, f := range files {
		_, known := w.viewed.Load(f.Table)
		fresh = fresh || !known
	}
	if !fresh {
		return nil
	}
	if err := w.writeViews(ctx); err != nil {
		return err
	}
	for _, f := range files {
		w.viewed.Store(f.Table, true)
	}
	return nil
}
