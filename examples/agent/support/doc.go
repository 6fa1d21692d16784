// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package support is a small tool-using support assistant, instrumented by hand
// with the OpenTelemetry SDK. It is the example of what an application sends to
// Spanloop: one trace a turn, with spans for the agent, each model call and each
// tool call, in the GenAI semantic conventions.
package support
