// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package parquetfile

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

// Rows are the rows of a row group, decoded column by column with their levels,
// so that another file can take them as they are, whatever they mean.
type Rows struct {
	// N is the number of rows.
	N int
	// Bytes is about how much memory they take.
	Bytes  int
	leaves map[string]*leaf
}

// leaf holds the values of a leaf column. Levels that are 0 throughout are nil.
type leaf struct {
	maxDef, maxRep int16
	def, rep       []int16
	// starts are each row's first level, when rows may have several; values are
	// each row's first value.
	starts, values []int32
	// ends are the last levels of rows whose lists were changed, which stand after
	// those of all others.
	ends map[int]int32

	texts []string
	// textBytes are those of the texts, each once that is kept once.
	textBytes int

	longs   []int64
	ints    []int32
	doubles []float64
	bools   []bool
}

// ReadRows decodes a row group of a file: the columns at these paths that it
// has, all of them without paths.
func ReadRows(reader *file.Reader, group int, paths ...string) (*Rows, error) {
	wanted := map[string]bool{}
	for _, path := range paths {
		wanted[path] = true
	}
	source := reader.RowGroup(group)
	r := &Rows{N: int(source.NumRows()), leaves: map[string]*leaf{}}
	for i := range source.NumColumns() {
		descr := reader.MetaData().Schema.Column(i)
		if len(wanted) > 0 && !wanted[descr.Path()] {
			continue
		}
		chunk, err := source.Column(i)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", descr.Path(), err)
		}
		l, err := readLeaf(chunk, descr, r.N)
		_ = chunk.Close()
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", descr.Path(), err)
		}
		r.leaves[descr.Path()] = l
		r.Bytes += l.bytes()
	}
	return r, nil
}

// readStep is how many values are decoded at once.
const readStep = 1024

func readLeaf(chunk file.ColumnChunkReader, descr *schema.Column, rows int) (*leaf, error) {
	l := &leaf{maxDef: descr.MaxDefinitionLevel(), maxRep: descr.MaxRepetitionLevel()}
	if l.maxRep > 1 {
		return nil, errors.New("lists of lists are not supported")
	}
	var err error
	switch c := chunk.(type) {
	case *file.ByteArrayColumnChunkReader:
		known := map[string]string{}
		err = readValues(l, c.HasNext, c.ReadBatchInPage, func(values []parquet.ByteArray) {
			for _, v := range values {
				l.texts = append(l.texts, l.share(known, v))
			}
		})
	case *file.Int64ColumnChunkReader:
		err = readValues(l, c.HasNext, c.ReadBatchInPage, func(values []int64) { l.longs = append(l.longs, values...) })
	case *file.Int32ColumnChunkReader:
		err = readValues(l, c.HasNext, c.ReadBatchInPage, func(values []int32) { l.ints = append(l.ints, values...) })
	case *file.Float64ColumnChunkReader:
		err = readValues(l, c.HasNext, c.ReadBatchInPage, func(values []float64) { l.doubles = append(l.doubles, values...) })
	case *file.BooleanColumnChunkReader:
		err = readValues(l, c.HasNext, c.ReadBatchInPage, func(values []bool) { l.bools = append(l.bools, values...) })
	default:
		err = fmt.Errorf("type %s is not supported", descr.PhysicalType())
	}
	if err == nil {
		err = chunk.Err()
	}
	if err != nil {
		return nil, err
	}
	return l, l.index(rows)
}

// shared bounds the distinct texts of a column that are kept once.
const shared = 4096

// share returns a text, the same string for equal ones while there are few:
// columns that repeat their values take no more room than their dictionary.
func (l *leaf) share(known map[string]string, text []byte) string {
	if s, ok := known[string(text)]; ok {
		return s
	}
	s := string(text)
	l.textBytes += len(s)
	if len(known) < shared {
		known[s] = s
	}
	return s
}

func readValues[T any](l *leaf, more func() bool, read func(int64, []T, []int16, []int16) (int64, int, error), take func([]T)) error {
	values := make([]T, readStep)
	def, rep := make([]int16, readStep), make([]int16, readStep)
	for more() {
		levels, n, err := read(readStep, values, def, rep)
		if err != nil {
			return err
		}
		if levels == 0 {
			break
		}
		take(values[:n])
		if l.maxDef > 0 {
			l.def = append(l.def, def[:levels]...)
		}
		if l.maxRep > 0 {
			l.rep = append(l.rep, rep[:levels]...)
		}
	}
	return nil
}

