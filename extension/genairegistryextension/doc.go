// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package genairegistryextension keeps one live prompt registry for all
// components of a collector.
package genairegistryextension
