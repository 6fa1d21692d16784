// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package parquetfile writes rows as one Parquet file in memory, column by
// column without an intermediate copy of the rows. It writes what arrow-go's
// column writers write (its tests compare the two), at a fraction of their
// time. Only the schema in the footer is arrow-go's.
package parquetfile

import (
	"encoding/binary"
	"fmt"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

// Bounds of a row group and of a data page, before compression.
const (
	GroupRows  = 20000
	GroupBytes = 32 << 20
	PageBytes  = 4 << 20
)

const magic = "PAR1"

// Writer collects rows and turns them into a file. It can be used again for the
// next file. It is not safe for concurrent use.
type Writer struct {
	columns []*Column
	byPath  map[string]*Column
	// long are the columns whose pages can fill up before the row group does.
	long  []*Column
	press *press

	out   []byte
	foot  footer
	begun bool
	rows  int
	size  int
}

// New returns a writer of files with a schema. The properties say which columns
// have a dictionary, a bloom filter, statistics or delta encoding, and the codec;
// meta is the file's key-value metadata.
func New(root *schema.GroupNode, props *parquet.WriterProperties, meta [][2]string) (*Writer, error) {
	w := &Writer{byPath: map[string]*Column{}}
	columns := schema.NewSchema(root)
	var err error
	if w.foot, err = newFooter(columns, props, meta); err != nil {
		return nil, err
	}
	if w.press, err = newPress(props.Compression(), props.CompressionLevel()); err != nil {
		return nil, err
	}
	for i := range columns.NumColumns() {
		c, err := newColumn(columns.Column(i), props)
		if err != nil {
			return nil, err
		}
		w.columns = append(w.columns, c)
		w.byPath[c.path] = c
		if c.kind == lengthText {
			w.long = append(w.long, c)
		}
	}
	return w, nil
}

// ShareCodec takes the compressor of another writer with the same codec, whose
// memory is much of a writer's. The two must then not be used by two goroutines
// at the same time.
func (w *Writer) ShareCodec(other *Writer) { w.press = other.press }

// begin starts the file, over the memory of the one before.
func (w *Writer) begin() {
	if !w.begun {
		w.out, w.begun = append(w.out[:0], magic...), true
	}
}

// Column returns the column at a path ("attributes.key_value.key").
func (w *Writer) Column(path string) (*Column, error) {
	c, ok := w.byPath[path]
	if !ok {
		return nil, fmt.Errorf("no column %q in the schema", path)
	}
	return c, nil
}

// Fills tells whether a row of about size bytes ends the row group: EndRow then
// writes it.
func (w *Writer) Fills(size int) bool { return w.rows+1 >= GroupRows || w.size+size >= GroupBytes }

// EndRow closes a row of about size bytes. Every column must have got its values
// of the row.
func (w *Writer) EndRow(size int) error {
	full := w.Fills(size)
	w.rows++
	w.size += size
	if full {
		return w.flush()
	}
	for _, c := range w.long {
		if len(c.data)-headroom >= PageBytes {
			if err := c.closePage(w.press, w.rows); err != nil {
				return err
			}
		}
	}
	return nil
}

// EndGroup ends the row group before it is full, for who holds less memory.
func (w *Writer) EndGroup() error { return w.flush() }

// Finish returns the file and makes the writer ready for the next one. The bytes
// are valid until the next row is ended.
func (w *Writer) Finish() ([]byte, error) {
	if err := w.flush(); err != nil {
		return nil, err
	}
	w.begin()
	var size int
	w.out, size = w.foot.append(w.out)
	w.out = binary.LittleEndian.AppendUint32(w.out, uint32(size))
	w.out = append(w.out, magic...)
	w.begun = false
	w.foot.reset()
	return w.out, nil
}

// flush writes the rows so far as a row group.
func (w *Writer) flush() error {
	if w.rows == 0 {
		return nil
	}
	w.begin()
	w.foot.beginGroup(w.rows)
	for _, c := range w.columns {
		if err := c.closeChunk(w.press, w.rows); err != nil {
			return fmt.Errorf("column %s: %w", c.path, err)
		}
		w.foot.addChunk(c, int64(len(w.out)))
		w.out = append(grow(w.out, len(c.chunk)), c.chunk...)
		c.reset()
	}
	w.rows, w.size = 0, 0
	return nil
}
