// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/spanloop/spanloop/internal/wire/jsondoc"
)

// transport are the members of a request that say how the answer travels. They
// are no part of what the model is asked.
var transport = []string{"stream", "stream_options"}

// Hash is the lower-case hex SHA-256 over the canonical JSON (RFC 8785) of a
// request without its transport members: the value of spanloop.request.sha256.
// A request with duplicate members or lone surrogates has none.
func Hash(body *jsondoc.Value) (string, error) {
	canonical, err := withoutTransport(body).Canonical()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:]), nil
}

// withoutTransport returns the body, or a shallow copy without its transport
// members.
func withoutTransport(body *jsondoc.Value) *jsondoc.Value {
	if !body.Is(jsondoc.Object) {
		return body
	}
	out := jsondoc.NewObject()
	for _, m := range body.Members() {
		if !isTransport(m.Name) {
			out.Add(m.Name, m.Value)
		}
	}
	return out
}

func isTransport(name string) bool {
	for _, t := range transport {
		if name == t {
			return true
		}
	}
	return false
}

// hashText reads a recorded hash: 64 hex digits, with or without "sha256:".
func hashText(recorded string) (string, bool) {
	text := strings.ToLower(strings.TrimPrefix(recorded, "sha256:"))
	if len(text) != 2*sha256.Size {
		return "", false
	}
	_, err := hex.DecodeString(text)
	return text, err == nil
}
