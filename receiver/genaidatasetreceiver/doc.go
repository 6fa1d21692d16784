// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package genaidatasetreceiver sends the spans of a dataset into a pipeline
// again, to score, convert or move what was recorded earlier.
package genaidatasetreceiver
