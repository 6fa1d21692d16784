// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"github.com/spanloop/spanloop/internal/dataset/parquetfile"
)

// Codecs of the configuration.
const (
	CodecZstd   = "zstd"
	CodecSnappy = "snappy"
	CodecNone   = "none"
)

// layout is what writing a table needs that never changes.
type layout struct {
	root  *schema.GroupNode
	props *parquet.WriterProperties
	// columns identifies names and types of the columns.
	columns string
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
	var printed strings.Builder
	schema.PrintSchema(sc.Root(), &printed, 0)
	l := &layout{root: sc.Root(), props: props, columns: digest([]byte(printed.String()))[:16]}
	layouts.Store(key, l)
	return l, nil
}

func writerProperties(columns []column, codec string, more ...parquet.WriterProperty) *parquet.WriterProperties {
	options := []parquet.WriterProperty{
		parquet.WithCreatedBy("spanloop format " + strconv.Itoa(Format)),
		parquet.WithDictionaryDefault(false),
		parquet.WithPageIndexEnabled(true),
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
	return parquet.NewWriterProperties(append(options, more...)...)
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

// newEncoder returns a writer of files of a table.
func newEncoder(table, codec string) (*parquetfile.Writer, error) {
	l, err := layoutOf(table, codec)
	if err != nil {
		return nil, err
	}
	return parquetfile.New(l.root, l.props, [][2]string{{formatKey, strconv.Itoa(Format)}, {columnsOfKey, l.columns}})
}
