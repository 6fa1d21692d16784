// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

const (
	// groupRows and groupBytes bound a row group (docs/decisions/0003).
	groupRows  = 20000
	groupBytes = 32 << 20
	textPage   = 1 << 20
)

// Codecs of the configuration.
const (
	CodecZstd   = "zstd"
	CodecSnappy = "snappy"
	CodecNone   = "none"
)

// layout is what writing a table needs that never changes.
type layout struct {
	root   *schema.GroupNode
	leaves []*schema.Column
	props  *parquet.WriterProperties
}

var layouts sync.Map

// layoutOf returns the layout of a table under a codec.
func layoutOf(table, codec string) (*layout, error) {
	key := table + "/" + codec
	if known, ok := layouts.Load(key); ok {
		return known.(*layout), nil
	}
	columns := columnsOf(table)
	props := writerProperties(columns, codec)
	sc, err := pqarrow.ToParquet(arrowSchema(columns), props, pqarrow.DefaultWriterProps())
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", table, err)
	}
	l := &layout{root: sc.Root(), props: props}
	for i := range sc.NumColumns() {
		l.leaves = append(l.leaves, sc.Column(i))
	}
	layouts.Store(key, l)
	return l, nil
}

func writerProperties(columns []column, codec string) *parquet.WriterProperties {
	options := []parquet.WriterProperty{
		parquet.WithCreatedBy("spanloop format " + strconv.Itoa(Format)),
		parquet.WithDictionaryDefault(false),
		parquet.WithPageIndexEnabled(true),
		parquet.WithDataPageSize(textPage),
		parquet.WithMaxRowGroupLength(1 << 20),
	}
	switch codec {
	case CodecSnappy:
		options = append(options, parquet.WithCompression(compress.Codecs.Snappy))
	case CodecNone:
		options = append(options, parquet.WithCompression(compress.Codecs.Uncompressed))
	default:
		options = append(options, parquet.WithCompression(compress.Codecs.Zstd), parquet.WithCompressionLevel(1))
	}
	for _, c := range columns {
		options = append(options, columnProperties(c)...)
	}
	return parquet.NewWriterProperties(options...)
}

// columnProperties sets a column's encoding; nested columns under the paths of
// their leaves.
func columnProperties(c column) []parquet.WriterProperty {
	var options []parquet.WriterProperty
	for _, path := range leafPaths(c) {
		switch c.encoding {
		case dict:
			options = append(options, parquet.WithDictionaryFor(path, true))
		case bloom:
			options = append(options, parquet.WithBloomFilterEnabledFor(path, true), parquet.WithBloomFilterFPPFor(path, 0.01),
				parquet.WithAdaptiveBloomFilterEnabledFor(path, true))
		case text:
			options = append(options, parquet.WithStatsFor(path, false))
		case delta:
			options = append(options, parquet.WithEncodingFor(path, parquet.Encodings.DeltaBinaryPacked))
		}
	}
	if c.kind.ID() == arrow.MAP {
		options = append(options, parquet.WithDictionaryFor(c.name+".key_value.key", true))
	}
	return options
}

func leafPaths(c column) []string {
	switch c.kind.ID() {
	case arrow.LIST:
		if c.kind == callList {
			return []string{c.name + ".list.element.id", c.name + ".list.element.name", c.name + ".list.element.arguments"}
		}
		return []string{c.name + ".list.element"}
	case arrow.MAP:
		return []string{c.name + ".key_value.key", c.name + ".key_value.value"}
	}
	return []string{c.name}
}

// encoder writes rows of one table as one Parquet file in memory. Rows are put
// into its leaves; endRow closes each.
type encoder interface {
	leaf(path string) *leaf
	endRow(size int) error
	finish() ([]byte, error)
}

// arrowEncoder writes through arrow-go's column writers.
type arrowEncoder struct {
	layout *layout
	byPath map[string]*leaf
	leaves []*leaf
	out    bytes.Buffer
	writer *file.Writer
	rows   int
	size   int
}

func newEncoder(table, codec string) (*arrowEncoder, error) {
	l, err := layoutOf(table, codec)
	if err != nil {
		return nil, err
	}
	e := &arrowEncoder{layout: l, byPath: make(map[string]*leaf, len(l.leaves))}
	for _, c := range l.leaves {
		leaf := newLeaf(c)
		e.leaves = append(e.leaves, leaf)
		e.byPath[c.Path()] = leaf
	}
	return e, e.open()
}

func (e *arrowEncoder) open() (err error) {
	e.out.Reset()
	meta := metadata.NewKeyValueMetadata()
	if err := meta.Append(formatKey, strconv.Itoa(Format)); err != nil {
		return err
	}
	e.writer, err = file.NewParquetWriterWithError(&e.out, e.layout.root,
		file.WithWriterProps(e.layout.props), file.WithWriteMetadata(meta))
	return err
}

// leaf returns the leaf at a path ("attributes.key_value.key"). It panics on an
// unknown one: the paths are constants of this package.
func (e *arrowEncoder) leaf(path string) *leaf {
	l, ok := e.byPath[path]
	if !ok {
		panic("dataset: no column " + path)
	}
	return l
}

// endRow closes a row of about size bytes and writes the row group when it is
// full.
func (e *arrowEncoder) endRow(size int) error {
	e.rows++
	e.size += size
	if e.rows < groupRows && e.size < groupBytes {
		return nil
	}
	return e.flush()
}

func (e *arrowEncoder) flush() error {
	if e.rows == 0 {
		return nil
	}
	group := e.writer.AppendRowGroup()
	for i, leaf := range e.leaves {
		column, err := group.NextColumn()
		if err != nil {
			return fmt.Errorf("column %s: %w", e.layout.leaves[i].Path(), err)
		}
		if err := leaf.write(column); err != nil {
			return fmt.Errorf("column %s: %w", e.layout.leaves[i].Path(), err)
		}
		if err := column.Close(); err != nil {
			return fmt.Errorf("column %s: %w", e.layout.leaves[i].Path(), err)
		}
		leaf.reset()
	}
	e.rows, e.size = 0, 0
	return group.Close()
}

// finish returns the file's bytes and makes the encoder ready for the next
// file. The bytes are valid until then.
func (e *arrowEncoder) finish() ([]byte, error) {
	if err := e.flush(); err != nil {
		return nil, err
	}
	if err := e.writer.Close(); err != nil {
		return nil, err
	}
	content := bytes.Clone(e.out.Bytes())
	return content, e.open()
}
