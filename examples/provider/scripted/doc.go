// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package scripted is a model provider without a model. It speaks the OpenAI
// chat completions API and the Anthropic Messages API, and answers by a policy:
// fixed rules that read the system text, the conversation and the tool
// definitions of each request, plus seeded noise. Because the rules read the
// prompt, a changed prompt changes the behaviour, as with a real model, but the
// size of every effect is known in advance.
//
// The policy is that of a support assistant for an online shop. Its rules are
// listed in examples/README.md.
package scripted
