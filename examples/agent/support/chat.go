// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package support

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Client calls the chat completions API of a provider.
type Client struct {
	// BaseURL ends before /chat/completions.
	BaseURL string
	// Key is sent as bearer token when it is set.
	Key  string
	HTTP *http.Client
}

// BaseURL completes the address of a provider: without a path it gets /v1, as
// the libraries of the API expect it. Plain http is refused beyond this machine
// when a key would be sent over it.
func BaseURL(address, key string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("provider address: %w", err)
	}
	if u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fmt.Errorf("provider address %q: expected http://host:port or https://host", address)
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if key != "" && u.Scheme == "http" && !local {
		return "", fmt.Errorf("provider address %q: an API key is only sent over https", address)
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/v1"
	}
	return strings.TrimSuffix(u.String(), "/"), nil
}

// chatRequest is the request body; its members are sent in this order.
type chatRequest struct {
	Model       string            `json:"model"`
	Messages    []chatMessage     `json:"messages"`
	Tools       []json.RawMessage `json:"tools,omitempty"`
	MaxTokens   json.RawMessage   `json:"max_tokens,omitempty"`
	Temperature json.RawMessage   `json:"temperature,omitempty"`
	// ParallelToolCalls is off: the agent executes one call after the other.
	ParallelToolCalls *bool `json:"parallel_tool_calls,omitempty"`
}

type chatMessage struct {
	Role       string     `json:"role"`
	ToolCallID string     `json:"tool_call_id,omitempty"`
	Content    *string    `json:"content,omitempty"`
	ToolCalls  []chatCall `json:"tool_calls,omitempty"`
}

type chatCall struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

type chatResponse struct {
	ID      string `json:"id"`
	Model   string `json:"model"`
	Choices []struct {
		Message      chatMessage `json:"message"`
		FinishReason string      `json:"finish_reason"`
	} `json:"choices"`
	Usage struct {
		PromptTokens     int64 `json:"prompt_tokens"`
		CompletionTokens int64 `json:"completion_tokens"`
		PromptDetails    struct {
			CachedTokens int64 `json:"cached_tokens"`
		} `json:"prompt_tokens_details"`
		OutputDetails struct {
			ReasoningTokens int64 `json:"reasoning_tokens"`
		} `json:"completion_tokens_details"`
	} `json:"usage"`
	ServiceTier       string `json:"service_tier"`
	SystemFingerprint string `json:"system_fingerprint"`
}

// ProviderError is a failed model call. Type is what goes into error.type: the
// HTTP status, timeout, or unreachable.
type ProviderError struct {
	Type    string
	Message string
}

// Error implements error.
func (e *ProviderError) Error() string { return "provider: " + e.Type + ": " + e.Message }

// Types of ProviderError that are no HTTP status.
const (
	Unreachable = "unreachable"
	Timeout     = "timeout"
	BadResponse = "invalid_response"
)

// maxResponse is the largest response that is read.
const maxResponse = 16 << 20

func (c *Client) complete(ctx context.Context, body []byte) (*chatResponse, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.BaseURL+"/chat/completions", bytes.NewReader(body))
	if err != nil {
		return nil, &ProviderError{BadResponse, err.Error()}
	}
	req.Header.Set("Content-Type", "application/json")
	if c.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.Key)
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			return nil, &ProviderError{Timeout, err.Error()}
		}
		return nil, &ProviderError{Unreachable, err.Error()}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxResponse))
	if err != nil {
		return nil, &ProviderError{BadResponse, err.Error()}
	}
	if resp.StatusCode != http.StatusOK {
		return nil, &ProviderError{strconv.Itoa(resp.StatusCode), errorText(text)}
	}
	out := &chatResponse{}
	if err := json.Unmarshal(text, out); err != nil {
		return nil, &ProviderError{BadResponse, err.Error()}
	}
	if len(out.Choices) == 0 {
		return nil, &ProviderError{BadResponse, "no choices in the response"}
	}
	return out, nil
}

// errorText is the message of an error body, or its beginning.
func errorText(body []byte) string {
	var e struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &e) == nil && e.Error.Message != "" {
		return e.Error.Message
	}
	return strings.ToValidUTF8(string(body[:min(len(body), 200)]), "?")
}
