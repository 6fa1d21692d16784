// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package parquetfile

import (
	"encoding/binary"
	"errors"
)

// Types of Thrift's compact protocol.
const (
	thriftTrue   = 1
	thriftByte   = 3
	thriftI16    = 4
	thriftI32    = 5
	thriftI64    = 6
	thriftBinary = 8
	thriftList   = 9
	thriftStruct = 12
)

// compact appends a struct in Thrift's compact protocol. Its fields come in
// rising order of their numbers, at most 15 apart.
type compact struct {
	dst []byte
	// last is the number of the last field.
	last int
}

func (c *compact) field(number int, kind byte) {
	c.dst = append(c.dst, byte(number-c.last)<<4|kind)
	c.last = number
}

func (c *compact) i32(number int, v int32) {
	c.field(number, thriftI32)
	c.varint(int64(v))
}

func (c *compact) i64(number int, v int64) {
	c.field(number, thriftI64)
	c.varint(v)
}

func (c *compact) i16(number int, v int16) {
	c.field(number, thriftI16)
	c.varint(int64(v))
}

// varint appends a number as an element of a list.
func (c *compact) varint(v int64) { c.dst = binary.AppendVarint(c.dst, v) }

func (c *compact) binary(number int, v []byte) {
	c.field(number, thriftBinary)
	c.text(v)
}

// text appends an element of a list.
func (c *compact) text(v []byte) {
	c.dst = append(binary.AppendUvarint(c.dst, uint64(len(v))), v...)
}

// list begins a list of n elements, which follow.
func (c *compact) list(number, n int, kind byte) {
	c.field(number, thriftList)
	if n < 15 {
		c.dst = append(c.dst, byte(n)<<4|kind)
		return
	}
	c.dst = binary.AppendUvarint(append(c.dst, 0xF0|kind), uint64(n))
}

// begin starts a struct in a field, or as an element of a list with number 0; end
// takes what it returned.
func (c *compact) begin(number int) (outer int) {
	if number > 0 {
		c.field(number, thriftStruct)
	}
	outer, c.last = c.last, 0
	return outer
}

func (c *compact) end(outer int) {
	c.dst = append(c.dst, 0)
	c.last = outer
}

var errThrift = errors.New("a footer without rows has another shape than expected")

// fieldEnds returns where the fields of a struct end, by their numbers; it knows
// what arrow-go writes for a file without row groups.
func fieldEnds(b []byte) (map[int]int, error) {
	ends := map[int]int{}
	at, number := 0, 0
	for at < len(b) && b[at] != 0 {
		kind := b[at] & 15
		if b[at]>>4 == 0 {
			return nil, errThrift
		}
		number += int(b[at] >> 4)
		next, err := skipThrift(b, at+1, kind)
		if err != nil {
			return nil, err
		}
		ends[number], at = next, next
	}
	return ends, nil
}

// skipThrift returns the position after a value of a field.
func skipThrift(b []byte, at int, kind byte) (int, error) {
	switch kind {
	case thriftTrue, thriftTrue + 1:
		return at, nil
	case thriftByte:
		return at + 1, nil
	case thriftI16, thriftI32, thriftI64:
		_, n := binary.Uvarint(b[min(at, len(b)):])
		return at + n, failed(n)
	case thriftBinary:
		size, n := binary.Uvarint(b[min(at, len(b)):])
		if n <= 0 || size > uint64(len(b)) {
			return 0, errThrift
		}
		return at + n + int(size), nil
	case thriftList:
		return skipList(b, at)
	case thriftStruct:
		for at < len(b) && b[at] != 0 {
			if b[at]>>4 == 0 {
				return 0, errThrift
			}
			next, err := skipThrift(b, at+1, b[at]&15)
			if err != nil {
				return 0, err
			}
			at = next
		}
		return at + 1, nil
	}
	return 0, errThrift
}

func failed(n int) error {
	if n <= 0 {
		return errThrift
	}
	return nil
}

func skipList(b []byte, at int) (int, error) {
	if at >= len(b) {
		return 0, errThrift
	}
	kind, count := b[at]&15, uint64(b[at]>>4)
	at++
	if count == 15 {
		n := 0
		if count, n = binary.Uvarint(b[at:]); n <= 0 {
			return 0, errThrift
		}
		at += n
	}
	for range count {
		next, err := skipThrift(b, at, kind)
		if err != nil {
			return 0, err
		}
		at = next
	}
	return at, nil
}
