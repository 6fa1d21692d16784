// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/spanloop/spanloop/internal/dataset/store"
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

	// viewed are the tables that views.sql knows files of, with the time of that.
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
	return &Writer{storage: storage, options: options, known: known{now: time.Now}, messages: newMessageMemory(), spare: make(chan *tables, spareTables)}
}

// writeViews writes views.sql when it is missing or of another version.
func (w *Writer) writeViews(ctx context.Context) error {
	w.views.Lock()
	defer w.views.Unlock()
	if err := writeViews(ctx, w.storage); err != nil {
		return fmt.Errorf("dataset %q: %w", w.storage.Root(), err)
	}
	return nil
}

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

// viewsAge is how long a writer takes for granted that views.sql knows a table:
// housekeeping may have deleted its last file meanwhile.
const viewsAge = time.Hour

// viewTables renews views.sql when a table has its first files.
func (w *Writer) viewTables(ctx context.Context, files []File) error {
	fresh := false
	for _, f := range files {
		at, known := w.viewed.Load(f.Table)
		fresh = fresh || !known || time.Since(at.(time.Time)) > viewsAge
	}
	if !fresh {
		return nil
	}
	if err := w.writeViews(ctx); err != nil {
		return err
	}
	for _, f := range files {
		w.viewed.Store(f.Table, time.Now())
	}
	return nil
}
