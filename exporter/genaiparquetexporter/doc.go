// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package genaiparquetexporter writes GenAI spans, their scores and the prompts
// and tools behind them as per-version Parquet files. What it has accepted
// without a queue, or taken from its queue, is on disk when it says so.
package genaiparquetexporter
