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
	"unicode/utf8"

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
// the partials it includes, its parameters, its response format and its template
// language unless that is Mustache. It writes the RFC 8785 form directly, with the
// keys in their order.
func contentHash(language string, messages []TemplateMessage, partials []PartialRef, params, format json.RawMessage) (string, error) {
	size := 64 + len(params) + len(format)
	for _, m := range messages {
		size += len(m.Content) + len(m.Content)/16 + 64
	}
	out := append(make([]byte, 0, size), '{')
	if language != formatMustache {
		out = append(appendString(append(out, `"format":`...), language), ',')
	}
	out = append(out, `"messages":[`...)
	for i, m := range messages {
		if i > 0 {
			out = append(out, ',')
		}
		if m.Placeholder != "" {
			out = append(appendString(append(out, `{"placeholder":`...), m.Placeholder), '}')
			continue
		}
		out = appendString(append(out, `{"content":`...), m.Content)
		out = appendString(append(out, `,"role":`...), m.Role)
		out = append(out, '}')
	}
	out = append(out, ']')
	out, err := appendMember(out, "params", params)
	if err != nil {
		return "", err
	}
	out = appendPartials(out, partials)
	if out, err = appendMember(out, "response_format", format); err != nil {
		return "", err
	}
	return hashBytes(append(out, '}')), nil
}

// partialContentHash is the identity of a version of a partial.
func partialContentHash(language, content string, partials []PartialRef) string {
	out := appendString([]byte(`{"content":`), content)
	if language != formatMustache {
		out = appendString(append(out, `,"format":`...), language)
	}
	return hashBytes(append(appendPartials(out, partials), '}'))
}

func appendMember(out []byte, name string, value json.RawMessage) ([]byte, error) {
	if len(value) == 0 {
		return out, nil
	}
	canonical, err := CanonicalJSON(value)
	if err != nil {
		return nil, err
	}
	return append(append(out, `,"`+name+`":`...), canonical...), nil
}

// appendPartials names each partial with its hash, once.
func appendPartials(out []byte, refs []PartialRef) []byte {
	for i, ref := range refs {
		switch {
		case i == 0:
			out = append(out, `,"partials":[`...)
		case refs[i-1].Name == ref.Name && refs[i-1].Hash == ref.Hash:
			continue
		default:
			out = append(out, ',')
		}
		out = appendString(append(out, `{"hash":`...), ref.Hash)
		out = append(appendString(append(out, `,"name":`...), ref.Name), '}')
	}
	if len(refs) > 0 {
		out = append(out, ']')
	}
	return out
}

// appendString writes a string as RFC 8785 does: nothing is escaped that need
// not be.
func appendString(out []byte, s string) []byte {
	out = append(out, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out = append(out, '\\', byte(r))
		case r >= ' ':
			out = utf8.AppendRune(out, r)
		case r == '\b':
			out = append(out, `\b`...)
		case r == '\t':
			out = append(out, `\t`...)
		case r == '\n':
			out = append(out, `\n`...)
		case r == '\f':
			out = append(out, `\f`...)
		case r == '\r':
			out = append(out, `\r`...)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return append(out, '"')
}
