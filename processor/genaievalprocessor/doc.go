// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package genaievalprocessor samples GenAI calls and scores them in line with
// deterministic evaluators. Nothing is held back: a span leaves with its scores
// or without.
package genaievalprocessor