// leafBytes is about what a leaf takes beside its values.
const leafBytes = 512

// bytes is about how much memory a leaf takes.
func (l *leaf) bytes() int {
	return leafBytes + l.textBytes + 16*len(l.texts) + 8*(len(l.longs)+len(l.doubles)) + 4*(len(l.ints)+len(l.starts)+len(l.values)) +
		2*(len(l.def)+len(l.rep)) + len(l.bools)
}

func (l *leaf) count() int {
	return len(l.texts) + len(l.longs) + len(l.ints) + len(l.doubles) + len(l.bools)
}

// index finds the first level and value of each row.
func (l *leaf) index(rows int) error {
	l.values = make([]int32, 0, rows+1)
	levels := l.count()
	if l.maxDef > 0 {
		levels = len(l.def)
	}
	value := int32(0)
	for i := range levels {
		if l.maxRep == 0 || l.rep[i] == 0 {
			l.values = append(l.values, value)
			if l.maxRep > 0 {
				l.starts = append(l.starts, int32(i))
			}
		}
		if l.maxDef == 0 || l.def[i] == l.maxDef {
			value++
		}
	}
	if len(l.values) != rows || int(value) != l.count() {
		return fmt.Errorf("%d rows and %d values, %d and %d are expected", len(l.values), l.count(), rows, value)
	}
	if l.maxRep > 0 {
		l.starts = append(l.starts, int32(levels))
	}
	return nil
}

// levels are those of a row, from and to.
func (l *leaf) levels(row int) (from, to int) {
	if l.maxRep == 0 {
		return row, row + 1
	}
	if end, changed := l.ends[row]; changed {
		return int(l.starts[row]), int(end)
	}
	return int(l.starts[row]), int(l.starts[row+1])
}

// Has tells whether the file has a column.
func (r *Rows) Has(path string) bool { return r.leaves[path] != nil }

// Text is a row's text in a column that is no list; false when it is null.
func (r *Rows) Text(path string, row int) (string, bool) {
	l := r.leaves[path]
	if l == nil || l.isNull(row) || len(l.texts) == 0 {
		return "", false
	}
	return l.texts[l.values[row]], true
}

// Long is a row's number in a column of INT64 or INT32; false when it is null.
func (r *Rows) Long(path string, row int) (int64, bool) {
	l := r.leaves[path]
	switch {
	case l == nil || l.isNull(row):
		return 0, false
	case len(l.longs) > 0:
		return l.longs[l.values[row]], true
	case len(l.ints) > 0:
		return int64(l.ints[l.values[row]]), true
	}
	return 0, false
}

// Bool is a row's truth value; false when it is null.
func (r *Rows) Bool(path string, row int) bool {
	l := r.leaves[path]
	return l != nil && len(l.bools) > 0 && !l.isNull(row) && l.bools[l.values[row]]
}

// Texts are the elements of a row's list.
func (r *Rows) Texts(path string, row int) []string {
	l := r.leaves[path]
	if l == nil {
		return nil
	}
	from, to := l.levels(row)
	n := 0
	for i := from; i < to; i++ {
		if l.maxDef == 0 || l.def[i] == l.maxDef {
			n++
		}
	}
	return l.texts[l.values[row]:][:n]
}

func (l *leaf) isNull(row int) bool {
	from, _ := l.levels(row)
	return l.maxDef > 0 && l.def[from] != l.maxDef
}

// SetText changes a row's text in a column that is no list.
func (r *Rows) SetText(path string, row int, text string) {
	l := r.leaves[path]
	if l.maxDef > 0 {
		l.def[row] = l.maxDef
	}
	l.values[row] = int32(len(l.texts))
	l.texts = append(l.texts, text)
}

// SetInt changes a row's number in a column of INT32.
func (r *Rows) SetInt(path string, row int, number int32) {
	l := r.leaves[path]
	if l.maxDef > 0 {
		l.def[row] = l.maxDef
	}
	l.values[row] = int32(len(l.ints))
	l.ints = append(l.ints, number)
}

// SetNull makes a row null in a column that may be and is no list.
func (r *Rows) SetNull(path string, row int) {
	l := r.leaves[path]
	l.def[row] = min(l.def[row], l.maxDef-1)
}

