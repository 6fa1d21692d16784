// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package stats holds the statistics of compare and drift: inference on
// clusters (a session or a trace, never a row), permutation tests within input
// strata, hashed text features, change points and multiple testing.
//
// It is pure: no clock, no global random source, no I/O. Everything random is
// seeded by the caller, normally from a hash of the data (see Seed), so that the
// same data give the same report to the last bit. Formulas and their sources are
// in docs/statistics.md.
package stats
