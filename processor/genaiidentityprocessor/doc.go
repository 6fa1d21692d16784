// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package genaiidentityprocessor stamps GenAI spans with the prompt, tools,
// model and parameters that produced them.
package genaiidentityprocessor