// SetTexts changes a row's list of texts; an empty list is one, not null.
func (r *Rows) SetTexts(path string, row int, texts []string) {
	l := r.leaves[path]
	from, values := int32(len(l.def)), int32(len(l.texts))
	for i := range texts {
		l.def = append(l.def, l.maxDef)
		l.rep = append(l.rep, min(int16(i), l.maxRep))
	}
	if len(texts) == 0 {
		l.def, l.rep = append(l.def, l.maxDef-1), append(l.rep, 0)
	}
	if l.ends == nil {
		l.ends = map[int]int32{}
	}
	// The row before one that moves ends where it did.
	if _, changed := l.ends[row-1]; row > 0 && !changed {
		l.ends[row-1] = l.starts[row]
	}
	l.starts[row], l.values[row], l.ends[row] = from, values, int32(len(l.def))
	l.texts = append(l.texts, texts...)
}

// Pick returns rows alone, in this order, so that the others need not be held.
func (r *Rows) Pick(rows []int) *Rows {
	p := &Rows{N: len(rows), leaves: make(map[string]*leaf, len(r.leaves))}
	for path, l := range r.leaves {
		picked := l.pick(rows)
		p.leaves[path] = picked
		p.Bytes += picked.bytes()
	}
	return p
}

func (l *leaf) pick(rows []int) *leaf {
	p := &leaf{maxDef: l.maxDef, maxRep: l.maxRep, values: make([]int32, 0, len(rows)+1)}
	kept := map[*byte]struct{}{}
	for _, row := range rows {
		from, to := l.levels(row)
		value := int(l.values[row])
		if l.maxRep > 0 {
			p.starts = append(p.starts, int32(len(p.def)))
			p.rep = append(p.rep, l.rep[from:to]...)
		}
		p.values = append(p.values, int32(p.count()))
		values := to - from
		if l.maxDef > 0 {
			p.def = append(p.def, l.def[from:to]...)
			for _, def := range l.def[from:to] {
				if def != l.maxDef {
					values--
				}
			}
		}
		p.take(l, value, value+values, kept)
	}
	if l.maxRep > 0 {
		p.starts = append(p.starts, int32(len(p.def)))
	}
	return p
}

// take appends values of another leaf. Texts that are in kept count already.
func (l *leaf) take(from *leaf, first, end int, kept map[*byte]struct{}) {
	switch {
	case first == end:
	case len(from.texts) > 0:
		l.texts = append(l.texts, from.texts[first:end]...)
		for _, text := range from.texts[first:end] {
			data := unsafe.StringData(text)
			if _, known := kept[data]; !known {
				kept[data] = struct{}{}
				l.textBytes += len(text)
			}
		}
	case len(from.longs) > 0:
		l.longs = append(l.longs, from.longs[first:end]...)
	case len(from.ints) > 0:
		l.ints = append(l.ints, from.ints[first:end]...)
	case len(from.doubles) > 0:
		l.doubles = append(l.doubles, from.doubles[first:end]...)
	default:
		l.bools = append(l.bools, from.bools[first:end]...)
	}
}

// Size is about how many bytes a row has: those of its texts that do not repeat.
func (w *Writer) Size(r *Rows, row int) (size int) {
	for _, c := range w.long {
		l := r.leaves[c.path]
		if l == nil || c.maxRep > 0 {
			continue
		}
		if !l.isNull(row) {
			size += len(l.texts[l.values[row]])
		}
	}
	return size
}

// Copy writes a row that was read from a file with the same columns.
func (w *Writer) Copy(r *Rows, row int) error {
	for _, c := range w.columns {
		l := r.leaves[c.path]
		if l == nil {
			return fmt.Errorf("column %s is missing", c.path)
		}
		from, to := l.levels(row)
		value := l.values[row]
		for i := from; i < to; i++ {
			def, rep := int16(c.maxDef), int16(0)
			if l.maxDef > 0 {
				def = l.def[i]
			}
			if l.maxRep > 0 {
				rep = l.rep[i]
			}
			if def < int16(c.maxDef) {
				c.level(uint8(def), uint8(rep))
				c.pageNulls++
				continue
			}
			c.copyValue(l, int(value), uint8(rep))
			value++
		}
	}
	return w.EndRow(w.Size(r, row))
}

// copyValue writes one value under a repetition level.
func (c *Column) copyValue(l *leaf, value int, rep uint8) {
	switch c.kind {
	case lengthText, dictText:
		c.Item(int(rep), l.texts[value])
	case plainLong, deltaLong:
		c.Long(l.longs[value])
	case plainInt:
		c.Int(l.ints[value])
	case plainDouble:
		c.Double(l.doubles[value])
	case plainBool:
		c.Bool(l.bools[value])
	}
}
