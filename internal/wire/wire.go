// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

// Package wire speaks to model providers without their SDKs: it captures what a
// request holds beyond the semantic conventions, rebuilds the request from a
// span and proves by a hash that it is the same one, posts it as raw JSON and
// reads the answer, streamed or not (docs/replay.md).
package wire

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spanloop/spanloop/internal/genai"
	"github.com/spanloop/spanloop/internal/wire/jsondoc"
)

// Dialects: the value of spanloop.request.dialect.
const (
	OpenAIChat        = "openai.chat"
	AnthropicMessages = "anthropic.messages"
)

// ErrDialect is returned for a provider API that is not spoken.
var ErrDialect = errors.New("unknown provider API")

// dialect is one provider API.
type dialect struct {
	name string
	// providers are values of gen_ai.provider.name that speak it.
	providers []string
	// path is appended to the endpoint.
	path string
	// params maps members of the request to gen_ai.request.* names.
	params map[string]string
	// capture takes apart what differs between the APIs.
	capture func(body *jsondoc.Value) content
	build   func(b *builder)
	// systemAt is where system text stands: a member, or "" for the history.
	systemAt string
	answer   answerReader
	stream   func() assembler
	errorOf  func(body *jsondoc.Value) *APIError
	headers  func(key string) map[string]string
}

// content is what a request carries in its messages.
type content struct{ system, messages *jsondoc.Value }

var dialects = []*dialect{openAIChat, anthropicMessages}

// Dialects lists the provider APIs that are spoken.
func Dialects() []string {
	names := make([]string, len(dialects))
	for i, d := range dialects {
		names[i] = d.name
	}
	return names
}

func dialectOf(name string) (*dialect, error) {
	for _, d := range dialects {
		if d.name == name {
			return d, nil
		}
	}
	return nil, fmt.Errorf("%w %q; spoken: %s", ErrDialect, name, strings.Join(Dialects(), ", "))
}

// Guess names the provider API that a span's call was most probably made to,
// for spans that do not say. Evidence is what the guess rests on.
func Guess(call *genai.Call) (name, evidence string, err error) {
	switch id := call.ResponseID; {
	case strings.HasPrefix(id, "chatcmpl-"):
		return OpenAIChat, "the response id begins with chatcmpl-", nil
	case strings.HasPrefix(id, "msg_") && !strings.HasPrefix(id, "msg_bdrk_"):
		return AnthropicMessages, "the response id begins with msg_", nil
	case strings.HasPrefix(id, "resp_"):
		return "", "", fmt.Errorf("%w: the response id begins with resp_, the OpenAI Responses API", ErrDialect)
	}
	for _, d := range dialects {
		if slices.Contains(d.providers, call.Provider) {
			return d.name, "the provider is " + call.Provider, nil
		}
	}
	if call.Provider == "" {
		return "", "", fmt.Errorf("%w: the span names no provider", ErrDialect)
	}
	return "", "", fmt.Errorf("%w: provider %q; spoken: %s", ErrDialect, call.Provider, strings.Join(Dialects(), ", "))
}
