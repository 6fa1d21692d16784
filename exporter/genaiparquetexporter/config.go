// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiparquetexporter

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/spanloop/spanloop/internal/dataset"
	"github.com/spanloop/spanloop/internal/redact"
)

// Config configures the exporter. The defaults work.
type Config struct {
	// Path is the dataset's folder, or the URL of an object store.
	Path string `mapstructure:"path"`
	// Content says what is stored of texts: full, redacted or hashes.
	Content string `mapstructure:"content"`
	// RedactionKey makes the tokens that replace values.
	RedactionKey configopaque.String `mapstructure:"redaction_key"`
	// Redaction refines what is replaced.
	Redaction RedactionConfig `mapstructure:"redaction"`
	// Include is genai, or all for spans of other kinds too.
	Include string `mapstructure:"include"`
	// Compression is zstd, snappy or none.
	Compression string `mapstructure:"compression"`
	// MaxSpanBytes bounds one span; larger ones go to the reject file.
	MaxSpanBytes int `mapstructure:"max_span_bytes"`
	// MemoryLimitMiB is a soft limit of the whole process's memory; 0 sets none.
	MemoryLimitMiB int `mapstructure:"memory_limit_mib"`
	// Compaction merges small files in the background.
	Compaction configoptional.Optional[CompactionConfig] `mapstructure:"compaction"`

	Queue configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`
	Retry configretry.BackOffConfig                                `mapstructure:"retry_on_failure"`
}

func createDefaultConfig() component.Config {
	queue := exporterhelper.NewDefaultQueueConfig()
	queue.Sizer = exporterhelper.RequestSizerTypeBytes
	queue.QueueSize = 64 << 20
	queue.BlockOnOverflow = true
	queue.NumConsumers = 2
	batch := exporterhelper.NewDefaultBatchConfig()
	batch.FlushTimeout = 5 * time.Second
	batch.Sizer = exporterhelper.RequestSizerTypeBytes
	batch.MinSize = 16 << 20
	queue.Batch = configoptional.Some(batch)
	retry := configretry.NewDefaultBackOffConfig()
	retry.InitialInterval = time.Second
	retry.MaxElapsedTime = 0
	return &Config{
		Path:         "./spanloop-data",
		Content:      redact.ModeFull,
		Include:      dataset.IncludeGenAI,
		Compression:  dataset.CodecZstd,
		MaxSpanBytes: dataset.DefaultMaxSpanBytes,
		Compaction:   configoptional.Some(defaultCompaction),
		Queue:        configoptional.Some(queue),
		Retry:        retry,
	}
}

// Validate checks the configuration; each error names its key.
func (c *Config) Validate() error {
	var problems []error
	oneOf := func(key, value string, allowed ...string) {
		if !slices.Contains(allowed, value) {
			problems = append(problems, fmt.Errorf("%s: %q is not one of %s", key, value, strings.Join(allowed, ", ")))
		}
	}
	if err := dataset.CheckPath(c.Path); err != nil {
		problems = append(problems, fmt.Errorf("path: %w", err))
	}
	oneOf("content", c.Content, redact.ModeFull, redact.ModeRedacted, redact.ModeHashes)
	if c.Content == redact.ModeRedacted || c.Content == redact.ModeHashes {
		if _, err := c.redactor(); err != nil {
			problems = append(problems, err)
		}
	}
	oneOf("include", c.Include, dataset.IncludeGenAI, dataset.IncludeAll)
	oneOf("compression", c.Compression, dataset.CodecZstd, dataset.CodecSnappy, dataset.CodecNone)
	if c.MaxSpanBytes <= 0 {
		problems = append(problems, fmt.Errorf("max_span_bytes: %d is not above zero", c.MaxSpanBytes))
	}
	if queue := c.Queue; queue.HasValue() && queue.Get().Sizer == exporterhelper.RequestSizerTypeBytes && int64(c.MaxSpanBytes) > queue.Get().QueueSize {
		problems = append(problems, fmt.Errorf("max_span_bytes: %d is more than sending_queue.queue_size, %d: such a span would be refused again and again; lower it or raise queue_size", c.MaxSpanBytes, queue.Get().QueueSize))
	}
	if c.MemoryLimitMiB < 0 {
		problems = append(problems, fmt.Errorf("memory_limit_mib: %d is below zero", c.MemoryLimitMiB))
	}
	return errors.Join(problems...)
}
