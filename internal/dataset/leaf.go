// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"fmt"
	"unsafe"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

// leaf collects the values of one Parquet column until its row group is
// written. Text is not copied: it must stay as it is until then.
type leaf struct {
	maxDef, maxRep int16
	def, rep       []int16
	texts          []parquet.ByteArray
	longs          []int64
	ints           []int32
	doubles        []float64
	bools          []bool
}

func newLeaf(c *schema.Column) *leaf {
	return &leaf{maxDef: c.MaxDefinitionLevel(), maxRep: c.MaxRepetitionLevel()}
}

func (l *leaf) reset() {
	clear(l.texts)
	*l = leaf{
		maxDef: l.maxDef, maxRep: l.maxRep, def: l.def[:0], rep: l.rep[:0], texts: l.texts[:0],
		longs: l.longs[:0], ints: l.ints[:0], doubles: l.doubles[:0], bools: l.bools[:0],
	}
}

func (l *leaf) level(def, rep int16) {
	if l.maxDef > 0 {
		l.def = append(l.def, def)
	}
	if l.maxRep > 0 {
		l.rep = append(l.rep, rep)
	}
}

// null writes no value: of an optional column, or an empty list's.
func (l *leaf) null() { l.level(l.maxDef-1, 0) }

func bytesOf(s string) parquet.ByteArray {
	return unsafe.Slice(unsafe.StringData(s), len(s))
}

func (l *leaf) text(s string) {
	l.level(l.maxDef, 0)
	l.texts = append(l.texts, bytesOf(s))
}

// optional writes text, or null when it is empty.
func (l *leaf) optional(s string) {
	if s == "" {
		l.null()
		return
	}
	l.text(s)
}

// item writes an element of a list; the first one starts the row's list.
func (l *leaf) item(i int, s string) {
	rep := int16(0)
	if i > 0 {
		rep = 1
	}
	l.level(l.maxDef, rep)
	l.texts = append(l.texts, bytesOf(s))
}

func (l *leaf) list(items []string) {
	if len(items) == 0 {
		l.null()
		return
	}
	for i, s := range items {
		l.item(i, s)
	}
}

func (l *leaf) long(v int64)     { l.level(l.maxDef, 0); l.longs = append(l.longs, v) }
func (l *leaf) int(v int32)      { l.level(l.maxDef, 0); l.ints = append(l.ints, v) }
func (l *leaf) double(v float64) { l.level(l.maxDef, 0); l.doubles = append(l.doubles, v) }
func (l *leaf) bool(v bool)      { l.level(l.maxDef, 0); l.bools = append(l.bools, v) }

// write writes the collected values into a column chunk.
func (l *leaf) write(w file.ColumnChunkWriter) (err error) {
	switch w := w.(type) {
	case *file.ByteArrayColumnChunkWriter:
		_, err = w.WriteBatch(l.texts, l.def, l.rep)
	case *file.Int64ColumnChunkWriter:
		_, err = w.WriteBatch(l.longs, l.def, l.rep)
	case *file.Int32ColumnChunkWriter:
		_, err = w.WriteBatch(l.ints, l.def, l.rep)
	case *file.Float64ColumnChunkWriter:
		_, err = w.WriteBatch(l.doubles, l.def, l.rep)
	case *file.BooleanColumnChunkWriter:
		_, err = w.WriteBatch(l.bools, l.def, l.rep)
	default:
		err = fmt.Errorf("column %s has a type without a writer: %T", w.Descr().Path(), w)
	}
	return err
}
