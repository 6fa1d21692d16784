// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package genaiparquetexporter

import (
	"errors"
	"fmt"
	"time"

	"github.com/spanloop/spanloop/internal/dataset"
)

// CompactionConfig says how small files are merged in the background.
type CompactionConfig struct {
	// Interval is from the end of one run to the next one, a tenth more or less.
	Interval time.Duration `mapstructure:"interval"`
	// MinFiles is how many files of like size a folder must have to be merged.
	MinFiles int `mapstructure:"min_files"`
	// TargetBytes is how large merged files become.
	TargetBytes int64 `mapstructure:"target_bytes"`
	// Grace is how long replaced files stay for who reads them.
	Grace time.Duration `mapstructure:"grace"`
	// Settle is for how long no span of a trace must have ended until rows get what
	// its spans reveal about each other.
	Settle time.Duration `mapstructure:"settle"`
}

// defaultCompaction is measured: docs/decisions/0019-self-compaction.md.
var defaultCompaction = CompactionConfig{
	Interval: 5 * time.Minute, MinFiles: 8, TargetBytes: 8 << 20, Grace: dataset.DefaultGrace, Settle: dataset.DefaultSettle,
}

// leastTarget keeps merged files larger than their footers by far.
const leastTarget = 1 << 20

// Validate checks the section; the keys are named below it.
func (c *CompactionConfig) Validate() error {
	var problems []error
	if c.Interval <= 0 {
		problems = append(problems, fmt.Errorf("interval: %s is not above zero", c.Interval))
	}
	if c.MinFiles < 2 {
		problems = append(problems, fmt.Errorf("min_files: %d is below 2", c.MinFiles))
	}
	if c.TargetBytes < leastTarget {
		problems = append(problems, fmt.Errorf("target_bytes: %d is below %d", c.TargetBytes, leastTarget))
	}
	if c.Grace < 0 {
		problems = append(problems, fmt.Errorf("grace: %s is below zero", c.Grace))
	}
	if c.Settle < 0 {
		problems = append(problems, fmt.Errorf("settle: %s is below zero", c.Settle))
	}
	return errors.Join(problems...)
}
