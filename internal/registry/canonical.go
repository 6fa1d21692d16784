// Copyright The Spanloop Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/gowebpki/jcs"
)

// HashPrefix begins every content hash.
const HashPrefix = "sha256:"

// CanonicalJSON returns the RFC 8785 form of a JSON text. A number that does
// not survive as an IEEE 754 double is written as the string
// "number:<source text>", as RFC 8785 appendix D advises, so that two large
// numbers are never taken for one.
func CanonicalJSON(text []byte) ([]byte, error) {
	kept, err := keepNumbers(text)
	if err != nil {
		return nil, err
	}
	out, err := jcs.Transform(kept)
	if err != nil {
		return nil, fmt.Errorf("canonical JSON: %w", err)
	}
	return out, nil
}

// HashJSON is sha256: and the hex digest over the RFC 8785 form of a JSON text.
func HashJSON(text []byte) (string, error) {
	out, err := CanonicalJSON(text)
	if err != nil {
		return "", err
	}
	return hashBytes(out), nil
}

func hashBytes(b []byte) string {
	sum := sha256.Sum256(b)
	return HashPrefix + hex.EncodeToString(sum[:])
}

// ShortHash is the first 12 hex digits of a content hash.
func ShortHash(hash string) string {
	hash = strings.TrimPrefix(hash, HashPrefix)
	return hash[:min(12, len(hash))]
}

// keepNumbers replaces the numbers that lose digits as doubles. Most texts hold
// none and are returned as they are.
func keepNumbers(text []byte) ([]byte, error) {
	if !json.Valid(text) {
		return nil, fmt.Errorf("canonical JSON: not valid JSON")
	}
	var out []byte
	copied := 0
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c == '"':
			i = skipString(text, i)
		case c == '-' || (c >= '0' && c <= '9'):
			end := i + 1
			for end < len(text) && strings.IndexByte("0123456789+-.eE", text[end]) >= 0 {
				end++
			}
			if literal := string(text[i:end]); losesDigits(literal) {
				out = append(out, text[copied:i]...)
				out = strconv.AppendQuote(out, "number:"+literal)
				copied = end
			}
			i = end
		default:
			i++
		}
	}
	if out == nil {
		return text, nil
	}
	return append(out, text[copied:]...), nil
}

func skipString(text []byte, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return i
}

// losesDigits reports whether a JSON number is another number after it went
// through a double. Fractions are only compared to 17 significant digits: 0.1
// is no exact double and yet comes back as 0.1.
func losesDigits(literal string) bool {
	if len(literal) <= 15 && !strings.ContainsAny(literal, "eE") {
		return false
	}
	f, err := strconv.ParseFloat(literal, 64)
	if err != nil {
		return true
	}
	if len(literal) > 400 {
		return true
	}
	if _, exponent, found := strings.Cut(strings.ToLower(literal), "e"); found && len(exponent) > 5 {
		return true
	}
	back, ok := new(big.Rat).SetString(strconv.FormatFloat(f, 'g', -1, 64))
	given, ok2 := new(big.Rat).SetString(literal)
	return !ok || !ok2 || back.Cmp(given) != 0
}

// marshal encodes v without HTML escaping; v holds nothing that cannot be
// encoded.
func marshal(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("registry: encoding %T: %v", v, err))
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// contentHash is the identity of a prompt version: its messages, the hashes of
// the partials it includes, its parameters and its response format.
func contentHash(messages []TemplateMessage, partials []PartialRef, params, format json.RawMessage) (string, error) {
	type message struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	content := struct {
		Messages       []message       `json:"messages"`
		Partials       []partialHash   `json:"partials,omitempty"`
		Params         json.RawMessage `json:"params,omitempty"`
		ResponseFormat json.RawMessage `json:"response_format,omitempty"`
	}{Partials: partialHashes(partials), Params: params, ResponseFormat: format}
	for _, m := range messages {
		content.Messages = append(content.Messages, message(m))
	}
	return HashJSON(marshal(content))
}

type partialHash struct {
	Name string `json:"name"`
	Hash string `json:"hash"`
}

func partialHashes(refs []PartialRef) []partialHash {
	var out []partialHash
	for _, ref := range refs {
		h := partialHash{ref.Name, ref.Hash}
		if k := len(out) - 1; k < 0 || out[k] != h {
			out = append(out, h)
		}
	}
	return out
}

func partialContentHash(content string, partials []PartialRef) (string, error) {
	return HashJSON(marshal(struct {
		Content  string        `json:"content"`
		Partials []partialHash `json:"partials,omitempty"`
	}{content, partialHashes(partials)}))
}
